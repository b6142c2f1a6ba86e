/* Work that nobody waits for, between whose pieces other threads may have the CPU. Not thread-safe. */
#ifndef WEIR_GIVE_WAY_H
#define WEIR_GIVE_WAY_H

#include "base/clock.h"

#include <sched.h>
#include <stdint.h>

/*
 * Microseconds for which one piece of work gives way in all. Where other programs keep every CPU busy, each
 * time takes a slice of each of them, and the work would never end.
 */
#define GIVE_WAY_MAX_US 10000

struct give_way {
	uint64_t waited; /* microseconds */
};

/*
 * To a thread on the same CPU, which would have to wait for the end of our slice, for some 3 ms. Costs next
 * to nothing if there is none.
 */
static inline void give_way(struct give_way *way)
{
	uint64_t begin;

	if (way->waited >= GIVE_WAY_MAX_US)
		return;
	begin = clock_us();
	(void)sched_yield();
	way->waited += clock_us() - begin;
}

#endif
