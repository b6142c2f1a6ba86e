/* Round trips: every connection has one message in flight. */
#include "build_config.h"

#include "load_client.h"
#include "load_samples.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define EVENTS 256

struct caller {
	int fd;
	size_t left; /* bytes of the answer still to come */
	uint64_t sent_ns;
};

struct echo {
	const struct load_options *options;
	int epoll;
	char *message;
	struct caller *callers;
	struct samples samples; /* of each round trip */
	struct client_failures failures;
};

static void caller_end(struct echo *echo, struct caller *caller, const char *reason)
{
	client_failed(&echo->failures, reason);
	client_watch(echo->epoll, EPOLL_CTL_DEL, caller->fd, 0, NULL);
}

static void caller_send(struct echo *echo, struct caller *caller)
{
	size_t size = echo->options->size;
	ssize_t sent;

	caller->sent_ns = load_now_ns();
	caller->left = size;
	sent = send(caller->fd, echo->message, size, MSG_NOSIGNAL);
	if (sent != (ssize_t)size)
		caller_end(echo, caller, sent < 0 ? strerror(errno) : "the message was not taken whole");
}

static void caller_receive(struct echo *echo, struct caller *caller)
{
	static char answer[65536];
	ssize_t received = recv(caller->fd, answer, caller->left, 0);

	if (received < 0 && errno == EAGAIN)
		return;
	if (received <= 0) {
		caller_end(echo, caller, received < 0 ? strerror(errno) : "end of stream");
		return;
	}
	caller->left -= (size_t)received;
	if (caller->left > 0)
		return;
	samples_add(&echo->samples, load_now_ns() - caller->sent_ns);
	caller_send(echo, caller);
}

static void echo_run(struct echo *echo)
{
	uint64_t end = load_now_ns() + echo->options->milliseconds * 1000000;
	struct epoll_event events[EVENTS];

	for (unsigned i = 0; i < echo->options->connections; i++)
		caller_send(echo, &echo->callers[i]);
	while (load_now_ns() < end && echo->failures.count < echo->options->connections) {
		int count = epoll_wait(echo->epoll, events, EVENTS, 100);

		if (count < 0 && errno != EINTR)
			load_die("epoll_wait");
		for (int i = 0; i < count; i++)
			caller_receive(echo, events[i].data.ptr);
	}
}

/* Returns how long the slowest connection took to open, in ns. */
static uint64_t echo_open(struct echo *echo)
{
	const struct load_request request = {.magic = LOAD_MAGIC, .flags = LOAD_ECHO};
	uint64_t slowest = 0;

	for (unsigned i = 0; i < echo->options->connections; i++) {
		struct caller *caller = &echo->callers[i];
		uint64_t start = load_now_ns(), took;

		caller->fd = client_open(echo->options, &request);
		client_watch(echo->epoll, EPOLL_CTL_ADD, caller->fd, EPOLLIN, caller);
		took = load_now_ns() - start;
		slowest = took > slowest ? took : slowest;
	}
	return slowest;
}

static void echo_print(struct echo *echo, double seconds, uint64_t slowest_open)
{
	printf("{\"seconds\": %.6f, \"round_trips\": %llu, \"open_us\": %.1f, ", seconds,
	       (unsigned long long)echo->samples.count, (double)slowest_open / 1e3);
	samples_print(&echo->samples);
	client_print_failures(&echo->failures);
}

int load_echo(const struct load_options *options)
{
	struct echo echo = {.options = options, .epoll = client_epoll()};
	uint64_t start, slowest_open;

	echo.message = load_alloc(1, options->size);
	echo.callers = load_alloc(options->connections, sizeof(*echo.callers));
	samples_init(&echo.samples);
	slowest_open = echo_open(&echo);
	client_start();

	start = load_now_ns();
	echo_run(&echo);
	echo_print(&echo, (double)(load_now_ns() - start) / 1e9, slowest_open);
	client_finish();
	samples_deinit(&echo.samples);
	free(echo.callers);
	free(echo.message);
	return EXIT_SUCCESS;
}
