#include "build_config.h"

#include "../scenario/pattern.h"
#include "passengers.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS = 512, PIECE = 64 * 1024, PIECES_IN_TURN = 4 };

static int epoll = -1;

uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void side_set_up(void)
{
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll_create1");
}

void side_wait(int milliseconds)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(epoll, events, EVENTS, milliseconds);

	if (n < 0 && errno != EINTR)
		die("epoll_wait");
	for (int i = 0; i < n; i++) {
		struct watch *watch = events[i].data.ptr;

		if (watch->fd >= 0)
			watch->ready(watch);
	}
}

/* An fd that is watched for nothing is taken out: its error would be reported again and again. */
void watch_for(struct watch *watch, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = watch};
	int operation = watch->events ? (events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL) : EPOLL_CTL_ADD;

	if (events == watch->events)
		return;
	if (epoll_ctl(epoll, operation, watch->fd, &event) < 0)
		die("epoll_ctl");
	watch->events = events;
}

static void side_ready(struct watch *watch)
{
	struct side *side = (struct side *)watch;

	side_pump(side);
	pair_step(side->pair);
}

void side_init(struct side *side, struct pair *pair, bool is_client)
{
	*side = (struct side){.watch = {.fd = -1, .ready = side_ready}, .pair = pair, .is_client = is_client};
}

void side_open(struct side *side, int fd)
{
	side->watch.fd = fd;
}

/* ---- sending ---- */

static uint64_t seed_of(const struct side *side, bool of_client)
{
	return 2 * side->pair->id + (of_client ? 0 : 1);
}

/* What begins at the place where it is; of a client the first bytes are the pair's number. */
static size_t make_bytes(const struct side *side, unsigned char *bytes, size_t size)
{
	pattern_fill(bytes, size, seed_of(side, side->is_client), side->sent);
	if (side->is_client && side->sent < SIDE_ID) {
		size_t skip = side->sent;
		size_t rest = SIDE_ID - skip < size ? SIDE_ID - skip : size;

		memcpy(bytes, (const char *)&side->pair->id + skip, rest);
	}
	return size;
}

/* That a connection is not there yet is no error. */
static bool not_now(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOTCONN || error == EINPROGRESS;
}

static void saw(struct side *side, enum seen seen)
{
	side->seen = side->broken ? SEEN_RST : seen;
	side->saw_us = clock_us();
}

/* False: no more now. */
static bool send_piece(struct side *side, const void *bytes, size_t size, uint64_t *sent)
{
	ssize_t n = send(side->watch.fd, bytes, size, MSG_NOSIGNAL);

	if (n > 0) {
		*sent += (uint64_t)n;
		side->went_us = clock_us();
		return (size_t)n == size;
	}
	if (!not_now(errno) && side->seen != SEEN_RST) {
		if (errno != ECONNRESET && errno != EPIPE)
			side->fault = "cannot be sent to";
		side->broken = true;
		side->may_take = ALL; /* what had come before its end is still to be judged */
		side->may_send = side->sent;
	}
	return false;
}

static bool send_prefix(struct side *side)
{
	uint64_t sent = 0;

	if (side->prefix_sent < side->prefix_may)
		send_piece(side, side->prefix + side->prefix_sent, side->prefix_may - side->prefix_sent,
		           &sent);
	side->prefix_sent += sent;
	return side->prefix_sent == side->prefix_size;
}

static void send_all(struct side *side)
{
	static unsigned char bytes[PIECE];

	if (!send_prefix(side))
		return;
	for (int i = 0; i < PIECES_IN_TURN && side->sent < side->may_send; i++) {
		uint64_t rest = side->may_send - side->sent;
		size_t size = rest < sizeof(bytes) ? (size_t)rest : sizeof(bytes);

		if (!send_piece(side, bytes, make_bytes(side, bytes, size), &side->sent))
			break;
	}
	if (side->may_end && !side->ended && side->sent >= side->may_send) {
		side->ended = shutdown(side->watch.fd, SHUT_WR) == 0;
		side->went_us = clock_us();
	}
}

/* ---- taking ---- */

static void judge_bytes(struct side *side, const unsigned char *bytes, size_t size)
{
	size_t skip = 0;

	if (!side->is_client && side->received < SIDE_ID)
		skip = SIDE_ID - side->received < size ? SIDE_ID - side->received : size;
	if (pattern_match(bytes + skip, size - skip, seed_of(side, !side->is_client),
	                  side->received + skip) != size - skip)
		side->fault = "a wrong byte";
	pair_note_arrival(side, size);
	side->received += size;
	side->came_us = clock_us();
}

static void take_all(struct side *side)
{
	static unsigned char bytes[PIECE];

	for (int i = 0; i < PIECES_IN_TURN && side->received < side->may_take && !side->seen; i++) {
		uint64_t rest = side->may_take - side->received;
		ssize_t n =
		        recv(side->watch.fd, bytes, rest < sizeof(bytes) ? (size_t)rest : sizeof(bytes), 0);

		if (n > 0)
			judge_bytes(side, bytes, (size_t)n);
		else if (n == 0)
			saw(side, SEEN_FIN);
		else if (!not_now(errno))
			saw(side, SEEN_RST);
		if (n <= 0)
			break;
	}
}

static bool wants_to_take(const struct side *side)
{
	return side->received < side->may_take && !side->seen;
}

static bool wants_to_send(const struct side *side)
{
	bool headed = side->prefix_sent == side->prefix_size;

	if (side->seen == SEEN_RST || side->broken || side->ended)
		return false;
	return side->prefix_sent < side->prefix_may || (headed && side->sent < side->may_send);
}

static bool wants_to_end(const struct side *side)
{
	return side->may_end && !side->ended && !side->broken && side->seen != SEEN_RST &&
	       side->sent >= side->may_send;
}

void side_pump(struct side *side)
{
	if (side->watch.fd < 0)
		return;
	take_all(side);
	if (wants_to_send(side) || wants_to_end(side))
		send_all(side);
	watch_for(&side->watch, (wants_to_take(side) ? EPOLLIN : 0) | (wants_to_send(side) ? EPOLLOUT : 0));
}

void side_poke(struct side *side)
{
	uint32_t events = side->watch.events;

	if ((wants_to_take(side) && !(events & EPOLLIN)) || (wants_to_send(side) && !(events & EPOLLOUT)) ||
	    wants_to_end(side))
		side_pump(side);
}

void side_join(struct side *side, int fd)
{
	side_open(side, fd);
	side->received = SIDE_ID;
	side->came_us = clock_us();
}

/* ---- ending ---- */

void side_close(struct side *side)
{
	if (side->watch.fd < 0)
		return;
	watch_for(&side->watch, 0);
	close(side->watch.fd);
	side->watch.fd = -1;
}

void side_reset(struct side *side)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	int unacknowledged = 0;

	if (side->watch.fd < 0)
		return;
	ioctl(side->watch.fd, SIOCOUTQ, &unacknowledged);
	side->acknowledged =
	        side->sent > (uint64_t)unacknowledged ? side->sent - (uint64_t)unacknowledged : 0;
	side->reset = true;
	setsockopt(side->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	side_close(side);
}
