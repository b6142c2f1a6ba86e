/* Which flows are worth a pipe. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"
#include "flow/pipe_pool.h"

/*
 * A large read counts up, by one for each BULK_READ in it, and a smaller one counts down, between 0 and
 * BULK_ENTER. A flow is bulk, and so worth a pipe, from when the count reaches BULK_ENTER until it is back at
 * 0. Bytes count, not reads. With four reads of the scratch buffer's size, a connection that moves a few MiB
 * would copy much of them.
 *
 * While bytes are queued, a small read does not count, because it says nothing about the source. If the flow
 * began to copy, everything that follows would have to wait in the tail until the pipes are empty.
 */
#define BULK_READ  (32 * 1024)
#define BULK_ENTER 4

void flow_bulk_note(struct flow *flow, size_t bytes)
{
	if (bytes >= BULK_READ)
		flow->bulk_reads = (unsigned char)min_u64(flow->bulk_reads + bytes / BULK_READ, BULK_ENTER);
	else if (flow->queued == 0)
		flow->bulk_reads -= flow->bulk_reads > 0;
	flow->bulk = flow->bulk_reads > 0 && (flow->bulk || flow->bulk_reads == BULK_ENTER);
}

bool flow_wants_pipe(const struct flow *flow)
{
	return flow->bulk && flow->may_splice && !flow_queue_ends_in_tail(flow) &&
	       (flow->pipes || pipe_pool_has(flow->io->pipes));
}

void flow_splice_failed(struct flow *flow, const struct flow_answer *source)
{
	if (source->said == SAID_NOTHING)
		return;
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
