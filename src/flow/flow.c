#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/number.h"
#include "flow/flow_private.h"
#include "flow/pipe_pool.h"
#include "net/stream.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

static bool is_open(const struct flow *flow)
{
	return flow->started && flow_has_source(flow) && flow->sink == SINK_OPEN && !flow->fault;
}

/* If it does not read, that is because of a rate. */
static bool wants_to_read(const struct flow *flow)
{
	return is_open(flow) && !flow_waits_for_sink(flow);
}

bool flow_reads(const struct flow *flow)
{
	return !flow->pause && is_open(flow);
}

/* ---- events ---- */

static void derive_readable(struct flow *flow)
{
	bool wanted = flow_reads(flow) && !(flow->turn & TURN_READ) && !flow->io->hushed;

	if (wanted == flow->readable_added)
		return;
	if (wanted && event_add(flow->readable, NULL) < 0) {
		flow_fail(flow, -ENOMEM);
		return;
	}
	if (!wanted)
		event_del(flow->readable);
	flow->readable_added = wanted;
}

/* Bytes wait for the sink, in the queue or, if the source is paused without one, with the source. */
static void derive_writable(struct flow *flow)
{
	bool needed = flow->sink == SINK_OPEN && flow->fault == 0 && flow_has_backlog(flow);
	bool wanted = needed && !(flow->turn & TURN_WRITE);

	if (wanted && flow_wait_begin(flow) < 0)
		flow_fail(flow, -ENOMEM);
	else if (!wanted)
		flow_wait_end(flow);
	if (!needed)
		flow_wait_deinit(flow);
}

void flow_derive_events(struct flow *flow)
{
	if (flow->limited && !wants_to_read(flow))
		flow_rate_rest(flow);
	derive_writable(flow);
	derive_readable(flow);
}

/* ---- pausing ---- */

static void resume_at_low(struct flow *flow)
{
	if (flow_waits_for_sink(flow) && flow->queued <= flow_memory_low(flow))
		flow_pause_end(flow);
}

/* ---- what was moved ---- */

/* The only place that counts what is received, sent and queued. */
static void account(struct flow *flow, const struct flow_move *move)
{
	uint64_t now, now_us;

	if (move->received == 0 && move->sent == 0)
		return;
	now_us = clock_us();
	now = clock_ms_of(now_us);
	if (move->received > 0) {
		flow->last_read_us = now_us;
		flow->spoke = true;
		if (flow->limited)
			flow_rate_spend(flow, move->received);
	}
	if (move->sent > 0 || flow->queued == 0)
		flow->last_progress = now;
	if (move->sent > 0) {
		flow->offered = false;
		flow->starved_times = 0;
	}
	flow->queued = flow->queued + move->received - move->sent;
	flow->bytes += move->sent;
}

/* Accounts for a move and acts on what recv(2) or the sink said. */
static void heed(struct flow *flow, const struct flow_move *move)
{
	account(flow, move);
	if (move->fault)
		flow_fail(flow, move->fault);
	if (move->sink.said == SAID_FAILED)
		flow_sink_failed(flow, move->sink.error);
	else if (move->sink.said == SAID_NOT_NOW && flow->offered)
		flow_wait_longer(flow);
	switch (move->source.said) {
	case SAID_NOTHING:
		break;
	case SAID_NOT_NOW:
		if (flow->source == SOURCE_DOOMED) /* all that had come from it is read */
			flow_source_ended(flow, flow->source_error);
		break;
	case SAID_END:
	case SAID_FAILED:
		flow_source_ended(flow, move->source.error);
		break;
	}
}

/* The queue has become shorter or was not touched. The caller settles. */
static void drained(struct flow *flow, const struct flow_move *move)
{
	heed(flow, move);
	flow_queue_trim(flow);
	resume_at_low(flow);
	flow_pass_on_end(flow);
	flow_derive_events(flow);
}

/* The sink is writable. */
static void push(struct flow *flow)
{
	struct flow_move move = {0};
	size_t give = flow_sink_step(flow);

	flow->offered = true;
	while (give > 0) {
		struct flow_move one = flow_queue_push(flow, give);

		move.sent += one.sent;
		move.sink = one.sink;
		move.fault = one.fault;
		give = one.sent > 0 ? flow_sink_more(flow) : 0;
	}
	drained(flow, &move);
}

/* ---- reading ---- */

/* How much of what is read may be sent at once: nothing while older bytes wait. */
static size_t room_past_queue(const struct flow *flow)
{
	return flow->queued > 0 ? 0 : flow_sink_room(flow);
}

/* False if recv(2) must be asked. */
static bool splice_in(struct flow *flow, size_t room)
{
	struct flow_move move = flow_pipes_fill(flow, room, room_past_queue(flow));

	if (move.received == 0) {
		flow_splice_failed(flow, &move.source);
		return false;
	}
	flow_bulk_note(flow, move.received);
	flow->more = true; /* a pipe may have been full before it was */
	heed(flow, &move);
	return true;
}

static void copy(struct flow *flow, size_t room)
{
	unsigned char *scratch = flow->io->scratch;
	struct flow_move move =
	        flow_copy(flow->source_fd, flow->sink_fd, scratch, room, room_past_queue(flow));

	if (move.received > 0)
		flow_bulk_note(flow, move.received);
	flow->more = move.received == room;
	if (move.sent < move.received && move.sink.said != SAID_FAILED)
		move.fault = flow_queue_append(flow, scratch + move.sent, move.received - move.sent);
	heed(flow, &move);
}

