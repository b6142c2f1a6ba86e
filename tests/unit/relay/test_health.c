/* What is known of one address of one target. */
#include "build_config.h"

#include "faults.h"
#include "relay/health.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define FAIL_TIME 10000
#define KEPT_MAX  4096

static uint64_t now = 5000000; /* of clock_ms */
static struct config_relay rules;
static struct mailbox mailbox;
static struct health_news news;
static struct healths healths;
static struct label *target, *other;
static struct health *health;

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = (struct timespec){(time_t)((now - 1) / 1000), (long)((now - 1) % 1000) * 1000000};
	return 0;
}

static void take_news(void *arg, struct message *message)
{
	(void)arg;
	ck_assert_ptr_eq(message, &news);
}

static struct endpoint endpoint_of(unsigned number)
{
	struct endpoint endpoint = {.length = sizeof(struct sockaddr_in)};

	endpoint.in.sin_family = AF_INET;
	endpoint.in.sin_addr.s_addr = htonl(0x0a000000 | number);
	endpoint_set_port(&endpoint, 80);
	return endpoint;
}

static struct health *try_to_get(struct label *label, unsigned number)
{
	const struct endpoint endpoint = endpoint_of(number);

	return healths_get(&healths, label, &endpoint);
}

static struct health *get(struct label *label, unsigned number)
{
	struct health *got = try_to_get(label, number);

	ck_assert_ptr_nonnull(got);
	return got;
}

static void setup(void)
{
	rules = (struct config_relay){
	        .fail_limit = 3, .fail_time = FAIL_TIME, .check_rise = 2, .check_fall = 3};
	mailbox = (struct mailbox){.fd = -1, .deliver = take_news};
	news = (struct health_news){.mailbox = &mailbox};
	memset(&healths, 0, sizeof(healths));
	healths_init(&healths, &rules, &news);
	target = label_new("db.example:80");
	other = label_new("10.0.0.1:80");
	health = get(target, 1);
}

static void teardown(void)
{
	mailbox_take(&mailbox);
	health_put(health);
	health_put(NULL);
	healths_deinit(&healths);
	label_put(target);
	label_put(other);
}

static void apply_rules(void)
{
	healths_configure(&healths, &rules);
}

/* ---- helpers ---- */

static uint64_t until;

static enum health_use use(void)
{
	enum health_use what;

	healths_lock(&healths);
	what = health_use(health, now, &until);
	healths_unlock(&healths);
	return what;
}

static bool begin_try(void)
{
	bool begun;

	healths_lock(&healths);
	begun = health_begin_try(health, now);
	healths_unlock(&healths);
	return begun;
}

static unsigned permille(void)
{
	unsigned part;

	healths_lock(&healths);
	part = health_start_permille(health, now);
	healths_unlock(&healths);
	return part;
}

static struct health_view look(void)
{
	struct health_view view;

	health_look(health, &view);
	return view;
}

static void refuse(unsigned times)
{
	while (times-- > 0)
		health_note(health, -ECONNREFUSED, false);
}

static void check(unsigned times, int error)
{
	while (times-- > 0)
		health_note_check(health, error);
}

/* Down and due. */
static void wait_down(void)
{
	refuse(3);
	ck_assert_int_eq(use(), USE_DOWN);
	now += FAIL_TIME;
}

/* Also that somebody was told. */
static void expect_changed(bool expected)
{
	ck_assert_int_eq(message_is_posted(&news.message), expected);
	mailbox_take(&mailbox);
	ck_assert_int_eq(healths_take_changed(&healths), expected);
	ck_assert(!healths_take_changed(&healths));
}

/* ---- connects ---- */

START_TEST(connects_that_fail_in_a_row_take_it_out)
{
	refuse(2);
	health_note(health, 0, false);
	refuse(2);
	ck_assert_int_eq(use(), USE_UP);
	ck_assert_uint_eq(until, UINT64_MAX);
	ck_assert(health_is_up(health));
	expect_changed(false);
	now += 7;
	refuse(1);
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(until, now + FAIL_TIME);
	ck_assert(!health_is_up(health));
	expect_changed(true);
	ck_assert_uint_gt(health_place(health), 0);
}
END_TEST

