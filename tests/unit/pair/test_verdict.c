/* Which side is slow, of evidence that is made up. tests/verdict judges real pairs. */
#include "build_config.h"

#include "pair/verdict_rules.h"
#include "unit.h"

#define MS     1000ULL
#define SECOND 1000000ULL
#define WINDOW (2 * SECOND)

#define WHOLE  1000
#define HALF   500
#define FIFTH  200
#define RTT_US 20000

/* An open pair that is never waited for, between two peers that are 20 ms away. */
static struct evidence evidence;

static void setup(void)
{
	const struct side_evidence side = {
	        .now = {.known = true,
	                .rtt = RTT_US + 1 * MS,
	                .rtt_min = RTT_US,
	                .segment = 1000,
	                .receive_rtt = RTT_US,
	                .receive_window = 1000000},
	        .lately = {.span = WINDOW},
	};

	evidence = (struct evidence){.state = STATE_OPEN,
	                             .flows = true,
	                             .window = {.length = WINDOW, .spoken = true, .last_from = SIDE_TARGET},
	                             .side = {side, side}};
}

static struct tcp_state *now(enum side side)
{
	return &evidence.side[side].now;
}

static struct tcp_change *lately(enum side side)
{
	return &evidence.side[side].lately;
}

static uint64_t permille(uint64_t share)
{
	return WINDOW / 1000 * share;
}

/* The side is sent something all the time, and has acknowledged all but what takes it so long. */
static void make_busy(enum side side, uint64_t lag)
{
	lately(side)->busy = WINDOW;
	lately(side)->acknowledged = WINDOW;
	now(side)->unacknowledged = lag;
}

/* For a share of the window, and now. What the kernel holds for a sink stays there for long, too. */
static void hold(enum direction flow, enum hold what, uint64_t share)
{
	evidence.window.held[flow][what] = permille(share);
	evidence.window.hold[flow] = what;
	evidence.window.held_for[flow] = evidence.window.since = permille(share);
	if (what == HOLD_SINK || what == HOLD_HIGH)
		make_busy(flow == UPLOAD ? SIDE_TARGET : SIDE_CLIENT, 3 * RTT_US);
}

static void assert_verdict(struct verdict verdict, enum blame slow, enum why why)
{
	ck_assert_int_eq(verdict.slow, slow);
	ck_assert_int_eq(verdict.why, why);
}

/* Its TCP has left something unanswered for so long, and tried so often. */
static void leave_unanswered(enum side side, uint64_t ms, uint64_t tries)
{
	evidence.side[side].unanswered_ms = ms;
	now(side)->tries = tries;
}

static bool holds_something(enum side side)
{
	return evidence.side[side].unanswered_ms > 0 || (now(side)->known && now(side)->unacknowledged > 0);
}

/* And whatever is certain is so without TCP, too. */
static void expect(enum blame slow, enum why why)
{
	const struct evidence all = evidence;

	assert_verdict(verdict_judge(&evidence), slow, why);
	if (!verdict_is_certain(&evidence) || holds_something(SIDE_CLIENT) || holds_something(SIDE_TARGET))
		return;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		memset(now(side), 0xff, sizeof(struct tcp_state));
		now(side)->known = false;
		memset(lately(side), 0xff, sizeof(struct tcp_change));
	}
	assert_verdict(verdict_judge(&evidence), slow, why);
	evidence = all;
}

#define EXPECT(slow, why) expect(BLAME_##slow, WHY_##why)
#define EXPECT_NOBODY()   EXPECT(NONE, IDLE)

START_TEST(pair_without_a_target)
{
	hold(DOWNLOAD, HOLD_HIGH, WHOLE);
	evidence.state = STATE_CONNECTING;
	EXPECT(TARGET, CONNECTING);
	evidence.state = STATE_WAITING; /* the client has to speak first */
	EXPECT(CLIENT, THINKING);
}
END_TEST

START_TEST(full_speed_is_nobodys_fault)
{
	EXPECT_NOBODY();
	evidence.cpu.wanted = 949;
	EXPECT_NOBODY();
	evidence.cpu.wanted = 950;
	EXPECT(RELAY, CPU);
	hold(DOWNLOAD, HOLD_HIGH, WHOLE); /* a full CPU is blamed for nothing that has a cause */
	lately(SIDE_CLIENT)->busy = lately(SIDE_CLIENT)->shut = WINDOW;
	EXPECT(CLIENT, READING);
}
END_TEST