/* There is no memory for a queue. What the sink does not take stays with the source. */
static void pass_through(struct flow *flow, size_t most)
{
	struct flow_move move = flow_pass_through(flow->source_fd, flow->sink_fd, flow->io->scratch, most,
	                                          flow_sink_room(flow));

	flow->more = true;
	heed(flow, &move);
	if (move.sink.said != SAID_NOT_NOW || move.fault)
		return;
	flow->last_progress = clock_ms();
	flow_pause_begin(flow, PAUSE_MEMORY); /* until the sink is writable */
}

/* Returns how much it has asked the source for, of so many bytes. */
static size_t move_bytes(struct flow *flow, uint64_t most)
{
	size_t scratch = min_u64(most, flow->io->scratch_size);
	bool splices = flow_wants_pipe(flow);
	size_t room = flow_memory_claim(flow, splices ? min_u64(most, PIPE_SIZE) : scratch);

	if (room == 0 && flow->queued > 0)
		flow_pause_begin(flow, PAUSE_MEMORY);
	else if (room == 0)
		pass_through(flow, scratch);
	else if (!splices || !splice_in(flow, room))
		copy(flow, min_u64(room, scratch));
	return min_u64(room, scratch);
}

static void pump(struct flow *flow)
{
	uint64_t most = flow->limited ? flow_rate_begin(flow) : RATE_UNLIMITED;
	size_t asked = most > 0 ? move_bytes(flow, most) : 0;

	if (flow->queued >= flow->limits->high)
		flow_pause_begin(flow, PAUSE_HIGH);
	flow->peak = max_u64(flow->peak, flow->queued);
	flow_queue_trim(flow);
	flow_pass_on_end(flow);
	if (flow->limited)
		flow_rate_end(flow, asked);
	flow_derive_events(flow);
}

static void pump_if_it_may(struct flow *flow)
{
	if (flow_reads(flow) && !flow->io->hushed)
		pump(flow);
}

/* There was no memory for a queue, so all that waits for the sink is still with the source. */
static bool waits_with_source(const struct flow *flow)
{
	return flow->pause == PAUSE_MEMORY && flow->queued == 0;
}

/*
 * Where there was no memory for a queue, what the source has shows whether the sink takes any. It may have
 * been reset instead, and then it was not that which has ended the pause.
 */
static void push_or_try(struct flow *flow)
{
	bool tries = waits_with_source(flow);

	push(flow);
	if (tries)
		pump_if_it_may(flow);
}

void flow_sink_writable(struct flow *flow)
{
	bool much = flow->pipes || (flow->bulk && waits_with_source(flow));

	if (much && flow_turn_defer(flow, TURN_WRITE)) {
		flow_derive_events(flow);
		return;
	}
	push_or_try(flow);
	flow->io->settle(flow);
}

void flow_wait_over(struct flow *flow)
{
	flow_derive_events(flow);
	flow->io->settle(flow);
}

void flow_take_turn(struct flow *flow, unsigned turn)
{
	if (turn & TURN_WRITE)
		push_or_try(flow);
	if (turn & TURN_READ)
		pump_if_it_may(flow);
	flow_derive_events(flow);
}

void flow_source_readable(struct flow *flow)
{
	if (flow->bulk && flow_turn_defer(flow, TURN_READ)) {
		flow_derive_events(flow);
		return;
	}
	pump(flow);
	flow->io->settle(flow);
}

EVENT_CALLBACK(on_readable, struct flow, flow)
{
	flow_source_readable(flow);
}

bool flow_discard(struct flow *flow)
{
	struct flow_move move;

	if (!flow_has_source(flow))
		return false;
	move = flow_take_away(flow->source_fd, flow->io->scratch, flow->io->scratch_size);
	flow->dropped += move.received;
	if (move.source.said == SAID_FAILED)
		flow_source_failed(flow, move.source.error);
	return move.received > 0;
}

void flow_init(struct flow *flow, const struct flow_io *io, const struct flow_limits *limits)
{
	memset(flow, 0, sizeof(*flow));
	flow->io = io;
	flow->limits = limits;
	flow->source_fd = -1;
	flow->sink_fd = -1;
}

void flow_attach(struct flow *flow, int source_fd, int sink_fd, struct event *readable, bool may_splice)
{
	flow->may_splice = may_splice && flow->io->pipes;
	flow->source_fd = source_fd;
	flow->sink_fd = sink_fd;
	flow->readable = readable;
	event_assign(readable, flow->io->base, source_fd, EV_READ | EV_PERSIST, on_readable, flow);
}

void flow_start(struct flow *flow)
{
	flow->started = true;
	flow->last_read_us = clock_us();
	flow->last_progress = clock_ms_of(flow->last_read_us);
	flow_derive_events(flow);
}

void flow_heed_hush(struct flow *flow)
{
	if (flow->started)
		flow_derive_events(flow);
}

void flow_stop(struct flow *flow)
{
	if (flow->readable_added)
		event_del(flow->readable);
	flow->readable_added = false;
	flow_wait_end(flow);
	flow_wait_deinit(flow);
	flow_turn_leave(flow);
	flow_queue_close(flow);
	if (flow->limited)
		flow_rate_rest(flow);
	if (flow->pause)
		flow_pause_end(flow);
}

void flow_deinit(struct flow *flow)
{
	flow_stop(flow);
	free(flow->pauses);
	flow->pauses = NULL;
	flow->limited = false;
}
