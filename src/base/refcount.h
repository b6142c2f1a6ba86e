/* How many hold an object that threads share. The last to put it frees it. */
#ifndef WEIR_REFCOUNT_H
#define WEIR_REFCOUNT_H

#include <stdatomic.h>
#include <stdbool.h>

struct refcount {
	_Atomic unsigned count;
};

/* With one holder. */
static inline void refcount_init(struct refcount *references)
{
	atomic_init(&references->count, 1);
}

static inline void refcount_get(struct refcount *references)
{
	atomic_fetch_add_explicit(&references->count, 1, memory_order_relaxed);
}

/* True if that was the last; all earlier writes of other holders are visible then. */
static inline bool refcount_put(struct refcount *references)
{
	return atomic_fetch_sub_explicit(&references->count, 1, memory_order_acq_rel) == 1;
}

#endif
