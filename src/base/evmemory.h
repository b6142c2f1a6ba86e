/* Where libevent's memory comes from. */
#ifndef WEIR_EVMEMORY_H
#define WEIR_EVMEMORY_H

/*
 * libevent keeps a record of each descriptor that a base has ever watched, until the base is freed. This is
 * as large as the largest of them.
 */
#define EVMEMORY_RECORD_SIZE 32

struct pool;

/*
 * From now on, libevent's allocations of exactly the size of a unit of chains come from that pool, and those
 * of at most EVMEMORY_RECORD_SIZE from records, which has units of that size. Otherwise records, which stay,
 * would lie between what pairs allocate for a while, and malloc(3) could not give back those pages. What
 * pools have nothing left for comes from malloc(3). Without a pool (NULL) all does, as before; nothing of it
 * may be in use when that changes. Call while there is only one thread. Pools must stay where they are.
 */
void evmemory_use(struct pool *chains, struct pool *records);
/*
 * Gives back the free end of the heap that malloc(3) has for this thread, but a little. malloc_trim(3) does
 * so for the main thread's only.
 */
void evmemory_tidy(void);

#endif
