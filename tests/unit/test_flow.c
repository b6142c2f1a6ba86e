/* One direction over loopback sockets: source[1] and sink[1] are the outside world, source[0] and sink[0] the
 * flow's. */
#include "build_config.h"

#include "faults.h"
#include "flow_private.h"
#include "loop.h"
#include "pipe_pool.h"
#include "unit.h"

#include <limits.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>

#define HIGH       (64 * 1024)
#define LOW        (16 * 1024)
#define SCRATCH    (32 * 1024)
#define MEMORY_MAX (1024 * 1024)
#define BULK       (2 * 1024 * 1024)

static struct event_base *base;
static struct budget budget;
static struct flow_io io;
static struct flow flow;
static struct flow_limits limits = {.high = HIGH, .low = LOW};
static struct event *readable;
static int source[2], sink[2];
static unsigned settled;
static struct pipe_pool pipes;
static struct slots pipe_slots;
static struct flow_turns turns;
static bool splicing; /* the flow is taken for a bulk one from the start */

/* libevent's allocations are counted, and the n-th fails when asked to. */
static size_t allocated, fail_after;

static void *counting_malloc(size_t size)
{
	void *memory;

	if (fail_after > 0 && --fail_after == 0) {
		errno = ENOMEM;
		return NULL;
	}
	memory = malloc(size);
	allocated += malloc_usable_size(memory);
	return memory;
}

static void *counting_realloc(void *memory, size_t size)
{
	allocated -= malloc_usable_size(memory);
	memory = realloc(memory, size);
	allocated += malloc_usable_size(memory);
	return memory;
}

static void counting_free(void *memory)
{
	allocated -= malloc_usable_size(memory);
	free(memory);
}

static void note_settled(struct flow *which)
{
	ck_assert_ptr_eq(which, &flow);
	ck_assert_uint_le(flow.queued, limits.high);
	ck_assert_uint_le(budget_used(&budget), budget.max);
	ck_assert_uint_ge(flow.held, flow_queue_cost(flow.queued));
	ck_assert_int_eq(flow.queue != NULL || flow.pipe != NULL, flow.queued > 0);
	ck_assert(!flow.queue || !flow.pipe);
	settled++;
}

/* Small reads would soon end it. */
static void be_bulk(void)
{
	flow.bulk = splicing;
	flow.bulk_reads = splicing ? UCHAR_MAX : 0;
}

static void begin(uint64_t memory_max)
{
	signal(SIGPIPE, SIG_IGN); /* splice(2) knows no MSG_NOSIGNAL */
	slots_init(&pipe_slots, 0);
	pipe_pool_init(&pipes, &pipe_slots);
	event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	budget_init(&budget, memory_max);
	io = (struct flow_io){
	        .base = base, .budget = &budget, .scratch_size = SCRATCH, .settle = note_settled};
	io.pipes = &pipes;
	io.turns = &turns;
	ck_assert_int_eq(flow_turns_init(&turns, base), 0);
	io.scratch = malloc(SCRATCH);
	readable = malloc(event_get_struct_event_size());
	loop_tcp_pair(source);
	loop_tcp_pair(sink);
	flow_init(&flow, &io, &limits, splicing, NULL);
	flow_attach(&flow, source[0], sink[0], readable);
	be_bulk();
	flow_start(&flow);
	settled = 0;
	fail_after = 0;
}

static void setup_copy(void)
{
	splicing = false;
	begin(MEMORY_MAX);
}

static void setup_splice(void)
{
	splicing = true;
	begin(MEMORY_MAX);
}

static void teardown(void)
{
	flow_deinit(&flow);
	ck_assert_uint_eq(budget_used(&budget), 0);
	ck_assert_uint_eq(flow.held, 0);
	flow_turns_deinit(&turns);
	pipe_pool_deinit(&pipes);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	free(readable);
	free(io.scratch);
	close(source[0]);
	close(source[1]);
	close(sink[0]);
	close(sink[1]);
}

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

/* Whatever is done with a sink that has reset fails, and that is how the flow hears of it: by sending here. */
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

/* Sends until the flow has paused its source. */
static uint64_t fill(void)
{
	uint64_t sent = 0;

	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.paused));
	return sent;
}

