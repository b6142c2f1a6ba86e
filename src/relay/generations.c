#include "build_config.h"

#include "relay/generations.h"

#include "config/config.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

void generations_init(struct generations *generations)
{
	TAILQ_INIT(&generations->all);
	generations->last = 0;
}

static void insert(struct generations *generations, struct generation *generation, uint64_t number)
{
	generation->number = number;
	generation->all = &generations->all;
	TAILQ_INSERT_TAIL(&generations->all, generation, entry);
	if (generations->last < number)
		generations->last = number;
}

void generations_add(struct generations *generations, struct generation *generation)
{
	insert(generations, generation, generations->last + 1);
}

struct generation *generations_find(const struct generations *generations, uint64_t number)
{
	struct generation *generation;

	TAILQ_FOREACH_REVERSE(generation, &generations->all, generation_list, entry)
	if (generation->number == number)
		return generation;
	return NULL;
}

struct relay *generations_find_relay(const struct generations *generations, uint64_t number, const char *name)
{
	struct generation *generation = generations_find(generations, number);

	return generation ? generation_find_relay(generation, name) : NULL;
}

/* ---- comparing ---- */

bool generation_is_of(const struct generation *generation, const struct config *config)
{
	size_t before, now;
	char *one = config_text(generation->config, &before), *other = config_text(config, &now);
	bool same = one && other && before == now && memcmp(one, other, now) == 0;

	free(one);
	free(other);
	return same;
}
