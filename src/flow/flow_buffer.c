/* The buffers of a bufferevent on the sink. The bufferevent never reads. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

/* What one writev(2) of libevent takes. More is not looked for in a long queue. */
#define MAX_SINGLE_WRITE (128 * FLOW_CHAIN_SIZE)

/* So many chains are looked at together. */
#define PIECES 64

static struct evbuffer *head_of(struct bufferevent *buffer)
{
	return bufferevent_get_output(buffer);
}

static struct evbuffer *tail_of(struct bufferevent *buffer)
{
	return bufferevent_get_input(buffer);
}

struct bufferevent *flow_buffer_open(struct event_base *base, int sink)
{
	struct bufferevent *buffer = bufferevent_socket_new(base, sink, 0);

	if (!buffer)
		return NULL;
	/* Writing is on in a new bufferevent. Switching it off cannot fail while no event is pending. */
	(void)bufferevent_disable(buffer, EV_WRITE);
	/* libevent lets only its own reads add to the one, and its own writes take from the other. */
	(void)evbuffer_unfreeze(tail_of(buffer), 0);
	(void)evbuffer_unfreeze(head_of(buffer), 1);
	return buffer;
}

int flow_buffer_append(struct bufferevent *buffer, bool to_tail, const unsigned char *data, size_t length)
{
	struct evbuffer *part = to_tail ? tail_of(buffer) : head_of(buffer);

	/* libevent would begin with a smaller chain, which is not from the pool of queues. */
	if (length > 0 && evbuffer_get_length(part) == 0 && evbuffer_expand(part, FLOW_CHAIN_PAYLOAD) < 0)
		return -ENOMEM;
	while (length > 0) {
		size_t piece = min_u64(length, FLOW_CHAIN_PAYLOAD);

		if (evbuffer_add(part, data, piece) < 0)
			return -ENOMEM;
		data += piece;
		length -= piece;
	}
	return 0;
}

int flow_buffer_turn_over(struct bufferevent *buffer)
{
	struct evbuffer *head = head_of(buffer);

	if (evbuffer_get_length(head) > 0)
		return 0;
	return evbuffer_add_buffer(head, tail_of(buffer)) < 0 ? -ENOMEM : 0;
}

struct flow_move flow_buffer_push(struct bufferevent *buffer, int sink, size_t give)
{
	struct evbuffer *head = head_of(buffer);
	struct flow_move move = {.fault = flow_buffer_turn_over(buffer)};
	ssize_t sent;

	if (evbuffer_get_length(head) == 0)
		return move;
	sent = evbuffer_write_atmost(head, sink, (ev_ssize_t)min_u64(give, MAX_SINGLE_WRITE));
	if (sent > 0)
		move.sent = (size_t)sent;
	else
		move.sink = flow_answer(sent < 0 && errno != EINTR ? -errno : -EAGAIN);
	return move;
}

size_t flow_buffer_head(struct bufferevent *buffer)
{
	return evbuffer_get_length(head_of(buffer));
}

size_t flow_buffer_tail(struct bufferevent *buffer)
{
	return evbuffer_get_length(tail_of(buffer));
}

void flow_buffer_each(struct bufferevent *buffer, bool of_tail, flow_buffer_visit *visit, void *arg)
{
	struct evbuffer *part = of_tail ? tail_of(buffer) : head_of(buffer);
	struct evbuffer_iovec pieces[PIECES];
	struct evbuffer_ptr at = {.pos = 0};
	size_t visited = 0, length = evbuffer_get_length(part);

	while (visited < length) {
		size_t step = 0;
		int count;

		(void)evbuffer_ptr_set(part, &at, visited, EVBUFFER_PTR_SET);
		count = evbuffer_peek(part, -1, &at, pieces, PIECES);
		for (int i = 0; i < count && i < PIECES; step += pieces[i++].iov_len)
			visit(arg, pieces[i].iov_base, pieces[i].iov_len);
		visited += step;
	}
}

void flow_buffer_close(struct bufferevent *buffer)
{
	if (buffer)
		bufferevent_free(buffer);
}
