/* The memory law: the bound holds, N stuck holders settle, a newcomer finds room. */
#include "build_config.h"

#include "base/clock.h"
#include "flow/budget.h"
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#define MAX (1024 * 1024)

START_TEST(nothing_is_used_at_first)
{
	struct budget budget;

	budget_init(&budget, MAX);
	ck_assert_uint_eq(budget_used(&budget), 0);
	ck_assert_uint_eq(budget_share(&budget, 0), MAX / 2);
}
END_TEST

START_TEST(claim_grants_no_more_than_wanted)
{
	struct budget budget;

	budget_init(&budget, MAX);
	ck_assert_uint_eq(budget_claim(&budget, 0, 1000), 1000);
	ck_assert_uint_eq(budget_claim(&budget, 1000, 3000), 3000);
	ck_assert_uint_eq(budget_used(&budget), 3000);
	budget_return(&budget, 3000);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

START_TEST(one_holder_gets_half)
{
	struct budget budget;

	budget_init(&budget, MAX);
	ck_assert_uint_eq(budget_claim(&budget, 0, UINT32_MAX), MAX / 2);
	ck_assert_uint_eq(budget_claim(&budget, MAX / 2, UINT32_MAX), MAX / 2);
}
END_TEST

/* Everybody asks for all they can get until nobody gets more. */
static void settle(struct budget *budget, uint64_t *held, unsigned count)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (unsigned i = 0; i < count; i++) {
			uint64_t now = budget_claim(budget, held[i], held[i] + 1 + (held[i] < 4096 ? 63 : 0));

			moved = moved || now != held[i];
			held[i] = now;
			if (budget_used(budget) > MAX) /* Check's own assertions write to a file each */
				ck_abort_msg("more is used than there is");
		}
	}
}

START_TEST(stuck_holders_settle_at_equal_shares)
{
	const unsigned count = (unsigned)_i;
	uint64_t held[100] = {0};
	struct budget budget;
	uint64_t share = MAX / (count + 1);

	budget_init(&budget, MAX);
	settle(&budget, held, count);
	for (unsigned i = 0; i < count; i++) {
		ck_assert_uint_ge(held[i], share - count - 64);
		ck_assert_uint_le(held[i], share + count + 64);
	}
	/* A newcomer finds about half a share at once, whoever is stuck. */
	ck_assert_uint_ge(budget_claim(&budget, 0, MAX), share / 2 - count);
}
END_TEST

START_TEST(a_holder_above_its_share_keeps_what_it_has)
{
	struct budget budget;
	uint64_t first, second;

	budget_init(&budget, MAX);
	first = budget_claim(&budget, 0, MAX);
	second = budget_claim(&budget, 0, MAX);
	ck_assert_uint_eq(second, MAX / 4);
	ck_assert_uint_lt(budget_share(&budget, first), first);
	ck_assert_uint_eq(budget_claim(&budget, first, MAX), first);
}
END_TEST

START_TEST(more_memory_is_there_at_once)
{
	struct budget budget;
	uint64_t held;

	budget_init(&budget, MAX);
	held = budget_claim(&budget, 0, MAX);
	ck_assert_uint_eq(budget_claim(&budget, held, MAX), held);
	budget_set_max(&budget, 4 * MAX);
	ck_assert_uint_eq(budget_max(&budget), 4 * MAX);
	ck_assert_uint_eq(budget_claim(&budget, held, MAX), MAX);
	ck_assert_uint_eq(budget_share(&budget, MAX), 2 * MAX);
}
END_TEST

/* Nobody loses anything, and nobody gets more, until used is below max again. No share underflows. */
START_TEST(less_memory_waits_for_enough_to_be_returned)
{
	uint64_t held[3] = {MAX / 2, MAX / 4, MAX / 8};
	struct budget budget;

	budget_init(&budget, MAX);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(budget_claim(&budget, 0, held[i]), held[i]);
	budget_set_max(&budget, MAX / 4);
	ck_assert_uint_eq(budget_used(&budget), MAX / 8 * 7);
	ck_assert_uint_eq(budget_share(&budget, 0), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(budget_share(&budget, held[i]), 0);
		ck_assert_uint_eq(budget_claim(&budget, held[i], MAX), held[i]);
		ck_assert_uint_eq(budget_claim(&budget, 0, 1), 0);
	}
	budget_return(&budget, held[0]);
	ck_assert_uint_eq(budget_claim(&budget, 0, MAX), 0);
	ck_assert_uint_eq(budget_share(&budget, held[1]), MAX / 16); /* less than it has */
	ck_assert_uint_eq(budget_claim(&budget, held[1], MAX), held[1]);
	budget_return(&budget, held[1]);
	ck_assert_uint_eq(budget_claim(&budget, 0, MAX), MAX / 16);
	ck_assert_uint_eq(budget_claim(&budget, held[2], held[2] + 1), held[2]);
}
END_TEST

