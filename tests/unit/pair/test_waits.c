/* What a pair has waited for, by a clock of our own. */
#include "build_config.h"

#include "pair/waits.h"
#include "unit.h"

#define MS     1000ull
#define SECOND (1000 * MS)
#define HOUR   (3600 * SECOND)

#define CLIENT SIDE_CLIENT
#define TARGET SIDE_TARGET

static struct waits waits;
static uint64_t now;
static enum hold hold[DIRECTIONS];

static void begin(void)
{
	now = 77 * HOUR + 123;
	hold[UPLOAD] = hold[DOWNLOAD] = HOLD_NONE;
	waits_begin(&waits, now, 0, 0);
}

static bool tell(uint64_t after, enum side side, unsigned saying)
{
	now += after;
	return waits_note(&waits, now, hold, saying << side);
}

static bool speak(uint64_t after, enum side side)
{
	return tell(after, side, SAYING_BYTES);
}

static bool hold_for(uint64_t after, enum direction direction, enum hold why)
{
	hold[direction] = why;
	return tell(after, CLIENT, 0);
}

static struct wait_window window(uint64_t after)
{
	now += after;
	return waits_window(&waits, now);
}

static struct wait_totals life(uint64_t after, bool closing)
{
	now += after;
	return waits_totals(&waits, now, closing);
}

/* The client asks at once when it is answered. The target needs 10 ms. */
static void ask_often(unsigned times, uint64_t thinking, uint64_t answering)
{
	for (; times > 0; times--) {
		speak(thinking, CLIENT);
		speak(answering, TARGET);
	}
}

START_TEST(who_ends_a_silence_is_charged)
{
	struct wait_window seen;

	begin();
	ask_often(100, 2 * MS, 8 * MS);
	seen = window(0);
	ck_assert_uint_eq(seen.length, SECOND);
	ck_assert_uint_eq(seen.turn[TARGET], 800 * MS);
	ck_assert_uint_eq(seen.turn[CLIENT], 198 * MS);
	ck_assert_uint_eq(seen.sending[CLIENT], 2 * MS); /* nobody had spoken yet */
	ck_assert_double_eq(seen.turns[TARGET], 100);
	ck_assert_double_eq(seen.turns[CLIENT], 99);
	ck_assert_uint_eq(seen.longest_gap[TARGET], 16 * MS); /* its unit */
	ck_assert_uint_eq(seen.typical_gap[TARGET], 8 * MS);
	ck_assert_uint_eq(seen.typical_gap[CLIENT], 2 * MS);
	ck_assert_int_eq(seen.last_from, TARGET);
	ck_assert(seen.spoken);
}
END_TEST

START_TEST(who_speaks_again_was_sending)
{
	struct wait_window seen;

	begin();
	for (unsigned i = 0; i < 200; i++)
		speak(10 * MS, TARGET);
	seen = window(0);
	ck_assert_uint_eq(seen.sending[TARGET], 2 * SECOND);
	ck_assert_uint_eq(seen.turn[TARGET] + seen.turn[CLIENT] + seen.sending[CLIENT], 0);
}
END_TEST

START_TEST(running_silence_is_nobodys_yet)
{
	struct wait_window seen;

	begin();
	ask_often(1, 0, 5 * MS);
	seen = window(2 * SECOND);
	ck_assert_uint_eq(seen.length, 2 * SECOND + 5 * MS);
	ck_assert_uint_eq(seen.turn[CLIENT] + seen.sending[CLIENT] + seen.sending[TARGET], 0);
	ck_assert_uint_eq(seen.since, 2 * SECOND);
	ck_assert_uint_eq(window(0).since, 2 * SECOND); /* to look changes nothing */
}
END_TEST

START_TEST(held_flow_has_no_silence)
{
	struct wait_window seen;

	begin();
	hold[DOWNLOAD] = HOLD_SINK;
	speak(0, TARGET);
	hold_for(100 * MS, DOWNLOAD, HOLD_HIGH);
	speak(300 * MS, CLIENT); /* charged to nobody */
	hold_for(200 * MS, DOWNLOAD, HOLD_SINK);
	seen = window(400 * MS);
	ck_assert_uint_eq(seen.held[DOWNLOAD][HOLD_SINK], 500 * MS);
	ck_assert_uint_eq(seen.held[DOWNLOAD][HOLD_HIGH], 500 * MS);
	ck_assert_uint_eq(seen.turn[CLIENT] + seen.sending[CLIENT] + seen.held[UPLOAD][HOLD_SINK], 0);
	ck_assert_int_eq(seen.hold[DOWNLOAD], HOLD_SINK);
	ck_assert_int_eq(seen.hold[UPLOAD], HOLD_NONE);
	ck_assert_uint_eq(seen.since, SECOND);
	ck_assert_uint_eq(seen.held_for[DOWNLOAD], SECOND);
	ck_assert_uint_eq(seen.held_for[UPLOAD], 0);
	ck_assert_int_eq(seen.last_from, CLIENT);
}
END_TEST

