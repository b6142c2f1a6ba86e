#include "build_config.h"

#include "relay/entrances.h"

#include "base/log.h"
#include "net/resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What every entrance of a relay is opened with. */
struct opening {
	struct entrances *entrances;
	const char *relay;
	const struct socket_tuning *tuning;
	unsigned workers;
};

static int open_endpoint(const struct opening *opening, const struct endpoint *endpoint, bool dual_stack)
{
	struct entrances *entrances = opening->entrances;
	struct entrance *grown, *entrance;
	char text[ADDRESS_TEXT_MAX];
	int error;

	grown = realloc(entrances->list, (entrances->count + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	entrances->list = grown;
	entrance = &grown[entrances->count];
	error = entrance_open(entrance, endpoint, opening->tuning, dual_stack, opening->workers);
	if (error) {
		log_error("relay %s: cannot listen on %s: %s", opening->relay,
		          endpoint_format(&endpoint->any, endpoint->length, text), strerror(-error));
		return error;
	}
	entrances->count++;
	log_notice("relay %s: listening on %s", opening->relay, entrance->text);
	return 0;
}

/* One IPv6 socket that takes IPv4 clients too, or an IPv4 socket if the kernel has no IPv6. */
static int open_wildcard(const struct opening *opening, uint16_t port)
{
	struct endpoint any6 = {.length = sizeof(any6.in6)};
	struct endpoint any4 = {.length = sizeof(any4.in)};
	int probe;

	any6.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	any4.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	probe = socket_listen(
	        &(struct endpoint){.length = sizeof(any6.in6), .in6 = {.sin6_family = AF_INET6}},
	        opening->tuning, SOCKET_SOLE, true);
	if (probe < 0)
		return open_endpoint(opening, &any4, false);
	close(probe);
	return open_endpoint(opening, &any6, true);
}

static int open_name(const struct opening *opening, const struct address *address)
{
	int error = 0;
	struct address_list *list = resolver_lookup_now(address->host, address->port, NULL, &error);

	if (!list) {
		log_error("relay %s: cannot listen on %s: %s", opening->relay, address->host,
		          resolver_strerror(error));
		return -EADDRNOTAVAIL;
	}
	error = 0;
	for (size_t i = 0; !error && i < list->count; i++)
		error = open_endpoint(opening, &list->endpoint[i], false);
	address_list_put(list);
	return error;
}

static int open_address(const struct opening *opening, const struct address *address)
{
	if (address->kind == ADDRESS_WILDCARD)
		return open_wildcard(opening, address->port);
	if (address->kind == ADDRESS_NAME)
		return open_name(opening, address);
	return open_endpoint(opening, &address->endpoint, false);
}

int entrances_open(struct entrances *entrances, const struct config_relay *config,
                   const struct socket_tuning *tuning, unsigned workers)
{
	const struct opening opening = {entrances, config->name, tuning, workers};
	int error = 0;

	for (size_t i = 0; !error && i < config->listen_count; i++)
		error = open_address(&opening, &config->listen[i]);
	return error;
}

void entrances_close(struct entrances *entrances)
{
	for (size_t i = 0; i < entrances->count; i++)
		entrance_close(&entrances->list[i]);
}

void entrances_free(struct entrances *entrances)
{
	entrances_close(entrances);
	free(entrances->list);
	*entrances = (struct entrances){.list = NULL};
}

bool entrances_match(const struct entrances *entrances, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < entrances->count; i++)
		if (entrance_matches(&entrances->list[i], endpoint))
			return true;
	return false;
}
