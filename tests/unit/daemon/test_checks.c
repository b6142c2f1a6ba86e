/* Checks of target addresses, with listeners that accept, refuse or never answer. */
#include "build_config.h"

#include "base/evloop.h"
#include "capture.h"
#include "daemon/checks.h"
#include "faults.h"
#include "loop.h"
#include "relays.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#define MANY      100
#define UNDER_WAY 64
#define TENTHS    10

static struct event_base *base;
static struct checks *checks;
static struct config_relay relay;
static struct healths healths;
static struct check_rules rules;
static struct label *target;
static struct endpoint endpoint; /* of listener */
static struct health *health;    /* of that */
static int listener, stuffing[8];
static unsigned fds_before;

static struct health *get(const char *name)
{
	struct label *label = label_new(name);
	struct health *got = healths_get(&healths, label, &endpoint);

	ck_assert_ptr_nonnull(got);
	label_put(label);
	return got;
}

static void setup(void)
{
	struct sockaddr_in address;

	const struct rlimit few = {1024, 1024};

	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0); /* for UNDER_WAY */
	fds_before = relays_count_fds();
	base = evloop_new();
	relay = (struct config_relay){.fail_limit = 3,
	                              .fail_time = 10000,
	                              .check_interval = 1,
	                              .check_timeout = 1000,
	                              .check_rise = 2,
	                              .check_fall = 3};
	rules = (struct check_rules){
	        .interval = 20,
	        .timeout = 5000,
	        .tuning = {.rcvbuf = UNITS_AUTO, .sndbuf = UNITS_AUTO, .notsent_lowat = UNITS_AUTO}};
	memset(&healths, 0, sizeof(healths));
	healths_init(&healths, &relay, NULL);
	listener = loop_listen(&address);
	loop_nonblocking(listener);
	ck_assert_int_eq(listen(listener, 1024), 0);
	endpoint = (struct endpoint){.in = address, .length = sizeof(address)};
	target = label_new("db.example:80");
	health = get("db.example:80");
	checks = checks_new(base, NULL);
	ck_assert_ptr_nonnull(checks);
	for (size_t i = 0; i < sizeof(stuffing) / sizeof(stuffing[0]); i++)
		stuffing[i] = -1;
}

static void teardown(void)
{
	checks_free(checks);
	checks_free(NULL);
	health_put(health);
	healths_deinit(&healths);
	label_put(target);
	for (size_t i = 0; i < sizeof(stuffing) / sizeof(stuffing[0]); i++)
		if (stuffing[i] >= 0)
			close(stuffing[i]);
	if (listener >= 0)
		close(listener);
	event_base_free(base);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
}

static void want(struct health *one)
{
	ck_assert_int_eq(checks_want(checks, one, &rules), 0);
}

/* That one and no other is checked. */
static void check_one(void)
{
	checks_begin(checks);
	want(health);
	checks_end(checks);
}

static struct health_view view(void)
{
	struct health_view seen;

	health_look(health, &seen);
	return seen;
}

/* Its queue is full, so it answers no more. */
static void silence(void)
{
	ck_assert_int_eq(listen(listener, 0), 0);
	for (size_t i = 0; i < sizeof(stuffing) / sizeof(stuffing[0]); i++) {
		stuffing[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(stuffing[i], &endpoint.any, endpoint.length);
	}
}

/* Checked in place of the other. It is returned, and the connection that fills it is in stuffing. */
static int unix_with_full_backlog(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(endpoint.un);

	endpoint = (struct endpoint){.un.sun_family = AF_UNIX, .length = sizeof(sa_family_t)};
	ck_assert_int_eq(bind(fd, &endpoint.any, endpoint.length), 0); /* the kernel chooses a name */
	ck_assert_int_eq(getsockname(fd, &endpoint.any, &length), 0);
	endpoint.length = length;
	ck_assert_int_eq(listen(fd, 0), 0);
	stuffing[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(stuffing[0], &endpoint.any, endpoint.length), 0);
	health_put(health);
	health = get("unix");
	return fd;
}

/* Its listener is gone. */
static void refuse(void)
{
	close(listener);
	listener = -1;
}

static unsigned accepted_and_reset(void)
{
	unsigned count = 0;
	int fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		char byte;

		ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
		ck_assert_int_eq(recv(fd, &byte, 1, 0), -1);
		ck_assert_int_eq(errno, ECONNRESET);
		close(fd);
		count++;
	}
	return count;
}

