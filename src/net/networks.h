/*
 * Networks as relay.ini(5) writes them, and sets of networks that tell quickly whether a client is of them.
 *
 * IPv4 and IPv6 are apart: ::/0 is every IPv6 address and no IPv4 one. An IPv4 address that is mapped into
 * IPv6 is IPv4, as an address of a client and, with a prefix of at least 96, as a network.
 */
#ifndef WEIR_NETWORKS_H
#define WEIR_NETWORKS_H

#include "net/socket.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#define NETWORK_TEXT_MAX (INET6_ADDRSTRLEN + 4) /* the most that network_format needs, in bytes with NUL */

enum network_kind {
	NETWORK_ANY,  /* every client; the shortest prefix of all */
	NETWORK_UNIX, /* clients of unix sockets; longer than that */
	NETWORK_IP,
};

struct network {
	enum network_kind kind;
	unsigned length;       /* of the prefix, in bits of an IPv6 address */
	struct in6_addr first; /* its first address; IPv4 is mapped. The bits after the prefix are 0 */
};

/*
 * Parses 10.0.0.0/8, 2001:db8::/32, a single address, "unix" or "any". Returns 0, -EINVAL (no network),
 * -ERANGE (the prefix is longer than the address), -EDOM (bits after the prefix are set) or -ENOTSUP (with an
 * interface, which networks do not have: fe80::/10 is all link-local clients).
 */
int network_parse(const char *text, struct network *network);
/* Writes the text that parses back to the same network, as short as it can be. Returns buf. */
char *network_format(const struct network *network, char buf[NETWORK_TEXT_MAX]);

/*
 * What a client counts as: its IPv4 address, mapped, or the first address of its IPv6 network, whose prefix
 * has so many bits, 1 to 128. All unix clients count as 0.0.0.0, mapped, which is no client's address. (::
 * may be the network of ::1.)
 */
struct in6_addr network_of_client(const union client_address *client, unsigned ipv6_prefix);

/* Immutable, so any thread may ask. */
struct networks;

/*
 * The clients in one of the networks in, unless one of out with a prefix as long or longer has them too.
 * others: whether clients that neither list has are of the set.
 */
struct network_lists {
	const struct network *in, *out;
	size_t in_count, out_count;
	bool others;
};

/* Keeps nothing of the lists. NULL when out of memory. */
struct networks *networks_new(const struct network_lists *lists);
void networks_free(struct networks *networks); /* takes NULL */
/* Whether the client is of the set. About 0.1 us among 10,000 networks. */
bool networks_have(const struct networks *networks, const union client_address *client);

#endif
