/* Bytes through a pipe: from socket to socket, without a copy through user space. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"
#include "flow/pipe_pool.h"
#include "net/stream.h"

/* How many bytes were moved. If 0, answer holds what the end that is a socket said. */
static size_t move_some(int from, int to, size_t length, struct flow_answer *answer)
{
	ssize_t moved = stream_splice(from, to, length);

	if (moved > 0)
		return (size_t)moved;
	*answer = flow_answer(moved);
	return 0;
}

struct flow_move flow_splice_push(struct pipe *pipe, int sink, size_t give)
{
	struct flow_move move = {0};

	if (give > 0)
		move.sent = move_some(pipe->out, sink, min_u64(pipe->length, give), &move.sink);
	pipe->length -= move.sent;
	return move;
}

struct flow_move flow_splice(int source, struct pipe *pipe, int sink, size_t take, size_t give)
{
	struct flow_move move = {0};
	size_t received = move_some(source, pipe->in, take, &move.source);

	pipe->length += received;
	if (received > 0)
		move = flow_splice_push(pipe, sink, give);
	move.received = received;
	return move;
}
