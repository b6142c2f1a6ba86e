/* Whether a thread has CPU to spare. */
#include "build_config.h"

#include "base/clock.h"
#include "base/cpu_share.h"
#include "unit.h"

#define SECOND 1000000ULL

START_TEST(nothing_is_known_at_first)
{
	struct cpu_share share = {.at = {0}};

	ck_assert(cpu_share_is_due(&share, SECOND));
	ck_assert_uint_eq(cpu_share_wanted(&share, SECOND, SECOND), 0);
	cpu_share_note(&share, 9 * SECOND, 5 * SECOND);
	ck_assert(!cpu_share_is_due(&share, 10 * SECOND - 1));
	ck_assert_uint_eq(cpu_share_wanted(&share, 10 * SECOND - 1, 6 * SECOND), 0); /* too short a time */
}
END_TEST

START_TEST(share_of_the_last_seconds)
{
	struct cpu_share share = {.at = {0}};

	cpu_share_note(&share, 10 * SECOND, 5 * SECOND);
	ck_assert_uint_eq(cpu_share_wanted(&share, 12 * SECOND, 6 * SECOND), 500);
	cpu_share_note(&share, 12 * SECOND, 7 * SECOND);
	/* The later moment is not yet a second ago, so the one before counts. */
	ck_assert_uint_eq(cpu_share_wanted(&share, 13 * SECOND - 1, 7 * SECOND + 700000), 900);
	ck_assert_uint_eq(cpu_share_wanted(&share, 13 * SECOND, 7 * SECOND + 700000), 700);
}
END_TEST

/* However little of it a thread that never sleeps gets. */
START_TEST(thread_that_never_sleeps_wants_all_of_a_cpu)
{
	struct cpu_share share = {.at = {0}};
	uint64_t began, now;

	for (int tries = 0; tries < 5; tries++) {
		began = now = clock_us();
		cpu_share_note(&share, began, cpu_wanted_us());
		while (now - began < SECOND + SECOND / 10)
			now = clock_us();
		if (cpu_share_wanted(&share, now, cpu_wanted_us()) >= 950)
			return;
	}
	ck_abort_msg("it never did");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cpu_share");
	TCase *tcase = tcase_create("cpu_share");

	tcase_add_test(tcase, nothing_is_known_at_first);
	tcase_add_test(tcase, share_of_the_last_seconds);
	tcase_add_test(tcase, thread_that_never_sleeps_wants_all_of_a_cpu);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
