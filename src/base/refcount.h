/* Counts the holders of an object that threads share. The last one to put it frees it. */
#ifndef WEIR_REFCOUNT_H
#define WEIR_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

struct refcount {
	_Atomic unsigned count;
};

/* Starts with one holder. */
static inline void refcount_init(struct refcount *references)
{
	atomic_init(&references->count, 1);
}

static inline void refcount_get(struct refcount *references)
{
	atomic_fetch_add_explicit(&references->count, 1, memory_order_relaxed);
}

/* True if that was the last holder. All earlier writes of the other holders are visible then. */
static inline bool refcount_put(struct refcount *references)
{
	return atomic_fetch_sub_explicit(&references->count, 1, memory_order_acq_rel) == 1;
}

#endif
