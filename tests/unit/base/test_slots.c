#include "build_config.h"

#include "base/slots.h"
#include "unit.h"

START_TEST(no_more_than_max_are_given)
{
	struct slots slots;

	slots_init(&slots, 2);
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
	struct slots slots;

	slots_init(&slots, 0);
	for (int i = 0; i < 1000; i++)
		ck_assert(slots_take(&slots));
	ck_assert(!slots_full(&slots));
}
END_TEST

START_TEST(nobody_waits_at_first)
{
	struct slots slots;

	slots_init(&slots, 1);
	ck_assert_int_eq(slots_next_waiter(&slots, 0), -1);
}
END_TEST

/* Otherwise the worker that gives a slot back could take it again itself, and the others would starve. */
START_TEST(waiters_are_told_in_turn_behind_the_giver)
{
	struct slots slots;

	slots_init(&slots, 1);
	slots_wait(&slots, 0);
	slots_wait(&slots, 2);
	slots_wait(&slots, 5);
	ck_assert_int_eq(slots_next_waiter(&slots, 2), 5);
	ck_assert_int_eq(slots_next_waiter(&slots, 2), 0);
	slots_wait(&slots, 0);
	ck_assert_int_eq(slots_next_waiter(&slots, 0), 2);
	ck_assert_int_eq(slots_next_waiter(&slots, 0), 0);
	ck_assert_int_eq(slots_next_waiter(&slots, 0), -1);
}
END_TEST

START_TEST(workers_beyond_the_bits_share_one)
{
	struct slots slots;

	slots_init(&slots, 1);
	slots_wait(&slots, SLOTS_BITS + 3);
	ck_assert_int_eq(slots_next_waiter(&slots, SLOTS_BITS + 3), 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slots");
	TCase *tcase = tcase_create("slots");

	tcase_add_test(tcase, no_more_than_max_are_given);
	tcase_add_test(tcase, zero_is_no_limit);
	tcase_add_test(tcase, nobody_waits_at_first);
	tcase_add_test(tcase, waiters_are_told_in_turn_behind_the_giver);
	tcase_add_test(tcase, workers_beyond_the_bits_share_one);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
