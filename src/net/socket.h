/*
 * Making and tuning sockets; what is done with a connected one is in net/stream.h. Every socket made here is
 * non-blocking and close-on-exec, relays an urgent byte in line (SO_OOBINLINE), and resets when it is closed
 * (SO_LINGER of 0 seconds). Functions return a descriptor or 0, or -errno.
 */
#ifndef WEIR_SOCKET_H
#define WEIR_SOCKET_H

#include "net/address.h"

#include <stdbool.h>
#include <stdint.h>

/* Where a client came from. A unix client has no address worth keeping, so only the family is set. */
union client_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* Options of tcp(7) and socket(7) for one side of a relay; they mean nothing to a unix socket and are skipped
 * there. */
struct socket_tuning {
	bool nodelay, keepalive;
	uint64_t rcvbuf, sndbuf, notsent_lowat; /* bytes or UNITS_AUTO: the kernel's */
};

enum socket_sharing {
	SOCKET_SOLE,   /* nobody else may listen there: EADDRINUSE if somebody does */
	SOCKET_SHARED, /* SO_REUSEPORT: one socket per worker, the kernel spreads clients over them */
};

/*
 * Listens on endpoint. Accepted sockets inherit the tuning. dual_stack: an IPv6 socket takes IPv4 clients
 * too. A unix path that nobody answers on any more is taken over.
 */
int socket_listen(const struct endpoint *endpoint, const struct socket_tuning *tuning,
                  enum socket_sharing sharing, bool dual_stack);
/* The next client of the listening socket fd. */
int socket_accept(int fd, union client_address *client);
/* Begins to connect. The descriptor is writable once it is connected or failed: then ask
 * socket_connect_result. */
int socket_connect(const struct endpoint *endpoint, const struct socket_tuning *tuning);
/* What came of socket_connect by now: 0 connected, -EINPROGRESS, or -errno why not. */
int socket_connect_result(int fd);
/*
 * True if a socket that has connected endpoint is connected to itself. TCP allows that (RFC 9293,
 * simultaneous open), and it comes about where nobody listens and the kernel happens to choose endpoint's
 * port as our own.
 */
bool socket_is_its_own_peer(int fd, const struct endpoint *endpoint);
/* True if the IPv4 or IPv6 address is one of this machine; the port does not matter. */
bool socket_address_is_ours(const struct endpoint *endpoint);

#endif
