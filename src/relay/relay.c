#include "build_config.h"

#include "relay/relay.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of the longest relay name; config_load takes no longer one. */
#define RELAY_NAME_MAX 64

/* A line about a reached limit, or about the same target, at most this often. */
#define LOG_INTERVAL_MS 10000

struct relay_target {
	const struct address *address;
	struct address_list *fixed; /* of a literal address */
	struct resolver_name *name; /* of a host name; lives as long as the resolver */
	struct episode failing;
};

static struct address_list *target_addresses(struct relay_target *target)
{
	return target->fixed ? address_list_get(target->fixed) : resolver_name_get(target->name);
}

static int init_target(struct relay *relay, struct relay_target *target, const struct address *address,
                       struct resolver *resolver)
{
	char owner[RELAY_NAME_MAX + sizeof("relay : target")];

	target->address = address;
	if (address->kind == ADDRESS_NAME) {
		snprintf(owner, sizeof(owner), "relay %s: target", relay->config->name);
		target->name = resolver_add(resolver, owner, address->host, address->port);
		return target->name ? 0 : -ENOMEM;
	}
	target->fixed = address_list_single(&address->endpoint);
	return target->fixed ? 0 : -ENOMEM;
}

static int init_parts(struct relay *relay, struct resolver *resolver)
{
	const struct config_relay *config = relay->config;

	relay->counters = calloc(relay->workers, sizeof(*relay->counters));
	relay->targets = calloc(config->target_count, sizeof(*relay->targets));
	if (!relay->counters || !relay->targets)
		return -ENOMEM;
	for (size_t i = 0; i < config->target_count; i++)
		if (init_target(relay, &relay->targets[i], &config->target[i], resolver) < 0)
			return -ENOMEM;
	if (config->max_connections_per_source > 0) {
		relay->sources = sources_new(config->max_connections_per_source);
		if (!relay->sources)
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
	};

	relay->client_tuning = relay->target_tuning = common;
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
	for (size_t i = 0; relay->targets && i < relay->config->target_count; i++)
		address_list_put(relay->targets[i].fixed);
	free(relay->targets);
	free(relay->counters);
	sources_free(relay->sources);
	config_put(relay->owner);
	free(relay);
}

int relay_listen(struct relay *relay)
{
	return entrances_open(&relay->entrances, relay->config, &relay->client_tuning, relay->workers);
}

void relay_unlisten(struct relay *relay)
{
	entrances_close(&relay->entrances);
}

/* ---- clients ---- */

bool relay_enter(struct relay *relay, const union client_address *client)
{
	return !relay->sources || sources_enter(relay->sources, client);
}

void relay_leave(struct relay *relay, const union client_address *client)
{
	if (relay->sources)
		sources_leave(relay->sources, client);
}

bool relay_may_log_limit(struct relay *relay)
{
	return episode_begins(&relay->at_limit, LOG_INTERVAL_MS);
}

void relay_end_logged_limit(struct relay *relay)
{
	(void)episode_ends(&relay->at_limit);
}

/* ---- targets ---- */

uint64_t relay_take_turn(struct relay *relay)
{
	return atomic_fetch_add_explicit(&relay->turn, 1, memory_order_relaxed);
}

static size_t count_addresses(struct relay_target *target)
{
	struct address_list *list = target_addresses(target);
	size_t count = list ? list->count : 0;

	address_list_put(list);
	return count;
}

unsigned relay_attempts(struct relay *relay)
{
	uint64_t addresses = 0;

	for (size_t i = 0; i < relay->config->target_count; i++)
		addresses += count_addresses(&relay->targets[i]);
	if (addresses > relay->config->connect_attempts)
		addresses = relay->config->connect_attempts;
	return addresses ? (unsigned)addresses : 1;
}

static void choose(struct relay *relay, uint64_t turn, size_t target, uint64_t round,
                   struct relay_choice *choice)
{
	uint64_t first = turn / relay->config->target_count;

	choice->target = target;
	choice->list = target_addresses(&relay->targets[target]);
	choice->endpoint = &choice->list->endpoint[(first + round) % choice->list->count];
}

/* Every round takes one more address of each target that has one left. */
int relay_choose(struct relay *relay, uint64_t turn, unsigned attempt, struct relay_choice *choice)
{
	size_t targets = relay->config->target_count;
	bool found = true;

	for (uint64_t round = 0; found; round++) {
		found = false;
		for (size_t i = 0; i < targets; i++) {
			size_t target = (turn + i) % targets;

			if (round >= count_addresses(&relay->targets[target]))
				continue;
			found = true;
			if (attempt-- > 0)
				continue;
			choose(relay, turn, target, round, choice);
			/* Each client would come in again, as another one, until nothing is left for more. */
			return entrances_take(&relay->entrances, choice->endpoint) ? -EDEADLK : 0;
		}
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): config_load refuses a relay without a target */
	*choice = (struct relay_choice){.target = turn % targets};
	return -EDESTADDRREQ;
}

void relay_choice_deinit(struct relay_choice *choice)
{
	address_list_put(choice->list);
	choice->list = NULL;
	choice->endpoint = NULL;
}

static const char *attempt_text(int error)
{
	switch (-error) {
	case 0:
		return "connected";
	case EDESTADDRREQ:
		return "no address yet";
	case EDEADLK:
		return "it leads back to this relay";
	case EAGAIN: /* of unix(7) */
		return "its backlog is full";
	default:
		return strerror(-error);
	}
}

static void log_attempt(const struct relay *relay, const struct relay_choice *choice, int error)
{
	const struct endpoint *endpoint = choice->endpoint;
	char text[ADDRESS_TEXT_MAX] = "no address";

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	if (endpoint)
		endpoint_format(&endpoint->any, endpoint->length, text);
	log_debug("relay %s: %s: %s", relay->config->name, text, attempt_text(error));
}

void relay_note_attempt(struct relay *relay, const struct relay_choice *choice, int error)
{
	struct relay_target *target = &relay->targets[choice->target];
	char text[ADDRESS_TEXT_MAX];

	log_attempt(relay, choice, error);
	if (error == 0) {
		if (episode_ends(&target->failing))
			log_notice("relay %s: target %s can be connected again", relay->config->name,
			           address_format(target->address, text));
		return;
	}
	if (episode_begins(&target->failing, LOG_INTERVAL_MS))
		log_warning("relay %s: target %s cannot be connected: %s", relay->config->name,
		            address_format(target->address, text), attempt_text(error));
}

void relay_describe(const struct relay *relay, unsigned worker, struct dump_relay *record)
{
	const struct relay_counters *counters = &relay->counters[worker];

	record->name = relay->config->name;
	record->accepted += counters->accepted;
	record->refused += counters->refused;
	record->connect_failed += counters->connect_failed;
	record->upload_bytes += counters->bytes[UPLOAD];
	record->download_bytes += counters->bytes[DOWNLOAD];
	record->pauses += counters->pauses;
	record->paused_ms += counters->paused_ms;
}
