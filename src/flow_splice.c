/*
 * The queue in a pipe: bytes go from socket to socket without being copied through user space. A flow holds a
 * pipe only while there are bytes in it, so one pipe serves many flows whose sinks keep up.
 *
 * EAGAIN from a splice into a pipe means "nothing to read" or "no slot left in the pipe", and one cannot tell
 * which. With bytes in the pipe the flow therefore waits for the sink, never for the source.
 */
#include "build_config.h"

#include "flow_private.h"
#include "pipe_pool.h"

#include <fcntl.h>

static ssize_t move(int from, int to, size_t length)
{
	return splice(from, NULL, to, NULL, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

/*
 * What splice(2) says of an end is not to be believed: before an urgent byte it stops, and then tells of a FIN or a reset although
 * there is more to read. So the flow goes on by recv(2), which knows, once the pipe is empty. The error is gone from
 * the socket, but not forgotten.
 */
static void leave(struct flow *flow, int error)
{
	flow->bulk = false;
	flow->bulk_reads = 0;
	if (error == EINVAL)
		flow->may_splice = false;
	else if (error && !flow_error_is_transient(error) && error != ENOMEM)
		flow_source_failed(flow, -error);
}

bool flow_splice(struct flow *flow, size_t room)
{
	ssize_t moved;
	bool left = false;

	if (!flow->pipe)
		flow->pipe = pipe_pool_get(flow->io->pipes);
	if (!flow->pipe)
		return false;
	moved = move(flow->source_fd, flow->pipe->in, room);
	if (moved > 0) {
		flow_note_read(flow);
		flow_note_bulk(flow, (size_t)moved);
		flow_note_queued(flow, (uint64_t)moved);
		flow_splice_push(flow);
	} else if (moved < 0 && flow->queued > 0 && flow_error_is_transient(errno)) {
		flow_pause(flow, PAUSE_PIPE);
	} else {
		leave(flow, moved < 0 ? errno : 0);
		left = flow->queued == 0;
	}
	if (flow->queued == 0)
		flow_splice_close(flow);
	return !left;
}

void flow_splice_push(struct flow *flow)
{
	ssize_t moved = move(flow->pipe->out, flow->sink_fd, flow->queued);

	if (moved >= 0)
		flow_note_written(flow, (uint64_t)moved, true);
	else if (!flow_error_is_transient(errno))
		flow_sink_failed(flow, -errno);
}

void flow_splice_close(struct flow *flow)
{
	if (!flow->pipe)
		return;
	if (flow->queued > 0)
		pipe_pool_discard(flow->io->pipes, flow->pipe);
	else
		pipe_pool_put(flow->io->pipes, flow->pipe);
	flow->pipe = NULL;
}