START_TEST(target_sees_a_connection_and_its_reset)
{
	unsigned accepted = 0;

	check_one();
	LOOP_UNTIL(base, (accepted += accepted_and_reset()) >= 5);
	ck_assert_uint_eq(view().checks, accepted);
	ck_assert_uint_eq(view().check_failures, 0);
}
END_TEST

/* What a check has sent before it was reset. */
static size_t accept_and_receive(char *bytes, size_t size)
{
	ssize_t count;
	int fd = -1;

	LOOP_UNTIL(base, (fd = accept(listener, NULL, NULL)) >= 0);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
	count = recv(fd, bytes, size, 0);
	ck_assert_int_ge(count, 0);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000), 1);
	ck_assert_int_eq(recv(fd, bytes + count, 1, 0), -1);
	ck_assert_int_eq(errno, ECONNRESET);
	close(fd);
	return (size_t)count;
}

/* A check is nobody's client: it says so, or names itself. */
START_TEST(check_sends_a_header)
{
	char bytes[256], end[64];

	rules.send_proxy = SEND_PROXY_V2;
	check_one();
	ck_assert_uint_eq(accept_and_receive(bytes, sizeof(bytes) - 1), 16);
	ck_assert_mem_eq(bytes, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
	rules.send_proxy = SEND_PROXY_V1;
	check_one();
	LOOP_UNTIL(base, (bytes[accept_and_receive(bytes, sizeof(bytes) - 1)] = '\0', bytes[0] == 'P'));
	snprintf(end, sizeof(end), " %u\r\n", endpoint_port(&endpoint));
	ck_assert_mem_eq(bytes, "PROXY TCP4 127.0.0.1 127.0.0.1 ", 31);
	ck_assert_str_eq(bytes + strlen(bytes) - strlen(end), end);
	ck_assert_uint_eq(view().check_failures, 0);
}
END_TEST

START_TEST(check_that_cannot_send_its_header)
{
	rules.send_proxy = SEND_PROXY_V2;
	fault_set_lasting(FAULT_SEND, EAGAIN);
	check_one();
	LOOP_UNTIL(base, fault_count(FAULT_SEND) >= 3);
	ck_assert_uint_eq(view().checks, 0); /* says nothing */
	fault_set_lasting(FAULT_SEND, ECONNRESET);
	LOOP_UNTIL(base, view().state == HEALTH_DOWN);
	ck_assert_int_eq(view().last_error, -ECONNRESET);
	fault_set(FAULT_SEND, 0, 0);
}
END_TEST

START_TEST(fall_and_rise)
{
	struct sockaddr_in address = endpoint.in;
	const int one = 1;

	check_one();
	refuse();
	LOOP_UNTIL(base, view().state == HEALTH_DOWN);
	ck_assert_uint_eq(view().in_a_row, relay.check_fall);
	ck_assert_uint_eq(view().check_failures, relay.check_fall);
	ck_assert_int_eq(view().last_error, -ECONNREFUSED);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(listener, 16), 0);
	LOOP_UNTIL(base, view().state == HEALTH_UP);
	ck_assert_uint_eq(accepted_and_reset(), relay.check_rise);
}
END_TEST

START_TEST(check_that_takes_too_long)
{
	silence();
	rules.timeout = 50;
	check_one();
	LOOP_UNTIL(base, view().checks >= 2);
	ck_assert_uint_eq(view().check_failures, view().checks);
	ck_assert_int_eq(view().last_error, -ETIMEDOUT);
}
END_TEST