START_TEST(peer_that_is_gone)
{
	hold(DOWNLOAD, HOLD_HIGH, WHOLE);
	leave_unanswered(SIDE_TARGET, 3000, 1);
	EXPECT(CLIENT, PATH);
	leave_unanswered(SIDE_TARGET, 2999, 2);
	EXPECT(CLIENT, PATH);
	leave_unanswered(SIDE_TARGET, 3000, 2);
	EXPECT(TARGET, UNANSWERED);
	leave_unanswered(SIDE_TARGET, 0, 0);
	lately(SIDE_CLIENT)->busy = lately(SIDE_CLIENT)->shut = WINDOW; /* it had rested before */
	leave_unanswered(SIDE_CLIENT, 3000, 2);
	EXPECT(CLIENT, UNANSWERED);
	now(SIDE_CLIENT)->known = false;
	EXPECT(CLIENT, READING);
}
END_TEST

/* ---- sinks ---- */

START_TEST(sink_that_is_held_for_half_of_the_window)
{
	hold(UPLOAD, HOLD_SINK, HALF - 1);
	EXPECT_NOBODY();
	hold(UPLOAD, HOLD_SINK, HALF);
	EXPECT(TARGET, PATH);
	setup();
	hold(DOWNLOAD, HOLD_SINK, HALF);
	EXPECT(CLIENT, PATH);
}
END_TEST

START_TEST(source_that_is_paused_for_a_fifth_of_the_window)
{
	hold(UPLOAD, HOLD_HIGH, FIFTH - 1);
	EXPECT_NOBODY();
	hold(UPLOAD, HOLD_HIGH, FIFTH);
	EXPECT(TARGET, PATH);
	hold(UPLOAD, HOLD_HIGH, FIFTH - 1);
	evidence.window.held[UPLOAD][HOLD_SINK] = permille(HALF + 1 - FIFTH); /* both together */
	EXPECT(TARGET, PATH);
}
END_TEST

/* It floods the sink, and then rests for longer than that takes. */
START_TEST(source_of_bursts_is_the_cause)
{
	hold(UPLOAD, HOLD_HIGH, FIFTH);
	evidence.window.hold[UPLOAD] = HOLD_NONE;
	evidence.window.since = 0;
	evidence.window.sending[SIDE_CLIENT] = permille(FIFTH) - 1;
	EXPECT(TARGET, PATH);
	evidence.window.sending[SIDE_CLIENT] = permille(FIFTH);
	EXPECT_NOBODY();
	evidence.window.sending[SIDE_CLIENT] = permille(HALF);
	EXPECT(CLIENT, SENDING);
}
END_TEST

/* It is the relay that is late. */
START_TEST(sink_that_takes_all_at_once_is_not_slow)
{
	hold(DOWNLOAD, HOLD_SINK, WHOLE);
	make_busy(SIDE_CLIENT, 20 * MS - 1);
	EXPECT_NOBODY();
	make_busy(SIDE_CLIENT, 20 * MS);
	EXPECT(CLIENT, PATH);
	make_busy(SIDE_CLIENT, 0);
	lately(SIDE_CLIENT)->shut = WINDOW;
	EXPECT(CLIENT, READING);
	lately(SIDE_CLIENT)->shut = 0;
	evidence.cpu.wanted = 950;
	EXPECT(RELAY, CPU);
}
END_TEST

START_TEST(backlog_that_fits_into_the_kernel)
{
	make_busy(SIDE_CLIENT, 200 * MS + 2 * now(SIDE_CLIENT)->rtt);
	EXPECT_NOBODY();
	now(SIDE_CLIENT)->unacknowledged++;
	EXPECT(CLIENT, PATH);
	lately(SIDE_CLIENT)->shut = WINDOW;
	EXPECT(CLIENT, READING);
	make_busy(SIDE_CLIENT, 2 * SECOND);
	lately(SIDE_CLIENT)->busy = WINDOW / 2 - 1;
	EXPECT_NOBODY();
	lately(SIDE_CLIENT)->busy = TCP_UNKNOWN;
	EXPECT_NOBODY();
}
END_TEST