START_TEST(silence_begins_when_a_hold_ends)
{
	begin();
	hold[UPLOAD] = HOLD_SINK;
	speak(0, CLIENT);
	hold_for(500 * MS, UPLOAD, HOLD_NONE);
	speak(100 * MS, TARGET);
	ck_assert_uint_eq(window(0).turn[TARGET], 100 * MS);
	ck_assert_uint_eq(window(0).held[UPLOAD][HOLD_SINK], 500 * MS);
}
END_TEST

/* Nothing was read, but something has come. */
START_TEST(pause_without_a_read_ends_a_silence)
{
	begin();
	speak(0, TARGET);
	hold_for(50 * MS, UPLOAD, (enum hold)_i);
	ck_assert_uint_eq(window(0).turn[CLIENT], 50 * MS);
	ck_assert_int_eq(window(0).last_from, CLIENT);
	ck_assert_uint_eq(window(30 * MS).held[UPLOAD][_i], 30 * MS);
}
END_TEST

START_TEST(short_gap_counts_if_the_socket_was_empty)
{
	begin();
	tell(0, CLIENT, SAYING_BYTES);
	tell(250, CLIENT, SAYING_BYTES | SAYING_MORE);
	tell(250, CLIENT, SAYING_BYTES | SAYING_MORE);
	ck_assert_uint_eq(window(0).sending[CLIENT], 250);
	tell(300, CLIENT, SAYING_BYTES | SAYING_MORE);
	ck_assert_uint_eq(window(0).sending[CLIENT], 550);
	tell(100, TARGET, SAYING_BYTES); /* that its socket was empty is known */
	ck_assert_uint_eq(window(0).turn[TARGET], 100);
}
END_TEST

/* Two reads before it is told: nobody knows which came first. */
START_TEST(who_was_due_has_ended_the_silence)
{
	begin();
	speak(0, CLIENT);
	now += 50 * MS;
	waits_note(&waits, now, hold, SAYING_BYTES << CLIENT | SAYING_BYTES << TARGET);
	ck_assert_uint_eq(window(0).turn[TARGET], 50 * MS);
	ck_assert_uint_eq(window(0).sending[CLIENT], 0);
	ck_assert_int_eq(window(0).last_from, TARGET);
}
END_TEST

START_TEST(more_may_come_while_paused)
{
	begin();
	hold[UPLOAD] = HOLD_HIGH;
	speak(0, CLIENT);
	hold_for(100 * MS, UPLOAD, HOLD_NONE);
	speak(200, CLIENT);
	ck_assert_uint_eq(window(0).sending[CLIENT], 0);
	speak(200, CLIENT);
	ck_assert_uint_eq(window(0).sending[CLIENT], 200);
}
END_TEST

START_TEST(window_is_up_to_three_seconds)
{
	begin();
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t length;

		speak(7 * MS + i % 13 * 50, i % 3 ? CLIENT : TARGET);
		length = window(i % 7 ? 0 : i % 70 * MS).length;
		ck_assert_uint_le(length, 3 * SECOND);
		ck_assert_uint_ge(length, i < 214 ? i * 7 * MS : 1500 * MS);
	}
}
END_TEST

/* Half as much after each 1.5 s. */
START_TEST(past_counts_ever_less)
{
	begin();
	ask_often(300, 10 * MS, 0);
	ck_assert_uint_eq(window(0).turn[CLIENT], 2990 * MS);
	ask_often(1, 0, 10 * MS);
	ck_assert_uint_eq(window(0).turn[CLIENT], 1495 * MS);
	ask_often(150, 0, 10 * MS);
	ck_assert_uint_ge(window(0).turn[CLIENT], 747 * MS);
	ck_assert_uint_le(window(0).turn[CLIENT], 749 * MS);
	ask_often(150, 0, 10 * MS);
	ck_assert_uint_ge(window(0).turn[CLIENT], 373 * MS);
	ck_assert_uint_le(window(0).turn[CLIENT], 376 * MS);
	ck_assert_uint_gt(window(0).turn[TARGET], SECOND);
}
END_TEST

/* Whatever holds them: to the millisecond. */
START_TEST(flows_that_are_held_as_long_stay_equal)
{
	begin();
	hold[UPLOAD] = hold[DOWNLOAD] = HOLD_HIGH;
	speak(0, CLIENT);
	for (unsigned i = 0; i < 2000; i++) {
		struct wait_window seen;

		hold[UPLOAD] = i % 3 ? HOLD_HIGH : HOLD_SINK;
		tell(13 * MS + i % 19 * 50, CLIENT, 0);
		seen = window(0);
		ck_assert_uint_eq(seen.held[DOWNLOAD][HOLD_SINK], 0);
		ck_assert_uint_le(seen.held[UPLOAD][HOLD_SINK] + seen.held[UPLOAD][HOLD_HIGH],
		                  seen.held[DOWNLOAD][HOLD_HIGH] + 100);
		ck_assert_uint_ge(seen.held[UPLOAD][HOLD_SINK] + seen.held[UPLOAD][HOLD_HIGH] + 100,
		                  seen.held[DOWNLOAD][HOLD_HIGH]);
	}
}
END_TEST