/* A program that hangs used to stay up for ever: that its backlog is full was no result. */
START_TEST(unix_target_that_does_not_accept)
{
	uint64_t began = clock_ms();
	int hangs = unix_with_full_backlog();

	rules.timeout = 100;
	check_one();
	LOOP_UNTIL(base, view().state == HEALTH_DOWN);
	ck_assert_uint_ge(clock_ms() - began, 3 * 100);
	ck_assert_int_eq(view().why, -EAGAIN);
	ck_assert_uint_eq(view().in_a_row, 3);
	close(hangs);
}
END_TEST

/* That is tried again meanwhile, and ends well. */
START_TEST(unix_target_that_accepts_late)
{
	int busy = unix_with_full_backlog();

	check_one();
	(void)loop_passes_in(base, 200);
	ck_assert_uint_eq(view().checks, 0);
	close(accept(busy, NULL, NULL));
	LOOP_UNTIL(base, view().checks > 0);
	ck_assert_uint_eq(view().check_failures, 0);
	close(busy);
}
END_TEST

static void assert_spread(const uint64_t due[MANY], uint64_t began, uint64_t range)
{
	unsigned in[TENTHS] = {0};

	for (int i = 0; i < MANY; i++) {
		ck_assert_uint_ge(due[i], began);
		in[min_u64((due[i] - began) * TENTHS / range, TENTHS - 1)]++;
	}
	for (int i = 0; i < TENTHS; i++) {
		ck_assert_uint_ge(in[i], MANY / TENTHS / 2);
		ck_assert_uint_le(in[i], MANY / TENTHS * 2);
	}
}

/* This looks at when they are due: a busy machine does not change that. */
START_TEST(checks_are_spread)
{
	static const uint64_t interval = 60000, second = 1000;
	struct check_turns turns = {.places = 0};
	static struct check all[MANY];
	uint64_t due[MANY], began = clock_ms();

	rules.interval = interval;
	ck_assert_int_eq(check_turns_init(&turns, base, NULL), 0);
	for (int i = 0; i < MANY; i++) {
		health_set_next_check(health, 0); /* as if each had its own */
		ck_assert_int_eq(check_start(&all[i], &turns, health, &rules), 0);
		due[i] = timer_due(&all[i].timer);
	}
	assert_spread(due, began, second);
	for (int i = 0; i < MANY; i++) {
		LOOP_UNTIL(base, timer_due(&all[i].timer) != due[i] && all[i].began > 0 && all[i].fd < 0);
		due[i] = timer_due(&all[i].timer) - all[i].began;
	}
	assert_spread(due, 0, interval);
	for (int i = 0; i < MANY; i++)
		check_stop(&all[i]);
	check_turns_deinit(&turns);
}
END_TEST

/* The others wait for them. */
START_TEST(only_so_many_at_a_time)
{
	struct health *all[MANY];
	struct health_view seen;
	const unsigned fds = (silence(), relays_count_fds());
	char name[16];

	rules.interval = 1;
	rules.timeout = 300;
	checks_begin(checks);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d", i);
		want(all[i] = get(name));
	}
	checks_end(checks);
	LOOP_UNTIL(base, relays_count_fds() == fds + UNDER_WAY);
	rules.interval = 3600000; /* so that nothing but the end of one lets the next begin */
	checks_begin(checks);
	for (int i = 0; i < MANY; i++)
		want(all[i]);
	checks_end(checks);
	for (int i = 0; i < 20; i++) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_le(relays_count_fds(), fds + UNDER_WAY);
	}
	for (int i = 0; i < MANY; i++) {
		LOOP_UNTIL(base, (health_look(all[i], &seen), seen.check_failures > 0));
		ck_assert_uint_eq(seen.checks, 1);
	}
	checks_begin(checks);
	checks_end(checks);
	ck_assert_uint_eq(relays_count_fds(), fds);
	for (int i = 0; i < MANY; i++)
		health_put(all[i]);
}
END_TEST

static uint64_t checks_of(struct health *one)
{
	struct health_view seen;

	health_look(one, &seen);
	return seen.checks;
}

