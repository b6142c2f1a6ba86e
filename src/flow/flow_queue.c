/* The two forms of the queue together. */
#include "build_config.h"

#include "flow/flow_private.h"
#include "flow/pipe_pool.h"

void flow_queue_close(struct flow *flow)
{
	flow->dropped += flow->queued;
	flow->queued = 0;
	if (flow->pipe)
		pipe_pool_put(flow->io->pipes, flow->pipe);
	flow->pipe = NULL;
	flow_buffer_close(flow->buffer);
	flow->buffer = NULL;
	flow_memory_return(flow);
}

void flow_queue_trim(struct flow *flow)
{
	if (flow->pipe && flow->pipe->length == 0) {
		pipe_pool_put(flow->io->pipes, flow->pipe);
		flow->pipe = NULL;
	}
	if (flow->buffer && flow_buffer_length(flow->buffer) == 0) {
		flow_buffer_close(flow->buffer);
		flow->buffer = NULL;
	}
	flow_memory_return(flow);
}
