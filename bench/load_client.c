#include "build_config.h"

#include "load_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define OPEN_TIMEOUT 10 /* seconds */

static void set_option(int fd, int level, int name, const void *value, socklen_t length)
{
	if (setsockopt(fd, level, name, value, length) != 0)
		load_die("setsockopt");
}

static int client_socket(const struct load_options *options)
{
	const struct timeval limit = {.tv_sec = OPEN_TIMEOUT};
	int fd = socket(options->address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		load_die("socket");
	load_set_no_delay(fd, &options->address);
	set_option(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	set_option(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (options->buffer != 0)
		set_option(fd, SOL_SOCKET, SO_RCVBUF, &options->buffer, sizeof(options->buffer));
	return fd;
}

int client_connect(const struct load_options *options)
{
	int fd = client_socket(options);

	if (connect(fd, &options->address.any, options->address.length) != 0)
		load_die("connect");
	return fd;
}

int client_open(const struct load_options *options, const struct load_request *request)
{
	int fd = client_connect(options);
	char answer;

	if (send(fd, request, sizeof(*request), MSG_NOSIGNAL) != (ssize_t)sizeof(*request))
		load_die("send a request");
	errno = ECONNRESET; /* what to report when the stream ends early */
	if (recv(fd, &answer, 1, 0) != 1)
		load_die("receive the answer to a request");
	if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
		load_die("fcntl");
	return fd;
}

void client_ask_to_give(int fd)
{
	if (send(fd, "!", 1, MSG_NOSIGNAL) != 1)
		load_die("send the word to give");
}

void client_start(void)
{
	char line[16];

	puts("ready");
	if (fflush(stdout) != 0)
		load_die("standard output");
	if (!fgets(line, sizeof(line), stdin))
		load_die("no word to start");
}

void client_finish(void)
{
	if (fflush(stdout) != 0)
		load_die("standard output");
	while (getchar() != EOF)
		;
}

int client_epoll(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		load_die("epoll_create1");
	return epoll;
}

void client_watch(int epoll, int operation, int fd, uint32_t events, void *subject)
{
	struct epoll_event event = {.events = events, .data.ptr = subject};

	if (epoll_ctl(epoll, operation, fd, &event) != 0)
		load_die("epoll_ctl");
}

void client_failed(struct client_failures *failures, const char *reason)
{
	if (failures->count++ == 0)
		snprintf(failures->reason, sizeof(failures->reason), "%s", reason);
}

void client_print_failures(const struct client_failures *failures)
{
	printf("\"failed\": %u, \"reason\": \"%s\"}\n", failures->count, failures->reason);
}
