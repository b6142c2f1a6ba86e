/* A limit that threads share: on all pairs, on the pairs of one relay, or on pipes. */
#ifndef WEIR_SLOTS_H
#define WEIR_SLOTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct slots {
	uint64_t max; /* 0 = no limit */
	_Atomic uint64_t used;
	_Atomic uint64_t waiting; /* a bit for each worker that waits: its number modulo SLOTS_BITS */
};

#define SLOTS_BITS 64

static inline void slots_init(struct slots *slots, uint64_t max)
{
	slots->max = max;
	atomic_init(&slots->used, 0);
	atomic_init(&slots->waiting, 0);
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

static inline bool slots_full(struct slots *slots)
{
	return slots->max > 0 && atomic_load_explicit(&slots->used, memory_order_relaxed) >= slots->max;
}

static inline uint64_t slots_used(struct slots *slots)
{
	return atomic_load_explicit(&slots->used, memory_order_relaxed);
}

/* A worker found no free slot and wants to hear when there is one. */
static inline void slots_wait(struct slots *slots, unsigned worker)
{
	atomic_fetch_or(&slots->waiting, UINT64_C(1) << worker % SLOTS_BITS);
}

/*
 * Picks the next worker that waits. The search starts after the worker that freed the slot, so that the same
 * one does not always win. Returns the worker's bit, which is cleared, or -1 if none waits.
 */
static inline int slots_next_waiter(struct slots *slots, unsigned after)
{
	for (unsigned i = 1; i <= SLOTS_BITS && atomic_load_explicit(&slots->waiting, memory_order_relaxed);
	     i++) {
		unsigned bit = (after + i) % SLOTS_BITS;
		uint64_t mask = UINT64_C(1) << bit;

		if (atomic_fetch_and(&slots->waiting, ~mask) & mask)
			return (int)bit;
	}
	return -1;
}

#endif