START_TEST(sink_whose_window_is_shut)
{
	hold(DOWNLOAD, HOLD_HIGH, WHOLE);
	lately(SIDE_CLIENT)->busy = WINDOW;
	lately(SIDE_CLIENT)->shut = WINDOW / 20 - 1;
	EXPECT(CLIENT, PATH);
	lately(SIDE_CLIENT)->shut = WINDOW / 20;
	EXPECT(CLIENT, READING);
	lately(SIDE_CLIENT)->shut = TCP_UNKNOWN;
	EXPECT(CLIENT, PATH);
}
END_TEST

START_TEST(sink_without_a_path)
{
	hold(DOWNLOAD, HOLD_HIGH, WHOLE);
	now(SIDE_CLIENT)->rtt_min = 100; /* as fast as loopback is not */
	EXPECT(CLIENT, PATH);
	now(SIDE_CLIENT)->rtt_min = 99;
	EXPECT(CLIENT, READING);
	now(SIDE_CLIENT)->known = false; /* a unix socket */
	now(SIDE_CLIENT)->rtt_min = TCP_UNKNOWN;
	EXPECT(CLIENT, READING);
}
END_TEST

START_TEST(buffer_of_ours_is_full)
{
	hold(DOWNLOAD, HOLD_HIGH, WHOLE);
	make_busy(SIDE_CLIENT, 2 * RTT_US);
	EXPECT(CLIENT, PATH); /* the kernel chooses a size that is no limit */
	evidence.side[SIDE_CLIENT].bounded = true;
	EXPECT(RELAY, BUFFER);
	make_busy(SIDE_CLIENT, 2 * RTT_US + 1);
	EXPECT(CLIENT, PATH);
	make_busy(SIDE_CLIENT, RTT_US);
	lately(SIDE_CLIENT)->resent = 1;
	EXPECT(CLIENT, PATH);
	lately(SIDE_CLIENT)->resent = 0;
	now(SIDE_CLIENT)->unsent = 1;
	EXPECT(CLIENT, PATH);
	now(SIDE_CLIENT)->unsent = TCP_UNKNOWN;
	EXPECT(CLIENT, PATH);
	now(SIDE_CLIENT)->unsent = 0;
	lately(SIDE_CLIENT)->shut = WINDOW; /* it would be too small if the client were faster */
	EXPECT(CLIENT, READING);
}
END_TEST

START_TEST(limit_on_the_rate)
{
	hold(DOWNLOAD, HOLD_RATE, HALF);
	EXPECT(RELAY, RATE);
	evidence.window.held[DOWNLOAD][HOLD_SINK] = permille(HALF);
	make_busy(SIDE_CLIENT, 3 * RTT_US);
	EXPECT(CLIENT, PATH);
	evidence.window.held[DOWNLOAD][HOLD_SINK]--;
	EXPECT(RELAY, RATE);
	make_busy(SIDE_CLIENT, SECOND); /* which the kernel's buffers hide from us */
	EXPECT(CLIENT, PATH);
}
END_TEST

/* A limit of ours pauses the source, and yet the sink does not keep up. */
START_TEST(sink_that_is_behind_a_limit_on_the_rate)
{
	hold(DOWNLOAD, HOLD_RATE, WHOLE);
	lately(SIDE_CLIENT)->busy = WINDOW / 2;
	EXPECT(RELAY, RATE);
	lately(SIDE_CLIENT)->shut = WINDOW / 40;
	EXPECT(CLIENT, READING);
	lately(SIDE_CLIENT)->shut--;
	EXPECT(RELAY, RATE);
	lately(SIDE_CLIENT)->busy = lately(SIDE_CLIENT)->shut = WINDOW / 2 - 1000; /* it takes what it gets */
	EXPECT(RELAY, RATE);
}
END_TEST

/* It makes pieces small, and small pieces cost more. */
START_TEST(memory_is_blamed_only_where_it_alone_is_short)
{
	evidence.cut_short = true;
	EXPECT_NOBODY();
	evidence.cpu.wanted = 950;
	EXPECT(RELAY, MEMORY);
	evidence.flows = false;
	EXPECT_NOBODY();
	evidence.flows = true;
	hold(DOWNLOAD, HOLD_HIGH, HALF);
	EXPECT(CLIENT, PATH);
	lately(SIDE_CLIENT)->shut = WINDOW;
	EXPECT(CLIENT, READING);
	evidence.window.held[DOWNLOAD][HOLD_HIGH] = 0;
	evidence.window.turn[SIDE_TARGET] = permille(HALF) + CPU_READY_GAP_US;
	evidence.window.typical_gap[SIDE_TARGET] = CPU_READY_GAP_US;
	lately(SIDE_CLIENT)->shut = lately(SIDE_CLIENT)->busy = 0;
	now(SIDE_CLIENT)->unacknowledged = 0;
	EXPECT(TARGET, ANSWER);
}
END_TEST

