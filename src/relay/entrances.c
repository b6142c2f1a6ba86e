#include "build_config.h"

#include "relay/entrances.h"

#include "base/log.h"
#include "config/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What every entrance of a relay is bound with. */
struct binding {
	struct entrances *entrances;
	struct facade *facade;
	const char *relay;
	struct socket_tuning tuning;
	bool refuses;                      /* they are to let nobody in for now */
	const struct entrance *in_the_way; /* of ours, where binding failed last */
};

static int bind_key(struct binding *binding, const struct entrance_key *key)
{
	struct entrances *entrances = binding->entrances;
	struct entrance **grown;
	int error;

	grown = reallocarray(entrances->list, entrances->count + 1, sizeof(struct entrance *));
	if (!grown)
		return -ENOMEM;
	entrances->list = grown;
	error = facade_take(binding->facade, key, &binding->tuning, binding->relay, binding->refuses,
	                    &grown[entrances->count]);
	if (!error)
		entrances->count++;
	binding->in_the_way = error == -EADDRINUSE ? facade_find_overlap(binding->facade, key) : NULL;
	return error;
}

/* This machine does not have the address, or not its whole family. */
static bool is_not_here(int error)
{
	return error == -EADDRNOTAVAIL || error == -EAFNOSUPPORT;
}

/* One IPv6 socket that takes IPv4 clients too, or an IPv4 socket if the kernel has no IPv6. */
static int bind_wildcard(struct binding *binding, uint16_t port)
{
	struct entrance_key any6 = {.endpoint.length = sizeof(any6.endpoint.in6), .dual_stack = true};
	struct entrance_key any4 = {.endpoint.length = sizeof(any4.endpoint.in)};
	int error;

	any6.endpoint.in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
	any4.endpoint.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	error = bind_key(binding, &any6);
	return is_not_here(error) ? bind_key(binding, &any4) : error;
}

static int fail(struct binding *binding, const char *address, int error)
{
	const struct entrance *other = binding->in_the_way;

	if (other)
		log_error("relay %s: cannot listen on %s: relay %s has %s%s", binding->relay, address,
		          other->relay, other->text,
		          other->state == ENTRANCE_SHUT ? ", where clients still wait" : "");
	else
		log_error("relay %s: cannot listen on %s: %s", binding->relay, address, strerror(-error));
	return error;
}

/* Binds one address of a name. If this machine has it, it is counted in here. If not, that is no error. */
static int bind_found(struct binding *binding, const struct endpoint *endpoint, size_t *here)
{
	struct entrances *entrances = binding->entrances;
	int error = bind_key(binding, &(struct entrance_key){.endpoint = *endpoint});
	char text[ADDRESS_TEXT_MAX];

	endpoint_format(&endpoint->any, endpoint->length, text);
	if (is_not_here(error)) {
		log_notice("relay %s: not listening on %s: %s", binding->relay, text, strerror(-error));
		return 0;
	}
	if (error)
		return fail(binding, text, error);
	entrances->by_name = true;
	++*here;
	return 0;
}

/* A name like localhost often has an IPv6 address, whether the machine has IPv6 or not. */
static int bind_name(struct binding *binding, const char *name, const struct address_list *found)
{
	size_t here = 0;
	int error = 0;

	for (size_t i = 0; !error && i < found->count; i++)
		error = bind_found(binding, &found->endpoint[i], &here);
	if (!error && here == 0)
		return fail(binding, name, -EADDRNOTAVAIL);
	return error;
}

/* Only where words were given, or are no longer given. */
static int fail_access(const char *relay, const struct address *address, int error)
{
	char text[ADDRESS_TEXT_MAX], words[ACCESS_TEXT_MAX];

	log_error("relay %s: cannot set \"%s\" on %s: %s%s", relay, access_format(address, words),
	          address_format(address, text), strerror(-error),
	          error == -EPERM ? "; expected a group that weir is in, or CAP_CHOWN" : "");
	return error;
}

/* Of the one that was taken last. */
static int set_access(const struct binding *binding, const struct address *address)
{
	const struct entrances *entrances = binding->entrances;
	int error = entrance_set_access(entrances->list[entrances->count - 1], &address->access);

	return error ? fail_access(binding->relay, address, error) : 0;
}

