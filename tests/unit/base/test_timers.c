/* Many timers by one event: when each fires, and what may be done meanwhile. */
#include "build_config.h"

#include "base/clock.h"
#include "base/timers.h"
#include "faults.h"
#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define MANY 2000

struct alarm {
	struct timer timer;
	uint64_t fired; /* how often */
	uint64_t again; /* it is set for then when it fires, unless 0 */
};

static struct event_base *base;
static struct timers timers;
static struct alarm alarms[MANY];
static uint64_t last_due, fired;

static struct alarm *alarm_of(struct timer *timer)
{
	return (struct alarm *)(void *)timer;
}

static void on_fire(struct timer *timer)
{
	struct alarm *alarm = alarm_of(timer);

	ck_assert_uint_eq(timer_due(timer), TIMERS_NEVER);
	ck_assert_uint_le(timer->due, clock_ms());
	ck_assert_uint_ge(timer->due, last_due);
	last_due = timer->due;
	alarm->fired++;
	fired++;
	if (alarm->again)
		ck_assert_int_eq(timers_set(&timers, timer, alarm->again), 0);
}

static void setup(void)
{
	base = event_base_new();
	ck_assert_int_eq(timers_init(&timers, base, on_fire), 0);
	memset(alarms, 0, sizeof(alarms));
	last_due = fired = 0;
}

static void teardown(void)
{
	fault_set(FAULT_EVENT_ADD, 0, 0);
	timers_deinit(&timers);
	timers_deinit(&timers);
	event_base_free(base);
}

static void set(unsigned i, uint64_t due)
{
	ck_assert_int_eq(timers_set(&timers, &alarms[i].timer, due), 0);
	ck_assert_uint_eq(timer_due(&alarms[i].timer), due);
}

static bool waits(void)
{
	return event_pending(timers.event, EV_TIMEOUT, NULL);
}

/* Set, moved and stopped at random; on_fire checks the order. */
START_TEST(all_fire_in_order)
{
	uint64_t now = clock_ms(), stopped = 0;

	srandom((unsigned)_i);
	for (unsigned i = 0; i < MANY; i++)
		set(i, now + (uint64_t)random() % 100);
	for (unsigned i = 0; i < MANY; i += 3)
		set(i, now + (uint64_t)random() % 100);
	for (unsigned i = 0; i < MANY; i += 7, stopped++)
		timers_stop(&timers, &alarms[i].timer);
	LOOP_UNTIL(base, fired == MANY - stopped);
	for (unsigned i = 0; i < MANY; i++)
		ck_assert_uint_eq(alarms[i].fired, i % 7 != 0);
	ck_assert(!waits());
}
END_TEST

START_TEST(none_fires_early)
{
	uint64_t began = clock_ms();

	set(0, began + 60000);
	set(1, began + 50);
	LOOP_UNTIL(base, fired == 1);
	ck_assert_uint_eq(alarms[1].fired, 1);
	ck_assert_uint_ge(clock_ms(), began + 50);
	ck_assert_uint_eq(timer_due(&alarms[0].timer), began + 60000);
	ck_assert(waits());
}
END_TEST

/* A timer whose time has passed, whenever it is set, leaves others their turn. */
START_TEST(timer_that_is_always_late_fires_once_in_a_pass)
{
	alarms[0].again = 1;
	set(0, 1);
	for (unsigned passes = 0; passes < 20; passes++) {
		uint64_t before = fired;

		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_le(fired - before, 1);
	}
	LOOP_UNTIL(base, fired >= 3);
}
END_TEST

START_TEST(without_timers_nothing_waits)
{
	ck_assert(!waits());
	set(0, clock_ms() + 60000);
	set(1, clock_ms() + 50000);
	ck_assert(waits());
	timers_stop(&timers, &alarms[1].timer);
	timers_stop(&timers, &alarms[1].timer);
	timers_stop(&timers, &alarms[0].timer);
	ck_assert(!waits());
	set(0, clock_ms() + 10); /* and it works again */
	LOOP_UNTIL(base, fired == 1);
}
END_TEST

/* What is set after that may be due later than what was stopped. */
START_TEST(stopping_the_only_one_leaves_no_trace)
{
	set(0, clock_ms() + 10);
	timers_stop(&timers, &alarms[0].timer);
	set(1, clock_ms() + 50);
	ck_assert(waits());
	LOOP_UNTIL(base, fired == 1);
}
END_TEST

/* When the first one is stopped, the event may fire for nothing; those that are left are not forgotten. */
START_TEST(stopping_the_first_leaves_the_others)
{
	set(0, clock_ms() + 10);
	set(1, clock_ms() + 60);
	timers_stop(&timers, &alarms[0].timer);
	LOOP_UNTIL(base, fired == 1);
	ck_assert_uint_eq(alarms[1].fired, 1);
	ck_assert_uint_eq(alarms[0].fired, 0);
}
END_TEST

/* Those that are set are not touched. */
START_TEST(without_memory_a_timer_is_not_set)
{
	static const enum fault missing[] = {FAULT_MEMORY, FAULT_EVENT_ADD};
	unsigned before;
	int error;

	for (before = 0; before < timers.room; before++)
		set(before, clock_ms() + 100);
	fault_set(missing[_i], 1, ENOMEM);
	error = timers_set(&timers, &alarms[before].timer, clock_ms() + 10);
	ck_assert_int_eq(error, -ENOMEM);
	ck_assert_uint_eq(timer_due(&alarms[before].timer), TIMERS_NEVER);
	ck_assert_uint_eq(timers.count, before);
	set(before, clock_ms() + 10);
	LOOP_UNTIL(base, fired == before + 1);
}
END_TEST

/* A pair that needs its first timer when memory has run out must not be forgotten. */
START_TEST(first_timers_need_no_memory)
{
	uint64_t soon = clock_ms() + 10;
	int error = 0;

	fault_set_lasting(FAULT_MEMORY, ENOMEM);
	for (unsigned i = 0; i < 64; i++)
		error = error ? error : timers_set(&timers, &alarms[i].timer, soon);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_int_eq(error, 0);
	LOOP_UNTIL(base, fired == 64);
}
END_TEST

/* _i: which does not come to be. */
START_TEST(timers_without_memory_are_refused)
{
	static const enum fault missing[] = {FAULT_EVENT_NEW, FAULT_EVENT_ADD, FAULT_MEMORY};
	struct timers other;

	fault_set(missing[_i], 1, ENOMEM);
	ck_assert_int_eq(timers_init(&other, base, on_fire), -ENOMEM);
	timers_deinit(&other);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("timers");
	TCase *tcase = tcase_create("timers");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, all_fire_in_order, 0, 3);
	tcase_add_test(tcase, none_fires_early);
	tcase_add_test(tcase, timer_that_is_always_late_fires_once_in_a_pass);
	tcase_add_test(tcase, without_timers_nothing_waits);
	tcase_add_test(tcase, stopping_the_only_one_leaves_no_trace);
	tcase_add_test(tcase, stopping_the_first_leaves_the_others);
	tcase_add_loop_test(tcase, without_memory_a_timer_is_not_set, 0, 2);
	tcase_add_test(tcase, first_timers_need_no_memory);
	tcase_add_loop_test(tcase, timers_without_memory_are_refused, 0, 3);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
