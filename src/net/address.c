#include "build_config.h"

#include "net/address.h"

#include "base/decimal.h"
#include "base/printable.h"
#include "base/units.h"
#include "net/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX    253 /* bytes of a host name, without the root's dot (RFC 1035) */
#define SYSTEMD_MAX 255 /* bytes of a name that systemd takes */
#define UNIX_MAX    (sizeof((struct sockaddr_un){0}.sun_path) - 1)

static int parse_unix(const char *path, struct address *address)
{
	struct sockaddr_un *un = &address->endpoint.un;
	bool abstract = path[0] == '@';
	size_t length = strlen(path);

	if ((!abstract && path[0] != '/') || (abstract && length == 1) || !printable_is_word(path))
		return -EINVAL;
	if (length - abstract > UNIX_MAX)
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, length);
	if (abstract)
		un->sun_path[0] = '\0';
	/*
	 * The length of a path includes its NUL. An abstract name is exactly the bytes that the length
	 * covers.
	 */
	address->endpoint.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
	address->kind = ADDRESS_LITERAL;
	return 0;
}

static int keep_host(const char *host, size_t length, enum address_kind kind, struct address *address)
{
	address->host = strndup(host, length);
	if (!address->host)
		return -ENOMEM;
	address->kind = kind;
	return 0;
}

/* What FileDescriptorName= of systemd.socket(5) takes, as one word. */
static int parse_systemd(const char *name, struct address *address)
{
	size_t length = strlen(name);

	for (const char *c = name; *c; c++)
		if (*c <= ' ' || *c > '~' || *c == ':')
			return -EINVAL;
	if (length == 0)
		return -EINVAL;
	return length > SYSTEMD_MAX ? -ENAMETOOLONG : keep_host(name, length, ADDRESS_SYSTEMD, address);
}

static int parse_port(const char *text, uint16_t *port)
{
	uint64_t number = 0;
	int r = units_parse_number(text, &number);

	if (r < 0)
		return r;
	if (number > UINT16_MAX)
		return -ERANGE;
	*port = (uint16_t)number;
	return 0;
}

/* text begins with the first port and a dash. */
static int parse_range(const char *text, const char *dash, struct address *address)
{
	char first[UNITS_TEXT_MAX];
	uint16_t last;
	int r;

	if (dash - text >= UNITS_TEXT_MAX)
		return -ERANGE;
	snprintf(first, sizeof(first), "%.*s", (int)(dash - text), text);
	r = parse_port(first, &address->port);
	if (!r)
		r = parse_port(dash + 1, &last);
	if (r < 0)
		return r;
	if (address->port == 0 || last < address->port)
		return -EDOM;
	address->ports = (uint16_t)(last - address->port + 1);
	return 0;
}

static int parse_ports(const char *text, struct address *address)
{
	const char *dash = strchr(text, '-');

	return dash ? parse_range(text, dash, address) : parse_port(text, &address->port);
}

static int parse_name(const char *host, size_t length, struct address *address)
{
	if (length > HOST_MAX + (host[length - 1] == '.'))
		return -ENAMETOOLONG;
	if (!host_name_is_valid(host, length))
		return -EINVAL;
	return keep_host(host, length, ADDRESS_NAME, address);
}

/* Copies host without its brackets into buf, with a NUL. NULL if it is too long for an IP address. */
static const char *unwrap(const char *host, size_t length, bool bracketed, char buf[INET6_ADDRSTRLEN])
{
	host += bracketed;
	length -= bracketed ? 2 : 0;
	if (length >= INET6_ADDRSTRLEN)
		return NULL;
	memcpy(buf, host, length);
	buf[length] = '\0';
	return buf;
}

static bool parse_ipv4(const char *host, size_t length, struct address *address)
{
	struct sockaddr_in *in = &address->endpoint.in;
	char buf[INET6_ADDRSTRLEN];
	const char *text = unwrap(host, length, false, buf);

	if (!text || inet_pton(AF_INET, text, &in->sin_addr) != 1)
		return false;
	in->sin_family = AF_INET;
	in->sin_port = htons(address->port);
	address->endpoint.length = sizeof(*in);
	address->kind = ADDRESS_LITERAL;
	return true;
}

