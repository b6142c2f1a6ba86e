/* The parts of a flow's queue: the head of the buffer, pipes, the tail of the buffer. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "net/stream.h"
#include "unit.h"

#include <netinet/tcp.h>
#include <stdlib.h>

static size_t head(void)
{
	return flow.buffer ? flow_buffer_head(flow.buffer) : 0;
}

static size_t piped(void)
{
	return flow_pipes_length(&flow);
}

static size_t tail(void)
{
	return flow.buffer ? flow_buffer_tail(flow.buffer) : 0;
}

/* Sends the next piece once the flow has taken those before it: pieces that meet in the kernel become one. */
static uint64_t send_piece(uint64_t offset, uint64_t sent, size_t piece)
{
	return flow.bytes + flow.queued == sent ? loop_send(source[1], offset + sent, piece) : 0;
}

/* Fills the sink's kernel, so that all that is sent from now on is queued. Returns how much it has. */
static uint64_t hold_sink(void)
{
	int one = 1;

	setsockopt(source[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return stuff_sink();
}

/* Queues length bytes in the pipe, in as few pieces as the kernel makes of them. */
static void queue_in_pipe(uint64_t offset, uint64_t *sent, uint64_t length)
{
	uint64_t end = *sent + length, queued = flow.queued + length;

	LOOP_UNTIL(base, (be_bulk(), *sent += send_piece(offset, *sent, end - *sent), flow.queued == queued));
	ck_assert_uint_ge(piped(), length);
}

/* Queues length bytes in the buffer, after those in the pipe if there is one. */
static void queue_in_buffer(uint64_t offset, uint64_t *sent, uint64_t length)
{
	uint64_t end = *sent + length, queued = flow.queued + length;

	LOOP_UNTIL(base,
	           (be_small(), *sent += send_piece(offset, *sent, end - *sent), flow.queued == queued));
	ck_assert_ptr_nonnull(flow.buffer);
}

enum form { PIPE_ONLY, PIPE_THEN_TAIL, HEAD_ONLY, HEAD_THEN_PIPE, ALL_PARTS, FORMS };

/*
 * Queues 3000 bytes in one of the forms, the last 2000 in the tail if there is one, for a sink that takes
 * nothing. Returns how much the sink has.
 */
static uint64_t queue_as(enum form form, uint64_t *sent)
{
	bool has_head = form >= HEAD_ONLY, has_pipe = form != HEAD_ONLY;
	bool has_tail = form == PIPE_THEN_TAIL || form == ALL_PARTS;
	uint64_t stuffed = hold_sink();

	*sent = 0;
	if (has_head)
		queue_in_buffer(stuffed, sent, has_pipe ? 500 : 3000);
	if (has_pipe)
		queue_in_pipe(stuffed, sent, (has_tail ? 1000 : 3000) - *sent);
	if (has_tail)
		queue_in_buffer(stuffed, sent, 2000);
	ck_assert_uint_eq(*sent, 3000);
	ck_assert_int_eq(head() > 0, has_head);
	ck_assert_int_eq(piped() > 0, has_pipe);
	ck_assert_int_eq(tail() > 0, has_tail);
	be_bulk();
	return stuffed;
}

/*
 * A pipe is full when its slots are, far below the watermarks. The flow does not pause for that: what does
 * not fit goes into a buffer.
 */
START_TEST(full_pipe_is_no_reason_to_pause)
{
	uint64_t stuffed = hold_sink(), sent = 0, received = 0, in_pipe;

	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1), flow.buffer));
	in_pipe = flow.pipes->length;
	ck_assert_uint_le(in_pipe, PIPE_SIZE / 4096);
	ck_assert_uint_eq(flow.queued, in_pipe + 1);
	LOOP_UNTIL(base,
	           (be_bulk(), sent += send_piece(stuffed, sent, HIGH - 1 - sent), flow.queued == HIGH - 1));
	assert_quiet();
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 0);
	ck_assert(flow.readable_added);
	sent += send_piece(stuffed, sent, 1);
	LOOP_UNTIL(base, flow.pause);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	ck_assert_uint_eq(flow.queued, HIGH);
	ck_assert_uint_eq(flow.pipes->length, in_pipe);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1); /* a second one would not be worth it */
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 1);
}
END_TEST

