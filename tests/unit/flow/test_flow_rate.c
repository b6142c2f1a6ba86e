/* Limits on what a flow reads in a second. tests/unit/base/test_rate.c has the rates themselves. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "net/stream.h"
#include "unit.h"

#include <unistd.h>

#define PORTION (16 * 1024)
#define LIMIT   (10 * PORTION) /* a portion is what a tenth of a second brings */

static struct timers rates;
static _Atomic uint64_t of_pair, of_all;
static struct rate all;
static uint64_t sent, received;
static uint64_t began; /* clock_ms */

static void set_up(void)
{
	ck_assert_int_eq(timers_init(&rates, base, flow_rate_due), 0);
	io.rates = &rates;
	of_pair = of_all = 0;
	rate_init(&all, &of_all);
	own_rate = &of_pair;
	rate_of_all = &all;
	sent = received = 0;
	began = clock_ms();
}

static void limit(uint64_t own, uint64_t shared)
{
	of_pair = own;
	of_all = shared;
	flow_limit_rate(&flow, &of_pair, &all);
}

static void setup_copied(void)
{
	setup_copy();
	set_up();
}

static void setup_spliced(void)
{
	setup_splice();
	set_up();
}

static void teardown_rates(void)
{
	flow_deinit(&flow);
	ck_assert_uint_eq(all.wanting, 0);
	ck_assert_uint_eq(rates.count, 0);
	timers_deinit(&rates);
	teardown();
}

