#include "build_config.h"

#include "pattern.h"
#include "rawpeer.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* A call moves at most CHUNK bytes, so that connections take turns. */
enum { CHUNK = 256 * 1024, ECHO_BUFFER = 16 * 1024, SLOW_STEP_US = 10 * 1000, SAMPLE = 16 };

static unsigned char chunk[CHUNK];

static size_t at_most(uint64_t left, size_t most)
{
	return left < most ? (size_t)left : most;
}

/* Sends up to left bytes of the pattern. How many, 0 if none would go now, or -errno. */
static ssize_t stream_send(struct peer *peer, uint64_t left)
{
	size_t size = at_most(left, peer->piece ? peer->piece : CHUNK);
	ssize_t n;

	pattern_fill(chunk, size, peer->out.seed, peer->out.offset);
	n = send(peer->fd, chunk, size, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	peer->out.offset += (uint64_t)n;
	peer->out.bytes += (uint64_t)n;
	return n;
}

static enum step stream_differs(struct peer *peer, size_t right, size_t size)
{
	unsigned long long offset = peer->in.offset + right;
	uint64_t found = UINT64_MAX;

	if (size - right >= SAMPLE)
		found = pattern_find(chunk + right, SAMPLE, peer->in.seed, offset + 16 * 1024 * 1024);
	if (found == UINT64_MAX)
		return peer_fail(peer, "byte %llu is not what was sent", offset);
	return peer_fail(peer, "byte %llu is not what was sent: here begins what was sent as byte %llu",
	                 offset, (unsigned long long)found);
}

/* How a read that brought no bytes ended. */
enum none { NONE_YET, NONE_FIN, NONE_FAILED };

/* Receives up to left bytes into chunk. How many; with 0, *none says why. */
static size_t stream_recv(struct peer *peer, uint64_t left, enum none *none)
{
	ssize_t n = recv(peer->fd, chunk, at_most(left, CHUNK), 0);

	if (n > 0) {
		peer->in.bytes += (uint64_t)n;
		return (size_t)n;
	}
	if (n == 0) {
		peer->fin_seen = true;
		peer->end = "fin";
		*none = NONE_FIN;
	} else if (errno == EAGAIN) {
		*none = NONE_YET;
	} else {
		peer->end = "rst";
		*none = NONE_FAILED;
	}
	return 0;
}

/* Receives and verifies up to left bytes into *count. DONE: look at *count and *none. */
static enum step stream_verify(struct peer *peer, uint64_t left, size_t *count, enum none *none)
{
	size_t right;

	*count = stream_recv(peer, left, none);
	right = pattern_match(chunk, *count, peer->in.seed, peer->in.offset);
	if (right < *count)
		return stream_differs(peer, right, *count);
	peer->in.offset += *count;
	return STEP_DONE;
}

static enum step stream_ended(struct peer *peer, enum none none)
{
	return peer_fail(peer, "got %s after %llu bytes", none == NONE_FIN ? "an end of stream" : "a reset",
	                 (unsigned long long)peer->in.bytes);
}

/* Verifies towards total bytes in peer->progress_in. DONE when they are there. */
static enum step stream_recv_towards(struct peer *peer, uint64_t total)
{
	enum none none = NONE_YET;
	enum step step;
	size_t count;

	if (peer->progress_in == total)
		return STEP_DONE;
	step = stream_verify(peer, total - peer->progress_in, &count, &none);
	if (step != STEP_DONE)
		return step;
	if (count == 0 && none != NONE_YET)
		return stream_ended(peer, none);
	peer->progress_in += count;
	return peer->progress_in == total ? STEP_DONE : peer_wait(peer, EPOLLIN);
}

static enum step stream_send_towards(struct peer *peer, uint64_t total)
{
	ssize_t n;

	if (peer->progress == total)
		return STEP_DONE;
	n = stream_send(peer, total - peer->progress);
	if (n < 0)
		return peer_fail(peer, "%s after %llu bytes", strerror((int)-n),
		                 (unsigned long long)peer->out.bytes);
	peer->progress += (uint64_t)n;
	return peer->progress == total ? STEP_DONE : peer_wait(peer, EPOLLOUT);
}

/* What is sent from now on is sent in pieces of this size, each at once. */
enum step word_pieces(struct peer *peer, struct word *word)
{
	int one = 1;

	if (setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
		return peer_fail(peer, "TCP_NODELAY: %s", strerror(errno));
	peer->piece = at_most(word->number[0], CHUNK);
	return STEP_DONE;
}

enum step word_send(struct peer *peer, struct word *word)
{
	return stream_send_towards(peer, word->number[0]);
}

enum step word_recv(struct peer *peer, struct word *word)
{
	return stream_recv_towards(peer, word->number[0]);
}

enum step word_duplex(struct peer *peer, struct word *word)
{
	enum step sent = stream_send_towards(peer, word->number[0]);
	enum step received;

	if (sent == STEP_FAIL)
		return sent;
	received = stream_recv_towards(peer, word->number[1]);
	if (received == STEP_FAIL || (sent == STEP_DONE && received == STEP_DONE))
		return received;
	return peer_wait(peer, (sent == STEP_WAIT ? EPOLLOUT : 0u) | (received == STEP_WAIT ? EPOLLIN : 0u));
}

enum step word_recv_all(struct peer *peer, struct word *word)
{
	enum none none = NONE_YET;
	enum step step;
	size_t count;

	(void)word;
	step = stream_verify(peer, CHUNK, &count, &none);
	if (step != STEP_DONE)
		return step;
	if (count == 0 && none == NONE_FAILED)
		return stream_ended(peer, none);
	return count == 0 && none == NONE_FIN ? STEP_DONE : peer_wait(peer, EPOLLIN);
}

/* Like recv-all, but a reset is an end too; the line of the connection says which it was. */
enum step word_recv_until_end(struct peer *peer, struct word *word)
{
	enum none none = NONE_YET;
	enum step step;
	size_t count;

	(void)word;
	step = stream_verify(peer, CHUNK, &count, &none);
	if (step != STEP_DONE)
		return step;
	return count == 0 && none != NONE_YET ? STEP_DONE : peer_wait(peer, EPOLLIN);
}

/* At most number[1] bytes in a second. */
enum step word_recv_slow(struct peer *peer, struct word *word)
{
	uint64_t total = word->number[0];
	uint64_t allowed;
	enum step step;

	if (!peer->since_us)
		peer->since_us = process.now_us - SLOW_STEP_US;
	allowed = (process.now_us - peer->since_us) * word->number[1] / (1000 * 1000);
	if (allowed > total)
		allowed = total;
	if (allowed > peer->progress_in) {
		step = stream_recv_towards(peer, allowed);
		if (step != STEP_DONE || peer->progress_in == total)
			return step;
	}
	return peer_wait_us(peer, 0, process.now_us + SLOW_STEP_US);
}

/* One byte, one segment, one pause of number[1] milliseconds. */
enum step word_dribble(struct peer *peer, struct word *word)
{
	uint64_t sent = peer->progress;
	enum step step;

	if (process.now_us < peer->since_us)
		return peer_wait_us(peer, 0, peer->since_us);
	if (peer->progress == word->number[0])
		return STEP_DONE;
	step = stream_send_towards(peer, peer->progress + 1);
	if (step != STEP_DONE || peer->progress == sent)
		return step;
	if (word->number[1] == 0)
		return peer_wait(peer, EPOLLOUT);
	peer->since_us = process.now_us + word->number[1] * 1000;
	return peer_wait_us(peer, 0, peer->since_us);
}

/* Sends until nothing has gone for number[0] milliseconds: all the queues on the way are full then. */
enum step word_fill(struct peer *peer, struct word *word)
{
	uint64_t patience_us = word->number[0] * 1000;
	ssize_t n = stream_send(peer, CHUNK);

	if (n < 0)
		return peer_fail(peer, "%s after %llu bytes", strerror((int)-n),
		                 (unsigned long long)peer->out.bytes);
	peer->progress += (uint64_t)n;
	if (n > 0 || !peer->since_us)
		peer->since_us = process.now_us;
	if (process.now_us - peer->since_us >= patience_us) {
		peer->filled = peer->progress;
		return STEP_DONE;
	}
	return peer_wait_us(peer, EPOLLOUT, peer->since_us + patience_us);
}

enum step word_send_text(struct peer *peer, struct word *word)
{
	size_t length = strlen(word->text);
	ssize_t n = send(peer->fd, word->text + peer->progress, length - peer->progress, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return peer_fail(peer, "%s", strerror(errno));
	if (n > 0) {
		peer->progress += (uint64_t)n;
		peer->out.bytes += (uint64_t)n;
	}
	return peer->progress == length ? STEP_DONE : peer_wait(peer, EPOLLOUT);
}

/* What is in a file, in pieces. It comes before the streams, so it counts for neither. */
enum step word_send_proxy(struct peer *peer, struct word *word)
{
	int file = open(word->text, O_RDONLY | O_CLOEXEC);
	ssize_t n = pread(file, chunk, peer->piece ? peer->piece : CHUNK, (off_t)peer->progress);

	close(file);
	if (n > 0)
		n = send(peer->fd, chunk, (size_t)n, MSG_NOSIGNAL);
	else if (n == 0)
		return STEP_DONE;
	if (n < 0 && errno != EAGAIN)
		return peer_fail(peer, "%s", strerror(errno));
	peer->progress += n > 0 ? (uint64_t)n : 0;
	return peer_wait(peer, EPOLLOUT);
}

enum step word_recv_text(struct peer *peer, struct word *word)
{
	size_t length = strlen(word->text);
	enum none none = NONE_YET;
	size_t count = stream_recv(peer, length - peer->progress_in, &none);

	if (count == 0 && none != NONE_YET)
		return stream_ended(peer, none);
	if (memcmp(chunk, word->text + peer->progress_in, count) != 0)
		return peer_fail(peer, "got '%.*s' instead", (int)count, (const char *)chunk);
	peer->progress_in += count;
	return peer->progress_in == length ? STEP_DONE : peer_wait(peer, EPOLLIN);
}

/* The first byte of the text, as urgent data. */
enum step word_urgent(struct peer *peer, struct word *word)
{
	ssize_t n = send(peer->fd, word->text, 1, MSG_OOB | MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? peer_wait(peer, EPOLLOUT) : peer_fail(peer, "%s", strerror(errno));
	peer->out.bytes++;
	return STEP_DONE;
}

static enum step echo_send(struct peer *peer)
{
	ssize_t n = send(peer->fd, peer->echo + peer->echo_start, peer->echo_end - peer->echo_start,
	                 MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN ? peer_wait(peer, EPOLLOUT) : peer_fail(peer, "%s", strerror(errno));
	peer->echo_start += (size_t)n;
	peer->out.bytes += (uint64_t)n;
	return peer_wait(peer, peer->echo_start < peer->echo_end ? EPOLLOUT : EPOLLIN);
}

/* Sends back what comes, then the end of stream. */
enum step word_echo(struct peer *peer, struct word *word)
{
	enum none none = NONE_YET;
	size_t count;

	(void)word;
	if (!peer->echo)
		peer->echo = malloc(ECHO_BUFFER);
	if (!peer->echo)
		return peer_fail(peer, "out of memory");
	if (peer->echo_start < peer->echo_end)
		return echo_send(peer);
	count = stream_recv(peer, ECHO_BUFFER, &none);
	if (count == 0) {
		if (none == NONE_FAILED)
			return stream_ended(peer, none);
		return none == NONE_FIN ? word_fin(peer, word) : peer_wait(peer, EPOLLIN);
	}
	memcpy(peer->echo, chunk, count);
	peer->echo_start = 0;
	peer->echo_end = count;
	return echo_send(peer);
}
