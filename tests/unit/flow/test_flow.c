/* What flows do with bytes, ends and failures, whichever way the bytes take. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "unit.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

START_TEST(bytes_pass_without_a_queue)
{
	uint64_t received = 0;

	ck_assert_uint_eq(loop_send(source[1], 0, 100), 100);
	LOOP_UNTIL(base, flow.bytes == 100);
	loop_receive(sink[1], &received, 1000);
	ck_assert_uint_eq(received, 100);
	ck_assert_uint_eq(flow.peak, 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

START_TEST(end_is_passed_on)
{
	uint64_t received = 0;

	loop_send(source[1], 0, 5000);
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, loop_receive(sink[1], &received, 10000) == LOOP_FIN);
	ck_assert_uint_eq(received, 5000);
	ck_assert_int_eq(flow.source, SOURCE_ENDED);
	ck_assert_int_eq(flow.sink, SINK_ENDED);
	ck_assert(flow_finished(&flow));
}
END_TEST

/* Every call on a sink that has reset fails. That is how the flow learns of it, here by sending. */
START_TEST(sending_to_a_sink_that_has_reset_fails_it)
{
	loop_reset(sink[1]);
	sink[1] = -1;
	loop_send(source[1], 0, 100);
	LOOP_UNTIL(base, flow.sink == SINK_FAILED);
	ck_assert_uint_eq(flow.bytes, 0);
	ck_assert_uint_eq(flow.dropped, 100);
	ck_assert_uint_eq(flow.queued, 0);
	ck_assert_int_eq(flow.fault, 0);
}
END_TEST

START_TEST(ending_a_sink_that_has_reset_fails_it)
{
	loop_reset(sink[1]);
	sink[1] = -1;
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, flow.source == SOURCE_ENDED);
	ck_assert_int_eq(flow.sink, SINK_FAILED);
	ck_assert_int_eq(flow.fault, 0);
}
END_TEST

START_TEST(stopped_sink_pauses_the_source_at_high)
{
	fill();
	ck_assert(!flow.readable_added);
	ck_assert_uint_gt(flow.queued, LOW);
	ck_assert_uint_eq(flow.peak, HIGH);
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 1);
	ck_assert_uint_le(allocated, HIGH + HIGH / 2 + 64 * 1024);
}
END_TEST

static void fill_and_come_to_rest(void)
{
	fill();
	LOOP_UNTIL(base, sink_is_full());
}

START_TEST(paused_flow_costs_no_events)
{
	fill_and_come_to_rest();
	assert_quiet();
}
END_TEST

static void on_heard(void *arg)
{
	++*(unsigned *)arg;
}

/* Meanwhile it is counted; see note_settled. */
START_TEST(pause_and_its_end_ring_a_bell)
{
	static unsigned heard;
	uint64_t received = 0;
	struct bell bell;

	ck_assert_int_eq(bell_open(&bell, base, on_heard, &heard), 0);
	io.bell = &bell;
	bell_await(&bell);
	fill();
	LOOP_UNTIL(base, heard == 1);
	ck_assert_uint_eq(paused, 1);
	bell_await(&bell);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, 1024), heard == 2));
	ck_assert_uint_eq(paused, 0);
	io.bell = NULL;
	bell_close(&bell);
}
END_TEST

START_TEST(source_is_resumed_at_low_and_not_before)
{
	uint64_t received = 0;

	fill();
	while (flow.pause) {
		uint64_t queued = flow.queued;

		loop_receive(sink[1], &received, 1024);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (flow.pause)
			ck_assert_uint_gt(flow.queued, LOW);
		else
			ck_assert_uint_gt(queued, LOW);
	}
	ck_assert(flow.readable_added);
}
END_TEST

START_TEST(bulk_arrives_whole_through_a_small_queue)
{
	uint64_t sent = 0, received = 0;
	bool ended = false;

	while (!ended) {
		sent += loop_send(source[1], sent, BULK - sent);
		if (sent == BULK)
			shutdown(source[1], SHUT_WR);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ended = loop_receive(sink[1], &received, 3000) == LOOP_FIN;
	}
	ck_assert_uint_eq(received, BULK);
	ck_assert_uint_eq(flow.bytes, BULK);
	ck_assert_uint_le(flow.peak, HIGH);
	ck_assert_uint_gt(flow_pauses_until(&flow, clock_ms()).count, 0);
}
END_TEST