/* One pass, with a greedy source and a sink that takes all. */
static void pass(void)
{
	sent += loop_send(source[1], sent, BULK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	loop_receive(sink[1], &received, BULK);
}

static void run(uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	while (clock_ms() < end)
		pass();
}

/* The first portion is had at once, and there is no more than that. */
static void use_up(void)
{
	LOOP_UNTIL(base, (pass(), flow.pause));
	ck_assert_int_eq(flow.pause, PAUSE_RATE);
}

/* It may have waited for a part of it. */
static void assert_portion(uint64_t portion)
{
	ck_assert_uint_ge(flow.bytes, portion);
	ck_assert_uint_le(flow.bytes, portion + 10 * portion * (clock_ms() - began + 1) / 1000);
}

/* ---- reading ---- */

START_TEST(flow_without_a_limit_has_nothing_for_it)
{
	limit(0, 0);
	ck_assert(!flow.limited);
	run(20);
	ck_assert_uint_gt(received, 2 * PORTION);
}
END_TEST

START_TEST(source_is_paused_when_the_portion_is_used_up)
{
	limit(_i == 0 ? LIMIT : 0, _i == 1 ? LIMIT : 0);
	use_up();
	assert_portion(PORTION);
	ck_assert_uint_eq(flow.queued, 0);
	ck_assert(!flow.readable_added);
	ck_assert_uint_ge(flow_held_until(&flow), began);
	ck_assert(!flow_has_backlog(&flow));
	ck_assert(!flow_reads(&flow));
}
END_TEST

/* No more than the limit in any case, and no less unless the machine stops the test for long. */
START_TEST(limit_is_kept)
{
	uint64_t before, ms;

	limit(_i == 0 ? LIMIT : 2 * LIMIT, _i == 1 ? LIMIT : 0);
	use_up();
	before = flow.bytes;
	began = clock_ms();
	LOOP_UNTIL(base, (pass(), flow.bytes >= before + LIMIT / 2));
	ms = clock_ms() - began;
	ck_assert_uint_ge(ms, 400);
	ck_assert_uint_le(flow.bytes - before, LIMIT * (ms + 110) / 1000);
}
END_TEST

/*
 * However late a portion comes, there is a pass for the timer and one for what the portion has led to. The
 * timer may come early, and is set again then, by as much as the machine had stopped the pass that set it.
 * Whoever sets it again and again has one each millisecond, and the least portion takes 25 of them.
 */
START_TEST(nothing_happens_while_it_waits)
{
	limit(1000, 0);
	use_up();
	for (int i = 0; i < 3; i++) {
		uint64_t pauses = flow.pauses->count;
		unsigned passes = 0;

		for (; flow.pauses->count == pauses; passes++)
			event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_le(passes, 10);
	}
}
END_TEST

START_TEST(source_that_says_little_is_not_paused)
{
	limit(LIMIT, 0);
	be_small();
	for (int i = 0; i < 20; i++) {
		sent += loop_send(source[1], sent, 100);
		LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
		ck_assert_int_eq(flow.pause, PAUSE_NONE);
	}
	ck_assert_uint_eq(flow.pauses->count, 0);
}
END_TEST

/* ---- resting ---- */

START_TEST(source_that_was_read_empty_wants_no_more)
{
	limit(0, LIMIT);
	be_small();
	sent = loop_send(source[1], 0, 100);
	LOOP_UNTIL(base, flow.bytes == sent);
	ck_assert_uint_eq(all.wanting, 0);
}
END_TEST

/* Its last read may have been shorter than it could be although there is more. */
START_TEST(bulk_source_wants_no_more_once_nothing_comes)
{
	limit(0, LIMIT);
	sent = loop_send(source[1], 0, 100);
	LOOP_UNTIL(base, flow.bytes == sent);
	be_bulk();
	LOOP_UNTIL(base, all.wanting == 0);
}
END_TEST

/* Even while it does not rest yet. */
START_TEST(bulk_source_saves_no_more_than_a_burst_while_nothing_comes)
{
	const uint64_t a_second = 10 * 1000 * 1000, burst = 64 * 1024;
	uint64_t resumed;

	limit(a_second, 0);
	be_bulk();
	sent = loop_send(source[1], sent, 100);
	LOOP_UNTIL(base, flow.bytes == sent);
	usleep(80 * 1000); /* the next bytes must not come before */
	resumed = clock_ms();
	use_up();
	ck_assert_uint_le(flow.bytes - 100, burst + (clock_ms() - resumed + 1) * a_second / 1000);
}
END_TEST

START_TEST(source_that_is_paused_at_high_wants_no_more)
{
	limit(0, 1000 * LIMIT);
	sent = fill();
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	ck_assert_uint_eq(all.wanting, 0);
	ck_assert_uint_eq(rates.count, 0);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
}
END_TEST

/* What is due to another need not wait for one who must wait for his own rate. */
START_TEST(flow_with_a_rate_of_its_own_leaves_the_rest_to_others)
{
	limit(1000, LIMIT);
	use_up();
	assert_portion(100);
	ck_assert_uint_eq(all.wanting, 0);
}
END_TEST

/* ---- taking over ---- */

/* It neither gets a portion more for that, nor does it wait for one again. */
START_TEST(portion_is_taken_over)
{
	uint64_t before, due, held;

	limit(_i == 0 ? LIMIT : 2 * LIMIT, _i == 1 ? LIMIT : 0);
	use_up();
	before = flow.bytes;
	began = clock_ms();
	due = rates.armed;
	held = flow.pauses->since;
	for (int i = 0; i < 100; i++) {
		take_over();
		if (clock_ms() >= due)
			break; /* the next portion may be there by now */
		ck_assert_uint_eq(rates.armed, due);
	}
	ck_assert_int_eq(flow.pause, PAUSE_RATE);
	ck_assert_uint_eq(flow.pauses->since, held);
	ck_assert_uint_eq(flow.pauses->count, 1);
	ck_assert_uint_eq(rates.count, 1);
	ck_assert_uint_eq(all.wanting, _i);
	LOOP_UNTIL(base, (pass(), take_over(), flow.bytes >= before + LIMIT / 2));
	ck_assert_uint_ge(clock_ms() - began, 400);
	ck_assert_uint_le(flow.bytes - before, LIMIT * (clock_ms() - began + 110) / 1000);
}
END_TEST

/* Though it is not limited any more. */
START_TEST(what_was_held_until_now_is_taken_over)
{
	uint64_t until;

	limit(LIMIT, 0);
	use_up();
	limit(0, 0);
	LOOP_UNTIL(base, !flow.pause);
	until = flow_held_until(&flow);
	ck_assert_uint_ge(until, began);
	take_over();
	ck_assert(flow.limited);
	ck_assert_uint_eq(flow_held_until(&flow), until);
	run(20);
	ck_assert_uint_gt(flow.bytes, 2 * PORTION);
}
END_TEST

/* ---- ends ---- */

START_TEST(end_is_passed_on_after_the_last_portion)
{
	enum loop_end end = LOOP_OPEN;

	limit(LIMIT, 0);
	use_up();
	ck_assert_int_eq(shutdown(source[1], SHUT_WR), 0);
	LOOP_UNTIL(base, (end = loop_receive(sink[1], &received, BULK)) != LOOP_OPEN);
	ck_assert_int_eq(end, LOOP_FIN);
	ck_assert_uint_eq(received, sent);
	ck_assert_int_eq(flow.sink, SINK_ENDED);
	assert_quiet();
}
END_TEST

/* What had come before is delivered by portions too. */
START_TEST(failed_source_is_read_to_the_end)
{
	uint64_t left;

	limit(LIMIT, 0);
	use_up();
	left = flow.bytes + stream_unread(source[0]);
	ck_assert_uint_gt(left, flow.bytes);
	flow_source_failed(&flow, -ECONNRESET);
	ck_assert_int_eq(flow.source, SOURCE_DOOMED);
	ck_assert_int_eq(flow.pause, PAUSE_RATE);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), flow_source_failed(&flow, -ECONNRESET),
	                  flow.source == SOURCE_FAILED)); /* as a pair that settles says so again */
	ck_assert_uint_ge(flow.bytes, left);
}
END_TEST

