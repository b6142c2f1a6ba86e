#include "build_config.h"

#include "relay/entrances.h"

#include "base/grow.h"
#include "base/log.h"
#include "config/access.h"
#include "relay/span.h"

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
	struct endpoint failed;            /* where binding failed last */
	const struct entrance *in_the_way; /* of ours, where binding failed last */
};

/* Room for one more. */
static int make_room(struct entrances *entrances)
{
	struct entrance **list = array_grow(entrances->list, entrances->count, sizeof(struct entrance *));
	uint16_t *places = array_grow(entrances->places, entrances->count, sizeof(*places));

	entrances->list = list ? list : entrances->list;
	entrances->places = places ? places : entrances->places;
	return list && places ? 0 : -ENOMEM;
}

int entrances_add(struct entrances *entrances, struct entrance *entrance, uint16_t place)
{
	int error = make_room(entrances);

	if (error)
		return error;
	entrance->references++;
	entrances->places[entrances->count] = place;
	entrances->list[entrances->count++] = entrance;
	return 0;
}

static int bind_key(struct binding *binding, const struct entrance_key *key, uint16_t place)
{
	struct entrances *entrances = binding->entrances;
	int error = make_room(entrances);

	if (!error)
		error = facade_take(binding->facade, key, &binding->tuning, binding->relay, binding->refuses,
		                    &entrances->list[entrances->count]);
	if (!error)
		entrances->places[entrances->count++] = place;
	else
		binding->failed = key->endpoint;
	binding->in_the_way = error == -EADDRINUSE ? facade_find_overlap(binding->facade, key) : NULL;
	return error;
}

/* An entrance for each of so many ports, from that of first on. */
static int bind_ports(struct binding *binding, const struct entrance_key *first, uint16_t ports)
{
	struct entrance_key key = *first;
	int error = 0;

	for (uint16_t place = 0; !error && place < ports; place++) {
		key.endpoint = endpoint_at_place(&first->endpoint, place);
		error = bind_key(binding, &key, place);
	}
	return error;
}

static int bind_wildcard(struct binding *binding, const struct address *address)
{
	struct entrance_key keys[ENTRANCE_KEYS];
	size_t count = entrance_keys(address, keys);
	int error = -EADDRNOTAVAIL;

	for (size_t i = 0; entrance_is_not_here(error) && i < count; i++)
		error = bind_ports(binding, &keys[i], address->ports);
	return error;
}

static int fail_at(const struct binding *binding, const char *text, int error)
{
	const struct entrance *other = binding->in_the_way;

	if (other)
		log_error("relay %s: cannot listen on %s: relay %s has %s%s", binding->relay, text,
		          other->relay, other->text,
		          other->state == ENTRANCE_SHUT ? ", where clients still wait" : "");
	else
		log_error("relay %s: cannot listen on %s: %s", binding->relay, text, strerror(-error));
	return error;
}

/* Of a range, it names the one port that cannot be had. */
static int fail(const struct binding *binding, const struct address *address, int error)
{
	const struct endpoint *failed = &binding->failed;
	char text[ADDRESS_TEXT_MAX];

	if (address->ports > 1)
		endpoint_format(&failed->any, failed->length, text);
	else
		address_format(address, text);
	return fail_at(binding, text, error);
}

/* One address of a name, which is first. If this machine has it, it is counted in here. If not, so be it. */
static int bind_found(struct binding *binding, const struct endpoint *first, uint16_t ports, size_t *here)
{
	int error = bind_ports(binding, &(struct entrance_key){.endpoint = *first}, ports);
	char text[ADDRESS_TEXT_MAX];

	if (entrance_is_not_here(error)) {
		endpoint_format(&first->any, first->length, text);
		if (ports > 1)
			address_add_last_port(text, (uint16_t)(endpoint_port(first) + ports - 1));
		log_notice("relay %s: not listening on %s: %s", binding->relay, text, strerror(-error));
		return 0;
	}
	if (error)
		return fail_at(binding, endpoint_format(&binding->failed.any, binding->failed.length, text),
		               error);
	binding->entrances->by_name = true;
	++*here;
	return 0;
}

/* A name like localhost often has an IPv6 address, whether the machine has IPv6 or not. */
static int bind_name(struct binding *binding, const struct address *name, const struct address_list *found)
{
	char text[ADDRESS_TEXT_MAX];
	size_t here = 0;
	int error = 0;

	for (size_t i = 0; !error && i < found->count; i++)
		error = bind_found(binding, &found->endpoint[i], name->ports, &here);
	if (!error && here == 0)
		return fail_at(binding, address_format(name, text), -EADDRNOTAVAIL);
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

static int bind_literal(struct binding *binding, const struct address *address)
{
	const struct entrance_key key = {.endpoint = address->endpoint};
	int error;

	binding->tuning.access = &address->access;
	error = bind_ports(binding, &key, address->ports);
	return error ? fail(binding, address, error) : set_access(binding, address);
}

static int fail_passed(const struct binding *binding, const struct address *address)
{
	char names[512], text[ADDRESS_TEXT_MAX];

	log_error("relay %s: cannot listen on %s: no socket of that name was passed at the start; there are: "
	          "%s",
	          binding->relay, address_format(address, text),
	          activation_names(binding->facade->activation, names, sizeof(names)));
	return -EADDRNOTAVAIL;
}

static int bind_passed(struct binding *binding, const struct address *address)
{
	const struct passed_socket *passed = NULL;
	int error = -EADDRNOTAVAIL;

	while ((passed = activation_find(binding->facade->activation, address->host, passed))) {
		const struct entrance_key key = {passed->endpoint, passed->dual_stack, passed};

		error = bind_key(binding, &key, 0);
		if (error)
			return fail(binding, address, error);
	}
	binding->entrances->by_name = true;
	return error ? fail_passed(binding, address) : 0;
}

static int bind_address(struct binding *binding, const struct address *address,
                        const struct address_list *found)
{
	int error;

	if (address->kind == ADDRESS_NAME)
		return bind_name(binding, address, found);
	if (address->kind == ADDRESS_SYSTEMD)
		return bind_passed(binding, address);
	if (address->kind == ADDRESS_LITERAL)
		return bind_literal(binding, address);
	error = bind_wildcard(binding, address);
	return error ? fail(binding, address, error) : 0;
}

int entrances_bind(struct entrances *entrances, struct facade *facade, const struct config_relay *config,
                   struct address_list *const *found, const struct socket_tuning *tuning, bool refuse)
{
	struct binding binding = {.entrances = entrances,
	                          .facade = facade,
	                          .relay = config->name,
	                          .tuning = *tuning,
	                          .refuses = refuse};
	int error = 0;

	for (size_t i = 0; !error && i < config->listen_count; i++)
		error = bind_address(&binding, &config->listen[i], found ? found[i] : NULL);
	return error;
}

int entrances_listen(struct entrances *entrances, const char *relay)
{
	struct span told = {.news = SPAN_LISTENING};
	int error = 0;

	for (size_t i = 0; !error && i < entrances->count; i++) {
		struct entrance *entrance = entrances->list[i];

		if (entrance->listens || entrance->refuses)
			continue;
		error = entrance_listen(entrance);
		if (error)
			log_error("relay %s: cannot listen on %s: %s", relay, entrance->text,
			          strerror(-error));
		else if (!entrance->refused) /* that is told once for all of a relay */
			span_add(&told, relay, entrance);
	}
	span_end(&told);
	return error;
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
	free(entrances->places);
	*entrances = (struct entrances){.list = NULL};
}
