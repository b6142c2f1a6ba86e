/*
 * Peers that answer nothing. tests/world/network.sh has real ones, behind a link that is down. Here the
 * kernel tells the truth unless lie is set, and it is counted how often it is asked.
 */
#include "build_config.h"

#include "pair/pair_stage.h"

#define TIMEOUT_MS 200
#define HOUR_MS    3600000

static const struct tcp_state *lie;
static unsigned asked;

/* So many bytes are unacknowledged after so many tries, and the peer was last heard so long ago. */
#define LIE(bytes, failed, heard)                                                                            \
	{                                                                                                    \
		.known = true, .unacknowledged = (bytes), .tries = (failed), .heard_ms = (heard)             \
	}
static const struct tcp_state never = LIE(10, 2, HOUR_MS);

struct tcp_state __real_tcp_state(int fd);
struct tcp_state __wrap_tcp_state(int fd);
struct tcp_state __wrap_tcp_state(int fd)
{
	asked++;
	return lie ? *lie : __real_tcp_state(fd);
}

static uint64_t unanswered_ms(const struct peer *peer)
{
	const struct tcp_state tcp = tcp_state(peer->fd);

	return pair_unanswered_ms(peer, &tcp, clock_ms());
}

/* Only what is tested here sets the pair's timer. */
#define QUIET "idle_timeout=0", "half_close_timeout=0", "stall_timeout=0", "vanish_timeout=200ms"

static int begin_quietly(int *server)
{
	int client;

	lie = NULL;
	asked = 0;
	begin(TEXTS(QUIET, "high_watermark=64K"));
	client = join();
	*server = meet_open(target);
	return client;
}

/* A client and a target, and ten bytes for which the target owes an answer, if we are to believe it. */
static int begin_owing(const struct tcp_state *what, int *server)
{
	int client = begin_quietly(server);

	lie = what;
	send_all(client, 0, 10);
	LOOP_UNTIL(base, only_pair()->client.from.bytes == 10);
	return client;
}

START_TEST(peers_that_owe_nothing_are_not_asked)
{
	int server;

	begin_quietly(&server);
	run_for(TIMEOUT_MS);
	ck_assert(timer_due(&only_pair()->timer) == TIMERS_NEVER);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

/* An acknowledgement may be late by 40 ms (tcp(7), TCP_QUICKACK), so one look may find it missing. */
static void assert_asked_for_a_while(const struct peer *peer)
{
	unsigned before = asked;

	LOOP_UNTIL(base, asked > before && peer->look_at == 0);
	ck_assert_uint_le(asked - before, 3);
	before = asked;
	run_for(TIMEOUT_MS);
	ck_assert_uint_eq(asked, before);
	ck_assert(timer_due(&peer->pair->timer) == TIMERS_NEVER);
}

START_TEST(peer_that_has_answered_is_not_asked_again)
{
	uint64_t received = 0;
	int client, server;

	client = begin_quietly(&server);
	for (unsigned i = 1; i <= 3; i++) {
		loop_send(client, received, 10);
		assert_receives(server, &received, 10 * i);
		assert_asked_for_a_while(&only_pair()->target);
	}
	ck_assert_int_eq(shutdown(client, SHUT_WR), 0); /* the end has to be answered too */
	LOOP_UNTIL(base, only_pair()->client.from.sink == SINK_ENDED);
	assert_asked_for_a_while(&only_pair()->target);
}
END_TEST

/* A dump has looked as well. */
START_TEST(what_is_sent_after_a_dump_that_found_nothing_owed_is_owed)
{
	static const struct tcp_state nothing = LIE(0, 0, 0);
	struct pair *pair;
	int server, client = begin_owing(&nothing, &server);

	pair = only_pair();
	LOOP_UNTIL(base, pair->client.steady);
	dump_newest();
	ck_assert_uint_eq(pair->target.look_at, 0);
	ck_assert(!pair->client.steady);
	lie = &never;
	send_all(client, 10, 10);
	LOOP_UNTIL(base, pair->client.from.bytes == 20);
	ck_assert_uint_gt(pair->target.look_at, 0);
	assert_over("vanished");
}
END_TEST

/* A look that found nothing may be of the same millisecond as what is sent next. _i: bytes, or the end. */
START_TEST(what_is_sent_right_after_a_look_is_owed)
{
	struct pair *pair;
	int client, server;

	client = begin_quietly(&server);
	pair = only_pair();
	send_all(client, 0, 10);
	LOOP_UNTIL(base, pair->client.from.bytes == 10);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, pair->client.from.sink == SINK_ENDED);
	pair->client.from.ended = _i ? 1000 : 0;
	pair->client.from.last_progress = _i ? 0 : 1000;
	pair->target.owing_since = 1000;
	pair->target.look_at = 0;
	ck_assert(pair_vanish_next(pair) != TIMERS_NEVER);
	pair->target.owing_since = 1001;
	pair->target.look_at = 0;
	ck_assert(pair_vanish_next(pair) == TIMERS_NEVER);
}
END_TEST

