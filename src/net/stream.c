#include "build_config.h"

#include "net/stream.h"

#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Turns the result of a call that moves bytes into a return value of this file. */
static ssize_t moved(ssize_t result)
{
	if (result >= 0)
		return result;
	return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t stream_receive(int fd, void *data, size_t size)
{
	return moved(recv(fd, data, size, 0));
}

ssize_t stream_peek(int fd, void *data, size_t size)
{
	return moved(recv(fd, data, size, MSG_PEEK));
}

ssize_t stream_discard(int fd, void *scratch, size_t size)
{
	return moved(recv(fd, scratch, size, MSG_TRUNC));
}

ssize_t stream_send(int fd, const void *data, size_t size)
{
	return moved(send(fd, data, size, MSG_NOSIGNAL));
}

ssize_t stream_splice(int from, int to, size_t size)
{
	return moved(splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

int stream_finish(int fd)
{
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

void stream_reset(int fd)
{
	close(fd);
}

void stream_keep(int fd)
{
	const struct linger none = {.l_onoff = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

void stream_close(int fd)
{
	stream_keep(fd);
	close(fd);
}

void stream_cut(int fd)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	(void)shutdown(fd, SHUT_RDWR);
}

static uint64_t kernel_bytes(int fd, unsigned long request)
{
	int bytes = 0;

	if (ioctl(fd, request, &bytes) < 0 || bytes < 0)
		return 0;
	return (uint64_t)bytes;
}

uint64_t stream_unread(int fd)
{
	return kernel_bytes(fd, SIOCINQ);
}

uint64_t stream_unacknowledged(int fd)
{
	return kernel_bytes(fd, SIOCOUTQ);
}

uint64_t stream_send_buffer(int fd)
{
	int bytes = 0;
	socklen_t length = sizeof(bytes);

	return getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, &length) < 0 ? 0 : (uint64_t)bytes;
}

static bool is_ready(int fd, short events)
{
	struct pollfd asked = {.fd = fd, .events = events};

	return poll(&asked, 1, 0) > 0 && (asked.revents & events);
}

bool stream_is_readable(int fd)
{
	return is_ready(fd, POLLIN);
}

bool stream_is_writable(int fd)
{
	return is_ready(fd, POLLOUT);
}

bool stream_failed(const int *fds, size_t count, bool failed[STREAM_BATCH])
{
	struct pollfd asked[STREAM_BATCH];

	for (size_t i = 0; i < count; i++)
		asked[i] = (struct pollfd){.fd = fds[i]};
	if (poll(asked, count, 0) <= 0)
		return false;
	for (size_t i = 0; i < count; i++)
		failed[i] = asked[i].revents & POLLERR;
	return true;
}

int stream_take_error(int fd)
{
	int error = socket_take_error(fd);

	return error ? error : -ECONNRESET;
}

bool stream_error_is_silence(int error)
{
	switch (-error) {
	case ETIMEDOUT:
	case ENETUNREACH:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENONET:
	case ECONNREFUSED:
	case ENOPROTOOPT:
	case EPROTO:
		return true;
	default:
		return false;
	}
}
