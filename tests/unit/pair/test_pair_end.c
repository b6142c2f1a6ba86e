/* Clean ends: a pair lives until what it sent last is acknowledged, and no longer. */
#include "build_config.h"

#include "pair/pair_stage.h"

#define ANSWER 130000 /* about twice what fits into the client's receive buffer */

static int client, server;

/* Both streams have ended and everything is with the kernel, but the client has not read its answer. */
static struct pair *end_unread(const char *const *options)
{
	begin(options);
	client = join();
	server = meet_open(target);
	end_with_answer(client, server, ANSWER);
	return only_pair();
}

START_TEST(pair_counts_until_its_last_bytes_are_acknowledged)
{
	const struct pair *pair = end_unread(NULL);

	run_for(300);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_eq(slots_used(&slots), 1);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
	ck_assert_int_eq(pair->phase, PHASE_ENDING);
	ck_assert_uint_eq(captured("closed pair"), 0);
	assert_ends(client, LOOP_FIN, ANSWER);
	assert_over("eof");
}
END_TEST

/* If the answer is acknowledged, the pass of the loop that passes on the second end also closes the pair. */
START_TEST(acknowledged_pair_is_not_kept)
{
	uint64_t received = 0;

	begin(NULL);
	client = join();
	server = meet_open(target);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	send_all(server, 0, 1000);
	assert_receives(client, &received, 1000);
	LOOP_UNTIL(base, stream_unacknowledged(only_pair()->client.fd) == 0);
	shutdown(server, SHUT_WR);
	while (set.count == 1 && only_pair()->target.from.source == SOURCE_OPEN)
		event_base_loop(base, EVLOOP_ONCE);
	assert_over("eof");
}
END_TEST

/* The kernel counts a FIN as a byte. The target's is passed on and not acknowledged for a moment. */
START_TEST(end_alone_is_not_waited_for)
{
	uint64_t received = 0;
	struct pair *pair;

	begin(NULL);
	client = join();
	server = meet_open(target);
	pair = only_pair();
	send_all(server, 0, 1000);
	assert_receives(client, &received, 1000);
	LOOP_UNTIL(base, stream_unacknowledged(pair->client.fd) == 0);
	ck_assert_uint_eq(pair_unacknowledged(pair), 0);
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, pair->target.from.sink == SINK_ENDED);
	for (int i = 0; i < 1000 && stream_unacknowledged(pair->client.fd) > 0; i++)
		ck_assert_uint_eq(pair_unacknowledged(pair), 0);
}
END_TEST

START_TEST(client_that_resets_before_it_has_read_ends_the_wait)
{
	uint64_t began;

	end_unread(NULL);
	began = loop_clock_ms();
	reset(client);
	assert_over("client_reset");
	ck_assert_uint_le(loop_clock_ms() - began, NOTICED_MS);
}
END_TEST

START_TEST(client_that_takes_nothing_more_stalls)
{
	uint64_t received = 0, began = clock_ms();

	end_unread(TEXTS("stall_timeout=300ms"));
	assert_over("stall_timeout");
	ck_assert_uint_ge(clock_ms() - began, 300);
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
}
END_TEST

/* Reads until the kernel has seen more acknowledged, which is before weir looks. */
static void read_some(const struct pair *pair)
{
	uint64_t received = 0, left = stream_unacknowledged(pair->client.fd);

	while (stream_unacknowledged(pair->client.fd) == left)
		loop_receive(client, &received, 1000);
	ck_assert_uint_gt(stream_unacknowledged(pair->client.fd), 1);
}

START_TEST(slow_reader_does_not_stall)
{
	const struct pair *pair = end_unread(TEXTS("stall_timeout=10s"));
	uint64_t since, left;

	run_for(300);
	since = pair->acknowledged_at;
	left = pair->unacknowledged;
	read_some(pair);
	LOOP_UNTIL(base, pair->unacknowledged < left);
	ck_assert_uint_ge(pair->acknowledged_at, since + 200);
}
END_TEST

