/* Binary headers, section 2.2 of the specification. */
#include "build_config.h"

#include "base/crc32c.h"
#include "net/proxy_header_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define START_SIZE 16   /* bytes before the addresses: the signature and the following */
#define REST_MAX   4096 /* bytes after them; nginx takes as many */

/* Where it is among the first bytes. */
#define AT_COMMAND 12 /* and the version */
#define AT_FAMILY  13 /* and the protocol */
#define AT_SIZE    14 /* of the rest, two bytes */

#define THIS_VERSION 2

enum command { LOCAL, PROXY };
enum family { FAMILY_UNSPEC, FAMILY_INET, FAMILY_INET6, FAMILY_UNIX, FAMILIES };
enum protocol { PROTOCOL_UNSPEC, PROTOCOL_STREAM, PROTOCOL_DATAGRAM, PROTOCOLS };

/* Sizes of one address. Those of a unix socket have no port, but the size of what bind(2) takes. */
#define INET_SIZE  sizeof(struct in_addr)
#define INET6_SIZE sizeof(struct in6_addr)
#define UNIX_SIZE  sizeof(((struct sockaddr_un *)NULL)->sun_path)
#define PORT_SIZE  sizeof(in_port_t)

#define TLV_START  3 /* bytes before a value: its type and its size */
#define TLV_CRC32C 3 /* the type of a checksum */

static size_t read_size(const unsigned char *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* Of what is before any TLV. 0 if it is of no interest. */
static size_t addresses_size(const unsigned char *header)
{
	static const size_t size[FAMILIES] = {
	        [FAMILY_INET] = 2 * (INET_SIZE + PORT_SIZE),
	        [FAMILY_INET6] = 2 * (INET6_SIZE + PORT_SIZE),
	        [FAMILY_UNIX] = 2 * UNIX_SIZE,
	};

	if ((header[AT_COMMAND] & 15) == LOCAL || (header[AT_FAMILY] & 15) != PROTOCOL_STREAM)
		return 0;
	return size[header[AT_FAMILY] >> 4];
}

static const char *judge_family(const unsigned char *header)
{
	if (header[AT_FAMILY] >> 4 >= FAMILIES)
		return "unknown address family";
	if ((header[AT_FAMILY] & 15) >= PROTOCOLS)
		return "unknown protocol";
	if ((header[AT_FAMILY] & 15) == PROTOCOL_DATAGRAM)
		return "datagrams";
	return read_size(header + AT_SIZE) < addresses_size(header) ? "too short for its addresses" : NULL;
}

/* Of the first 16 bytes. */
static const char *judge_start(const unsigned char *header)
{
	if (header[AT_COMMAND] >> 4 != THIS_VERSION)
		return "unknown version";
	if ((header[AT_COMMAND] & 15) > PROXY)
		return "unknown command";
	if (read_size(header + AT_SIZE) > REST_MAX)
		return "too long";
	/* The specification wants the family of LOCAL ignored, whatever it is. */
	return (header[AT_COMMAND] & 15) == LOCAL ? NULL : judge_family(header);
}

/* It is over the whole header, with zeros in its own place. */
static bool is_checksum(const unsigned char *header, const unsigned char *end, const unsigned char *checksum)
{
	static const unsigned char zeros[4];
	const unsigned char *after = checksum + sizeof(zeros);
	uint32_t crc = crc32c(0, header, (size_t)(checksum - header));
	uint32_t told;

	crc = crc32c(crc, zeros, sizeof(zeros));
	crc = crc32c(crc, after, (size_t)(end - after));
	memcpy(&told, checksum, sizeof(told));
	return ntohl(told) == crc;
}

/* What comes after the addresses is of no interest, but has to be whole, and a checksum right. */
static const char *judge_rest(const unsigned char *header, const unsigned char *at, const unsigned char *end)
{
	const unsigned char *checksum = NULL;

	while (at < end) {
		size_t left = (size_t)(end - at);

		if (left < TLV_START || left - TLV_START < read_size(at + 1))
			return "a TLV runs over the end";
		if (at[0] == TLV_CRC32C) {
			if (checksum || read_size(at + 1) != sizeof(uint32_t))
				return "not one checksum of four bytes";
			checksum = at + TLV_START;
		}
		at += TLV_START + read_size(at + 1);
	}
	return !checksum || is_checksum(header, end, checksum) ? NULL : "wrong checksum";
}

static struct endpoint read_inet(const unsigned char *host, const unsigned char *port)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.in), .in = {.sin_family = AF_INET}};

	memcpy(&endpoint.in.sin_addr, host, INET_SIZE);
	memcpy(&endpoint.in.sin_port, port, PORT_SIZE);
	return endpoint;
}