#define HOLDERS 16

/* Claims all it can get, for several holders, and gives it back. */
static void *claim_and_return(void *arg)
{
	struct budget *budget = arg;
	uint64_t held[HOLDERS];

	for (int round = 0; round < 200000; round++) {
		for (int i = 0; i < HOLDERS; i++) {
			held[i] = budget_claim(budget, 0, MAX);
			if (budget_used(budget) > MAX)
				return budget;
		}
		for (int i = 0; i < HOLDERS; i++)
			budget_return(budget, held[i]);
	}
	return NULL;
}

#define THREADS 8

/* In THREADS threads; they return NULL if all went well. */
static void run_in_threads(void *(*run)(void *), struct budget *budget)
{
	pthread_t threads[THREADS];
	void *broken;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, budget), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &broken);
		ck_assert_ptr_null(broken);
	}
}

START_TEST(bound_holds_with_many_threads)
{
	struct budget budget;

	budget_init(&budget, MAX);
	run_in_threads(claim_and_return, &budget);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

/*
 * The bound changes between these. What a thread claims before it has seen the change counts to the old one.
 */
#define LOW (MAX / 16)
static _Atomic bool ends;
static _Atomic uint64_t rounds[THREADS], bound;
static _Atomic unsigned numbers;

static bool is_exceeded(struct budget *budget)
{
	uint64_t before = bound, used = budget_used(budget), after = bound;

	return used > (before > after ? before : after);
}

/* Keeps what it holds over some rounds, so that claims meet a bound that is below what is used. */
static void *claim_under_a_changing_bound(void *arg)
{
	struct budget *budget = arg;
	uint64_t held[HOLDERS] = {0};
	unsigned self = numbers++;
	bool broken = false;

	while (!ends) {
		for (int i = 0; i < HOLDERS; i++) {
			uint64_t wanted = held[i] + 1 + (rounds[self] * 7919 + (unsigned)i * 104729) % MAX;
			uint64_t granted = budget_claim(budget, held[i], wanted);

			if (granted < held[i] || granted > wanted || is_exceeded(budget))
				broken = true;
			held[i] = granted;
			if ((rounds[self] + (unsigned)i) % 3 == 0) {
				budget_return(budget, held[i]);
				held[i] = 0;
			}
		}
		rounds[self]++;
		if (broken)
			ends = true;
		sched_yield();
	}
	for (int i = 0; i < HOLDERS; i++)
		budget_return(budget, held[i]);
	return broken ? budget : NULL;
}

/* Until every thread has begun and ended a round from now on. */
static void all_go_round(void)
{
	for (int i = 0; i < THREADS; i++)
		for (uint64_t end = rounds[i] + 2; rounds[i] < end && !ends;)
			sched_yield();
}

/*
 * bound is what no thread may ever see exceeded: the larger of the two, until all have seen the smaller one.
 */
static void *change_the_bound(struct budget *budget)
{
	for (int i = 0; i < 20; i++) {
		bound = MAX;
		budget_set_max(budget, MAX);
		all_go_round();
		budget_set_max(budget, LOW);
		all_go_round();
		for (uint64_t end = clock_ms() + 20000; budget_used(budget) > LOW;)
			if (clock_ms() > end || ends)
				return budget;
		bound = LOW;
		all_go_round();
	}
	return NULL;
}

START_TEST(bound_that_changes_holds_with_many_threads)
{
	pthread_t threads[THREADS];
	struct budget budget;
	void *broken, *stuck;

	budget_init(&budget, MAX);
	bound = MAX;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, claim_under_a_changing_bound, &budget), 0);
	stuck = change_the_bound(&budget);
	ends = true;
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &broken);
		ck_assert_ptr_null(broken);
	}
	ck_assert_ptr_null(stuck);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("budget");
	TCase *tcase = tcase_create("budget");

	tcase_add_test(tcase, nothing_is_used_at_first);
	tcase_add_test(tcase, claim_grants_no_more_than_wanted);
	tcase_add_test(tcase, one_holder_gets_half);
	tcase_set_timeout(tcase, 60); /* holders that settle claim millions of times */
	tcase_add_loop_test(tcase, stuck_holders_settle_at_equal_shares, 1, 20);
	tcase_add_test(tcase, a_holder_above_its_share_keeps_what_it_has);
	tcase_add_test(tcase, more_memory_is_there_at_once);
	tcase_add_test(tcase, less_memory_waits_for_enough_to_be_returned);
	tcase_add_test(tcase, bound_holds_with_many_threads);
	tcase_add_test(tcase, bound_that_changes_holds_with_many_threads);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
