/* Helpers for tests with sockets on loopback: waiting for a condition, TCP connections and a test pattern. */
#ifndef WEIR_UNIT_LOOP_H
#define WEIR_UNIT_LOOP_H

#include "base/clock.h"
#include "flow/budget.h"
#include "flow/flow.h"

#include <check.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOP_DEADLINE_MS 15000

/* For what is asserted a million times: each of Check's assertions writes to a file, also where it holds. */
#define LOOP_ASSERT_EQ(a, b)                                                                                 \
	do {                                                                                                 \
		uint64_t loop_a = (uint64_t)(a), loop_b = (uint64_t)(b);                                     \
		if (loop_a != loop_b)                                                                        \
			ck_abort_msg("%s is %llu and %s is %llu", #a, (unsigned long long)loop_a, #b,        \
			             (unsigned long long)loop_b);                                            \
	} while (0)
#define LOOP_ASSERT(condition)                                                                               \
	do {                                                                                                 \
		if (!(condition))                                                                            \
			ck_abort_msg("not so: %s", #condition);                                              \
	} while (0)

/* Runs passes of the loop until condition holds; the test fails if it never does. */
#define LOOP_UNTIL(base, condition)                                                                          \
	do {                                                                                                 \
		uint64_t loop_end = clock_ms() + LOOP_DEADLINE_MS, loop_before = clock_ms();                 \
		while (!(condition)) {                                                                       \
			ck_assert_msg(clock_ms() < loop_end, "never came true: " #condition);                \
			event_base_loop(base, EVLOOP_NONBLOCK);                                              \
			loop_before = loop_note_lost(loop_before);                                           \
		}                                                                                            \
		(void)loop_note_lost(loop_before);                                                           \
	} while (0)

/* What LOOP_UNTIL takes for time in which others had the CPU: a pass that does not wait takes no 10 ms. */
extern uint64_t loop_lost_ms;

static inline uint64_t loop_note_lost(uint64_t before)
{
	uint64_t now = clock_ms();

	if (now - before > 10)
		loop_lost_ms += now - before;
	return now;
}

/* clock_ms, but without the time that was lost: for what must not take long on any machine. */
static inline uint64_t loop_clock_ms(void)
{
	return clock_ms() - loop_lost_ms;
}

static inline void loop_note_end(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	*(bool *)arg = true;
}

/*
 * How many passes the loop makes in ms milliseconds while it waits for events as a worker does. One of them
 * is due to the timer that ends the wait. There is only that one: a timer for each pass would fire in passes
 * of its own when the machine is busy.
 */
static inline unsigned loop_passes_in(struct event_base *base, unsigned ms)
{
	const struct timeval wait = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
	unsigned passes = 0;
	bool over = false;

	ck_assert_int_eq(event_base_once(base, -1, EV_TIMEOUT, loop_note_end, &over, &wait), 0);
	while (!over) {
		event_base_loop(base, EVLOOP_ONCE);
		passes++;
	}
	return passes;
}

static inline void loop_nonblocking(int fd)
{
	ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static inline int loop_listen(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)address, sizeof(*address)), 0);
	ck_assert_int_eq(listen(fd, 16), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)address, &length), 0);
	return fd;
}

/* A TCP connection, near[0] for the relay, near[1] for the test. Both are non-blocking with small buffers. */
static inline void loop_tcp_pair(int near[2])
{
	struct sockaddr_in address;
	int listener = loop_listen(&address);
	int size = 16384;

	near[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(near[0], 0);
	setsockopt(near[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(near[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ck_assert_int_eq(connect(near[0], (struct sockaddr *)&address, sizeof(address)), 0);
	near[1] = accept(listener, NULL, NULL);
	ck_assert_int_ge(near[1], 0);
	close(listener);
	setsockopt(near[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	loop_nonblocking(near[0]);
	loop_nonblocking(near[1]);
}

static inline void loop_reset(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

/* The byte of the pattern at an offset. The pattern reveals a hole, a swap or a repetition. */
static inline unsigned char loop_byte(uint64_t offset)
{
	return (unsigned char)(offset * 7 + offset / 251 + offset / 65521);
}

/* length bytes of the pattern from offset on, without two divisions for each. */
static inline void loop_fill(unsigned char *data, uint64_t offset, size_t length)
{
	unsigned char byte = loop_byte(offset);
	uint64_t of_251 = offset % 251, of_65521 = offset % 65521;

	for (size_t i = 0; i < length; i++) {
		data[i] = byte;
		byte += 7;
		if (++of_251 == 251) {
			of_251 = 0;
			byte++;
		}
		if (++of_65521 == 65521) {
			of_65521 = 0;
			byte++;
		}
	}
}

/* Sends up to length bytes of the pattern, as many as the socket takes. Returns how many. */
static inline size_t loop_send(int fd, uint64_t offset, size_t length)
{
	unsigned char data[8192];
	size_t sent = 0;

	while (sent < length) {
		size_t piece = length - sent < sizeof(data) ? length - sent : sizeof(data);
		ssize_t n;

		loop_fill(data, offset + sent, piece);
		n = send(fd, data, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	return sent;
}

static inline void loop_tell_difference(const unsigned char *data, const unsigned char *expected,
                                        uint64_t offset)
{
	while (*data == *expected) {
		data++;
		expected++;
		offset++;
	}
	ck_abort_msg("wrong byte at offset %llu", (unsigned long long)offset);
}

enum loop_end { LOOP_OPEN, LOOP_FIN, LOOP_RST };

/*
 * Receives and checks what has arrived, at most length bytes, and advances *offset. Returns how the stream
 * ended, or LOOP_OPEN.
 */
static inline enum loop_end loop_receive(int fd, uint64_t *offset, size_t length)
{
	unsigned char data[8192], expected[sizeof(data)];

	while (length > 0) {
		ssize_t n = recv(fd, data, length < sizeof(data) ? length : sizeof(data), MSG_DONTWAIT);

		if (n == 0)
			return LOOP_FIN;
		if (n < 0)
			return errno == EAGAIN ? LOOP_OPEN : LOOP_RST;
		loop_fill(expected, *offset, (size_t)n);
		if (memcmp(data, expected, (size_t)n) != 0)
			loop_tell_difference(data, expected, *offset);
		*offset += (uint64_t)n;
		length -= (size_t)n;
	}
	return LOOP_OPEN;
}

#endif
