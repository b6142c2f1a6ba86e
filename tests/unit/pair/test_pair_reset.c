/* Peers that fail. */
#include "build_config.h"

#include "pair/pair_stage.h"

/* ---- resets ---- */

START_TEST(client_reset_reaches_the_target_behind_the_bytes)
{
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	send_all(client, 0, 200000);
	reset(client);
	run_for(50);
	ck_assert_uint_eq(set.count, 1); /* the target has not taken all of it */
	assert_ends(server, LOOP_RST, 200000);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
}
END_TEST

START_TEST(early_answer_arrives_whole_before_the_reset)
{
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	fill(client, &only_pair()->client.from);
	send_all(server, 0, 300000);
	reset(server);
	run_for(300);
	ck_assert_uint_eq(set.count, 1);
	assert_ends(client, LOOP_RST, 300000);
	assert_over("target_reset");
	ck_assert_uint_eq(captured("ended_first=target"), 1);
}
END_TEST

/*
 * Sends more than the client's kernel has room for. All of it is with that kernel or ours, and nothing is
 * queued: only the acknowledgement is missing. Returns how much was sent.
 */
static uint64_t leave_unacknowledged(int server)
{
	struct pair *pair = only_pair();
	uint64_t sent = 0;

	while (stream_unacknowledged(pair->client.fd) < 150000) {
		send_all(server, sent, 1000);
		sent += 1000;
		LOOP_UNTIL(base, pair->target.from.bytes + pair->target.from.queued == sent);
	}
	ck_assert_uint_eq(pair->target.from.queued, 0);
	return sent;
}

START_TEST(closing_waits_for_the_acknowledgement)
{
	uint64_t sent;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	sent = leave_unacknowledged(server);
	reset(server);
	run_for(100);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(only_pair()->phase, PHASE_ENDING);
	assert_ends(client, LOOP_RST, sent);
	assert_over("target_reset");
}
END_TEST

/* on_reset = close is for resets. It used to end a stream cut off by a deadline as if it were complete. */
START_TEST(deadline_of_a_pair_that_is_ending_is_no_end)
{
	uint64_t received = 0;
	int client, server;

	begin(TEXTS("on_reset=close", "half_close_timeout=300ms"));
	client = join();
	server = meet_open(target);
	leave_unacknowledged(server);
	reset(server);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_ENDING);
	assert_over("half_close_timeout");
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
}
END_TEST

/* An open pair whose queues are soon full. */
static struct pair *open_with_short_queues(int *client, int *server)
{
	begin(TEXTS("high_watermark=64K"));
	*client = join();
	*server = meet_open(target);
	return only_pair();
}

/* A client that has sent until it was paused, and then resets. */
static struct pair *reset_while_paused(int *server)
{
	int client;
	struct pair *pair = open_with_short_queues(&client, server);

	fill(client, &pair->client.from);
	reset(client);
	return pair;
}

START_TEST(target_that_resets_too_ends_the_wait_for_it)
{
	struct pair *pair;
	int server;

	pair = reset_while_paused(&server);
	LOOP_UNTIL(base, pair_peer_failed(&pair->client));
	ck_assert_uint_eq(set.count, 1);
	reset(server);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(captured(" dropped=0 "), 0);
}
END_TEST

START_TEST(closing_is_bounded_by_half_close_timeout)
{
	int client, server;

	begin(TEXTS("half_close_timeout=150ms"));
	client = join();
	server = meet_open(target);
	send_all(server, 0, 300000);
	reset(server);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_eq(captured("reason=half_close_timeout"), 1);
	(void)client;
}
END_TEST

/* A peer that still acknowledges is waited for: only that shows that it takes what the kernel has. */
START_TEST(closing_waits_for_a_slow_reader)
{
	struct pair *pair;
	uint64_t sent, received = 0, before;
	int client, server;

	begin(TEXTS("half_close_timeout=10s"));
	client = join();
	server = meet_open(target);
	pair = only_pair();
	sent = leave_unacknowledged(server);
	reset(server);
	LOOP_UNTIL(base, pair->phase == PHASE_ENDING);
	before = pair->acknowledged_at = clock_ms() - 5000;
	loop_receive(client, &received, 100000);
	LOOP_UNTIL(base, pair->acknowledged_at > before);
	ck_assert_uint_lt(received, sent);
	be_quiet_since(pair, 20000);
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_eq(received, sent);
	assert_over("target_reset");
}
END_TEST