/* As after the daemon was stopped for a while: the deadline has passed, but more is acknowledged by then. */
START_TEST(deadline_that_is_late_itself_ends_no_wait)
{
	struct pair *pair = end_unread(TEXTS("stall_timeout=10s"));

	run_for(300);
	read_some(pair);
	pair->acknowledged_at = clock_ms() - 20000;
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

/* Both streams are whole. What the kernel still holds of them, it delivers without us. */
START_TEST(shutdown_cuts_off_nothing_that_has_ended)
{
	end_unread(NULL);
	pair_set_shutdown(&set);
	assert_over("shutdown");
	assert_ends(client, LOOP_FIN, ANSWER);
}
END_TEST

START_TEST(max_duration_cuts_off_nothing_that_has_ended)
{
	end_unread(TEXTS("max_duration=300ms"));
	LOOP_UNTIL(base, set.count == 0);
	assert_over("max_duration");
	assert_ends(client, LOOP_FIN, ANSWER);
}
END_TEST

/* Without a timer nobody would ever look at it again: it stayed for ever. */
START_TEST(pair_that_nobody_would_look_at_again_is_closed)
{
	int size = 4 * ANSWER;

	begin(TEXTS("idle_timeout=0", "half_close_timeout=0", "stall_timeout=0", "vanish_timeout=0"));
	client = join();
	server = meet_open(target);
	ck_assert_uint_eq(timer_due(&only_pair()->timer), TIMERS_NEVER);
	setsockopt(only_pair()->client.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	send_all(server, 0, ANSWER);
	LOOP_UNTIL(base, only_pair()->target.from.bytes == ANSWER);
	fault_set_lasting(FAULT_EVENT_ADD, ENOMEM);
	shutdown(server, SHUT_WR);
	assert_over("out_of_memory");
	fault_set(FAULT_EVENT_ADD, 0, 0);
	assert_ends(client, LOOP_FIN, ANSWER); /* both streams are whole */
}
END_TEST

/* When the end is near, nobody waits for a look that is seconds away. */
START_TEST(pair_that_waits_can_be_hurried)
{
	struct pair *pair = end_unread(NULL);
	uint64_t received = 0;

	backoff_reset(&pair->look, 60000);
	ck_assert_int_eq(timers_set(&set.timers, &pair->timer, clock_ms() + 60000), 0);
	LOOP_UNTIL(base, (loop_receive(client, &received, ANSWER), received == ANSWER));
	ck_assert_uint_eq(set.count, 1);
	LOOP_UNTIL(base, (pair_set_hurry(&set), set.count == 0));
	assert_over("eof");
}
END_TEST

/* Its one-sided end is over, so it is no longer waited for. */
START_TEST(half_close_timeout_is_over_when_both_have_ended)
{
	const struct pair *pair = end_unread(TEXTS("half_close_timeout=50ms"));

	run_for(300);
	ck_assert_int_eq(pair->phase, PHASE_ENDING);
	assert_ends(client, LOOP_FIN, ANSWER);
	assert_over("eof");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_end");
	TCase *tcase = make_case("end");

	tcase_add_test(tcase, pair_counts_until_its_last_bytes_are_acknowledged);
	tcase_add_test(tcase, acknowledged_pair_is_not_kept);
	tcase_add_test(tcase, end_alone_is_not_waited_for);
	tcase_add_test(tcase, client_that_resets_before_it_has_read_ends_the_wait);
	tcase_add_test(tcase, client_that_takes_nothing_more_stalls);
	tcase_add_test(tcase, slow_reader_does_not_stall);
	tcase_add_test(tcase, deadline_that_is_late_itself_ends_no_wait);
	tcase_add_test(tcase, shutdown_cuts_off_nothing_that_has_ended);
	tcase_add_test(tcase, max_duration_cuts_off_nothing_that_has_ended);
	tcase_add_test(tcase, pair_that_nobody_would_look_at_again_is_closed);
	tcase_add_test(tcase, pair_that_waits_can_be_hurried);
	tcase_add_test(tcase, half_close_timeout_is_over_when_both_have_ended);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
