/*
 * The local ports of connections to TCP targets. weir chooses them itself.
 *
 * After a client has ended first, the connection to the target stays in TIME_WAIT for a minute. When there
 * are thousands of these, the kernel takes milliseconds to find a port for one more to the same target. After
 * 28,000 it finds none. It need not search if the socket is bound to a port already. It then also lets a new
 * connection follow on one in TIME_WAIT, if the target sends timestamps (RFC 6191).
 *
 * Any thread may use them.
 */
#ifndef WEIR_LOCAL_PORTS_H
#define WEIR_LOCAL_PORTS_H

#include "net/address.h"

#include <stddef.h>
#include <stdint.h>

/* How many ports are tried for one connection before the kernel chooses. */
#define LOCAL_PORTS_TRIES 4

struct local_ports;

/*
 * The arguments are in the form of net.ipv4.ip_local_port_range and ip_local_reserved_ports. NULL if they
 * leave no port, are in another form, or memory is out: then the kernel has to choose.
 */
struct local_ports *local_ports_new(const char *range, const char *reserved);
/* With the settings that the kernel has now. */
struct local_ports *local_ports_read(void);
/* Takes NULL. */
void local_ports_free(struct local_ports *ports);

/* Exposed for the tests: the next port to try. A port comes again after all others that are in use now. */
uint16_t local_ports_next(struct local_ports *ports);
/* Exposed for the tests: how many are in use now, few while few connections come, and how many may be. */
size_t local_ports_in_use(const struct local_ports *ports);
size_t local_ports_most(const struct local_ports *ports);

/*
 * Binds fd to one of the ports and to the address from, whose port does not matter; NULL: to no address. The
 * port is never that of to, because a socket that connects to this machine could then be connected to itself.
 * Each try is subtracted from tries. 0; -EADDRINUSE if there are no tries left; or another -errno, after
 * which another try is pointless. After a failure the kernel may choose. Even then, later connections may
 * follow on the port that fd gets.
 */
int local_ports_bind(struct local_ports *ports, int fd, const struct endpoint *from,
                     const struct endpoint *to, unsigned *tries);

#endif