static void look(struct pair *pair)
{
	fire_timer(pair);
}

/* Many pairs that wait for resting readers cost no CPU. A reader that goes on is soon noticed. */
START_TEST(looks_at_a_reader_who_rests_become_rare)
{
	uint64_t received = 0;
	struct pair *pair;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	pair = only_pair();
	leave_unacknowledged(server);
	reset(server);
	LOOP_UNTIL(base, pair->phase == PHASE_ENDING);
	for (int i = 0; i < 15; i++)
		look(pair);
	ck_assert_uint_eq(pair->look.wait, 2000);
	ck_assert_uint_eq(loop_send(client, 0, 10), 10); /* is read and dropped */
	run_for(1);
	look(pair);
	ck_assert_uint_le(pair->look.wait, 10);
	for (int i = 0; i < 15; i++)
		look(pair);
	ck_assert_uint_ge(pair->look.wait, 1000);
	loop_receive(client, &received, 100000);
	LOOP_UNTIL(base, (look(pair), pair->look.wait <= 400));
	drain(client, &received);
	assert_over("target_reset");
}
END_TEST

/* Nothing is read from the client any more, and the target does not take what was. */
START_TEST(failed_client_that_is_paused_is_bounded_by_half_close_timeout)
{
	int client;

	begin(TEXTS("high_watermark=64K", "half_close_timeout=200ms"));
	client = join();
	meet_open(target);
	fill(client, &only_pair()->client.from);
	reset(client);
	assert_over("half_close_timeout");
}
END_TEST

START_TEST(paused_client_that_resets_is_noticed)
{
	struct pair *pair;
	uint64_t began, received = 0;
	int server;

	pair = reset_while_paused(&server);
	began = loop_clock_ms();
	LOOP_UNTIL(base, pair_peer_failed(&pair->client));
	ck_assert_uint_le(loop_clock_ms() - began, NOTICED_MS);
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
	ck_assert_uint_ge(received, 64 * 1024);
	assert_over("client_reset");
}
END_TEST

/* Nothing is read from it and nothing is written to it: only the watch can notice. */
START_TEST(paused_target_that_resets_is_noticed)
{
	uint64_t began, received = 0;
	struct pair *pair;
	int client, server;

	pair = open_with_short_queues(&client, &server);
	fill(server, &pair->target.from);
	began = loop_clock_ms();
	reset(server);
	LOOP_UNTIL(base, pair_peer_failed(&pair->target));
	ck_assert_uint_le(loop_clock_ms() - began, NOTICED_MS);
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_ge(received, 64 * 1024);
	assert_over("target_reset");
}
END_TEST

/*
 * Nothing is read from a client that has ended, and nothing is written to it here. _i: 0 it resets at once, 1
 * after a second.
 */
START_TEST(half_closed_client_that_resets_is_noticed)
{
	uint64_t began;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	run_for(_i ? 1000 : 0);
	began = loop_clock_ms();
	reset(client);
	assert_over("client_reset");
	ck_assert_uint_le(loop_clock_ms() - began, NOTICED_MS);
}
END_TEST

/* Nothing is read from either peer, and only one of them fails. _i: whether that is the target. */
START_TEST(paused_peer_fails_while_the_other_rests)
{
	uint64_t began, taken, received = 0;
	const struct flow *from;
	struct pair *pair;
	int client, server;

	pair = open_with_short_queues(&client, &server);
	fill(client, &pair->client.from);
	fill(server, &pair->target.from);
	from = _i ? &pair->target.from : &pair->client.from;
	taken = from->bytes + from->queued;
	began = loop_clock_ms();
	reset(_i ? server : client);
	LOOP_UNTIL(base, pair->phase == PHASE_FAILING);
	ck_assert_uint_le(loop_clock_ms() - began, NOTICED_MS);
	ck_assert_int_eq(drain(_i ? client : server, &received), LOOP_RST);
	ck_assert_uint_ge(received, taken);
	assert_over(_i ? "target_reset" : "client_reset");
}
END_TEST

/*
 * A failure that comes just after one look, with the next look late by as much again, is still noticed in
 * time. Read from the timer itself, so a busy machine changes nothing.
 */