START_TEST(stopped_sink_pauses_the_source_at_high)
{
	fill();
	ck_assert(!flow.reading);
	ck_assert_uint_gt(flow.queued, LOW);
	ck_assert_uint_eq(flow.peak, HIGH);
	ck_assert_uint_eq(flow.pauses, 1);
	ck_assert_uint_le(allocated, HIGH + HIGH / 2 + 64 * 1024);
}
END_TEST

static bool all_is_acknowledged(void)
{
	int unsent = 0, unacknowledged = 0; /* valgrind does not know that ioctl(2) sets them */

	ck_assert_int_eq(ioctl(sink[0], SIOCOUTQNSD, &unsent), 0);
	ck_assert_int_eq(ioctl(sink[0], SIOCOUTQ, &unacknowledged), 0);
	return unsent == unacknowledged;
}

/* When the flow pauses the kernel still moves bytes, on a busy machine for a while. */
static void fill_and_come_to_rest(void)
{
	uint64_t bytes;

	fill();
	do {
		bytes = flow.bytes;
		LOOP_UNTIL(base, all_is_acknowledged());
		event_base_loop(base, EVLOOP_NONBLOCK);
	} while (flow.bytes > bytes);
}

static void assert_quiet(void)
{
	unsigned before = settled;

	for (int i = 0; i < 1000; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(settled, before);
}

START_TEST(paused_flow_costs_no_events)
{
	fill_and_come_to_rest();
	assert_quiet();
}
END_TEST

START_TEST(source_is_resumed_at_low_and_not_before)
{
	uint64_t received = 0;

	fill();
	while (flow.paused) {
		uint64_t queued = flow.queued;

		loop_receive(sink[1], &received, 1024);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (flow.paused)
			ck_assert_uint_gt(flow.queued, LOW);
		else
			ck_assert_uint_gt(queued, LOW);
	}
	ck_assert(flow.reading);
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
	ck_assert_uint_gt(flow.pauses, 0);
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
	ck_assert(!flow.reading);
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
	flow.last_read = 0;
	flow_discard(&flow);
	ck_assert_uint_eq(flow.dropped, 0);
	loop_send(source[1], 0, 1000);
	LOOP_UNTIL(base, (flow_discard(&flow), flow.dropped == 1000));
	shutdown(source[1], SHUT_WR);
	flow_discard(&flow);
	ck_assert_uint_eq(flow.last_read, 0); /* it is no sign of life */
	ck_assert_uint_eq(flow.bytes, 0);
}
END_TEST

START_TEST(discarding_notices_a_reset)
{
	flow_sink_failed(&flow, -ECONNRESET);
	loop_reset(source[1]);
	source[1] = -1;
	LOOP_UNTIL(base, (flow_discard(&flow), flow.source_doomed));
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
	ck_assert_uint_gt(flow.pauses, 0);
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

/* Chains are libevent's; that the cost covers them is held against what it really asked for, in any mixture
 * of sizes. */
START_TEST(cost_covers_the_allocations)
{
	size_t before, overhead;
	uint64_t sent = 0, received = 0;

	/* what a queue costs beside its chains: the bufferevent, seen with one byte queued in a chain of 1
	 * KiB */
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

/* Whichever allocation fails, the flow says so or was not touched: no byte is lost in silence. */
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

/* A bulk flow does nothing in the pass in which it becomes ready: small messages go first. */
static void run_until_its_turn(void)
{
	uint64_t end = clock_ms() + LOOP_DEADLINE_MS;

	ck_assert_uint_eq(loop_send(source[1], 0, 1), 1);
	while (!flow.turn && flow.bytes == 0 && clock_ms() < end)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.turn, TURN_READ);
}

/* The sink's kernel takes no more, not even when its timer, after 200 ms, has cut off what fits into the window. Returns
 * how many bytes it has. */
static uint64_t stuff_sink(void)
{
	struct pollfd writable = {.fd = sink[0], .events = POLLOUT};
	uint64_t stuffed = 0, more;

	do {
		more = loop_send(sink[0], stuffed, BULK);
		stuffed += more;
	} while (more > 0 || poll(&writable, 1, 300) > 0);
	return stuffed;
}

START_TEST(nothing_to_read_after_all)
{
	event_active(flow.readable, EV_READ, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_eq(flow.source, SOURCE_OPEN);
	ck_assert(flow.reading);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

/* Whoever waits for the sink without an event would wait for ever. _i: the fault. */
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
	ck_assert(!flow.reading);
	ck_assert(!flow.waiting);
}
END_TEST

START_TEST(without_an_event_for_the_source_the_flow_fails)
{
	flow_deinit(&flow);
	flow_init(&flow, &io, &limits, splicing, NULL);
	flow_attach(&flow, source[0], sink[0], readable);
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	flow_start(&flow);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert(!flow.reading);
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
	ck_assert(!flow.paused);
	ck_assert_uint_eq(flow.bytes, 0);
}
END_TEST

/* A callback that comes late. */
START_TEST(failed_sink_is_passed_no_end)
{
	fill();
	flow.source = SOURCE_ENDED; /* as if it had been read already */
	flow_sink_failed(&flow, -ECONNRESET);
	flow_drained(&flow);
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

static struct dump_flow describe(uint64_t now)
{
	struct dump_flow record;

	flow_describe(&flow, now, DUMP_LIMITED_TARGET, &record);
	return record;
}

START_TEST(flow_says_what_holds_it_back)
{
	ck_assert_int_eq(describe(clock_ms()).limited_by, DUMP_LIMITED_NONE);
	ck_assert_int_eq(describe(clock_ms()).reading, DUMP_READING_ON);
	fill();
	ck_assert_int_eq(describe(clock_ms()).limited_by, DUMP_LIMITED_TARGET);
	ck_assert_int_eq(describe(clock_ms()).reading, DUMP_READING_PAUSED);
	flow_sink_failed(&flow, -ECONNRESET);
	ck_assert_int_eq(describe(clock_ms()).limited_by, DUMP_LIMITED_NONE);
	ck_assert_int_eq(describe(clock_ms()).reading, DUMP_READING_ENDED);
}
END_TEST

/* For as long as the sink has taken something lately. */
START_TEST(flow_without_memory_is_held_back_by_the_relay)
{
	teardown();
	begin(1);
	fill();
	ck_assert_int_eq(describe(flow.last_progress + 999).limited_by, DUMP_LIMITED_RELAY);
	ck_assert_int_eq(describe(flow.last_progress + 1000).limited_by, DUMP_LIMITED_TARGET);
}
END_TEST

START_TEST(queue_that_nobody_would_write_is_a_fault)
{
	stuff_sink();
	fault_set(FAULT_ENABLE, 1, ENOMEM);
	loop_send(source[1], 0, 100);
	LOOP_UNTIL(base, flow.fault);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert_uint_eq(flow.queued, 0);
	ck_assert_uint_eq(flow.dropped, 100);
}
END_TEST

/* Others have taken the memory since the pause began: the flow waits for a shorter queue. */
START_TEST(low_watermark_shrinks_with_the_memory)
{
	uint64_t received = 0, others;

	limits.low = HIGH - 1; /* memory decides */
	fill();
	others = budget.max - budget_used(&budget);
	budget.used += others;
	while (flow.paused) {
		loop_receive(sink[1], &received, 1024);
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		ck_assert_int_eq(flow.paused, flow.queued > budget_share(&budget, flow.held) / 2);
	}
	budget_return(&budget, others);
	limits.low = LOW;
}
END_TEST

/* What the sink did before is not what a queue waits for. */
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
		flow.paused_since -= 5000 / i;
		ck_assert_uint_ge(describe(clock_ms()).paused_ms, i == 1 ? 5000 : 7500);
		ck_assert_uint_ge(describe(clock_ms()).longest_pause_ms, 5000);
		while (flow.paused) {
			recv(sink[1], io.scratch, SCRATCH, MSG_DONTWAIT);
			event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		}
	}
	ck_assert_uint_eq(flow.pauses, 2);
	ck_assert_uint_ge(flow.paused_ms, 7500);
	ck_assert_uint_ge(flow.longest_pause_ms, 5000);
	ck_assert_uint_lt(flow.longest_pause_ms, flow.paused_ms);
}
END_TEST

/* ---- splice ---- */

/* Sends, and reads what comes, until so much has passed. */
static void pass(uint64_t *sent, uint64_t *received, uint64_t length, size_t piece)
{
	uint64_t end = *sent + length;

	LOOP_UNTIL(base, (*sent += loop_send(source[1], *sent, end - *sent < piece ? end - *sent : piece),
	                  loop_receive(sink[1], received, BULK), *received == end));
}

START_TEST(large_reads_lead_to_a_pipe_and_small_ones_back)
{
	uint64_t sent = 0, received = 0;

	flow.bulk = false;
	flow.bulk_reads = 0;
	flow_note_bulk(&flow, 100000);
	ck_assert(!flow.bulk);
	for (int i = 0; i < 10; i++)
		flow_note_bulk(&flow, 100000);
	ck_assert(flow.bulk);
	pass(&sent, &received, BULK, BULK);
	ck_assert_uint_gt(slots_used(&pipe_slots), 0);
	pass(&sent, &received, 100 * 10, 10);
	ck_assert(!flow.bulk);
	ck_assert_ptr_null(flow.pipe);
}
END_TEST

START_TEST(empty_pipe_goes_back_to_the_pool)
{
	uint64_t sent = 0, received = 0;

	pass(&sent, &received, BULK, BULK);
	ck_assert_ptr_null(flow.pipe);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1);
	ck_assert_uint_eq(pipes.idle_count, 1);
}
END_TEST

START_TEST(pipe_with_bytes_is_not_used_again)
{
	fill();
	ck_assert_ptr_nonnull(flow.pipe);
	flow_sink_failed(&flow, -ECONNRESET);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	ck_assert_uint_eq(pipes.idle_count, 0);
}
END_TEST

START_TEST(without_a_pipe_the_flow_copies)
{
	uint64_t sent = 0, received = 0;

	slots_init(&pipe_slots, 1);
	ck_assert(slots_take(&pipe_slots));
	pass(&sent, &received, BULK, BULK);
	ck_assert_uint_eq(pipes.idle_count, 0);
	slots_give(&pipe_slots);
}
END_TEST

START_TEST(bytes_of_both_queues_keep_their_order)
{
	uint64_t sent, received = 0;

	flow.bulk = false;
	sent = fill();
	ck_assert_ptr_nonnull(flow.queue);
	be_bulk();
	pass(&sent, &received, BULK, BULK);
	ck_assert_uint_gt(slots_used(&pipe_slots), 0);
}
END_TEST

START_TEST(bulk_flow_waits_for_its_turn)
{
	run_until_its_turn();
	ck_assert_uint_eq(flow.bytes, 0);
	ck_assert(!flow.reading);
	ck_assert_ptr_eq(TAILQ_FIRST(&turns.waiting), &flow);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.bytes, 1);
	ck_assert(flow.reading);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

START_TEST(ended_flow_gives_up_its_turn)
{
	run_until_its_turn();
	flow_deinit(&flow);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

/* Sends the next byte once the flow has taken those before it: pieces that meet in the kernel become one. */
static uint64_t send_piece(uint64_t offset, uint64_t sent)
{
	return flow.bytes + flow.queued == sent ? loop_send(source[1], offset + sent, 1) : 0;
}

/* The sink takes no more, and the pipe has no slot left long before the queue is long. How much the sink has. */
static uint64_t fill_pipe_with_small_pieces(uint64_t *sent)
{
	uint64_t stuffed = stuff_sink();
	int one = 1;

	setsockopt(source[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*sent = 0;
	LOOP_UNTIL(base, (be_bulk(), *sent += send_piece(stuffed, *sent), flow.paused));
	ck_assert_int_eq(flow.pause, PAUSE_PIPE);
	ck_assert_uint_lt(flow.queued, LOW);
	return stuffed;
}

/* With room in the queue but no slot in the pipe there is nothing to wait for but the sink. */
START_TEST(pipe_full_of_small_pieces_pauses)
{
	uint64_t sent, stuffed = fill_pipe_with_small_pieces(&sent), received = 0, end = sent + 100;

	assert_quiet();
	LOOP_UNTIL(base, (sent += sent < end ? loop_send(source[1], stuffed + sent, 1) : 0,
	                  loop_receive(sink[1], &received, BULK), received == stuffed + end));
	ck_assert(flow.reading);
}
END_TEST

/* As if the sink had taken so much. */
static void take_from_pipe(uint64_t length)
{
	unsigned char data[LOW];

	ck_assert_int_eq(read(flow.pipe->out, data, length), (int)length);
	flow_note_written(&flow, length, true);
	flow_drained(&flow);
}

START_TEST(pipe_full_of_small_pieces_is_read_on_when_half_empty)
{
	uint64_t sent, left;

	fill_pipe_with_small_pieces(&sent);
	left = flow.queued / 2;
	take_from_pipe(flow.queued - left - 1);
	ck_assert(flow.paused);
	take_from_pipe(1);
	ck_assert_uint_eq(flow.queued, left);
	ck_assert(!flow.paused);
}
END_TEST

/* Where splice(2) does not serve, recv(2) does. */
START_TEST(what_cannot_be_spliced_is_copied)
{
	static const int errors[] = {EINVAL, ENOMEM, EAGAIN, EINTR};
	uint64_t sent = 0, received = 0;

	fault_set(FAULT_SPLICE, 1, errors[_i]);
	pass(&sent, &received, 1, 1);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1); /* it was tried */
	ck_assert(!flow.bulk);
	ck_assert_int_eq(flow.may_splice, errors[_i] != EINVAL);
	pass(&sent, &received, BULK, BULK);
	ck_assert(!flow.source_doomed);
}
END_TEST

START_TEST(without_memory_for_a_pipe_the_flow_copies)
{
	uint64_t sent = 1, received = 0;

	run_until_its_turn();
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(!pipe_pool_has(&pipes)); /* for a while */
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, 1), received == 1));
	pass(&sent, &received, BULK, BULK);
}
END_TEST

