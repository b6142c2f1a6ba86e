#include "build_config.h"

#include "clock.h"
#include "flow_private.h"
#include "pipe_pool.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

/*
 * A flow is taken for a bulk one, worth a pipe, when its reads bring this many bytes: after BULK_ENTER of
 * them more than of smaller ones, and until as many more smaller ones have come.
 */
#define BULK_READ  (32 * 1024)
#define BULK_ENTER 4

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Every chain is full but the first, which is partly drained, and the last, which is partly filled. */
uint64_t flow_queue_cost(uint64_t queued)
{
	return queued == 0 ? 0 : (queued / FLOW_CHAIN_PAYLOAD + 2) * FLOW_CHAIN_SIZE;
}

/* The longest queue that costs no more than held: the inverse of flow_queue_cost. */
static uint64_t queue_capacity(uint64_t held)
{
	uint64_t chains = held / FLOW_CHAIN_SIZE;

	return chains < 2 ? 0 : (chains - 1) * FLOW_CHAIN_PAYLOAD - 1;
}

/* Memory law: how much may be read now, with the memory for it already claimed. */
static uint64_t claim_room(struct flow *flow, uint64_t most)
{
	uint64_t room, cost, capacity;

	if (flow->queued >= flow->limits->high)
		return 0;
	room = min_u64(flow->limits->high - flow->queued, most);
	cost = flow_queue_cost(flow->queued + room);
	if (cost > flow->held)
		flow->held = budget_claim(flow->io->budget, flow->held, cost);
	capacity = queue_capacity(flow->held);
	return capacity > flow->queued ? min_u64(room, capacity - flow->queued) : 0;
}

static void return_unused(struct flow *flow)
{
	uint64_t cost = flow_queue_cost(flow->queued);

	if (cost >= flow->held)
		return;
	budget_return(flow->io->budget, flow->held - cost);
	flow->held = cost;
}

bool flow_reads(const struct flow *flow)
{
	return flow->started && flow->source == SOURCE_OPEN && flow->sink == SINK_OPEN && !flow->paused;
}

bool flow_waits(const struct flow *flow)
{
	return flow->queued > 0 || flow->paused;
}

bool flow_finished(const struct flow *flow)
{
	return flow->sink != SINK_OPEN || (flow->source != SOURCE_OPEN && flow->queued == 0);
}

static void derive_reading(struct flow *flow)
{
	bool wanted = flow_reads(flow) && flow->fault == 0 && !(flow->turn & TURN_READ);

	if (wanted == flow->reading)
		return;
	if (wanted && event_add(flow->readable, NULL) < 0) {
		flow_fail(flow, -ENOMEM);
		return;
	}
	if (!wanted)
		event_del(flow->readable);
	flow->reading = wanted;
}

static void on_writable(evutil_socket_t fd, short what, void *arg);

/* libevent waits for the sink of its own buffer; for a pipe, and for a source paused without a queue, we do. */
static void derive_waiting(struct flow *flow)
{
	bool needed = flow->sink == SINK_OPEN && flow->fault == 0 &&
	              (flow->pipe || (flow->paused && flow->queued == 0));
	bool wanted = needed && !(flow->turn & TURN_WRITE);

	if (wanted && !flow->writable)
		flow->writable =
		        event_new(flow->io->base, flow->sink_fd, EV_WRITE | EV_PERSIST, on_writable, flow);
	if (wanted && !flow->waiting && (!flow->writable || event_add(flow->writable, NULL) < 0)) {
		flow_fail(flow, -ENOMEM);
		return;
	}
	if (!wanted && flow->waiting)
		event_del(flow->writable);
	flow->waiting = wanted;
	if (!needed && flow->writable) {
		event_free(flow->writable);
		flow->writable = NULL;
	}
}

/* The only place that adds and removes events of a flow. */
static void derive_events(struct flow *flow)
{
	derive_waiting(flow);
	derive_reading(flow);
}

/* Bulk flows take a pipe, where one is to be had. */
static bool wants_pipe(const struct flow *flow)
{
	return flow->bulk && flow->may_splice && (flow->pipe || pipe_pool_has(flow->io->pipes));
}

/* Bytes are never in both forms of the queue: before it takes to the other, the one in use must be empty. */
static bool must_empty(const struct flow *flow)
{
	return wants_pipe(flow) ? flow->queue != NULL : flow->pipe != NULL;
}

/* The low watermark shrinks with the free memory like the high one does. */
static uint64_t low_mark(const struct flow *flow)
{
	return min_u64(flow->limits->low, budget_share(flow->io->budget, flow->held) / 2);
}