START_TEST(end_waits_behind_a_full_queue)
{
	uint64_t sent = fill(), received = 0;

	shutdown(source[1], SHUT_WR);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(flow.sink, SINK_OPEN);
	LOOP_UNTIL(base, loop_receive(sink[1], &received, BULK) == LOOP_FIN);
	ck_assert_uint_eq(received, sent);
}
END_TEST

START_TEST(reset_sink_drops_and_counts_the_queue)
{
	fill();
	loop_reset(sink[1]);
	sink[1] = -1;
	LOOP_UNTIL(base, flow.sink == SINK_FAILED);
	ck_assert_uint_gt(flow.dropped, 0);
	ck_assert_uint_eq(flow.queued, 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
	ck_assert(!flow.readable_added);
	ck_assert(flow_finished(&flow));
	ck_assert_int_lt(flow.sink_error, 0);
}
END_TEST

START_TEST(reset_source_still_delivers_what_came)
{
	uint64_t received = 0, queued;

	fill();
	loop_reset(source[1]);
	source[1] = -1;
	queued = flow.queued;
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK),
	                  flow.source == SOURCE_FAILED && flow.queued == 0));
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == flow.bytes));
	ck_assert_uint_ge(flow.bytes, queued);
	ck_assert_int_eq(flow.sink, SINK_OPEN); /* no FIN: it would make a cut stream look complete */
}
END_TEST

START_TEST(what_goes_to_a_failed_sink_can_be_discarded)
{
	flow_sink_failed(&flow, -ECONNRESET);
	flow.last_read_us = 0;
	flow_discard(&flow);
	ck_assert_uint_eq(flow.dropped, 0);
	loop_send(source[1], 0, 1000);
	LOOP_UNTIL(base, (flow_discard(&flow), flow.dropped == 1000));
	shutdown(source[1], SHUT_WR);
	flow_discard(&flow);
	ck_assert_uint_eq(flow.last_read_us, 0); /* it is no sign of life */
	ck_assert_uint_eq(flow.bytes, 0);
}
END_TEST

START_TEST(discarding_notices_a_reset)
{
	flow_sink_failed(&flow, -ECONNRESET);
	loop_reset(source[1]);
	source[1] = -1;
	LOOP_UNTIL(base, (flow_discard(&flow), flow.source == SOURCE_DOOMED));
	ck_assert_int_eq(flow.source_error, -ECONNRESET);
}
END_TEST

START_TEST(end_of_a_doomed_source_is_not_passed_on)
{
	loop_send(source[1], 0, 100);
	flow_source_failed(&flow, -ECONNRESET);
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, flow.source == SOURCE_FAILED);
	ck_assert_uint_eq(flow.bytes, 100);
	ck_assert_int_eq(flow.sink, SINK_OPEN);
	ck_assert_int_eq(flow.source_error, -ECONNRESET);
}
END_TEST

START_TEST(end_that_waits_is_not_passed_on_after_a_failure)
{
	fill();
	shutdown(source[1], SHUT_WR);
	flow.source = SOURCE_ENDED; /* as if it had been read already */
	flow_source_failed(&flow, -ECONNRESET);
	ck_assert_int_eq(flow.source, SOURCE_FAILED);
}
END_TEST

START_TEST(without_memory_bytes_still_pass)
{
	uint64_t sent = 0, received = 0;
	bool ended = false;

	teardown();
	begin(1);
	while (!ended) {
		sent += loop_send(source[1], sent, BULK - sent);
		if (sent == BULK)
			shutdown(source[1], SHUT_WR);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_uint_eq(flow.queued, 0);
		ck_assert_uint_eq(budget_used(&budget), 0);
		ended = loop_receive(sink[1], &received, 5000) == LOOP_FIN;
	}
	ck_assert_uint_eq(received, BULK);
	ck_assert_uint_gt(flow_pauses_until(&flow, clock_ms()).count, 0);
}
END_TEST

START_TEST(without_memory_a_stopped_sink_costs_no_events)
{
	teardown();
	begin(1);
	fill_and_come_to_rest();
	assert_quiet();
}
END_TEST

START_TEST(queue_is_never_longer_than_memory_allows)
{
	teardown();
	begin(64 * 1024);
	fill();
	ck_assert_uint_le(flow_queue_cost(flow.queued), 32 * 1024);
	ck_assert_uint_gt(flow.queued, 0);
}
END_TEST

