/*
 * Short connections, a few at a time. Each one connects, sends the request, takes the one byte that answers
 * it, and closes; or it ends its stream, and closes when the other end has come.
 */
#include "build_config.h"

#include "load_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64

enum step {
	CONNECTING,
	ASKED,
	ENDED, /* we are, the relay is not */
};

struct visitor {
	int fd;
	enum step step;
	uint64_t since_ns; /* before it connected */
};

struct visits {
	const struct load_options *options;
	int epoll;
	uint64_t started, finished;
	uint64_t longest_ns; /* until an answer */
	struct client_failures failures;
};

/* Starts one more connection, unless all have been started. */
static void visitor_connect(struct visits *visits, struct visitor *visitor)
{
	const struct endpoint *address = &visits->options->address;

	if (visits->started == visits->options->count)
		return;
	visits->started++;
	visitor->step = CONNECTING;
	visitor->since_ns = load_now_ns();
	visitor->fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (visitor->fd < 0)
		load_die("socket");
	if (connect(visitor->fd, &address->any, address->length) != 0 && errno != EINPROGRESS)
		load_die("connect");
	client_watch(visits->epoll, EPOLL_CTL_ADD, visitor->fd, EPOLLOUT, visitor);
}

static void visitor_end(struct visits *visits, struct visitor *visitor, const char *failure)
{
	if (failure)
		client_failed(&visits->failures, failure);
	close(visitor->fd);
	visits->finished++;
	visitor_connect(visits, visitor);
}

static void visitor_ask(struct visits *visits, struct visitor *visitor)
{
	const struct load_request request = {.magic = LOAD_MAGIC};

	if (send(visitor->fd, &request, sizeof(request), MSG_NOSIGNAL) != (ssize_t)sizeof(request)) {
		visitor_end(visits, visitor, strerror(errno));
		return;
	}
	visitor->step = ASKED;
	client_watch(visits->epoll, EPOLL_CTL_MOD, visitor->fd, EPOLLIN, visitor);
}

static void note_time(struct visits *visits, const struct visitor *visitor)
{
	uint64_t took_ns = load_now_ns() - visitor->since_ns;

	if (took_ns > visits->longest_ns)
		visits->longest_ns = took_ns;
}

static void visitor_take(struct visits *visits, struct visitor *visitor)
{
	char answer;
	ssize_t received = recv(visitor->fd, &answer, 1, 0);

	if (received < 0 && errno == EAGAIN)
		return;
	note_time(visits, visitor);
	if (received != 1)
		visitor_end(visits, visitor,
		            received < 0 ? strerror(errno) : "end of stream instead of the answer");
	else if (!visits->options->finish)
		visitor_end(visits, visitor, NULL);
	else if (shutdown(visitor->fd, SHUT_WR) != 0)
		visitor_end(visits, visitor, strerror(errno));
	else
		visitor->step = ENDED;
}

static void visitor_take_end(struct visits *visits, struct visitor *visitor)
{
	char extra;
	ssize_t received = recv(visitor->fd, &extra, 1, 0);

	if (received < 0 && errno == EAGAIN)
		return;
	if (received == 0)
		visitor_end(visits, visitor, NULL);
	else
		visitor_end(visits, visitor, received < 0 ? strerror(errno) : "more bytes than the answer");
}

static void visitor_progress(struct visits *visits, struct visitor *visitor)
{
	switch (visitor->step) {
	case CONNECTING:
		visitor_ask(visits, visitor);
		break;
	case ASKED:
		visitor_take(visits, visitor);
		break;
	case ENDED:
		visitor_take_end(visits, visitor);
		break;
	}
}

static void visits_run(struct visits *visits)
{
	uint64_t end = load_now_ns() + visits->options->timeout * 1000000;
	struct epoll_event events[EVENTS];

	while (visits->finished < visits->options->count && load_now_ns() < end) {
		int count = epoll_wait(visits->epoll, events, EVENTS, 100);

		if (count < 0 && errno != EINTR)
			load_die("epoll_wait");
		for (int i = 0; i < count; i++)
			visitor_progress(visits, events[i].data.ptr);
	}
	if (visits->finished < visits->options->count)
		client_failed(&visits->failures, "not complete in time");
}

int load_connect(const struct load_options *options)
{
	struct visits visits = {.options = options, .epoll = client_epoll()};
	struct visitor *visitors = load_alloc(options->connections, sizeof(*visitors));
	uint64_t start;

	client_start();
	start = load_now_ns();
	for (unsigned i = 0; i < options->connections; i++)
		visitor_connect(&visits, &visitors[i]);
	visits_run(&visits);
	printf("{\"seconds\": %.6f, \"connections\": %llu, \"longest_ms\": %.3f, ",
	       (double)(load_now_ns() - start) / 1e9, (unsigned long long)visits.finished,
	       (double)visits.longest_ns / 1e6);
	client_print_failures(&visits.failures);
	client_finish();
	free(visitors);
	return EXIT_SUCCESS;
}
