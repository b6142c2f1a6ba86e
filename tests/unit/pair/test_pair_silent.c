/* With connect_on = data, a target is connected with the client's first byte. */
#include "build_config.h"

#include "base/log.h"
#include "pair/pair_stage.h"

#define ON_DATA "connect_on=data"

static void assert_no_target(void)
{
	ck_assert_int_lt(try_meet(target), 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
}

static int join_silent(const char *const *options)
{
	int client;

	begin(options);
	client = join();
	ck_assert_int_eq(only_pair()->phase, PHASE_SILENT);
	return client;
}

START_TEST(first_byte_connects_the_target_and_is_the_flows)
{
	uint64_t received = 0;
	int client = join_silent(TEXTS(ON_DATA)), server;

	run_for(50);
	assert_no_target();
	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	server = meet_open(target);
	assert_receives(server, &received, 1);
	ck_assert_uint_eq(loop_send(client, 1, 4999), 4999);
	shutdown(client, SHUT_WR);
	ck_assert_int_eq(drain(server, &received), LOOP_FIN);
	ck_assert_uint_eq(received, 5000);
	shutdown(server, SHUT_WR);
	assert_over("eof");
	ck_assert_uint_eq(captured("upload_bytes=5000 "), 1);
	ck_assert_uint_eq(captured("attempts=1"), 1);
}
END_TEST

/* What came with the handshake needs no event. */
START_TEST(byte_that_is_there_connects_at_once)
{
	union client_address address;
	struct admission ticket;
	int fd, client;

	begin(TEXTS(ON_DATA));
	client = come_in(&fd, &ticket, &address);
	ck_assert_uint_eq(loop_send(client, 0, 10), 10);
	LOOP_UNTIL(base, stream_unread(fd) == 10);
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	ck_assert_int_ne(only_pair()->phase, PHASE_SILENT);
	meet_open(target);
}
END_TEST

/* An end and a byte before it are a question. */
START_TEST(byte_and_end_are_passed_on)
{
	int client = join_silent(TEXTS(ON_DATA));

	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	shutdown(client, SHUT_WR);
	assert_ends(meet_open(target), LOOP_FIN, 1);
}
END_TEST

/* _i: it ends, resets, or is idle. With level info that is no line at all, with debug it is one. */
START_TEST(client_that_says_nothing_is_no_line)
{
	static const char *const reasons_told[] = {"no_data", "client_reset", "idle_timeout"};
	const bool debug = _i % 2;
	char text[64];
	int client = join_silent(TEXTS(ON_DATA, _i / 2 == 2 ? "idle_timeout=100ms" : "idle_timeout=1h"));

	log_set_level(debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	if (_i / 2 == 0)
		shutdown(client, SHUT_WR);
	if (_i / 2 == 1)
		reset(client);
	else
		assert_ends(client, LOOP_RST, 0);
	LOOP_UNTIL(base, set.count == 0);
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_uint_eq(captured("closed pair="), debug);
	snprintf(text, sizeof(text), "reason=%s", reasons_told[_i / 2]);
	ck_assert_uint_eq(captured(text), debug);
	ck_assert_uint_eq(captured("ended_first=client"), debug && _i / 2 < 2);
	ck_assert_uint_eq(captured(" target=- "), debug);
	assert_no_target();
	ck_assert_uint_eq(ended, 1);
}
END_TEST

START_TEST(silence_is_no_spin)
{
	join_silent(TEXTS(ON_DATA));
	ck_assert_uint_le(loop_passes_in(base, 100), 2);
}
END_TEST

START_TEST(silent_client_has_a_state_of_its_own)
{
	struct pair_record *records;
	size_t count;
	int client = join_silent(TEXTS(ON_DATA));

	ck_assert_int_lt(client, 1000);
	records = begin_survey(&count);
	ck_assert(!pair_survey_measure(&set, count));
	ck_assert_int_eq(records[0].state, STATE_WAITING);
	ck_assert_ptr_null(records[0].target.first);
	ck_assert_int_eq(records[0].via.any.sa_family, AF_UNSPEC);
	pair_records_free(records, count);
}
END_TEST

/* It may have waited for an hour; then the target has as long as for any client. */
START_TEST(time_to_connect_begins_with_the_first_byte)
{
	int client, down = refusing();
	uint64_t began;

	open_relay(TEXTS(relays_address(down)), TEXTS(ON_DATA, "retry_time=300ms", "connect_timeout=10s"));
	client = join();
	be_quiet_since(only_pair(), 60000);
	began = clock_ms();
	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	ck_assert_uint_le(only_pair()->postpone.wait, 100);
	assert_ends(client, LOOP_RST, 0);
	ck_assert_uint_ge(clock_ms() - began, 300);
	assert_over("connect_failed");
}
END_TEST

/* The first byte is there, but the daemon was stopped when it came. */
START_TEST(late_daemon_does_not_blame_the_client)
{
	int client = join_silent(TEXTS(ON_DATA, "idle_timeout=30s"));

	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	be_quiet_since(only_pair(), 60000);
	fire_timer(only_pair());
	meet_open(target);
}
END_TEST

/* Its silence is not what the damper is for. */
START_TEST(silent_clients_damp_nothing)
{
	join_silent(TEXTS(ON_DATA));
	ck_assert_uint_eq(relay->standing->damping.clients, 0);
}
END_TEST

START_TEST(header_comes_first_then_silence)
{
	uint64_t received = 0;
	int client;

	begin(TEXTS(ON_DATA, "accept_proxy=127.0.0.0/8", "proxy_header_timeout=50ms"));
	client = join();
	ck_assert_int_eq(send(client, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 32, 0), 32);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_SILENT);
	run_for(100);
	assert_no_target();
	ck_assert_uint_eq(loop_send(client, 0, 10), 10);
	assert_receives(meet_open(target), &received, 10);
}
END_TEST

/* Nothing of it is lost, but an end of stream would look like an answer. */
START_TEST(silent_client_is_reset_when_weir_ends)
{
	int client = join_silent(TEXTS(ON_DATA));

	pair_set_shutdown(&set);
	assert_ends(client, LOOP_RST, 0);
}
END_TEST

/* _i: 0 when it comes in, 1 when an event was not what it seemed */
START_TEST(lack_of_an_event_costs_one_client)
{
	int client;

	begin(TEXTS(ON_DATA));
	client = join_with(FAULT_EVENT_ADD, _i == 0, ENOMEM);
	if (_i == 1) {
		ck_assert_uint_eq(loop_send(client, 0, 1), 1);
		fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
		fault_set(FAULT_RECV, 1, EINTR);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	assert_ends(client, LOOP_RST, 0);
	assert_over("out_of_memory");
	assert_no_target();
}
END_TEST

/* Keepalive probes may end it, as they end a pair that is open. */
START_TEST(client_that_vanishes_is_told_as_such)
{
	int client = join_silent(TEXTS(ON_DATA));

	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	fault_set(FAULT_RECV, 1, ETIMEDOUT);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_over("vanished");
	log_set_level(LOG_LEVEL_INFO);
	assert_no_target();
}
END_TEST

START_TEST(look_that_is_interrupted_is_repeated)
{
	int client = join_silent(TEXTS(ON_DATA));

	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	fault_set(FAULT_RECV, 1, EINTR);
	event_base_loop(base, EVLOOP_NONBLOCK);
	meet_open(target);
}
END_TEST

static TCase *silent_case(void)
{
	TCase *tcase = make_case("silent");

	tcase_add_test(tcase, first_byte_connects_the_target_and_is_the_flows);
	tcase_add_test(tcase, byte_that_is_there_connects_at_once);
	tcase_add_test(tcase, byte_and_end_are_passed_on);
	tcase_add_loop_test(tcase, client_that_says_nothing_is_no_line, 0, 6);
	tcase_add_test(tcase, silence_is_no_spin);
	tcase_add_test(tcase, silent_client_has_a_state_of_its_own);
	tcase_add_test(tcase, time_to_connect_begins_with_the_first_byte);
	tcase_add_test(tcase, late_daemon_does_not_blame_the_client);
	tcase_add_test(tcase, silent_clients_damp_nothing);
	tcase_add_test(tcase, header_comes_first_then_silence);
	tcase_add_test(tcase, silent_client_is_reset_when_weir_ends);
	tcase_add_loop_test(tcase, lack_of_an_event_costs_one_client, 0, 2);
	tcase_add_test(tcase, client_that_vanishes_is_told_as_such);
	tcase_add_test(tcase, look_that_is_interrupted_is_repeated);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_silent");

	suite_add_tcase(suite, silent_case());
	return unit_run(suite);
}
