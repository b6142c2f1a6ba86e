/* The memory law: the bound holds, N stuck holders settle, a newcomer finds room. */
#include "build_config.h"

#include "flow/budget.h"
#include "unit.h"

#include <pthread.h>
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
	tcase_add_test(tcase, bound_holds_with_many_threads);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
