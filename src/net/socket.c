#include "build_config.h"

#include "net/socket_private.h"

#include "base/units.h"
#include "net/unix_path.h"

#include <errno.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many clients may wait to be accepted. net.core.somaxconn limits it further. */
#define BACKLOG 4096
/* How long a handshake may take, lost packets aside: over the longest cables, and on loopback. */
#define HANDSHAKE_MS       300
#define LOCAL_HANDSHAKE_MS 10
#define TTL_MAX            255

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int set_number(int fd, int level, int name, uint64_t number)
{
	if (number == UNITS_AUTO)
		return 0;
	return set_option(fd, level, name, number > INT_MAX ? INT_MAX : (int)number);
}

static int set_seconds(int fd, int level, int name, uint64_t milliseconds)
{
	if (milliseconds == UNITS_AUTO)
		return 0;
	return set_option(fd, level, name, (int)((milliseconds + 999) / 1000));
}

/*
 * The kernel doubles the size that it is asked for, so ask for half. EPOLLOUT then means that there is room
 * below that size, which is what flows wait for: see flow/flow_room.c.
 */
static int set_sndbuf(int fd, uint64_t bytes)
{
	return set_number(fd, SOL_SOCKET, SO_SNDBUF, bytes == UNITS_AUTO ? bytes : bytes / 2);
}

static int reset_on_close(int fd)
{
	const struct linger linger = {.l_onoff = 1, .l_linger = 0};

	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) < 0 ? -errno : 0;
}

static int keep_alive(int fd, const struct socket_tuning *tuning)
{
	int error = set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);

	if (!error)
		error = set_seconds(fd, IPPROTO_TCP, TCP_KEEPIDLE, tuning->keepalive_idle);
	if (!error)
		error = set_seconds(fd, IPPROTO_TCP, TCP_KEEPINTVL, tuning->keepalive_interval);
	if (!error)
		error = set_number(fd, IPPROTO_TCP, TCP_KEEPCNT, tuning->keepalive_count);
	return error;
}

static int tune_tcp(int fd, const struct socket_tuning *tuning)
{
	int error = reset_on_close(fd);

	if (!error && tuning->nodelay)
		error = set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!error && tuning->keepalive)
		error = keep_alive(fd, tuning);
	if (!error)
		error = set_number(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, tuning->notsent_lowat);
	return error;
}

/* Keeps an urgent byte in line, where it was sent. Not every kernel has urgent bytes on unix sockets. */
static int keep_urgent(int fd, sa_family_t family)
{
	int error = set_option(fd, SOL_SOCKET, SO_OOBINLINE, 1);

	return family == AF_UNIX ? 0 : error;
}

/*
 * A loopback connection has no network whose congestion needs control. An algorithm that paces, like bbr,
 * costs a timer for every 64 KiB there (measured: twice the CPU of a bulk transfer). Every kernel has reno,
 * and every process may choose it. If that fails, the default stays.
 */
void socket_leave_uncontrolled(int fd)
{
	static const char name[] = "reno";

	(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, sizeof(name) - 1);
}

static int tune(int fd, sa_family_t family, const struct socket_tuning *tuning)
{
	int error = set_number(fd, SOL_SOCKET, SO_RCVBUF, tuning->rcvbuf);

	if (!error)
		error = set_sndbuf(fd, tuning->sndbuf);
	if (!error)
		error = keep_urgent(fd, family);
	if (!error && family != AF_UNIX)
		error = tune_tcp(fd, tuning);
	return error;
}

int socket_open(const struct endpoint *endpoint, const struct socket_tuning *tuning)
{
	int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	error = tune(fd, endpoint->any.sa_family, tuning);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int socket_pattern(const struct socket_tuning *tuning)
{
	const struct endpoint ipv4 = {.any.sa_family = AF_INET}, ipv6 = {.any.sa_family = AF_INET6};
	int fd = socket_open(&ipv4, tuning);

	return fd == -EAFNOSUPPORT ? socket_open(&ipv6, tuning) : fd;
}

static int bind_to(int fd, const struct endpoint *endpoint)
{
	int error = bind(fd, &endpoint->any, endpoint->length) < 0 ? -errno : 0;

	return error == -EADDRINUSE && endpoint_is_path(endpoint) ? unix_path_take_over(fd, endpoint) : error;
}

static int prepare_listening(int fd, const struct endpoint *endpoint, enum socket_sharing sharing,
                             bool dual_stack)
{
	int error = 0;

	if (endpoint->any.sa_family == AF_UNIX)
		return 0;
	if (endpoint->any.sa_family == AF_INET6)
		error = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual_stack);
	if (!error)
		error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!error && sharing == SOCKET_SHARED)
		error = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return error;
}

