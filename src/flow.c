#include "build_config.h"

#include "flow.h"

#include "clock.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>

/*
 * Bytes are queued in pieces of one libevent chain each: 4 KiB with its header of 48 bytes. Larger pieces
 * would be rounded up to a power of two, and so cost up to twice their size.
 */
#define CHAIN_SIZE    4096
#define CHAIN_PAYLOAD (CHAIN_SIZE - 48)

/* One writev(2) of libevent takes up to 128 chains; its own default of 16 KiB would need 32 calls for as
 * much. */
#define MAX_SINGLE_WRITE (128 * CHAIN_SIZE)

/* How much is moved at once when there is no memory to queue: little, as most of it may have to be peeked at
 * again. */
#define PEEK_SIZE (16 * 1024)

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Every chain is full but the first, which is partly drained, and the last, which is partly filled. */
uint64_t flow_queue_cost(uint64_t queued)
{
	return queued == 0 ? 0 : (queued / CHAIN_PAYLOAD + 2) * CHAIN_SIZE;
}

/* The longest queue that costs no more than held: the inverse of flow_queue_cost. */
static uint64_t queue_capacity(uint64_t held)
{
	uint64_t chains = held / CHAIN_SIZE;

	return chains < 2 ? 0 : (chains - 1) * CHAIN_PAYLOAD - 1;
}

