/*
 * The pipes of one flow, oldest first. While the sink keeps up, one is enough. A queue that is longer than a
 * pipe, or whose pieces take up the slots early, gets more, as long as there are plenty.
 */
#include "build_config.h"

#include "flow/flow_private.h"
#include "flow/pipe_pool.h"

/*
 * A pipe is full when its slots are taken, however little each holds. If it was full with less than this, the
 * pieces are so small that they are better copied.
 */
#define WORTH_MORE (PIPE_SIZE / 4)

uint64_t flow_pipes_length(const struct flow *flow)
{
	uint64_t length = 0;

	for (const struct pipe *pipe = flow->pipes; pipe; pipe = pipe->next)
		length += pipe->length;
	return length;
}

static struct pipe **end_of(struct pipe **pipes)
{
	while (*pipes)
		pipes = &(*pipes)->next;
	return pipes;
}

static struct pipe *newest(struct pipe *pipes)
{
	while (pipes && pipes->next)
		pipes = pipes->next;
	return pipes;
}

/* Whether the flow takes another pipe, because this move may have found its newest one full. */
static bool takes_another(const struct flow *flow, const struct pipe *newest, const struct flow_move *move)
{
	return move->received == 0 && move->source.said == SAID_NOT_NOW && newest->length >= WORTH_MORE &&
	       pipe_pool_has_plenty(flow->io->pipes);
}

struct flow_move flow_pipes_fill(struct flow *flow, size_t take, size_t give)
{
	struct pipe *pipe = newest(flow->pipes);
	struct flow_move move = {0};

	if (pipe) {
		move = flow_splice(flow->source_fd, pipe, flow->sink_fd, take, give);
		if (!takes_another(flow, pipe, &move))
			return move;
	}
	pipe = pipe_pool_get(flow->io->pipes);
	if (!pipe)
		return move;
	*end_of(&flow->pipes) = pipe;
	move = flow_splice(flow->source_fd, pipe, flow->sink_fd, take, give);
	if (move.received == 0)
		flow_pipes_trim(flow);
	return move;
}

static void put(struct flow *flow, struct pipe **pipe)
{
	struct pipe *out = *pipe;

	*pipe = out->next;
	pipe_pool_put(flow->io->pipes, out);
}

void flow_pipes_trim(struct flow *flow)
{
	struct pipe **next = &flow->pipes;

	while (*next)
		if ((*next)->length == 0)
			put(flow, next);
		else
			next = &(*next)->next;
}

void flow_pipes_close(struct flow *flow)
{
	while (flow->pipes)
		put(flow, &flow->pipes);
}
