/*
 * Two log lines for an episode of trouble, however often it is met: one when it begins, one when it is over.
 * Any thread.
 */
#ifndef WEIR_EPISODE_H
#define WEIR_EPISODE_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* For most: a line that says that trouble has begun comes at most this often. */
#define EPISODE_INTERVAL_MS 10000

/* Must start zeroed. */
struct episode {
	_Atomic bool told;       /* a line said that it has begun, and no line yet that it is over */
	_Atomic uint64_t logged; /* clock_ms() of the last line that said that it has begun */
};

/*
 * Call whenever the trouble is met. True if the caller must log it now. If the last such line is less than
 * interval_ms old, the line waits until the trouble is met again. An episode that lasts is therefore always
 * reported.
 */
static inline bool episode_begin(struct episode *episode, uint64_t interval_ms)
{
	uint64_t now, last;

	if (episode->told)
		return false;
	now = clock_ms();
	last = episode->logged;
	if (last && now - last < interval_ms)
		return false;
	return atomic_compare_exchange_strong(&episode->logged, &last, now) &&
	       !atomic_exchange(&episode->told, true);
}

/* The trouble is over. True if a line reported it: the caller must log the end now. */
static inline bool episode_end(struct episode *episode)
{
	return atomic_load_explicit(&episode->told, memory_order_relaxed) &&
	       atomic_exchange(&episode->told, false);
}

#endif
