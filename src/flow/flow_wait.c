/*
 * Waiting until the sink takes more.
 *
 * A sink can be starved: the kernel says that it has room, and takes nothing. This is so when all TCP of the
 * machine has come to its limit (tcp_mem in tcp(7)), and goes on for as long. Whoever then waits for an event
 * spins. So a starved sink is left alone for a while, ever longer, before the next event is waited for.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "flow/flow_private.h"

#include <event2/event.h>

/* Twice that, and twice as long again each time. */
#define STARVED_MS 5

EVENT_CALLBACK(on_writable, struct flow, flow)
{
	flow_sink_writable(flow);
}

/* If it still is, it is writable again at once. */
EVENT_CALLBACK(on_left_alone, struct flow, flow)
{
	flow->starved = flow->writable_added = false;
	flow_wait_over(flow);
}

int flow_wait_begin(struct flow *flow)
{
	const struct timeval alone = clock_timeval((uint64_t)STARVED_MS << flow->starved_times);

	if (flow->writable_added)
		return 0;
	if (!flow->writable)
		flow->writable = event_new(flow->io->base, -1, 0, on_writable, flow);
	if (!flow->writable)
		return -ENOMEM;
	if (flow->starved)
		event_assign(flow->writable, flow->io->base, -1, 0, on_left_alone, flow);
	else
		event_assign(flow->writable, flow->io->base, flow->sink_fd, EV_WRITE | EV_PERSIST,
		             on_writable, flow);
	if (event_add(flow->writable, flow->starved ? &alone : NULL) < 0)
		return -ENOMEM;
	flow->writable_added = true;
	return 0;
}

void flow_wait_end(struct flow *flow)
{
	if (flow->writable_added)
		event_del(flow->writable);
	flow->writable_added = false;
}

void flow_wait_longer(struct flow *flow)
{
	flow_wait_end(flow);
	flow->offered = false;
	flow->starved = true;
	if (flow->starved_times < FLOW_STARVED_TIMES_MAX)
		flow->starved_times++;
}

void flow_wait_deinit(struct flow *flow)
{
	evloop_free_event(flow->writable);
	flow->writable = NULL;
	flow->starved = false;
}
