#include "build_config.h"

#include "ask_again.h"
#include "rawpeer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	BACKLOG = 4096,
	POLL_STEP_US = 5 * 1000,
	SILENT_CONNECTS = 8, /* more than fit into the queue of a listening socket with backlog 0 */
};

static int backlog = BACKLOG;
static int silencers[SILENT_CONNECTS];

/* Buffers are set before connect and listen, where the window scale is decided. */
static int socket_make(const struct peer *peer, sa_family_t family)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (peer->rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &peer->rcvbuf, sizeof(peer->rcvbuf));
	if (peer->sndbuf)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &peer->sndbuf, sizeof(peer->sndbuf));
	if (family != AF_UNIX) {
		int on = 1;

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		ask_again(fd);
	}
	return fd;
}

/* Of a socket that is there it would change nothing, or not what is meant. */
static enum step buffer_of_next(struct peer *peer, int *size, const struct word *word)
{
	if (peer->fd >= 0)
		return peer_fail(peer, "the socket is made already");
	*size = (int)word->number[0];
	return STEP_DONE;
}

enum step word_rcvbuf(struct peer *peer, struct word *word)
{
	return buffer_of_next(peer, &peer->rcvbuf, word);
}

enum step word_sndbuf(struct peer *peer, struct word *word)
{
	return buffer_of_next(peer, &peer->sndbuf, word);
}

enum step word_backlog(struct peer *peer, struct word *word)
{
	(void)peer;
	backlog = (int)word->number[0];
	return STEP_DONE;
}

/* Where the next connect comes from. */
enum step word_bind(struct peer *peer, struct word *word)
{
	peer_close(peer);
	peer->fd = socket_make(peer, word->endpoint.any.sa_family);
	if (peer->fd < 0)
		return peer_fail(peer, "%s", strerror(-peer->fd));
	if (bind(peer->fd, &word->endpoint.any, word->endpoint.length) < 0)
		return peer_fail(peer, "%s", strerror(errno));
	return STEP_DONE;
}

/* Begins to connect, from the socket that bind made if there is one. 0, -EINPROGRESS or another -errno. */
static int socket_begin(struct peer *peer, const struct endpoint *endpoint)
{
	if (peer->fd < 0)
		peer->fd = socket_make(peer, endpoint->any.sa_family);
	if (peer->fd < 0)
		return peer->fd;
	return connect(peer->fd, &endpoint->any, endpoint->length) < 0 ? -errno : 0;
}

