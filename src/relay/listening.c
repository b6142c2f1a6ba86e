#include "build_config.h"

#include "relay/listening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int listening_fd(const struct listening *listening, unsigned worker)
{
	return listening->fds[worker % listening->count];
}

/* Another daemon may have taken the path over since. */
static bool is_still_ours(const struct listening *listening)
{
	struct stat status;

	return lstat(listening->unlink_path, &status) == 0 && status.st_dev == listening->device &&
	       status.st_ino == listening->inode;
}

void listening_close(struct listening *listening)
{
	/* While the socket is open nobody else can have its inode. */
	if (listening->unlink_path && is_still_ours(listening))
		unlink(listening->unlink_path);
	free(listening->unlink_path);
	listening->unlink_path = NULL;
	for (unsigned i = 0; i < listening->count; i++)
		close(listening->fds[i]);
	free(listening->fds);
	listening->fds = NULL;
	listening->count = 0;
}

/*
 * With SO_REUSEPORT a second daemon of the same user could join in unseen and get half of the clients. A
 * socket without it cannot be bound where somebody listens, so it is tried first. It also settles which port
 * 0 stands for.
 */
static int settle_endpoint(struct endpoint *endpoint, const struct socket_tuning *tuning, bool dual_stack)
{
	int fd = socket_listen(endpoint, tuning, SOCKET_SOLE, dual_stack);
	int error = 0;

	if (fd < 0)
		return fd;
	endpoint->length = sizeof(endpoint->un);
	if (getsockname(fd, &endpoint->any, &endpoint->length) < 0)
		error = -errno;
	close(fd);
	return error;
}

static int add_socket(struct listening *listening, const struct endpoint *endpoint,
                      const struct socket_tuning *tuning, enum socket_sharing sharing, bool dual_stack)
{
	int fd = socket_listen(endpoint, tuning, sharing, dual_stack);

	if (fd < 0)
		return fd;
	listening->fds[listening->count++] = fd;
	return 0;
}

static int open_unix(struct listening *listening, const struct endpoint *endpoint,
                     const struct socket_tuning *tuning)
{
	int error = add_socket(listening, endpoint, tuning, SOCKET_SOLE, false);
	struct stat status;

	if (error || endpoint->un.sun_path[0] == '\0')
		return error;
	if (lstat(endpoint->un.sun_path, &status) < 0)
		return -errno;
	listening->device = status.st_dev;
	listening->inode = status.st_ino;
	listening->unlink_path = strdup(endpoint->un.sun_path);
	return listening->unlink_path ? 0 : -ENOMEM;
}

static int open_tcp(struct listening *listening, struct endpoint *endpoint,
                    const struct socket_tuning *tuning, bool dual_stack, unsigned workers)
{
	int error = settle_endpoint(endpoint, tuning, dual_stack);

	for (unsigned i = 0; !error && i < workers; i++)
		error = add_socket(listening, endpoint, tuning, SOCKET_SHARED, dual_stack);
	return error;
}

int listening_open(struct listening *listening, const struct endpoint *endpoint,
                   const struct socket_tuning *tuning, bool dual_stack, unsigned workers)
{
	struct endpoint settled = *endpoint;
	int error;

	memset(listening, 0, sizeof(*listening));
	listening->fds = calloc(workers, sizeof(*listening->fds));
	if (!listening->fds)
		return -ENOMEM;
	if (endpoint->any.sa_family == AF_UNIX)
		error = open_unix(listening, endpoint, tuning);
	else
		error = open_tcp(listening, &settled, tuning, dual_stack, workers);
	if (error) {
		listening_close(listening);
		return error;
	}
	listening->endpoint = settled;
	listening->dual_stack = dual_stack;
	endpoint_format(&settled.any, settled.length, listening->text);
	return 0;
}

/* Whether it stands for every address of this family that the machine has. */
static bool is_for_all(const struct listening *listening, sa_family_t family)
{
	const struct endpoint *own = &listening->endpoint;

	if (own->any.sa_family == AF_INET)
		return family == AF_INET && own->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return own->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&own->in6.sin6_addr) &&
	       (family == AF_INET6 || (family == AF_INET && listening->dual_stack));
}

bool listening_takes(const struct listening *listening, const struct endpoint *endpoint)
{
	const struct endpoint *own = &listening->endpoint;
	struct endpoint to = endpoint_reached(endpoint);

	if (endpoint_equal(own, &to))
		return true;
	/* IPv4 and IPv6 have the port in the same place. */
	return is_for_all(listening, to.any.sa_family) && own->in.sin_port == to.in.sin_port &&
	       socket_address_is_ours(&to);
}
