/*
 * Addresses: as relay.ini(5) writes them (struct address) and as the kernel takes them (struct endpoint).
 */
#ifndef WEIR_ADDRESS_H
#define WEIR_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ADDRESS_TEXT_MAX                                                                                     \
	384 /* bytes that address_format needs at most: a 253 byte host name, brackets, a port, NUL */

/* A socket address that bind(2) and connect(2) take, with its true length (abstract unix names need it). */
struct endpoint {
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

enum address_kind {
	ADDRESS_LITERAL,  /* endpoint is valid: 127.0.0.1:80, [::1]:80, unix:/path, unix:@abstract */
	ADDRESS_WILDCARD, /* *:80, both families; port is valid */
	ADDRESS_NAME,     /* host.name:80; host and port are valid */
};

struct address {
	enum address_kind kind;
	uint16_t port; /* host byte order */
	char *host;    /* owned; NULL unless NAME */
	struct endpoint endpoint;
};

/*
 * Parses text strictly. Port 0 is taken (bind picks one). 0, -EINVAL (not an address), -ERANGE (port over
 * 65535), -ENAMETOOLONG (unix path over 107 bytes, host name over 253), -ENOMEM. On success the caller ends
 * it with address_deinit; on failure nothing is held.
 */
int address_parse(const char *text, struct address *address);
void address_deinit(struct address *address);
/* The text that parses back to the same address. Returns buf. */
char *address_format(const struct address *address, char buf[ADDRESS_TEXT_MAX]);

/* 127.0.0.0/8 or ::1. */
bool endpoint_is_loopback(const struct endpoint *endpoint);
/*
 * What connect(2) makes of an address: none at all (0.0.0.0, ::) is the loopback one, and IPv4 in IPv6 is
 * IPv4.
 */
struct endpoint endpoint_reached(const struct endpoint *endpoint);

/*
 * A socket address as text: 10.0.0.5:80, [::1]:80, unix:/path, unix:@abstract; an unnamed unix socket is
 * "unix:". An IPv4 address mapped into IPv6 is written as IPv4. Bytes of a unix path that are not printable
 * ASCII, and spaces, are written as '?', so that the text is always one word. Returns buf.
 */
char *endpoint_format(const struct sockaddr *sa, socklen_t length, char buf[ADDRESS_TEXT_MAX]);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

#endif
