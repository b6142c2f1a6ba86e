/* Addresses as relay.ini(5) writes them (struct address) and as the kernel takes them (struct endpoint). */
#ifndef WEIR_ADDRESS_H
#define WEIR_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define ADDRESS_TEXT_MAX                                                                                     \
	384 /* the most that address_format needs, in bytes: a 253-byte host name, brackets, a port, NUL */

/* A socket address for bind(2) and connect(2), with its true length. Abstract unix names need that length. */
struct endpoint {
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* Who may connect to a unix socket in the file system. What is not set is as for any new file. */
struct unix_access {
	bool has_mode, has_owner, has_group;
	mode_t mode; /* permission bits */
	uid_t owner;
	gid_t group;
};

/* Takes NULL. */
static inline bool unix_access_is_set(const struct unix_access *access)
{
	return access && (access->has_mode || access->has_owner || access->has_group);
}

static inline bool unix_access_equal(const struct unix_access *a, const struct unix_access *b)
{
	return a->has_mode == b->has_mode && a->has_owner == b->has_owner && a->has_group == b->has_group &&
	       (!a->has_mode || a->mode == b->mode) && (!a->has_owner || a->owner == b->owner) &&
	       (!a->has_group || a->group == b->group);
}

enum address_kind {
	ADDRESS_LITERAL,  /* endpoint is valid: 127.0.0.1:80, [::1]:80, unix:/path, unix:@abstract */
	ADDRESS_WILDCARD, /* *:80, both families; port is valid */
	ADDRESS_NAME,     /* host.name:80 or [fe80::1%eth0]:80, to be looked up; host and port are valid */
	ADDRESS_SYSTEMD,  /* systemd:NAME, sockets of the service manager; host is valid: NAME */
};

struct address {
	enum address_kind kind;
	uint16_t port;  /* host byte order */
	uint16_t ports; /* how many, from port on: more than 1 for a range; endpoint has the first */
	char *host;     /* owned; NULL unless ADDRESS_NAME or ADDRESS_SYSTEMD */
	struct endpoint endpoint;
	/* For listening on a unix path only: config/access.h fills this in. It is no part of the address. */
	struct unix_access access;
	char *owner, *group; /* as written: names or numbers; owned; NULL if not set */
};

/*
 * Parses text strictly. Port 0 is accepted (bind picks a port), and so is a range of ports, as 80-89. Returns
 * 0, -EINVAL (not an address), -ERANGE (port over 65535), -EDOM (a range that begins with port 0, or ends
 * before it begins), -ENAMETOOLONG (unix path over 107 bytes, host name over 253, other name over 255),
 * -ENOTSUP (a zone on an address that is not link-local) or -ENOMEM. After success the caller must call
 * address_deinit. After a failure there is nothing to free.
 */
int address_parse(const char *text, struct address *address);
void address_deinit(struct address *address);
/* Writes the text that parses back to the same address. Returns buf. */
char *address_format(const struct address *address, char buf[ADDRESS_TEXT_MAX]);

/* Adds the last port of a range to the text of its first address. Returns buf. */
char *address_add_last_port(char buf[ADDRESS_TEXT_MAX], uint16_t last);

/* The last port of its range, or its only one. */
static inline uint16_t address_last_port(const struct address *address)
{
	return (uint16_t)(address->port + address->ports - 1);
}

/* A link-local IPv6 address with its interface. */
bool address_has_zone(const struct address *address);

/* A unix socket, in the file system or abstract. */
bool address_is_unix(const struct address *address);

/* A unix socket in the file system. */
bool endpoint_is_path(const struct endpoint *endpoint);
/* The port of an IPv4 or IPv6 address: both have it in the same place. */
static inline uint16_t endpoint_port(const struct endpoint *endpoint)
{
	return ntohs(endpoint->in.sin_port);
}

static inline void endpoint_set_port(struct endpoint *endpoint, uint16_t port)
{
	endpoint->in.sin_port = htons(port);
}

/* The same address, so many ports further on. A unix address has no port. */
static inline struct endpoint endpoint_at_place(const struct endpoint *endpoint, uint16_t place)
{
	struct endpoint at = *endpoint;

	if (place > 0)
		endpoint_set_port(&at, (uint16_t)(endpoint_port(endpoint) + place));
	return at;
}

bool endpoint_is_link_local(const struct endpoint *endpoint);
/* 127.0.0.0/8, also mapped into IPv6, or ::1. */
bool endpoint_is_loopback(const struct endpoint *endpoint);
/* An IPv4 address, mapped into IPv6 (RFC 4291, section 2.5.5.2). */
static inline struct in6_addr ipv4_mapped(struct in_addr ipv4)
{
	struct in6_addr mapped = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(&mapped.s6_addr[12], &ipv4, sizeof(ipv4));
	return mapped;
}
/* Makes an IPv4 address that is mapped into IPv6 IPv4. Leaves others alone. */
void endpoint_unmap(struct endpoint *endpoint);
/*
 * The address that connect(2) really reaches. 0.0.0.0 and :: become the loopback address, and an IPv4 address
 * mapped into IPv6 becomes IPv4.
 */
struct endpoint endpoint_reached(const struct endpoint *endpoint);

/*
 * A socket address as text: 10.0.0.5:80, [::1]:80, [fe80::1%eth0]:80, unix:/path, unix:@abstract. An unnamed
 * unix socket is "unix:". An interface that is gone has only its number. An IPv4 address mapped into IPv6 is
 * written as IPv4. In a unix path, spaces and bytes that are not printable ASCII become '?', so the text is
 * always one word. Returns buf.
 */
char *endpoint_format(const struct sockaddr *sa, socklen_t length, char buf[ADDRESS_TEXT_MAX]);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* An order of some kind, as strcmp(3) returns it. */
int endpoint_compare(const struct endpoint *a, const struct endpoint *b);

#endif
