/* Where libevent's memory comes from. */
#ifndef WEIR_EVMEMORY_H
#define WEIR_EVMEMORY_H

struct pool;

/*
 * From now on whatever libevent allocates in exactly the size of this pool's units comes from it, and from
 * malloc(3) when it has nothing left. NULL: all comes from malloc(3) again; nothing of the pool may be in
 * use then. Call while there is one thread. The pool must stay where it is.
 */
void evmemory_use(struct pool *chains);

#endif
