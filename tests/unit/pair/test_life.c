/* What a whole life was waited for, of evidence that is made up. tests/verdict judges close lines. */
#include "build_config.h"

#include "pair/life.h"
#include "unit.h"

#define SECOND 1000000ULL
#define LENGTH (10 * SECOND)
#define RTT_US 20000

static struct evidence evidence;
static struct wait_totals stretch;
static struct life life;

/* Two peers that are 20 ms away, and have taken what they got. */
static void setup(void)
{
	const struct side_evidence side = {
	        .now = {.known = true,
	                .rtt = RTT_US,
	                .rtt_min = RTT_US,
	                .segment = 1000,
	                .receive_rtt = RTT_US,
	                .receive_window = 1000000},
	        .lately = {.span = LENGTH},
	};

	evidence = (struct evidence){.state = STATE_OPEN, .flows = true, .side = {side, side}};
	stretch = (struct wait_totals){.length = LENGTH};
	life = (struct life){.length = LENGTH};
}

static void assert_verdict(enum blame slow, enum why why)
{
	struct verdict verdict = life_verdict(&life);

	ck_assert_int_eq(verdict.slow, slow);
	ck_assert_int_eq(verdict.why, why);
}

/* The life is the stretch. */
static void expect(enum blame slow, enum why why)
{
	life = (struct life){.length = stretch.length};
	life_add(&life, &evidence, &stretch);
	assert_verdict(slow, why);
}

static enum blame blame(int side)
{
	return side == SIDE_CLIENT ? BLAME_CLIENT : BLAME_TARGET;
}

#define EXPECT(slow, why)     assert_verdict(BLAME_##slow, WHY_##why)
#define OF_STRETCH(slow, why) expect(BLAME_##slow, WHY_##why)

START_TEST(longest_wait_decides)
{
	stretch.length = 0;
	OF_STRETCH(NONE, IDLE);
	stretch.time[WAIT_CONNECTING] = 1;
	OF_STRETCH(TARGET, CONNECTING);
	stretch.time[WAIT_RATE + SIDE_TARGET] = 3;
	OF_STRETCH(RELAY, RATE);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 4;
	OF_STRETCH(CLIENT, PATH);
	evidence.side[SIDE_TARGET].lately.busy = evidence.side[SIDE_TARGET].lately.shut = LENGTH / 3;
	stretch.time[WAIT_SINK + SIDE_TARGET] = 5;
	OF_STRETCH(TARGET, READING);
	stretch.time[WAIT_TURN + SIDE_CLIENT] = 6;
	OF_STRETCH(CLIENT, THINKING);
	stretch.time[WAIT_TURN + SIDE_TARGET] = 7;
	OF_STRETCH(TARGET, ANSWER);
	stretch.time[WAIT_SENDING + SIDE_CLIENT] = 8;
	OF_STRETCH(CLIENT, SENDING);
	stretch.time[WAIT_SENDING + SIDE_TARGET] = 9;
	OF_STRETCH(TARGET, SENDING);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), 4 + 6 + 8);
	ck_assert_uint_eq(life_waited(&life, SIDE_TARGET), 1 + 5 + 7 + 9);
}
END_TEST

START_TEST(what_it_was_waited_for_most_is_the_sum_of_its_stretches)
{
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 6 * SECOND;
	life_add(&life, &evidence, &stretch);
	evidence.side[SIDE_CLIENT].lately.busy = evidence.side[SIDE_CLIENT].lately.shut = LENGTH;
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 4 * SECOND;
	life_add(&life, &evidence, &stretch);
	EXPECT(CLIENT, PATH); /* though its window was shut for 50 % of all its life */
	life_add(&life, &evidence, &stretch);
	EXPECT(CLIENT, READING);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), 14 * SECOND);
}
END_TEST

START_TEST(stretches_are_kept)
{
	struct life_sums sums = {{0}};
	struct life again = {.length = 0};

	stretch.time[WAIT_SINK + SIDE_CLIENT] = 6 * SECOND + 1;
	stretch.time[WAIT_TURN + SIDE_TARGET] = 3 * SECOND;
	life_add(&life, &evidence, &stretch);
	life_keep(&sums, &life);
	life_keep(&sums, &life);
	life_recall(&again, &sums);
	ck_assert_uint_eq(again.time[CAUSE_PATH + SIDE_CLIENT], 12 * SECOND + 2000);
	ck_assert_uint_eq(again.time[CAUSE_TURN + SIDE_TARGET], 6 * SECOND);
	ck_assert_uint_eq(life_waited(&again, SIDE_CLIENT) + life_waited(&again, SIDE_TARGET),
	                  18 * SECOND + 2000);
}
END_TEST

