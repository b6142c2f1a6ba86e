/* Connects sockets, and tells which addresses are this machine's. */
#include "build_config.h"

#include "net/local_ports.h"
#include "net/socket_private.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/*
 * connect(2) says EADDRNOTAVAIL in two cases: no local port is free, or no address of ours leads there. A UDP
 * socket tells them apart, because it does not need one of those ports. Connecting it sends nothing.
 */
static bool has_no_address_for(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool none;

	if (fd < 0)
		return false;
	none = connect(fd, &endpoint->any, endpoint->length) < 0 && errno == EADDRNOTAVAIL;
	close(fd);
	return none;
}

bool socket_error_is_shortage(int error)
{
	return error == -EADDRINUSE || error == -EMFILE || error == -ENFILE || error == -ENOBUFS ||
	       error == -ENOMEM || local_address_failed(error);
}

/* If none of ports can be bound, the kernel chooses one in connect(2). */
static int bind_local(int fd, const struct endpoint *to, const struct local_address *local,
                      struct local_ports *ports, unsigned *tries, bool *bound)
{
	struct endpoint from;
	bool has_from = local_address_for(local, to, &from);
	int error = local_address_bind_interface(local, fd);

	if (error)
		return error;
	*bound = ports && local_ports_bind(ports, fd, has_from ? &from : NULL, to, tries) == 0;
	return *bound || !has_from ? 0 : local_address_bind(fd, &from);
}

static int connect_once(const struct endpoint *to, const struct socket_tuning *tuning,
                        struct local_ports *ports, unsigned *tries, bool *bound)
{
	int fd = socket_open(to, tuning);
	int error = 0;

	if (fd < 0)
		return fd;
	if (endpoint_is_loopback(to))
		socket_leave_uncontrolled(fd);
	if (to->any.sa_family != AF_UNIX)
		error = bind_local(fd, to, &tuning->local_address, ports, tries, bound);
	if (!error && connect(fd, &to->any, to->length) < 0 && errno != EINPROGRESS)
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

int socket_connect(const struct endpoint *endpoint, const struct socket_tuning *tuning,
                   struct local_ports *ports, bool *bound)
{
	const struct endpoint to = endpoint_reached(endpoint);
	unsigned tries = LOCAL_PORTS_TRIES;
	bool is_bound = false;
	int fd;

	/*
	 * -EADDRNOTAVAIL: the port is in use towards this endpoint. The socket stays bound to it, so the next
	 * try needs another.
	 */
	do
		fd = connect_once(&to, tuning, ports, &tries, &is_bound);
	while (fd == -EADDRNOTAVAIL && is_bound);
	if (bound)
		*bound = is_bound;
	return fd == -EADDRNOTAVAIL && !has_no_address_for(&to) ? -EADDRINUSE : fd;
}

int socket_take_error(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		return -errno;
	return -error;
}

int socket_connect_result(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLOUT};

	if (poll(&wanted, 1, 0) <= 0)
		return -EINPROGRESS;
	return (wanted.revents & (POLLERR | POLLHUP)) ? socket_take_error(fd) : 0;
}

bool socket_is_its_own_peer(int fd, const struct endpoint *endpoint)
{
	struct endpoint own = {.length = sizeof(own.un)}, peer = own;

	if (endpoint->any.sa_family == AF_UNIX || getsockname(fd, &own.any, &own.length) < 0)
		return false;
	/* Hardly any socket needs the second call. */
	if (endpoint_port(&own) != endpoint_port(endpoint))
		return false;
	return getpeername(fd, &peer.any, &peer.length) == 0 && endpoint_equal(&own, &peer);
}

/*
 * Asks a UDP socket where its packets would come from. Connecting it sends nothing. IPv6 uses the destination
 * as the source if that address is ours (RFC 6724, rule 1). IPv4 may use another address of the machine
 * (127.0.0.1 for 127.0.0.2, the first address of a network for the second), so it is bound to the address
 * first. bind(2) refuses an address that is not ours. If net.ipv4.ip_nonlocal_bind is set, connect(2) refuses
 * it instead. IPv6 is not bound, because its connect(2) would not refuse it.
 */
static bool comes_from(int fd, const struct endpoint *endpoint)
{
	struct endpoint own = *endpoint;

	endpoint_set_port(&own, 0);
	if (own.any.sa_family == AF_INET && bind(fd, &own.any, own.length) < 0)
		return false;
	if (connect(fd, &endpoint->any, endpoint->length) < 0 || getsockname(fd, &own.any, &own.length) < 0)
		return false;
	endpoint_set_port(&own, endpoint_port(endpoint));
	return endpoint_equal(&own, endpoint);
}

bool socket_address_is_ours(const struct endpoint *endpoint)
{
	bool ours;
	int fd;

	if (endpoint_is_loopback(endpoint))
		return true;
	fd = socket(endpoint->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	ours = comes_from(fd, endpoint);
	close(fd);
	return ours;
}
