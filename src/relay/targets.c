#include "build_config.h"

#include "relay/targets.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "net/networks.h"
#include "relay/loops.h"
#include "relay/standing.h"
#include "relay/target_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
	struct targets *targets;
	const struct config_target *config;
	struct label *text;
	struct resolver_name *name; /* of a host name */
};

struct targets {
	const struct config_relay *config;
	struct standing *standing;
	const struct loops *loops; /* NULL: not yet known */
	size_t self;               /* the relay's number among those */
	struct target *list;       /* as in table */
	struct target_table table;
	/* There is no other, and never will be. Then nobody has to choose while it is up. */
	struct health *only;
	_Atomic bool known[2]; /* a target, or a backup, has an address */
};

/* ---- life ---- */

static bool is_backup(const struct targets *targets, size_t target)
{
	return target >= targets->config->target_count;
}

static int take_addresses(struct target *target, const struct address_list *list)
{
	struct targets *targets = target->targets;
	size_t number = (size_t)(target - targets->list);
	int error = target_table_change(&targets->table, number, target->text, list);

	if (!error)
		targets->known[is_backup(targets, number)] = true;
	return error;
}

/* Of a name, if there are any. */
static int take_found(struct target *target)
{
	struct address_list *list = resolver_name_get(target->name);
	int error = list ? take_addresses(target, list) : 0;

	address_list_put(list);
	return error;
}

/* A look-up has changed something. */
static int take_answer(void *arg)
{
	const struct target *target = arg;
	int error = take_found(arg);

	if (error)
		return error;
	target->targets->standing->readdressed = true;
	healths_tell_changed(target->targets->table.healths);
	return 0;
}

static int add_name(struct target *target, struct resolver *resolver, uint64_t resolve_interval)
{
	const struct address *address = &target->config->address;
	char owner[RELAY_NAME_MAX + sizeof("relay : target")];

	snprintf(owner, sizeof(owner), "relay %s: target", target->targets->config->name);
	target->name = resolver_add(resolver, owner, address->host, address->port, resolve_interval,
	                            take_answer, target);
	return target->name ? take_found(target) : -ENOMEM;
}

static int add_literal(struct target *target)
{
	struct address_list *list = address_list_single(&target->config->address.endpoint);
	int error = list ? take_addresses(target, list) : -ENOMEM;

	address_list_put(list);
	return error;
}

static int init_target(struct targets *targets, size_t number, struct resolver *resolver,
                       uint64_t resolve_interval)
{
	struct target *target = &targets->list[number];
	char text[ADDRESS_TEXT_MAX];

	target->targets = targets;
	target->config = config_nth_target(targets->config, number);
	target->text = label_new(address_format(&target->config->address, text));
	if (!target->text)
		return -ENOMEM;
	target_table_describe(&targets->table, number, text, target->config->weight);
	return target->config->address.kind == ADDRESS_NAME ? add_name(target, resolver, resolve_interval)
	                                                    : add_literal(target);
}

static int init_targets(struct targets *targets, struct resolver *resolver, uint64_t resolve_interval)
{
	const struct config_relay *config = targets->config;
	int error = target_table_init(&targets->table, &targets->standing->healths, config->balance,
	                              config->target_count, config->backup_target_count);

	targets->list = error ? NULL : calloc(targets->table.count, sizeof(*targets->list));
	if (!targets->list)
		return -ENOMEM;
	for (size_t i = 0; !error && i < targets->table.count; i++)
		error = init_target(targets, i, resolver, resolve_interval);
	if (!error && targets->table.count == 1 && !targets->list[0].name)
		targets->only = targets->table.rows[0].addresses->list[0];
	return error;
}

struct targets *targets_new(const struct config_relay *config, struct standing *standing,
                            struct resolver *resolver, uint64_t resolve_interval)
{
	struct targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->config = config;
	targets->standing = standing;
	if (init_targets(targets, resolver, resolve_interval) < 0) {
		targets_free(targets);
		return NULL;
	}
	return targets;
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; targets->list && i < targets->table.count; i++) {
		resolver_name_put(targets->list[i].name);
		label_put(targets->list[i].text);
	}
	target_table_deinit(&targets->table);
	free(targets->list);
	free(targets);
}

