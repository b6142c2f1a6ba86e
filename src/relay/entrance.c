#include "build_config.h"

#include "relay/entrance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int entrance_fd(const struct entrance *entrance, unsigned worker)
{
	return entrance->fds[worker % entrance->count];
}

/* Another daemon may have taken over the path since then. */
static bool is_still_ours(const struct entrance *entrance)
{
	struct stat status;

	return lstat(entrance->unlink_path, &status) == 0 && status.st_dev == entrance->device &&
	       status.st_ino == entrance->inode;
}

void entrance_close(struct entrance *entrance)
{
	/* While the socket is open, no other file can have its inode. */
	if (entrance->unlink_path && is_still_ours(entrance))
		unlink(entrance->unlink_path);
	free(entrance->unlink_path);
	entrance->unlink_path = NULL;
	for (unsigned i = 0; i < entrance->count; i++)
		close(entrance->fds[i]);
	free(entrance->fds);
	entrance->fds = NULL;
	entrance->count = 0;
}

/*
 * With SO_REUSEPORT, a second daemon of the same user could join in unnoticed and get half of the clients. A
 * socket without it cannot be bound where another listens, so we try one first. It also settles which port 0
 * stands for.
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

static int add_socket(struct entrance *entrance, const struct endpoint *endpoint,
                      const struct socket_tuning *tuning, enum socket_sharing sharing, bool dual_stack)
{
	int fd = socket_listen(endpoint, tuning, sharing, dual_stack);

	if (fd < 0)
		return fd;
	entrance->fds[entrance->count++] = fd;
	return 0;
}

static int open_unix(struct entrance *entrance, const struct endpoint *endpoint,
                     const struct socket_tuning *tuning)
{
	int error = add_socket(entrance, endpoint, tuning, SOCKET_SOLE, false);
	struct stat status;

	if (error || endpoint->un.sun_path[0] == '\0')
		return error;
	if (lstat(endpoint->un.sun_path, &status) < 0)
		return -errno;
	entrance->device = status.st_dev;
	entrance->inode = status.st_ino;
	entrance->unlink_path = strdup(endpoint->un.sun_path);
	return entrance->unlink_path ? 0 : -ENOMEM;
}

static int open_tcp(struct entrance *entrance, struct endpoint *endpoint, const struct socket_tuning *tuning,
                    bool dual_stack, unsigned workers)
{
	int error = settle_endpoint(endpoint, tuning, dual_stack);

	for (unsigned i = 0; !error && i < workers; i++)
		error = add_socket(entrance, endpoint, tuning, SOCKET_SHARED, dual_stack);
	return error;
}

int entrance_open(struct entrance *entrance, const struct endpoint *endpoint,
                  const struct socket_tuning *tuning, bool dual_stack, unsigned workers)
{
	struct endpoint settled = *endpoint;
	int error;

	memset(entrance, 0, sizeof(*entrance));
	entrance->fds = calloc(workers, sizeof(*entrance->fds));
	if (!entrance->fds)
		return -ENOMEM;
	if (endpoint->any.sa_family == AF_UNIX)
		error = open_unix(entrance, endpoint, tuning);
	else
		error = open_tcp(entrance, &settled, tuning, dual_stack, workers);
	if (error) {
		entrance_close(entrance);
		return error;
	}
	entrance->endpoint = settled;
	entrance->dual_stack = dual_stack;
	endpoint_format(&settled.any, settled.length, entrance->text);
	return 0;
}

/* Whether the entrance stands for every address of this family that the machine has. */
static bool is_for_all(const struct entrance *entrance, sa_family_t family)
{
	const struct endpoint *own = &entrance->endpoint;

	if (own->any.sa_family == AF_INET)
		return family == AF_INET && own->in.sin_addr.s_addr == htonl(INADDR_ANY);
	return own->any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&own->in6.sin6_addr) &&
	       (family == AF_INET6 || (family == AF_INET && entrance->dual_stack));
}

bool entrance_matches(const struct entrance *entrance, const struct endpoint *endpoint)
{
	const struct endpoint *own = &entrance->endpoint;
	struct endpoint to = endpoint_reached(endpoint);

	if (endpoint_equal(own, &to))
		return true;
	/* IPv4 and IPv6 have the port in the same place. */
	return is_for_all(entrance, to.any.sa_family) && own->in.sin_port == to.in.sin_port &&
	       socket_address_is_ours(&to);
}
