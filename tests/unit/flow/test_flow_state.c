/*
 * A flow that another program takes over. test_flow_queue.c has the forms of its queue, and test_flow_rate.c
 * has limits.
 */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "net/stream.h"
#include "unit.h"

static uint64_t sent, received;

static void receive_all(void)
{
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
	ck_assert_uint_eq(flow.bytes, sent);
}

/* ---- fields ---- */

/* What belongs to one program only. */
static struct flow without_pointers(struct flow any)
{
	any.writable = NULL;
	any.pipes = NULL;
	any.buffer = NULL;
	any.pauses = NULL;
	memset(&any.turn_entry, 0, sizeof(any.turn_entry));
	return any;
}

static void assert_same(const struct flow *before)
{
	const struct flow left = without_pointers(*before), right = without_pointers(flow);

	for (size_t i = 0; i < sizeof(left); i++)
		ck_assert_msg(((const char *)&left)[i] == ((const char *)&right)[i], "byte %zu of the flow",
		              i);
}

START_TEST(each_field_comes_back)
{
	struct flow_pauses pauses = {.count = 3, .total_ms = 40, .longest_ms = 30, .since = 5};
	struct flow before;

	flow_stop(&flow);
	ck_assert_int_eq(flow_pause_restore(&flow, PAUSE_NONE, &pauses), 0);
	flow.sink_size = 4711;
	flow.source_error = -ECONNRESET;
	flow.sink_error = -EPIPE;
	flow.fault = -ENOSYS;
	flow.source = SOURCE_DOOMED;
	flow.sink = SINK_FAILED;
	flow.bulk_reads = 3;
	flow.starved_times = 7;
	flow.bulk = flow.may_splice = flow.offered = flow.spoke = flow.more = true;
	flow.peak = 1ull << 40;
	flow.bytes = UINT64_MAX;
	flow.dropped = 12;
	flow.ended = 13;
	flow.last_read_us = 14;
	flow.last_progress = 15;
	before = flow;
	ck_assert_int_eq(try_to_take_over(0), -ENOSYS);
	assert_same(&before);
	ck_assert_mem_eq(flow.pauses, &pauses, sizeof(pauses));
}
END_TEST

START_TEST(flow_that_has_moved_nothing_is_the_same)
{
	struct flow before = flow;

	take_over();
	assert_same(&before);
	sent = loop_send(source[1], 0, 1000);
	receive_all();
}
END_TEST

/* ---- pauses ---- */

START_TEST(pause_goes_on)
{
	const uint64_t stuffed = stuff_sink(); /* so that it takes nothing later either */
	struct flow before;

	LOOP_UNTIL(base, (sent += loop_send(source[1], stuffed + sent, BULK), flow.pause));
	before = flow;
	take_over();
	assert_same(&before);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	ck_assert_uint_eq(flow.queued, HIGH);
	ck_assert(!flow.readable_added);
	assert_quiet();
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, 100), !flow.pause));
	ck_assert_uint_eq(flow.pauses->count, 1);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_uint_eq(flow.bytes, sent);
}
END_TEST

/* There is no queue: what the sink does not take stays with the source. */
START_TEST(pause_for_memory_goes_on)
{
	uint64_t others = take_all_memory();

	sent = fill();
	ck_assert_int_eq(flow.pause, PAUSE_MEMORY);
	ck_assert_uint_eq(flow.queued, 0);
	take_over();
	ck_assert_int_eq(flow.pause, PAUSE_MEMORY);
	ck_assert(flow_has_backlog(&flow));
	receive_all();
	budget_return(&budget, others);
}
END_TEST

/* What is queued is held, whatever the limit is now. */
START_TEST(queue_is_kept_though_memory_max_is_lower)
{
	uint64_t used;

	sent = fill();
	used = budget_used(&budget);
	budget_set_max(&budget, used / 2);
	take_over();
	ck_assert_uint_eq(budget_used(&budget), used);
	ck_assert_uint_eq(flow.queued, HIGH);
	budget_set_max(&budget, MEMORY_MAX);
	receive_all();
}
END_TEST

/* ---- ends, and what comes meanwhile ---- */

START_TEST(what_has_come_meanwhile_is_read)
{
	int file;

	sent = fill();
	receive_all();
	file = save_flow(STATE_CARRY);
	forget_flow();
	sent += loop_send(source[1], sent, 5000);
	ck_assert_int_eq(shutdown(source[1], SHUT_WR), 0);
	ck_assert_int_eq(restore_flow(file, false), 0);
	LOOP_UNTIL(base, loop_receive(sink[1], &received, BULK) == LOOP_FIN);
	ck_assert_uint_eq(received, sent);
	ck_assert_int_eq(flow.sink, SINK_ENDED);
	take_over();
	assert_quiet();
	ck_assert_int_eq(flow.sink, SINK_ENDED);
}
END_TEST

START_TEST(end_waits_behind_the_queue)
{
	stuff_sink();
	loop_receive(sink[1], &received, 0);
	sent = loop_send(source[1], 0, 5000);
	ck_assert_int_eq(shutdown(source[1], SHUT_WR), 0);
	LOOP_UNTIL(base, flow.source == SOURCE_ENDED);
	ck_assert_uint_gt(flow.queued, 0);
	take_over();
	ck_assert_int_eq(flow.source, SOURCE_ENDED);
	ck_assert_int_eq(flow.sink, SINK_OPEN);
	while (flow.sink == SINK_OPEN) {
		char any[4096];

		event_base_loop(base, EVLOOP_NONBLOCK);
		(void)!recv(sink[1], any, sizeof(any), MSG_DONTWAIT);
	}
	ck_assert_int_eq(flow.sink, SINK_ENDED);
	ck_assert_uint_eq(flow.bytes, sent);
}
END_TEST