/* host has the brackets. */
static int parse_zoned(const char *host, size_t length, struct address *address)
{
	char text[HOST_ZONED_MAX];
	int r = host_parse_zoned(host + 1, length - 2, text);

	return r < 0 ? r : keep_host(text, strlen(text), ADDRESS_NAME, address);
}

static int parse_ipv6(const char *host, size_t length, struct address *address)
{
	struct sockaddr_in6 *in6 = &address->endpoint.in6;
	char buf[INET6_ADDRSTRLEN];
	const char *text;

	if (length < 2 || host[length - 1] != ']')
		return -EINVAL;
	if (memchr(host, '%', length))
		return parse_zoned(host, length, address);
	text = unwrap(host, length, true, buf);
	if (!text || inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(address->port);
	address->endpoint.length = sizeof(*in6);
	address->kind = ADDRESS_LITERAL;
	return 0;
}

static int parse_host(const char *host, size_t length, struct address *address)
{
	if (length == 0)
		return -EINVAL;
	if (host[0] == '[')
		return parse_ipv6(host, length, address);
	if (length == 1 && host[0] == '*') {
		address->kind = ADDRESS_WILDCARD;
		return 0;
	}
	if (parse_ipv4(host, length, address))
		return 0;
	return parse_name(host, length, address);
}

static int parse_host_and_port(const char *text, struct address *address)
{
	const char *colon = strrchr(text, ':');
	int r;

	if (!colon)
		return -EINVAL;
	r = parse_ports(colon + 1, address);
	if (r < 0)
		return r;
	return parse_host(text, (size_t)(colon - text), address);
}

int address_parse(const char *text, struct address *address)
{
	*address = (struct address){.ports = 1};
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(text + 5, address);
	if (strncmp(text, "systemd:", 8) == 0)
		return parse_systemd(text + 8, address);
	return parse_host_and_port(text, address);
}

void address_deinit(struct address *address)
{
	free(address->host);
	free(address->owner);
	free(address->group);
	address->host = address->owner = address->group = NULL;
}

/* By hand, because every close line has two of them: inet_ntop(3) takes ten times as long. */
static void format_ipv4(const struct in_addr *addr, in_port_t port, char buf[ADDRESS_TEXT_MAX])
{
	const unsigned char *bytes = (const unsigned char *)&addr->s_addr;

	for (size_t i = 0; i < sizeof(addr->s_addr); i++) {
		buf = decimal_write(buf, bytes[i]);
		*buf++ = i + 1 < sizeof(addr->s_addr) ? '.' : ':';
	}
	*decimal_write(buf, ntohs(port)) = '\0';
}

static void format_ipv6(const struct sockaddr_in6 *in6, char buf[ADDRESS_TEXT_MAX])
{
	char host[INET6_ADDRSTRLEN], zone[HOST_ZONE_MAX];

	inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
	snprintf(buf, ADDRESS_TEXT_MAX, "[%s%s]:%u", host, host_format_zone(in6->sin6_scope_id, zone),
	         ntohs(in6->sin6_port));
}

/* Returns the length of the text, because an abstract name may hold NUL bytes. */
static size_t format_unix(const struct sockaddr_un *un, socklen_t length, char buf[ADDRESS_TEXT_MAX])
{
	size_t size = length - offsetof(struct sockaddr_un, sun_path);
	char *name = stpcpy(buf, "unix:");

	if (size > 0 && un->sun_path[0] != '\0')
		size = strnlen(un->sun_path, size);
	memcpy(name, un->sun_path, size);
	if (size > 0 && name[0] == '\0')
		name[0] = '@';
	name[size] = '\0';
	return (size_t)(name - buf) + size;
}

static void format_literal(const struct endpoint *endpoint, char buf[ADDRESS_TEXT_MAX])
{
	switch (endpoint->any.sa_family) {
	case AF_INET:
		format_ipv4(&endpoint->in.sin_addr, endpoint->in.sin_port, buf);
		break;
	case AF_INET6:
		format_ipv6(&endpoint->in6, buf);
		break;
	default:
		format_unix(&endpoint->un, endpoint->length, buf);
	}
}

char *address_add_last_port(char buf[ADDRESS_TEXT_MAX], uint16_t last)
{
	size_t length = strlen(buf);

	snprintf(buf + length, ADDRESS_TEXT_MAX - length, "-%u", last);
	return buf;
}

static void format_first(const struct address *address, char buf[ADDRESS_TEXT_MAX])
{
	switch (address->kind) {
	case ADDRESS_LITERAL:
		format_literal(&address->endpoint, buf);
		break;
	case ADDRESS_WILDCARD:
		snprintf(buf, ADDRESS_TEXT_MAX, "*:%u", address->port);
		break;
	case ADDRESS_SYSTEMD:
		snprintf(buf, ADDRESS_TEXT_MAX, "systemd:%s", address->host);
		break;
	case ADDRESS_NAME:
		host_format(address->host, address->port, buf);
		break;
	}
}

char *address_format(const struct address *address, char buf[ADDRESS_TEXT_MAX])
{
	format_first(address, buf);
	return address->ports > 1 ? address_add_last_port(buf, address_last_port(address)) : buf;
}

bool address_has_zone(const struct address *address)
{
	return address->kind == ADDRESS_NAME && host_has_zone(address->host);
}

bool address_is_unix(const struct address *address)
{
	return address->kind == ADDRESS_LITERAL && address->endpoint.any.sa_family == AF_UNIX;
}

bool endpoint_is_path(const struct endpoint *endpoint)
{
	return endpoint->any.sa_family == AF_UNIX && endpoint->un.sun_path[0] != '\0';
}

bool endpoint_is_link_local(const struct endpoint *endpoint)
{
	return endpoint->any.sa_family == AF_INET6 && IN6_IS_ADDR_LINKLOCAL(&endpoint->in6.sin6_addr);
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
	struct endpoint ip = *endpoint;

	endpoint_unmap(&ip);
	if (ip.any.sa_family == AF_INET)
		return ntohl(ip.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return ip.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ip.in6.sin6_addr);
}

static void format_peer_unix(const struct sockaddr_un *un, socklen_t length, char buf[ADDRESS_TEXT_MAX])
{
	printable_word(buf, format_unix(un, length, buf));
}

char *endpoint_format(const struct sockaddr *sa, socklen_t length, char buf[ADDRESS_TEXT_MAX])
{
	struct endpoint endpoint = {.length = length < sizeof(endpoint.un) ? length : sizeof(endpoint.un)};

	memcpy(&endpoint.any, sa, endpoint.length);
	endpoint_unmap(&endpoint);
	switch (endpoint.any.sa_family) {
	case AF_INET:
		format_ipv4(&endpoint.in.sin_addr, endpoint.in.sin_port, buf);
		break;
	case AF_INET6:
		format_ipv6(&endpoint.in6, buf);
		break;
	case AF_UNIX:
		format_peer_unix(&endpoint.un, endpoint.length, buf);
		break;
	default:
		snprintf(buf, ADDRESS_TEXT_MAX, "family-%d:", endpoint.any.sa_family);
	}
	return buf;
}

void endpoint_unmap(struct endpoint *endpoint)
{
	struct sockaddr_in6 mapped = endpoint->in6;

	if (endpoint->any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&mapped.sin6_addr))
		return;
	*endpoint = (struct endpoint){.length = sizeof(endpoint->in),
	                              .in = {.sin_family = AF_INET, .sin_port = mapped.sin6_port}};
	memcpy(&endpoint->in.sin_addr, &mapped.sin6_addr.s6_addr[12], sizeof(endpoint->in.sin_addr));
}

struct endpoint endpoint_reached(const struct endpoint *endpoint)
{
	struct endpoint to = *endpoint;

	endpoint_unmap(&to);
	if (to.any.sa_family == AF_INET && to.in.sin_addr.s_addr == htonl(INADDR_ANY))
		to.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else if (to.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&to.in6.sin6_addr))
		to.in6.sin6_addr = in6addr_loopback;
	return to;
}

int endpoint_compare(const struct endpoint *a, const struct endpoint *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return memcmp(&a->any, &b->any, a->length);
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return endpoint_compare(a, b) == 0;
}