/* The queue at or below which a paused source is resumed. */
static uint64_t resume_mark(const struct flow *flow)
{
	switch (flow->pause) {
	case PAUSE_FORM:
		return 0;
	case PAUSE_PIPE: /* it may be full of small fragments, far below the marks */
		return min_u64(low_mark(flow), flow->pause_queue / 2);
	default:
		return low_mark(flow);
	}
}

void flow_pause(struct flow *flow, enum flow_pause why)
{
	flow->paused = true;
	flow->pause = why;
	flow->pause_queue = flow->queued;
	flow->pauses++;
	flow->paused_since = clock_ms();
	if (flow->queue)
		bufferevent_setwatermark(flow->queue, EV_WRITE, resume_mark(flow), 0);
}

static void resume_source(struct flow *flow)
{
	uint64_t length = clock_ms() - flow->paused_since;

	flow->paused = false;
	flow->paused_ms += length;
	if (length > flow->longest_pause_ms)
		flow->longest_pause_ms = length;
	if (flow->queue)
		bufferevent_setwatermark(flow->queue, EV_WRITE, 0, 0);
}

static void resume_at_low(struct flow *flow)
{
	uint64_t mark;

	if (!flow->paused)
		return;
	mark = resume_mark(flow);
	if (flow->queued <= mark)
		resume_source(flow);
	else if (flow->queue)
		bufferevent_setwatermark(flow->queue, EV_WRITE, mark, 0);
}

/* Whatever is still queued is dropped and counted. */
static void close_queue(struct flow *flow)
{
	flow->dropped += flow->queued;
	flow_copy_close(flow);
	flow_splice_close(flow);
	flow->queued = 0;
	return_unused(flow);
}

void flow_sink_failed(struct flow *flow, int error)
{
	if (flow->sink == SINK_FAILED)
		return;
	flow->sink = SINK_FAILED;
	flow->sink_error = error;
	close_queue(flow);
	if (flow->paused)
		resume_source(flow);
	derive_events(flow);
}

void flow_note_source_end(struct flow *flow, int error)
{
	if (error)
		flow->source_error = error;
	flow->ended = clock_ms();
	flow->source = error || flow->source_doomed ? SOURCE_FAILED : SOURCE_ENDED;
}

void flow_source_failed(struct flow *flow, int error)
{
	if (!flow->source_doomed && !flow->ended)
		flow->ended = clock_ms();
	flow->source_doomed = true;
	if (!flow->source_error)
		flow->source_error = error;
	/* A clean end that went before the failure stays what it was only if it was already passed on. */
	if (flow->source == SOURCE_ENDED && flow->sink == SINK_OPEN)
		flow->source = SOURCE_FAILED;
	/* It may have no more to say, and no event would tell: ask. */
	if (flow->reading)
		event_active(flow->readable, EV_READ, 0);
}

/* A clean end is passed on behind the last byte; what a failed end means is for the owner to say. */
static void pass_on_end(struct flow *flow)
{
	if (flow->source != SOURCE_ENDED || flow->queued > 0 || flow->sink != SINK_OPEN)
		return;
	if (shutdown(flow->sink_fd, SHUT_WR) < 0)
		flow_sink_failed(flow, -errno);
	else
		flow->sink = SINK_ENDED;
}

void flow_note_read(struct flow *flow)
{
	flow->last_read = clock_ms();
}

void flow_note_written(struct flow *flow, uint64_t bytes, bool from_queue)
{
	flow->bytes += bytes;
	flow->last_progress = clock_ms();
	if (!from_queue)
		return;
	flow->queued -= bytes;
	return_unused(flow);
}

void flow_note_queued(struct flow *flow, uint64_t bytes)
{
	if (flow->queued == 0)
		flow->last_progress = clock_ms();
	flow->queued += bytes;
}

void flow_note_bulk(struct flow *flow, size_t bytes)
{
	if (bytes >= BULK_READ)
		flow->bulk_reads += flow->bulk_reads < BULK_ENTER;
	else
		flow->bulk_reads -= flow->bulk_reads > 0;
	flow->bulk = flow->bulk_reads > 0 && (flow->bulk || flow->bulk_reads == BULK_ENTER);
}

void flow_fail(struct flow *flow, int error)
{
	flow->fault = error;
	close_queue(flow);
}

void flow_drained(struct flow *flow)
{
	resume_at_low(flow);
	if (flow->queued == 0)
		close_queue(flow);
	pass_on_end(flow);
	derive_events(flow);
}

