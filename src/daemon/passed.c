#include "build_config.h"

#include "daemon/passed.h"

#include "base/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The next address in all relays that stands for sockets of the service manager, from *at on; or NULL. */
static const struct address *next_name(const struct config *config, size_t *relay, size_t *nth)
{
	for (; *relay < config->relay_count; ++*relay, *nth = 0)
		while (*nth < config->relays[*relay].listen_count) {
			const struct address *address = &config->relays[*relay].listen[(*nth)++];

			if (address->kind == ADDRESS_SYSTEMD)
				return address;
		}
	return NULL;
}

static bool is_wanted(const struct config *config, const char *name)
{
	const struct address *address = &config->global.http_listen;
	size_t relay = 0, nth = 0;

	if (address->kind == ADDRESS_SYSTEMD && strcmp(address->host, name) == 0)
		return true;

	while ((address = next_name(config, &relay, &nth)))
		if (strcmp(address->host, name) == 0)
			return true;
	return false;
}

static const char *wanted_names(const struct config *config, char *buf, size_t size)
{
	const struct address *address;
	size_t relay = 0, nth = 0, length = 0;

	snprintf(buf, size, "none");
	while (length < size && (address = next_name(config, &relay, &nth)))
		length += (size_t)snprintf(buf + length, size - length, "%ssystemd:%s",
		                           length > 0 ? ", " : "", address->host);
	return buf;
}

static int check(const struct passed_socket *socket, const struct config *config)
{
	char text[ADDRESS_TEXT_MAX], names[512];

	if (socket->flaw) {
		log_error("the socket \"%s\" of the service manager %s; expected a TCP or unix stream socket "
		          "that listens",
		          socket->name, socket->flaw);
		return -EADDRNOTAVAIL;
	}
	if (is_wanted(config, socket->name))
		return 0;
	log_error("no relay listens on the socket \"%s\" (%s) of the service manager; relays listen on: %s",
	          socket->name, endpoint_format(&socket->endpoint.any, socket->endpoint.length, text),
	          wanted_names(config, names, sizeof(names)));
	return -EADDRNOTAVAIL;
}

int passed_check(const struct activation *activation, const struct config *config)
{
	int error = activation->error;

	if (error)
		log_error("cannot take the sockets of the service manager: %s", strerror(-error));
	for (size_t i = 0; i < activation->count; i++)
		if (check(&activation->sockets[i], config) < 0)
			error = -EADDRNOTAVAIL;
	return error;
}
