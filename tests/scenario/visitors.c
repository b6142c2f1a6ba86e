/*
 * visitors [-n COUNT] [-c AT_ONCE] [-r PER_SECOND] [-s SOURCES] [-k] ADDRESS
 *
 * Clients of a farm. Each takes the name that the target says, sends a few bytes, wants them back, ends, and
 * waits for the other end. It prints a line for each:
 *
 *   visitor=7 origin=8 target=one at_ms=31 took_ms=2 end=ok
 *
 * end=ok, or reset, refused, hung or wrong. took_ms: from before connect(2) to its
 * bytes or its failure.
 *
 *   -n  how many, 1 by default      -c  at most so many at a time, 1 by default
 *   -r  the n-th begins n/r seconds after the first, however many there are; without -c then
 *   -s  they come from so many addresses in turn, 127.0.1.1 and on
 *   -k  they stay until SIGTERM: end=kept once served, and end=lost if one is lost meanwhile
 */
#include "build_config.h"

#include "net/address.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 64, PATIENCE_MS = 40000, MESSAGE = 8, NAME_MAX_BYTES = 16, TICK_MS = 2 };

enum step { ABSENT, CONNECTING, ASKED, ENDING, KEPT, GONE };

struct visitor {
	enum step step;
	int fd;
	uint64_t since_ms;
	char got[NAME_MAX_BYTES + MESSAGE + 1]; /* the name, a newline, what came back */
	size_t length;
};

static struct {
	unsigned count, at_once, per_second, origins;
	bool keep;
	struct endpoint endpoint;
} options = {.count = 1};

static struct visitor *visitors;
static unsigned begun, present, gone;
static uint64_t start_ms;
static int epoll;
static volatile sig_atomic_t terminated;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static unsigned number_of(const struct visitor *visitor)
{
	return (unsigned)(visitor - visitors);
}

static unsigned origin_of(const struct visitor *visitor)
{
	return options.origins ? number_of(visitor) % options.origins + 1 : 0;
}

static void say(const struct visitor *visitor, const char *end)
{
	const char *newline = memchr(visitor->got, '\n', visitor->length);

	printf("visitor=%u origin=%u target=%.*s at_ms=%llu took_ms=%llu end=%s\n", number_of(visitor),
	       origin_of(visitor), newline ? (int)(newline - visitor->got) : 1, newline ? visitor->got : "-",
	       (unsigned long long)(visitor->since_ms - start_ms),
	       (unsigned long long)(now_ms() - visitor->since_ms), end);
}

static void leave(struct visitor *visitor, const char *end)
{
	if (end)
		say(visitor, end);
	close(visitor->fd);
	visitor->step = GONE;
	present--;
	gone++;
}

static const char *name_of(int error)
{
	if (error == ECONNRESET || error == EPIPE)
		return "reset";
	return error == ECONNREFUSED ? "refused" : "wrong";
}

static void come_from(int fd, unsigned origin)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	int on = 1;

	if (!origin)
		return;
	address.sin_addr.s_addr = htonl(0x7f000100 + origin);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
}

static void begin(struct visitor *visitor)
{
	const struct endpoint *endpoint = &options.endpoint;
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = visitor};

	visitor->since_ms = now_ms();
	visitor->step = CONNECTING;
	present++;
	visitor->fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (visitor->fd < 0)
		die("socket");
	come_from(visitor->fd, origin_of(visitor));
	if (connect(visitor->fd, &endpoint->any, endpoint->length) < 0 && errno != EINPROGRESS)
		leave(visitor, name_of(errno));
	else if (epoll_ctl(epoll, EPOLL_CTL_ADD, visitor->fd, &event) < 0)
		die("epoll_ctl");
}

static void message_of(const struct visitor *visitor, char message[MESSAGE])
{
	uint64_t number = number_of(visitor) * 0x9e3779b97f4a7c15u + 1;

	memcpy(message, &number, MESSAGE);
}

