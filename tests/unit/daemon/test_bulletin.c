/*
 * The status in words, and when it is said. The test has a clock of its own: timers fire when it says that
 * their time has come.
 */
#include "build_config.h"

#include "base/evloop.h"
#include "daemon/bulletin.h"
#include "daemon/manager_stage.h"
#include "loop.h"
#include "unit.h"

#include <sys/resource.h>

#define MIB 1048576u

static struct event_base *base;
static struct service service;
static struct bulletin *bulletin;
static struct bulletin_facts now;
static unsigned looks;

static uint64_t clock_now = 1000000, due; /* ms; due 0: no timer */
static struct event *timer;

int __real_event_add(struct event *event, const struct timeval *delay);
int __wrap_event_add(struct event *event, const struct timeval *delay);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

int __wrap_event_add(struct event *event, const struct timeval *delay)
{
	if (!delay)
		return __real_event_add(event, NULL);
	timer = event;
	due = clock_now + (uint64_t)delay->tv_sec * 1000 + (uint64_t)delay->tv_usec / 1000;
	return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = (struct timespec){(time_t)(clock_now / 1000), (long)(clock_now % 1000) * 1000000};
	return 0;
}

static void look(void *arg, struct bulletin_facts *facts)
{
	ck_assert_ptr_eq(arg, &looks);
	looks++;
	*facts = now;
}