/* Nobody would come back to it. */
START_TEST(without_memory_for_a_turn_it_is_taken_at_once)
{
	uint64_t sent = 1, received = 0;

	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	ck_assert_uint_eq(loop_send(source[1], 0, 1), 1);
	while (flow.bytes == 0) {
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_eq(flow.turn, 0);
	}
	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.paused));
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	while (flow.queued == HIGH) {
		loop_receive(sink[1], &received, BULK);
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_eq(flow.turn, 0);
	}
	pass(&sent, &received, BULK, BULK);
}
END_TEST

START_TEST(failed_sink_gives_up_its_turn_to_read)
{
	run_until_its_turn();
	flow_sink_failed(&flow, -ECONNRESET);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.turn, 0);
	ck_assert_uint_eq(flow.bytes, 0);
	ck_assert_uint_eq(flow.dropped, 0); /* it was not even read */
}
END_TEST

/* splice(2) stops before an urgent byte for ever; recv(2) does not. */
START_TEST(urgent_byte_passes_in_line)
{
	int one = 1;
	unsigned char data[8];

	setsockopt(source[0], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	ck_assert_int_eq(send(source[1], "ab", 2, 0), 2);
	ck_assert_int_eq(send(source[1], "!", 1, MSG_OOB), 1);
	ck_assert_int_eq(send(source[1], "cd", 2, 0), 2);
	LOOP_UNTIL(base, flow.bytes == 5);
	ck_assert_int_eq(recv(sink[1], data, sizeof(data), 0), 5);
	ck_assert_mem_eq(data, "ab!cd", 5);
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

/* Before an urgent byte splice(2) says that the stream has ended once the FIN is there: what is behind it was cut off. */
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

/* A pump that emptied the pipe left its write event behind, which spun and outlived the flow. */
START_TEST(no_event_is_left_when_memory_runs_out_beside_a_pipe)
{
	uint64_t sent = fill(), received = 0, hog = 0, more;

	while ((more = budget_claim(&budget, hog, budget.max)) > hog)
		hog = more;
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_ptr_null(flow.writable);
	assert_quiet();
	budget_return(&budget, hog);
}
END_TEST

/* A peer that failed for writing only has no end of its own: what it had sent by then is all there is. */
START_TEST(doomed_source_that_says_no_more_has_failed)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	flow_source_failed(&flow, -EPIPE);
	LOOP_UNTIL(base, flow.source == SOURCE_FAILED);
	ck_assert_int_eq(flow.source_error, -EPIPE);
}
END_TEST

/* ---- turns ---- */

#define TURNS 5

static uint64_t turn_bytes; /* not 0: what a flow moves in its turn, instead of really doing so */
static unsigned turns_taken;
static struct flow takers[TURNS];

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): ld --wrap wants it */
void __real_flow_take_turn(struct flow *which, unsigned turn);
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): ld --wrap wants it */
void __wrap_flow_take_turn(struct flow *which, unsigned turn);

