#include "build_config.h"

#include "base/clock.h"
#include "base/slots.h"
#include "unit.h"

#include <sched.h>
#include <stddef.h>
#include <string.h>

#define WAITERS 3
#define THREADS 4
#define TURNS   20000
#define MOST_MS 10000 /* for them: each costs a moment of everybody else on a busy machine */

/* A waiter, and how often it was told. */
struct waiting {
	struct slots_waiter waiter;
	_Atomic unsigned told;
};

static struct slots slots;
static struct waiting waiting[WAITERS];

static void count(struct slots_waiter *waiter)
{
	((struct waiting *)((char *)waiter - offsetof(struct waiting, waiter)))->told++;
}

static void setup(void)
{
	slots_init(&slots, 1);
	memset(waiting, 0, sizeof(waiting));
	for (int i = 0; i < WAITERS; i++)
		waiting[i].waiter.tell = count;
}

static void teardown(void)
{
	slots_deinit(&slots);
}

static void wait_all(void)
{
	for (int i = 0; i < WAITERS; i++)
		slots_wait(&slots, &waiting[i].waiter);
}

static void assert_told(unsigned first, unsigned second, unsigned third)
{
	ck_assert_uint_eq(waiting[0].told, first);
	ck_assert_uint_eq(waiting[1].told, second);
	ck_assert_uint_eq(waiting[2].told, third);
}

START_TEST(no_more_than_max_are_given)
{
	slots.max = 2;
	ck_assert(slots_take(&slots));
	ck_assert(!slots_full(&slots));
	ck_assert(slots_take(&slots));
	ck_assert(slots_full(&slots));
	ck_assert(!slots_take(&slots));
	ck_assert_uint_eq(slots_used(&slots), 2);
	slots_give(&slots);
	ck_assert(slots_take(&slots));
}
END_TEST

START_TEST(zero_is_no_limit)
{
	slots.max = 0;
	for (int i = 0; i < 1000; i++)
		ck_assert(slots_take(&slots));
	ck_assert(!slots_full(&slots));
}
END_TEST

START_TEST(waiters_are_told_in_turn)
{
	ck_assert(slots_take(&slots));
	wait_all();
	assert_told(0, 0, 0);
	slots_give(&slots);
	assert_told(1, 0, 0);
	ck_assert(!slots_awaited(&waiting[0].waiter));
	ck_assert(slots_awaited(&waiting[1].waiter));
	ck_assert(slots_take(&slots));
	slots_wait(&slots, &waiting[0].waiter); /* now it is the last */
	slots_give(&slots);
	assert_told(1, 1, 0);
	ck_assert(slots_take(&slots));
	slots_give(&slots);
	assert_told(1, 1, 1);
	ck_assert(slots_take(&slots));
	slots_give(&slots);
	assert_told(2, 1, 1);
}
END_TEST

/* The slot was given back between the attempt to take it and this. */
START_TEST(who_waits_for_a_free_slot_is_told_at_once)
{
	slots_wait(&slots, &waiting[0].waiter);
	assert_told(1, 0, 0);
	ck_assert(!slots_awaited(&waiting[0].waiter));
}
END_TEST

START_TEST(who_does_not_need_it_passes_it_on)
{
	ck_assert(slots_take(&slots));
	wait_all();
	slots_give(&slots);
	slots_pass(&slots);
	assert_told(1, 1, 0);
	ck_assert(slots_take(&slots));
	slots_pass(&slots); /* none is free */
	assert_told(1, 1, 0);
}
END_TEST

START_TEST(who_forgets_it_is_not_told)
{
	ck_assert(slots_take(&slots));
	wait_all();
	slots_forget(&slots, &waiting[0].waiter);
	ck_assert(!slots_awaited(&waiting[0].waiter));
	slots_give(&slots);
	assert_told(0, 1, 0);
	slots_forget(&slots, &waiting[1].waiter); /* was told, so the next is */
	assert_told(0, 1, 1);
}
END_TEST

