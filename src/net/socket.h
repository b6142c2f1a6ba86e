/*
 * Makes and tunes sockets. net/stream.h has the calls on a connected one. Every socket made here is
 * non-blocking and close-on-exec. It relays an urgent byte in line (SO_OOBINLINE), and a TCP socket resets
 * when it is closed (SO_LINGER of 0 seconds). Functions return a descriptor or 0, or -errno.
 */
#ifndef WEIR_SOCKET_H
#define WEIR_SOCKET_H

#include "net/address.h"
#include "net/local_address.h"

#include <stdbool.h>
#include <stdint.h>

struct local_ports;

/* Where a client came from. A unix client has no address worth keeping, so only the family is set. */
union client_address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* How many bytes of it are set. */
socklen_t client_address_length(const union client_address *client);
/* As endpoint_format writes it. Returns buf. */
char *client_address_format(const union client_address *client, char buf[ADDRESS_TEXT_MAX]);

/*
 * Options of tcp(7) and socket(7) for one side of a relay. A unix socket takes only rcvbuf and sndbuf; the
 * others are skipped there.
 */
struct socket_tuning {
	bool nodelay, keepalive;
	/* For binding only: */
	bool free_bind;                   /* also to an address that is not there */
	const struct unix_access *access; /* to a unix path; NULL: as to any new file */
	/* For connecting only: */
	struct local_address local_address; /* a unix socket has none */
	/* UNITS_AUTO: the kernel's default */
	uint64_t rcvbuf, sndbuf, notsent_lowat;      /* bytes */
	uint64_t keepalive_idle, keepalive_interval; /* ms; the kernel counts whole seconds, so rounded up */
	uint64_t keepalive_count;                    /* probes */
};

enum socket_sharing {
	SOCKET_SOLE,   /* no other socket may listen there; EADDRINUSE if one does */
	SOCKET_SHARED, /* SO_REUSEPORT: the kernel spreads clients over all that are shared */
};

/*
 * A socket that socket_listen may be called on; until then, clients are refused. Accepted TCP sockets inherit
 * the tuning. With dual_stack, an IPv6 socket also takes IPv4 clients. A unix path is taken over if it
 * belongs to no socket any more. If its access is to be set, nobody but its owner has any yet:
 * unix_path_apply must follow.
 */
int socket_bind(const struct endpoint *endpoint, const struct socket_tuning *tuning,
                enum socket_sharing sharing, bool dual_stack);
/* EADDRINUSE if another socket has begun to listen there meanwhile and does not share with this one. */
int socket_listen(int fd);
/*
 * The TCP socket fd, if it listens, refuses clients until the next socket_listen. Those that wait are reset.
 * It keeps its port and its options, unless the kernel has chosen the port.
 */
void socket_unlisten(int fd);
/*
 * While it is held, no other program can have the port of the TCP socket fd, which is bound and does not
 * listen: no listener, and no connection, ours included. It is a sole one afterwards. 0 or -errno.
 */
int socket_hold(int fd, bool hold);
/* Makes a sole socket a shared one. */
int socket_share(int fd);
/*
 * A socket with this tuning, for socket_retune and nothing else. The caller closes it. It can be made before
 * it is certain that it is needed.
 */
int socket_pattern(const struct socket_tuning *tuning);
/*
 * Gives the TCP socket fd, which listens, the tuning of the pattern, except free_bind. Clients that connect
 * from now on inherit it. (Clients of a unix socket inherit nothing; socket_accept tunes them.) What is left
 * to the kernel is as the kernel has it now; if its own setting changes later, keepalive times that were set
 * before do not follow. Needs no memory or descriptor. 0 or -errno. -ENOPROTOOPT: before Linux 5.14, a buffer
 * that was set once cannot be left to the kernel again; all else is done.
 */
int socket_retune(int fd, int pattern);
/* Accepts the next client of the listening socket fd, which was made with this tuning. */
int socket_accept(int fd, const struct socket_tuning *tuning, union client_address *client);
/* Must follow socket_accept where the listening socket has clients of loopback and of other networks. */
void socket_tune_client(int fd, const union client_address *client);
/* Gives a client that came in at a socket of the service manager what it would inherit from one of ours. */
void socket_tune_passed(int fd, const struct socket_tuning *tuning, const union client_address *client);
/*
 * Lets no new client in at the listening socket fd. Those that wait can still be accepted. Returns after how
 * many milliseconds hardly any handshake that had begun can still be under way. A client that comes in
 * between is refused once fd is closed; a unix client is refused at once. What is accepted from fd after this
 * may be deaf, until socket_let_in.
 */
uint64_t socket_shut_out(int fd);
/* Whether a client may wait to be accepted. A unix socket that is shut out does not tell: one always may. */
bool socket_has_client(int fd);
/* Undoes socket_shut_out in a TCP socket: in the listening one, or in one that was accepted from it. */
void socket_let_in(int fd);
/*
 * Begins to connect. The descriptor becomes writable once it is connected or has failed. Then call
 * socket_connect_result. The local port is one of ports, or the kernel's choice if ports is NULL or has none
 * that is free. -EADDRINUSE means that the kernel has none either. local_address_failed tells whether the
 * local address of the tuning cannot be used. bound: whether the port is one of ports, so that the socket
 * cannot be its own peer; may be NULL.
 */
int socket_connect(const struct endpoint *endpoint, const struct socket_tuning *tuning,
                   struct local_ports *ports, bool *bound);
/*
 * True if a call failed with error (-errno) because weir itself, and no peer, has run out of something.
 */
bool socket_error_is_shortage(int error);
/* The result of socket_connect so far: 0 if connected, -EINPROGRESS, or the -errno of the failure. */
int socket_connect_result(int fd);
/* Takes the pending error of a socket: -errno, or 0 if it has none. No later call reports it. */
int socket_take_error(int fd);
/*
 * True if a socket that has connected to endpoint is connected to itself. TCP allows that (RFC 9293,
 * simultaneous open). It happens when nothing listens on endpoint and the kernel chooses endpoint's port as
 * our own.
 */
bool socket_is_its_own_peer(int fd, const struct endpoint *endpoint);
/* True if the IPv4 or IPv6 address belongs to this machine. The port does not matter. */
bool socket_address_is_ours(const struct endpoint *endpoint);

#endif