START_TEST(queue_at_high_is_paused_at_once)
{
	uint64_t stuffed = hold_sink(), sent = 0;

	queue_in_pipe(stuffed, &sent, HIGH);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH); /* although nothing more has come */
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 1);
}
END_TEST

/* As if the sink had taken length bytes. */
static void take_from_pipe(size_t length)
{
	unsigned char data[HIGH];

	ck_assert_int_eq(read(flow.pipes->out, data, length), (int)length);
	flow.pipes->length -= length;
	flow.queued -= length;
	flow.bytes += length;
	flow_take_turn(&flow, TURN_WRITE);
}

START_TEST(queue_is_read_on_at_low_to_the_byte)
{
	uint64_t stuffed = hold_sink(), sent = 0;

	queue_in_pipe(stuffed, &sent, HIGH);
	take_from_pipe(HIGH - LOW - 1);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	take_from_pipe(1);
	ck_assert_uint_eq(flow.queued, LOW);
	ck_assert_int_eq(flow.pause, PAUSE_NONE);
	ck_assert(flow.readable_added);
}
END_TEST

/* What is in the tail came later than what is in the pipes, so nothing goes into those any more. */
START_TEST(nothing_is_spliced_past_a_tail)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0;
	size_t before = piped();

	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1000), sent >= 10000));
	LOOP_UNTIL(base, flow.queued == sent);
	ck_assert_uint_eq(piped(), before);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
}
END_TEST

/* Otherwise, after its first small reads, a reader that is never quite caught up would be copied for. */
START_TEST(bulk_is_spliced_behind_a_head)
{
	uint64_t sent, stuffed = queue_as(HEAD_ONLY, &sent), received = 0, held = flow.held;

	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1000), sent >= 10000));
	LOOP_UNTIL(base, flow.queued == sent);
	ck_assert_uint_eq(head(), 3000);
	ck_assert_uint_eq(piped(), sent - 3000);
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 0);
	ck_assert_uint_gt(flow.held, held);
	while (head() > 0) {
		loop_receive(sink[1], &received, 1000);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

/* Otherwise a copy of a few bytes would keep everything that follows out of the pipe. */
START_TEST(small_reads_behind_a_queue_stay_bulk)
{
	uint64_t sent, stuffed = queue_as(PIPE_ONLY, &sent), received = 0;

	flow.bulk_reads = 1;
	LOOP_UNTIL(base, (sent += send_piece(stuffed, sent, 100), flow.queued == 4000));
	ck_assert(flow.bulk);
	ck_assert_ptr_null(flow.buffer);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	LOOP_UNTIL(base, (sent += send_piece(stuffed, sent, 100), !flow.bulk));
}
END_TEST

/* A pipe goes on as it is, and nothing is out of its place. */
START_TEST(either_form_is_taken_over)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0;
	size_t before[] = {head(), piped(), tail()};
	uint64_t used = budget_used(&budget), pipes_used = slots_used(&pipe_slots);
	enum loop_end end = LOOP_OPEN;

	take_over();
	assert_queue();
	ck_assert_uint_eq(head(), before[0]);
	ck_assert_uint_eq(piped(), before[1]);
	ck_assert_uint_eq(tail(), before[2]);
	ck_assert_uint_eq(budget_used(&budget), used);
	ck_assert_uint_eq(slots_used(&pipe_slots), pipes_used);
	take_over();
	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1000), sent >= 10000));
	take_over();
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, (end = loop_receive(sink[1], &received, BULK)) != LOOP_OPEN);
	ck_assert_int_eq(end, LOOP_FIN);
	ck_assert_uint_eq(received, stuffed + sent);
	ck_assert_uint_eq(flow.bytes, sent);
	ck_assert_uint_eq(flow.dropped, 0);
}
END_TEST