START_TEST(raised_limit_tells_as_many_as_there_are_slots)
{
	ck_assert(slots_take(&slots));
	wait_all();
	slots_set_max(&slots, 3);
	assert_told(1, 1, 0);
	ck_assert(slots_take(&slots));
	slots_pass(&slots); /* the second does not need its slot */
	assert_told(1, 1, 1);
}
END_TEST

START_TEST(no_limit_any_more_tells_all)
{
	ck_assert(slots_take(&slots));
	wait_all();
	slots_set_max(&slots, 0);
	assert_told(1, 1, 1);
	ck_assert(slots_take(&slots));
	slots_wait(&slots, &waiting[0].waiter); /* it knew the old limit */
	assert_told(2, 1, 1);
}
END_TEST

START_TEST(lowered_limit_waits_for_enough_to_end)
{
	slots_set_max(&slots, 4);
	for (int i = 0; i < 4; i++)
		ck_assert(slots_take(&slots));
	slots_set_max(&slots, 2);
	wait_all();
	ck_assert(slots_full(&slots) && !slots_take(&slots));
	slots_give(&slots);
	slots_give(&slots);
	assert_told(0, 0, 0);
	ck_assert(!slots_take(&slots));
	slots_set_max(&slots, 1); /* still nothing free */
	slots_give(&slots);
	assert_told(0, 0, 0);
	slots_give(&slots);
	assert_told(1, 0, 0);
	ck_assert(slots_take(&slots) && !slots_take(&slots));
}
END_TEST

/* Takes the only slot TURNS times, and waits to be told whenever it is taken. Ends only if always told. */
static void *take_turns(void *arg)
{
	struct waiting own = {.waiter = {.tell = count}};
	uint64_t end = clock_ms() + MOST_MS;
	unsigned told = 0;

	(void)arg;
	for (int i = 0; i < TURNS && clock_ms() < end; i++) {
		while (!slots_take(&slots)) {
			slots_wait(&slots, &own.waiter);
			told++;
			while (own.told < told)
				sched_yield();
		}
		slots_give(&slots);
	}
	slots_forget(&slots, &own.waiter);
	return NULL;
}

START_TEST(nobody_waits_in_vain)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, take_turns, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots.waiting, 0);
}
END_TEST

/*
 * With a limit of 1 there is nothing left for the threads, and none of them can give a slot back. Whoever
 * waits then depends on the change of the limit alone.
 */
START_TEST(nobody_waits_in_vain_while_the_limit_changes)
{
	static const uint64_t limits[] = {1, 2, 0, 3, 1, 4};
	uint64_t end = clock_ms() + MOST_MS;
	pthread_t thread[THREADS];

	ck_assert(slots_take(&slots));
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, take_turns, NULL), 0);
	for (unsigned i = 0; i < TURNS && clock_ms() < end; i++) {
		slots_set_max(&slots, limits[i % (sizeof(limits) / sizeof(limits[0]))]);
		sched_yield();
	}
	slots_set_max(&slots, 1);
	slots_set_max(&slots, 2); /* now there is one for them, for good */
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(slots_used(&slots), 1);
	ck_assert_uint_eq(slots.waiting, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slots");
	TCase *tcase = tcase_create("slots");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, no_more_than_max_are_given);
	tcase_add_test(tcase, zero_is_no_limit);
	tcase_add_test(tcase, waiters_are_told_in_turn);
	tcase_add_test(tcase, who_waits_for_a_free_slot_is_told_at_once);
	tcase_add_test(tcase, who_does_not_need_it_passes_it_on);
	tcase_add_test(tcase, who_forgets_it_is_not_told);
	tcase_add_test(tcase, raised_limit_tells_as_many_as_there_are_slots);
	tcase_add_test(tcase, no_limit_any_more_tells_all);
	tcase_add_test(tcase, lowered_limit_waits_for_enough_to_end);
	tcase_add_test(tcase, nobody_waits_in_vain);
	tcase_add_test(tcase, nobody_waits_in_vain_while_the_limit_changes);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
