#include "build_config.h"

#include "daemon/preparation.h"

#include "base/evloop.h"
#include "base/log.h"
#include "relay/apart.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

/* A listening address that is a host name. */
struct name {
	struct preparation *preparation;
	const char *relay;
	const struct address *address;
	struct address_list **found; /* where its addresses go */
	struct lookup *lookup;       /* under way, or NULL */
};

struct preparation {
	struct lookups *lookups;
	struct facade *facade;
	const struct generation *generation;
	struct address_list **found; /* one for each listening address of all relays; NULL unless a name */
	size_t found_count;
	struct name *names;
	size_t name_count, unknown; /* unknown: names still being looked up */
	struct event *known;        /* all names are known, or one cannot be */
	int error;
	preparation_done *done;
	void *arg;
};

/* ---- binding ---- */

/* Binds those relays that have entrances already, or those that do not. */
static int bind_some(const struct preparation *preparation, bool known)
{
	struct address_list **found = preparation->found;
	int error = 0;

	for (size_t i = 0; !error && i < preparation->generation->relay_count; i++) {
		struct relay *relay = preparation->generation->relays[i];

		if (facade_has(preparation->facade, relay->config->name) == known)
			error = relay_bind(relay, preparation->facade, found);
		found += relay->config->listen_count;
	}
	return error;
}

/* 0 or -errno; the error is logged. */
static int bind_all(const struct preparation *preparation)
{
	int error = facade_begin(preparation->facade);

	if (!error)
		error = bind_some(preparation, true);
	if (!error)
		error = bind_some(preparation, false);
	return error ? error
	             : apart_check(preparation->generation->relays, preparation->generation->relay_count);
}

EVENT_CALLBACK(on_known, struct preparation, preparation)
{
	int error = preparation->error;

	preparation->done(preparation->arg, error ? error : bind_all(preparation));
}

/* ---- names ---- */

static void cancel_all(struct preparation *preparation)
{
	for (size_t i = 0; i < preparation->name_count; i++) {
		lookup_cancel(preparation->names[i].lookup);
		preparation->names[i].lookup = NULL;
	}
}

/* One name that fails is enough. */
static void fail(const struct name *name, const char *why)
{
	char text[ADDRESS_TEXT_MAX];

	address_format(name->address, text);
	log_error("relay %s: cannot listen on %s: %s", name->relay, text, why);
	name->preparation->error = -EADDRNOTAVAIL;
	name->preparation->unknown = 0;
	cancel_all(name->preparation);
}

static void take(void *arg, const struct lookup_answer *answer)
{
	struct name *name = arg;
	struct preparation *preparation = name->preparation;

	name->lookup = NULL;
	preparation->unknown--;
	if (answer->list)
		*name->found = address_list_with_port(answer->list, name->address->port);
	if (!*name->found)
		fail(name, lookup_strerror(answer->list ? ENOMEM : answer->error));
	address_list_put(answer->list);
	if (preparation->unknown == 0)
		event_active(preparation->known, EV_TIMEOUT, 0);
}

static int begin_name(struct preparation *preparation, const struct config_relay *relay,
                      const struct address *address, struct address_list **found)
{
	struct name *name = &preparation->names[preparation->name_count];

	*name = (struct name){preparation, relay->name, address, found, NULL};
	name->lookup = lookups_begin(preparation->lookups, address->host, false, take, name);
	if (!name->lookup)
		return -ENOMEM;
	preparation->name_count++;
	preparation->unknown++;
	return 0;
}

static int begin_names(struct preparation *preparation, const struct config_relay *relay,
                       struct address_list **found)
{
	int error = 0;

	for (size_t i = 0; !error && i < relay->listen_count; i++)
		if (relay->listen[i].kind == ADDRESS_NAME)
			error = begin_name(preparation, relay, &relay->listen[i], &found[i]);
	return error;
}

static int begin(struct preparation *preparation)
{
	struct address_list **found = preparation->found;
	int error = 0;

	for (size_t i = 0; !error && i < preparation->generation->relay_count; i++) {
		const struct config_relay *relay = preparation->generation->relays[i]->config;

		error = begin_names(preparation, relay, found);
		found += relay->listen_count;
	}
	if (!error && preparation->unknown == 0)
		event_active(preparation->known, EV_TIMEOUT, 0);
	return error;
}

const char *preparation_awaited(const struct preparation *preparation)
{
	for (size_t i = 0; preparation && i < preparation->name_count; i++)
		if (preparation->names[i].lookup)
			return preparation->names[i].address->host;
	return NULL;
}

struct preparation *preparation_new(struct event_base *base, struct lookups *lookups, struct facade *facade,
                                    const struct generation *generation, preparation_done *done, void *arg)
{
	struct preparation *preparation = calloc(1, sizeof(*preparation));

	if (!preparation)
		return NULL;
	preparation->lookups = lookups;
	preparation->facade = facade;
	preparation->generation = generation;
	preparation->done = done;
	preparation->arg = arg;
	for (size_t i = 0; i < generation->relay_count; i++)
		preparation->found_count += generation->relays[i]->config->listen_count;
	preparation->found = calloc(preparation->found_count, sizeof(struct address_list *));
	preparation->names = calloc(preparation->found_count, sizeof(*preparation->names));
	preparation->known = event_new(base, -1, 0, on_known, preparation);
	if (preparation->found && preparation->names && preparation->known && begin(preparation) == 0)
		return preparation;
	preparation_free(preparation);
	return NULL;
}

void preparation_free(struct preparation *preparation)
{
	if (!preparation)
		return;
	cancel_all(preparation);
	for (size_t i = 0; preparation->found && i < preparation->found_count; i++)
		address_list_put(preparation->found[i]);
	evloop_free_event(preparation->known);
	free(preparation->names);
	free(preparation->found);
	free(preparation);
}
