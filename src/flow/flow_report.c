/* What the dump shows of a flow. */
#include "build_config.h"

#include "flow/flow_private.h"

/* If the sink has taken nothing for this long, it is the sink that limits the flow, not we. */
#define STUCK_MS 1000

/* By a limit or a lack of memory. */
static bool is_held(const struct flow *flow, uint64_t now)
{
	if (flow->pause == PAUSE_RATE && flow->queued == 0)
		return true;
	return (flow->pause == PAUSE_RATE || flow->pause == PAUSE_MEMORY) &&
	       now - flow->last_progress < STUCK_MS;
}

static enum blame limited_by(const struct flow *flow, uint64_t now, enum blame sink_side)
{
	if (flow->sink != SINK_OPEN)
		return BLAME_NONE;
	if (is_held(flow, now))
		return BLAME_RELAY;
	return flow_has_backlog(flow) ? sink_side : BLAME_NONE;
}

static enum reading describe_reading(const struct flow *flow)
{
	if (!flow_has_source(flow) || flow->sink != SINK_OPEN)
		return READING_ENDED;
	if (!flow->started)
		return READING_WAITING;
	return flow->pause ? READING_PAUSED : READING_ON;
}

void flow_count(const struct flow *flow, enum direction direction, uint64_t now, struct counters *counters)
{
	struct flow_pauses pauses = flow_pauses_until(flow, now);

	counters->bytes[direction] += flow->bytes;
	counters->pauses[direction] += pauses.count;
	counters->paused_ms[direction] += pauses.total_ms;
}

void flow_describe(const struct flow *flow, uint64_t now, enum blame sink_side, struct flow_record *record)
{
	struct flow_pauses pauses = flow_pauses_until(flow, now);

	*record = (struct flow_record){
	        .queued = flow->queued,
	        .peak = flow->peak,
	        .high = flow->limits->high,
	        .low = flow->limits->low,
	        .reading = describe_reading(flow),
	        .pauses = pauses.count,
	        .paused_ms = pauses.total_ms,
	        .longest_pause_ms = pauses.longest_ms,
	        .bytes = flow->bytes,
	        .limited_by = limited_by(flow, now, sink_side),
	};
}