/* A verdict is told if reads are cut short, not if the queue is nearly full. */
START_TEST(read_is_cut_short_where_memory_allows_less_than_half)
{
	uint64_t others;

	fill();
	ck_assert(!flow.cut);
	teardown();
	begin(MEMORY_MAX);
	others = take_all_memory();
	LOOP_UNTIL(base, (loop_send(source[1], 0, 1), flow.bytes > 0));
	ck_assert(flow.cut);
	budget_return(&budget, others);
	LOOP_UNTIL(base, (loop_send(source[1], 0, 1), !flow.cut));
}
END_TEST

/* The chains are libevent's. The cost must cover what libevent really asked for, in any mixture of sizes. */
START_TEST(cost_covers_the_allocations)
{
	size_t before, overhead;
	uint64_t sent = 0, received = 0;

	/* what a queue costs besides its chains: the bufferevent, seen with a byte in a chain of 1 KiB */
	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.queued == HIGH));
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent && flow.queued == 0));
	event_base_loop(base, EVLOOP_NONBLOCK);
	before = allocated;
	overhead = 2048 + 64 * 16;
	srand((unsigned)_i + 1);
	for (int round = 0; round < 3000; round++) {
		size_t piece = (size_t)rand() % (rand() % 4 ? 300 : 30000) + 1;

		sent += loop_send(source[1], sent, piece);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_msg(allocated <= before + flow_queue_cost(flow.queued) + overhead,
		              "%zu bytes for a queue of %llu", allocated - before,
		              (unsigned long long)flow.queued);
		if (rand() % 3 == 0)
			loop_receive(sink[1], &received, (size_t)rand() % 20000);
	}
}
END_TEST

