/* Which flows are worth a pipe. */
#include "build_config.h"

#include "flow/flow_private.h"
#include "flow/pipe_pool.h"

/*
 * A large read counts up, a smaller one counts down, between 0 and BULK_ENTER. A flow is bulk, and so worth a
 * pipe, from when the count reaches BULK_ENTER until it is back at 0.
 */
#define BULK_READ  (32 * 1024)
#define BULK_ENTER 4

void flow_bulk_note(struct flow *flow, size_t bytes)
{
	if (bytes >= BULK_READ)
		flow->bulk_reads += flow->bulk_reads < BULK_ENTER;
	else
		flow->bulk_reads -= flow->bulk_reads > 0;
	flow->bulk = flow->bulk_reads > 0 && (flow->bulk || flow->bulk_reads == BULK_ENTER);
}

bool flow_wants_pipe(const struct flow *flow)
{
	return flow->bulk && flow->may_splice && !flow->buffer &&
	       (flow->pipe || pipe_pool_has(flow->io->pipes));
}

void flow_splice_failed(struct flow *flow, const struct flow_answer *source)
{
	if (flow->queued == 0) {
		flow->bulk = false;
		flow->bulk_reads = 0;
	}
	if (source->said != SAID_FAILED || source->error == -ENOMEM)
		return;
	if (source->error == -EINVAL)
		flow->may_splice = false;
	else
		flow_source_failed(flow, source->error);
}