/* Each writes before it reads. */
START_TEST(of_two_held_flows_the_blocker_is_the_cause)
{
	hold(UPLOAD, HOLD_HIGH, WHOLE);
	hold(DOWNLOAD, HOLD_HIGH, WHOLE - 1);
	evidence.window.blocker = DOWNLOAD;
	EXPECT(TARGET, PATH);
	evidence.window.blocked = true;
	EXPECT(CLIENT, PATH);
	evidence.window.blocker = UPLOAD;
	hold(DOWNLOAD, HOLD_HIGH, WHOLE);
	EXPECT(TARGET, PATH);
}
END_TEST

/* While both are held, that is the blocker's doing. */
START_TEST(time_that_one_flow_was_held_alone_is_its_own)
{
	evidence.window.blocked = true;
	evidence.window.blocker = DOWNLOAD;
	hold(UPLOAD, HOLD_HIGH, WHOLE);
	hold(DOWNLOAD, HOLD_HIGH, HALF);
	EXPECT(CLIENT, PATH);
	evidence.window.held[DOWNLOAD][HOLD_HIGH]--;
	EXPECT(TARGET, PATH);
	hold(UPLOAD, HOLD_HIGH, 900); /* both for 500 of these, at least */
	hold(DOWNLOAD, HOLD_HIGH, 600);
	EXPECT(CLIENT, PATH);
	evidence.window.blocked = false;
	EXPECT(TARGET, PATH);
}
END_TEST

/* Neither was held for all of the time, so it is not known for how long both were. */
START_TEST(of_two_flows_that_were_held_for_as_long_the_blocker_is_the_cause)
{
	evidence.window.blocked = true;
	evidence.window.blocker = DOWNLOAD;
	evidence.window.length = 2 * WINDOW;
	hold(UPLOAD, HOLD_HIGH, WHOLE);
	hold(DOWNLOAD, HOLD_HIGH, SAME_SHARE);
	EXPECT(CLIENT, PATH);
	evidence.window.held[DOWNLOAD][HOLD_HIGH]--;
	EXPECT(TARGET, PATH);
}
END_TEST

START_TEST(lag_of_what_the_kernel_holds)
{
	make_busy(SIDE_CLIENT, 0);
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), 0);
	make_busy(SIDE_CLIENT, 3 * SECOND);
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), 3 * SECOND);
	lately(SIDE_CLIENT)->busy = WINDOW / 2; /* only then could it acknowledge */
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), 3 * SECOND / 2);
	now(SIDE_CLIENT)->unacknowledged = lately(SIDE_CLIENT)->acknowledged = 10; /* small messages */
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), WINDOW / 2);
	lately(SIDE_CLIENT)->acknowledged = 100;
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), WINDOW / 20);
	now(SIDE_CLIENT)->unacknowledged = 1000; /* against that, it has acknowledged nothing to speak of */
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), WINDOW / 2);
	lately(SIDE_CLIENT)->busy = TCP_UNKNOWN;
	ck_assert_uint_eq(verdict_lag(&evidence.side[SIDE_CLIENT]), WINDOW);
	lately(SIDE_CLIENT)->acknowledged = TCP_UNKNOWN;
	ck_assert(verdict_lag(&evidence.side[SIDE_CLIENT]) == TCP_UNKNOWN);
	lately(SIDE_CLIENT)->acknowledged = WINDOW;
	now(SIDE_CLIENT)->known = false;
	ck_assert(verdict_lag(&evidence.side[SIDE_CLIENT]) == TCP_UNKNOWN);
}
END_TEST

/* ---- silences ---- */

