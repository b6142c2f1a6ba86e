/*
 * How much may be written to a sink whose kernel buffer was set.
 *
 * The kernel looks at that size only when it begins a new packet. Until a packet is sent, more may be added
 * to it, however much is unacknowledged. Acknowledgements cut that packet again and again, so over a long
 * path there is always room. (Measured: 3 MiB in flight with 8 KiB set.) A packet may also be 64 KiB long. So
 * no write here is longer than what the size leaves.
 *
 * When it leaves nothing, the flow waits for EPOLLOUT like any other. That cannot spin. A TCP socket is
 * writable only while at most two thirds of the size are taken, a unix socket a quarter, and what is
 * unacknowledged counts with the kernel's book-keeping on top. So a writable sink has room for a third.
 * Writing no more than that at once also keeps several packets in flight. The receiver of a single one would
 * delay its acknowledgement.
 *
 * A sink that was written to may have room although it is not writable any more, and it is filled up then.
 * Otherwise all that is in flight comes to be two thirds of the size, sent and acknowledged together, and
 * over a long path the rate is two thirds of what the size allows.
 */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"
#include "net/stream.h"

/* One write puts at most this part of the size into the sink. */
#define STEPS 3

void flow_bound_sink(struct flow *flow)
{
	flow->sink_size = (uint32_t)stream_send_buffer(flow->sink_fd);
}

size_t flow_sink_step(const struct flow *flow)
{
	return flow->sink_size == 0 ? SIZE_MAX : flow->sink_size / STEPS;
}

size_t flow_sink_room(const struct flow *flow)
{
	uint64_t taken;

	if (flow->sink_size == 0)
		return SIZE_MAX;
	taken = stream_unacknowledged(flow->sink_fd);
	return taken < flow->sink_size ? min_u64(flow->sink_size - taken, flow_sink_step(flow)) : 0;
}

size_t flow_sink_more(const struct flow *flow)
{
	return flow->sink_size == 0 ? 0 : flow_sink_room(flow);
}