/* What was begun before it was known to be down does not put off the next try. */
START_TEST(later_failures_change_nothing)
{
	uint64_t place;

	refuse(3);
	place = health_place(health);
	now += 4000;
	mailbox_take(&mailbox);
	healths_take_changed(&healths);
	refuse(5);
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(until, now + FAIL_TIME - 4000);
	ck_assert_uint_eq(health_place(health), place);
	expect_changed(false);
}
END_TEST

START_TEST(one_pair_tries_after_fail_time)
{
	wait_down();
	now--;
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert(!begin_try());
	now++;
	ck_assert_int_eq(use(), USE_TRY);
	ck_assert(begin_try());
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_int_eq(look().state, HEALTH_TRYING);
	ck_assert(!begin_try());
}
END_TEST

START_TEST(try_that_succeeds_brings_it_up)
{
	uint64_t place;

	wait_down();
	place = health_place(health);
	begin_try();
	ck_assert_uint_eq(health_place(health), place);
	mailbox_take(&mailbox);
	healths_take_changed(&healths);
	health_note(health, 0, true);
	ck_assert_int_eq(use(), USE_UP);
	ck_assert_uint_eq(health_place(health), 0);
	expect_changed(true);
	refuse(2);
	ck_assert_int_eq(use(), USE_UP); /* earlier failures do not count any more */
}
END_TEST

/* It was down all the time, so nobody need be told. */
START_TEST(try_that_fails_leaves_it_out_for_as_long_again)
{
	uint64_t place;

	wait_down();
	place = health_place(health);
	mailbox_take(&mailbox);
	healths_take_changed(&healths);
	begin_try();
	now += 5000;
	health_note(health, -ETIMEDOUT, true);
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(until, now + FAIL_TIME);
	ck_assert_uint_gt(health_place(health), place);
	expect_changed(true); /* so it is known when the next one may try */
	now += FAIL_TIME;
	ck_assert(begin_try());
}
END_TEST

START_TEST(try_that_ends_without_knowing_leaves_it_to_the_next)
{
	wait_down();
	begin_try();
	health_end_try(health);
	ck_assert_int_eq(use(), USE_TRY);
	ck_assert(begin_try());
	health_note(health, 0, true);
	health_end_try(health); /* for those who do not know how it went */
	ck_assert_int_eq(use(), USE_UP);
}
END_TEST

/* When all are down, all are tried, and not only by the one that tries. */
START_TEST(any_connection_brings_it_up)
{
	refuse(3);
	health_note(health, 0, false);
	ck_assert_int_eq(use(), USE_UP);
	wait_down();
	begin_try();
	health_note(health, -ECONNREFUSED, false);
	ck_assert_int_eq(look().state, HEALTH_TRYING);
	health_note(health, 0, false);
	ck_assert_int_eq(use(), USE_UP);
	health_note(health, -ECONNREFUSED, true); /* the one that tried it was slower */
	ck_assert_int_eq(use(), USE_UP);
}
END_TEST

START_TEST(without_a_limit_nothing_is_taken_out)
{
	rules.fail_limit = 0;
	apply_rules();
	refuse(1000);
	ck_assert_int_eq(use(), USE_UP);
	ck_assert_uint_eq(look().failures, 1000);
}
END_TEST

/* It used to stay out for fail_time, and again for as long whenever the one that tried it failed. */
START_TEST(without_a_limit_nothing_stays_out)
{
	wait_down();
	if (_i)
		begin_try();
	expect_changed(true);
	rules.fail_limit = 0;
	rules.check_interval = 1000;
	apply_rules();
	ck_assert_int_eq(use(), USE_DOWN);
	rules.check_interval = 0;
	apply_rules();
	ck_assert_int_eq(use(), USE_UP);
	expect_changed(true);
	health_note(health, -ECONNREFUSED, _i);
	ck_assert_int_eq(use(), USE_UP);
}
END_TEST

