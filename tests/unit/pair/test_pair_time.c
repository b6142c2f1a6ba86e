/* Timeouts. */
#include "build_config.h"

#include "pair/pair_stage.h"

/* ---- time ---- */

START_TEST(idle_timeout_resets_both)
{
	uint64_t last;
	int client, server;

	begin(TEXTS("idle_timeout=150ms"));
	client = join();
	server = meet_open(target);
	for (int i = 0; i < 4; i++) {
		run_for(75);
		ck_assert_uint_eq(set.count, 1);
		loop_send(i % 2 ? client : server, (uint64_t)(i / 2), 1);
	}
	last = clock_ms();
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_ge(clock_ms() - last, 145);
	assert_ends(client, LOOP_RST, 2);
	assert_ends(server, LOOP_RST, 2);
	assert_over("idle_timeout");
	ck_assert_uint_eq(captured("ended_first=relay"), 1);
}
END_TEST

START_TEST(half_close_timeout_begins_anew_with_each_byte)
{
	uint64_t last, received = 0;
	int client, server;

	begin(TEXTS("half_close_timeout=200ms"));
	client = join();
	server = meet_open(target);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	for (uint64_t i = 0; i < 6; i++) {
		run_for(80);
		ck_assert_uint_eq(loop_send(server, i, 1), 1);
		assert_receives(client, &received, i + 1);
	}
	last = clock_ms();
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_ge(clock_ms() - last, 190);
	assert_over("half_close_timeout");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
}
END_TEST

/* Silence before the end does not count. A pair that was idle for long ends as cleanly as any. */
START_TEST(half_close_timeout_begins_with_the_end)
{
	uint64_t last, received = 0;
	int client, server;

	begin(TEXTS("half_close_timeout=200ms"));
	client = join();
	server = meet_open(target);
	run_for(300);
	ck_assert_uint_eq(set.count, 1); /* nobody has ended */
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	last = clock_ms();
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_ge(clock_ms() - last, 150);
	assert_over("half_close_timeout");
}
END_TEST

START_TEST(stall_timeout_resets_both)
{
	uint64_t began, received = 0;
	int client, server;

	begin(TEXTS("high_watermark=64K", "stall_timeout=150ms"));
	client = join();
	server = meet_open(target);
	run_for(250);
	fill(client, &only_pair()->client.from);
	began = clock_ms();
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_ge(clock_ms() - began, 100);
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
	assert_over("stall_timeout");
	ck_assert_uint_eq(relay->standing->tallies[0].counters.pauses[UPLOAD], 1);
	ck_assert_uint_ge(relay->standing->tallies[0].counters.paused_ms[UPLOAD], 100);
}
END_TEST

/* What the other flow does is not progress for the one that is stuck. */
START_TEST(stalled_flow_times_out_beside_a_busy_one)
{
	uint64_t sent = 0, received = 0, began;
	int client, server, size = 1024 * 1024;

	begin(TEXTS("upload_high_watermark=64K", "stall_timeout=150ms"));
	client = join();
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	server = meet_open(target);
	fill(client, &only_pair()->client.from);
	began = clock_ms();
	while (set.count > 0) {
		sent += loop_send(server, sent, 1024 * 1024);
		event_base_loop(base, EVLOOP_NONBLOCK);
		loop_receive(client, &received, BULK);
		ck_assert_msg(clock_ms() - began < 3000, "still there after 3 s");
	}
	assert_over("stall_timeout");
}
END_TEST

/* Nor is what the stuck flow itself still reads. */
/* Something to read is news for the other flow only, however often there is. */
START_TEST(stalled_flow_times_out_although_the_other_has_news)
{
	struct pair *pair;
	int client, server;

	begin(TEXTS("upload_high_watermark=64K", "stall_timeout=10s"));
	client = join();
	server = meet_open(target);
	pair = only_pair();
	fill(client, &pair->client.from);
	ck_assert_uint_eq(loop_send(server, 0, 1), 1);
	poll(&(struct pollfd){.fd = pair->target.fd, .events = POLLIN}, 1, LOOP_DEADLINE_MS);
	pair->client.from.last_progress = clock_ms() - 20000;
	timers_stop(&set.timers, &pair->timer);
	set.timers.fire(&pair->timer);
	ck_assert_uint_eq(set.count, 0);
	assert_over("stall_timeout");
}
END_TEST

START_TEST(flow_that_only_reads_is_stalled)
{
	struct pair *pair;
	uint64_t sent = 0, end;
	int client;

	begin(TEXTS("stall_timeout=300ms"));
	client = join();
	meet_open(target);
	pair = only_pair();
	while (loop_send(pair->target.fd, 0, BULK) > 0)
		;
	for (end = clock_ms() + 3000; set.count > 0 && clock_ms() < end; run_for(20))
		sent += loop_send(client, sent, 1);
	assert_over("stall_timeout");
	ck_assert_uint_lt(clock_ms(), end);
}
END_TEST

/* Without memory for a queue, a flow waits for its sink without one. The timeout counts from that wait. */
START_TEST(stall_without_memory_is_counted_from_the_first_wait)
{
	struct flow *upload;
	uint64_t sent = 0;
	int client;

	budget_init(&budget, 1);
	begin(TEXTS("stall_timeout=1s"));
	client = join();
	meet_open(target);
	upload = &only_pair()->client.from;
	while (!upload->writable) {
		upload->last_progress = clock_ms() - 2000; /* as if the byte before had come long ago */
		sent += loop_send(client, sent, 100);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_msg(set.count == 1, "timed out before it had waited: %u",
		              captured("reason=stall_timeout"));
	}
	run_for(300);
	ck_assert_msg(set.count == 1, "timed out before it had waited");
}
END_TEST