START_TEST(nothing_is_waited_for_once_the_sink_has_failed)
{
	limit(LIMIT, LIMIT);
	use_up();
	flow_sink_failed(&flow, -EPIPE);
	ck_assert_int_eq(flow.pause, PAUSE_NONE);
	ck_assert_uint_eq(rates.count, 0);
	ck_assert_uint_eq(all.wanting, 0);
	assert_quiet();
}
END_TEST

START_TEST(flow_that_is_stopped_wants_nothing)
{
	limit(0, LIMIT);
	use_up();
	ck_assert_uint_eq(all.wanting, 1);
	flow_stop(&flow);
	ck_assert_uint_eq(all.wanting, 0);
	ck_assert_uint_eq(rates.count, 0);
	ck_assert_uint_gt(flow.pauses->count, 0); /* they are still told */
}
END_TEST

/* ---- a sink that is slow as well ---- */

/* Bytes wait for the sink, and it is the sink that holds them up, once it has done so for a while. */
START_TEST(queue_is_written_while_the_source_is_paused)
{
	uint64_t queued;

	(void)stuff_sink();
	limit(LIMIT, 0);
	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause));
	ck_assert_int_eq(flow.pause, PAUSE_RATE);
	queued = flow.queued;
	ck_assert_uint_gt(queued, 0);
	ck_assert(flow_has_backlog(&flow));
	ck_assert_int_eq(describe(flow.last_progress).limited_by, BLAME_RELAY);
	ck_assert_int_eq(describe(flow.last_progress + 5000).limited_by, BLAME_TARGET);
	loop_receive(sink[1], &received, BULK);
	LOOP_UNTIL(base, flow.queued < queued || flow.pause != PAUSE_RATE);
}
END_TEST

START_TEST(without_memory_it_keeps_its_limit)
{
	uint64_t others = take_all_memory();

	limit(LIMIT, 0);
	use_up();
	assert_portion(PORTION);
	ck_assert_uint_eq(flow.queued, 0);
	budget_return(&budget, others);
}
END_TEST

/* ---- changes ---- */

