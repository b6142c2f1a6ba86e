/*
 * A counted limit that threads share: how many pairs there may be, over all or of one relay.
 */
#ifndef WEIR_SLOTS_H
#define WEIR_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct slots {
	uint64_t max; /* 0 = no limit */
	_Atomic uint64_t used;
};

static inline void slots_init(struct slots *slots, uint64_t max)
{
	slots->max = max;
	atomic_init(&slots->used, 0);
}

static inline bool slots_take(struct slots *slots)
{
	uint64_t used = atomic_fetch_add_explicit(&slots->used, 1, memory_order_relaxed);

	if (slots->max == 0 || used < slots->max)
		return true;
	atomic_fetch_sub_explicit(&slots->used, 1, memory_order_relaxed);
	return false;
}

static inline void slots_give(struct slots *slots)
{
	atomic_fetch_sub_explicit(&slots->used, 1, memory_order_relaxed);
}

static inline uint64_t slots_used(struct slots *slots)
{
	return atomic_load_explicit(&slots->used, memory_order_relaxed);
}

#endif
