/* What a flow does when its source or its sink ends or fails, or something of our own does. */
#include "build_config.h"

#include "base/clock.h"
#include "flow/flow_private.h"
#include "net/stream.h"

#include <event2/event.h>

bool flow_finished(const struct flow *flow)
{
	return flow->sink != SINK_OPEN || (!flow_has_source(flow) && flow->queued == 0);
}

void flow_fail(struct flow *flow, int error)
{
	flow->fault = error;
	flow_queue_close(flow);
}

void flow_sink_failed(struct flow *flow, int error)
{
	if (flow->sink == SINK_FAILED)
		return;
	flow->sink = SINK_FAILED;
	flow->sink_error = error;
	flow_queue_close(flow);
	if (flow->pause)
		flow_pause_end(flow);
	flow_derive_events(flow);
}

void flow_source_ended(struct flow *flow, int error)
{
	if (error)
		flow->source_error = error;
	flow->ended = clock_ms();
	flow->source = error || flow->source == SOURCE_DOOMED ? SOURCE_FAILED : SOURCE_ENDED;
}

void flow_source_failed(struct flow *flow, int error)
{
	if (!flow->ended)
		flow->ended = clock_ms();
	if (!flow->source_error)
		flow->source_error = error;
	flow->source = flow_has_source(flow) ? SOURCE_DOOMED : SOURCE_FAILED;
	/* It may have nothing more to read. No event would report that, so we ask. */
	if (flow->readable_added)
		event_active(flow->readable, EV_READ, 0);
}

void flow_pass_on_end(struct flow *flow)
{
	int error;

	if (flow->source != SOURCE_ENDED || flow->queued > 0 || flow->sink != SINK_OPEN || flow->fault)
		return;
	error = stream_finish(flow->sink_fd);
	if (error)
		flow_sink_failed(flow, error);
	else
		flow->sink = SINK_ENDED;
}
