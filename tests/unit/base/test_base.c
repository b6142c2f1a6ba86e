/* The small mechanisms that other modules use. */
#include "build_config.h"

#include "base/backoff.h"
#include "base/episode.h"
#include "base/number.h"
#include "base/refcount.h"
#include "base/signals.h"
#include "unit.h"

#include <check.h>
#include <pthread.h>

START_TEST(smaller_and_larger)
{
	ck_assert_uint_eq(min_u64(1, 2), 1);
	ck_assert_uint_eq(min_u64(2, 1), 1);
	ck_assert_uint_eq(max_u64(1, UINT64_MAX), UINT64_MAX);
	ck_assert_uint_eq(max_u64(UINT64_MAX, 1), UINT64_MAX);
}
END_TEST

START_TEST(waits_double_up_to_their_limit)
{
	struct backoff backoff;

	backoff_reset(&backoff, 20);
	ck_assert_uint_eq(backoff_next(&backoff, 100), 20);
	ck_assert_uint_eq(backoff_next(&backoff, 100), 40);
	ck_assert_uint_eq(backoff_next(&backoff, 100), 80);
	ck_assert_uint_eq(backoff_next(&backoff, 100), 100);
	ck_assert_uint_eq(backoff.wait, 100);
	backoff_reset(&backoff, 20);
	ck_assert_uint_eq(backoff.wait, 20);
}
END_TEST

START_TEST(episode_is_told_once)
{
	struct episode episode = {.told = false};

	ck_assert(!episode_end(&episode));
	ck_assert(episode_begin(&episode, 10000));
	ck_assert(!episode_begin(&episode, 10000));
	ck_assert(episode_end(&episode));
	ck_assert(!episode_end(&episode));
}
END_TEST

/* An episode that begins too soon after the last is logged later, not forgotten. */
START_TEST(lasting_episode_is_told_in_the_end)
{
	struct episode episode = {.told = false};

	ck_assert(episode_begin(&episode, 10000));
	ck_assert(episode_end(&episode));
	ck_assert(!episode_begin(&episode, 10000));
	ck_assert(!episode_end(&episode)); /* its beginning was not logged */
	episode.logged -= 9000;
	ck_assert(!episode_begin(&episode, 10000));
	episode.logged -= 1000;
	ck_assert(episode_begin(&episode, 10000));
	ck_assert(episode_end(&episode));
	ck_assert(episode_begin(&episode, 0));
}
END_TEST

static struct episode met_by_all;
static _Atomic unsigned tellers;
static struct refcount shared;
static _Atomic unsigned last_holders;

static void *meet(void *arg)
{
	tellers += episode_begin(&met_by_all, 10000);
	for (int i = 0; i < 1000; i++) {
		refcount_get(&shared);
		last_holders += refcount_put(&shared);
	}
	last_holders += refcount_put(&shared);
	return arg;
}

START_TEST(one_of_many_threads_tells_and_one_is_last)
{
	pthread_t threads[8];

	refcount_init(&shared);
	for (int i = 0; i < 7; i++)
		refcount_get(&shared);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, meet, NULL), 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(tellers, 1);
	ck_assert_uint_eq(last_holders, 1);
}
END_TEST

static bool is_blocked(int number)
{
	sigset_t mask;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, number);
}

START_TEST(signals_are_held_and_delivered)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
	sigset_t before;

	signals_hold(&before);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ck_assert(is_blocked(numbers[i]));
	ck_assert(!is_blocked(SIGSEGV));
	signals_restore(&before);
	ck_assert(!is_blocked(SIGTERM));
	signals_hold(NULL);
	signals_deliver();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		ck_assert(!is_blocked(numbers[i]));
}
END_TEST

START_TEST(strays_are_ignored)
{
	static const int numbers[] = {SIGALRM, SIGIO, SIGPIPE, SIGPROF, SIGPWR, SIGVTALRM, SIGXFSZ};

	signals_ignore_strays();
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		raise(numbers[i]);
	raise(SIGRTMIN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("base");
	TCase *tcase = tcase_create("base");

	tcase_add_test(tcase, smaller_and_larger);
	tcase_add_test(tcase, waits_double_up_to_their_limit);
	tcase_add_test(tcase, episode_is_told_once);
	tcase_add_test(tcase, lasting_episode_is_told_in_the_end);
	tcase_add_test(tcase, one_of_many_threads_tells_and_one_is_last);
	tcase_add_test(tcase, signals_are_held_and_delivered);
	tcase_add_test(tcase, strays_are_ignored);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
