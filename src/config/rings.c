#include "build_config.h"

#include "config/rings.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 3 /* from a target; see take_way */

/* A relay on a client's way. */
struct stop {
	struct section *section;
	enum { NOT_SEEN, ON_THE_WAY, LEFT } state;
	struct stop *before; /* its target led here */
	size_t target;       /* the one being followed, as config_nth_target counts them */
	unsigned way;        /* the next way to try from that target */
};

/* A listening address, and the relay that has it. */
struct way_in {
	const struct address *address;
	struct stop *stop;
};

struct rings {
	struct loader *loader;
	struct stop *stops;     /* one for each relay */
	struct way_in *ways_in; /* sorted by address */
	size_t way_count;
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
	                       .endpoint = endpoint_reached(&target->endpoint)};
	if (way > 0 && !endpoint_is_loopback(&in->endpoint))
		return false;
	if (way == 1)
		in->endpoint = any_of_family(&in->endpoint);
	else if (way == 2)
		*in = (struct address){.kind = ADDRESS_WILDCARD, .port = target->port};
	return true;
}

static int compare_ways_in(const void *left, const void *right)
{
	const struct address *a = ((const struct way_in *)left)->address;
	const struct address *b = ((const struct way_in *)right)->address;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	if (a->host)
		return strcmp(a->host, b->host);
	if (a->endpoint.length != b->endpoint.length)
		return a->endpoint.length < b->endpoint.length ? -1 : 1;
	return memcmp(&a->endpoint.un, &b->endpoint.un, a->endpoint.length);
}

static void go_to_next_target(struct stop *stop)
{
	stop->target++;
	stop->way = 0;
}

/* The next relay that stop's targets lead to, and stop->target is the one that does. NULL if none is left. */
static struct stop *next_stop(const struct rings *rings, struct stop *stop)
{
	const struct config_relay *relay = &stop->section->relay;

	for (; stop->target < config_count_targets(relay); go_to_next_target(stop)) {
		while (stop->way < WAYS) {
			struct address in;
			const struct way_in wanted = {.address = &in}, *found = NULL;

			if (take_way(&config_nth_target(relay, stop->target)->address, stop->way++, &in))
				found = bsearch(&wanted, rings->ways_in, rings->way_count, sizeof(wanted),
				                compare_ways_in);
			if (found)
				return found->stop;
		}
	}
	return NULL;
}

/* ---- the walk ---- */

static void complain(const struct rings *rings, const struct stop *last, const struct stop *first)
{
	char text[ADDRESS_TEXT_MAX];

	complaints_add(&rings->loader->complaints, loader_target_line(last->section, last->target),
	               "%s: \"%s\" leads back to relay \"%s\"; expected targets that make no ring",
	               loader_target_key(last->section, last->target),
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

static void add_stop(struct rings *rings, struct stop *stop, struct section *section)
{
	stop->section = section;
	for (size_t i = 0; i < section->relay.listen_count; i++)
		rings->ways_in[rings->way_count++] =
		        (struct way_in){.address = &section->relay.listen[i], .stop = stop};
}

static void add_stops(struct rings *rings)
{
	struct stop *stop = rings->stops;
	struct section *section;

	for (section = STAILQ_FIRST(&rings->loader->relays); section; section = STAILQ_NEXT(section, link))
		add_stop(rings, stop++, section);
	qsort(rings->ways_in, rings->way_count, sizeof(*rings->ways_in), compare_ways_in);
}

void rings_check(struct loader *loader)
{
	size_t count = loader_count_listens(loader);
	struct rings rings = {.loader = loader};

	if (count == 0 || loader->complaints.out_of_memory)
		return;
	rings.stops = calloc(loader->relay_count, sizeof(*rings.stops));
	rings.ways_in = calloc(count, sizeof(*rings.ways_in));
	if (rings.stops && rings.ways_in) {
		add_stops(&rings);
		for (size_t i = 0; i < loader->relay_count; i++)
			if (rings.stops[i].state == NOT_SEEN)
				walk(&rings, &rings.stops[i]);
	} else {
		loader->complaints.out_of_memory = true;
	}
	free(rings.stops);
	free(rings.ways_in);
}
