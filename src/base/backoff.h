/* Growing waits: something that keeps failing is tried less and less often. Not thread-safe. */
#ifndef WEIR_BACKOFF_H
#define WEIR_BACKOFF_H

#include "base/number.h"

#include <stdint.h>

struct backoff {
	uint64_t wait; /* milliseconds until the next try */
};

static inline void backoff_reset(struct backoff *backoff, uint64_t min)
{
	backoff->wait = min;
}

/* Doubles the wait, up to max. Returns the wait before that. */
static inline uint64_t backoff_next(struct backoff *backoff, uint64_t max)
{
	uint64_t wait = backoff->wait;

	backoff->wait = min_u64(2 * wait, max);
	return wait;
}

#endif