/* Whether the address is there or not. */
static int bind_freely(int fd, sa_family_t family)
{
	if (family == AF_UNIX)
		return 0;
	return family == AF_INET6 ? set_option(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1)
	                          : set_option(fd, IPPROTO_IP, IP_FREEBIND, 1);
}

/*
 * bind(2) makes the file with the mode of the socket. Its owner keeps access, so that the path can be taken
 * over if it stays behind.
 */
static int hide_path(int fd, const struct endpoint *endpoint, const struct unix_access *access)
{
	if (!endpoint_is_path(endpoint) || !unix_access_is_set(access))
		return 0;
	return fchmod(fd, S_IWUSR) < 0 ? -errno : 0;
}

int socket_bind(const struct endpoint *endpoint, const struct socket_tuning *tuning,
                enum socket_sharing sharing, bool dual_stack)
{
	int fd = socket_open(endpoint, tuning);
	int error;

	if (fd < 0)
		return fd;
	if (endpoint_is_loopback(endpoint))
		socket_leave_uncontrolled(fd);
	error = prepare_listening(fd, endpoint, sharing, dual_stack);
	if (!error && tuning->free_bind)
		error = bind_freely(fd, endpoint->any.sa_family);
	if (!error)
		error = hide_path(fd, endpoint, tuning->access);
	if (!error)
		error = bind_to(fd, endpoint);
	if (error) {
		close(fd);
		return error;
	}
	return fd;
}

int socket_listen(int fd)
{
	return listen(fd, BACKLOG) < 0 ? -errno : 0;
}

/* A port that was bound by its number stays bound. */
void socket_unlisten(int fd)
{
	static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};

	(void)connect(fd, &nobody, sizeof(nobody));
}

int socket_hold(int fd, bool hold)
{
	int error = set_option(fd, SOL_SOCKET, SO_REUSEADDR, !hold);

	return error || !hold ? error : set_option(fd, SOL_SOCKET, SO_REUSEPORT, 0);
}

int socket_share(int fd)
{
	return set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

socklen_t client_address_length(const union client_address *client)
{
	switch (client->any.sa_family) {
	case AF_INET:
		return sizeof(client->in);
	case AF_INET6:
		return sizeof(client->in6);
	default:
		return sizeof(client->any.sa_family);
	}
}

char *client_address_format(const union client_address *client, char buf[ADDRESS_TEXT_MAX])
{
	socklen_t length = client->any.sa_family == AF_UNIX ? sizeof(client->any.sa_family) : sizeof(*client);

	return endpoint_format(&client->any, length, buf);
}

/* TCP sockets inherit this from the listening socket, unix sockets do not. */
static void tune_accepted_unix(int fd, const struct socket_tuning *tuning)
{
	(void)set_sndbuf(fd, tuning->sndbuf);
	(void)keep_urgent(fd, AF_UNIX);
}

int socket_accept(int fd, const struct socket_tuning *tuning, union client_address *client)
{
	socklen_t length = sizeof(*client);
	int accepted = accept4(fd, &client->any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (accepted < 0)
		return -errno;
	if (client->any.sa_family == AF_UNIX)
		tune_accepted_unix(accepted, tuning);
	return accepted;
}

void socket_tune_client(int fd, const union client_address *client)
{
	struct endpoint from = {.length = sizeof(from.in6)};

	memcpy(&from.any, &client->any, sizeof(*client));
	if (endpoint_is_loopback(&from))
		socket_leave_uncontrolled(fd);
}

void socket_tune_passed(int fd, const struct socket_tuning *tuning, const union client_address *client)
{
	(void)tune(fd, client->any.sa_family, tuning);
	socket_tune_client(fd, client);
}

/*
 * Packets that come with a smaller TTL are dropped, unless they belong to a handshake under way. No system
 * begins with more than TTL_MAX, and few begin with that. (A filter would be exact, but on a TCP socket newer
 * kernels want CAP_NET_ADMIN for it.) Only the options of the socket's own family can be set.
 */
static void demand_ttl(int fd, int least)
{
	(void)set_option(fd, IPPROTO_IP, IP_MINTTL, least);
	(void)set_option(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, least);
}

bool socket_has_client(int fd)
{
	struct pollfd asked = {.fd = fd, .events = POLLIN};

	return poll(&asked, 1, 0) != 0;
}

uint64_t socket_shut_out(int fd)
{
	struct endpoint own = {.length = sizeof(own.un)};

	if (getsockname(fd, &own.any, &own.length) < 0)
		return 0;
	if (own.any.sa_family == AF_UNIX) {
		shutdown(fd, SHUT_RD); /* those that wait stay; connect(2) fails with ECONNREFUSED */
		return 0;
	}
	demand_ttl(fd, TTL_MAX);
	return endpoint_is_loopback(&own) ? LOCAL_HANDSHAKE_MS : HANDSHAKE_MS;
}

void socket_let_in(int fd)
{
	demand_ttl(fd, 0);
}
