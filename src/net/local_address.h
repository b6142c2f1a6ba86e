/*
 * Where connections to TCP targets come from: an address of this machine for each family, and an interface.
 * Unix targets know neither. Where nothing is set, the kernel decides and no system call is made.
 */
#ifndef WEIR_LOCAL_ADDRESS_H
#define WEIR_LOCAL_ADDRESS_H

#include "net/address.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

/* Plain data. Zeroed: nothing is set. */
struct local_address {
	struct sockaddr_in ipv4; /* its family is 0 if it is not set */
	struct sockaddr_in6 ipv6;
	char interface[IFNAMSIZ]; /* "": any */
};

/* Of the addresses of one family, the last counts. The interface may be NULL, and is cut off if too long. */
void local_address_init(struct local_address *local, const struct endpoint *addresses, size_t count,
                        const char *interface);
/* The address that a connection to the TCP endpoint to comes from, with port 0. False if none is set. */
bool local_address_for(const struct local_address *local, const struct endpoint *to, struct endpoint *from);

/*
 * fd, which is new, sends by the interface only. 0, -ENODEV if there is none of that name, or another -errno.
 * Before Linux 5.7 that needs CAP_NET_RAW: -EPERM.
 */
int local_address_bind_interface(const struct local_address *local, int fd);
/*
 * Binds fd to the address from, but to no port: the kernel chooses one in connect(2), so connections to
 * different targets can share it. 0, -ENXIO if the machine does not have the address, or another -errno.
 */
int local_address_bind(int fd, const struct endpoint *from);

/* -errno of a connection that could not be made for want of them. No other call that connects fails so. */
static inline bool local_address_failed(int error)
{
	return error == -ENXIO || error == -ENODEV;
}

#define LOCAL_ADDRESS_TEXT_MAX 96 /* bytes of the longest of these texts, with its NUL */
/* Why a connection to the endpoint to failed with such an error, in words. Returns buf. */
char *local_address_error_text(const struct local_address *local, const struct endpoint *to, int error,
                               char buf[LOCAL_ADDRESS_TEXT_MAX]);

#endif