START_TEST(side_that_is_waited_for_half_of_the_window)
{
	evidence.window.turn[SIDE_TARGET] = permille(HALF) - 1;
	EXPECT_NOBODY();
	evidence.window.turn[SIDE_TARGET]++;
	EXPECT(TARGET, ANSWER);
	setup();
	evidence.window.turn[SIDE_CLIENT] = permille(HALF);
	EXPECT(CLIENT, THINKING);
	setup();
	evidence.window.sending[SIDE_CLIENT] = permille(HALF);
	EXPECT(CLIENT, SENDING);
	evidence.window.turn[SIDE_CLIENT] = permille(HALF) + 1;
	EXPECT(CLIENT, THINKING);
	evidence.window.turn[SIDE_TARGET] = permille(WHOLE) + 2;
	EXPECT(TARGET, ANSWER);
}
END_TEST

/* What looks like gaps of the source are those between two turns of the worker. */
START_TEST(worker_that_comes_late_blames_nobody)
{
	evidence.window.sending[SIDE_TARGET] = permille(900);
	evidence.window.typical_gap[SIDE_TARGET] = 30 * MS - 1;
	evidence.cpu = (struct cpu_use){.wanted = 900, .ready = 400};
	EXPECT(TARGET, SENDING);
	evidence.cpu.ready++;
	EXPECT_NOBODY();
	evidence.window.typical_gap[SIDE_TARGET]++; /* longer than any turn of the scheduler */
	EXPECT(TARGET, SENDING);
	evidence.cpu = (struct cpu_use){.wanted = 950};
	evidence.window.typical_gap[SIDE_TARGET] = 3 * MS;
	EXPECT(TARGET, SENDING);
	evidence.window.typical_gap[SIDE_TARGET]--;
	EXPECT(RELAY, CPU);
	evidence.flows = false;
	EXPECT_NOBODY();
}
END_TEST

/* A side has said so much, and now all are silent for so long. */
static void fall_silent(enum side last, uint64_t since)
{
	evidence.window.last_from = last;
	evidence.window.since = since;
}

START_TEST(silence_that_lasts_counts_too)
{
	fall_silent(SIDE_CLIENT, SECOND - 1);
	EXPECT_NOBODY(); /* not yet half of the window */
	evidence.window.turn[SIDE_TARGET] = 1;
	EXPECT(TARGET, ANSWER);
	setup();
	fall_silent(SIDE_TARGET, SECOND - 1);
	evidence.window.turn[SIDE_CLIENT] = 1;
	EXPECT(CLIENT, THINKING);
	setup();
	fall_silent(SIDE_TARGET, SECOND - 1); /* a flow is held meanwhile, so it is no silence */
	evidence.window.turn[SIDE_CLIENT] = 1;
	evidence.window.hold[UPLOAD] = HOLD_SINK;
	EXPECT_NOBODY();
}
END_TEST

/* A source that trickles has spoken last, and nobody has to answer. */
START_TEST(source_that_used_to_go_on_is_due_itself)
{
	fall_silent(SIDE_TARGET, SECOND - 2);
	evidence.window.sending[SIDE_TARGET] = SECOND / 2 - 1;
	EXPECT(TARGET, SENDING);
	evidence.window.sending[SIDE_TARGET] -= 1; /* as an answer in pieces, which is over */
	evidence.window.turn[SIDE_CLIENT] = 2;
	EXPECT(CLIENT, THINKING);
	evidence.window.sending[SIDE_TARGET] += 1;
	evidence.window.turn[SIDE_CLIENT] = evidence.window.sending[SIDE_TARGET];
	EXPECT(CLIENT, THINKING);
}
END_TEST

/* What it has sent counts for little by the end of a long silence. */
START_TEST(source_that_rests_for_long_is_due_itself)
{
	evidence.window.length = 3 * SECOND;
	fall_silent(SIDE_TARGET, 5 * SECOND / 2);
	evidence.window.sending[SIDE_TARGET] = SECOND / 2;
	evidence.window.longest_gap[SIDE_TARGET] = 5 * SECOND / 2;
	EXPECT(TARGET, SENDING);
	evidence.window.longest_gap[SIDE_TARGET]--;
	evidence.window.longest_gap[SIDE_CLIENT] = 2 * SECOND;
	EXPECT(CLIENT, THINKING);
}
END_TEST

