/* What flows do with bytes, ends and failures, by copy and by splice; their turns. */
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

/*
 * Whatever is done with a sink that has reset fails, and that is how the flow hears of it: by sending here.
 */
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
	ck_assert_uint_eq(flow.pauses, 1);
	ck_assert_uint_le(allocated, HIGH + HIGH / 2 + 64 * 1024);
}
END_TEST

/* The sink's kernel may take more once its timer, after 200 ms, has cut off what fits into the window. */
static void fill_and_come_to_rest(void)
{
	struct pollfd writable = {.fd = sink[0], .events = POLLOUT};

	fill();
	while (poll(&writable, 1, 300) > 0)
		event_base_loop(base, EVLOOP_NONBLOCK);
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
	ck_assert(!flow.readable_added);
	ck_assert(!flow.writable_added);
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
	ck_assert_int_eq(describe(clock_ms()).limited_by, LIMITED_BY_NONE);
	ck_assert_int_eq(describe(clock_ms()).reading, READING_ON);
	fill();
	ck_assert_int_eq(describe(clock_ms()).limited_by, LIMITED_BY_TARGET);
	ck_assert_int_eq(describe(clock_ms()).reading, READING_PAUSED);
	flow_sink_failed(&flow, -ECONNRESET);
	ck_assert_int_eq(describe(clock_ms()).limited_by, LIMITED_BY_NONE);
	ck_assert_int_eq(describe(clock_ms()).reading, READING_ENDED);
}
END_TEST

/* For as long as the sink has taken something lately. */
START_TEST(flow_without_memory_is_held_back_by_the_relay)
{
	teardown();
	begin(1);
	fill();
	ck_assert_int_eq(describe(flow.last_progress + 999).limited_by, LIMITED_BY_RELAY);
	ck_assert_int_eq(describe(flow.last_progress + 1000).limited_by, LIMITED_BY_TARGET);
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
		while (flow.pause) {
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

/* One read of so many bytes. */
static void read_at_once(uint64_t *sent, uint64_t *received, size_t length)
{
	uint64_t end = *sent + length, give_up = clock_ms() + LOOP_DEADLINE_MS;
	int unread = 0;

	while (unread < (int)length && clock_ms() < give_up) {
		*sent += loop_send(source[1], *sent, end - *sent);
		ck_assert_int_eq(ioctl(source[0], SIOCINQ, &unread), 0);
	}
	ck_assert_int_eq(unread, (int)length);
	LOOP_UNTIL(base, (loop_receive(sink[1], received, BULK), *received == *sent));
}

/*
 * 32 KiB and more is a large read: four of them more than small ones lead to a pipe, as many small ones back.
 */
START_TEST(large_reads_lead_to_a_pipe_and_small_ones_back)
{
	uint64_t sent = 0, received = 0;
	int size = 4 * SCRATCH;

	setsockopt(source[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(source[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	be_small();
	for (int i = 0; i < 3; i++)
		read_at_once(&sent, &received, SCRATCH);
	read_at_once(&sent, &received, 1);
	read_at_once(&sent, &received, SCRATCH);
	ck_assert(!flow.bulk);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	read_at_once(&sent, &received, SCRATCH);
	ck_assert(flow.bulk);
	read_at_once(&sent, &received, SCRATCH);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1);
	for (int i = 0; i < 3; i++)
		read_at_once(&sent, &received, SCRATCH - 1);
	ck_assert(flow.bulk);
	read_at_once(&sent, &received, SCRATCH - 1);
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

START_TEST(bulk_flow_waits_for_its_turn)
{
	run_until_its_turn();
	ck_assert_uint_eq(flow.bytes, 0);
	ck_assert(!flow.readable_added);
	ck_assert_ptr_eq(TAILQ_FIRST(&turns.waiting), &flow);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.bytes, 1);
	ck_assert(flow.readable_added);
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
	ck_assert_int_eq(flow.source, SOURCE_OPEN);
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
	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause));
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

/*
 * Before an urgent byte splice(2) says that the stream has ended once the FIN is there: what is behind it was
 * cut off.
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

/* A pump that emptied the pipe left its write event behind, which spun and outlived the flow. */
START_TEST(no_event_is_left_when_memory_runs_out_beside_a_pipe)
{
	uint64_t sent = fill(), received = 0, others = take_all_memory();

	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_ptr_null(flow.writable);
	assert_quiet();
	budget_return(&budget, others);
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
		ck_assert(flow_turn_defer(&takers[i], TURN_READ));
		ck_assert(flow_turn_defer(&takers[i], TURN_WRITE));
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
	tcase_add_test(pipe, no_event_is_left_when_memory_runs_out_beside_a_pipe);
	tcase_add_test(pipe, bulk_flow_waits_for_its_turn);
	tcase_add_test(pipe, ended_flow_gives_up_its_turn);
	tcase_add_test(pipe, urgent_byte_passes_in_line);
	tcase_add_loop_test(pipe, what_cannot_be_spliced_is_copied, 0, 4);
	tcase_add_test(pipe, without_memory_for_a_pipe_the_flow_copies);
	tcase_add_test(pipe, without_memory_for_a_turn_it_is_taken_at_once);
	tcase_add_test(pipe, failed_sink_gives_up_its_turn_to_read);
	suite_add_tcase(suite, pipe);
	return unit_run(suite);
}