void targets_avoid(struct targets *targets, const struct loops *loops, size_t self)
{
	targets->loops = loops;
	targets->self = self;
}

/* ---- looking ---- */

static bool has_range(const struct targets *targets, size_t target)
{
	return targets->list[target].config->address.ports > 1;
}

static bool any_address(const struct addresses *addresses, uint16_t place, targets_visit *visit, void *arg)
{
	for (size_t i = 0; addresses && i < addresses->count; i++) {
		const struct endpoint endpoint =
		        endpoint_at_place(health_endpoint(addresses->list[i]), place);

		if (visit(arg, &endpoint))
			return true;
	}
	return false;
}

bool targets_any_address(struct targets *targets, uint16_t place, targets_visit *visit, void *arg)
{
	bool found = false;

	healths_lock(targets->table.healths);
	for (size_t i = 0; !found && i < targets->table.count; i++)
		found = any_address(targets->table.rows[i].addresses, has_range(targets, i) ? place : 0,
		                    visit, arg);
	healths_unlock(targets->table.healths);
	return found;
}

/* Addresses change on this thread only. */
void targets_each_health(struct targets *targets, targets_visit_health *visit, void *arg)
{
	for (size_t i = 0; i < targets->table.count; i++) {
		const struct addresses *addresses = targets->table.rows[i].addresses;
		const struct config_target *config = targets->list[i].config;

		if (!addresses)
			visit(arg, config, is_backup(targets, i), NULL);
		for (size_t j = 0; addresses && j < addresses->count; j++)
			visit(arg, config, is_backup(targets, i), addresses->list[j]);
	}
}

static bool is_unknown(const struct target *target)
{
	return target->name && !resolver_name_tried(target->name);
}

bool targets_is_unknown(const struct targets *targets, const struct config_target *target, bool backup)
{
	const struct config_relay *config = targets->config;
	size_t number = backup ? config->target_count + (size_t)(target - config->backup_target)
	                       : (size_t)(target - config->target);

	return is_unknown(&targets->list[number]);
}

/* Of the targets from first to end, a name is looked up for the first time, and nothing is there yet. */
static bool are_unknown(const struct targets *targets, size_t first, size_t end)
{
	if (atomic_load_explicit(&targets->known[is_backup(targets, first)], memory_order_relaxed))
		return false;
	for (size_t i = first; i < end; i++)
		if (is_unknown(&targets->list[i]))
			return true;
	return false;
}

bool targets_are_unknown(struct targets *targets)
{
	size_t primaries = targets->table.primaries;

	if (targets->known[false])
		return false;
	return are_unknown(targets, 0, primaries) || are_unknown(targets, primaries, targets->table.count);
}

/* ---- choosing ---- */

/* A client keeps its target when it comes from another port, or from another address of its IPv6 network. */
static uint64_t hash_origin(const struct targets *targets, const union client_address *origin)
{
	struct in6_addr network = network_of_client(origin, (unsigned)targets->config->ipv6_source_prefix);

	return hash_bytes(&network, sizeof(network));
}

/* The connection would come in again as a new client, and so on for ever. */
static bool leads_back(const struct targets *targets, const struct target_choice *choice)
{
	struct endpoint endpoint;

	if (!targets->loops)
		return false;
	endpoint = target_choice_endpoint(choice);
	return loops_lead_back(targets->loops, targets->self, &endpoint);
}

static void take(struct target_choice *choice, struct health *health)
{
	choice->health = health_get(health);
	health_pair_began(health);
}

/* 0, -EDESTADDRREQ or -ENOENT. */
static int choose(struct targets *targets, const union client_address *origin, const struct tried *tried,
                  struct target_choice *choice)
{
	struct target_table *table = &targets->table;
	uint64_t hash = table->balance == BALANCE_SOURCE ? hash_origin(targets, origin) : 0;
	struct health *health;
	size_t target;
	uint64_t now;
	int error = 0;