START_TEST(doomed_source_is_read_to_its_end)
{
	enum loop_end end = LOOP_OPEN;

	sent = fill();
	flow_source_failed(&flow, -ECONNRESET);
	take_over();
	ck_assert_int_eq(flow.source, SOURCE_DOOMED);
	LOOP_UNTIL(base, (flow_source_failed(&flow, 0), end = loop_receive(sink[1], &received, BULK),
	                  flow_finished(&flow)));
	ck_assert_int_eq(end, LOOP_OPEN);
	ck_assert_int_eq(flow.source, SOURCE_FAILED);
	ck_assert_int_eq(flow.source_error, -ECONNRESET);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
}
END_TEST

START_TEST(starved_sink_is_left_alone_again)
{
	enum fault writing = splicing ? FAULT_SPLICE : FAULT_WRITE;

	sent = fill();
	while (stream_unacknowledged(sink[0]) > 0)
		loop_receive(sink[1], &received, BULK);
	fault_set_lasting(writing, EAGAIN);
	LOOP_UNTIL(base, flow.starved);
	take_over();
	ck_assert(flow.starved);
	ck_assert_uint_ge(flow.starved_times, 1);
	fault_set_lasting(writing, EAGAIN);
	ck_assert_uint_le(loop_passes_in(base, 100), 12);
	fault_set(writing, 0, 0);
	receive_all();
}
END_TEST

/* ---- a rehearsal, and what can go wrong ---- */

/* Without a byte of its queue. */
START_TEST(rehearsal_restores_all_but_the_bytes)
{
	struct flow before;
	uint64_t used;
	int file;

	sent = fill();
	before = flow;
	used = budget_used(&budget);
	file = save_flow(STATE_REHEARSE);
	ck_assert_int_lt(lseek(file, 0, SEEK_END), 1000);
	forget_flow();
	ck_assert_int_eq(restore_flow(file, true), 0);
	ck_assert_uint_eq(flow.queued, before.queued);
	ck_assert_uint_eq(budget_used(&budget), used);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
}
END_TEST

START_TEST(what_cannot_be_a_flow_is_a_fault)
{
	static const char *const texts[] = {
	        "state format=1\n",
	        "state format=1\npair id=1\n",
	        "state format=1\nflow source=9\n",
	        "state format=1\nflow sink=3\n",
	        "state format=1\nflow pause=4\n",
	        "state format=1\nflow pause=3\n",
	        "state format=1\nflow starved_times=8\n",
	        "state format=1\nflow started=1\nrate own_left=1\n",
	        "state format=1\nflow started=1\nrate all_price=9 all_due=9000000000000000000\n",
	        "state format=1\nflow queued=6\nqueue +bytes=5\nhello\n",
	        "state format=1\nflow queued=4\nqueue +bytes=5\nhello\n",
	        "state format=1\nflow queued=5\npipe in=1000 out=1001 length=5\n",
	        "state format=1\nflow queued=5\npipe length=5\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ck_assert_msg(restore_text(texts[i]) == -EPROTO, "%s", texts[i]);
		ck_assert_int_eq(flow.fault, -EPROTO);
		ck_assert_uint_eq(flow.queued, 0);
	}
	ck_assert_int_eq(restore_text("state format=1\nflow queued=5 new=1\nqueue +bytes=5\nhello\n"), 0);
	ck_assert_uint_eq(flow.queued, 5);
}
END_TEST

/* However early memory runs out: it is a fault of this flow, and nothing is lost track of. */
START_TEST(no_memory_is_a_fault)
{
	int error = -ENOMEM;

	sent = fill();
	for (size_t nth = 1; error; nth++) {
		ck_assert_uint_lt(nth, 1000);
		error = try_to_take_over(nth);
		ck_assert_int_eq(flow.fault, error);
		if (!error)
			break;
		ck_assert_int_eq(error, -ENOMEM);
		ck_assert_uint_eq(flow.queued, 0);
		teardown();
		begin(MEMORY_MAX);
		sent = fill();
	}
	received = 0;
	receive_all();
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, each_field_comes_back);
	tcase_add_test(tcase, flow_that_has_moved_nothing_is_the_same);
	tcase_add_test(tcase, pause_goes_on);
	tcase_add_test(tcase, pause_for_memory_goes_on);
	tcase_add_test(tcase, queue_is_kept_though_memory_max_is_lower);
	tcase_add_test(tcase, what_has_come_meanwhile_is_read);
	tcase_add_test(tcase, end_waits_behind_the_queue);
	tcase_add_test(tcase, doomed_source_is_read_to_its_end);
	tcase_add_test(tcase, starved_sink_is_left_alone_again);
	tcase_add_test(tcase, rehearsal_restores_all_but_the_bytes);
	tcase_add_test(tcase, what_cannot_be_a_flow_is_a_fault);
	tcase_add_test(tcase, no_memory_is_a_fault);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("flow_state");

	add_case(suite, "copy", setup_copy);
	add_case(suite, "splice", setup_splice);
	return unit_run(suite);
}
