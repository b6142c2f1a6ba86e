/*
 * Pauses of a source, which are counted and timed. Most flows never have one, so what is known of them exists
 * from the first one on. If there is no memory for that, a pause is not counted.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "flow/flow_private.h"

#include <stdlib.h>

/* No other thread writes, so no locked instruction is needed. */
static void count(const struct flow_io *io, uint64_t more)
{
	uint64_t paused = atomic_load_explicit(io->paused, memory_order_relaxed);

	atomic_store_explicit(io->paused, paused + more, memory_order_relaxed);
	bell_ring(io->bell);
}

bool flow_has_backlog(const struct flow *flow)
{
	return flow->queued > 0 || flow_waits_for_sink(flow);
}

void flow_pause_begin(struct flow *flow, enum flow_pause why)
{
	count(flow->io, 1);
	flow->pause = why;
	if (!flow->pauses)
		flow->pauses = calloc(1, sizeof(*flow->pauses));
	if (!flow->pauses)
		return;
	flow->pauses->count++;
	flow->pauses->since = clock_ms();
}

int flow_pause_restore(struct flow *flow, enum flow_pause why, const struct flow_pauses *pauses)
{
	if (!flow->pauses && pauses->count > 0)
		flow->pauses = calloc(1, sizeof(*flow->pauses));
	if (flow->pauses)
		*flow->pauses = *pauses;
	else if (pauses->count > 0)
		return -ENOMEM;
	flow->pause = why;
	if (why)
		count(flow->io, 1);
	return 0;
}

struct flow_pauses flow_pauses_until(const struct flow *flow, uint64_t now)
{
	struct flow_pauses pauses = {0};

	if (flow->pauses)
		pauses = *flow->pauses;
	if (flow->pauses && flow->pause) {
		pauses.total_ms += now - pauses.since;
		pauses.longest_ms = max_u64(pauses.longest_ms, now - pauses.since);
	}
	return pauses;
}

void flow_pause_end(struct flow *flow)
{
	if (flow->pauses)
		*flow->pauses = flow_pauses_until(flow, clock_ms());
	flow->pause = PAUSE_NONE;
	count(flow->io, (uint64_t)-1);
}
