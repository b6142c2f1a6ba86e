/* Headers of the PROXY protocol: the input is what comes on a connection, and addresses to make one of. */
#include "build_config.h"

#include "fuzz.h"
#include "net/proxy_header.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* In memory that ends where it ends. */
static int decode(const uint8_t *data, size_t size, struct proxy_header *header, const char **why)
{
	uint8_t *copy = malloc(size > 0 ? size : 1);
	int r;

	fuzz_require(copy != NULL);
	if (size > 0)
		memcpy(copy, data, size);
	*why = NULL;
	r = proxy_header_decode(copy, size, header, why);
	free(copy);
	fuzz_require(r >= 0 || r == -EPROTO);
	fuzz_require((r < 0) == (*why != NULL));
	return r;
}

static void require_equal(const struct proxy_header *a, const struct proxy_header *b)
{
	fuzz_require(a->has_addresses == b->has_addresses);
	if (!a->has_addresses)
		return;
	fuzz_require(endpoint_equal(&a->source, &b->source));
	fuzz_require(endpoint_equal(&a->destination, &b->destination));
}

/* As peers of the kernel are: of a known family, not mapped, with their true length. */
static void require_sound(const struct endpoint *endpoint)
{
	struct endpoint unmapped = *endpoint;
	char text[ADDRESS_TEXT_MAX];

	endpoint_unmap(&unmapped);
	fuzz_require(endpoint_equal(&unmapped, endpoint));
	switch (endpoint->any.sa_family) {
	case AF_INET:
		fuzz_require(endpoint->length == sizeof(endpoint->in));
		break;
	case AF_INET6:
		fuzz_require(endpoint->length == sizeof(endpoint->in6));
		break;
	default:
		fuzz_require(endpoint->any.sa_family == AF_UNIX);
		fuzz_require(endpoint->length >= sizeof(sa_family_t) &&
		             endpoint->length <= sizeof(endpoint->un));
	}
	fuzz_require(strlen(endpoint_format(&endpoint->any, endpoint->length, text)) > 0);
}

static bool is_told(const struct endpoint *source, const struct endpoint *destination)
{
	return source->any.sa_family != AF_UNIX && destination->any.sa_family != AF_UNIX;
}

/* What is made of a header is that header, and can be read. */
static void require_again(enum proxy_version version, const struct proxy_header *header)
{
	char *buf = malloc(PROXY_HEADER_SENT_MAX);
	size_t size;
	struct proxy_header again;
	const char *why;

	fuzz_require(buf != NULL);
	size = proxy_header_encode(version, &header->source, &header->destination, buf);
	fuzz_require(size <= PROXY_HEADER_SENT_MAX);
	fuzz_require(decode((uint8_t *)buf, size, &again, &why) == (int)size);
	fuzz_require(again.has_addresses == is_told(&header->source, &header->destination));
	if (again.has_addresses)
		require_equal(&again, header);
	free(buf);
}

/* Less of a header is no header, and more is the same one. */
static void try_parts(const uint8_t *data, size_t size, const struct proxy_header *header, int length)
{
	struct proxy_header other;
	const char *why;

	fuzz_require(length > 0 && (size_t)length <= size && length <= PROXY_HEADER_MAX);
	for (int less = 0; less < length; less += 1 + less / 4)
		fuzz_require(decode(data, (size_t)less, &other, &why) == 0);
	fuzz_require(decode(data, (size_t)length - 1, &other, &why) == 0);
	fuzz_require(decode(data, (size_t)length, &other, &why) == length);
	require_equal(&other, header);
}

/* What is refused was not a header with less of it either. */
static void try_refused(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	const char *why;
	bool refused = false;

	for (size_t less = 0; less < size; less += 1 + less / 64) {
		int r = decode(data, less, &header, &why);

		fuzz_require(refused ? r == -EPROTO : r == 0 || r == -EPROTO);
		refused = r < 0;
	}
}

static void read_header(const uint8_t *data, size_t size)
{
	struct proxy_header header;
	const char *why;
	int r = decode(data, size, &header, &why);

	if (r == 0)
		fuzz_require(size < PROXY_HEADER_MAX);
	else if (r < 0)
		try_refused(data, size);
	else
		try_parts(data, size, &header, r);
	if (r <= 0 || !header.has_addresses)
		return;
	require_sound(&header.source);
	require_sound(&header.destination);
	require_again(PROXY_V1, &header);
	require_again(PROXY_V2, &header);
}

/* The first byte is the family, the rest the address, as far as there is one. */
static struct endpoint make_endpoint(const uint8_t *data, size_t size)
{
	static const sa_family_t families[] = {AF_INET, AF_INET6, AF_UNIX};
	struct endpoint endpoint = {.un = {.sun_family = families[size > 0 ? data[0] % 3 : 0]}};
	char *at = (char *)&endpoint.any + sizeof(sa_family_t);
	size_t room = sizeof(endpoint.un) - sizeof(sa_family_t), count = size > 0 ? size - 1 : 0;

	count = count < room ? count : room;
	endpoint.length = (socklen_t)(sizeof(sa_family_t) + count);
	if (endpoint.any.sa_family != AF_UNIX) {
		endpoint.length =
		        endpoint.any.sa_family == AF_INET ? sizeof(endpoint.in) : sizeof(endpoint.in6);
		room = endpoint.length - sizeof(sa_family_t);
		count = count < room ? count : room;
	}
	if (count > 0)
		memcpy(at, data + 1, count);
	return endpoint;
}

/* Of any two addresses. They come back as the header can tell them, and then that is told the same again. */
static void make_header(const uint8_t *data, size_t size)
{
	struct endpoint source = make_endpoint(data, size / 2);
	struct endpoint destination = make_endpoint(data + size / 2, size - size / 2);
	struct proxy_header header;
	const char *why;
	char buf[PROXY_HEADER_SENT_MAX];
	size_t length = proxy_header_encode(PROXY_V2, &source, &destination, buf);

	fuzz_require(decode((uint8_t *)buf, length, &header, &why) == (int)length);
	fuzz_require(header.has_addresses == is_told(&source, &destination));
	if (!header.has_addresses)
		return;
	require_sound(&header.source);
	require_again(PROXY_V1, &header);
	require_again(PROXY_V2, &header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_header(data, size);
	make_header(data, size);
	return 0;
}
