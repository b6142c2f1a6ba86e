/* The output buffer of a bufferevent on the sink. The bufferevent never reads. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdint.h>

/*
 * One writev(2) of libevent takes up to 128 chains; its own default of 16 KiB would need 32 calls for that.
 */
#define MAX_SINGLE_WRITE (128 * FLOW_CHAIN_SIZE)

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
	bufferevent_setcb(buffer, NULL, written, failed, arg);
	/* The flow's own marks cover its pipe too, so libevent only has to report every write. */
	bufferevent_setwatermark(buffer, EV_WRITE, SIZE_MAX, 0);
	bufferevent_set_max_single_write(buffer, min_u64(step, MAX_SINGLE_WRITE));
	return buffer;
}

int flow_buffer_append(struct bufferevent *buffer, const unsigned char *data, size_t length)
{
	struct evbuffer *output = bufferevent_get_output(buffer);

	/* libevent would begin with a smaller chain, which is not from the pool of queues. */
	if (length > 0 && evbuffer_get_length(output) == 0 && evbuffer_expand(output, FLOW_CHAIN_PAYLOAD) < 0)
		return -ENOMEM;
	while (length > 0) {
		size_t piece = min_u64(length, FLOW_CHAIN_PAYLOAD);

		if (evbuffer_add(output, data, piece) < 0)
			return -ENOMEM;
		data += piece;
		length -= piece;
	}
	return 0;
}

int flow_buffer_write(struct bufferevent *buffer)
{
	if (bufferevent_get_enabled(buffer) & EV_WRITE)
		return 0;
	return bufferevent_enable(buffer, EV_WRITE) < 0 ? -ENOMEM : 0;
}

size_t flow_buffer_length(struct bufferevent *buffer)
{
	return evbuffer_get_length(bufferevent_get_output(buffer));
}

void flow_buffer_close(struct bufferevent *buffer)
{
	if (buffer)
		bufferevent_free(buffer);
}
