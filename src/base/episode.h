/*
 * One log line for an episode of trouble, however often it is met: one when it begins and one when it is
 * over. Any thread.
 */
#ifndef WEIR_EPISODE_H
#define WEIR_EPISODE_H

#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Zeroed at first. */
struct episode {
	_Atomic bool told;       /* a line said that it has begun, and none that it is over */
	_Atomic uint64_t logged; /* clock_ms of the last line that said so */
};

/*
 * The trouble is there. True if the caller must say so now. If the last line is less than interval_ms old
 * that is put off to the next time that the trouble is met, so a lasting episode is always told.
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

/* The trouble is over. True if a line had told of it: the caller must say so now. */
static inline bool episode_end(struct episode *episode)
{
	return atomic_load_explicit(&episode->told, memory_order_relaxed) &&
	       atomic_exchange(&episode->told, false);
}

#endif