/* Whichever allocation fails, the flow reports it or was not touched. No byte is lost silently. */
START_TEST(failing_allocation_is_a_fault)
{
	uint64_t sent = 0, received = 0;

	for (int i = 0; i < 50 && !flow.fault; i++) {
		fail_after = i < 3 ? (size_t)_i : 0;
		sent += loop_send(source[1], sent, 50000);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	fail_after = 0;
	if (flow.fault) {
		ck_assert_int_eq(flow.fault, -ENOMEM);
		return;
	}
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
}
END_TEST

/* ---- what goes wrong ---- */

START_TEST(nothing_to_read_after_all)
{
	event_active(flow.readable, EV_READ, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(flow.source, SOURCE_OPEN);
	ck_assert(flow.readable_added);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

/* A flow that waited for its sink without an event would wait for ever. _i: the fault. */
START_TEST(without_an_event_for_the_sink_the_flow_fails)
{
	teardown();
	begin(splicing ? MEMORY_MAX : 1);
	stuff_sink();
	if (splicing)
		run_until_its_turn();
	else
		ck_assert_uint_eq(loop_send(source[1], 0, 1), 1);
	fault_set(_i == 0 ? FAULT_EVENT_NEW : FAULT_EVENT_ADD, 1, ENOMEM);
	LOOP_UNTIL(base, flow.fault);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert_uint_eq(flow.queued, 0);
	ck_assert(!flow.readable_added);
	ck_assert(!flow.writable_added);
}
END_TEST

START_TEST(without_an_event_for_the_source_the_flow_fails)
{
	flow_deinit(&flow);
	flow_init(&flow, &io, &limits);
	flow_attach(&flow, source[0], sink[0], readable, splicing);
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	flow_start(&flow);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert(!flow.readable_added);
}
END_TEST

START_TEST(sink_that_has_reset_fails_without_memory_too)
{
	teardown();
	begin(1);
	loop_reset(sink[1]);
	sink[1] = -1;
	loop_send(source[1], 0, 100);
	LOOP_UNTIL(base, flow.sink == SINK_FAILED);
	ck_assert_int_eq(flow.fault, 0);
	ck_assert(!flow.pause);
	ck_assert_uint_eq(flow.bytes, 0);
}
END_TEST

/* A callback that comes late. */
START_TEST(failed_sink_is_passed_no_end)
{
	fill();
	flow.source = SOURCE_ENDED; /* as if it had been read already */
	flow_sink_failed(&flow, -ECONNRESET);
	flow_take_turn(&flow, TURN_WRITE);
	ck_assert_int_eq(flow.sink, SINK_FAILED);
}
END_TEST

START_TEST(flow_that_was_not_set_up_can_be_ended)
{
	struct flow none = {.io = NULL};

	flow_deinit(&none);
	ck_assert_uint_eq(none.queued, 0);
}
END_TEST

START_TEST(flow_says_what_holds_it_back)
{
	ck_assert_int_eq(describe(clock_ms()).limited_by, BLAME_NONE);
	ck_assert_int_eq(describe(clock_ms()).reading, READING_ON);
	fill();
	ck_assert_int_eq(describe(clock_ms()).limited_by, BLAME_TARGET);
	ck_assert_int_eq(describe(clock_ms()).reading, READING_PAUSED);
	flow_sink_failed(&flow, -ECONNRESET);
	ck_assert_int_eq(describe(clock_ms()).limited_by, BLAME_NONE);
	ck_assert_int_eq(describe(clock_ms()).reading, READING_ENDED);
}
END_TEST

/* As long as the sink has taken something within the last second. */
START_TEST(flow_without_memory_is_held_back_by_the_relay)
{
	teardown();
	begin(1);
	fill();
	ck_assert_int_eq(describe(flow.last_progress + 999).limited_by, BLAME_RELAY);
	ck_assert_int_eq(describe(flow.last_progress + 1000).limited_by, BLAME_TARGET);
}
END_TEST

/* Others have taken the memory since the pause began, so the flow waits for a shorter queue. */
START_TEST(low_watermark_shrinks_with_the_memory)
{
	uint64_t received = 0, others;

	limits.low = HIGH - 1; /* memory decides */
	fill();
	others = take_all_memory();
	while (flow.pause) {
		loop_receive(sink[1], &received, 1024);
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		ck_assert_int_eq(flow.pause, flow.queued > budget_share(&budget, flow.held) / 2);
	}
	budget_return(&budget, others);
	limits.low = LOW;
}
END_TEST

/* What the sink did before the queue began does not count. */
START_TEST(wait_of_a_queue_begins_with_it)
{
	stuff_sink();
	flow.last_progress = 1;
	loop_send(source[1], 0, 100);
	LOOP_UNTIL(base, flow.queued == 100);
	ck_assert_uint_gt(flow.last_progress, 1);
}
END_TEST

START_TEST(pauses_are_timed)
{
	for (uint64_t i = 1; i <= 2; i++) {
		fill();
		flow.pauses->since -= 5000 / i;
		ck_assert_uint_ge(describe(clock_ms()).paused_ms, i == 1 ? 5000 : 7500);
		ck_assert_uint_ge(describe(clock_ms()).longest_pause_ms, 5000);
		while (flow.pause) {
			recv(sink[1], io.scratch, SCRATCH, MSG_DONTWAIT);
			event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		}
	}
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 2);
	ck_assert_uint_ge(flow.pauses->total_ms, 7500);
	ck_assert_uint_ge(flow.pauses->longest_ms, 5000);
	ck_assert_uint_lt(flow.pauses->longest_ms, flow.pauses->total_ms);
	ck_assert_uint_lt(flow.pauses->total_ms, 10000); /* the second begins when it begins */
}
END_TEST

/* Only what is counted does. */
START_TEST(pause_needs_no_memory)
{
	fault_set_lasting(FAULT_MEMORY, ENOMEM);
	flow_pause_begin(&flow, PAUSE_HIGH);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 0);
	ck_assert_uint_eq(describe(clock_ms()).paused_ms, 0);
	flow_pause_end(&flow);
	ck_assert_int_eq(flow.pause, PAUSE_NONE);
	flow_pause_begin(&flow, PAUSE_HIGH);
	flow_pause_end(&flow);
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 1);
}
END_TEST

static void send_around_an_urgent_byte(void)
{
	unsigned char urgent = loop_byte(100);
	int one = 1;

	setsockopt(source[0], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	ck_assert_uint_eq(loop_send(source[1], 0, 100), 100);
	ck_assert_int_eq(send(source[1], &urgent, 1, MSG_OOB), 1);
	ck_assert_uint_eq(loop_send(source[1], 101, 100), 100);
}

/*
 * At an urgent byte, splice(2) says that the stream has ended once the FIN has arrived. What came after the
 * byte used to be cut off.
 */
START_TEST(end_behind_an_urgent_byte_is_passed_on_behind_all_bytes)
{
	uint64_t received = 0;

	send_around_an_urgent_byte();
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, loop_receive(sink[1], &received, 1000) == LOOP_FIN);
	ck_assert_uint_eq(received, 201);
}
END_TEST

