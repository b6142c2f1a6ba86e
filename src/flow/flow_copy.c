/* Bytes through user space: received into the worker's scratch buffer and sent from there. */
#include "build_config.h"

#include "flow/flow_private.h"

#include <sys/socket.h>

/*
 * How much is moved at once without memory for a queue: little, as most of it may have to be looked at again.
 */
#define PEEK_SIZE (16 * 1024)

static size_t receive(int source, unsigned char *data, size_t length, int flags, struct flow_answer *answer)
{
	ssize_t received = recv(source, data, length, flags);

	if (received > 0)
		return (size_t)received;
	if (received == 0)
		answer->said = SAID_END;
	else if (flow_error_is_transient(errno))
		answer->said = SAID_NOT_NOW;
	else
		*answer = (struct flow_answer){SAID_FAILED, -errno};
	return 0;
}

static size_t send_now(int sink, const unsigned char *data, size_t length, struct flow_answer *answer)
{
	ssize_t sent = send(sink, data, length, MSG_NOSIGNAL);

	if (sent >= 0 || flow_error_is_transient(errno)) {
		size_t taken = sent > 0 ? (size_t)sent : 0;

		answer->said = taken < length ? SAID_NOT_NOW : SAID_NOTHING;
		return taken;
	}
	*answer = (struct flow_answer){SAID_FAILED, -errno};
	return 0;
}

struct flow_move flow_copy(int source, int sink, unsigned char *scratch, size_t room)
{
	struct flow_move move = {0};

	move.received = receive(source, scratch, room, 0, &move.source);
	if (move.received > 0 && sink >= 0)
		move.sent = send_now(sink, scratch, move.received, &move.sink);
	return move;
}

struct flow_move flow_pass_through(int source, int sink, unsigned char *scratch, size_t size)
{
	struct flow_move move = {0};
	size_t seen = receive(source, scratch, size < PEEK_SIZE ? size : PEEK_SIZE, MSG_PEEK, &move.source);
	size_t taken = 0;

	if (seen > 0)
		move.received = move.sent = send_now(sink, scratch, seen, &move.sink);
	while (taken < move.sent && !move.fault) {
		size_t now = receive(source, scratch, move.sent - taken, MSG_TRUNC,
		                     &move.source); /* tcp(7): discards them */

		taken += now;
		if (now == 0)
			move.fault =
			        -EIO; /* what was sent is still with the source: it would be sent again */
	}
	return move;
}

struct flow_move flow_take_away(int source, unsigned char *scratch, size_t size)
{
	struct flow_move move = {0};

	move.received = receive(source, scratch, size, MSG_TRUNC, &move.source);
	return move;
}