/* Whoever looks may have read the clock before another one noted that it is down. */
START_TEST(it_is_down_for_those_whose_clock_is_older)
{
	refuse(3);
	now--;
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert(!begin_try());
	now++;
}
END_TEST

START_TEST(rules_change_at_once)
{
	refuse(3);
	rules.fail_time = 100;
	apply_rules();
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(until, now + 100);
	now += 100;
	ck_assert_int_eq(use(), USE_TRY);
	rules.check_interval = 1000;
	apply_rules();
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(until, UINT64_MAX);
	rules.check_interval = 0;
	apply_rules();
	ck_assert_int_eq(use(), USE_TRY);
}
END_TEST

/* The test has the lock, so it would wait for ever. */
START_TEST(connection_without_trouble_takes_no_lock)
{
	healths_lock(&healths);
	for (int i = 0; i < 10; i++) {
		health_pair_began(health);
		ck_assert(health_is_up(health));
		health_note(health, 0, false);
	}
	health_pair_ended(health);
	healths_unlock(&healths);
	ck_assert_uint_eq(health_pairs(health), 9);
	ck_assert_uint_eq(look().pairs, 9);
	ck_assert_uint_eq(look().connects, 10);
}
END_TEST

/* ---- checks ---- */

START_TEST(checks_alone_bring_it_up)
{
	rules.check_interval = 1000;
	apply_rules();
	refuse(3);
	expect_changed(true);
	now += 10 * FAIL_TIME;
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(until, UINT64_MAX);
	ck_assert(!begin_try());
	health_note(health, 0, false);
	ck_assert_int_eq(use(), USE_DOWN);
	check(1, 0);
	check(1, -ECONNREFUSED);
	check(1, 0);
	ck_assert_int_eq(use(), USE_DOWN);
	expect_changed(false);
	check(1, 0);
	ck_assert_int_eq(use(), USE_UP);
	expect_changed(true);
	refuse(2);
	ck_assert_int_eq(use(), USE_UP);
}
END_TEST

START_TEST(failures_before_it_was_down_do_not_count)
{
	rules.check_interval = 1000;
	apply_rules();
	refuse(3);
	check(2, 0);
	ck_assert_int_eq(use(), USE_UP);
	refuse(2);
	ck_assert_int_eq(use(), USE_UP);
	refuse(1);
	ck_assert_int_eq(use(), USE_DOWN);
}
END_TEST

START_TEST(checks_that_fail_in_a_row_take_it_out)
{
	rules.check_interval = 1000;
	rules.fail_limit = 0;
	apply_rules();
	check(2, -ETIMEDOUT);
	check(1, 0);
	check(2, -ETIMEDOUT);
	ck_assert_int_eq(use(), USE_UP);
	check(1, -ETIMEDOUT);
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_int_eq(look().why, -ETIMEDOUT);
	ck_assert_uint_eq(look().in_a_row, 3);
	ck_assert(look().by_checks);
	ck_assert_uint_eq(look().checks, 6);
	ck_assert_uint_eq(look().check_failures, 5);
	check(2, 0);
	ck_assert_int_eq(use(), USE_UP);
}
END_TEST

/* A reload may turn checks on while a pair tries. */
START_TEST(try_decides_nothing_once_there_are_checks)
{
	wait_down();
	begin_try();
	rules.check_interval = 1000;
	apply_rules();
	health_note(health, 0, true);
	ck_assert_int_eq(look().state, HEALTH_DOWN);
}
END_TEST

/* ---- starting slowly ---- */