START_TEST(life_in_which_little_was_waited_for_is_idle)
{
	stretch.length = 1000;
	stretch.time[WAIT_TURN + SIDE_TARGET] = 499;
	OF_STRETCH(NONE, IDLE);
	stretch.time[WAIT_TURN + SIDE_TARGET] = 500;
	OF_STRETCH(TARGET, ANSWER);
	stretch.time[WAIT_TURN + SIDE_TARGET] = 333;
	stretch.time[WAIT_TURN + SIDE_CLIENT] = 334;
	OF_STRETCH(CLIENT, THINKING);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 900; /* both flows were held at the same time */
	stretch.time[WAIT_SINK + SIDE_TARGET] = 800;
	OF_STRETCH(CLIENT, PATH);
}
END_TEST

/*
 * Peers that write before they read. Neither was waited for all the time: for how long both were is not
 * known.
 */
START_TEST(of_two_sinks_that_were_as_slow_the_blocker_is_the_cause)
{
	stretch.blocked = true;
	stretch.blocker = DOWNLOAD;
	stretch.length = 1800000;
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 750000;
	stretch.time[WAIT_SINK + SIDE_TARGET] = 1000000;
	OF_STRETCH(CLIENT, PATH);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 749999;
	OF_STRETCH(TARGET, PATH);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 900000;
	OF_STRETCH(CLIENT, PATH);
	stretch.blocker = UPLOAD;
	OF_STRETCH(TARGET, PATH);
	stretch.time[WAIT_SINK + SIDE_TARGET] = 899999;
	OF_STRETCH(TARGET, PATH);
	stretch.blocked = false;
	OF_STRETCH(CLIENT, PATH);
	stretch.blocked = true;
	stretch.time[WAIT_TURN + SIDE_CLIENT] = 1000001; /* that is no sink */
	OF_STRETCH(CLIENT, THINKING);
}
END_TEST

/* A target that is slower than its client for two seconds, and then a client that rests for six. */
START_TEST(while_both_sinks_were_waited_for_it_was_for_the_blocker)
{
	stretch.blocked = true;
	stretch.blocker = DOWNLOAD;
	stretch.length = 8000000;
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 5900000;
	stretch.time[WAIT_SINK + SIDE_TARGET] = 7000000;
	stretch.time[WAIT_RATE + SIDE_TARGET] = 900000;
	OF_STRETCH(CLIENT, PATH);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 5500000;
	stretch.time[WAIT_RATE + SIDE_TARGET] = 1000000;
	OF_STRETCH(CLIENT, PATH);
	ck_assert_uint_eq(life.time[CAUSE_PATH + SIDE_CLIENT], 5500000);
	ck_assert_uint_eq(life.time[CAUSE_PATH + SIDE_TARGET], 1500000);
	ck_assert_uint_eq(life.time[CAUSE_RATE], 1000000);
	stretch.time[WAIT_SINK + SIDE_TARGET] = 1000000;
	stretch.time[WAIT_RATE + SIDE_TARGET] = 7000000;
	OF_STRETCH(CLIENT, PATH);
	ck_assert_uint_eq(life.time[CAUSE_PATH + SIDE_TARGET], 0);
	ck_assert_uint_eq(life.time[CAUSE_RATE], 2500000);
	stretch.blocked = false;
	OF_STRETCH(RELAY, RATE);
}
END_TEST

/* What a limit pauses holds up the other flow, too. */
START_TEST(of_a_limit_and_a_sink_that_follows_the_limit_is_the_cause)
{
	stretch.blocked = true;
	stretch.blocker = DOWNLOAD;
	stretch.length = 2000000;
	stretch.time[WAIT_RATE + SIDE_CLIENT] = 700000;
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 200000;
	stretch.time[WAIT_SINK + SIDE_TARGET] = 1000000;
	OF_STRETCH(RELAY, RATE);
	ck_assert_uint_eq(life.time[CAUSE_RATE], 800000);
	ck_assert_uint_eq(life.time[CAUSE_PATH + SIDE_TARGET], 799000);
	stretch.blocker = UPLOAD;
	OF_STRETCH(TARGET, PATH);
}
END_TEST

