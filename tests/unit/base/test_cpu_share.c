/* Whether a thread has CPU to spare. */
#include "build_config.h"

#include "base/clock.h"
#include "base/cpu_share.h"
#include "unit.h"

#include <sys/resource.h>

#define SECOND 1000000ULL

static struct cpu_share share;

static void setup(void)
{
	share = (struct cpu_share){.at = {0}};
}

static void note(uint64_t now, uint64_t run, uint64_t ready)
{
	cpu_share_note(&share, now, (struct cpu_time){run, ready});
}

static void expect(uint64_t now, uint64_t run, uint64_t ready, unsigned wanted, unsigned of_that_ready)
{
	const struct cpu_use use = cpu_share_since(&share, now, (struct cpu_time){run, ready});

	ck_assert_uint_eq(use.wanted, wanted);
	ck_assert_uint_eq(use.ready, of_that_ready);
}

START_TEST(nothing_is_known_at_first)
{
	ck_assert(cpu_share_is_due(&share, SECOND));
	expect(SECOND, SECOND, 0, 0, 0);
	note(9 * SECOND, 5 * SECOND, 0);
	ck_assert(!cpu_share_is_due(&share, 10 * SECOND - 1));
	expect(10 * SECOND - 1, 6 * SECOND, 0, 0, 0); /* too short a time */
}
END_TEST

START_TEST(share_of_the_last_seconds)
{
	note(10 * SECOND, 5 * SECOND, 3 * SECOND);
	expect(12 * SECOND, 6 * SECOND, 3 * SECOND + 500000, 750, 250);
	note(12 * SECOND, 6 * SECOND, 4 * SECOND);
	/* The later moment is not yet a second ago, so the one before counts. */
	expect(13 * SECOND - 1, 6 * SECOND + 500000, 4 * SECOND, 833, 333);
	expect(13 * SECOND, 6 * SECOND + 500000, 4 * SECOND, 500, 0);
}
END_TEST

START_TEST(share_between_the_two_moments)
{
	ck_assert_uint_eq(cpu_share_noted(&share).wanted, 0);
	note(10 * SECOND, 5 * SECOND, 3 * SECOND);
	ck_assert_uint_eq(cpu_share_noted(&share).wanted, 0);
	note(12 * SECOND, 6 * SECOND, 3 * SECOND + 500000);
	ck_assert_uint_eq(cpu_share_noted(&share).wanted, 750);
	ck_assert_uint_eq(cpu_share_noted(&share).ready, 250);
}
END_TEST

/* As when there was no descriptor to ask with, now or at the earlier look. */
START_TEST(unknown_wait_for_a_cpu_counts_for_nothing)
{
	note(10 * SECOND, 5 * SECOND, 3 * SECOND);
	expect(12 * SECOND, 6 * SECOND, CPU_TIME_UNKNOWN, 500, 0);
	note(12 * SECOND, 6 * SECOND, CPU_TIME_UNKNOWN);
	expect(14 * SECOND, 7 * SECOND, 4 * SECOND, 500, 0);
}
END_TEST

START_TEST(thread_without_a_descriptor_knows_what_it_has_run)
{
	struct rlimit before, none;
	struct cpu_time used;

	ck_assert_uint_ne(cpu_time_used().ready, CPU_TIME_UNKNOWN);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	used = cpu_time_used();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0); /* sanitizers need some at the end */
	ck_assert_uint_gt(used.run, 0);
	ck_assert_uint_eq(used.ready, CPU_TIME_UNKNOWN);
}
END_TEST

/* However little of it a thread that never sleeps gets. */
START_TEST(thread_that_never_sleeps_wants_all_of_a_cpu)
{
	uint64_t began, now;

	for (int tries = 0; tries < 5; tries++) {
		began = now = clock_us();
		cpu_share_note(&share, began, cpu_time_used());
		while (now - began < SECOND + SECOND / 10)
			now = clock_us();
		if (cpu_share_since(&share, now, cpu_time_used()).wanted >= 950)
			return;
	}
	ck_abort_msg("it never did");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cpu_share");
	TCase *tcase = tcase_create("cpu_share");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, nothing_is_known_at_first);
	tcase_add_test(tcase, share_of_the_last_seconds);
	tcase_add_test(tcase, share_between_the_two_moments);
	tcase_add_test(tcase, unknown_wait_for_a_cpu_counts_for_nothing);
	tcase_add_test(tcase, thread_without_a_descriptor_knows_what_it_has_run);
	tcase_add_test(tcase, thread_that_never_sleeps_wants_all_of_a_cpu);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
