#include "build_config.h"

#include "relay/entrances.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What every entrance of a relay is bound with. */
struct binding {
	struct entrances *entrances;
	const char *relay;
	const struct socket_tuning *tuning;
	unsigned workers;
};

static int bind_endpoint(const struct binding *binding, const struct endpoint *endpoint, bool dual_stack)
{
	struct entrances *entrances = binding->entrances;
	struct entrance *grown;
	int error;

	grown = reallocarray(entrances->list, entrances->count + 1, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	entrances->list = grown;
	error = entrance_bind(&grown[entrances->count], endpoint, binding->tuning, dual_stack,
	                      binding->workers);
	if (!error)
		entrances->count++;
	return error;
}

/* This machine does not have the address, or not its whole family. */
static bool is_not_here(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* One IPv6 socket that takes IPv4 clients too, or an IPv4 socket if the kernel has no IPv6. */
static int bind_wildcard(const struct binding *binding, uint16_t port)
{
	struct endpoint any6 = {.length = sizeof(any6.in6)};
	struct endpoint any4 = {.length = sizeof(any4.in)};
	int error;

	any6.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	any4.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	error = bind_endpoint(binding, &any6, true);
	return is_not_here(error) ? bind_endpoint(binding, &any4, false) : error;
}

static int fail(const struct binding *binding, const char *address, int error)
{
	log_error("relay %s: cannot listen on %s: %s", binding->relay, address, strerror(-error));
	return error;
}

/* Binds one address of a name. If this machine has it, it is counted in here. If not, that is no error. */
static int bind_found(const struct binding *binding, const struct endpoint *endpoint, size_t *here)
{
	struct entrances *entrances = binding->entrances;
	int error = bind_endpoint(binding, endpoint, false);
	char text[ADDRESS_TEXT_MAX];

	endpoint_format(&endpoint->any, endpoint->length, text);
	if (is_not_here(error)) {
		log_notice("relay %s: not listening on %s: %s", binding->relay, text, strerror(-error));
		return 0;
	}
	if (error)
		return fail(binding, text, error);
	entrances->list[entrances->count - 1].by_name = entrances->by_name = true;
	++*here;
	return 0;
}

/* A name like localhost often has an IPv6 address, whether the machine has IPv6 or not. */
static int bind_name(const struct binding *binding, const char *name, const struct address_list *found)
{
	size_t here = 0;
	int error = 0;

	for (size_t i = 0; !error && i < found->count; i++)
		error = bind_found(binding, &found->endpoint[i], &here);
	if (!error && here == 0)
		return fail(binding, name, -EADDRNOTAVAIL);
	return error;
}

static int bind_address(const struct binding *binding, const struct address *address,
                        const struct address_list *found)
{
	char text[ADDRESS_TEXT_MAX];
	int error;

	address_format(address, text);
	if (address->kind == ADDRESS_NAME)
		return bind_name(binding, text, found);
	if (address->kind == ADDRESS_WILDCARD)
		error = bind_wildcard(binding, address->port);
	else
		error = bind_endpoint(binding, &address->endpoint, false);
	return error ? fail(binding, text, error) : 0;
}

int entrances_bind(struct entrances *entrances, const struct config_relay *config,
                   struct address_list *const *found, const struct socket_tuning *tuning, unsigned workers)
{
	const struct binding binding = {entrances, config->name, tuning, workers};
	int error = 0;

	for (size_t i = 0; !error && i < config->listen_count; i++)
		error = bind_address(&binding, &config->listen[i], found ? found[i] : NULL);
	return error;
}

static bool need_comparing(const struct entrance *a, const struct entrance *b)
{
	return a != b && (a->by_name || b->by_name);
}

const struct entrance *entrances_overlap(const struct entrances *a, const struct entrances *b)
{
	if (!a->by_name && !b->by_name)
		return NULL;
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (need_comparing(&a->list[i], &b->list[j]) &&
			    entrance_overlaps(&a->list[i], &b->list[j]))
				return &a->list[i];
	return NULL;
}

int entrances_listen(struct entrances *entrances, const char *relay)
{
	for (size_t i = 0; i < entrances->count; i++) {
		struct entrance *entrance = &entrances->list[i];
		int error = entrance_listen(entrance);

		if (error) {
			log_error("relay %s: cannot listen on %s: %s", relay, entrance->text,
			          strerror(-error));
			return error;
		}
		log_notice("relay %s: listening on %s", relay, entrance->text);
	}
	return 0;
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