/* It speaks every four seconds, so all that is known of the window is that it is silent. */
START_TEST(source_that_rarely_speaks_is_due_itself)
{
	evidence.window.length = 3 * SECOND;
	fall_silent(SIDE_TARGET, 3 * SECOND);
	evidence.window.longest_gap[SIDE_TARGET] = 4 * SECOND;
	EXPECT(TARGET, SENDING);
	evidence.window.longest_gap[SIDE_CLIENT] = 4 * SECOND; /* or is it asked every four seconds? */
	EXPECT(CLIENT, THINKING);
}
END_TEST

START_TEST(long_silence_is_idleness)
{
	evidence.window.length = 10 * SECOND;
	fall_silent(SIDE_TARGET, 10 * SECOND);
	EXPECT_NOBODY();
	ck_assert(verdict_is_certain(&evidence));
	evidence.window.held[UPLOAD][HOLD_HIGH] = 5 * SECOND; /* only TCP tells whether by its sink */
	EXPECT_NOBODY();
	ck_assert(!verdict_is_certain(&evidence));
	evidence.window.held[UPLOAD][HOLD_HIGH] = 0;
	evidence.window.longest_gap[SIDE_CLIENT] = 5 * SECOND; /* it has often been thinking for so long */
	EXPECT(CLIENT, THINKING);
	ck_assert(!verdict_is_certain(&evidence));
	evidence.window.longest_gap[SIDE_CLIENT]--;
	EXPECT_NOBODY();
	evidence.window.longest_gap[SIDE_TARGET] = 5 * SECOND;
	evidence.window.turn[SIDE_CLIENT] = 1; /* it is the client's turn all the same */
	EXPECT_NOBODY();
	evidence.window.last_from = SIDE_CLIENT;
	EXPECT(TARGET, ANSWER);
	evidence.window.spoken = false; /* nobody has begun */
	EXPECT_NOBODY();
}
END_TEST

/* However long the answer took: who has answered is not waited for. */
START_TEST(after_the_first_answer_the_client_is_due)
{
	evidence.window.length = 900 * MS;
	evidence.window.turn[SIDE_TARGET] = evidence.window.longest_gap[SIDE_TARGET] = 300 * MS;
	evidence.window.since = 600 * MS;
	EXPECT(CLIENT, THINKING);
}
END_TEST

START_TEST(silence_of_a_half_closed_pair_is_the_other_sides)
{
	evidence.window.length = 60 * SECOND;
	fall_silent(SIDE_TARGET, 60 * SECOND);
	evidence.side[SIDE_CLIENT].ended = true;
	EXPECT(TARGET, SENDING);
	evidence.window.last_from = SIDE_CLIENT;
	EXPECT(TARGET, ANSWER);
	evidence.window.spoken = false;
	EXPECT(TARGET, ANSWER);
	evidence.side[SIDE_TARGET].ended = true;
	EXPECT_NOBODY();
	evidence.side[SIDE_CLIENT].ended = false;
	EXPECT(CLIENT, THINKING);
}
END_TEST

START_TEST(turns_that_take_a_round_trip)
{
	evidence.window.turn[SIDE_TARGET] = 80 * RTT_US;
	evidence.window.turns[SIDE_TARGET] = 40;
	EXPECT(TARGET, PATH);
	evidence.window.turns[SIDE_TARGET] = 39;
	EXPECT(TARGET, ANSWER);
	evidence.window.turns[SIDE_TARGET] = 0;
	EXPECT(TARGET, ANSWER);
	evidence.window.turns[SIDE_TARGET] = 60;
	now(SIDE_TARGET)->rtt_min = TCP_UNKNOWN;
	EXPECT(TARGET, ANSWER);
	now(SIDE_TARGET)->rtt_min = 99; /* no path to speak of */
	evidence.window.turns[SIDE_TARGET] = UINT16_MAX;
	EXPECT(TARGET, ANSWER);
}
END_TEST

