/* The parts of the queue together. */
#include "build_config.h"

#include "flow/flow_private.h"
#include "flow/pipe_pool.h"

bool flow_queue_begins_in_pipe(const struct flow *flow)
{
	return flow->pipes && (!flow->buffer || flow_buffer_head(flow->buffer) == 0);
}

bool flow_queue_ends_in_tail(const struct flow *flow)
{
	return flow->buffer && flow_buffer_tail(flow->buffer) > 0;
}

uint64_t flow_queue_length(const struct flow *flow)
{
	uint64_t buffered = 0;

	if (flow->buffer)
		buffered = flow_buffer_head(flow->buffer) + flow_buffer_tail(flow->buffer);
	return flow_pipes_length(flow) + buffered;
}

int flow_queue_append(struct flow *flow, const unsigned char *data, size_t length)
{
	if (!flow->buffer)
		flow->buffer = flow_buffer_open(flow->io->base, flow->sink_fd);
	return flow->buffer ? flow_buffer_append(flow->buffer, flow->pipes != NULL, data, length) : -ENOMEM;
}

struct flow_move flow_queue_push(struct flow *flow, size_t give)
{
	if (flow->pipes && flow->pipes->length == 0)
		flow_pipes_trim(flow);
	if (flow_queue_begins_in_pipe(flow))
		return flow_splice_push(flow->pipes, flow->sink_fd, give);
	if (flow->buffer)
		return flow_buffer_push(flow->buffer, flow->sink_fd, give);
	return (struct flow_move){0};
}

static void close_buffer(struct flow *flow)
{
	flow_buffer_close(flow->buffer);
	flow->buffer = NULL;
}

void flow_queue_close(struct flow *flow)
{
	flow->dropped += flow->queued;
	flow->queued = 0;
	flow_pipes_close(flow);
	close_buffer(flow);
	flow_memory_return(flow);
}

/* If turning over fails, it is a fault when the tail is next to be sent. */
void flow_queue_trim(struct flow *flow)
{
	flow_pipes_trim(flow);
	if (flow->buffer && !flow->pipes)
		(void)flow_buffer_turn_over(flow->buffer);
	if (flow->buffer && flow_buffer_head(flow->buffer) == 0 && flow_buffer_tail(flow->buffer) == 0)
		close_buffer(flow);
	flow_memory_return(flow);
}
