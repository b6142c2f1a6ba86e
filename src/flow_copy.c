/* The queue in the sink's output buffer: bytes are received into the worker's scratch buffer, sent at once,
 * and only the rest is queued. */
#include "build_config.h"

#include "clock.h"
#include "flow_private.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/socket.h>

/* One writev(2) of libevent takes up to 128 chains; its own default of 16 KiB would need 32 calls for that.
 */
#define MAX_SINGLE_WRITE (128 * FLOW_CHAIN_SIZE)

/* How much is moved at once without memory for a queue: little, as most of it may have to be looked at again.
 */
#define PEEK_SIZE (16 * 1024)

/* ---- the output buffer ---- */

/* Called by libevent whenever the buffer's length has changed. */
static void on_moved(struct evbuffer *output, const struct evbuffer_cb_info *info, void *arg)
{
	(void)output;
	if (info->n_deleted > 0)
		flow_note_written(arg, info->n_deleted, true);
}

static void on_drained(struct bufferevent *queue, void *arg)
{
	struct flow *flow = arg;

	(void)queue;
	flow_drained(flow);
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

void flow_copy_close(struct flow *flow)
{
	if (flow->queue)
		bufferevent_free(flow->queue);
	flow->queue = NULL;
}

static int add_pieces(struct evbuffer *output, const unsigned char *data, size_t length)
{
	while (length > 0) {
		size_t piece = length < FLOW_CHAIN_PAYLOAD ? length : FLOW_CHAIN_PAYLOAD;

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

/* ---- copying ---- */

/* How much of data the sink took; 0 also if it failed, which is noted. */
static size_t send_now(struct flow *flow, const unsigned char *data, size_t length)
{
	ssize_t sent = send(flow->sink_fd, data, length, MSG_NOSIGNAL);

	if (sent >= 0) {
		flow_note_written(flow, (uint64_t)sent, false);
		return (size_t)sent;
	}
	if (!flow_error_is_transient(errno))
		flow_sink_failed(flow, -errno);
	return 0;
}

/* How much came from the source into scratch; 0 if nothing did, and its end or failure is noted. */
static size_t receive(struct flow *flow, size_t length, int flags)
{
	ssize_t received = recv(flow->source_fd, flow->io->scratch, length, flags);

	if (received > 0) {
		flow_note_read(flow);
		return (size_t)received;
	}
	if (received == 0)
		flow_note_source_end(flow, 0);
	else if (!flow_error_is_transient(errno))
		flow_note_source_end(flow, -errno);
	else if (flow->source_doomed) /* what had come from it is read */
		flow_note_source_end(flow, flow->source_error);
	return 0;
}

/* Bytes that cannot be queued are lost, and so is the pair: it must not go on with a hole in its stream. */
static void enqueue(struct flow *flow, const unsigned char *data, size_t length)
{
	int error;

	flow_note_queued(flow, length);
	error = append(flow, data, length);
	if (error)
		flow_fail(flow, error);
}

void flow_copy(struct flow *flow, size_t room)
{
	size_t received = receive(flow, room, 0);
	size_t sent = 0;

	if (received == 0)
		return;
	flow_note_bulk(flow, received);
	if (flow->queued == 0)
		sent = send_now(flow, flow->io->scratch, received);
	if (flow->sink == SINK_FAILED)
		flow->dropped += received;
	else if (sent < received)
		enqueue(flow, flow->io->scratch + sent, received - sent);
}

bool flow_discard(struct flow *flow)
{
	ssize_t taken;

	if (flow->source != SOURCE_OPEN)
		return false;
	taken = recv(flow->source_fd, flow->io->scratch, flow->io->scratch_size, MSG_TRUNC);
	if (taken > 0)
		flow->dropped += (uint64_t)taken;
	else if (taken < 0 && !flow_error_is_transient(errno))
		flow_source_failed(flow, -errno);
	return taken > 0;
}

void flow_pass_through(struct flow *flow)
{
	size_t most = flow->io->scratch_size < PEEK_SIZE ? flow->io->scratch_size : PEEK_SIZE;
	size_t seen = receive(flow, most, MSG_PEEK);
	size_t sent = seen > 0 ? send_now(flow, flow->io->scratch, seen) : 0;
	size_t taken = 0;

	while (taken < sent) {
		size_t now = receive(flow, sent - taken, MSG_TRUNC); /* tcp(7): discards them */

		if (now == 0)
			break;
		taken += now;
	}
	if (taken < sent) {
		flow_fail(flow, -EIO); /* what was sent is still with the source: it would be sent again */
	} else if (sent < seen && flow->sink == SINK_OPEN) {
		flow->last_progress = clock_ms();
		flow_pause(flow, PAUSE_MEMORY); /* until the sink is writable */
	}
}
