#include "build_config.h"

#include "relay/generation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void generation_free(struct generation *generation)
{
	if (generation->all)
		TAILQ_REMOVE(generation->all, generation, entry);
	for (size_t i = 0; i < generation->relay_count; i++)
		relay_free(generation->relays[i]);
	free(generation->relays);
	free(generation->by_name);
	loops_free(generation->loops);
	config_put(generation->config);
	free(generation);
}

static int make_relays(struct generation *generation, struct standings *standings, struct resolver *resolver)
{
	const struct config *config = generation->config;

	generation->relays = calloc(config->relay_count, sizeof(struct relay *));
	if (!generation->relays)
		return -ENOMEM;
	for (size_t i = 0; i < config->relay_count; i++) {
		struct relay *relay = relay_new(generation, i, standings, resolver);

		if (!relay)
			return -ENOMEM;
		generation->relays[generation->relay_count++] = relay;
	}
	return 0;
}

struct generation *generation_new(struct config *config, struct standings *standings,
                                  struct resolver *resolver, struct mailbox *mailbox)
{
	struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return NULL;
	refcount_init(&generation->references);
	generation->mailbox = mailbox;
	generation->workers = standings->workers;
	generation->config = config_get(config);
	if (make_relays(generation, standings, resolver) == 0)
		return generation;
	generation_free(generation);
	return NULL;
}

struct generation *generation_get(struct generation *generation)
{
	refcount_get(&generation->references);
	return generation;
}

void generation_put(struct generation *generation)
{
	if (!generation || !refcount_put(&generation->references))
		return;
	if (generation->mailbox)
		mailbox_post(generation->mailbox, &generation->gone);
	else
		generation_free(generation);
}

void generation_take_gone(void *arg, struct message *message)
{
	(void)arg;
	generation_free((struct generation *)message);
}

int generation_find_loops(struct generation *generation)
{
	generation->loops = loops_new(generation->relays, generation->relay_count);
	return generation->loops ? 0 : -ENOMEM;
}

static int compare_names(const void *left, const void *right)
{
	const struct relay *a = *(struct relay *const *)left, *b = *(struct relay *const *)right;

	return strcmp(a->config->name, b->config->name);
}

int generation_index(struct generation *generation)
{
	size_t count = generation->relay_count, size = sizeof(struct relay *);

	generation->by_name = reallocarray(NULL, count, size);
	if (!generation->by_name)
		return -ENOMEM;
	memcpy(generation->by_name, generation->relays, count * size);
	qsort(generation->by_name, count, size, compare_names);
	return 0;
}

static int compare_with_name(const void *name, const void *relay)
{
	return strcmp(name, (*(struct relay *const *)relay)->config->name);
}

struct relay *generation_find_relay(const struct generation *generation, const char *name)
{
	struct relay **found = bsearch(name, generation->by_name, generation->relay_count,
	                               sizeof(struct relay *), compare_with_name);

	return found ? *found : NULL;
}

size_t generation_count_entrances(const struct generation *generation)
{
	size_t count = 0;

	for (size_t i = 0; i < generation->relay_count; i++)
		count += generation->relays[i]->entrances.count;
	return count;
}

void generation_take_again(const struct generation *generation)
{
	for (size_t i = 0; i < generation->relay_count; i++)
		relay_take_again(generation->relays[i]);
}

int generation_listen(struct generation *generation)
{
	int error = 0;

	for (size_t i = 0; !error && i < generation->relay_count; i++)
		error = relay_listen(generation->relays[i]);
	return error;
}