/* The tail becomes the head when the pipes are empty, and then pipes may follow it again. */
START_TEST(tail_becomes_the_head)
{
	uint64_t sent, stuffed = queue_as(PIPE_THEN_TAIL, &sent), received = 0;

	take_from_pipe(1000);
	ck_assert_ptr_null(flow.pipes);
	ck_assert_uint_eq(head(), 2000);
	ck_assert_uint_eq(tail(), 0);
	queue_in_pipe(stuffed, &sent, 1000);
	ck_assert_uint_eq(head(), 2000);
	queue_in_buffer(stuffed, &sent, 1000);
	ck_assert_uint_eq(tail(), 1000);
	while (received < stuffed)
		loop_receive(sink[1], &received, stuffed - received);
	received += 1000; /* which were taken */
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_uint_eq(flow.queued, 0);
}
END_TEST

#define LONG_HIGH (4 * 1024 * 1024)

static void setup_long(void)
{
	limits.high = LONG_HIGH;
	limits.low = LOW;
	splicing = true;
	begin(16 * LONG_HIGH);
}

static void fill_long(uint64_t stuffed, uint64_t *sent)
{
	LOOP_UNTIL(base, (be_bulk(), *sent += loop_send(source[1], stuffed + *sent, BULK), flow.pause));
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	ck_assert_uint_eq(flow.queued, LONG_HIGH);
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 1);
}

/* A queue that is longer than a pipe has more pipes, is paused once, and gives all of them back. */
START_TEST(long_queue_is_in_several_pipes)
{
	uint64_t stuffed = hold_sink(), sent = 0, received = 0;

	fill_long(stuffed, &sent);
	ck_assert_ptr_null(flow.buffer);
	ck_assert_uint_ge(slots_used(&pipe_slots), 2);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_ptr_null(flow.pipes);
	ck_assert_uint_eq(pipes.idle_count, slots_used(&pipe_slots));
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

/* Where there are no more pipes, the rest goes into the tail. */
START_TEST(long_queue_without_pipes_has_a_tail)
{
	uint64_t stuffed = hold_sink(), sent = 0, received = 0;

	slots_init(&pipe_slots, 2); /* and half of them are for other flows */
	fill_long(stuffed, &sent);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1);
	ck_assert_uint_eq(head(), 0);
	ck_assert_uint_gt(tail(), 0);
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, loop_receive(sink[1], &received, BULK) == LOOP_FIN);
	ck_assert_uint_eq(received, stuffed + sent);
}
END_TEST

START_TEST(long_queue_can_be_dropped)
{
	uint64_t stuffed = hold_sink(), sent = 0;

	fill_long(stuffed, &sent);
	flow_sink_failed(&flow, -ECONNRESET);
	ck_assert_uint_eq(flow.dropped, LONG_HIGH);
	ck_assert_ptr_null(flow.pipes);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

/* _i: the form. */
START_TEST(end_waits_behind_either_form)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0;

	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, flow.source == SOURCE_ENDED);
	ck_assert_int_eq(flow.sink, SINK_OPEN);
	assert_quiet();
	LOOP_UNTIL(base, loop_receive(sink[1], &received, BULK) == LOOP_FIN);
	ck_assert_uint_eq(received, stuffed + sent);
	ck_assert(!flow.pipes && !flow.buffer);
}
END_TEST

START_TEST(reset_of_the_source_waits_behind_either_form)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0;

	loop_reset(source[1]);
	source[1] = -1;
	LOOP_UNTIL(base, flow.source == SOURCE_FAILED);
	ck_assert_int_eq(flow.source_error, -ECONNRESET);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_int_eq(flow.sink, SINK_OPEN); /* no FIN: it would make a cut stream look complete */
}
END_TEST

START_TEST(reset_of_the_sink_drops_either_form)
{
	uint64_t sent;

	queue_as((enum form)_i, &sent);
	loop_reset(sink[1]);
	sink[1] = -1;
	LOOP_UNTIL(base, flow.sink == SINK_FAILED);
	ck_assert_uint_eq(flow.dropped, sent);
	ck_assert_uint_eq(budget_used(&budget), 0);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
}
END_TEST

START_TEST(urgent_byte_waits_behind_either_form)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0;
	unsigned char urgent = loop_byte(stuffed + sent + 100);
	int one = 1;

	setsockopt(source[0], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	ck_assert_uint_eq(loop_send(source[1], stuffed + sent, 100), 100);
	ck_assert_int_eq(send(source[1], &urgent, 1, MSG_OOB), 1);
	ck_assert_uint_eq(loop_send(source[1], stuffed + sent + 101, 100), 100);
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, flow.source == SOURCE_ENDED);
	ck_assert_uint_eq(flow.queued, sent + 201);
	LOOP_UNTIL(base, loop_receive(sink[1], &received, BULK) == LOOP_FIN);
	ck_assert_uint_eq(received, stuffed + sent + 201);
}
END_TEST

