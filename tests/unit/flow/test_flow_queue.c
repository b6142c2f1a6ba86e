/* The two forms of a flow's queue: a pipe, then an output buffer. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "net/stream.h"
#include "unit.h"

#include <netinet/tcp.h>
#include <stdlib.h>

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
	ck_assert_ptr_null(flow.buffer);
}

/* Queues length bytes in the buffer, after those in the pipe if there is one. */
static void queue_in_buffer(uint64_t offset, uint64_t *sent, uint64_t length)
{
	uint64_t end = *sent + length, queued = flow.queued + length;

	LOOP_UNTIL(base,
	           (be_small(), *sent += send_piece(offset, *sent, end - *sent), flow.queued == queued));
	ck_assert_ptr_nonnull(flow.buffer);
}

enum form { PIPE_ONLY, PIPE_THEN_BUFFER, BUFFER_ONLY, FORMS };

/* Queues 3000 bytes in one of the forms, for a sink that takes nothing. Returns how much the sink has. */
static uint64_t queue_as(enum form form, uint64_t *sent)
{
	uint64_t stuffed = hold_sink();

	*sent = 0;
	if (form != BUFFER_ONLY)
		queue_in_pipe(stuffed, sent, form == PIPE_ONLY ? 3000 : 1000);
	if (form != PIPE_ONLY)
		queue_in_buffer(stuffed, sent, 3000 - *sent);
	ck_assert_int_eq(flow.pipe != NULL, form != BUFFER_ONLY);
	ck_assert_int_eq(flow.buffer != NULL, form != PIPE_ONLY);
	be_bulk();
	return stuffed;
}

/*
 * A pipe is full when its slots are, far below the watermarks. The flow does not pause for that: what does
 * not fit goes into a buffer.
 */
START_TEST(full_pipe_is_no_reason_to_pause)
{
	uint64_t stuffed = hold_sink(), sent = 0, received = 0, piped;

	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1), flow.buffer));
	piped = flow.pipe->length;
	ck_assert_uint_le(piped, PIPE_SIZE / 4096);
	ck_assert_uint_eq(flow.queued, piped + 1);
	LOOP_UNTIL(base,
	           (be_bulk(), sent += send_piece(stuffed, sent, HIGH - 1 - sent), flow.queued == HIGH - 1));
	assert_quiet();
	ck_assert_uint_eq(flow_pauses_until(&flow, clock_ms()).count, 0);
	ck_assert(flow.readable_added);
	sent += send_piece(stuffed, sent, 1);
	LOOP_UNTIL(base, flow.pause);
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	ck_assert_uint_eq(flow.queued, HIGH);
	ck_assert_uint_eq(flow.pipe->length, piped);
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

	ck_assert_int_eq(read(flow.pipe->out, data, length), (int)length);
	flow.pipe->length -= length;
	flow.queued -= length;
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

/* Also when the pipe was emptied long ago and the flow is still bulk. */
START_TEST(nothing_is_spliced_past_a_buffer)
{
	uint64_t sent, stuffed = queue_as(BUFFER_ONLY, &sent), received = 0;

	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1000), sent >= 10000));
	LOOP_UNTIL(base, flow.queued == sent);
	ck_assert_ptr_null(flow.pipe);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == stuffed + sent));
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	LOOP_UNTIL(base, (be_bulk(), sent += send_piece(stuffed, sent, 1000), slots_used(&pipe_slots) == 1));
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
	ck_assert(!flow.pipe && !flow.buffer);
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
	ck_assert_int_eq(record.limited_by, LIMITED_BY_TARGET);
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
	uint64_t sent, stuffed = queue_as(PIPE_THEN_BUFFER, &sent), received = 0;

	ck_assert_uint_eq(loop_send(source[1], stuffed + sent, 100), 100);
	while (!stream_is_writable(sink[0]) || stream_unread(source[0]) < 100)
		loop_receive(sink[1], &received, BULK);
	fault_set(FAULT_ENABLE, 1, ENOMEM);
	flow_take_turn(&flow, TURN_READ | TURN_WRITE);
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert_uint_eq(flow.bytes, 1000);
	ck_assert_uint_eq(flow.dropped, 2000);
	ck_assert_uint_eq(stream_unread(source[0]), 100);
}
END_TEST

/* libevent should go on where the pipe ended, but cannot be told to. The rest would never be written. */
START_TEST(buffer_that_nobody_would_write_behind_a_pipe_is_a_fault)
{
	uint64_t sent, received = 0;

	queue_as(PIPE_THEN_BUFFER, &sent);
	fault_set(FAULT_ENABLE, 1, ENOMEM);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), flow.fault));
	ck_assert_int_eq(flow.fault, -ENOMEM);
	ck_assert_uint_eq(flow.dropped, 2000);
	ck_assert(!flow.readable_added);
	ck_assert(!flow.writable_added);
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
	size_t piped, buffered;
	enum flow_pause pause;
} last;