START_TEST(weight_grows_only_after_it_was_down)
{
	rules.slow_start = 9000;
	apply_rules();
	ck_assert_uint_eq(permille(), 1000);
	wait_down();
	begin_try();
	ck_assert_uint_eq(permille(), 1000); /* who tries it takes a turn like any other */
	health_note(health, 0, true);
	ck_assert_uint_eq(permille(), 100);
	now += 4500;
	ck_assert_uint_eq(permille(), 550);
	now += 4499;
	ck_assert_uint_eq(permille(), 999);
	now++;
	ck_assert_uint_eq(permille(), 1000);
	rules.slow_start = 0;
	apply_rules();
	ck_assert_uint_eq(permille(), 1000);
}
END_TEST

/* ---- who looks at it ---- */

/* Whoever chooses looks again. */
START_TEST(epoch_changes_with_what_may_be_chosen)
{
	unsigned epoch = healths.epoch;

	refuse(2);
	health_note(health, 0, false);
	ck_assert_uint_eq(healths.epoch, epoch);
	wait_down();
	ck_assert_uint_ne(healths.epoch, epoch);
	epoch = healths.epoch;
	begin_try();
	ck_assert_uint_ne(healths.epoch, epoch);
	epoch = healths.epoch;
	health_end_try(health);
	ck_assert_uint_ne(healths.epoch, epoch);
	epoch = healths.epoch;
	apply_rules();
	ck_assert_uint_ne(healths.epoch, epoch);
}
END_TEST

START_TEST(view_says_why_and_since_when)
{
	uint64_t began = now;

	ck_assert_uint_eq(look().since, began);
	ck_assert_uint_eq(look().down, 0);
	ck_assert_int_eq(look().last_error, 0);
	now += 50;
	refuse(3);
	health_note(health, -EHOSTUNREACH, false);
	ck_assert_int_eq(look().state, HEALTH_DOWN);
	ck_assert_uint_eq(look().since, began + 50);
	ck_assert_int_eq(look().why, -ECONNREFUSED);
	ck_assert_int_eq(look().last_error, -EHOSTUNREACH);
	ck_assert_uint_eq(look().in_a_row, 3);
	ck_assert(!look().by_checks);
	now += 20;
	health_note(health, 0, false);
	ck_assert_uint_eq(look().since, began + 70);
	ck_assert_uint_eq(look().down, began + 50);
	ck_assert_uint_eq(look().failures, 4);
	ck_assert_uint_eq(look().connects, 1);
	ck_assert_int_eq(look().last_error, -EHOSTUNREACH);
}
END_TEST

/* ---- which there are ---- */

static void count_it(void *arg, struct health *visited)
{
	size_t *count = arg;

	(void)visited;
	++*count;
}

static size_t count_all(void)
{
	size_t count = 0;

	healths_each(&healths, count_it, &count);
	ck_assert_uint_eq(count, healths.count);
	return count;
}

/* So many others come and go, until the list was swept. */
static void sweep(void)
{
	size_t before = count_all();

	for (unsigned i = 0; i < 2 * before + 100; i++)
		health_put(get(target, 0x100000 + i));
}

START_TEST(one_for_each_address_of_each_target)
{
	struct health *again = get(target, 1), *second = get(target, 2), *others = get(other, 1);
	const struct endpoint endpoint = endpoint_of(2);

	ck_assert_ptr_eq(again, health);
	ck_assert_ptr_ne(second, health);
	ck_assert_ptr_ne(others, health);
	ck_assert_ptr_eq(health_target(others), other);
	ck_assert(endpoint_equal(health_endpoint(second), &endpoint));
	ck_assert_ptr_eq(&health_address(second)->endpoint[0], health_endpoint(second));
	ck_assert_ptr_eq(health_outage(second), health_outage(get(target, 2)));
	ck_assert_uint_eq(count_all(), 3);
}
END_TEST

/* After a look-up or a reload it is found again. */
START_TEST(what_is_known_outlives_its_holders)
{
	refuse(3);
	health_put(health);
	sweep();
	health = get(target, 1);
	ck_assert_int_eq(use(), USE_DOWN);
	ck_assert_uint_eq(look().failures, 3);
}
END_TEST

