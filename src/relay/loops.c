#include "build_config.h"

#include "relay/loops.h"

#include <stdlib.h>

#define UNIX_PORT 65536u /* stands for all unix addresses */

/* An entrance, and the number of the relay that it belongs to. */
struct way_in {
	unsigned port;
	const struct entrance *entrance;
	size_t relay;
	uint16_t place; /* of the entrance, among those of the relay */
};

struct loops {
	struct relay *const *relays;
	size_t relay_count;
	struct way_in *ways_in; /* sorted by port */
	size_t way_count;
};

/* What a walk over the ways in has seen, and which of them it must still go on from. */
struct walk {
	const struct loops *loops;
	size_t goal; /* a relay */
	bool *seen;  /* of each way in */
	const struct way_in **waiting;
	size_t waiting_count;
};

static unsigned port_of(const struct endpoint *endpoint)
{
	return endpoint->any.sa_family == AF_UNIX ? UNIX_PORT : endpoint_port(endpoint);
}

static int compare_ports(const void *left, const void *right)
{
	const struct way_in *a = left, *b = right;

	return a->port < b->port ? -1 : a->port > b->port;
}

/* Where a connection to endpoint comes in, or NULL. */
static const struct way_in *lead_to(const struct loops *loops, const struct endpoint *endpoint)
{
	const struct way_in wanted = {.port = port_of(endpoint)};
	const struct way_in *end = loops->ways_in + loops->way_count;
	const struct way_in *way =
	        bsearch(&wanted, loops->ways_in, loops->way_count, sizeof(wanted), compare_ports);

	if (!way)
		return NULL;
	while (way > loops->ways_in && way[-1].port == wanted.port)
		way--;
	for (; way < end && way->port == wanted.port; way++)
		if (entrance_matches(way->entrance, endpoint))
			return way;
	return NULL;
}

static void go_on_from(struct walk *walk, const struct way_in *way)
{
	walk->seen[way - walk->loops->ways_in] = true;
	walk->waiting[walk->waiting_count++] = way;
}

/* True if endpoint leads to the goal. Another relay that it leads to is kept for later. */
static bool visit(void *arg, const struct endpoint *endpoint)
{
	struct walk *walk = arg;
	const struct way_in *way = lead_to(walk->loops, endpoint);

	if (!way)
		return false;
	if (way->relay == walk->goal)
		return true;
	if (!walk->seen[way - walk->loops->ways_in])
		go_on_from(walk, way);
	return false;
}

/* Without memory, we assume that there is no ring. */
static bool comes_back(const struct loops *loops, const struct way_in *first, size_t goal)
{
	struct walk walk = {.loops = loops, .goal = goal};
	bool found = false;

	walk.seen = calloc(loops->way_count, sizeof(*walk.seen));
	walk.waiting = calloc(loops->way_count, sizeof(struct way_in *));
	if (walk.seen && walk.waiting)
		go_on_from(&walk, first);
	while (!found && walk.waiting_count > 0) {
		const struct way_in *way = walk.waiting[--walk.waiting_count];

		found = targets_any_address(loops->relays[way->relay]->targets, way->place, visit, &walk);
	}
	free(walk.seen);
	free(walk.waiting);
	return found;
}

bool loops_lead_back(const struct loops *loops, size_t from, const struct endpoint *endpoint)
{
	const struct way_in *way = lead_to(loops, endpoint);

	return way && (way->relay == from || comes_back(loops, way, from));
}

static void add_ways_in(struct loops *loops, size_t number)
{
	const struct entrances *entrances = &loops->relays[number]->entrances;

	for (size_t i = 0; i < entrances->count; i++) {
		const struct entrance *entrance = entrances->list[i];

		loops->ways_in[loops->way_count++] =
		        (struct way_in){port_of(&entrance->endpoint), entrance, number, entrances->places[i]};
	}
}

struct loops *loops_new(struct relay *const *relays, size_t count)
{
	struct loops *loops = calloc(1, sizeof(*loops));
	size_t entrances = 1; /* one more than needed: calloc(0) may return NULL */

	if (!loops)
		return NULL;
	for (size_t i = 0; i < count; i++)
		entrances += relays[i]->entrances.count;
	loops->relays = relays;
	loops->relay_count = count;
	loops->ways_in = calloc(entrances, sizeof(*loops->ways_in));
	if (!loops->ways_in) {
		loops_free(loops);
		return NULL;
	}
	for (size_t i = 0; i < count; i++)
		add_ways_in(loops, i);
	qsort(loops->ways_in, loops->way_count, sizeof(*loops->ways_in), compare_ports);
	for (size_t i = 0; i < count; i++)
		targets_avoid(relays[i]->targets, loops, i);
	return loops;
}

void loops_free(struct loops *loops)
{
	if (!loops)
		return;
	free(loops->ways_in);
	free(loops);
}