static void push(struct flow *flow)
{
	if (flow->pipe)
		flow_splice_push(flow);
	flow_drained(flow);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct flow *flow = arg;

	(void)fd;
	(void)what;
	if (flow->pipe && flow_turn_wait(flow, TURN_WRITE)) {
		derive_events(flow);
		return;
	}
	push(flow);
	flow->io->settle(flow);
}

static void move_bytes(struct flow *flow)
{
	bool pipe = wants_pipe(flow);
	uint64_t room = claim_room(flow, pipe ? PIPE_SIZE : flow->io->scratch_size);

	if (room == 0 && flow->queued > 0)
		flow_pause(flow, flow->queued >= flow->limits->high ? PAUSE_HIGH : PAUSE_MEMORY);
	else if (room == 0)
		flow_pass_through(flow);
	else if (!pipe || !flow_splice(flow, room))
		flow_copy(flow, min_u64(room, flow->io->scratch_size));
}

static void pump(struct flow *flow)
{
	if (must_empty(flow))
		flow_pause(flow, PAUSE_FORM);
	else
		move_bytes(flow);
	if (flow->queued > flow->peak)
		flow->peak = flow->queued;
	return_unused(flow);
	pass_on_end(flow);
	derive_events(flow);
}

void flow_take_turn(struct flow *flow, unsigned turn)
{
	if (turn & TURN_WRITE)
		push(flow);
	if ((turn & TURN_READ) && flow_reads(flow))
		pump(flow);
	derive_events(flow);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct flow *flow = arg;

	(void)fd;
	(void)what;
	if (flow->bulk && flow_turn_wait(flow, TURN_READ)) {
		derive_events(flow);
		return;
	}
	pump(flow);
	flow->io->settle(flow);
}

void flow_init(struct flow *flow, const struct flow_io *io, const struct flow_limits *limits, bool may_splice,
               void *owner)
{
	memset(flow, 0, sizeof(*flow));
	flow->io = io;
	flow->limits = limits;
	flow->may_splice = may_splice && io->pipes;
	flow->owner = owner;
	flow->source_fd = -1;
	flow->sink_fd = -1;
}

void flow_attach(struct flow *flow, int source_fd, int sink_fd, struct event *readable)
{
	flow->source_fd = source_fd;
	flow->sink_fd = sink_fd;
	flow->readable = readable;
	event_assign(readable, flow->io->base, source_fd, EV_READ | EV_PERSIST, on_readable, flow);
}

void flow_start(struct flow *flow)
{
	flow->started = true;
	flow->last_read = flow->last_progress = clock_ms();
	derive_events(flow);
}

void flow_deinit(struct flow *flow)
{
	if (flow->reading)
		event_del(flow->readable);
	flow->reading = false;
	if (flow->writable)
		event_free(flow->writable);
	flow->writable = NULL;
	flow->waiting = false;
	flow_turn_leave(flow);
	close_queue(flow);
	if (flow->paused)
		resume_source(flow);
}

/* A sink that has taken nothing for so long is what holds the flow back, whatever our memory is. */
#define STUCK_MS 1000

static enum dump_limited limited_by(const struct flow *flow, uint64_t now, enum dump_limited sink_side)
{
	if (flow->sink != SINK_OPEN)
		return DUMP_LIMITED_NONE;
	if (flow->paused && flow->pause == PAUSE_MEMORY && now - flow->last_progress < STUCK_MS)
		return DUMP_LIMITED_RELAY;
	return flow_waits(flow) ? sink_side : DUMP_LIMITED_NONE;
}

static enum dump_reading describe_reading(const struct flow *flow)
{
	if (flow->source != SOURCE_OPEN || flow->sink != SINK_OPEN)
		return DUMP_READING_ENDED;
	return flow_reads(flow) ? DUMP_READING_ON : DUMP_READING_PAUSED;
}

void flow_describe(const struct flow *flow, uint64_t now, enum dump_limited sink_side,
                   struct dump_flow *record)
{
	uint64_t pause = flow->paused ? now - flow->paused_since : 0;

	*record = (struct dump_flow){
	        .queued = flow->queued,
	        .peak = flow->peak,
	        .high = flow->limits->high,
	        .low = flow->limits->low,
	        .reading = describe_reading(flow),
	        .pauses = flow->pauses,
	        .paused_ms = flow->paused_ms + pause,
	        .longest_pause_ms = pause > flow->longest_pause_ms ? pause : flow->longest_pause_ms,
	        .bytes = flow->bytes,
	        .limited_by = limited_by(flow, now, sink_side),
	};
}