/* An answer of many bytes over a slow path is no time to think. */
START_TEST(what_has_not_come_is_not_answered)
{
	evidence.window.turn[SIDE_CLIENT] = SECOND;
	evidence.window.typical_gap[SIDE_CLIENT] = RTT_US + 80 * MS;
	lately(SIDE_CLIENT)->busy = SECOND * 3 / 4;
	EXPECT(CLIENT, PATH);
	lately(SIDE_CLIENT)->shut = lately(SIDE_CLIENT)->busy;
	EXPECT(CLIENT, READING);
	lately(SIDE_CLIENT)->busy--;
	EXPECT(CLIENT, THINKING);
	lately(SIDE_CLIENT)->busy = TCP_UNKNOWN;
	EXPECT(CLIENT, THINKING);
	lately(SIDE_CLIENT)->busy = WINDOW;
	lately(SIDE_CLIENT)->span = 2 * WINDOW; /* not lately alone */
	evidence.window.turn[SIDE_CLIENT] = permille(WHOLE);
	EXPECT(CLIENT, THINKING);
	lately(SIDE_CLIENT)->span = WINDOW;
	EXPECT(CLIENT, READING);
	evidence.window.typical_gap[SIDE_CLIENT]--; /* acknowledgements may be late for so long */
	EXPECT(CLIENT, THINKING);
	evidence.window.typical_gap[SIDE_CLIENT]++;
	now(SIDE_CLIENT)->rtt_min = 99;
	EXPECT(CLIENT, THINKING);
}
END_TEST

START_TEST(window_of_ours_is_full)
{
	evidence.window.sending[SIDE_TARGET] = permille(WHOLE);
	lately(SIDE_TARGET)->received = 6 * WINDOW; /* 120 KB in a round trip */
	now(SIDE_TARGET)->receive_window = 200000;
	EXPECT(RELAY, BUFFER);
	now(SIDE_TARGET)->receive_window++;
	EXPECT(TARGET, SENDING);
	now(SIDE_TARGET)->receive_window--;
	now(SIDE_TARGET)->receive_rtt = TCP_UNKNOWN;
	EXPECT(TARGET, SENDING);
	now(SIDE_TARGET)->receive_rtt = RTT_US;
	now(SIDE_TARGET)->rtt_min = 99;
	EXPECT(TARGET, SENDING);
}
END_TEST

static void comes_in(uint64_t segments, uint64_t received, uint64_t reordered)
{
	lately(SIDE_TARGET)->segments = segments;
	lately(SIDE_TARGET)->received = received;
	lately(SIDE_TARGET)->reordered = reordered;
}

START_TEST(source_that_always_has_more_to_send)
{
	evidence.window.sending[SIDE_TARGET] = permille(WHOLE);
	comes_in(1000, 990000, 0);
	EXPECT(TARGET, PATH);
	evidence.window.typical_gap[SIDE_TARGET] = 150 * MS;
	EXPECT(TARGET, PATH);
	evidence.window.typical_gap[SIDE_TARGET]++; /* it says much at a time, and then rests */
	EXPECT(TARGET, SENDING);
	now(SIDE_TARGET)->receive_rtt = 76 * MS; /* or its path leaves longer gaps */
	EXPECT(TARGET, PATH);
	comes_in(1000, 989999, 0);
	EXPECT(TARGET, SENDING);
	comes_in(1000, 940000, 50); /* a trip's worth is 35720 */
	EXPECT(TARGET, SENDING);
	comes_in(1000, 960000, 30);
	EXPECT(TARGET, PATH);
	comes_in(1000, 960000, 29);
	EXPECT(TARGET, SENDING);
	comes_in(20, 20000, TCP_UNKNOWN);
	EXPECT(TARGET, PATH);
	comes_in(19, 19000, 0); /* too few to tell */
	EXPECT(TARGET, SENDING);
	comes_in(TCP_UNKNOWN, 1000000, 0);
	EXPECT(TARGET, SENDING);
	comes_in(1000, 1000000, 0);
	now(SIDE_TARGET)->rtt_min = 99;
	EXPECT(TARGET, SENDING);
}
END_TEST

/* ---- figures ---- */

#define WAITED(client, target)                                                                               \
	do {                                                                                                 \
		ck_assert_uint_eq(verdict_waited(&evidence, SIDE_CLIENT), client);                           \
		ck_assert_uint_eq(verdict_waited(&evidence, SIDE_TARGET), target);                           \
	} while (0)