static int bind_literal(struct binding *binding, const struct address *address, const char *text)
{
	const struct entrance_key key = {.endpoint = address->endpoint};
	int error;

	binding->tuning.access = &address->access;
	error = bind_key(binding, &key);
	return error ? fail(binding, text, error) : set_access(binding, address);
}

static int fail_passed(const struct binding *binding, const char *text)
{
	char names[512];

	log_error("relay %s: cannot listen on %s: no socket of that name was passed at the start; there are: "
	          "%s",
	          binding->relay, text, activation_names(binding->facade->activation, names, sizeof(names)));
	return -EADDRNOTAVAIL;
}

static int bind_passed(struct binding *binding, const char *name, const char *text)
{
	const struct passed_socket *passed = NULL;
	int error = -EADDRNOTAVAIL;

	while ((passed = activation_find(binding->facade->activation, name, passed))) {
		const struct entrance_key key = {passed->endpoint, passed->dual_stack, passed};

		error = bind_key(binding, &key);
		if (error)
			return fail(binding, text, error);
	}
	binding->entrances->by_name = true;
	return error ? fail_passed(binding, text) : 0;
}

static int bind_address(struct binding *binding, const struct address *address,
                        const struct address_list *found)
{
	char text[ADDRESS_TEXT_MAX];
	int error;

	address_format(address, text);
	if (address->kind == ADDRESS_NAME)
		return bind_name(binding, text, found);
	if (address->kind == ADDRESS_SYSTEMD)
		return bind_passed(binding, address->host, text);
	if (address->kind == ADDRESS_LITERAL)
		return bind_literal(binding, address, text);
	error = bind_wildcard(binding, address->port);
	return error ? fail(binding, text, error) : 0;
}

int entrances_bind(struct entrances *entrances, struct facade *facade, const struct config_relay *config,
                   struct address_list *const *found, const struct socket_tuning *tuning, bool refuse)
{
	struct binding binding = {entrances, facade, config->name, *tuning, refuse, NULL};
	int error = 0;

	for (size_t i = 0; !error && i < config->listen_count; i++)
		error = bind_address(&binding, &config->listen[i], found ? found[i] : NULL);
	return error;
}

const struct entrance *entrances_overlap(const struct entrances *a, const struct entrances *b)
{
	if (!a->by_name && !b->by_name)
		return NULL;
	for (size_t i = 0; i < a->count; i++)
		for (size_t j = 0; j < b->count; j++)
			if (a->list[i] != b->list[j] && entrance_overlaps(a->list[i], b->list[j]))
				return a->list[i];
	return NULL;
}

int entrances_listen(struct entrances *entrances, const char *relay)
{
	for (size_t i = 0; i < entrances->count; i++) {
		struct entrance *entrance = entrances->list[i];
		int error;

		if (entrance->listens || entrance->refuses)
			continue;
		error = entrance_listen(entrance);
		if (error) {
			log_error("relay %s: cannot listen on %s: %s", relay, entrance->text,
			          strerror(-error));
			return error;
		}
		if (!entrance->refused) /* that is told once for all of a relay */
			log_notice("relay %s: listening on %s", relay, entrance->text);
	}
	return 0;
}

int entrances_take_again(const struct entrances *entrances, const char *relay, bool refuse)
{
	for (size_t i = 0; i < entrances->count; i++) {
		struct entrance *entrance = entrances->list[i];
		int error = facade_take_again(entrance, relay, refuse);

		if (error) {
			log_error("relay %s: cannot listen on %s again: %s%s", relay, entrance->text,
			          strerror(-error),
			          entrance->state == ENTRANCE_SHUT ? ", as clients still wait there" : "");
			return error;
		}
	}
	return 0;
}

bool entrances_let_in(const struct entrances *entrances)
{
	return entrances->count > 0 && entrances->list[0]->state == ENTRANCE_OPEN;
}

void entrances_free(struct entrances *entrances)
{
	for (size_t i = 0; i < entrances->count; i++)
		facade_put(entrances->list[i]);
	free(entrances->list);
	*entrances = (struct entrances){.list = NULL};
}