/* A client speaks at once, as most do. */
static void speak(struct visitor *visitor)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = visitor};
	char message[MESSAGE];
	int error = 0;
	socklen_t length = sizeof(error);

	getsockopt(visitor->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	message_of(visitor, message);
	if (!error && send(visitor->fd, message, MESSAGE, MSG_NOSIGNAL) != MESSAGE)
		error = errno;
	if (error) {
		leave(visitor, name_of(error));
		return;
	}
	visitor->step = ASKED;
	epoll_ctl(epoll, EPOLL_CTL_MOD, visitor->fd, &event);
}

static void served(struct visitor *visitor)
{
	if (options.keep) {
		say(visitor, "kept");
		visitor->step = KEPT;
	} else {
		say(visitor, "ok");
		visitor->step = ENDING;
		shutdown(visitor->fd, SHUT_WR);
	}
}

/* The name, then what was sent. */
static void judge(struct visitor *visitor)
{
	const char *newline = memchr(visitor->got, '\n', visitor->length);
	char message[MESSAGE];
	size_t name;

	if (!newline)
		return;
	name = (size_t)(newline - visitor->got) + 1;
	if (visitor->length < name + MESSAGE)
		return;
	message_of(visitor, message);
	if (visitor->length > name + MESSAGE || memcmp(newline + 1, message, MESSAGE) != 0)
		leave(visitor, "wrong");
	else
		served(visitor);
}

static void listen_to(struct visitor *visitor)
{
	char *rest = visitor->got + visitor->length;
	ssize_t n = recv(visitor->fd, rest, sizeof(visitor->got) - visitor->length, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && visitor->step == ASKED) {
		visitor->length += (size_t)n;
		judge(visitor);
	} else if (visitor->step == KEPT) {
		leave(visitor, "lost");
	} else if (visitor->step == ENDING) { /* served; an end that is none is one more line */
		leave(visitor, n == 0 ? NULL : "wrong");
	} else {
		leave(visitor, n < 0 ? name_of(errno) : "wrong");
	}
}

/* Those whose time has come. */
static void begin_due(void)
{
	uint64_t elapsed = now_ms() - start_ms;

	while (begun < options.count) {
		if (options.per_second && elapsed * options.per_second < begun * 1000ull)
			return;
		if (!options.per_second && !options.keep && present >= options.at_once)
			return;
		begin(&visitors[begun++]);
	}
}

static void expire(void)
{
	uint64_t now = now_ms();

	for (unsigned i = 0; i < begun; i++)
		if (visitors[i].step != GONE && visitors[i].step != KEPT &&
		    now - visitors[i].since_ms > PATIENCE_MS)
			leave(&visitors[i], "hung");
}

static void run(void)
{
	struct epoll_event event;

	while (gone < options.count && !terminated) {
		begin_due();
		if (epoll_wait(epoll, &event, 1, begun < options.count ? TICK_MS : 1000) != 1)
			expire();
		else if (((struct visitor *)event.data.ptr)->step == CONNECTING)
			speak(event.data.ptr);
		else
			listen_to(event.data.ptr);
	}
}

static void terminate(int signal)
{
	(void)signal;
	terminated = 1;
}

static void usage(void)
{
	fprintf(stderr,
	        "usage: visitors [-n COUNT] [-c AT_ONCE] [-r PER_SECOND] [-s SOURCES] [-k] ADDRESS\n");
	exit(EXIT_USAGE);
}

static void parse(int argc, char **argv)
{
	struct address address;
	int option;

	while ((option = getopt(argc, argv, "n:c:r:s:k")) != -1) {
		unsigned number = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		if (option == 'n')
			options.count = number;
		else if (option == 'c')
			options.at_once = number;
		else if (option == 'r')
			options.per_second = number;
		else if (option == 's')
			options.origins = number;
		else if (option == 'k')
			options.keep = true;
		else
			usage();
	}
	if (optind + 1 != argc || address_parse(argv[optind], &address) < 0)
		usage();
	options.endpoint = address.endpoint;
	address_deinit(&address);
	if (!options.at_once)
		options.at_once = 1;
}

int main(int argc, char **argv)
{
	struct rlimit limit;

	parse(argc, argv);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGTERM, terminate);
	setlinebuf(stdout);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	visitors = calloc(options.count, sizeof(*visitors));
	if (epoll < 0 || !visitors)
		die("visitors");
	start_ms = now_ms();
	run();
	free(visitors);
	return EXIT_SUCCESS;
}