/* Others have taken all memory: the flow is paused as it is, goes on at low, and loses nothing. */
START_TEST(memory_may_run_out_in_either_form)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0, others = take_all_memory();

	LOOP_UNTIL(base, (sent += send_piece(stuffed, sent, 20000), flow.pause));
	ck_assert_int_eq(flow.pause, PAUSE_MEMORY);
	ck_assert_uint_ge(flow.queued, 3000);
	assert_quiet();
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert(!flow.pause);
	budget_return(&budget, others);
}
END_TEST

START_TEST(either_form_can_be_ended)
{
	uint64_t sent;

	queue_as((enum form)_i, &sent);
	flow_deinit(&flow);
	ck_assert_uint_eq(flow.dropped, sent);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
}
END_TEST

START_TEST(flow_waits_for_its_sink_in_either_form)
{
	uint64_t sent;
	struct flow_record record;

	queue_as((enum form)_i, &sent);
	record = describe(clock_ms());
	ck_assert_uint_eq(record.queued, sent);
	ck_assert_int_eq(record.reading, READING_ON);
	ck_assert_int_eq(record.limited_by, BLAME_TARGET);
	ck_assert(flow_has_backlog(&flow));
}
END_TEST

/* The stall timeout depends on this: only what the sink takes is progress, not what is queued meanwhile. */
START_TEST(only_the_sink_makes_progress_in_either_form)
{
	uint64_t sent, stuffed = queue_as((enum form)_i, &sent), received = 0;

	flow.last_progress = 1;
	LOOP_UNTIL(base, (sent += send_piece(stuffed, sent, 1000), flow.queued >= 6000));
	ck_assert_uint_eq(flow.last_progress, 1);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_uint_gt(flow.last_progress, 1);
}
END_TEST

/* The rest of its turn would send fresh bytes after the hole. */
START_TEST(turn_ends_with_a_fault)
{
	uint64_t sent, stuffed = queue_as(PIPE_THEN_TAIL, &sent), received = 0;

	ck_assert_uint_eq(loop_send(source[1], stuffed + sent, 100), 100);
	while (!stream_is_writable(sink[0]) || stream_unread(source[0]) < 100)
		loop_receive(sink[1], &received, BULK);
	flow_wait_end(&flow); /* as while it waits for its turn */
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	flow_take_turn(&flow, TURN_READ | TURN_WRITE);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert_uint_eq(flow.bytes, 1000);
	ck_assert_uint_eq(flow.dropped, 2000);
	ck_assert_uint_eq(stream_unread(source[0]), 100);
}
END_TEST

/*
 * ---- model ----
 *
 * On real sockets and at random, the source sends, the sink takes, others use memory, and the stream ends.
 * After every event of the flow, a model of the queue says what must have become of it.
 */

#define STEPS  (125 * 1000)
#define SERIES 1500 /* steps until the stream ends one way or another */

/* The flow as it was after its last event. */
static struct {
	uint64_t in, out; /* bytes read from the source, written to the sink */
	uint64_t queued;
	size_t head, piped, tail;
	enum flow_pause pause;
} last;

static uint64_t others;                          /* memory that other flows use */
static unsigned seen[2][2][2][PAUSE_MEMORY + 1]; /* settled with a head, a pipe, a tail, so paused */

static void remember(void)
{
	last.in = flow.bytes + flow.queued + flow.dropped;
	last.out = flow.bytes;
	last.queued = flow.queued;
	last.head = head();
	last.piped = piped();
	last.tail = tail();
	last.pause = flow.pause;
}

/* The flow's share of the memory does not pay for a queue that is one byte longer. */
static bool memory_is_short(void)
{
	uint64_t parts = flow.buffer && flow.pipes ? FLOW_CHAIN_SIZE : 0;

	return flow_queue_cost(flow.queued + 1) + parts > budget_share(&budget, flow.held);
}

