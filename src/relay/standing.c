#include "build_config.h"

#include "relay/standing.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

static int compare_names(const void *left, const void *right)
{
	const struct standing *a = left, *b = right;

	return strcmp(a->name, b->name);
}

struct standing *standings_find(struct standings *standings, const char *name)
{
	const struct standing wanted = {.name = name};
	struct standing *const *found = tfind(&wanted, &standings->by_name, compare_names);

	return found ? *found : NULL;
}

/* The list has room for the lowest number that is free. 0 or -1. */
static int make_room(struct standings *standings)
{
	struct standing **grown;

	while (standings->lowest < standings->count && standings->list[standings->lowest])
		standings->lowest++;
	if (standings->lowest < standings->count)
		return 0;
	grown = reallocarray(standings->list, standings->count + 1, sizeof(*grown));
	if (!grown)
		return -1;
	grown[standings->count++] = NULL;
	standings->list = grown;
	return 0;
}

static int join(struct standings *standings, struct standing *standing)
{
	if (make_room(standings) < 0 || !tsearch(standing, &standings->by_name, compare_names))
		return -1;
	standing->number = standings->lowest;
	standings->list[standing->number] = standing;
	standing->standings = standings;
	return 0;
}

static void leave(struct standing *standing)
{
	struct standings *standings = standing->standings;

	tdelete(standing, &standings->by_name, compare_names);
	standings->list[standing->number] = NULL;
	if (standing->number < standings->lowest)
		standings->lowest = standing->number;
}

/* ---- one ---- */

static void standing_free(struct standing *standing)
{
	if (standing->standings)
		leave(standing);
	origins_free(standing->origins);
	healths_deinit(&standing->healths);
	slots_deinit(&standing->slots);
	label_put(standing->label);
	free(standing);
}

static void configure_rates(struct standing *standing, const struct config_relay *config)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		struct standing_rate *rate = &standing->rates[i];

		atomic_store_explicit(&rate->of_pair, config->rate[i], memory_order_relaxed);
		atomic_store_explicit(&rate->of_all, config->relay_rate[i], memory_order_relaxed);
	}
}

static int init_parts(struct standing *standing, const struct config_relay *config, struct health_news *news)
{
	healths_init(&standing->healths, config, news);
	slots_init(&standing->slots, config->max_connections);
	for (int i = 0; i < DIRECTIONS; i++)
		rate_init(&standing->rates[i].all, &standing->rates[i].of_all);
	configure_rates(standing, config);
	standing->label = label_new(config->name);
	standing->origins = origins_new(config->max_connections_per_source);
	if (!standing->label || !standing->origins)
		return -1;
	standing->name = standing->damping.relay = standing->label->text;
	return 0;
}

static struct standing *standing_new(struct standings *standings, const struct config_relay *config)
{
	size_t size = sizeof(struct standing) + standings->workers * sizeof(struct tally);
	struct standing *standing = calloc(1, size);

	if (!standing)
		return NULL;
	if (init_parts(standing, config, &standings->news) == 0 && join(standings, standing) == 0)
		return standing;
	standing_free(standing);
	return NULL;
}

struct standing *standing_get(struct standings *standings, const struct config_relay *config)
{
	struct standing *standing = standings_find(standings, config->name);

	if (!standing)
		standing = standing_new(standings, config);
	if (standing)
		standing->references++;
	return standing;
}

void standing_put(struct standing *standing)
{
	if (standing && --standing->references == 0 && standing->standings->holds == 0)
		standing_free(standing);
}

void standing_configure(struct standing *standing, const struct config_relay *config)
{
	slots_set_max(&standing->slots, config->max_connections);
	origins_set_max(standing->origins, config->max_connections_per_source);
	healths_configure(&standing->healths, config);
	configure_rates(standing, config);
}

bool standing_begin_limit(struct standing *standing)
{
	return episode_begin(&standing->at_limit, EPISODE_INTERVAL_MS);
}

void standing_end_limit(struct standing *standing)
{
	(void)episode_end(&standing->at_limit);
}

bool standing_logged_limit(const struct standing *standing)
{
	return standing->at_limit.told;
}

/* ---- all ---- */

static void free_unused(struct standings *standings)
{
	for (size_t i = 0; i < standings->count; i++)
		if (standings->list[i] && standings->list[i]->references == 0)
			standing_free(standings->list[i]);
}

struct standings *standings_new(unsigned workers, struct mailbox *mailbox)
{
	struct standings *standings = calloc(1, sizeof(*standings));

	if (!standings)
		return NULL;
	standings->workers = workers;
	standings->news.mailbox = mailbox;
	return standings;
}

void standings_free(struct standings *standings)
{
	if (!standings)
		return;
	free_unused(standings);
	free(standings->list);
	free(standings);
}

void standings_hold(struct standings *standings)
{
	standings->holds++;
}

void standings_release(struct standings *standings)
{
	if (--standings->holds == 0)
		free_unused(standings);
}
