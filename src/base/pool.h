/*
 * Units of memory of one size for all threads, from one range of addresses. Any thread may use a unit next,
 * whichever used it first. So a pool never has more units resident than were once in use at the same time. An
 * allocator with an arena for each thread has no such bound.
 *
 * More addresses are reserved than there are units, so that a pool can be extended while threads use it. They
 * cost nothing: there is no memory behind them, and the system does not count them as promised.
 *
 * Free units are spare while they are resident. A pool tells its owner when it has many of them. The owner
 * then gives back to the system those that were not needed for a while. No lock is held for any of this.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pool {
	/*
	 * Called once when spare units pile up, by whoever gave the last one. Not called again until
	 * pool_rest.
	 */
	void (*piled)(void *arg);
	void *arg;
	/* private */
	unsigned char *units;   /* NULL: there is no pool, and it gives nothing */
	_Atomic uint32_t *next; /* of each unit: what is below it on its stack */
	void *range;            /* all that is mapped, and its bytes */
	size_t range_size;
	size_t unit;            /* bytes */
	uint32_t most, keep;    /* units that there are addresses for; spare units that are kept */
	_Atomic uint32_t count; /* units that may be used */
	_Atomic uint64_t spare,
	        gone;            /* stacks of free units: those that are resident, and those given back */
	_Atomic uint32_t fresh;  /* units from this one on were never used */
	_Atomic uint32_t spares; /* how many are spare, and the least of that since the last look */
	_Atomic uint32_t least;
	_Atomic bool told;
};

/*
 * At least bytes of memory in units of unit bytes, a power of two. A unit is aligned to its size. Units that
 * are smaller than a page cannot be given back, so the owner never looks at such a pool. Addresses for most
 * bytes, at least as many, are reserved, or for as few as bytes if there are no more; memory is used only as
 * units are. Up to keep bytes of spare units are never given back. Returns 0 or -errno. After an error the
 * pool has no units.
 */
int pool_init(struct pool *pool, size_t unit, uint64_t bytes, uint64_t most, size_t keep);
/*
 * From now on there are at least bytes of memory, if there were fewer. One thread at a time, while others use
 * the pool. 0 or -errno: -ENOMEM if there are no addresses for them. It never gets smaller. Units that are
 * not used any more are given back as always.
 */
int pool_extend(struct pool *pool, uint64_t bytes);
/* Also takes a zeroed pool. */
void pool_deinit(struct pool *pool);

/* Any thread. A unit with any content, or NULL when there is none. */
void *pool_get(struct pool *pool);
void pool_put(struct pool *pool, void *unit);
/* True if this is in one of the pool's units. */
bool pool_owns(const struct pool *pool, const void *address);

/*
 * For one thread at a time, like the next two. Gives back some spare units that were not needed since the
 * last look. True if there are more of them.
 */
bool pool_give_back(struct pool *pool);
/* Begins to watch which spare units are needed. True if there are more of them than are kept. */
bool pool_look(struct pool *pool);
/* No more looks for now. From here on, piled may be called again. */
void pool_rest(struct pool *pool);

#endif
