/* Changes the tuning of a socket that already listens. */
#include "build_config.h"

#include "net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72 /* Linux 5.14 */
#endif

struct option {
	int level, name;
	bool doubled; /* the kernel doubles what it is asked for. socket(7) */
};

/*
 * What a tuning sets. The pattern is a new socket, so it has the kernel's own value wherever the tuning says
 * "auto".
 */
static const struct option options[] = {
        {SOL_SOCKET, SO_KEEPALIVE, false},       {IPPROTO_TCP, TCP_NODELAY, false},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, false}, {IPPROTO_TCP, TCP_KEEPIDLE, false},
        {IPPROTO_TCP, TCP_KEEPINTVL, false},     {IPPROTO_TCP, TCP_KEEPCNT, false},
        {SOL_SOCKET, SO_RCVBUF, true},           {SOL_SOCKET, SO_SNDBUF, true},
};

/* Which buffers are set, rather than left to the kernel. Setting one locks it, so the locks come last. */
static const struct option locks = {SOL_SOCKET, SO_BUF_LOCK, false};

static int get(int fd, const struct option *option, int *value)
{
	socklen_t length = sizeof(*value);

	return getsockopt(fd, option->level, option->name, value, &length) < 0 ? -errno : 0;
}

/*
 * 1 if it was changed, 0 or -errno. What is the same is left alone: if the kernel has not been told a value,
 * it goes on choosing it.
 */
static int copy(int fd, int pattern, const struct option *option)
{
	int own, wanted;
	int error = get(fd, option, &own);

	if (!error)
		error = get(pattern, option, &wanted);
	if (error || own == wanted)
		return error;
	if (option->doubled)
		wanted /= 2;
	return setsockopt(fd, option->level, option->name, &wanted, sizeof(wanted)) < 0 ? -errno : 1;
}

int socket_retune(int fd, int pattern)
{
	bool resized = false;
	int error;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int result = copy(fd, pattern, &options[i]);

		if (result < 0)
			return result;
		resized = resized || (result > 0 && options[i].doubled);
	}
	error = copy(fd, pattern, &locks);
	if (error == -ENOPROTOOPT && !resized) /* none is left to the kernel now that was not before */
		return 0;
	return error < 0 ? error : 0;
}