/* Memory law: how much may be read now, with the memory for it already claimed. */
static uint64_t claim_room(struct flow *flow)
{
	uint64_t room, cost, capacity;

	if (flow->queued >= flow->limits->high)
		return 0;
	room = min_u64(flow->limits->high - flow->queued, flow->io->scratch_size);
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

bool flow_finished(const struct flow *flow)
{
	return flow->sink != SINK_OPEN || (flow->source != SOURCE_OPEN && flow->queued == 0);
}

/* The only place that adds and removes the read event. */
static void derive_reading(struct flow *flow)
{
	bool wanted = flow_reads(flow) && flow->fault == 0;

	if (wanted == flow->reading)
		return;
	if (wanted && event_add(flow->readable, NULL) < 0) {
		flow->fault = -ENOMEM;
		return;
	}
	if (!wanted)
		event_del(flow->readable);
	flow->reading = wanted;
}

/* The queue at or below which a paused source is resumed; it shrinks with the free memory like the high
 * watermark does. */
static uint64_t resume_mark(const struct flow *flow)
{
	return min_u64(flow->limits->low, budget_share(flow->io->budget, flow->held) / 2);
}

static void pause_source(struct flow *flow)
{
	flow->paused = true;
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
	else
		bufferevent_setwatermark(flow->queue, EV_WRITE, mark, 0);
}

static void close_queue(struct flow *flow)
{
	if (flow->queue)
		bufferevent_free(flow->queue);
	flow->queue = NULL;
	flow->queued = 0;
	return_unused(flow);
}

static void drop_queue(struct flow *flow)
{
	flow->dropped += flow->queued;
	close_queue(flow);
}

static void stop_waiting(struct flow *flow)
{
	if (flow->writable)
		event_free(flow->writable);
	flow->writable = NULL;
}

void flow_sink_failed(struct flow *flow, int error)
{
	if (flow->sink == SINK_FAILED)
		return;
	flow->sink = SINK_FAILED;
	flow->sink_error = error;
	drop_queue(flow);
	stop_waiting(flow);
	if (flow->paused)
		resume_source(flow);
	derive_reading(flow);
}

static void source_ended(struct flow *flow, int error)
{
	if (error)
		flow->source_error = error;
	flow->source = error || flow->source_doomed ? SOURCE_FAILED : SOURCE_ENDED;
}

void flow_source_failed(struct flow *flow, int error)
{
	flow->source_doomed = true;
	if (!flow->source_error)
		flow->source_error = error;
	/* A clean end that went before the failure stays what it was only if it was already passed on. */
	if (flow->source == SOURCE_ENDED && flow->sink == SINK_OPEN)
		flow->source = SOURCE_FAILED;
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

static void note_written(struct flow *flow, uint64_t bytes)
{
	flow->bytes += bytes;
	flow->last_progress = clock_ms();
}

/* Called by libevent whenever the queue's length has changed. */
static void on_moved(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	struct flow *flow = arg;

	(void)output;
	if (info->n_deleted == 0)
		return;
	flow->queued -= info->n_deleted;
	note_written(flow, info->n_deleted);
	return_unused(flow);
}

static void on_drained(struct bufferevent *queue, void *arg)
{
	struct flow *flow = arg;

	(void)queue;
	resume_at_low(flow);
	if (flow->queued == 0)
		close_queue(flow);
	pass_on_end(flow);
	derive_reading(flow);
	flow->io->settle(flow);
}

static void on_sink_event(struct bufferevent *queue, short what, void *arg)
{
	struct flow *flow = arg;
	int error = EVUTIL_SOCKET_ERROR();

	(void)queue;
	(void)what; /* reading is never enabled and no timeout is set: it can only be an error of writing */
	flow_sink_failed(flow, -error);
	flow->io->settle(flow);
}

static int open_queue(struct flow *flow)
{
	struct bufferevent *queue = bufferevent_socket_new(flow->io->base, flow->sink_fd, 0);

	if (!queue)
		return -ENOMEM;
	if (!evbuffer_add_cb(bufferevent_get_output(queue), on_moved, flow)) {
		bufferevent_free(queue);
		return -ENOMEM;
	}
	bufferevent_setcb(queue, NULL, on_drained, on_sink_event, flow);
	bufferevent_set_max_single_write(queue, MAX_SINGLE_WRITE);
	flow->queue = queue;
	return 0;
}

static int add_pieces(struct evbuffer *output, const unsigned char *data, size_t length)
{
	while (length > 0) {
		size_t piece = length < CHAIN_PAYLOAD ? length : CHAIN_PAYLOAD;

		if (evbuffer_add(output, data, piece) < 0)
			return -ENOMEM;
		data += piece;
		length -= piece;
	}
	return 0;
}

static int append(struct flow *flow, const unsigned char *data, size_t length)
{
	int error = flow->queue ? 0 : open_queue(flow);

	if (!error)
		error = add_pieces(bufferevent_get_output(flow->queue), data, length);
	/* libevent says nothing if it could not wait for the sink: asked once more, it does. */
	if (!error && bufferevent_enable(flow->queue, EV_WRITE) < 0)
		error = -ENOMEM;
	return error;
}

/* Bytes that cannot be queued are lost, and so is the pair: it must not go on with a hole in its stream. */
static void enqueue(struct flow *flow, const unsigned char *data, size_t length)
{
	if (flow->queued == 0)
		flow->last_progress = clock_ms();
	flow->queued += length;
	if (flow->queued > flow->peak)
		flow->peak = flow->queued;
	flow->fault = append(flow, data, length);
	if (flow->fault)
		drop_queue(flow);
}

static bool is_transient(int error)
{
	return error == EAGAIN || error == EINTR;
}

/* How much of data the sink took; 0 also if it failed, which is noted. */
static size_t send_now(struct flow *flow, const unsigned char *data, size_t length)
{
	ssize_t sent = send(flow->sink_fd, data, length, MSG_NOSIGNAL);

	if (sent < 0) {
		if (!is_transient(errno))
			flow_sink_failed(flow, -errno);
		return 0;
	}
	note_written(flow, (uint64_t)sent);
	return (size_t)sent;
}

/* How much came from the source into scratch; 0 if nothing did, and its end or failure is noted. */
static size_t receive(struct flow *flow, size_t length, int flags)
{
	ssize_t received = recv(flow->source_fd, flow->io->scratch, length, flags);

	if (received > 0) {
		flow->last_read = clock_ms();
		return (size_t)received;
	}
	if (received == 0)
		source_ended(flow, 0);
	else if (!is_transient(errno))
		source_ended(flow, -errno);
	return 0;
}

static void copy(struct flow *flow, size_t room)
{
	size_t received = receive(flow, room, 0);
	size_t sent = 0;

	if (received == 0)
		return;
	if (flow->queued == 0)
		sent = send_now(flow, flow->io->scratch, received);
	if (flow->sink == SINK_FAILED)
		flow->dropped += received;
	else if (sent < received)
		enqueue(flow, flow->io->scratch + sent, received - sent);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct flow *flow = arg;

	(void)fd;
	(void)what;
	stop_waiting(flow);
	resume_source(flow);
	derive_reading(flow);
	flow->io->settle(flow);
}

static void wait_for_sink(struct flow *flow)
{
	flow->writable = event_new(flow->io->base, flow->sink_fd, EV_WRITE, on_writable, flow);
	if (!flow->writable || event_add(flow->writable, NULL) < 0) {
		flow->fault = -ENOMEM;
		return;
	}
	pause_source(flow);
}

/* No memory and no queue: send what the sink takes, and take only that from the source. */
static void pass_through(struct flow *flow)
{
	size_t seen = receive(flow, min_u64(flow->io->scratch_size, PEEK_SIZE), MSG_PEEK);
	size_t sent = seen > 0 ? send_now(flow, flow->io->scratch, seen) : 0;
	size_t taken = 0;

	while (taken < sent) {
		size_t now = receive(flow, sent - taken, MSG_TRUNC);

		if (now == 0)
			break;
		taken += now;
	}
	if (taken < sent)
		flow->fault = -EIO; /* what was seen is gone: its bytes would be sent twice */
	else if (sent < seen && flow->sink == SINK_OPEN)
		wait_for_sink(flow);
}

static void pump(struct flow *flow)
{
	uint64_t room = claim_room(flow);

	if (room > 0)
		copy(flow, room);
	else if (flow->queued == 0)
		pass_through(flow);
	else
		pause_source(flow);
	return_unused(flow);
	pass_on_end(flow);
	derive_reading(flow);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct flow *flow = arg;

	(void)fd;
	(void)what;
	pump(flow);
	flow->io->settle(flow);
}

void flow_init(struct flow *flow, const struct flow_io *io, const struct flow_limits *limits, void *owner)
{
	memset(flow, 0, sizeof(*flow));
	flow->io = io;
	flow->limits = limits;
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
	derive_reading(flow);
}

void flow_deinit(struct flow *flow)
{
	if (!flow->io)
		return;
	if (flow->reading)
		event_del(flow->readable);
	flow->reading = false;
	stop_waiting(flow);
	drop_queue(flow);
	if (flow->paused)
		resume_source(flow);
}

/* A sink that takes bytes while memory keeps the queue short is held back by us; one that takes none holds us
 * back. */
static enum dump_limited limited_by(const struct flow *flow, uint64_t now, enum dump_limited sink_side)
{
	if (flow->sink != SINK_OPEN)
		return DUMP_LIMITED_NONE;
	if (flow->paused && flow->queued < flow->limits->low && now - flow->last_progress < 1000)
		return DUMP_LIMITED_RELAY;
	return flow->paused || flow->queued > 0 ? sink_side : DUMP_LIMITED_NONE;
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