void __wrap_flow_take_turn(struct flow *which, unsigned turn)
{
	if (turn_bytes == 0) {
		__real_flow_take_turn(which, turn);
		return;
	}
	ck_assert_ptr_eq(which, &takers[turns_taken++]); /* in the order in which they came */
	ck_assert_uint_eq(turn, TURN_READ | TURN_WRITE);
	which->bytes += turn_bytes / 2;
	which->queued += turn_bytes / 2;
}

static void settle_nothing(struct flow *which)
{
	(void)which;
}

static void wait_for_turns(uint64_t bytes)
{
	static struct flow_io takers_io;

	takers_io = io;
	takers_io.settle = settle_nothing;
	turn_bytes = bytes;
	turns_taken = 0;
	for (int i = 0; i < TURNS; i++) {
		takers[i] = (struct flow){.io = &takers_io};
		ck_assert(flow_turn_wait(&takers[i], TURN_READ));
		ck_assert(flow_turn_wait(&takers[i], TURN_WRITE));
	}
}

START_TEST(bulk_of_one_pass_is_bounded)
{
	wait_for_turns(600 * 1024); /* two of them are more than 1 MiB */
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 2);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 4);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 5);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

START_TEST(without_memory_for_the_next_pass_all_turns_are_taken_in_one)
{
	wait_for_turns(2 * 1024 * 1024);
	for (int i = 1; i < TURNS; i++) {
		fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		ck_assert_uint_ge(turns_taken, (unsigned)i + 1);
	}
	ck_assert_uint_eq(turns_taken, TURNS);
}
END_TEST