/* A turn that counts half is half a turn, so it took as long as it took. */
START_TEST(turns_get_no_shorter)
{
	struct wait_window seen;

	begin();
	ask_often(1, 0, 100 * MS);
	for (unsigned i = 0; i < 300; i++)
		speak(10 * MS, TARGET);
	seen = window(0);
	ck_assert_uint_eq(seen.turn[TARGET], 50 * MS);
	ck_assert_double_eq(seen.turns[TARGET], 0.5);
}
END_TEST

START_TEST(window_is_full_every_one_and_a_half_seconds)
{
	unsigned full = 0;

	begin();
	for (unsigned i = 0; i < 3000; i++)
		full += speak(10 * MS, CLIENT);
	ck_assert_uint_eq(full, 18); /* first after three seconds; not at the very end */
}
END_TEST

/* A message is heard as it would be noted. */
START_TEST(to_hear_is_to_note_what_was_said)
{
	struct waits heard;

	begin();
	speak(MS, TARGET);
	heard = waits;
	srandom(3);
	for (unsigned i = 0; i < 20000; i++) {
		enum side side = (enum side)(random() % 2);
		bool more = random() % 2;
		uint64_t after = (uint64_t)random() % (i % 100 ? 999 : 4 * SECOND);

		ck_assert_int_eq(tell(after, side, more ? SAYING_BYTES | SAYING_MORE : SAYING_BYTES),
		                 waits_hear(&heard, now, side, more));
		ck_assert_mem_eq(&heard, &waits, sizeof(waits));
	}
}
END_TEST

START_TEST(long_wait_fills_the_window)
{
	struct wait_window seen;

	begin();
	ask_often(200, 10 * MS, 0);
	hold[UPLOAD] = HOLD_HIGH;
	speak(0, CLIENT);
	seen = window(HOUR);
	ck_assert_uint_eq(seen.length, 3 * SECOND);
	ck_assert_uint_eq(seen.held[UPLOAD][HOLD_HIGH], 3 * SECOND);
	ck_assert_uint_eq(seen.turn[CLIENT], 0);
	ck_assert_uint_eq(seen.since, HOUR);
	ck_assert(hold_for(0, UPLOAD, HOLD_NONE));
	speak(10 * SECOND, TARGET);
	seen = window(0);
	ck_assert_uint_eq(seen.turn[TARGET], 3 * SECOND);
	ck_assert_uint_eq(seen.held[UPLOAD][HOLD_HIGH], 0);
	ck_assert_uint_eq(seen.longest_gap[TARGET], 10 * SECOND);
}
END_TEST

START_TEST(gaps_outlive_a_long_silence)
{
	begin();
	ask_often(10, 10 * MS, 400 * MS);
	ck_assert_uint_eq(window(MS).longest_gap[TARGET], 400 * MS);
	ck_assert_uint_eq(window(20 * SECOND).longest_gap[TARGET], 400 * MS);
	ck_assert_uint_eq(window(2 * HOUR).longest_gap[TARGET], 400 * MS);
	speak(0, CLIENT);
	ck_assert_uint_eq(window(0).longest_gap[CLIENT], UINT16_MAX * 16 * MS);
}
END_TEST

/* A source that rests at times does so again. */
START_TEST(gaps_fade)
{
	begin();
	for (unsigned i = 0; i < 5; i++) {
		speak(1900 * MS, TARGET);
		for (unsigned k = 0; k < 100; k++)
			speak(MS, TARGET);
		ck_assert_uint_ge(window(0).longest_gap[TARGET], 1900 * MS);
		ck_assert_uint_ge(waits_window(&waits, now + 1890 * MS).longest_gap[TARGET], 940 * MS);
	}
	for (unsigned i = 0; i < 1000; i++)
		speak(10 * MS, TARGET);
	ck_assert_uint_lt(window(0).longest_gap[TARGET], 100 * MS);
}
END_TEST

/* What was before is known as long as the silence is no longer than the window. */
START_TEST(pause_before_an_answer_is_no_idleness)
{
	struct wait_window seen;

	begin();
	for (unsigned i = 0; i < 10; i++)
		speak(2 * SECOND, TARGET);
	seen = window(1500 * MS);
	ck_assert_uint_eq(seen.length, 3 * SECOND);
	ck_assert_uint_eq(seen.sending[TARGET], 1500 * MS);
	ck_assert_uint_eq(window(1400 * MS).sending[TARGET], 100 * MS);
	ck_assert_uint_eq(window(0).longest_gap[TARGET], 2 * SECOND);
	ck_assert_uint_eq(window(200 * MS).sending[TARGET], 0);
}
END_TEST

