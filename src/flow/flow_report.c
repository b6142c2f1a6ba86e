/* What the dump shows of a flow. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"

/* If the sink has taken nothing for this long, it is the sink that limits the flow, not our memory. */
#define STUCK_MS 1000

static enum limited_by limited_by(const struct flow *flow, uint64_t now, enum limited_by sink_side)
{
	if (flow->sink != SINK_OPEN)
		return LIMITED_BY_NONE;
	if (flow->pause == PAUSE_MEMORY && now - flow->last_progress < STUCK_MS)
		return LIMITED_BY_RELAY;
	return flow_has_backlog(flow) ? sink_side : LIMITED_BY_NONE;
}

static enum reading describe_reading(const struct flow *flow)
{
	if (!flow_has_source(flow) || flow->sink != SINK_OPEN)
		return READING_ENDED;
	if (!flow->started)
		return READING_WAITING;
	return flow->pause ? READING_PAUSED : READING_ON;
}

static uint64_t running_pause(const struct flow *flow, uint64_t now)
{
	return flow->pause ? now - flow->paused_since : 0;
}

void flow_count(const struct flow *flow, enum direction direction, uint64_t now, struct counters *counters)
{
	counters->bytes[direction] += flow->bytes;
	counters->pauses += flow->pauses;
	counters->paused_ms += flow->paused_ms + running_pause(flow, now);
}

void flow_describe(const struct flow *flow, uint64_t now, enum limited_by sink_side,
                   struct flow_record *record)
{
	uint64_t pause = running_pause(flow, now);

	*record = (struct flow_record){
	        .queued = flow->queued,
	        .peak = flow->peak,
	        .high = flow->limits->high,
	        .low = flow->limits->low,
	        .reading = describe_reading(flow),
	        .pauses = flow->pauses,
	        .paused_ms = flow->paused_ms + pause,
	        .longest_pause_ms = max_u64(flow->longest_pause_ms, pause),
	        .bytes = flow->bytes,
	        .limited_by = limited_by(flow, now, sink_side),
	};
}
