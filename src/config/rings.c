#include "build_config.h"

#include "config/rings.h"

#include "config/spots.h"

#include <stdlib.h>

#define WAYS 3 /* from a target; see take_way */

/* A relay on a client's way. */
struct stop {
	struct section *section;
	enum { NOT_SEEN, ON_THE_WAY, LEFT } state;
	struct stop *before;      /* its target led here */
	size_t target;            /* the one being followed, as config_nth_target counts them */
	unsigned way;             /* from that target, see take_way */
	const struct spot *found; /* where that way has led last; one to a range may lead to several relays */
};

struct rings {
	struct loader *loader;
	struct stop *stops; /* one for each relay */
	struct spots spots;
};

/* ---- where a target leads ---- */

static struct endpoint any_of_family(const struct endpoint *endpoint)
{
	struct endpoint any = *endpoint;

	if (any.any.sa_family == AF_INET)
		any.in.sin_addr.s_addr = htonl(INADDR_ANY);
	else
		any.in6.sin6_addr = in6addr_any;
	return any;
}

/*
 * Gives one listening address that a client of target may come in by. Way 0 is the target's own address. Ways
 * 1 and 2 are the addresses that stand for every address; they count only for a loopback target. False if
 * target has no such way.
 */
static bool take_way(const struct address *target, unsigned way, struct address *in)
{
	if (address_has_zone(target)) {
		*in = *target; /* the host is borrowed */
		return way == 0;
	}
	if (target->kind != ADDRESS_LITERAL)
		return false;
	*in = (struct address){.kind = ADDRESS_LITERAL,
	                       .port = target->port,
	                       .ports = target->ports,
	                       .endpoint = endpoint_reached(&target->endpoint)};
	if (way > 0 && !endpoint_is_loopback(&in->endpoint))
		return false;
	if (way == 1)
		in->endpoint = any_of_family(&in->endpoint);
	else if (way == 2)
		*in = (struct address){
		        .kind = ADDRESS_WILDCARD, .port = target->port, .ports = target->ports};
	return true;
}

/*
 * Where the way being followed leads, after those that it has led to already. NULL: nowhere else. Where
 * HTTP is served, no relay is reached.
 */
static const struct spot *follow_way(const struct rings *rings, const struct stop *stop)
{
	const struct address *target = &config_nth_target(&stop->section->relay, stop->target)->address;
	const struct spot *found = stop->found;
	char host[SPOT_HOST_MAX];
	struct address in;

	if (!take_way(target, stop->way, &in))
		return NULL;
	spot_host(&in, host);
	do {
		found = spots_find(&rings->spots, host, &in, found);
	} while (found && found->relay == SPOT_OF_NONE);
	return found;
}

static void go_to_next_target(struct stop *stop)
{
	stop->target++;
	stop->way = 0;
	stop->found = NULL;
}

/* The next relay that stop's targets lead to, and stop->target is the one that does. NULL if none is left. */
static struct stop *next_stop(const struct rings *rings, struct stop *stop)
{
	for (; stop->target < config_count_targets(&stop->section->relay); go_to_next_target(stop))
		for (; stop->way < WAYS; stop->way++) {
			stop->found = follow_way(rings, stop);
			if (stop->found)
				return &rings->stops[stop->found->relay];
		}
	return NULL;
}

/* ---- the walk ---- */

static void complain(const struct rings *rings, const struct stop *last, const struct stop *first)
{
	char text[ADDRESS_TEXT_MAX];

	complaints_add(&rings->loader->complaints, section_target_line(last->section, last->target),
	               "%s: \"%s\" leads back to relay \"%s\"; expected targets that make no ring",
	               section_target_key(last->section, last->target),
	               address_format(&config_nth_target(&last->section->relay, last->target)->address, text),
	               first->section->relay.name);
}

/*
 * Follows every way from first, and steps back at the end of each. A way that meets a relay already on it is
 * a ring.
 */
static void walk(const struct rings *rings, struct stop *first)
{
	struct stop *stop = first;

	stop->state = ON_THE_WAY;
	while (stop) {
		struct stop *next = next_stop(rings, stop);

		if (!next) {
			stop->state = LEFT;
			stop = stop->before;
		} else if (next->state == ON_THE_WAY) {
			complain(rings, stop, next);
			go_to_next_target(stop);
		} else if (next->state == NOT_SEEN) {
			next->state = ON_THE_WAY;
			next->before = stop;
			stop = next;
		}
	}
}

static void add_stops(struct rings *rings)
{
	struct stop *stop = rings->stops;
	struct section *section;

	STAILQ_FOREACH (section, &rings->loader->relays, link)
		stop++->section = section;
}

static void walk_all(const struct rings *rings)
{
	for (size_t i = 0; i < rings->loader->relay_count; i++)
		if (rings->stops[i].state == NOT_SEEN)
			walk(rings, &rings->stops[i]);
}

void rings_check(struct loader *loader)
{
	struct rings rings = {.loader = loader};

	if (loader->relay_count == 0 || loader->complaints.out_of_memory)
		return;
	rings.stops = calloc(loader->relay_count, sizeof(*rings.stops));
	if (spots_init(&rings.spots, loader) == 0 && rings.stops) {
		add_stops(&rings);
		walk_all(&rings);
	} else {
		loader->complaints.out_of_memory = true;
	}
	spots_deinit(&rings.spots);
	free(rings.stops);
}