START_TEST(what_is_not_worth_knowing_is_forgotten)
{
	struct health *held = get(target, 2);

	for (unsigned i = 0; i < 10000; i++) {
		health_put(get(target, 0x200000 + i));
		ck_assert_uint_le(healths.count, 100);
	}
	ck_assert_ptr_eq(get(target, 2), held);
}
END_TEST

START_TEST(what_nobody_had_for_an_hour_is_forgotten)
{
	const uint64_t began = now;

	refuse(3);
	health_put(health);
	sweep();
	now += 3599 * 1000;
	sweep();
	health = get(target, 1);
	ck_assert_uint_eq(look().failures, 3);
	health_put(health);
	sweep();
	now += 3600 * 1000;
	sweep();
	health = get(target, 1);
	ck_assert_uint_eq(look().failures, 0);
	now = began; /* Check takes its times by the same clock, and cannot count that far */
}
END_TEST

START_TEST(of_too_many_the_oldest_are_forgotten)
{
	for (unsigned i = 0; i < 4 * KEPT_MAX; i++) {
		struct health *one = get(other, i);

		for (int n = 0; n < 3; n++)
			health_note(one, -ETIMEDOUT, false);
		health_put(one);
		ck_assert_uint_le(healths.count, 2 * KEPT_MAX + 100);
	}
	ck_assert_uint_ge(healths.count, KEPT_MAX);
	refuse(1);
	ck_assert_uint_eq(look().failures, 1);
	health_put(health);
	health = get(other, 4 * KEPT_MAX - 1);
	ck_assert_uint_eq(look().failures, 3);
	health_put(health);
	health = get(other, 0);
	ck_assert_uint_eq(look().failures, 0);
}
END_TEST

/* Metrics would take it for a restart, and count all of it again. */
START_TEST(what_a_target_has_counted_does_not_go_back)
{
	struct health *passing = get(target, 2), *others = get(other, 1);
	struct target_totals totals;
	struct health_view view;

	refuse(3);
	for (int i = 0; i < 5; i++)
		health_note(passing, 0, false);
	health_note_check(passing, 0);
	health_note_check(passing, -ETIMEDOUT);
	health_note_check(passing, 0);
	health_note(others, 0, false);
	health_put(passing);
	sweep();
	health_look(get(target, 2), &view);
	ck_assert_uint_eq(view.connects, 0); /* it was forgotten */
	totals = healths_totals(&healths, target);
	ck_assert_uint_eq(totals.connects, 5);
	ck_assert_uint_eq(totals.failures, 3);
	ck_assert_uint_eq(totals.checks, 3);
	ck_assert_uint_eq(totals.check_failures, 1);
	ck_assert_uint_eq(healths_totals(&healths, other).connects, 1);
}
END_TEST

/* A name gets another address each time, and nobody has the old one any more when the new one comes. */
START_TEST(addresses_that_all_change_take_nothing_along)
{
	for (unsigned i = 2; i < 300; i++) {
		health_note(health, 0, false);
		health_put(health);
		health = get(target, i);
		ck_assert_uint_eq(healths_totals(&healths, target).connects, i - 1);
		if (i % 3 == 0) /* so the list is swept at either */
			health_put(get(other, i));
	}
	ck_assert_uint_lt(healths.count, 200);
}
END_TEST