static struct endpoint read_inet6(const unsigned char *host, const unsigned char *port)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.in6), .in6 = {.sin6_family = AF_INET6}};

	memcpy(&endpoint.in6.sin6_addr, host, INET6_SIZE);
	memcpy(&endpoint.in6.sin6_port, port, PORT_SIZE);
	endpoint_unmap(&endpoint);
	return endpoint;
}

/*
 * A path with the NUL at its end, if there is room for one, an abstract name or nothing. Names are filled up
 * with NULs and their length is not told, so an abstract one has none at its end.
 */
static struct endpoint read_unix(const unsigned char *name)
{
	struct endpoint endpoint = {.un = {.sun_family = AF_UNIX}};
	char *path = endpoint.un.sun_path;
	size_t length = UNIX_SIZE;

	memcpy(path, name, UNIX_SIZE);
	if (path[0] != '\0')
		length = strnlen(path, UNIX_SIZE - 1) + 1;
	while (path[0] == '\0' && length > 0 && path[length - 1] == '\0')
		length--;
	endpoint.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
	return endpoint;
}

/* at are the addresses. */
static void read_addresses(enum family family, const unsigned char *at, struct proxy_header *header)
{
	size_t host = family == FAMILY_INET ? INET_SIZE : INET6_SIZE;
	const unsigned char *ports = at + 2 * host;

	if (family == FAMILY_UNIX) {
		header->source = read_unix(at);
		header->destination = read_unix(at + UNIX_SIZE);
	} else if (family == FAMILY_INET) {
		header->source = read_inet(at, ports);
		header->destination = read_inet(at + host, ports + PORT_SIZE);
	} else {
		header->source = read_inet6(at, ports);
		header->destination = read_inet6(at + host, ports + PORT_SIZE);
	}
}

int proxy_header_decode_v2(const unsigned char *bytes, size_t size, struct proxy_header *header,
                           const char **why)
{
	size_t length, addresses;

	if (size < START_SIZE)
		return 0;
	*why = judge_start(bytes);
	if (*why)
		return -EPROTO;
	length = START_SIZE + read_size(bytes + AT_SIZE);
	if (size < length)
		return 0;
	addresses = addresses_size(bytes);
	header->has_addresses = addresses > 0;
	if (addresses == 0)
		return (int)length;
	*why = judge_rest(bytes, bytes + START_SIZE + addresses, bytes + length);
	if (*why)
		return -EPROTO;
	read_addresses(bytes[AT_FAMILY] >> 4, bytes + START_SIZE, header);
	return (int)length;
}

/* The first 16 bytes. */
static void write_start(enum command command, enum family family, size_t rest, char *buf)
{
	enum protocol protocol = family == FAMILY_UNSPEC ? PROTOCOL_UNSPEC : PROTOCOL_STREAM;

	memcpy(buf, PROXY_V2_START, sizeof(PROXY_V2_START) - 1);
	buf[AT_COMMAND] = (char)(THIS_VERSION << 4 | command);
	buf[AT_FAMILY] = (char)(family << 4 | protocol);
	buf[AT_SIZE] = (char)(rest >> 8);
	buf[AT_SIZE + 1] = (char)rest;
}

static char *write_bytes(char *at, const void *bytes, size_t size)
{
	memcpy(at, bytes, size);
	return at + size;
}

static char *write_ports(char *at, const struct endpoint *source, const struct endpoint *destination)
{
	/* Both families have the port in the same place. */
	at = write_bytes(at, &source->in.sin_port, PORT_SIZE);
	return write_bytes(at, &destination->in.sin_port, PORT_SIZE);
}

static char *write_inet(char *at, const struct endpoint *source, const struct endpoint *destination)
{
	at = write_bytes(at, &source->in.sin_addr, INET_SIZE);
	at = write_bytes(at, &destination->in.sin_addr, INET_SIZE);
	return write_ports(at, source, destination);
}

static char *write_inet6(char *at, const struct endpoint *source, const struct endpoint *destination)
{
	at = write_bytes(at, &source->in6.sin6_addr, INET6_SIZE);
	at = write_bytes(at, &destination->in6.sin6_addr, INET6_SIZE);
	return write_ports(at, source, destination);
}

size_t proxy_header_encode_v2(int family, const struct endpoint *source, const struct endpoint *destination,
                              char *buf)
{
	char *addresses = buf + START_SIZE, *end;

	if (family != AF_INET && family != AF_INET6)
		return proxy_header_encode_local(buf);
	if (family == AF_INET)
		end = write_inet(addresses, source, destination);
	else
		end = write_inet6(addresses, source, destination);
	write_start(PROXY, family == AF_INET ? FAMILY_INET : FAMILY_INET6, (size_t)(end - addresses), buf);
	return (size_t)(end - buf);
}

size_t proxy_header_encode_local(char *buf)
{
	write_start(LOCAL, FAMILY_UNSPEC, 0, buf);
	return START_SIZE;
}
