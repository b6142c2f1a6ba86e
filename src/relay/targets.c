#include "build_config.h"

#include "relay/targets.h"

#include "base/episode.h"
#include "base/log.h"
#include "net/socket.h"
#include "relay/loops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct target {
	const struct address *address;
	struct address_list *fixed; /* of a literal address */
	struct resolver_name *name; /* of a host name */
	struct episode failing;
	/* Which addresses of a list have failed since one was connected: a bit for each. */
	_Atomic uint64_t failed;
	const struct address_list *_Atomic failed_of; /* only to be compared */
};

struct targets {
	const struct config_relay *config;
	const struct loops *loops; /* NULL: not yet known */
	size_t self;               /* the relay's number among those */
	struct target *list;       /* config->target_count of them */
	_Atomic uint64_t start;    /* of the next pair */
};

static struct address_list *target_addresses(struct target *target)
{
	return target->fixed ? address_list_get(target->fixed) : resolver_name_get(target->name);
}

static int init_target(const struct config_relay *config, struct target *target,
                       const struct address *address, struct resolver *resolver, uint64_t resolve_interval)
{
	char owner[RELAY_NAME_MAX + sizeof("relay : target")];

	target->address = address;
	if (address->kind == ADDRESS_NAME) {
		snprintf(owner, sizeof(owner), "relay %s: target", config->name);
		target->name = resolver_add(resolver, owner, address->host, address->port, resolve_interval,
		                            NULL, NULL);
		return target->name ? 0 : -ENOMEM;
	}
	target->fixed = address_list_single(&address->endpoint);
	return target->fixed ? 0 : -ENOMEM;
}

static int init_targets(struct targets *targets, struct resolver *resolver, uint64_t resolve_interval)
{
	const struct config_relay *config = targets->config;

	targets->list = calloc(config->target_count, sizeof(*targets->list));
	if (!targets->list)
		return -ENOMEM;
	for (size_t i = 0; i < config->target_count; i++)
		if (init_target(config, &targets->list[i], &config->target[i].address, resolver,
		                resolve_interval) < 0)
			return -ENOMEM;
	return 0;
}

struct targets *targets_new(const struct config_relay *config, struct resolver *resolver,
                            uint64_t resolve_interval)
{
	struct targets *targets = calloc(1, sizeof(*targets));

	if (!targets)
		return NULL;
	targets->config = config;
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
	for (size_t i = 0; targets->list && i < targets->config->target_count; i++) {
		address_list_put(targets->list[i].fixed);
		resolver_name_put(targets->list[i].name);
	}
	free(targets->list);
	free(targets);
}

void targets_avoid(struct targets *targets, const struct loops *loops, size_t self)
{
	targets->loops = loops;
	targets->self = self;
}

static bool any_address(struct target *target, targets_visit *visit, void *arg)
{
	struct address_list *list = target_addresses(target);
	bool found = false;

	for (size_t i = 0; list && !found && i < list->count; i++)
		found = visit(arg, &list->endpoint[i]);
	address_list_put(list);
	return found;
}

bool targets_any_address(struct targets *targets, targets_visit *visit, void *arg)
{
	for (size_t i = 0; i < targets->config->target_count; i++)
		if (any_address(&targets->list[i], visit, arg))
			return true;
	return false;
}

uint64_t targets_next_start(struct targets *targets)
{
	return atomic_fetch_add_explicit(&targets->start, 1, memory_order_relaxed);
}

static size_t count_addresses(struct target *target)
{
	struct address_list *list = target_addresses(target);
	size_t count = list ? list->count : 0;

	address_list_put(list);
	return count;
}

/* True if a name is looked up for the first time. */
static bool any_is_new(const struct targets *targets)
{
	for (size_t i = 0; i < targets->config->target_count; i++)
		if (targets->list[i].name && !resolver_name_tried(targets->list[i].name))
			return true;
	return false;
}