	healths_lock(table->healths);
	now = clock_ms(); /* not before what others have noted */
	health = target_table_choose(table, tried, hash, now, &target);
	if (health) {
		take(choice, health);
		choice->target = (unsigned)target;
		choice->tries = health_begin_try(health, now);
	} else
		error = target_table_is_empty(table) ? -EDESTADDRREQ : -ENOENT;
	healths_unlock(table->healths);
	return error;
}

struct endpoint target_choice_endpoint(const struct target_choice *choice)
{
	return endpoint_at_place(health_endpoint(choice->health), choice->place);
}

int targets_choose(struct targets *targets, const union client_address *origin, uint16_t place,
                   const struct tried *tried, struct target_choice *choice)
{
	int error = 0;

	*choice = (struct target_choice){.health = NULL};
	if (targets->only && !tried && health_is_up(targets->only))
		take(choice, targets->only);
	else
		error = choose(targets, origin, tried, choice);
	if (!error && place > 0 && has_range(targets, choice->target))
		choice->place = place;
	if (!error && leads_back(targets, choice))
		error = -EDEADLK;
	return error;
}

bool targets_have_other(struct targets *targets, const struct tried *tried,
                        const struct target_choice *choice)
{
	bool other;

	healths_lock(targets->table.healths);
	other = target_table_has_other(&targets->table, tried, choice->health);
	healths_unlock(targets->table.healths);
	return other;
}

static bool has_text(const struct targets *targets, size_t number, const char *text)
{
	return number < targets->table.count && strcmp(targets->list[number].text->text, text) == 0;
}

int targets_find_health(struct targets *targets, unsigned *number, const char *text,
                        const struct endpoint *endpoint, struct health **health)
{
	size_t found = *number;

	if (!has_text(targets, found, text))
		for (found = 0; found < targets->table.count && !has_text(targets, found, text);)
			found++;
	if (found == targets->table.count)
		return -EPROTO;
	*number = (unsigned)found;
	*health = healths_get(targets->table.healths, targets->list[found].text, endpoint);
	return *health ? 0 : -ENOMEM;
}

void target_choice_deinit(struct target_choice *choice)
{
	if (!choice->health)
		return;
	if (choice->tries)
		health_end_try(choice->health);
	health_pair_ended(choice->health);
	health_put(choice->health);
	*choice = (struct target_choice){.health = NULL};
}

/* ---- how it went ---- */

const char *targets_error_text(int error)
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

static void log_attempt(const struct targets *targets, const struct target_choice *choice, int error)
{
	char text[ADDRESS_TEXT_MAX] = "no address";

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	if (choice->health) {
		const struct endpoint endpoint = target_choice_endpoint(choice);

		endpoint_format(&endpoint.any, endpoint.length, text);
	}
	log_debug("relay %s: %s: %s", targets->config->name, text, targets_error_text(error));
}

static void note_served(struct targets *targets)
{
	if (episode_end(&targets->standing->unserved))
		log_notice("relay %s: a target is connected again", targets->config->name);
}

void targets_note_attempt(struct targets *targets, struct target_choice *choice, int error)
{
	struct resolver_name *name = targets->list[choice->target].name;

	log_attempt(targets, choice, error);
	if (!choice->health || socket_error_is_shortage(error))
		return;
	if (error == -ECONNREFUSED && has_range(targets, choice->target))
		return; /* the one that tries it has ended without knowing */
	health_note(choice->health, error, choice->tries);
	choice->tries = false;
	if (!error)
		note_served(targets);
	else if (name)
		resolver_name_hurry(name);
}

void targets_note_unserved(struct targets *targets, int error)
{
	if (!socket_error_is_shortage(error) &&
	    episode_begin(&targets->standing->unserved, EPISODE_INTERVAL_MS))
		log_warning("relay %s: no target could be connected: %s", targets->config->name,
		            targets_error_text(error));
}