START_TEST(so_many_turns_are_still_short)
{
	struct wait_window seen;

	begin();
	for (unsigned i = 0; i < 2 * 70000; i++)
		speak(20, i % 2 ? CLIENT : TARGET);
	seen = window(0);
	ck_assert_double_ge(seen.turns[CLIENT], 8000);
	ck_assert_double_lt((double)seen.turn[CLIENT] / seen.turns[CLIENT], 100);
}
END_TEST

/* What the sink has not taken of it holds the flow then. */
START_TEST(source_that_has_ended_says_no_more)
{
	begin();
	speak(10 * MS, TARGET);
	tell(0, TARGET, SAYING_END);
	tell(0, CLIENT, SAYING_END);
	hold_for(SECOND, DOWNLOAD, HOLD_SINK);
	ck_assert_uint_eq(life(0, true).time[WAIT_SENDING + TARGET], 10 * MS);
	ck_assert_uint_eq(life(0, true).time[WAIT_TURN + TARGET], 0);
	ck_assert_uint_eq(life(3 * MS, true).time[WAIT_SINK + CLIENT], 3 * MS);
}
END_TEST

#define EXPECT_BLOCKER(flow)                                                                                 \
	do {                                                                                                 \
		ck_assert(window(0).blocked);                                                                \
		ck_assert_int_eq(window(0).blocker, flow);                                                   \
		ck_assert(life(0, false).blocked);                                                           \
		ck_assert_int_eq(life(0, false).blocker, flow);                                              \
	} while (0)

