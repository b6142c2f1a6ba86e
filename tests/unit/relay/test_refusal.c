/* When clients of a relay without a target are refused. Times are the test's. */
#include "build_config.h"

#include "relay/refusal.h"

#include "unit.h"

#define NOW 1000000

static struct refusal refusal;

static void setup(void)
{
	refusal = (struct refusal){.from = 0};
}

START_TEST(nothing_is_known_yet)
{
	ck_assert(!refusal_holds(&refusal, NOW));
	ck_assert(refusal_next(&refusal, NOW) == REFUSAL_NEVER);
	refusal_note(&refusal, NOW, 0);
	ck_assert(!refusal_holds(&refusal, NOW));
}
END_TEST

/* Until one may be tried. */
START_TEST(down_for_a_time)
{
	refusal_note(&refusal, NOW, NOW + 500);
	ck_assert(refusal_holds(&refusal, NOW));
	ck_assert(refusal_holds(&refusal, NOW + 499));
	ck_assert(!refusal_holds(&refusal, NOW + 500));
	ck_assert_uint_eq(refusal_next(&refusal, NOW), NOW + 500);
	ck_assert(refusal_next(&refusal, NOW + 500) == REFUSAL_NEVER);
	refusal_note(&refusal, NOW + 100, NOW + 700); /* another one is down now */
	ck_assert(refusal_holds(&refusal, NOW + 699));
}
END_TEST

START_TEST(down_until_a_check_says_otherwise)
{
	refusal_note(&refusal, NOW, REFUSAL_NEVER);
	ck_assert(refusal_holds(&refusal, NOW + 1000000));
	ck_assert(refusal_next(&refusal, NOW) == REFUSAL_NEVER);
	refusal_note(&refusal, NOW + 10, 0);
	ck_assert(!refusal_holds(&refusal, NOW + 10));
}
END_TEST

/* It lets clients in for 200 ms, however soon the targets go down again. */
START_TEST(targets_that_flap)
{
	refusal_note(&refusal, NOW, REFUSAL_NEVER);
	refusal_note(&refusal, NOW + 10, NOW + 10);
	refusal_note(&refusal, NOW + 20, REFUSAL_NEVER);
	ck_assert(!refusal_holds(&refusal, NOW + 20));
	ck_assert_uint_eq(refusal_next(&refusal, NOW + 20), NOW + 210);
	refusal_note(&refusal, NOW + 100, 0); /* before it came to that */
	refusal_note(&refusal, NOW + 150, REFUSAL_NEVER);
	ck_assert(!refusal_holds(&refusal, NOW + 209));
	ck_assert(refusal_holds(&refusal, NOW + 210));
	refusal_note(&refusal, NOW + 220, 0);
	ck_assert(!refusal_holds(&refusal, NOW + 220));
	refusal_note(&refusal, NOW + 1000, REFUSAL_NEVER);
	ck_assert(refusal_holds(&refusal, NOW + 1000));
}
END_TEST

/* Whoever tries it when the time is over fails. */
START_TEST(trial_that_fails)
{
	refusal_note(&refusal, NOW, NOW + 500);
	refusal_note(&refusal, NOW + 600, NOW + 1600);
	ck_assert(!refusal_holds(&refusal, NOW + 699));
	ck_assert(refusal_holds(&refusal, NOW + 700));
	ck_assert(!refusal_holds(&refusal, NOW + 1600));
	refusal_note(&refusal, NOW + 1610, NOW + 1710); /* over before it would begin */
	ck_assert(!refusal_holds(&refusal, NOW + 1709));
	ck_assert(refusal_next(&refusal, NOW + 1610) == REFUSAL_NEVER);
	refusal_note(&refusal, NOW + 1720, NOW + 2500);
	ck_assert(!refusal_holds(&refusal, NOW + 1799));
	ck_assert(refusal_holds(&refusal, NOW + 1800));
}
END_TEST

START_TEST(opening_that_fails)
{
	uint64_t now = NOW, wait[7];

	for (int i = 0; i < 7; i++) {
		refusal_put_off(&refusal, now);
		refusal_note(&refusal, now, now); /* a target is up: that does not bring the entrance back */
		ck_assert(refusal_holds(&refusal, now));
		wait[i] = refusal_next(&refusal, now) - now;
		now += wait[i];
		ck_assert(!refusal_holds(&refusal, now));
	}
	ck_assert_uint_eq(wait[0], 1000);
	ck_assert_uint_eq(wait[1], 2000);
	ck_assert_uint_eq(wait[6], 30000);
	refusal_note_opened(&refusal);
	refusal_put_off(&refusal, now);
	ck_assert_uint_eq(refusal_next(&refusal, now) - now, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("refusal");
	TCase *tcase = tcase_create("refusal");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, nothing_is_known_yet);
	tcase_add_test(tcase, down_for_a_time);
	tcase_add_test(tcase, down_until_a_check_says_otherwise);
	tcase_add_test(tcase, targets_that_flap);
	tcase_add_test(tcase, trial_that_fails);
	tcase_add_test(tcase, opening_that_fails);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