START_TEST(turn_of_the_middle_can_be_given_up)
{
	wait_for_turns(1);
	for (int i = 1; i < TURNS; i++)
		flow_turn_leave(&takers[i]);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 1);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

START_TEST(turns_without_memory_are_refused)
{
	struct flow_turns none;

	fault_set(FAULT_EVENT_NEW, 1, ENOMEM);
	ck_assert_int_eq(flow_turns_init(&none, base), -ENOMEM);
	flow_turns_deinit(&none);
}
END_TEST

/* Whatever holds for bytes must hold for both ways that they take. */
static TCase *add_common(TCase *tcase)
{
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, bytes_pass_without_a_queue);
	tcase_add_test(tcase, end_is_passed_on);
	tcase_add_test(tcase, sending_to_a_sink_that_has_reset_fails_it);
	tcase_add_test(tcase, ending_a_sink_that_has_reset_fails_it);
	tcase_add_test(tcase, paused_flow_costs_no_events);
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
	tcase_add_test(copy, queue_that_nobody_would_write_is_a_fault);
	tcase_add_test(copy, low_watermark_shrinks_with_the_memory);
	tcase_add_test(copy, bulk_of_one_pass_is_bounded);
	tcase_add_test(copy, without_memory_for_the_next_pass_all_turns_are_taken_in_one);
	tcase_add_test(copy, turn_of_the_middle_can_be_given_up);
	tcase_add_test(copy, turns_without_memory_are_refused);
	suite_add_tcase(suite, copy);
	tcase_add_checked_fixture(pipe, setup_splice, teardown);
	tcase_add_test(pipe, large_reads_lead_to_a_pipe_and_small_ones_back);
	tcase_add_test(pipe, empty_pipe_goes_back_to_the_pool);
	tcase_add_test(pipe, pipe_with_bytes_is_not_used_again);
	tcase_add_test(pipe, without_a_pipe_the_flow_copies);
	tcase_add_test(pipe, bytes_of_both_queues_keep_their_order);
	tcase_add_test(pipe, no_event_is_left_when_memory_runs_out_beside_a_pipe);
	tcase_add_test(pipe, bulk_flow_waits_for_its_turn);
	tcase_add_test(pipe, ended_flow_gives_up_its_turn);
	tcase_add_test(pipe, urgent_byte_passes_in_line);
	tcase_add_test(pipe, pipe_full_of_small_pieces_pauses);
	tcase_add_test(pipe, pipe_full_of_small_pieces_is_read_on_when_half_empty);
	tcase_add_loop_test(pipe, what_cannot_be_spliced_is_copied, 0, 4);
	tcase_add_test(pipe, without_memory_for_a_pipe_the_flow_copies);
	tcase_add_test(pipe, without_memory_for_a_turn_it_is_taken_at_once);
	tcase_add_test(pipe, failed_sink_gives_up_its_turn_to_read);
	suite_add_tcase(suite, pipe);
	return unit_run(suite);
}
