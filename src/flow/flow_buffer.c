/* The buffers of a bufferevent on the sink. The bufferevent never reads. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdint.h>

/*
 * One writev(2) of libevent takes up to 128 chains; its own default of 16 KiB would need 32 calls for that.
 */
#define MAX_SINGLE_WRITE (128 * FLOW_CHAIN_SIZE)

static struct evbuffer *head_of(struct bufferevent *buffer)
{
	return bufferevent_get_output(buffer);
}

static struct evbuffer *tail_of(struct bufferevent *buffer)
{
	return bufferevent_get_input(buffer);
}

struct bufferevent *flow_buffer_open(struct event_base *base, int sink, size_t step,
                                     void (*written)(struct bufferevent *buffer, void *arg),
                                     void (*failed)(struct bufferevent *buffer, short what, void *arg),
                                     void *arg)
{
	struct bufferevent *buffer = bufferevent_socket_new(base, sink, 0);

	if (!buffer)
		return NULL;
	/* Writing is on in a new bufferevent. Switching it off cannot fail while no event is pending. */
	(void)bufferevent_disable(buffer, EV_WRITE);
	(void)evbuffer_unfreeze(tail_of(buffer), 0); /* libevent lets only its own reads add to it */
	bufferevent_setcb(buffer, NULL, written, failed, arg);
	/* The flow's own marks cover its pipe too, so libevent only has to report every write. */
	bufferevent_setwatermark(buffer, EV_WRITE, SIZE_MAX, 0);
	bufferevent_set_max_single_write(buffer, min_u64(step, MAX_SINGLE_WRITE));
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

/* Nothing is to be written yet, so switching it off cannot fail, and libevent has no event to add. */
static int make_tail_the_head(struct bufferevent *buffer)
{
	(void)bufferevent_disable(buffer, EV_WRITE);
	return evbuffer_add_buffer(head_of(buffer), tail_of(buffer));
}

int flow_buffer_write(struct bufferevent *buffer)
{
	if (flow_buffer_head(buffer) == 0 && make_tail_the_head(buffer) < 0)
		return -ENOMEM;
	if (bufferevent_get_enabled(buffer) & EV_WRITE)
		return 0;
	return bufferevent_enable(buffer, EV_WRITE) < 0 ? -ENOMEM : 0;
}

/* libevent lets only its own writes take from the head. */
ssize_t flow_buffer_push(struct bufferevent *buffer, size_t give)
{
	struct evbuffer *head = head_of(buffer);
	ssize_t sent;

	if (evbuffer_get_length(head) == 0)
		return 0;
	(void)evbuffer_unfreeze(head, 1);
	sent = evbuffer_write_atmost(head, bufferevent_getfd(buffer), (ev_ssize_t)give);
	sent = sent < 0 ? -errno : sent;
	(void)evbuffer_freeze(head, 1);
	return sent;
}

size_t flow_buffer_head(struct bufferevent *buffer)
{
	return evbuffer_get_length(head_of(buffer));
}

size_t flow_buffer_tail(struct bufferevent *buffer)
{
	return evbuffer_get_length(tail_of(buffer));
}

void flow_buffer_close(struct bufferevent *buffer)
{
	if (buffer)
		bufferevent_free(buffer);
}
