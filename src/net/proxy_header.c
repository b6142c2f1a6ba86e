#include "build_config.h"

#include "net/proxy_header.h"
#include "net/proxy_header_private.h"

#include <errno.h>
#include <string.h>

enum agreement { DIFFERS, AGREES_SO_FAR, BEGINS_WITH };

static enum agreement compare(const void *bytes, size_t size, const char *start, size_t start_size)
{
	if (memcmp(bytes, start, size < start_size ? size : start_size) != 0)
		return DIFFERS;
	return size < start_size ? AGREES_SO_FAR : BEGINS_WITH;
}

int proxy_header_decode(const void *bytes, size_t size, struct proxy_header *header, const char **why)
{
	enum agreement v1 = compare(bytes, size, PROXY_V1_START, sizeof(PROXY_V1_START) - 1);
	enum agreement v2 = compare(bytes, size, PROXY_V2_START, sizeof(PROXY_V2_START) - 1);

	if (v1 == BEGINS_WITH)
		return proxy_header_decode_v1(bytes, size, header, why);
	if (v2 == BEGINS_WITH)
		return proxy_header_decode_v2(bytes, size, header, why);
	if (v1 == AGREES_SO_FAR || v2 == AGREES_SO_FAR)
		return 0;
	*why = "no PROXY header";
	return -EPROTO;
}

/* The opposite of endpoint_unmap. */
static void map_ipv4(struct endpoint *endpoint)
{
	struct sockaddr_in in = endpoint->in;

	if (endpoint->any.sa_family != AF_INET)
		return;
	*endpoint = (struct endpoint){.length = sizeof(endpoint->in6),
	                              .in6 = {.sin6_family = AF_INET6,
	                                      .sin6_port = in.sin_port,
	                                      .sin6_addr = ipv4_mapped(in.sin_addr)}};
}

/* Brings both to one family if that can be done. AF_UNSPEC if it cannot. */
static int unite(struct endpoint *a, struct endpoint *b)
{
	endpoint_unmap(a);
	endpoint_unmap(b);
	if (a->any.sa_family != b->any.sa_family) {
		map_ipv4(a);
		map_ipv4(b);
	}
	return a->any.sa_family == b->any.sa_family ? a->any.sa_family : AF_UNSPEC;
}

size_t proxy_header_encode(enum proxy_version version, const struct endpoint *source,
                           const struct endpoint *destination, char buf[PROXY_HEADER_SENT_MAX])
{
	struct endpoint from = *source, to = *destination;
	int family = unite(&from, &to);

	if (version == PROXY_V1)
		return proxy_header_encode_v1(family, &from, &to, buf);
	return proxy_header_encode_v2(family, &from, &to, buf);
}

size_t proxy_header_encode_own(enum proxy_version version, const struct endpoint *ours,
                               const struct endpoint *target, char buf[PROXY_HEADER_SENT_MAX])
{
	if (version == PROXY_V2)
		return proxy_header_encode_local(buf);
	return proxy_header_encode(version, ours, target, buf);
}