START_TEST(time_waited_for_each_side)
{
	WAITED(0, 0);
	evidence.window.turn[SIDE_CLIENT] = permille(100);
	evidence.window.sending[SIDE_CLIENT] = permille(20);
	evidence.window.held[DOWNLOAD][HOLD_SINK] = permille(3);
	evidence.window.held[DOWNLOAD][HOLD_RATE] = permille(500); /* for neither of them */
	evidence.window.held[UPLOAD][HOLD_HIGH] = permille(400);
	WAITED(123, 400);
	ck_assert_uint_eq(verdict_paused(&evidence, DOWNLOAD), 500);
	ck_assert_uint_eq(verdict_paused(&evidence, UPLOAD), 400);
	make_busy(SIDE_CLIENT, SECOND); /* it does not keep up with the limit */
	WAITED(623, 400);
	make_busy(SIDE_CLIENT, 0);
	fall_silent(SIDE_CLIENT, permille(50));
	WAITED(123, 450);
	setup();
	fall_silent(SIDE_CLIENT, 1 + SECOND);
	evidence.window.length = SECOND;
	WAITED(0, 0); /* idle */
	evidence.state = STATE_CONNECTING;
	WAITED(0, 1000);
	evidence.state = STATE_WAITING;
	WAITED(1000, 0);
	evidence = (struct evidence){.state = STATE_OPEN};
	WAITED(0, 0);
	ck_assert_uint_eq(verdict_paused(&evidence, UPLOAD), 0);
}
END_TEST

START_TEST(share_of_a_shut_window)
{
	ck_assert_uint_eq(verdict_shut(&evidence.side[SIDE_CLIENT]), 0);
	lately(SIDE_CLIENT)->busy = 4;
	lately(SIDE_CLIENT)->shut = 3;
	ck_assert_uint_eq(verdict_shut(&evidence.side[SIDE_CLIENT]), 750);
	lately(SIDE_CLIENT)->shut = 5; /* both are rounded to milliseconds */
	ck_assert_uint_eq(verdict_shut(&evidence.side[SIDE_CLIENT]), 1000);
	lately(SIDE_CLIENT)->shut = TCP_UNKNOWN;
	ck_assert(verdict_shut(&evidence.side[SIDE_CLIENT]) == TCP_UNKNOWN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("verdict");
	TCase *tcase = tcase_create("verdict");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, pair_without_a_target);
	tcase_add_test(tcase, full_speed_is_nobodys_fault);
	tcase_add_test(tcase, peer_that_is_gone);
	tcase_add_test(tcase, sink_that_is_held_for_half_of_the_window);
	tcase_add_test(tcase, source_that_is_paused_for_a_fifth_of_the_window);
	tcase_add_test(tcase, source_of_bursts_is_the_cause);
	tcase_add_test(tcase, sink_that_takes_all_at_once_is_not_slow);
	tcase_add_test(tcase, backlog_that_fits_into_the_kernel);
	tcase_add_test(tcase, sink_whose_window_is_shut);
	tcase_add_test(tcase, sink_without_a_path);
	tcase_add_test(tcase, buffer_of_ours_is_full);
	tcase_add_test(tcase, limit_on_the_rate);
	tcase_add_test(tcase, sink_that_is_behind_a_limit_on_the_rate);
	tcase_add_test(tcase, memory_is_blamed_only_where_it_alone_is_short);
	tcase_add_test(tcase, of_two_held_flows_the_blocker_is_the_cause);
	tcase_add_test(tcase, time_that_one_flow_was_held_alone_is_its_own);
	tcase_add_test(tcase, of_two_flows_that_were_held_for_as_long_the_blocker_is_the_cause);
	tcase_add_test(tcase, lag_of_what_the_kernel_holds);
	tcase_add_test(tcase, side_that_is_waited_for_half_of_the_window);
	tcase_add_test(tcase, worker_that_comes_late_blames_nobody);
	tcase_add_test(tcase, silence_that_lasts_counts_too);
	tcase_add_test(tcase, source_that_used_to_go_on_is_due_itself);
	tcase_add_test(tcase, source_that_rests_for_long_is_due_itself);
	tcase_add_test(tcase, source_that_rarely_speaks_is_due_itself);
	tcase_add_test(tcase, long_silence_is_idleness);
	tcase_add_test(tcase, after_the_first_answer_the_client_is_due);
	tcase_add_test(tcase, silence_of_a_half_closed_pair_is_the_other_sides);
	tcase_add_test(tcase, turns_that_take_a_round_trip);
	tcase_add_test(tcase, what_has_not_come_is_not_answered);
	tcase_add_test(tcase, window_of_ours_is_full);
	tcase_add_test(tcase, source_that_always_has_more_to_send);
	tcase_add_test(tcase, time_waited_for_each_side);
	tcase_add_test(tcase, share_of_a_shut_window);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