START_TEST(failures_are_looked_for_twice_in_the_time_to_notice_them)
{
	struct timeval due, now, left;

	begin(NULL);
	join();
	meet_open(target);
	only_pair()->client.from.pause = PAUSE_HIGH;
	pair_watch(only_pair());
	ck_assert(event_pending(set.watch_timer, EV_TIMEOUT, &due));
	ck_assert_int_eq(gettimeofday(&now, NULL), 0);
	timersub(&due, &now, &left);
	ck_assert_int_lt(2 * (left.tv_sec * 1000 + left.tv_usec / 1000), NOTICED_MS);
}
END_TEST

/* One poll(2) asks about all peers that nothing is read from. */
START_TEST(resets_noticed_at_once_leave_the_others_alone)
{
	uint64_t received = 0;
	int client[3], server[3];

	begin(NULL);
	for (int i = 0; i < 3; i++) {
		client[i] = join();
		server[i] = meet_open(target);
		shutdown(client[i], SHUT_WR);
		assert_ends(server[i], LOOP_FIN, 0);
	}
	reset(client[0]);
	reset(client[2]);
	LOOP_UNTIL(base, set.count < 3);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_eq(captured("reason=client_reset"), 2);
	ck_assert_uint_eq(loop_send(server[1], 0, 100), 100);
	assert_receives(client[1], &received, 100);
}
END_TEST

/* One poll(2) does not ask about that many: the first peer and the last are in different ones. */
START_TEST(resets_among_many_silent_peers_are_noticed)
{
	enum { PAIRS = 100 };
	int client[PAIRS];

	begin(NULL);
	for (int i = 0; i < PAIRS; i++) {
		client[i] = join();
		shutdown(client[i], SHUT_WR);
		assert_ends(meet_open(target), LOOP_FIN, 0);
	}
	reset(client[0]);
	reset(client[PAIRS - 1]);
	LOOP_UNTIL(base, set.count == PAIRS - 2);
	ck_assert_uint_eq(captured("reason=client_reset"), 2);
}
END_TEST

START_TEST(paused_pairs_cost_no_events)
{
	unsigned passes = 0;
	uint64_t end;
	int client;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	meet(target);
	fill(client, &only_pair()->client.from);
	run_for(20);
	for (end = clock_ms() + 300; clock_ms() < end; passes++) {
		event_base_loopexit(base, &(struct timeval){.tv_usec = 50000});
		event_base_loop(base, EVLOOP_ONCE);
	}
	ck_assert_uint_le(passes, 20);
}
END_TEST

/* _i: 0 the client resets, 1 the target. */
START_TEST(on_reset_close_passes_on_an_end)
{
	int client, server;

	begin(TEXTS("on_reset=close"));
	client = join();
	server = meet_open(target);
	send_all(_i ? server : client, 0, 5000);
	reset(_i ? server : client);
	assert_ends(_i ? client : server, LOOP_FIN, 5000);
	assert_over(_i ? "target_reset" : "client_reset");
}
END_TEST

static TCase *reset_case(void)
{
	TCase *tcase = make_case("reset");

	tcase_add_test(tcase, client_reset_reaches_the_target_behind_the_bytes);
	tcase_add_test(tcase, early_answer_arrives_whole_before_the_reset);
	tcase_add_test(tcase, closing_waits_for_the_acknowledgement);
	tcase_add_test(tcase, deadline_of_a_pair_that_is_ending_is_no_end);
	tcase_add_test(tcase, target_that_resets_too_ends_the_wait_for_it);
	tcase_add_test(tcase, closing_is_bounded_by_half_close_timeout);
	tcase_add_test(tcase, closing_waits_for_a_slow_reader);
	tcase_add_test(tcase, looks_at_a_reader_who_rests_become_rare);
	tcase_add_test(tcase, failed_client_that_is_paused_is_bounded_by_half_close_timeout);
	tcase_add_test(tcase, paused_client_that_resets_is_noticed);
	tcase_add_test(tcase, paused_target_that_resets_is_noticed);
	tcase_add_loop_test(tcase, half_closed_client_that_resets_is_noticed, 0, 2);
	tcase_add_loop_test(tcase, paused_peer_fails_while_the_other_rests, 0, 2);
	tcase_add_test(tcase, failures_are_looked_for_twice_in_the_time_to_notice_them);
	tcase_add_test(tcase, resets_noticed_at_once_leave_the_others_alone);
	tcase_add_test(tcase, resets_among_many_silent_peers_are_noticed);
	tcase_add_test(tcase, paused_pairs_cost_no_events);
	tcase_add_loop_test(tcase, on_reset_close_passes_on_an_end, 0, 2);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_reset");

	suite_add_tcase(suite, reset_case());
	return unit_run(suite);
}