START_TEST(reset_behind_an_urgent_byte_waits_for_all_bytes)
{
	uint64_t received = 0;

	send_around_an_urgent_byte();
	loop_reset(source[1]);
	source[1] = -1;
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, 1000), flow.source == SOURCE_FAILED));
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, 1000), received == 201));
	ck_assert_int_eq(flow.sink, SINK_OPEN);
}
END_TEST

/* A peer that failed only for writing sends no end. What it had sent by then is all there is. */
START_TEST(doomed_source_that_says_no_more_has_failed)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	flow_source_failed(&flow, -EPIPE);
	LOOP_UNTIL(base, flow.source == SOURCE_FAILED);
	ck_assert_int_eq(flow.source_error, -EPIPE);
}
END_TEST

/* What holds for bytes must hold for both ways that they can take. */
static TCase *add_common(TCase *tcase)
{
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, bytes_pass_without_a_queue);
	tcase_add_test(tcase, end_is_passed_on);
	tcase_add_test(tcase, sending_to_a_sink_that_has_reset_fails_it);
	tcase_add_test(tcase, ending_a_sink_that_has_reset_fails_it);
	tcase_add_test(tcase, paused_flow_costs_no_events);
	tcase_add_test(tcase, pause_and_its_end_ring_a_bell);
	tcase_add_test(tcase, source_is_resumed_at_low_and_not_before);
	tcase_add_test(tcase, bulk_arrives_whole_through_a_small_queue);
	tcase_add_test(tcase, end_waits_behind_a_full_queue);
	tcase_add_test(tcase, reset_sink_drops_and_counts_the_queue);
	tcase_add_test(tcase, reset_source_still_delivers_what_came);
	tcase_add_test(tcase, what_goes_to_a_failed_sink_can_be_discarded);
	tcase_add_test(tcase, discarding_notices_a_reset);
	tcase_add_test(tcase, end_of_a_doomed_source_is_not_passed_on);
	tcase_add_test(tcase, end_that_waits_is_not_passed_on_after_a_failure);
	tcase_add_test(tcase, without_memory_bytes_still_pass);
	tcase_add_test(tcase, without_memory_a_stopped_sink_costs_no_events);
	tcase_add_test(tcase, queue_is_never_longer_than_memory_allows);
	tcase_add_test(tcase, read_is_cut_short_where_memory_allows_less_than_half);
	tcase_add_test(tcase, stopped_sink_pauses_the_source_at_high);
	tcase_add_test(tcase, end_behind_an_urgent_byte_is_passed_on_behind_all_bytes);
	tcase_add_test(tcase, reset_behind_an_urgent_byte_waits_for_all_bytes);
	tcase_add_test(tcase, doomed_source_that_says_no_more_has_failed);
	tcase_add_test(tcase, nothing_to_read_after_all);
	tcase_add_loop_test(tcase, without_an_event_for_the_sink_the_flow_fails, 0, 2);
	tcase_add_test(tcase, without_an_event_for_the_source_the_flow_fails);
	tcase_add_test(tcase, sink_that_has_reset_fails_without_memory_too);
	tcase_add_test(tcase, failed_sink_is_passed_no_end);
	tcase_add_test(tcase, flow_that_was_not_set_up_can_be_ended);
	tcase_add_test(tcase, flow_says_what_holds_it_back);
	tcase_add_test(tcase, wait_of_a_queue_begins_with_it);
	tcase_add_test(tcase, pauses_are_timed);
	tcase_add_test(tcase, pause_needs_no_memory);
	tcase_add_test(tcase, flow_without_memory_is_held_back_by_the_relay);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("flow");
	TCase *copy = add_common(tcase_create("copy"));
	TCase *pipe = add_common(tcase_create("splice"));

	tcase_add_checked_fixture(copy, setup_copy, teardown);
	tcase_add_loop_test(copy, cost_covers_the_allocations, 0, 4);
	tcase_add_loop_test(copy, failing_allocation_is_a_fault, 1, 16);
	tcase_add_test(copy, low_watermark_shrinks_with_the_memory);
	suite_add_tcase(suite, copy);
	tcase_add_checked_fixture(pipe, setup_splice, teardown);
	suite_add_tcase(suite, pipe);
	return unit_run(suite);
}