/* Places are kept for those that answer. */
START_TEST(silent_ones_do_not_hold_up_the_others)
{
	const struct check_rules often = {.interval = 10, .timeout = 5000, .tuning = rules.tuning};
	struct health *all[MANY], *other;
	struct sockaddr_in address;
	int answers = loop_listen(&address);
	uint64_t before;
	char name[16];

	silence();
	rules.interval = 1;
	rules.timeout = 600;
	checks_begin(checks);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "%d", i);
		want(all[i] = get(name));
	}
	endpoint.in = address;
	other = get("other");
	ck_assert_int_eq(listen(answers, 4096), 0);
	ck_assert_int_eq(checks_want(checks, other, &often), 0);
	checks_end(checks);
	for (int i = 0; i < MANY; i++)
		LOOP_UNTIL(base, checks_of(all[i]) >= 1);
	before = checks_of(other);
	LOOP_UNTIL(base, checks_of(all[0]) >= 4);
	ck_assert_uint_ge(checks_of(other) - before, 20); /* one of 64 equals would get two in each 600 ms */
	checks_begin(checks);
	checks_end(checks);
	for (int i = 0; i < MANY; i++)
		health_put(all[i]);
	health_put(other);
	close(answers);
}
END_TEST

START_TEST(shortage_is_no_result)
{
	fault_set_lasting(FAULT_SOCKET, EMFILE);
	check_one();
	LOOP_UNTIL(base, fault_count(FAULT_SOCKET) >= 5);
	fault_set(FAULT_SOCKET, 0, 0);
	ck_assert_uint_eq(view().checks, 0);
	LOOP_UNTIL(base, accepted_and_reset() > 0);
	ck_assert_uint_eq(view().check_failures, 0);
}
END_TEST

/* Another check, which needs none, shows that time passes. */
START_TEST(local_address_that_is_not_there_is_no_result)
{
	static const struct endpoint nowhere = {.length = sizeof(nowhere.in),
	                                        .in = {.sin_family = AF_INET, .sin_addr = {0x070200c0}}};
	const struct check_rules without = rules;
	struct health *other = get("other");

	local_address_init(&rules.tuning.local_address, &nowhere, 1, "");
	checks_begin(checks);
	want(health);
	ck_assert_int_eq(checks_want(checks, other, &without), 0);
	checks_end(checks);
	LOOP_UNTIL(base, checks_of(other) >= 5);
	ck_assert_uint_eq(view().checks, 0);
	local_address_init(&rules.tuning.local_address, NULL, 0, "lo"); /* with a reload */
	check_one();
	LOOP_UNTIL(base, view().checks >= 1);
	ck_assert_uint_eq(view().check_failures, 0);
	health_put(other);
}
END_TEST

/* Waiting for an event needs memory. */
START_TEST(no_memory_is_no_result)
{
	unsigned fds;

	silence();
	fds = relays_count_fds();
	fault_set_lasting(FAULT_EVENT_NEW, ENOMEM);
	check_one();
	LOOP_UNTIL(base, fault_count(FAULT_EVENT_NEW) >= 5);
	fault_set(FAULT_EVENT_NEW, 0, 0);
	ck_assert_uint_eq(view().checks, 0);
	ck_assert_uint_le(relays_count_fds(), fds + 1);
}
END_TEST

/* A shorter interval holds at once, a longer one from the next check on. */
START_TEST(other_rules)
{
	uint64_t before;

	rules.interval = 3600000;
	check_one();
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(view().checks, 0);
	rules.interval = 20;
	check_one();
	LOOP_UNTIL(base, view().checks >= 3);
	rules.interval = 3600000;
	check_one();
	before = view().checks;
	LOOP_UNTIL(base, view().checks == before + 1);
	(void)loop_passes_in(base, 200);
	ck_assert_uint_eq(view().checks, before + 1);
}
END_TEST