/* It is now its path and now its program, while the one that follows it always seems to read slowly. */
START_TEST(sink_that_was_waited_for_longer_is_the_cause_whatever_for)
{
	struct life_sums sums = {.ms = {[CAUSE_READING + SIDE_CLIENT] = 600,
	                                [CAUSE_PATH + SIDE_CLIENT] = 500,
	                                [CAUSE_READING + SIDE_TARGET] = 1000}};

	life = (struct life){.length = 0};
	life_recall(&life, &sums);
	ck_assert_int_eq(life_verdict(&life).slow, BLAME_CLIENT);
	ck_assert_int_eq(life_verdict(&life).why, WHY_READING);
	sums.ms[CAUSE_PATH + SIDE_CLIENT] = 400;
	life = (struct life){.length = 0};
	life_recall(&life, &sums);
	ck_assert_int_eq(life_verdict(&life).slow, BLAME_TARGET);
}
END_TEST

/* Sums that are kept are rounded. */
START_TEST(blocker_of_one_stretch_stays_the_cause)
{
	struct life_sums sums = {.ms = {0}};

	stretch.blocked = true;
	stretch.blocker = UPLOAD;
	stretch.length = 3000001;
	stretch.time[WAIT_SINK + SIDE_CLIENT] = stretch.time[WAIT_SINK + SIDE_TARGET] = stretch.length;
	life = (struct life){.length = 0};
	life_add(&life, &evidence, &stretch);
	life_keep(&sums, &life);
	life = (struct life){.length = 0};
	life_recall(&life, &sums);
	ck_assert_int_eq(life_verdict(&life).slow, BLAME_TARGET);
}
END_TEST

static void leave_unanswered(enum side side, uint64_t ms)
{
	evidence.side[side].unanswered_ms = ms;
	evidence.side[side].now.tries = 2;
}

/* _i: who has vanished, while the other one went on to send. */
START_TEST(time_in_which_a_peer_was_gone_is_its_own)
{
	enum side other = side_opposite(_i);

	stretch.time[WAIT_SENDING + other] = LENGTH;
	leave_unanswered(_i, 2999);
	expect(blame(other), WHY_SENDING);
	leave_unanswered(_i, 6000);
	expect(blame(_i), WHY_UNANSWERED);
	ck_assert_uint_eq(life_waited(&life, _i), 6 * SECOND);
	ck_assert_uint_eq(life_waited(&life, other), 4 * SECOND);
	leave_unanswered(_i, 4000); /* the other one has been sending for longer */
	expect(blame(other), WHY_SENDING);
	leave_unanswered(_i, 60000); /* no longer than the stretch */
	expect(blame(_i), WHY_UNANSWERED);
	ck_assert_uint_eq(life_waited(&life, _i), LENGTH);
	ck_assert_uint_eq(life_waited(&life, other), 0);
}
END_TEST

START_TEST(sink_that_does_not_keep_up_with_a_limit_is_the_cause)
{
	stretch.time[WAIT_RATE + SIDE_CLIENT] = LENGTH;
	OF_STRETCH(RELAY, RATE);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), 0);
	evidence.side[SIDE_CLIENT].lately.busy = evidence.side[SIDE_CLIENT].lately.shut = LENGTH;
	OF_STRETCH(CLIENT, READING);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), LENGTH);
}
END_TEST

/* A source behind a path, and our own window. */
START_TEST(path_and_buffer_of_a_source)
{
	struct side_evidence *client = &evidence.side[SIDE_CLIENT];

	stretch.time[WAIT_SENDING + SIDE_CLIENT] = LENGTH;
	OF_STRETCH(CLIENT, SENDING);
	client->lately.segments = 1000;
	client->lately.received = 1000000;
	OF_STRETCH(CLIENT, PATH);
	client->lately.received = 1000000 * (LENGTH / RTT_US);
	OF_STRETCH(RELAY, BUFFER);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), 0);
	client->now.known = false;
	client->now.rtt_min = TCP_UNKNOWN;
	OF_STRETCH(CLIENT, SENDING);
}
END_TEST