static uint64_t low_mark(void)
{
	uint64_t by_memory = budget_share(&budget, flow.held) / 2;

	return by_memory < limits.low ? by_memory : limits.low;
}

/* There was no memory for a queue, so what the source has is tried. */
static bool may_pass_through(void)
{
	return last.pause == PAUSE_MEMORY && last.head + last.piped + last.tail == 0;
}

static void assert_pause(uint64_t in)
{
	if (last.pause && !may_pass_through()) {
		LOOP_ASSERT_EQ(in, 0);
		LOOP_ASSERT(flow.pause == (flow.queued > low_mark() ? last.pause : PAUSE_NONE));
	} else if (flow.queued == limits.high) {
		LOOP_ASSERT(flow.pause == PAUSE_HIGH);
	} else if (flow.pause) {
		LOOP_ASSERT(flow.pause == PAUSE_MEMORY);
		LOOP_ASSERT(memory_is_short());
	}
}

static uint64_t take(uint64_t *from, uint64_t wanted)
{
	uint64_t taken = wanted < *from ? wanted : *from;

	*from -= taken;
	return wanted - taken;
}

/*
 * First in, first out. What was sent came from the head, then the pipes, then the tail, and what was left to
 * send had only just come in. What came in and was not sent comes after all that was there.
 */
static void assert_order(uint64_t in, uint64_t out)
{
	uint64_t front = last.head, middle = last.piped, back = last.tail, fresh = in;

	LOOP_ASSERT_EQ(take(&fresh, take(&back, take(&middle, take(&front, out)))), 0);
	if (front == 0 && middle == 0) {
		front = back;
		back = 0;
	}
	if (piped() > middle && back == 0)
		middle += fresh;
	else if (middle > 0)
		back += fresh;
	else
		front += fresh;
	LOOP_ASSERT_EQ(head(), front);
	LOOP_ASSERT_EQ(piped(), middle);
	LOOP_ASSERT_EQ(tail(), back);
}

static void assert_model(void)
{
	uint64_t in = flow.bytes + flow.queued + flow.dropped - last.in, out = flow.bytes - last.out;

	if (flow.sink == SINK_OPEN) {
		LOOP_ASSERT_EQ(flow.dropped, 0);
		LOOP_ASSERT_EQ(flow.queued, last.queued + in - out);
		assert_pause(in);
		assert_order(in, out);
	}
	LOOP_ASSERT_EQ(flow.fault, 0);
	seen[head() > 0][piped() > 0][tail() > 0][flow.pause]++;
	remember();
}

/* Each form of the queue was met, reading and paused for either reason. */
static void assert_all_was_seen(void)
{
	for (int form = 0; form < 8; form++)
		for (int pause = PAUSE_NONE; pause <= PAUSE_MEMORY; pause++) {
			bool has_head = form & 1, has_pipe = form & 2, has_tail = form & 4;
			bool possible = has_tail ? has_pipe : form > 0 || pause != PAUSE_HIGH;
			unsigned times = seen[has_head][has_pipe][has_tail][pause];

			ck_assert_msg(possible ? times > 0 : times == 0, "form %d, pause %d: %u times", form,
			              pause, times);
		}
}

static uint64_t below(uint64_t limit)
{
	return (uint64_t)rand() % limit;
}

/* Mostly small, sometimes more than there is room for anywhere. */
static uint64_t some_bytes(void)
{
	return below(4) ? below(2000) : below(2 * HIGH);
}

static void change_form(void)
{
	if (below(2))
		be_bulk();
	else
		be_small();
}

static void change_memory(void)
{
	uint64_t most = budget.max - flow.held;

	others = below(2) ? most : below(2) ? 0 : below(most);
	budget.used = flow.held + others;
}

static void take_step(uint64_t *sent, uint64_t *received)
{
	uint64_t what = below(100);

	if (what < 35)
		*sent += loop_send(source[1], *sent, some_bytes());
	else if (what < 60)
		loop_receive(sink[1], received, some_bytes());
	else if (what < 70)
		change_form();
	else if (what < 75)
		change_memory();
	else if (what < 77)
		take_over();
	else
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}

static void end_well(uint64_t sent, uint64_t *received)
{
	shutdown(source[1], SHUT_WR);
	LOOP_UNTIL(base, loop_receive(sink[1], received, BULK) == LOOP_FIN);
	ck_assert_uint_eq(*received, sent);
}