/* _i: whether it is the client that rests. */
START_TEST(resting_reader_lives_behind_a_shut_window)
{
	struct pair *pair;
	int client, server;

	client = begin_quietly(&server);
	pair = only_pair();
	fill(_i ? server : client, _i ? &pair->target.from : &pair->client.from);
	run_for(10 * TIMEOUT_MS);
	LOOP_UNTIL(base, asked >= 10); /* by now, unless others had the CPU all the time */
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_lt(unanswered_ms(_i ? &pair->client : &pair->target), TIMEOUT_MS);
}
END_TEST

START_TEST(peer_that_leaves_it_unanswered_has_vanished)
{
	uint64_t began = clock_ms();
	int client, server;

	client = begin_owing(&never, &server);
	LOOP_UNTIL(base, set.count == 0 || unanswered_ms(&only_pair()->target) >= TIMEOUT_MS / 2);
	assert_over("vanished");
	ck_assert_uint_ge(clock_ms() - began, TIMEOUT_MS);
	ck_assert_uint_eq(captured("ended_first=target"), 1);
	assert_ends(client, LOOP_RST, 0);
	assert_ends(server, LOOP_RST, 10);
}
END_TEST

/* However long it had nothing to answer, the time begins when it leaves something unanswered. */
START_TEST(silence_counts_from_the_last_look_that_found_none)
{
	static const struct tcp_state busy = LIE(10, 0, HOUR_MS);
	uint64_t began;
	int server;

	begin_owing(&busy, &server);
	run_for(3 * TIMEOUT_MS);
	began = clock_ms();
	lie = &never;
	assert_over("vanished");
	ck_assert_uint_ge(clock_ms() - began, TIMEOUT_MS);
}
END_TEST

/* Nobody has looked meanwhile, so it may have begun at the very end of it. */
START_TEST(time_in_which_the_daemon_was_stopped_is_no_silence)
{
	static const struct tcp_state busy = LIE(10, 0, HOUR_MS);
	uint64_t began;
	int server;

	begin_owing(&busy, &server);
	LOOP_UNTIL(base, asked >= 2);
	poll(NULL, 0, 2 * TIMEOUT_MS);
	began = clock_ms();
	lie = &never;
	assert_over("vanished");
	ck_assert_uint_ge(clock_ms() - began, TIMEOUT_MS);
}
END_TEST

/* _i: which. Each is what a living peer may look like for a moment. */
START_TEST(sign_of_life_spares_a_peer)
{
	static const struct tcp_state signs[] = {
	        LIE(10, 0, HOUR_MS), /* nothing has gone unanswered yet */
	        LIE(10, 1, HOUR_MS), /* one probe was lost on the way */
	        LIE(10, 9, 0),       /* a lossy path, but it was just heard */
	        LIE(0, 9, HOUR_MS),  /* only keepalive is unanswered: that is the kernel's to judge */
	};
	int server;

	begin_owing(&signs[_i], &server);
	run_for(5 * TIMEOUT_MS);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_ge(asked, 1);
}
END_TEST

