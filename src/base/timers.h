/*
 * Many timers that share one of libevent's. That one takes 128 bytes; each of these takes 16 and a place in
 * an array. They belong to one thread.
 */
#ifndef WEIR_TIMERS_H
#define WEIR_TIMERS_H

#include <stdint.h>

struct event;
struct event_base;

#define TIMERS_NEVER UINT64_MAX /* clock_ms */

/* Zeroed, it is not set. */
struct timer {
	uint64_t due;   /* clock_ms at which it fires, while it is set */
	uint32_t place; /* 1 + its place in the heap, or 0: not set */
};

struct timers {
	void (*fire)(struct timer *timer); /* it is no longer set, and may be set again or freed */
	/* private */
	struct timer_slot *heap; /* see timers.c */
	uint32_t count, room;
	struct event *event; /* for the first of them */
	uint64_t armed;      /* clock_ms at which the event fires, or TIMERS_NEVER; 0 while timers fire */
	uint64_t fired;      /* clock_ms at which it last did */
};

/* 0 or -ENOMEM; timers_deinit in any case. */
int timers_init(struct timers *timers, struct event_base *base, void (*fire)(struct timer *timer));
/* No timer may be set any more. Also takes a zeroed struct. */
void timers_deinit(struct timers *timers);

/* When the timer fires, or TIMERS_NEVER if it is not set. */
static inline uint64_t timer_due(const struct timer *timer)
{
	return timer->place ? timer->due : TIMERS_NEVER;
}

/*
 * The timer fires at due (clock_ms), or at once if that has passed, but in this pass of the event loop no
 * more than once. It may be set already. 0, or -ENOMEM: it is not set then.
 */
int timers_set(struct timers *timers, struct timer *timer, uint64_t due);
/* Also takes a timer that is not set. */
void timers_stop(struct timers *timers, struct timer *timer);

#endif