START_TEST(limit_that_is_taken_away_holds_no_more)
{
	limit(1, 0);
	use_up();
	limit(0, 0);
	LOOP_UNTIL(base, (pass(), flow.bytes > 4 * PORTION));
	limit(LIMIT, 0);
	use_up();
}
END_TEST

/* Whoever is told looks, even if it would have waited for a minute. */
START_TEST(other_limit_holds_at_once)
{
	limit(0, 1000);
	atomic_store(&all.earned, (int64_t)(clock_ms() + 60000) * 1000000);
	use_up();
	limit(0, 0);
	ck_assert_uint_le(rates.armed, clock_ms() + 1); /* when timers fire next */
	LOOP_UNTIL(base, flow.pause != PAUSE_RATE);
}
END_TEST

START_TEST(flow_that_runs_gets_a_limit)
{
	uint64_t full = fill();

	sent = full;
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == full && !flow.pause));
	limit(LIMIT, 0);
	ck_assert_uint_eq(flow.pauses->count, 1);
	use_up();
	ck_assert_uint_eq(flow.pauses->count, 2);
}
END_TEST

/* ---- the dump ---- */

START_TEST(paused_flow_is_limited_by_the_relay)
{
	struct flow_record record;

	limit(LIMIT, 0);
	use_up();
	record = describe(flow.pauses->since + 7);
	ck_assert_int_eq(record.limited_by, BLAME_RELAY);
	ck_assert_int_eq(record.reading, READING_PAUSED);
	ck_assert_uint_eq(record.pauses, flow.pauses->count);
	ck_assert_uint_eq(record.longest_pause_ms, 7);
	ck_assert_int_eq(describe(flow.pauses->since + 60000).limited_by, BLAME_RELAY);
}
END_TEST

/* ---- running out ---- */

START_TEST(no_memory_for_a_limit_is_a_fault)
{
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	limit(LIMIT, 0);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert(!flow.limited);
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown_rates);
	tcase_add_test(tcase, flow_without_a_limit_has_nothing_for_it);
	tcase_add_loop_test(tcase, source_is_paused_when_the_portion_is_used_up, 0, 2);
	tcase_add_loop_test(tcase, limit_is_kept, 0, 2);
	tcase_add_test(tcase, nothing_happens_while_it_waits);
	tcase_add_test(tcase, source_that_says_little_is_not_paused);
	tcase_add_test(tcase, source_that_was_read_empty_wants_no_more);
	tcase_add_test(tcase, bulk_source_wants_no_more_once_nothing_comes);
	tcase_add_test(tcase, bulk_source_saves_no_more_than_a_burst_while_nothing_comes);
	tcase_add_test(tcase, source_that_is_paused_at_high_wants_no_more);
	tcase_add_test(tcase, flow_with_a_rate_of_its_own_leaves_the_rest_to_others);
	tcase_add_loop_test(tcase, portion_is_taken_over, 0, 2);
	tcase_add_test(tcase, what_was_held_until_now_is_taken_over);
	tcase_add_test(tcase, end_is_passed_on_after_the_last_portion);
	tcase_add_test(tcase, failed_source_is_read_to_the_end);
	tcase_add_test(tcase, nothing_is_waited_for_once_the_sink_has_failed);
	tcase_add_test(tcase, flow_that_is_stopped_wants_nothing);
	tcase_add_test(tcase, queue_is_written_while_the_source_is_paused);
	tcase_add_test(tcase, without_memory_it_keeps_its_limit);
	tcase_add_test(tcase, limit_that_is_taken_away_holds_no_more);
	tcase_add_test(tcase, other_limit_holds_at_once);
	tcase_add_test(tcase, flow_that_runs_gets_a_limit);
	tcase_add_test(tcase, paused_flow_is_limited_by_the_relay);
	tcase_add_test(tcase, no_memory_for_a_limit_is_a_fault);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("flow_rate");

	add_case(suite, "copy", setup_copied);
	add_case(suite, "splice", setup_spliced);
	return unit_run(suite);
}