START_TEST(sides_block_each_other_while_both_sources_are_paused)
{
	begin();
	hold_for(SECOND, DOWNLOAD, HOLD_HIGH);
	ck_assert(!window(SECOND).blocked);
	hold_for(SECOND, UPLOAD, HOLD_SINK);
	ck_assert(!window(SECOND).blocked);
	hold_for(SECOND, UPLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(SECOND, DOWNLOAD, HOLD_SINK);
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(SECOND, DOWNLOAD, HOLD_NONE); /* the other one is still held */
	EXPECT_BLOCKER(DOWNLOAD);
}
END_TEST

/*
 * Verdicts were of the opposite side: a client that floods what echoes is paused often before it rests, so
 * its flow was held first, and for some milliseconds longer.
 */
START_TEST(flow_that_was_paused_first_and_stays_so_blocks_the_other)
{
	begin();
	for (int i = 0; i < 10; i++) {
		hold_for(2 * MS, UPLOAD, HOLD_HIGH);
		hold_for(2 * MS, UPLOAD, HOLD_SINK);
		if (i == 5)
			hold_for(MS, DOWNLOAD, HOLD_HIGH);
	}
	hold_for(2 * MS, UPLOAD, HOLD_HIGH);
	window(100 * MS);
	EXPECT_BLOCKER(DOWNLOAD);
	window(HOUR);
	EXPECT_BLOCKER(DOWNLOAD);
}
END_TEST

/*
 * Verdicts were of the opposite side: a client that floods and then rests, and a target that says much for
 * little that it reads. So what comes from the client was paused all along, and first.
 */
START_TEST(flow_that_was_paused_all_along_blocks_nobody)
{
	begin();
	for (int i = 0; i < 10; i++) {
		hold_for(MS, UPLOAD, HOLD_HIGH);
		hold_for(10 * MS, UPLOAD, HOLD_SINK);
	}
	hold_for(MS, UPLOAD, HOLD_HIGH);
	hold_for(5 * MS, DOWNLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(5 * MS, UPLOAD, HOLD_SINK); /* it takes some more, while it has room for what it says */
	hold_for(MS, UPLOAD, HOLD_HIGH);
	window(100 * MS);
	EXPECT_BLOCKER(DOWNLOAD);
}
END_TEST

/* However often a limit pauses a flow, it acts on its own. */
START_TEST(what_a_limit_pauses_often_is_no_habit)
{
	begin();
	for (int i = 0; i < 10; i++) {
		hold_for(MS, DOWNLOAD, HOLD_RATE);
		hold_for(10 * MS, DOWNLOAD, HOLD_SINK);
	}
	hold_for(MS, DOWNLOAD, HOLD_RATE);
	hold_for(5 * MS, UPLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(DOWNLOAD);
}
END_TEST

START_TEST(how_long_the_sides_have_blocked_each_other)
{
	begin();
	hold_for(0, DOWNLOAD, HOLD_HIGH);
	ck_assert(!waits_is_block(&waits));
	ck_assert_uint_eq(waits_block(&waits, now + SECOND), 0);
	hold_for(SECOND, UPLOAD, HOLD_RATE);
	ck_assert(waits_is_block(&waits));
	ck_assert_uint_eq(waits_block(&waits, now), 0);
	ck_assert_uint_eq(waits_block(&waits, now + 1900), 1);
	tell(SECOND, CLIENT, SAYING_MORE); /* nothing that matters */
	ck_assert_uint_eq(waits_block(&waits, now + SECOND), 2000);
	waits_note_taker(&waits, UPLOAD);
	EXPECT_BLOCKER(UPLOAD);
	speak(SECOND, TARGET); /* its source was read */
	ck_assert_uint_eq(waits_block(&waits, now + SECOND), 1000);
	tell(SECOND, CLIENT, SAYING_END);
	ck_assert(!waits_is_block(&waits));
	ck_assert_uint_eq(waits_block(&waits, now + SECOND), 0);
}
END_TEST

/* It lets some go on by its own clock, while the sink of the other flow follows. */
START_TEST(limit_may_block_both_sides)
{
	begin();
	hold_for(0, DOWNLOAD, HOLD_RATE);
	hold_for(MS, UPLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(DOWNLOAD);
	for (int i = 0; i < 5; i++) {
		hold_for(100 * MS, DOWNLOAD, HOLD_SINK);
		hold_for(MS, DOWNLOAD, HOLD_RATE);
		EXPECT_BLOCKER(DOWNLOAD);
	}
}
END_TEST

/* However long its sink has paused the flow before. */
START_TEST(limit_pauses_no_flow_by_habit)
{
	begin();
	hold_for(0, UPLOAD, HOLD_HIGH);
	hold_for(3 * SECOND, UPLOAD, HOLD_SINK);
	hold_for(MS, UPLOAD, HOLD_RATE);
	hold_for(MS, DOWNLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(UPLOAD);
}
END_TEST

/* A verdict was of its sink for as long as the limit had ended blocks before the other side stopped. */
START_TEST(what_a_limit_has_ended_tells_nothing_of_its_sink)
{
	begin();
	hold_for(0, DOWNLOAD, HOLD_HIGH);
	for (int i = 0; i < 50; i++) {
		hold_for(MS, UPLOAD, HOLD_RATE);
		EXPECT_BLOCKER(i == 0 ? DOWNLOAD : UPLOAD);
		hold_for(100 * MS, UPLOAD, HOLD_SINK);
	}
	hold_for(0, UPLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(DOWNLOAD);
	for (int i = 0; i < 50; i++) {
		hold_for(100 * MS, UPLOAD, HOLD_SINK);
		hold_for(MS, UPLOAD, HOLD_HIGH);
	}
	EXPECT_BLOCKER(UPLOAD);
	hold_for(MS, UPLOAD, HOLD_RATE);
	hold_for(MS, UPLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(UPLOAD);
}
END_TEST

/* What its sink took, or a limit let go on, may be replaced within one event. _i: how the flow is held. */
START_TEST(block_ends_where_a_source_is_paused_anew)
{
	begin();
	hold_for(0, DOWNLOAD, (enum hold)_i);
	hold_for(MS, UPLOAD, HOLD_HIGH);
	hold_for(MS, UPLOAD, HOLD_SINK);
	for (int i = 0; i < 5; i++) {
		hold_for(MS, UPLOAD, HOLD_HIGH);
		speak(100 * MS, TARGET);
		EXPECT_BLOCKER(DOWNLOAD);
		hold_for(MS, UPLOAD, HOLD_SINK);
		EXPECT_BLOCKER(DOWNLOAD);
	}
	hold_for(0, UPLOAD, HOLD_HIGH);
	speak(MS, TARGET);
	window(400 * MS);
	EXPECT_BLOCKER(DOWNLOAD);
	window(500 * MS); /* as it was not ended for so long; but a limit acts on its own */
	EXPECT_BLOCKER(_i == HOLD_HIGH ? UPLOAD : DOWNLOAD);
}
END_TEST

/* Once both were free, what was before tells nothing. Until the next pause it still tells of what was. */
START_TEST(blocks_are_forgotten_once_both_flows_are_free)
{
	begin();
	hold_for(0, DOWNLOAD, HOLD_HIGH);
	hold_for(0, UPLOAD, HOLD_HIGH);
	hold_for(SECOND, DOWNLOAD, HOLD_NONE);
	speak(MS, CLIENT); /* and the upload's source is paused anew: that one was not free */
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(SECOND, UPLOAD, HOLD_NONE);
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(3 * SECOND, UPLOAD, HOLD_SINK);
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(SECOND, UPLOAD, HOLD_HIGH);
	ck_assert(!window(0).blocked);
	hold_for(MS, DOWNLOAD, HOLD_HIGH);
	EXPECT_BLOCKER(UPLOAD);
}
END_TEST

/* It takes no more, but that is not why it was waited for. _i: the side that is reset. */
START_TEST(end_of_a_side_ends_no_block)
{
	begin();
	hold_for(0, DOWNLOAD, HOLD_HIGH);
	hold_for(0, UPLOAD, HOLD_HIGH);
	now += SECOND;
	hold[UPLOAD] = hold[DOWNLOAD] = HOLD_NONE;
	hold[_i] = HOLD_HIGH;
	tell(0, (enum side)_i, SAYING_END);
	hold_for(MS, (enum direction)_i, HOLD_NONE);
	EXPECT_BLOCKER(DOWNLOAD);
	hold_for(MS, (enum direction)_i, HOLD_HIGH); /* what is left of it */
	speak(MS, (enum side)_i);
	EXPECT_BLOCKER(DOWNLOAD);
}
END_TEST

static uint64_t typical_of(uint64_t often, uint64_t seldom)
{
	begin();
	for (unsigned i = 0; i < 100; i++) {
		for (uint64_t sum = 0; sum < seldom; sum += often)
			speak(often, TARGET);
		speak(seldom, TARGET);
	}
	return window(0).typical_gap[TARGET];
}

/* Half of the time is waited in gaps of one kind, half in those of another. */
START_TEST(gaps_are_typical_by_time)
{
	ck_assert_uint_eq(typical_of(100 * MS, 100 * MS), 100 * MS);
	ck_assert_uint_ge(typical_of(10, 100 * MS), 45 * MS);
	ck_assert_uint_le(typical_of(10, 100 * MS), 55 * MS);
	ck_assert_uint_ge(typical_of(40 * MS, 200 * MS), 110 * MS);
	ck_assert_uint_le(typical_of(40 * MS, 200 * MS), 135 * MS);
}
END_TEST

START_TEST(typical_gap_follows)
{
	begin();
	ask_often(20, 0, 300 * MS);
	ask_often(10, 0, 20 * MS);
	ck_assert_uint_gt(window(0).typical_gap[TARGET], 240 * MS);
	ask_often(400, 0, 20 * MS);
	ck_assert_uint_lt(window(0).typical_gap[TARGET], 30 * MS);
	speak(HOUR, CLIENT);
	ck_assert_uint_eq(window(0).typical_gap[CLIENT], SECOND); /* no more than this */
}
END_TEST

/* Someone who begins late and goes on at full speed is no source that rests. */
START_TEST(time_before_the_first_byte_is_not_typical)
{
	begin();
	speak(400 * MS, CLIENT);
	ck_assert_uint_eq(window(0).typical_gap[CLIENT], 0);
	for (unsigned i = 0; i < 100; i++)
		speak(1 * MS, CLIENT);
	ck_assert_uint_eq(window(0).typical_gap[CLIENT], 1 * MS);
	ck_assert_uint_eq(window(0).sending[CLIENT], 500 * MS);
}
END_TEST

/* ---- life ---- */

START_TEST(life_has_all_of_it)
{
	struct wait_totals seen;

	begin();
	ask_often(10000, 3 * MS, 9 * MS);
	hold[DOWNLOAD] = HOLD_RATE;
	speak(0, TARGET);
	hold_for(HOUR, DOWNLOAD, HOLD_HIGH);
	hold_for(5 * SECOND, DOWNLOAD, HOLD_SINK);
	hold_for(6 * SECOND, DOWNLOAD, HOLD_NONE);
	seen = life(0, false);
	ck_assert_uint_eq(seen.time[WAIT_RATE + CLIENT], HOUR);
	ck_assert_uint_eq(seen.time[WAIT_RATE + TARGET], 0);
	ck_assert_uint_eq(seen.time[WAIT_SINK + CLIENT], 11 * SECOND);
	ck_assert_uint_eq(seen.time[WAIT_SINK + TARGET], 0);
	ck_assert_uint_eq(seen.turns[TARGET], 10000);
	ck_assert_uint_eq(seen.time[WAIT_TURN + TARGET], 90 * SECOND);
	ck_assert_uint_eq(seen.time[WAIT_TURN + CLIENT] + seen.time[WAIT_SENDING + CLIENT], 30 * SECOND);
}
END_TEST

START_TEST(life_never_gets_less)
{
	struct wait_totals before = {0};

	begin();
	srandom(1);
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t after = (uint64_t)random() % (i % 100 ? 9999 : 4 * SECOND);
		struct wait_totals seen;

		hold[random() % 2] = (enum hold)(random() % 3 ? HOLD_NONE : random() % HOLDS);
		tell(after, random() % 2 ? CLIENT : TARGET,
		     random() % 2 ? SAYING_BYTES : SAYING_BYTES | SAYING_MORE);
		seen = life(0, false);
		for (unsigned wait = 0; wait < WAITS; wait++)
			ck_assert_uint_ge(seen.time[wait], before.time[wait]);
		before = seen;
	}
}
END_TEST

/* One flow at most is held, so no moment counts twice. */
START_TEST(life_is_no_longer_than_it_was)
{
	uint64_t began, sum = 0;
	struct wait_totals seen;

	begin();
	began = now;
	srandom(2);
	for (unsigned i = 0; i < 5000; i++) {
		hold[UPLOAD] = (enum hold)(random() % HOLDS);
		tell((uint64_t)random() % (i % 100 ? 9999 : 4 * SECOND), random() % 2 ? CLIENT : TARGET, 1);
	}
	seen = life(0, false);
	for (unsigned wait = 0; wait < WAITS; wait++)
		sum += seen.time[wait];
	ck_assert_uint_le(sum, (now - began) * 1002 / 1000);
	ck_assert_uint_ge(sum, (now - began) * 999 / 1000);
}
END_TEST

START_TEST(life_is_of_sides)
{
	struct wait_totals seen = {{[WAIT_CONNECTING] = 1,
	                            [WAIT_RATE + CLIENT] = 2,
	                            [WAIT_RATE + TARGET] = 4,
	                            [WAIT_SINK + CLIENT] = 8,
	                            [WAIT_SINK + TARGET] = 16,
	                            [WAIT_TURN + CLIENT] = 32,
	                            [WAIT_TURN + TARGET] = 64,
	                            [WAIT_SENDING + CLIENT] = 128,
	                            [WAIT_SENDING + TARGET] = 256},
	                           .length = 0};

	ck_assert_uint_eq(waits_for(&seen, CLIENT), 8 + 32 + 128);
	ck_assert_uint_eq(waits_for(&seen, TARGET), 1 + 16 + 64 + 256);
}
END_TEST

/* What is taken comes once, but for the search for a target. The current bucket is left. */
START_TEST(life_begins_anew_when_it_is_taken)
{
	struct wait_totals taken;

	begin();
	waits_begin(&waits, now, 17, 4000);
	ask_often(300, 3 * MS, 9 * MS);
	taken = waits_take(&waits);
	ck_assert_uint_eq(taken.time[WAIT_TURN + TARGET], 1125 * MS); /* once half, and then nothing more */
	ck_assert_uint_eq(taken.turns[TARGET], 125);
	ck_assert_uint_eq(taken.time[WAIT_CONNECTING], 0);
	ck_assert_uint_eq(taken.turns[TARGET] + life(0, false).turns[TARGET], 300);
	ck_assert_uint_eq(taken.time[WAIT_TURN + TARGET] + life(0, false).time[WAIT_TURN + TARGET],
	                  2700 * MS);
	ck_assert_uint_eq(life(0, false).time[WAIT_CONNECTING], 4000 * MS);
	taken = waits_take(&waits);
	for (enum wait wait = 0; wait < WAITS; wait++)
		ck_assert_uint_eq(taken.time[wait], 0);
	ck_assert_uint_eq(taken.turns[CLIENT] + taken.turns[TARGET], 0);
}
END_TEST

START_TEST(life_begins_before_the_target)
{
	begin();
	waits_begin(&waits, now, 17, 4000);
	ck_assert_uint_eq(life(0, true).time[WAIT_TURN + CLIENT], 17 * MS);
	ck_assert_uint_eq(life(0, true).time[WAIT_CONNECTING], 4000 * MS);
}
END_TEST

/* A clock that all reads of one event share may be behind one that was read in between. */
START_TEST(clock_that_is_behind_is_no_loss)
{
	begin();
	speak(10 * MS, CLIENT);
	speak((uint64_t)-1000, TARGET);
	ck_assert_uint_eq(window(0).turn[TARGET], 0);
	ck_assert_uint_eq(window(0).length, 10 * MS);
	speak(2000, CLIENT);
	ck_assert_uint_eq(window(0).turn[CLIENT], 1000);
}
END_TEST

/* ---- the end ---- */

START_TEST(last_silence_is_of_who_is_due)
{
	begin();
	ask_often(5, 10 * MS, 10 * MS);
	speak(10 * MS, CLIENT);
	ck_assert_uint_eq(life(700 * MS, false).time[WAIT_TURN + TARGET], 50 * MS);
	ck_assert_uint_eq(life(0, true).time[WAIT_TURN + TARGET], 750 * MS);
}
END_TEST

START_TEST(idle_silence_is_nobodys)
{
	begin();
	ask_often(5, 10 * MS, 10 * MS);
	ck_assert_uint_eq(life(60 * SECOND, true).time[WAIT_TURN + CLIENT], 40 * MS);
	tell(0, TARGET, SAYING_END);
	ck_assert_uint_eq(life(0, true).time[WAIT_TURN + CLIENT], 40 * MS);
	ck_assert_uint_eq(life(0, true).time[WAIT_TURN + TARGET], 50 * MS);
}
END_TEST

START_TEST(slow_answer_is_not_idle)
{
	ck_assert(!waits_is_idle(SECOND - 1, 0));
	ck_assert(waits_is_idle(SECOND, 499 * MS));
	ck_assert(!waits_is_idle(SECOND, 500 * MS));
	ck_assert(!waits_is_idle(20 * SECOND, 10 * SECOND));
}
END_TEST

START_TEST(end_ends_the_silence_of_who_was_due)
{
	begin();
	speak(0, TARGET);
	tell(300 * MS, TARGET, SAYING_END); /* it was the client's turn, and then only the client is left */
	ck_assert_uint_eq(window(0).turn[CLIENT], 300 * MS);
	ck_assert_uint_eq(window(0).turn[TARGET] + window(0).sending[TARGET], 0);
	tell(200 * MS, CLIENT, SAYING_END);
	ck_assert_uint_eq(window(0).turn[CLIENT], 500 * MS);
	ck_assert_uint_eq(life(100 * MS, true).time[WAIT_TURN + TARGET], 0); /* nothing can come any more */
	ck_assert_uint_eq(life(0, true).time[WAIT_TURN + CLIENT], 500 * MS);
}
END_TEST

START_TEST(open_end_is_due)
{
	begin();
	speak(0, TARGET);
	tell(0, CLIENT, SAYING_END);
	ck_assert_uint_eq(life(100 * MS, true).time[WAIT_TURN + TARGET], 100 * MS);
	ck_assert_uint_eq(life(HOUR, true).time[WAIT_TURN + TARGET], HOUR + 100 * MS); /* never idle */
}
END_TEST

START_TEST(silent_pair_waited_for_nobody)
{
	struct wait_totals seen;

	begin();
	seen = life(100 * MS, true);
	for (unsigned wait = 0; wait < WAITS; wait++)
		ck_assert_uint_eq(seen.time[wait], 0);
	ck_assert(!window(0).spoken);
}
END_TEST

static TCase *window_case(void)
{
	TCase *tcase = tcase_create("window");

	tcase_add_test(tcase, who_ends_a_silence_is_charged);
	tcase_add_test(tcase, who_speaks_again_was_sending);
	tcase_add_test(tcase, running_silence_is_nobodys_yet);
	tcase_add_test(tcase, held_flow_has_no_silence);
	tcase_add_test(tcase, silence_begins_when_a_hold_ends);
	tcase_add_loop_test(tcase, pause_without_a_read_ends_a_silence, HOLD_HIGH, HOLDS);
	tcase_add_test(tcase, short_gap_counts_if_the_socket_was_empty);
	tcase_add_test(tcase, who_was_due_has_ended_the_silence);
	tcase_add_test(tcase, more_may_come_while_paused);
	tcase_add_test(tcase, window_is_up_to_three_seconds);
	tcase_add_test(tcase, past_counts_ever_less);
	tcase_add_test(tcase, flows_that_are_held_as_long_stay_equal);
	tcase_add_test(tcase, turns_get_no_shorter);
	tcase_add_test(tcase, window_is_full_every_one_and_a_half_seconds);
	tcase_add_test(tcase, to_hear_is_to_note_what_was_said);
	tcase_add_test(tcase, long_wait_fills_the_window);
	tcase_add_test(tcase, gaps_outlive_a_long_silence);
	tcase_add_test(tcase, gaps_fade);
	tcase_add_test(tcase, so_many_turns_are_still_short);
	tcase_add_test(tcase, source_that_has_ended_says_no_more);
	tcase_add_test(tcase, sides_block_each_other_while_both_sources_are_paused);
	tcase_add_test(tcase, flow_that_was_paused_first_and_stays_so_blocks_the_other);
	tcase_add_test(tcase, flow_that_was_paused_all_along_blocks_nobody);
	tcase_add_test(tcase, what_a_limit_pauses_often_is_no_habit);
	tcase_add_test(tcase, how_long_the_sides_have_blocked_each_other);
	tcase_add_test(tcase, limit_may_block_both_sides);
	tcase_add_loop_test(tcase, block_ends_where_a_source_is_paused_anew, HOLD_HIGH, HOLD_RATE + 1);
	tcase_add_test(tcase, limit_pauses_no_flow_by_habit);
	tcase_add_test(tcase, what_a_limit_has_ended_tells_nothing_of_its_sink);
	tcase_add_test(tcase, blocks_are_forgotten_once_both_flows_are_free);
	tcase_add_loop_test(tcase, end_of_a_side_ends_no_block, 0, SIDES);
	tcase_add_test(tcase, gaps_are_typical_by_time);
	tcase_add_test(tcase, typical_gap_follows);
	tcase_add_test(tcase, time_before_the_first_byte_is_not_typical);
	tcase_add_test(tcase, pause_before_an_answer_is_no_idleness);
	return tcase;
}

static TCase *life_case(void)
{
	TCase *tcase = tcase_create("life");

	tcase_add_test(tcase, life_has_all_of_it);
	tcase_add_test(tcase, life_never_gets_less);
	tcase_add_test(tcase, life_is_no_longer_than_it_was);
	tcase_add_test(tcase, life_is_of_sides);
	tcase_add_test(tcase, life_begins_before_the_target);
	tcase_add_test(tcase, life_begins_anew_when_it_is_taken);
	tcase_add_test(tcase, clock_that_is_behind_is_no_loss);
	tcase_add_test(tcase, last_silence_is_of_who_is_due);
	tcase_add_test(tcase, idle_silence_is_nobodys);
	tcase_add_test(tcase, slow_answer_is_not_idle);
	tcase_add_test(tcase, end_ends_the_silence_of_who_was_due);
	tcase_add_test(tcase, open_end_is_due);
	tcase_add_test(tcase, silent_pair_waited_for_nobody);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("waits");

	suite_add_tcase(suite, window_case());
	suite_add_tcase(suite, life_case());
	return unit_run(suite);
}
