#include "build_config.h"

#include "base/timers.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/number.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define ROOM_MIN 64

/* ---- the heap: the timer at i is due no later than those at 2i + 1 and 2i + 2 ---- */

/* What is due when is in the heap itself: to look at each timer on the way would mostly miss the cache. */
struct timer_slot {
	uint64_t due;
	struct timer *timer;
};

static void put_at(struct timers *timers, uint32_t i, struct timer_slot slot)
{
	timers->heap[i] = slot;
	slot.timer->place = i + 1;
}

static void move_up(struct timers *timers, uint32_t i, struct timer_slot slot)
{
	for (; i > 0 && slot.due < timers->heap[(i - 1) / 2].due; i = (i - 1) / 2)
		put_at(timers, i, timers->heap[(i - 1) / 2]);
	put_at(timers, i, slot);
}

/* Of the two below i, the one that is due first. There is at least one, which is at left. */
static uint32_t first_below(const struct timers *timers, uint32_t left)
{
	uint32_t right = left + 1;

	return right < timers->count && timers->heap[right].due < timers->heap[left].due ? right : left;
}

static void move_down(struct timers *timers, uint32_t i, struct timer_slot slot)
{
	while (i < timers->count / 2) {
		uint32_t below = first_below(timers, 2 * i + 1);

		if (timers->heap[below].due >= slot.due)
			break;
		put_at(timers, i, timers->heap[below]);
		i = below;
	}
	put_at(timers, i, slot);
}

/* Puts the timer where it belongs, starting at i. */
static void settle(struct timers *timers, uint32_t i, struct timer *timer)
{
	struct timer_slot slot = {.due = timer->due, .timer = timer};

	if (i > 0 && slot.due < timers->heap[(i - 1) / 2].due)
		move_up(timers, i, slot);
	else
		move_down(timers, i, slot);
}

static int make_room(struct timers *timers)
{
	uint32_t room = timers->room ? 2 * timers->room : ROOM_MIN;
	struct timer_slot *heap;

	if (timers->count < timers->room)
		return 0;
	heap = reallocarray(timers->heap, room, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	timers->heap = heap;
	timers->room = room;
	return 0;
}

/* ---- the event ---- */

/* Stopping or delaying a timer does not move the event, which may then fire once for nothing. */
static int arm(struct timers *timers)
{
	uint64_t due = timers->count > 0 ? timers->heap[0].due : TIMERS_NEVER, now;
	struct timeval left;

	if (due >= timers->armed)
		return 0;
	now = clock_ms();
	left = clock_timeval(due > now ? due - now : 0);
	if (event_add(timers->event, &left) < 0)
		return -ENOMEM;
	timers->armed = due;
	return 0;
}

/* Timers that are set meanwhile are due later than now, so this ends. */
EVENT_CALLBACK(on_due, struct timers, timers)
{
	timers->fired = clock_ms();
	timers->armed = 0;
	while (timers->count > 0 && timers->heap[0].due <= timers->fired) {
		struct timer *timer = timers->heap[0].timer;

		timers_stop(timers, timer);
		timers->fire(timer);
	}
	timers->armed = TIMERS_NEVER;
	(void)arm(timers); /* libevent has kept the place of the event, so there is memory for it */
}

int timers_set(struct timers *timers, struct timer *timer, uint64_t due)
{
	int error = timer->place ? 0 : make_room(timers);

	if (error)
		return error;
	timer->due = max_u64(due, timers->fired + 1);
	settle(timers, timer->place ? timer->place - 1 : timers->count++, timer);
	error = arm(timers);
	if (error)
		timers_stop(timers, timer);
	return error;
}

void timers_stop(struct timers *timers, struct timer *timer)
{
	uint32_t place = timer->place;
	struct timer *last;

	if (place == 0)
		return;
	timer->place = 0;
	last = timers->heap[--timers->count].timer;
	if (last != timer)
		settle(timers, place - 1, last);
	if (timers->count == 0 && timers->armed > 0) {
		event_del(timers->event);
		timers->armed = TIMERS_NEVER;
	}
}

/* What the first timers need is had now, so that they can be set when memory has run out. */
int timers_init(struct timers *timers, struct event_base *base, void (*fire)(struct timer *timer))
{
	int error;

	*timers = (struct timers){.fire = fire, .armed = TIMERS_NEVER};
	timers->event = event_new(base, -1, 0, on_due, timers);
	error = evloop_reserve_timer(timers->event);
	return error ? error : make_room(timers);
}

void timers_deinit(struct timers *timers)
{
	evloop_free_event(timers->event);
	free(timers->heap);
	*timers = (struct timers){.fire = NULL};
}