/* What a peer that has vanished had sent is delivered like that of one that has failed. */
START_TEST(what_came_from_a_vanished_peer_is_delivered)
{
	uint64_t received = 0, sent;
	struct pair *pair;
	int client, server;

	client = begin_quietly(&server);
	pair = only_pair();
	sent = fill(client, &pair->client.from);
	loop_send(server, 0, 10);
	LOOP_UNTIL(base, pair->target.from.bytes == 10);
	run_for(TIMEOUT_MS); /* the client has answered, the target rests */
	ck_assert_uint_eq(set.count, 1);
	loop_send(server, 10, 10);
	LOOP_UNTIL(base, pair->target.from.bytes == 20);
	pair->target.owing_since = clock_ms() + 1; /* the target is not in doubt */
	pair->target.look_at = 0;
	lie = &never;
	LOOP_UNTIL(base, pair_peer_failed(&pair->client));
	lie = NULL;
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
	ck_assert_uint_eq(received, sent);
	assert_over("vanished");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
}
END_TEST

/* A peer that still owes an answer when a pair ends may vanish as well. _i: whether the end was passed on. */
START_TEST(pair_that_is_ending_waits_no_longer_for_a_vanished_peer)
{
	uint64_t received = 0;
	int client, server;

	lie = NULL;
	begin(TEXTS(QUIET, _i ? "on_reset=close" : "on_reset=reset"));
	client = join();
	server = meet_open(target);
	send_all(server, 0, 300000); /* more than the client's kernel takes */
	reset(server);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_ENDING);
	run_for(3 * TIMEOUT_MS);
	ck_assert_uint_eq(set.count, 1);                  /* it only rests */
	only_pair()->client.owing_since = clock_ms() + 1; /* it was sent nothing since, but is waited for */
	only_pair()->client.look_at = 0;
	lie = &never;
	assert_over("target_reset");
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
}
END_TEST

/* An error that the kernel made up itself is no reset. _i: which. */
START_TEST(error_of_silence_is_told_from_a_reset)
{
	static const struct {
		int error;
		const char *reason;
	} ends[] = {{ETIMEDOUT, "vanished"},    {EHOSTUNREACH, "vanished"},   {ENETUNREACH, "vanished"},
	            {ECONNREFUSED, "vanished"}, {ECONNRESET, "client_reset"}, {EPIPE, "client_reset"}};
	int client, server;

	client = begin_quietly(&server);
	fault_set(FAULT_RECV, 1, ends[_i].error);
	ck_assert_int_eq(send(client, "x", 1, 0), 1);
	LOOP_UNTIL(base, set.count == 0);
	assert_over(ends[_i].reason);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_vanish");
	TCase *tcase = make_case("vanish");

	tcase_add_test(tcase, peers_that_owe_nothing_are_not_asked);
	tcase_add_test(tcase, peer_that_has_answered_is_not_asked_again);
	tcase_add_loop_test(tcase, what_is_sent_right_after_a_look_is_owed, 0, 2);
	tcase_add_test(tcase, what_is_sent_after_a_dump_that_found_nothing_owed_is_owed);
	tcase_add_loop_test(tcase, resting_reader_lives_behind_a_shut_window, 0, 2);
	tcase_add_test(tcase, peer_that_leaves_it_unanswered_has_vanished);
	tcase_add_test(tcase, silence_counts_from_the_last_look_that_found_none);
	tcase_add_test(tcase, time_in_which_the_daemon_was_stopped_is_no_silence);
	tcase_add_loop_test(tcase, sign_of_life_spares_a_peer, 0, 4);
	tcase_add_test(tcase, what_came_from_a_vanished_peer_is_delivered);
	tcase_add_loop_test(tcase, pair_that_is_ending_waits_no_longer_for_a_vanished_peer, 0, 2);
	tcase_add_loop_test(tcase, error_of_silence_is_told_from_a_reset, 0, 6);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
