/*
 * Hosts to look up: names, and link-local IPv6 addresses with their zone, the interface they are on
 * (fe80::1%eth0, RFC 4007). The kernel takes the number of the interface. getaddrinfo(3) finds that as it
 * finds the addresses of a name, so the interface may come later, and may get another number.
 */
#ifndef WEIR_HOST_H
#define WEIR_HOST_H

#include "net/address.h"

#include <net/if.h>

#define HOST_ZONE_MAX  (1 + IF_NAMESIZE) /* "%eth0", in bytes with NUL */
#define HOST_ZONED_MAX (INET6_ADDRSTRLEN + HOST_ZONE_MAX)

/*
 * Labels separated by dots. One dot at the end is allowed. The last label must not look like part of a
 * mistyped IPv4 address.
 */
bool host_name_is_valid(const char *host, size_t length);

/*
 * Takes text, which has a "%", and writes it as short as it can be, so that equal hosts have equal texts.
 * Returns 0, -EINVAL, or -ENOTSUP if the address is not link-local.
 */
int host_parse_zoned(const char *text, size_t length, char host[HOST_ZONED_MAX]);

/* "%eth0" for the number of an interface, "%7" if that is gone, nothing for 0. Printable ASCII. */
const char *host_format_zone(uint32_t number, char buf[HOST_ZONE_MAX]);

bool host_has_zone(const char *host);
/* Names do not distinguish upper case from lower case, interfaces do. */
bool host_equal(const char *a, const char *b);
/* "host:port", with a link-local address in brackets. Returns buf. */
char *host_format(const char *host, uint16_t port, char buf[ADDRESS_TEXT_MAX]);

#endif
