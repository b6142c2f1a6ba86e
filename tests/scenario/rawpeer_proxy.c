#include "build_config.h"

#include "net/proxy_header.h"
#include "rawpeer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static const char *format(const struct proxy_header *header, const struct endpoint *endpoint, char *buf)
{
	return header->has_addresses ? endpoint_format(&endpoint->any, endpoint->length, buf) : "-";
}

static enum step note(struct peer *peer, const char *path, char first, const struct proxy_header *header)
{
	char source[ADDRESS_TEXT_MAX], destination[ADDRESS_TEXT_MAX];
	FILE *file = fopen(path, "ae");

	if (!file)
		return peer_fail(peer, "%s", strerror(errno));
	fprintf(file, "%s %s %s\n", first == 'P' ? "v1" : "v2", format(header, &header->source, source),
	        format(header, &header->destination, destination));
	return fclose(file) == 0 ? STEP_DONE : peer_fail(peer, "%s", strerror(errno));
}

/* It is not counted among the bytes, as weir does not count it. */
enum step word_recv_proxy(struct peer *peer, struct word *word)
{
	char bytes[PROXY_HEADER_MAX];
	struct proxy_header header;
	const char *why;
	ssize_t count = recv(peer->fd, bytes, sizeof(bytes), MSG_PEEK);
	int size;

	if (count < 0 && errno == EAGAIN)
		return peer_wait(peer, EPOLLIN);
	if (count <= 0)
		return peer_fail(peer, "no header: %s", count < 0 ? strerror(errno) : "the stream has ended");
	size = proxy_header_decode(bytes, (size_t)count, &header, &why);
	if (size < 0)
		return peer_fail(peer, "a wrong header: %s", why);
	if (size == 0)
		return peer_fail(peer, "the header is not in one piece, but begins with %zd bytes", count);
	if (recv(peer->fd, bytes, (size_t)size, 0) != size)
		return peer_fail(peer, "the header is gone");
	return note(peer, word->text, bytes[0], &header);
}