START_TEST(lack_of_memory_leaves_the_rest_as_it_is)
{
	struct health *second = NULL;
	size_t failed = 0;

	while (!second) {
		fault_set(FAULT_MEMORY, ++failed, ENOMEM);
		second = try_to_get(_i ? other : target, 2);
		fault_set(FAULT_MEMORY, 0, 0);
		ck_assert_uint_eq(count_all(), second ? 2 : 1);
	}
	ck_assert_uint_ge(failed, _i ? 4 : 3); /* itself, its address; its target */
	ck_assert_ptr_eq(get(target, 1), health);
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS  5000

static _Atomic unsigned tries;

static void in_threads(void *(*run)(void *arg), bool fails[THREADS])
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, &fails[i]), 0);
	for (int i = 0; i < 1000; i++) {
		mailbox_take(&mailbox);
		(void)healths_take_changed(&healths);
		(void)look();
		health_put(get(target, 2));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void *connect_again_and_again(void *arg)
{
	const bool *fails = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		bool mine = begin_try();

		health_pair_began(health);
		if (mine && i % 3 == 0)
			health_end_try(health);
		else
			health_note(health, *fails && i % 5 ? -ECONNREFUSED : 0, mine);
		health_pair_ended(health);
	}
	return NULL;
}

START_TEST(any_thread_may_note)
{
	static bool fails[THREADS] = {true, true, false, true};

	rules.fail_time = 0;
	apply_rules();
	in_threads(connect_again_and_again, fails);
	ck_assert_uint_eq(health_pairs(health), 0);
	ck_assert_uint_le(look().connects + look().failures, THREADS * ROUNDS);
	ck_assert_int_ne(look().state, HEALTH_TRYING);
}
END_TEST

static void *try_again_and_again(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++)
		tries += begin_try();
	return NULL;
}

START_TEST(of_many_only_one_tries)
{
	static bool fails[THREADS];

	wait_down();
	in_threads(try_again_and_again, fails);
	ck_assert_uint_eq(tries, 1);
}
END_TEST

static void add_tests_of_state(TCase *tcase)
{
	tcase_add_test(tcase, connects_that_fail_in_a_row_take_it_out);
	tcase_add_test(tcase, later_failures_change_nothing);
	tcase_add_test(tcase, one_pair_tries_after_fail_time);
	tcase_add_test(tcase, try_that_succeeds_brings_it_up);
	tcase_add_test(tcase, try_that_fails_leaves_it_out_for_as_long_again);
	tcase_add_test(tcase, try_that_ends_without_knowing_leaves_it_to_the_next);
	tcase_add_test(tcase, any_connection_brings_it_up);
	tcase_add_test(tcase, without_a_limit_nothing_is_taken_out);
	tcase_add_loop_test(tcase, without_a_limit_nothing_stays_out, 0, 2);
	tcase_add_test(tcase, it_is_down_for_those_whose_clock_is_older);
	tcase_add_test(tcase, rules_change_at_once);
	tcase_add_test(tcase, connection_without_trouble_takes_no_lock);
	tcase_add_test(tcase, checks_alone_bring_it_up);
	tcase_add_test(tcase, failures_before_it_was_down_do_not_count);
	tcase_add_test(tcase, checks_that_fail_in_a_row_take_it_out);
	tcase_add_test(tcase, try_decides_nothing_once_there_are_checks);
	tcase_add_test(tcase, weight_grows_only_after_it_was_down);
	tcase_add_test(tcase, epoch_changes_with_what_may_be_chosen);
	tcase_add_test(tcase, view_says_why_and_since_when);
}

int main(void)
{
	Suite *suite = suite_create("health");
	TCase *tcase = tcase_create("health");

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_tests_of_state(tcase);
	tcase_add_test(tcase, one_for_each_address_of_each_target);
	tcase_add_test(tcase, what_is_known_outlives_its_holders);
	tcase_add_test(tcase, what_is_not_worth_knowing_is_forgotten);
	tcase_add_test(tcase, what_nobody_had_for_an_hour_is_forgotten);
	tcase_add_test(tcase, of_too_many_the_oldest_are_forgotten);
	tcase_add_test(tcase, what_a_target_has_counted_does_not_go_back);
	tcase_add_test(tcase, addresses_that_all_change_take_nothing_along);
	tcase_add_loop_test(tcase, lack_of_memory_leaves_the_rest_as_it_is, 0, 2);
	tcase_add_test(tcase, any_thread_may_note);
	tcase_add_test(tcase, of_many_only_one_tries);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
