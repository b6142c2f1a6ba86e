#include "build_config.h"

#include "relay/relay.h"

#include "base/clock.h"
#include "base/log.h"
#include "relay/generation.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t resolve_interval(const struct relay *relay)
{
	uint64_t own = relay->config->resolve_interval;

	return own == UNITS_AUTO ? relay->generation->config->global.resolve_interval : own;
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
	local_address_init(&relay->target_tuning.local_address, config->source_address,
	                   config->source_address_count, config->source_interface);
}

/* A set is made only if some line asks for it, so that nobody is looked up in vain. 0 or -ENOMEM. */
static int init_set(struct networks **set, const struct network_lists *lists)
{
	if (lists->in_count + lists->out_count == 0)
		return 0;
	*set = networks_new(lists);
	return *set ? 0 : -ENOMEM;
}

static int init_networks(struct relay *relay)
{
	const struct config_relay *config = relay->config;
	const struct network_lists proxies = {.in = config->accept_proxy,
	                                      .in_count = config->accept_proxy_count};
	const struct network_lists clients = {
	        .in = config->allow,
	        .in_count = config->allow_count,
	        .out = config->deny,
	        .out_count = config->deny_count,
	        .others = config->allow_count == 0,
	};
	int error = init_set(&relay->proxies, &proxies);

	return error ? error : init_set(&relay->clients, &clients);
}

struct relay *relay_new(struct generation *generation, size_t number, struct standings *standings,
                        struct resolver *resolver)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return NULL;
	relay->generation = generation;
	relay->number = number;
	relay->config = &generation->config->relays[number];
	init_tuning(relay);
	if (init_networks(relay) == 0)
		relay->standing = standing_get(standings, relay->config);
	if (relay->standing)
		relay->targets =
		        targets_new(relay->config, relay->standing, resolver, resolve_interval(relay));
	if (relay->targets)
		return relay;
	relay_free(relay);
	return NULL;
}

void relay_free(struct relay *relay)
{
	if (!relay)
		return;
	entrances_free(&relay->entrances);
	targets_free(relay->targets);
	networks_free(relay->clients);
	networks_free(relay->proxies);
	standing_put(relay->standing);
	free(relay);
}

struct relay *relay_get(struct relay *relay)
{
	generation_get(relay->generation);
	return relay;
}

void relay_put(struct relay *relay)
{
	if (relay)
		generation_put(relay->generation);
}

bool relay_refuses(const struct relay *relay, uint64_t now)
{
	return relay->config->when_down == WHEN_DOWN_REFUSE && refusal_holds(&relay->standing->refusal, now);
}

static int open_again(struct relay *relay, bool listen)
{
	int error = entrances_take_again(&relay->entrances, relay->config->name, false);

	return error || !listen ? error : relay_listen(relay);
}

/* One relay whose entrances cannot be opened again does not hold up the others, if it may refuse clients. */
static int take_again(struct relay *relay, bool refuse, bool listen)
{
	struct refusal *refusal = &relay->standing->refusal;
	int error = refuse ? 0 : open_again(relay, listen);

	if (!refuse && !error)
		refusal_note_opened(refusal);
	if (error && relay->config->when_down != WHEN_DOWN_REFUSE)
		return error;
	if (error)
		refusal_put_off(refusal, clock_ms());
	return refuse || error ? entrances_take_again(&relay->entrances, relay->config->name, true) : 0;
}

int relay_bind(struct relay *relay, struct facade *facade, struct address_list *const *found)
{
	const bool refuse = relay_refuses(relay, clock_ms());
	int error = entrances_bind(&relay->entrances, facade, relay->config, found, &relay->client_tuning,
	                           refuse);

	return error ? error : take_again(relay, refuse, false);
}

void relay_take_again(struct relay *relay)
{
	(void)take_again(relay, relay_refuses(relay, clock_ms()), true);
}

int relay_listen(struct relay *relay)
{
	return entrances_listen(&relay->entrances, relay->config->name);
}
