/*
 * Plays the service manager that passes sockets.
 *
 *   passer hold PATH NAME=SOCKET...   opens them, writes their ports to NAME.port, and keeps them for
 *   passer run PATH PROGRAM ARG...    which gets them from there and becomes the program that they are for
 *
 * SOCKET is an address that listens, or a KIND that no relay can use: dgram, seqpacket, bound, fifo.
 */
#include "build_config.h"

#include "net/address.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS_MAX 16
#define FIRST_FD    3 /* SD_LISTEN_FDS_START */

static void die(const char *what)
{
	fprintf(stderr, "passer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int check(int r, const char *what)
{
	if (r < 0)
		die(what);
	return r;
}

static struct endpoint endpoint_of(const char *text)
{
	struct address address;

	if (address_parse(text, &address) < 0 || address.kind != ADDRESS_LITERAL)
		die(text);
	return address.endpoint;
}

/* ---- hold ---- */

static int open_useless(const char *kind)
{
	struct sockaddr_in any = {.sin_family = AF_INET};
	int pipe_fds[2], fd;

	if (strcmp(kind, "dgram") == 0)
		return check(socket(AF_INET, SOCK_DGRAM, 0), kind);
	if (strcmp(kind, "seqpacket") == 0)
		return check(socket(AF_UNIX, SOCK_SEQPACKET, 0), kind);
	if (strcmp(kind, "bound") == 0) {
		fd = check(socket(AF_INET, SOCK_STREAM, 0), kind);
		check(bind(fd, (struct sockaddr *)&any, sizeof(any)), kind);
		return fd;
	}
	if (strcmp(kind, "fifo") != 0)
		return -1;
	check(pipe(pipe_fds), kind);
	return pipe_fds[0];
}

static int open_listening(const char *name, const char *text)
{
	struct endpoint endpoint = endpoint_of(text);
	int fd = check(socket(endpoint.any.sa_family, SOCK_STREAM, 0), text), one = 1;
	char file[300];
	FILE *out;

	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), text);
	check(bind(fd, &endpoint.any, endpoint.length), text);
	check(listen(fd, SOMAXCONN), text);
	check(getsockname(fd, &endpoint.any, &endpoint.length), text);
	snprintf(file, sizeof(file), "%s.port", name);
	out = fopen(file, "a");
	if (!out || fprintf(out, "%u\n", endpoint_port(&endpoint)) < 0 || fclose(out) != 0)
		die(file);
	return fd;
}

static int open_socket(char *argument, char *names)
{
	char *text = strchr(argument, '=');
	int fd;

	if (!text)
		die(argument);
	*text++ = '\0';
	if (*names)
		strcat(names, ":");
	strcat(names, argument);
	fd = open_useless(text);
	return fd >= 0 ? fd : open_listening(argument, text);
}

/* Room for all descriptors in one message. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(SOCKETS_MAX * sizeof(int))];
};

static void pass(int to, const int *fds, int count, char *names)
{
	union control control = {.bytes = {0}};
	struct iovec data = {.iov_base = names, .iov_len = strlen(names) + 1};
	struct msghdr message = {.msg_iov = &data,
	                         .msg_iovlen = 1,
	                         .msg_control = control.bytes,
	                         .msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
	memcpy(CMSG_DATA(&control.header), fds, (size_t)count * sizeof(int));
	check((int)sendmsg(to, &message, 0), "sendmsg");
}

static void hold(const char *path, char **arguments, int count)
{
	struct endpoint endpoint = endpoint_of(path);
	char names[4096] = "";
	int fds[SOCKETS_MAX], fd = check(socket(AF_UNIX, SOCK_STREAM, 0), path);

	for (int i = 0; i < count && i < SOCKETS_MAX; i++)
		fds[i] = open_socket(arguments[i], names);
	check(bind(fd, &endpoint.any, endpoint.length), path);
	check(listen(fd, 1), path);
	for (;;) {
		int to = check(accept(fd, NULL, NULL), path);

		pass(to, fds, count, names);
		close(to);
	}
}

/* ---- run ---- */

static int receive(int from, int *fds, char *names, size_t size)
{
	union control control;
	struct iovec data = {.iov_base = names, .iov_len = size};
	struct msghdr message = {.msg_iov = &data,
	                         .msg_iovlen = 1,
	                         .msg_control = control.bytes,
	                         .msg_controllen = sizeof(control.bytes)};
	size_t length;

	check((int)recvmsg(from, &message, 0), "recvmsg");
	length = control.header.cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(&control.header), length);
	return (int)(length / sizeof(int));
}

/* Out of the way first, as they may have one another's numbers. */
static void put_in_place(const int *fds, int count)
{
	for (int i = 0; i < count; i++)
		check(dup2(fds[i], 100 + i), "dup2");
	for (int i = 0; i < count; i++)
		close(fds[i]);
	for (int i = 0; i < count; i++) {
		check(dup2(100 + i, FIRST_FD + i), "dup2");
		close(100 + i);
	}
}

static void set_number(const char *key, int number)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	setenv(key, text, 1);
}

static void run(const char *path, char **arguments)
{
	struct endpoint endpoint = endpoint_of(path);
	int fds[SOCKETS_MAX], count, fd = check(socket(AF_UNIX, SOCK_STREAM, 0), path);
	char names[4096] = "";

	check(connect(fd, &endpoint.any, endpoint.length), path);
	count = receive(fd, fds, names, sizeof(names));
	close(fd);
	put_in_place(fds, count);
	set_number("LISTEN_PID", (int)getpid());
	set_number("LISTEN_FDS", count);
	setenv("LISTEN_FDNAMES", names, 1);
	execvp(arguments[0], arguments);
	die(arguments[0]);
}

int main(int argc, char **argv)
{
	if (argc > 3 && strcmp(argv[1], "hold") == 0)
		hold(argv[2], argv + 3, argc - 3);
	if (argc > 3 && strcmp(argv[1], "run") == 0)
		run(argv[2], argv + 3);
	fputs("usage: passer hold PATH NAME=SOCKET... | passer run PATH PROGRAM ARG...\n", stderr);
	return 64;
}
