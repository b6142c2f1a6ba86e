/* PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n, section 2.1 of the specification. */
#include "build_config.h"

#include "base/decimal.h"
#include "net/proxy_header_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define LINE_MAX_V1 107 /* bytes, with the end of the line */

enum field { SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, FIELDS };

/* As far as it has come. */
static bool begins(const char *bytes, size_t size, const char *word)
{
	size_t length = strlen(word);

	return memcmp(bytes, word, size < length ? size : length) == 0;
}

static bool parse_port(const char *text, in_port_t *port)
{
	size_t digits = strspn(text, "0123456789");
	unsigned number = 0;

	if (digits == 0 || digits > 5 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
		return false;
	for (; *text; text++)
		number = number * 10 + (unsigned)(*text - '0');
	*port = htons((uint16_t)number);
	return number <= UINT16_MAX;
}

/* Without the port. inet_pton(3) is as strict as the specification: no octal, no zone, nothing around it. */
static bool parse_host(const char *text, sa_family_t family, struct endpoint *endpoint)
{
	memset(endpoint, 0, sizeof(*endpoint));
	endpoint->length = family == AF_INET ? sizeof(endpoint->in) : sizeof(endpoint->in6);
	endpoint->any.sa_family = family;
	if (family == AF_INET)
		return inet_pton(family, text, &endpoint->in.sin_addr) == 1;
	return inet_pton(family, text, &endpoint->in6.sin6_addr) == 1;
}

static const char *parse_fields(char *field[FIELDS], sa_family_t family, struct proxy_header *header)
{
	if (!parse_host(field[SOURCE], family, &header->source))
		return "wrong source address";
	if (!parse_host(field[DESTINATION], family, &header->destination))
		return "wrong destination address";
	/* Both families have the port in the same place. */
	if (!parse_port(field[SOURCE_PORT], &header->source.in.sin_port))
		return "wrong source port";
	if (!parse_port(field[DESTINATION_PORT], &header->destination.in.sin_port))
		return "wrong destination port";
	endpoint_unmap(&header->source);
	endpoint_unmap(&header->destination);
	header->has_addresses = true;
	return NULL;
}

/* What comes after "TCP4 " or "TCP6 ". */
static const char *parse_addresses(const char *text, size_t size, sa_family_t family,
                                   struct proxy_header *header)
{
	char copy[LINE_MAX_V1], *rest = copy, *field[FIELDS];

	memcpy(copy, text, size);
	copy[size] = '\0';
	if (strlen(copy) != size)
		return "a NUL in the line";
	for (size_t i = 0; i < FIELDS; i++)
		field[i] = strsep(&rest, " ");
	if (!field[FIELDS - 1] || rest)
		return "not two addresses and two ports";
	return parse_fields(field, family, header);
}

/* text is what comes after "PROXY ", without the end of the line. What UNKNOWN is followed by is ignored. */
static const char *parse_line(const char *text, size_t size, struct proxy_header *header)
{
	header->has_addresses = false;
	if (text[0] == 'U')
		return NULL;
	return parse_addresses(text + 5, size - 5, text[3] == '4' ? AF_INET : AF_INET6, header);
}

/* A line that begins wrong is refused before its end has come. */
static const char *judge_start(const char *text, size_t size)
{
	static const char *const start[] = {"TCP4 ", "TCP6 ", "UNKNOWN ", "UNKNOWN\r\n"};

	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++)
		if (begins(text, size, start[i]))
			return NULL;
	return "unknown protocol";
}

/*
 * The first line feed ends the line, also that of UNKNOWN. If it could be skipped there, two who read the
 * same bytes might not agree where the header ends.
 */
static const char *judge_end(const char *end, size_t size)
{
	if (!end)
		return size < LINE_MAX_V1 ? NULL : "no end of the line";
	return end[-1] == '\r' ? NULL : "a line feed without a carriage return";
}

int proxy_header_decode_v1(const char *line, size_t size, struct proxy_header *header, const char **why)
{
	const size_t start = sizeof(PROXY_V1_START) - 1;
	const char *end = memchr(line, '\n', size < LINE_MAX_V1 ? size : LINE_MAX_V1);

	*why = judge_start(line + start, size - start);
	if (!*why)
		*why = judge_end(end, size);
	if (!*why && !end)
		return 0;
	if (!*why)
		*why = parse_line(line + start, (size_t)(end - 1 - line) - start, header);
	return *why ? -EPROTO : (int)(end + 1 - line);
}

static char *write_host(char *at, const struct endpoint *endpoint)
{
	const void *host = endpoint->any.sa_family == AF_INET ? (const void *)&endpoint->in.sin_addr
	                                                      : (const void *)&endpoint->in6.sin6_addr;

	inet_ntop(endpoint->any.sa_family, host, at, INET6_ADDRSTRLEN);
	return at + strlen(at);
}

size_t proxy_header_encode_v1(int family, const struct endpoint *source, const struct endpoint *destination,
                              char *buf)
{
	char *at = stpcpy(buf, PROXY_V1_START);

	if (family != AF_INET && family != AF_INET6)
		return (size_t)(stpcpy(at, "UNKNOWN\r\n") - buf);
	at = stpcpy(at, family == AF_INET ? "TCP4 " : "TCP6 ");
	at = write_host(at, source);
	*at++ = ' ';
	at = write_host(at, destination);
	*at++ = ' ';
	at = decimal_write(at, endpoint_port(source));
	*at++ = ' ';
	at = decimal_write(at, endpoint_port(destination));
	return (size_t)(stpcpy(at, "\r\n") - buf);
}