/*
 * A client that has ended, and has been sent the target's end, is hung up. That is no news and no reason to
 * wait longer.
 */
START_TEST(hung_up_client_does_not_keep_a_pair)
{
	int client, server;

	begin(TEXTS("half_close_timeout=200ms", "target_sndbuf=16K"));
	client = join();
	server = meet_open(target);
	send_all(client, 0, 300000);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, only_pair()->client.from.source == SOURCE_ENDED);
	ck_assert_uint_gt(only_pair()->client.from.queued, 0);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	assert_over("half_close_timeout");
}
END_TEST

/*
 * As after the daemon was stopped for a while: the deadline has passed, but a byte has arrived by then. _i: 0
 * the client has sent it, 1 the target.
 */
START_TEST(deadline_that_is_late_itself_ends_nobody)
{
	uint64_t received = 0;
	struct pair *pair;
	int client, server, fd;

	begin(TEXTS("idle_timeout=10s"));
	client = join();
	server = meet_open(target);
	pair = only_pair();
	fd = _i ? pair->target.fd : pair->client.fd;
	ck_assert_uint_eq(loop_send(_i ? server : client, 0, 1), 1);
	poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, LOOP_DEADLINE_MS);
	be_quiet_since(pair, 20000);
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 1);
	assert_receives(_i ? client : server, &received, 1);
}
END_TEST

START_TEST(timeouts_of_zero_never_come)
{
	int client;

	begin(TEXTS("high_watermark=64K", "idle_timeout=0", "half_close_timeout=0", "stall_timeout=0",
	            "vanish_timeout=0", "max_duration=0"));
	client = join();
	shutdown(meet_open(target), SHUT_WR);
	fill(client, &only_pair()->client.from);
	assert_ends(client, LOOP_FIN, 0);
	ck_assert(timer_due(&only_pair()->timer) == TIMERS_NEVER);
}
END_TEST

/* A byte that has just come puts every other deadline off. */
START_TEST(max_duration_ends_a_busy_pair)
{
	uint64_t sent = 0, received = 0, born;
	int client, server;

	begin(TEXTS("max_duration=200ms"));
	client = join();
	server = meet_open(target);
	born = only_pair()->born;
	while (set.count > 0) {
		ck_assert_msg(clock_ms() - born < 3000, "still there after 3 s");
		loop_receive(server, &received, BULK);
		sent += loop_send(client, sent, BULK);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_ge(clock_ms() - born, 200);
	ck_assert_uint_gt(received, 0);
	assert_ends(client, LOOP_RST, 0);
	assert_over("max_duration");
	ck_assert_uint_eq(captured("ended_first=relay"), 1);
}
END_TEST

/* As after the daemon was stopped: the byte is there before the timer is looked at. */
START_TEST(max_duration_waits_for_no_news)
{
	struct pair *pair;
	int client;

	begin(TEXTS("max_duration=10s"));
	client = join();
	meet_open(target);
	pair = only_pair();
	ck_assert_uint_eq(loop_send(client, 0, 1), 1);
	poll(&(struct pollfd){.fd = pair->client.fd, .events = POLLIN}, 1, LOOP_DEADLINE_MS);
	pair->born -= 20000;
	timers_stop(&set.timers, &pair->timer);
	set.timers.fire(&pair->timer);
	ck_assert_uint_eq(set.count, 0);
	assert_over("max_duration");
}
END_TEST

/* There is another attempt to make and time left for it, but not for the pair. */
START_TEST(max_duration_ends_a_client_that_is_held)
{
	int client;

	open_relay(TEXTS(relays_address(refusing())), TEXTS("max_duration=200ms", "retry_time=10s"));
	client = join();
	LOOP_UNTIL(base, set.count == 0);
	assert_ends(client, LOOP_RST, 0);
	assert_over("max_duration");
}
END_TEST

static TCase *time_case(void)
{
	TCase *tcase = make_case("time");

	tcase_add_test(tcase, idle_timeout_resets_both);
	tcase_add_test(tcase, half_close_timeout_begins_anew_with_each_byte);
	tcase_add_test(tcase, half_close_timeout_begins_with_the_end);
	tcase_add_test(tcase, stall_timeout_resets_both);
	tcase_add_test(tcase, stalled_flow_times_out_beside_a_busy_one);
	tcase_add_test(tcase, stalled_flow_times_out_although_the_other_has_news);
	tcase_add_test(tcase, flow_that_only_reads_is_stalled);
	tcase_add_test(tcase, stall_without_memory_is_counted_from_the_first_wait);
	tcase_add_test(tcase, hung_up_client_does_not_keep_a_pair);
	tcase_add_loop_test(tcase, deadline_that_is_late_itself_ends_nobody, 0, 2);
	tcase_add_test(tcase, timeouts_of_zero_never_come);
	tcase_add_test(tcase, max_duration_ends_a_busy_pair);
	tcase_add_test(tcase, max_duration_waits_for_no_news);
	tcase_add_test(tcase, max_duration_ends_a_client_that_is_held);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_time");

	suite_add_tcase(suite, time_case());
	return unit_run(suite);
}