static uint64_t others;                       /* memory that other flows use */
static unsigned seen[2][2][PAUSE_MEMORY + 1]; /* settled with a pipe, a buffer, so paused */

static size_t piped(void)
{
	return flow.pipe ? flow.pipe->length : 0;
}

static void remember(void)
{
	last.in = flow.bytes + flow.queued + flow.dropped;
	last.out = flow.bytes;
	last.queued = flow.queued;
	last.piped = piped();
	last.buffered = flow.queued - piped();
	last.pause = flow.pause;
}

/* The flow's share of the memory does not pay for a queue that is one byte longer. */
static bool memory_is_short(void)
{
	return flow_queue_cost(flow.queued + 1) > budget_share(&budget, flow.held);
}

static uint64_t low_mark(void)
{
	uint64_t by_memory = budget_share(&budget, flow.held) / 2;

	return by_memory < limits.low ? by_memory : limits.low;
}

static void assert_pause(uint64_t in)
{
	if (last.pause) {
		ck_assert_uint_eq(in, 0);
		ck_assert_int_eq(flow.pause, flow.queued > low_mark() ? last.pause : PAUSE_NONE);
	} else if (flow.queued == limits.high) {
		ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	} else if (flow.pause) {
		ck_assert_int_eq(flow.pause, PAUSE_MEMORY);
		ck_assert(memory_is_short());
	}
}

/*
 * First in, first out: nothing goes into the pipe past a buffer, and nothing leaves a buffer past the pipe.
 */
static void assert_order(uint64_t in, uint64_t out)
{
	size_t buffered = flow.queued - piped();

	if (last.buffered > 0)
		ck_assert_uint_le(piped(), last.piped);
	if (last.buffered > 0 && last.piped > 0)
		ck_assert_uint_eq(buffered, last.buffered + in);
	if (last.piped > 0)
		ck_assert_uint_ge(piped() + in + out, last.piped);
}

static void assert_model(void)
{
	uint64_t in = flow.bytes + flow.queued + flow.dropped - last.in, out = flow.bytes - last.out;

	if (flow.sink == SINK_OPEN) {
		ck_assert_uint_eq(flow.dropped, 0);
		ck_assert_uint_eq(flow.queued, last.queued + in - out);
		assert_pause(in);
		assert_order(in, out);
	}
	ck_assert_int_eq(flow.fault, 0);
	seen[piped() > 0][flow.queued > piped()][flow.pause]++;
	remember();
}

/* Each mixture of the two forms was met often, reading and paused for either reason. */
static void assert_all_was_seen(void)
{
	for (int pipe = 0; pipe < 2; pipe++)
		for (int buffer = 0; buffer < 2; buffer++)
			for (int pause = PAUSE_NONE; pause <= PAUSE_MEMORY; pause++)
				ck_assert_msg(seen[pipe][buffer][pause] > 3 ||
				                      (pause == PAUSE_HIGH && !pipe && !buffer),
				              "pipe %d, buffer %d, pause %d: %u times", pipe, buffer, pause,
				              seen[pipe][buffer][pause]);
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
	else if (what < 64)
		change_form();
	else if (what < 66)
		change_memory();
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
	TCase *tcase = tcase_create("forms"), *random = tcase_create("model");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup_splice, teardown);
	tcase_add_test(tcase, full_pipe_is_no_reason_to_pause);
	tcase_add_test(tcase, queue_at_high_is_paused_at_once);
	tcase_add_test(tcase, queue_is_read_on_at_low_to_the_byte);
	tcase_add_test(tcase, nothing_is_spliced_past_a_buffer);
	tcase_add_loop_test(tcase, end_waits_behind_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, reset_of_the_source_waits_behind_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, reset_of_the_sink_drops_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, urgent_byte_waits_behind_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, memory_may_run_out_in_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, either_form_can_be_ended, 0, FORMS);
	tcase_add_loop_test(tcase, flow_waits_for_its_sink_in_either_form, 0, FORMS);
	tcase_add_loop_test(tcase, only_the_sink_makes_progress_in_either_form, 0, FORMS);
	tcase_add_test(tcase, turn_ends_with_a_fault);
	tcase_add_test(tcase, buffer_that_nobody_would_write_behind_a_pipe_is_a_fault);
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(random, 120);
	tcase_add_loop_test(random, queue_is_what_the_model_says, 1, 9);
	suite_add_tcase(suite, random);
	return unit_run(suite);
}