static void end_by_the_source(uint64_t *received)
{
	loop_reset(source[1]);
	source[1] = -1;
	LOOP_UNTIL(base, (loop_receive(sink[1], received, BULK), flow_finished(&flow)));
	LOOP_UNTIL(base, (loop_receive(sink[1], received, BULK), *received == flow.bytes));
	ck_assert_int_eq(flow.source, SOURCE_FAILED);
	ck_assert_int_eq(flow.sink, SINK_OPEN);
}

static void end_by_the_sink(uint64_t sent)
{
	uint64_t more = sent;

	loop_reset(sink[1]);
	sink[1] = -1;
	LOOP_UNTIL(base, (more += loop_send(source[1], more, 1), flow.sink == SINK_FAILED));
	ck_assert_uint_eq(flow.queued, 0);
	ck_assert(flow_finished(&flow));
}

static unsigned run_series(unsigned most)
{
	static const uint64_t lows[] = {0, LOW, HIGH / 2, HIGH - 1};
	uint64_t sent = 0, received = 0;
	unsigned steps = 1 + (unsigned)below(SERIES);

	limits.low = lows[below(sizeof(lows) / sizeof(lows[0]))];
	begin(MEMORY_MAX);
	after_settle = assert_model;
	remember();
	if (steps > most)
		steps = most;
	for (unsigned i = 0; i < steps; i++)
		take_step(&sent, &received);
	switch (below(4)) {
	case 0:
		end_by_the_source(&received);
		break;
	case 1:
		end_by_the_sink(sent);
		break;
	case 2:
		end_well(sent, &received);
		break;
	default: /* by us */
		break;
	}
	budget_return(&budget, others);
	others = 0;
	after_settle = NULL;
	teardown();
	return steps;
}

/* _i: the seed. */
START_TEST(queue_is_what_the_model_says)
{
	unsigned steps = 0;

	srand((unsigned)_i);
	splicing = true;
	while (steps < STEPS)
		steps += run_series(STEPS - steps);
	assert_all_was_seen();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_queue");
	TCase *tcase = tcase_create("forms"), *lengthy = tcase_create("long"),
	      *random = tcase_create("model");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup_splice, teardown);
	tcase_add_test(tcase, full_pipe_is_no_reason_to_pause);
	tcase_add_test(tcase, queue_at_high_is_paused_at_once);
	tcase_add_test(tcase, queue_is_read_on_at_low_to_the_byte);
	tcase_add_loop_test(tcase, nothing_is_spliced_past_a_tail, PIPE_THEN_TAIL, PIPE_THEN_TAIL + 1);
	tcase_add_loop_test(tcase, nothing_is_spliced_past_a_tail, ALL_PARTS, ALL_PARTS + 1);
	tcase_add_test(tcase, bulk_is_spliced_behind_a_head);
	tcase_add_test(tcase, small_reads_behind_a_queue_stay_bulk);
	tcase_add_test(tcase, tail_becomes_the_head);
	tcase_add_loop_test(tcase, end_waits_behind_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, reset_of_the_source_waits_behind_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, reset_of_the_sink_drops_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, urgent_byte_waits_behind_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, memory_may_run_out_in_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, either_form_can_be_ended, 0, FORMS);
	tcase_add_loop_test(tcase, flow_waits_for_its_sink_in_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, only_the_sink_makes_progress_in_either_form, 0, FORMS);
	tcase_add_test(tcase, turn_ends_with_a_fault);
	tcase_add_loop_test(tcase, either_form_is_taken_over, 0, FORMS);
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(lengthy, 20);
	tcase_add_checked_fixture(lengthy, setup_long, teardown);
	tcase_add_test(lengthy, long_queue_is_in_several_pipes);
	tcase_add_test(lengthy, long_queue_without_pipes_has_a_tail);
	tcase_add_test(lengthy, long_queue_can_be_dropped);
	suite_add_tcase(suite, lengthy);
	tcase_set_timeout(random, 120);
	tcase_add_loop_test(random, queue_is_what_the_model_says, 1, 9);
	suite_add_tcase(suite, random);
	return unit_run(suite);
}
