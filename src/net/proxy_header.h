/*
 * The header of the PROXY protocol: who the client of a connection is, told by the proxy that it came
 * through, before the first byte. Both versions, as in doc/proxy-protocol.txt of HAProxy (2020/03/05). No
 * I/O, no state.
 */
#ifndef WEIR_PROXY_HEADER_H
#define WEIR_PROXY_HEADER_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>

#define PROXY_HEADER_MAX      4112 /* bytes of the longest header that is taken: 16 and 4,096 after them */
#define PROXY_HEADER_SENT_MAX 107  /* bytes that one that is made may have: a line of version 1 */

enum proxy_version {
	PROXY_V1 = 1, /* one line of text */
	PROXY_V2,     /* binary */
};

struct proxy_header {
	/*
	 * The client, and what it connected to. False: the sender speaks for itself or does not know (LOCAL,
	 * UNSPEC, UNKNOWN). The connection is as good as any; its own addresses count.
	 */
	bool has_addresses;
	/*
	 * IPv4, IPv6 or unix. Never IPv4 mapped into IPv6: that has become IPv4, so one may be IPv4 and the
	 * other IPv6. Whoever sends the header chooses what is in it. A unix name may hold any bytes and be
	 * empty.
	 */
	struct endpoint source, destination;
};

/*
 * Looks for a header at the beginning of bytes, the first that have come on a connection. Returns
 *
 *   > 0      its length. *header is filled in. What follows belongs to the connection.
 *   0        there is more of it to come. All size bytes belong to it. Never for PROXY_HEADER_MAX bytes.
 *   -EPROTO  they are no header, whatever follows, and *why becomes the reason in a few words. Do not go on.
 *
 * Call it again with all bytes from the first when more have come.
 */
int proxy_header_decode(const void *bytes, size_t size, struct proxy_header *header, const char **why);

/*
 * Writes the header for a client (source) and what it connected to (destination). Returns its length. It has
 * to be sent in one piece, before any other byte: many who receive it do not wait for the rest.
 *
 * If one is IPv4 and the other IPv6, IPv4 is mapped into IPv6. Interfaces (zones) cannot be told. What has no
 * such address, as a unix socket, is UNKNOWN in version 1 and LOCAL in version 2: the addresses of the
 * connection count. (Names of unix sockets and UNSPEC would say more, but haproxy 2.6 and Postfix 3.7 reset
 * whoever sends them. haproxy sends LOCAL too.)
 */
size_t proxy_header_encode(enum proxy_version version, const struct endpoint *source,
                           const struct endpoint *destination, char buf[PROXY_HEADER_SENT_MAX]);

/*
 * The same for a connection that weir makes on its own account, such as a check: LOCAL in version 2. Version
 * 1 has no such word, and Postfix refuses UNKNOWN, so it tells the two ends of the connection itself.
 */
size_t proxy_header_encode_own(enum proxy_version version, const struct endpoint *ours,
                               const struct endpoint *target, char buf[PROXY_HEADER_SENT_MAX]);

#endif
