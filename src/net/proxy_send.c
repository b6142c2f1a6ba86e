#include "build_config.h"

#include "net/proxy_send.h"

#include "net/stream.h"

#include <errno.h>
#include <string.h>

static int send_whole(int fd, const char *bytes, size_t size)
{
	ssize_t sent = stream_send(fd, bytes, size);

	if (sent == (ssize_t)size)
		return 0;
	/* A new connection has room for a header, unless the kernel has no memory. */
	return sent >= 0 || sent == -EAGAIN ? -ENOBUFS : (int)sent;
}

int proxy_send(int fd, enum proxy_version version, const struct endpoint *source,
               const struct endpoint *destination)
{
	char header[PROXY_HEADER_SENT_MAX];

	return send_whole(fd, header, proxy_header_encode(version, source, destination, header));
}

/* AF_UNSPEC if the kernel does not say, as of a connection that has failed. */
static struct endpoint end_of(int fd, bool other)
{
	struct endpoint end = {.length = sizeof(end.un)};
	int result = other ? getpeername(fd, &end.any, &end.length) : getsockname(fd, &end.any, &end.length);

	return result < 0 ? (struct endpoint){.any.sa_family = AF_UNSPEC} : end;
}

/* A unix client is not known by more than its family. */
static struct endpoint endpoint_of(const union client_address *client)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.any.sa_family)};

	memcpy(&endpoint.any, &client->any, sizeof(*client));
	if (client->any.sa_family == AF_INET)
		endpoint.length = sizeof(endpoint.in);
	else if (client->any.sa_family == AF_INET6)
		endpoint.length = sizeof(endpoint.in6);
	return endpoint;
}

int proxy_send_client(int fd, enum proxy_version version, const union client_address *client, int client_fd)
{
	struct endpoint source = endpoint_of(client), destination = end_of(client_fd, false);

	return proxy_send(fd, version, &source, &destination);
}

int proxy_send_own(int fd, enum proxy_version version)
{
	struct endpoint ours = end_of(fd, false), target = end_of(fd, true);
	char header[PROXY_HEADER_SENT_MAX];

	return send_whole(fd, header, proxy_header_encode_own(version, &ours, &target, header));
}
