#include "build_config.h"

#include "load_stream.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define PERIOD       262139 /* the largest prime below 256 KiB */
#define TURN         4      /* calls per connection before the others get their turn */
#define DISCARD_SIZE (16u << 20)

static unsigned char pattern[2 * PERIOD]; /* twice, so that a period is contiguous wherever it starts */

void stream_init(void)
{
	uint64_t random = 88172645463325252u;

	for (unsigned i = 0; i < PERIOD; i++) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		pattern[i] = pattern[PERIOD + i] = (unsigned char)(random >> 56);
	}
}

static const unsigned char *pattern_at(const struct stream *stream)
{
	return pattern + (stream->seed + stream->done) % PERIOD;
}

static size_t at_most(uint64_t left, size_t limit)
{
	return left < limit ? (size_t)left : limit;
}

static int would_block(void)
{
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

int stream_send(struct stream *stream, int fd)
{
	size_t limit = stream->piece > 0 ? at_most(stream->piece, PERIOD) : PERIOD;

	for (int i = 0; i < TURN && stream->done < stream->total; i++) {
		size_t length = at_most(stream->total - stream->done, limit);
		ssize_t sent = send(fd, pattern_at(stream), length, MSG_NOSIGNAL);

		if (sent < 0)
			return would_block();
		stream->done += (uint64_t)sent;
	}
	return 0;
}

static ssize_t receive_copied(struct stream *stream, int fd, bool verify)
{
	static _Thread_local unsigned char taken[PERIOD];
	ssize_t received = recv(fd, taken, at_most(stream->total - stream->done, PERIOD), 0);

	if (verify && received > 0 && memcmp(taken, pattern_at(stream), (size_t)received) != 0) {
		errno = EILSEQ;
		return -1;
	}
	return received;
}

int stream_receive(struct stream *stream, int fd, bool verify)
{
	for (int i = 0; i < TURN && stream->done < stream->total; i++) {
		size_t left = at_most(stream->total - stream->done, DISCARD_SIZE);
		ssize_t received = verify || stream->copied ? receive_copied(stream, fd, verify)
		                                            : recv(fd, NULL, left, MSG_TRUNC);

		if (received < 0)
			return would_block();
		if (received == 0)
			return 1;
		stream->done += (uint64_t)received;
	}
	return 0;
}