/* What became of a connect that was in progress: 0 or -errno. */
static int socket_outcome(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

static int socket_connecting(struct peer *peer, const struct word *word)
{
	if (peer->progress)
		return peer->events ? socket_outcome(peer->fd) : -EINPROGRESS;
	peer->progress = 1;
	peer->end = "open";
	return socket_begin(peer, &word->endpoint);
}

enum step word_connect(struct peer *peer, struct word *word)
{
	int r = socket_connecting(peer, word);

	if (r == -EINPROGRESS)
		return peer_wait(peer, EPOLLOUT);
	if (r == -ECONNRESET) { /* connected, and reset before we looked */
		peer->rst_seen = true;
		return STEP_DONE;
	}
	return r < 0 ? peer_fail(peer, "%s", strerror(-r)) : STEP_DONE;
}

enum step word_expect_refused(struct peer *peer, struct word *word)
{
	int r = socket_connecting(peer, word);

	if (r == -EINPROGRESS)
		return peer_wait(peer, EPOLLOUT);
	if (r == 0)
		return peer_fail(peer, "it was accepted");
	peer_close(peer);
	peer->end = "refused";
	return STEP_DONE;
}

/* Connects as soon as somebody listens there. */
enum step word_insist(struct peer *peer, struct word *word)
{
	int r = socket_connecting(peer, word);

	if (r == -EINPROGRESS)
		return peer_wait(peer, EPOLLOUT);
	if (r != -ECONNREFUSED && r != -ENOENT)
		return r < 0 ? peer_fail(peer, "%s", strerror(-r)) : STEP_DONE;
	peer_close(peer);
	peer->progress = 0;
	return peer_wait_us(peer, 0, process.now_us);
}

/* The socket is the process's: the first connection that comes here makes it. 0 or -errno. */
static int listener_make(const struct peer *peer, const struct endpoint *endpoint, bool listening)
{
	struct epoll_event event = {0};
	int fd = socket_make(peer, endpoint->any.sa_family);

	if (fd < 0)
		return fd;
	if (bind(fd, &endpoint->any, endpoint->length) < 0 || (listening && listen(fd, backlog) < 0) ||
	    epoll_ctl(process.epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	process.listener = fd;
	return 0;
}

static int listener_endpoint(struct endpoint *endpoint)
{
	endpoint->length = sizeof(*endpoint) - offsetof(struct endpoint, any);
	return getsockname(process.listener, &endpoint->any, &endpoint->length) < 0 ? -errno : 0;
}

enum step word_listen(struct peer *peer, struct word *word)
{
	int r = word->passed > 0 ? 0 : listener_make(peer, &word->endpoint, true);

	return r < 0 ? peer_fail(peer, "%s", strerror(-r)) : STEP_DONE;
}

/* A port that no other program gets, and that refuses everybody. */
enum step word_refuse(struct peer *peer, struct word *word)
{
	int r = word->passed > 0 ? 0 : listener_make(peer, &word->endpoint, false);

	return r < 0 ? peer_fail(peer, "%s", strerror(-r)) : STEP_DONE;
}

enum step word_unlisten(struct peer *peer, struct word *word)
{
	(void)peer;
	(void)word;
	if (process.listener >= 0)
		close(process.listener);
	process.listener = -1;
	return STEP_DONE;
}

/* Fills the listening socket's queue with connections of our own. 0 or -errno. */
static int listener_silence(const struct peer *peer)
{
	struct endpoint endpoint;
	int r = listener_endpoint(&endpoint);
	int i;

	if (r < 0)
		return r;
	for (i = 0; i < SILENT_CONNECTS; i++) {
		silencers[i] = socket_make(peer, endpoint.any.sa_family);
		if (silencers[i] < 0)
			return silencers[i];
		if (connect(silencers[i], &endpoint.any, endpoint.length) < 0 && errno != EINPROGRESS)
			return -errno;
	}
	return 0;
}

/* A listening socket that answers nobody: its queue is full, so the kernel drops every SYN. */
enum step word_silent(struct peer *peer, struct word *word)
{
	int r;

	if (word->passed > 0)
		return STEP_DONE;
	backlog = 0;
	r = listener_make(peer, &word->endpoint, true);
	if (r == 0)
		r = listener_silence(peer);
	return r < 0 ? peer_fail(peer, "%s", strerror(-r)) : STEP_DONE;
}

/* Ends silent: whoever is still trying gets through. */
enum step word_loud(struct peer *peer, struct word *word)
{
	int fd, i;

	if (word->passed > 0)
		return STEP_DONE;
	for (i = 0; i < SILENT_CONNECTS; i++)
		close(silencers[i]);
	while ((fd = accept4(process.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		close(fd);
	if (listen(process.listener, BACKLOG) < 0)
		return peer_fail(peer, "%s", strerror(errno));
	return STEP_DONE;
}

/* By rename, so that whoever waits for the file never reads half a number. */
enum step word_port_file(struct peer *peer, struct word *word)
{
	struct endpoint endpoint;
	char temporary[512];
	FILE *file;

	if (word->passed > 0)
		return STEP_DONE;
	if (listener_endpoint(&endpoint) < 0)
		return peer_fail(peer, "%s", strerror(errno));
	snprintf(temporary, sizeof(temporary), "%s.new", word->text);
	file = fopen(temporary, "we");
	if (!file)
		return peer_fail(peer, "%s", strerror(errno));
	fprintf(file, "%u\n", endpoint_port(&endpoint));
	if (fclose(file) != 0 || rename(temporary, word->text) < 0)
		return peer_fail(peer, "%s", strerror(errno));
	return STEP_DONE;
}

enum step word_accept(struct peer *peer, struct word *word)
{
	int on = 1;
	int fd = accept4(process.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)word;
	peer->accepting = fd < 0;
	if (fd < 0 && errno == EAGAIN) {
		process_await_client();
		return peer_wait(peer, 0);
	}
	if (fd < 0)
		return peer_fail(peer, "%s", strerror(errno));
	peer_close(peer);
	peer->fd = fd;
	peer->end = "open";
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
	           sizeof(on)); /* fails on a unix socket, which has no such delay */
	if (process.serve)
		peer_spawn_next();
	return STEP_DONE;
}

enum step word_fin(struct peer *peer, struct word *word)
{
	(void)word;
	return shutdown(peer->fd, SHUT_WR) < 0 ? peer_fail(peer, "%s", strerror(errno)) : STEP_DONE;
}

enum step word_rst(struct peer *peer, struct word *word)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)word;
	setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(peer);
	peer->end = "closed";
	return STEP_DONE;
}

enum step word_close(struct peer *peer, struct word *word)
{
	(void)word;
	peer_close(peer);
	peer->end = "closed";
	return STEP_DONE;
}

/* Acknowledged by the kernel at the other end of this socket, which need not be the far peer. */
enum step word_wait_acked(struct peer *peer, struct word *word)
{
	int unacknowledged;

	(void)word;
	if (ioctl(peer->fd, SIOCOUTQ, &unacknowledged) < 0)
		return peer_fail(peer, "%s", strerror(errno));
	return unacknowledged == 0 ? STEP_DONE : peer_wait_us(peer, 0, process.now_us + POLL_STEP_US);
}

enum ending { ENDING_NOT_YET, ENDING_FIN, ENDING_RST, ENDING_DATA };

/* After an end of stream recv(2) returns 0 for ever. A later reset shows only as a pending error. */
static enum ending socket_ending_behind_fin(const struct peer *peer)
{
	return socket_outcome(peer->fd) < 0 ? ENDING_RST : ENDING_NOT_YET;
}

/* What arrived before a reset is handed out first. */
static enum ending socket_ending(struct peer *peer)
{
	char byte;
	ssize_t n;

	if (peer->rst_seen)
		return ENDING_RST;
	n = recv(peer->fd, &byte, 1, 0);
	if (n == 0) {
		peer->fin_seen = true;
		peer->end = "fin";
		return ENDING_FIN;
	}
	if (n > 0)
		return ENDING_DATA;
	return errno == EAGAIN ? ENDING_NOT_YET : ENDING_RST;
}

/* Once both directions have ended, all events look alike. A reset after an end is looked for at intervals. */
static enum step peer_wait_for_end(struct peer *peer)
{
	if (peer->fin_seen)
		return peer_wait_us(peer, 0, process.now_us + POLL_STEP_US);
	return peer_wait(peer, EPOLLIN);
}

static enum step peer_expect(struct peer *peer, bool fin, bool rst)
{
	if (fin && peer->fin_seen)
		return STEP_DONE;
	switch (peer->fin_seen ? socket_ending_behind_fin(peer) : socket_ending(peer)) {
	case ENDING_NOT_YET:
		return peer_wait_for_end(peer);
	case ENDING_FIN:
		return fin ? STEP_DONE : peer_fail(peer, "got an end of stream");
	case ENDING_RST:
		peer->end = "rst";
		return rst ? STEP_DONE : peer_fail(peer, "got a reset");
	case ENDING_DATA:
		break;
	}
	return peer_fail(peer, "got more bytes, after %llu", (unsigned long long)peer->in.bytes);
}

enum step word_expect_fin(struct peer *peer, struct word *word)
{
	(void)word;
	return peer_expect(peer, true, false);
}

enum step word_expect_rst(struct peer *peer, struct word *word)
{
	(void)word;
	return peer_expect(peer, false, true);
}

enum step word_expect_end(struct peer *peer, struct word *word)
{
	(void)word;
	return peer_expect(peer, true, true);
}

/* Neither an end nor a reset within number[0] milliseconds. Bytes that arrive meanwhile stay unread. */
enum step word_expect_open(struct peer *peer, struct word *word)
{
	if (peer->fin_seen && socket_ending_behind_fin(peer) == ENDING_RST)
		return peer_fail(peer, "got a reset");
	if (peer->events & EPOLLERR)
		return peer_fail(peer, "got a reset");
	if (peer->events & (EPOLLRDHUP | EPOLLHUP))
		return peer_fail(peer, "got an end of stream");
	if (!peer->since_us)
		peer->since_us = process.now_us;
	if (process.now_us - peer->since_us >= word->number[0] * 1000)
		return STEP_DONE;
	return peer_wait_us(peer, peer->fin_seen ? 0 : EPOLLRDHUP, process.now_us + POLL_STEP_US);
}