/* _i: who answers within a round trip. */
START_TEST(turns_of_a_life_that_took_a_round_trip)
{
	stretch.time[WAIT_TURN + _i] = LENGTH;
	stretch.turns[_i] = LENGTH / RTT_US / 2;
	expect(blame(_i), WHY_PATH);
	stretch.turns[_i]--;
	expect(blame(_i), _i ? WHY_ANSWER : WHY_THINKING);
}
END_TEST

START_TEST(rest_of_a_stretch_without_cpu_to_spare)
{
	evidence.cpu.wanted = 949;
	OF_STRETCH(NONE, IDLE);
	evidence.cpu.wanted = 950;
	OF_STRETCH(RELAY, CPU);
	evidence.cut_short = true;
	OF_STRETCH(RELAY, MEMORY);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT) + life_waited(&life, SIDE_TARGET), 0);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 4 * SECOND;
	OF_STRETCH(RELAY, MEMORY);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 6 * SECOND;
	OF_STRETCH(CLIENT, PATH);
	stretch.time[WAIT_SINK + SIDE_CLIENT] = 0;
	evidence.flows = false;
	OF_STRETCH(NONE, IDLE);
}
END_TEST

START_TEST(worker_that_comes_late_is_no_side)
{
	evidence.cpu.wanted = 1000;
	evidence.cpu.ready = 400;
	evidence.window.typical_gap[SIDE_CLIENT] = 2999;
	stretch.time[WAIT_SENDING + SIDE_CLIENT] = LENGTH;
	OF_STRETCH(RELAY, CPU);
	evidence.window.typical_gap[SIDE_CLIENT] = 3000;
	OF_STRETCH(CLIENT, SENDING);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), 6 * SECOND);
	ck_assert_uint_eq(life.time[CAUSE_CPU], 4 * SECOND);
	stretch.time[WAIT_SENDING + SIDE_CLIENT] = 0;
	stretch.time[WAIT_TURN + SIDE_CLIENT] = 5 * SECOND;
	OF_STRETCH(RELAY, CPU);
	ck_assert_uint_eq(life_waited(&life, SIDE_CLIENT), SECOND);
}
END_TEST

START_TEST(pair_that_never_got_a_target)
{
	stretch.length = 0;
	evidence.state = STATE_CONNECTING;
	OF_STRETCH(TARGET, CONNECTING);
	stretch.time[WAIT_TURN + SIDE_CLIENT] = 2; /* it took longer to begin */
	OF_STRETCH(CLIENT, THINKING);
	stretch.time[WAIT_TURN + SIDE_CLIENT] = 0;
	evidence.state = STATE_WAITING;
	OF_STRETCH(CLIENT, THINKING);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("life");
	TCase *tcase = tcase_create("life");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, longest_wait_decides);
	tcase_add_test(tcase, what_it_was_waited_for_most_is_the_sum_of_its_stretches);
	tcase_add_test(tcase, stretches_are_kept);
	tcase_add_test(tcase, life_in_which_little_was_waited_for_is_idle);
	tcase_add_test(tcase, of_two_sinks_that_were_as_slow_the_blocker_is_the_cause);
	tcase_add_test(tcase, while_both_sinks_were_waited_for_it_was_for_the_blocker);
	tcase_add_test(tcase, of_a_limit_and_a_sink_that_follows_the_limit_is_the_cause);
	tcase_add_test(tcase, sink_that_was_waited_for_longer_is_the_cause_whatever_for);
	tcase_add_test(tcase, blocker_of_one_stretch_stays_the_cause);
	tcase_add_loop_test(tcase, time_in_which_a_peer_was_gone_is_its_own, 0, SIDES);
	tcase_add_test(tcase, sink_that_does_not_keep_up_with_a_limit_is_the_cause);
	tcase_add_test(tcase, path_and_buffer_of_a_source);
	tcase_add_loop_test(tcase, turns_of_a_life_that_took_a_round_trip, 0, SIDES);
	tcase_add_test(tcase, rest_of_a_stretch_without_cpu_to_spare);
	tcase_add_test(tcase, worker_that_comes_late_is_no_side);
	tcase_add_test(tcase, pair_that_never_got_a_target);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