static void pass(uint64_t ms)
{
	uint64_t end = clock_now + ms;

	event_base_loop(base, EVLOOP_NONBLOCK);
	while (due > 0 && due <= end) {
		clock_now = due;
		due = 0;
		event_active(timer, EV_TIMEOUT, 0);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	clock_now = end;
}

static void begin(void)
{
	ck_assert_int_eq(service_open(&service, base), 0);
	bulletin = bulletin_new(base, &service, look, &looks);
	ck_assert_ptr_nonnull(bulletin);
}

static void setup(void)
{
	now = (struct bulletin_facts){.phase = RUNNING, .memory_max = 256 * MIB};
	looks = 0;
	base = evloop_new();
	ck_assert_ptr_nonnull(base);
	manager_begin();
}

static void teardown(void)
{
	bulletin_free(bulletin);
	service_close(&service);
	event_base_free(base);
	manager_end();
}

static void ring(void)
{
	bell_ring(bulletin_bell(bulletin));
}

/* It is ready, nothing has changed since, and nothing wakes it up. */
static void sleep_soundly(void)
{
	begin();
	bulletin_say(bulletin, service_ready);
	ck_assert_str_ne(manager_received(), "");
	pass(10000);
	ck_assert_uint_eq(due, 0);
	ck_assert_str_eq(manager_received(), "");
	looks = 0;
}

static void expect_status(const char *status)
{
	char message[SERVICE_STATUS_MAX + 32];

	snprintf(message, sizeof(message), "STATUS=%s\n", status);
	bulletin_say(bulletin, service_status);
	ck_assert_str_eq(manager_received(), message);
}

START_TEST(what_is_relayed_in_words)
{
	begin();
	expect_status("0 pairs, 0 flows paused, 0 KiB of 256 MiB queued");
	now.pairs = 1;
	now.paused = 1;
	now.used = 1;
	expect_status("1 pair, 1 flow paused, 1 KiB of 256 MiB queued");
	now.pairs = 214;
	now.paused = 3;
	now.used = 41 * MIB;
	expect_status("214 pairs, 3 flows paused, 41 MiB of 256 MiB queued");
	now.used = MIB - 1;
	now.memory_max = 100000;
	expect_status("214 pairs, 3 flows paused, 1024 KiB of 98 KiB queued");
	now.used = 2 * MIB - 1;
	now.memory_max = (uint64_t)1024 * 1024 * MIB;
	expect_status("214 pairs, 3 flows paused, 2 MiB of 1048576 MiB queued");
}
END_TEST

START_TEST(targets_that_are_down_in_words)
{
	begin();
	now.targets = 3;
	expect_status("0 pairs, 0 flows paused, 0 KiB of 256 MiB queued");
	now.targets_down = 1;
	expect_status("0 pairs, 0 flows paused, 0 KiB of 256 MiB queued, 1 of 3 targets down");
	bulletin_note_reload(bulletin, "no");
	now.targets = 1;
	expect_status("0 pairs, 0 flows paused, 0 KiB of 256 MiB queued, 1 of 1 target down; reload failed: "
	              "no");
}
END_TEST

START_TEST(other_phases_in_words)
{
	begin();
	now.phase = STARTING;
	expect_status("starting");
	now.awaited = "relay.example";
	expect_status("starting: looking up relay.example, to listen there");
	now.phase = DRAINING;
	now.pairs = 12;
	now.left_ms = 20001;
	expect_status("draining: 12 pairs left, 21 s at most");
	now.pairs = 1;
	now.left_ms = 0;
	expect_status("draining: resetting 1 pair");
	now.phase = STOPPING;
	expect_status("stopping");
}
END_TEST

START_TEST(a_reload_that_failed_is_remembered)
{
	static char text[5000];
	const char *message;

	begin();
	bulletin_note_reload(bulletin, "relay.ini:12: unknown key \"lisen\"");
	expect_status("0 pairs, 0 flows paused, 0 KiB of 256 MiB queued; reload failed: relay.ini:12: "
	              "unknown key \"lisen\"");
	now.pairs = 2;
	expect_status("2 pairs, 0 flows paused, 0 KiB of 256 MiB queued; reload failed: relay.ini:12: "
	              "unknown key \"lisen\"");
	memset(text, 'x', sizeof(text) - 1);
	bulletin_note_reload(bulletin, text);
	bulletin_say(bulletin, service_ready);
	message = manager_received();
	ck_assert_int_eq(strncmp(message, "READY=1\nSTATUS=2 pairs", 22), 0);
	ck_assert_uint_gt(strspn(strstr(message, "failed: ") + 8, "x"), 500);
	bulletin_note_reload(bulletin, NULL);
	expect_status("2 pairs, 0 flows paused, 0 KiB of 256 MiB queued");
}
END_TEST

START_TEST(nothing_changes_nothing_wakes_up)
{
	sleep_soundly();
	pass(1000000);
	ck_assert_uint_eq(looks, 0);
	ring();
	pass(0);
	ck_assert_uint_eq(looks, 1); /* at once */
	pass(1000000);
	ck_assert_uint_eq(looks, 2);
	ck_assert_uint_eq(due, 0);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

/* A pair a millisecond, for more than nine seconds. */
START_TEST(a_status_comes_once_a_second)
{
	unsigned messages = 0;

	sleep_soundly();
	for (unsigned i = 0; i < 9500; i++) {
		now.pairs++;
		ring();
		pass(1);
		messages += manager_received()[0] != '\0';
	}
	ck_assert_uint_eq(messages, 10);
	ck_assert_uint_eq(looks, 10);
}
END_TEST

/* Each is over before anybody looks. */
START_TEST(what_is_over_at_once_costs_two_looks_a_second_at_most)
{
	sleep_soundly();
	for (unsigned i = 0; i < 10000; i++) {
		ring();
		pass(1);
	}
	ck_assert_uint_le(looks, 11);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

/* A bell does not shorten the second since the last message. */
START_TEST(a_change_right_after_a_message_waits)
{
	sleep_soundly();
	now.pairs = 1;
	ring();
	pass(0);
	ck_assert_str_eq(manager_received(), "STATUS=1 pair, 0 flows paused, 0 KiB of 256 MiB queued\n");
	bell_await(bulletin_bell(bulletin));
	now.pairs = 2;
	ring();
	pass(999);
	ck_assert_str_eq(manager_received(), "");
	pass(1);
	ck_assert_str_eq(manager_received(), "STATUS=2 pairs, 0 flows paused, 0 KiB of 256 MiB queued\n");
}
END_TEST

/* The bell and a change may miss each other. */
START_TEST(a_change_without_a_bell_shows_if_it_comes_while_the_bell_is_awaited)
{
	sleep_soundly();
	ring();
	pass(500);
	ck_assert(bell_is_awaited(bulletin_bell(bulletin)));
	now.pairs = 1;
	pass(500);
	ck_assert_str_ne(manager_received(), "");
}
END_TEST

START_TEST(queues_are_looked_at_ever_less)
{
	sleep_soundly();
	now.used = 5 * MIB;
	ring();
	pass(0);
	ck_assert_str_ne(manager_received(), "");
	looks = 0;
	pass(63000);
	ck_assert_uint_eq(looks, 6); /* after 1, 2, 4, 8, 16 and 32 s */
	pass(600000);
	ck_assert_uint_le(looks, 18);
	now.used = 0;
	pass(60000);
	ck_assert_str_ne(manager_received(), "");
	pass(3000);
	ck_assert_uint_eq(due, 0);
}
END_TEST

START_TEST(a_bell_cuts_a_long_wait_short)
{
	sleep_soundly();
	now.used = 5 * MIB;
	ring();
	pass(100000);
	now.pairs = 7;
	ring();
	while (manager_received()[0])
		;
	pass(0);
	ck_assert_str_eq(manager_received(), "STATUS=7 pairs, 0 flows paused, 5 MiB of 256 MiB queued\n");
}
END_TEST

START_TEST(a_start_that_takes_long_asks_for_time)
{
	now.phase = STARTING;
	now.awaited = "relay.example";
	begin();
	pass(999);
	ck_assert_str_eq(manager_received(), "");
	pass(1);
	ck_assert_str_eq(manager_received(), "EXTEND_TIMEOUT_USEC=5000000\n");
	ck_assert_str_eq(manager_received(), "STATUS=starting: looking up relay.example, to listen there\n");
	for (unsigned i = 0; i < 100; i++) {
		pass(1000);
		ck_assert_str_eq(manager_received(), "EXTEND_TIMEOUT_USEC=5000000\n");
		ck_assert_str_eq(manager_received(), "");
	}
	now.phase = RUNNING;
	bulletin_say(bulletin, service_ready);
	ck_assert_str_ne(manager_received(), "");
	pass(10000);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

START_TEST(reloading_asks_for_time)
{
	const char *message;

	sleep_soundly();
	now.reloading = true;
	now.awaited = "relay.example";
	bulletin_say(bulletin, service_reloading);
	message = manager_received();
	ck_assert_int_eq(strncmp(message, "RELOADING=1\n", 12), 0);
	ck_assert_ptr_nonnull(
	        strstr(message, " queued; reloading: looking up relay.example, to listen there\n"));
	for (unsigned i = 0; i < 100; i++) {
		pass(1000);
		ck_assert_str_eq(manager_received(), "EXTEND_TIMEOUT_USEC=5000000\n");
		ck_assert_str_eq(manager_received(), "");
	}
	now.reloading = false;
	bulletin_note_reload(bulletin, "no room");
	bulletin_say(bulletin, service_ready);
	ck_assert_ptr_nonnull(strstr(manager_received(), " queued; reload failed: no room\n"));
	pass(10000);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

/* When the time of drain_timeout is up, what is left must not take for ever. */
START_TEST(draining_asks_for_time_until_it_is_up)
{
	sleep_soundly();
	now = (struct bulletin_facts){.phase = DRAINING, .pairs = 1, .left_ms = 3600000};
	bulletin_say(bulletin, service_stopping);
	ck_assert_str_eq(manager_received(), "STOPPING=1\nSTATUS=draining: 1 pair left, 3600 s at most\n");
	for (unsigned i = 1; i < 10; i++) {
		now.left_ms -= 1000;
		pass(1000);
		ck_assert_str_eq(manager_received(), "EXTEND_TIMEOUT_USEC=5000000\n");
		ck_assert_int_eq(strncmp(manager_received(), "STATUS=draining: 1 pair left, 359", 33), 0);
	}
	now.left_ms = 0;
	pass(1000);
	ck_assert_str_eq(manager_received(), "STATUS=draining: resetting 1 pair\n");
	pass(100000);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

START_TEST(without_a_manager_nothing_happens)
{
	unsetenv("NOTIFY_SOCKET");
	begin();
	ck_assert_ptr_null(bulletin_bell(bulletin));
	bulletin_note_reload(bulletin, "failed");
	bulletin_say(bulletin, service_ready);
	pass(100000);
	ck_assert_uint_eq(looks, 0);
	bulletin_say(NULL, service_stopping);
}
END_TEST

START_TEST(no_descriptor_is_an_error)
{
	struct rlimit limit = {0};

	ck_assert_int_eq(service_open(&service, base), 0);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &limit);
	ck_assert_ptr_null(bulletin_new(base, &service, look, &looks));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	bulletin = NULL;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bulletin");
	TCase *tcase = tcase_create("status");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_is_relayed_in_words);
	tcase_add_test(tcase, targets_that_are_down_in_words);
	tcase_add_test(tcase, other_phases_in_words);
	tcase_add_test(tcase, a_reload_that_failed_is_remembered);
	tcase_add_test(tcase, nothing_changes_nothing_wakes_up);
	tcase_add_test(tcase, a_status_comes_once_a_second);
	tcase_add_test(tcase, what_is_over_at_once_costs_two_looks_a_second_at_most);
	tcase_add_test(tcase, a_change_right_after_a_message_waits);
	tcase_add_test(tcase, a_change_without_a_bell_shows_if_it_comes_while_the_bell_is_awaited);
	tcase_add_test(tcase, queues_are_looked_at_ever_less);
	tcase_add_test(tcase, a_bell_cuts_a_long_wait_short);
	tcase_add_test(tcase, a_start_that_takes_long_asks_for_time);
	tcase_add_test(tcase, reloading_asks_for_time);
	tcase_add_test(tcase, draining_asks_for_time_until_it_is_up);
	tcase_add_test(tcase, without_a_manager_nothing_happens);
	tcase_add_test(tcase, no_descriptor_is_an_error);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