unsigned targets_attempts(struct targets *targets)
{
	uint64_t addresses = 0;

	for (size_t i = 0; i < targets->config->target_count; i++)
		addresses += count_addresses(&targets->list[i]);
	if (addresses == 0 && any_is_new(targets))
		return 0;
	if (addresses > targets->config->connect_attempts)
		addresses = targets->config->connect_attempts;
	return addresses ? (unsigned)addresses : 1;
}

static void choose(struct targets *targets, uint64_t start, size_t target, uint64_t round,
                   struct target_choice *choice)
{
	uint64_t first = start / targets->config->target_count;

	choice->target = target;
	choice->list = target_addresses(&targets->list[target]);
	choice->endpoint = &choice->list->endpoint[(first + round) % choice->list->count];
}

/* The connection would come in again as a new client, and so on for ever. */
static bool leads_back(const struct targets *targets, const struct endpoint *endpoint)
{
	return targets->loops && loops_lead_back(targets->loops, targets->self, endpoint);
}

/* Every round goes over the targets and takes one more address of each that has one left. */
int targets_choose(struct targets *targets, uint64_t start, unsigned attempt, struct target_choice *choice)
{
	size_t count = targets->config->target_count;
	bool found = true;

	for (uint64_t round = 0; found; round++) {
		found = false;
		for (size_t i = 0; i < count; i++) {
			size_t target = (start + i) % count;

			if (round >= count_addresses(&targets->list[target]))
				continue;
			found = true;
			if (attempt-- > 0)
				continue;
			choose(targets, start, target, round, choice);
			return leads_back(targets, choice->endpoint) ? -EDEADLK : 0;
		}
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): config_load refuses a relay without a target */
	*choice = (struct target_choice){.target = start % count};
	return -EDESTADDRREQ;
}

void target_choice_deinit(struct target_choice *choice)
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

static void log_attempt(const struct targets *targets, const struct target_choice *choice, int error)
{
	const struct endpoint *endpoint = choice->endpoint;
	char text[ADDRESS_TEXT_MAX] = "no address";

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	if (endpoint)
		endpoint_format(&endpoint->any, endpoint->length, text);
	log_debug("relay %s: %s: %s", targets->config->name, text, attempt_text(error));
}

static void tell(const struct targets *targets, struct target *target, int error)
{
	char text[ADDRESS_TEXT_MAX];

	if (episode_begin(&target->failing, EPISODE_INTERVAL_MS))
		log_warning("relay %s: cannot connect to target %s: %s", targets->config->name,
		            address_format(target->address, text), attempt_text(error));
}

/* True if no address of the target is left that has not failed since one of them was connected. */
static bool all_have_failed(struct target *target, const struct target_choice *choice)
{
	const struct address_list *list = choice->list;
	uint64_t all, bit;

	if (!list || list->count == 1)
		return true;
	if (atomic_exchange(&target->failed_of, list) != list)
		target->failed = 0; /* the addresses have changed */
	all = list->count < 64 ? (UINT64_C(1) << list->count) - 1 : UINT64_MAX;
	bit = UINT64_C(1) << (choice->endpoint - list->endpoint) % 64;
	return ((atomic_fetch_or(&target->failed, bit) | bit) & all) == all;
}

static void note_connected(const struct targets *targets, struct target *target)
{
	char text[ADDRESS_TEXT_MAX];

	if (atomic_load_explicit(&target->failed, memory_order_relaxed))
		target->failed = 0;
	if (episode_end(&target->failing))
		log_notice("relay %s: connected to target %s again", targets->config->name,
		           address_format(target->address, text));
}

void targets_note_attempt(struct targets *targets, const struct target_choice *choice, int error)
{
	struct target *target = &targets->list[choice->target];

	log_attempt(targets, choice, error);
	if (!error) {
		note_connected(targets, target);
		return;
	}
	if (socket_error_is_shortage(error))
		return;
	if (target->name)
		resolver_name_hurry(target->name);
	if (all_have_failed(target, choice))
		tell(targets, target, error);
}

void targets_note_unserved(struct targets *targets, const struct target_choice *choice, int error)
{
	if (!socket_error_is_shortage(error))
		tell(targets, &targets->list[choice->target], error);
}