/* Whether it waits, or is under way. */
START_TEST(no_longer_wanted)
{
	uint64_t seen;
	unsigned fds;

	if (_i) {
		silence();
		fds = relays_count_fds();
		check_one();
		LOOP_UNTIL(base, relays_count_fds() == fds + 1);
	} else {
		fds = relays_count_fds();
		check_one();
		LOOP_UNTIL(base, view().checks > 0);
	}
	checks_begin(checks);
	checks_end(checks);
	ck_assert_uint_eq(relays_count_fds(), fds);
	seen = view().checks;
	(void)loop_passes_in(base, 200);
	ck_assert_uint_eq(view().checks, seen);
}
END_TEST

/* Another program has left when: see health_state.c. */
START_TEST(checks_go_on_when_they_were_due)
{
	const uint64_t due = clock_ms() + 300;
	struct health *overdue = get("overdue:80"), *far = get("far:80");

	rules.interval = 400;
	health_set_next_check(health, due);
	health_set_next_check(overdue, 1);
	health_set_next_check(far, due + 3600000);
	checks_begin(checks);
	want(health);
	want(overdue);
	want(far);
	checks_end(checks);
	ck_assert_uint_eq(health_next_check(health), due);
	ck_assert_uint_eq(health_next_check(overdue), 1); /* at once */
	ck_assert_uint_le(health_next_check(far), clock_ms() + 400);
	event_base_loop(base, EVLOOP_NONBLOCK);
	LOOP_UNTIL(base, checks_of(overdue) == 1);
	ck_assert(checks_of(health) == 0 || clock_ms() >= due);
	LOOP_UNTIL(base, checks_of(health) == 1);
	ck_assert_uint_ge(clock_ms(), due);
	ck_assert_uint_ge(health_next_check(health), due + 380);
	checks_free(checks);
	checks = NULL;
	ck_assert_uint_eq(health_next_check(health), 0);
	health_put(overdue);
	health_put(far);
}
END_TEST

START_TEST(wanted_twice_is_one_check)
{
	unsigned fds;

	silence();
	fds = relays_count_fds();
	checks_begin(checks);
	want(health);
	want(health);
	checks_end(checks);
	check_one();
	LOOP_UNTIL(base, relays_count_fds() > fds);
	(void)loop_passes_in(base, 100);
	ck_assert_uint_eq(relays_count_fds(), fds + 1);
}
END_TEST

START_TEST(no_memory_for_another)
{
	size_t nth = 0;
	int error = -ENOMEM;

	checks_begin(checks);
	while (error) {
		fault_set(FAULT_MEMORY, ++nth, ENOMEM);
		error = checks_want(checks, health, &rules);
		fault_set(FAULT_MEMORY, 0, 0);
	}
	ck_assert_uint_ge(nth, 2);
	checks_end(checks);
	LOOP_UNTIL(base, view().checks > 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("checks");
	TCase *tcase = tcase_create("checks");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, target_sees_a_connection_and_its_reset);
	tcase_add_test(tcase, check_sends_a_header);
	tcase_add_test(tcase, check_that_cannot_send_its_header);
	tcase_add_test(tcase, fall_and_rise);
	tcase_add_test(tcase, check_that_takes_too_long);
	tcase_add_test(tcase, unix_target_that_does_not_accept);
	tcase_add_test(tcase, unix_target_that_accepts_late);
	tcase_add_test(tcase, checks_are_spread);
	tcase_add_test(tcase, only_so_many_at_a_time);
	tcase_add_test(tcase, silent_ones_do_not_hold_up_the_others);
	tcase_add_test(tcase, shortage_is_no_result);
	tcase_add_test(tcase, local_address_that_is_not_there_is_no_result);
	tcase_add_test(tcase, no_memory_is_no_result);
	tcase_add_test(tcase, other_rules);
	tcase_add_loop_test(tcase, no_longer_wanted, 0, 2);
	tcase_add_test(tcase, checks_go_on_when_they_were_due);
	tcase_add_test(tcase, wanted_twice_is_one_check);
	tcase_add_test(tcase, no_memory_for_another);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
