#include "build_config.h"

#include "relay/relay.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t resolve_interval(const struct relay *relay)
{
	uint64_t own = relay->config->resolve_interval;

	return own == UNITS_AUTO ? relay->owner->global.resolve_interval : own;
}

static int init_parts(struct relay *relay, struct resolver *resolver)
{
	const struct config_relay *config = relay->config;

	relay->counters = calloc(relay->workers, sizeof(*relay->counters));
	relay->shortages = calloc(relay->workers, sizeof(*relay->shortages));
	relay->dampers = calloc(relay->workers, sizeof(*relay->dampers));
	relay->damping.relay = config->name;
	relay->targets = targets_new(config, resolver, resolve_interval(relay));
	if (!relay->counters || !relay->shortages || !relay->dampers || !relay->targets)
		return -ENOMEM;
	if (config->max_connections_per_source > 0) {
		relay->origins = origins_new(config->max_connections_per_source);
		if (!relay->origins)
			return -ENOMEM;
	}
	return 0;
}

static void init_tuning(struct relay *relay)
{
	const struct config_relay *config = relay->config;
	struct socket_tuning common = {
	        .nodelay = config->tcp_nodelay,
	        .keepalive = config->tcp_keepalive,
	        .notsent_lowat = config->notsent_lowat,
	        .keepalive_idle = config->keepalive_idle,
	        .keepalive_interval = config->keepalive_interval,
	        .keepalive_count = config->keepalive_count,
	};

	relay->client_tuning = relay->target_tuning = common;
	relay->client_tuning.free_bind = config->free_bind;
	relay->client_tuning.rcvbuf = config->client_rcvbuf;
	relay->client_tuning.sndbuf = config->client_sndbuf;
	relay->target_tuning.rcvbuf = config->target_rcvbuf;
	relay->target_tuning.sndbuf = config->target_sndbuf;
}

struct relay *relay_new(struct config *owner, const struct config_relay *config, struct resolver *resolver,
                        unsigned workers)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return NULL;
	relay->owner = config_get(owner);
	relay->config = config;
	relay->number = (size_t)(config - owner->relays);
	refcount_init(&relay->references);
	relay->workers = workers;
	slots_init(&relay->slots, config->max_connections);
	init_tuning(relay);
	if (init_parts(relay, resolver) < 0) {
		relay_put(relay);
		return NULL;
	}
	return relay;
}

struct relay *relay_get(struct relay *relay)
{
	refcount_get(&relay->references);
	return relay;
}

void relay_put(struct relay *relay)
{
	if (!relay || !refcount_put(&relay->references))
		return;
	entrances_free(&relay->entrances);
	targets_free(relay->targets);
	free(relay->counters);
	free(relay->shortages);
	free(relay->dampers);
	origins_free(relay->origins);
	slots_deinit(&relay->slots);
	config_put(relay->owner);
	free(relay);
}

int relay_bind(struct relay *relay, struct address_list *const *found)
{
	return entrances_bind(&relay->entrances, relay->config, found, &relay->client_tuning, relay->workers);
}

int relay_check_apart(const struct relay *relay, const struct relay *other)
{
	const struct entrance *entrance = entrances_overlap(&relay->entrances, &other->entrances);

	if (!entrance)
		return 0;
	log_error("relay %s: cannot listen on %s: relay %s does", relay->config->name, entrance->text,
	          other->config->name);
	return -EADDRINUSE;
}

int relay_listen(struct relay *relay)
{
	return entrances_listen(&relay->entrances, relay->config->name);
}

int relay_socket(const struct relay *relay, size_t nth, unsigned worker)
{
	const struct entrance *entrance = &relay->entrances.list[nth];

	if (entrance->count < relay->workers && (relay->number + nth) % relay->workers != worker)
		return -1;
	return entrance_fd(entrance, worker);
}

void relay_unlisten(struct relay *relay)
{
	entrances_close(&relay->entrances);
}

bool relay_begin_limit(struct relay *relay)
{
	return episode_begin(&relay->at_limit, EPISODE_INTERVAL_MS);
}

void relay_end_limit(struct relay *relay)
{
	(void)episode_end(&relay->at_limit);
}
