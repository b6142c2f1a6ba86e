/* Bytes through user space: received into the worker's scratch buffer and sent from there. */
#include "build_config.h"

#include "base/number.h"
#include "flow/flow_private.h"
#include "net/stream.h"

/* Bytes to move at once without memory for a queue. Few, as most may have to be looked at again. */
#define PEEK_SIZE (16 * 1024)

static size_t send_now(int sink, const unsigned char *data, size_t length, size_t give,
                       struct flow_answer *answer)
{
	ssize_t sent = give > 0 ? stream_send(sink, data, min_u64(length, give)) : -EAGAIN;

	if (sent < 0)
		*answer = flow_answer(sent);
	else if ((size_t)sent < length)
		answer->said = SAID_NOT_NOW;
	return sent > 0 ? (size_t)sent : 0;
}

struct flow_move flow_copy(int source, int sink, unsigned char *scratch, size_t take, size_t give)
{
	ssize_t received = stream_receive(source, scratch, take);
	struct flow_move move = {0};

	if (received <= 0) {
		move.source = flow_answer(received);
		return move;
	}
	move.received = (size_t)received;
	move.sent = send_now(sink, scratch, move.received, give, &move.sink);
	return move;
}

struct flow_move flow_pass_through(int source, int sink, unsigned char *scratch, size_t size, size_t give)
{
	ssize_t seen = stream_peek(source, scratch, min_u64(size, PEEK_SIZE));
	struct flow_move move = {0};
	size_t taken = 0;

	if (seen <= 0) {
		move.source = flow_answer(seen);
		return move;
	}
	move.received = move.sent = send_now(sink, scratch, (size_t)seen, give, &move.sink);
	while (taken < move.sent && !move.fault) {
		ssize_t now = stream_discard(source, scratch, move.sent - taken);

		if (now > 0)
			taken += (size_t)now;
		else
			move.fault =
			        -EIO; /* what was sent is still with the source and would be sent again */
	}
	return move;
}

struct flow_move flow_take_away(int source, unsigned char *scratch, size_t size)
{
	ssize_t taken = stream_discard(source, scratch, size);
	struct flow_move move = {0};

	if (taken > 0)
		move.received = (size_t)taken;
	else
		move.source = flow_answer(taken);
	return move;
}
