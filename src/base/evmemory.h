/* Where libevent's memory comes from. */
#ifndef WEIR_EVMEMORY_H
#define WEIR_EVMEMORY_H

struct pool;

/*
 * From now on, libevent's allocations of exactly the size of this pool's units come from the pool, or from
 * malloc(3) when it has nothing left. With NULL, all come from malloc(3) again; nothing of the pool may be in
 * use then. Call while there is only one thread. The pool must stay where it is.
 */
void evmemory_use(struct pool *chains);

#endif
