#include "build_config.h"

#include "top/order.h"

#include <stdlib.h>
#include <string.h>

const char *sort_name(enum sort sort)
{
	static const char *const names[SORTS] = {
	        [SORT_WAIT] = "wait", [SORT_RATE] = "rate",   [SORT_QUEUE] = "queue",
	        [SORT_AGE] = "age",   [SORT_RELAY] = "relay", [SORT_CLIENT] = "client",
	};

	return names[sort];
}

bool filter_matches(const struct filter *filter, const char *relay)
{
	return filter->is_name ? strcmp(relay, filter->text) == 0 : strstr(relay, filter->text) != NULL;
}

static uint64_t known(uint64_t number)
{
	return number == SCENE_UNKNOWN ? 0 : number;
}

/* The larger one first. */
static int falling(uint64_t a, uint64_t b)
{
	return (a < b) - (a > b);
}

static bool is_held_up(const struct scene_pair *pair)
{
	return strcmp(pair->slow, "none") != 0 && strcmp(pair->slow, "-") != 0;
}

static int compare_wait(const struct scene_pair *a, const struct scene_pair *b)
{
	int held = is_held_up(b) - is_held_up(a);

	return held ? held : falling(known(a->since_ms), known(b->since_ms));
}

static uint64_t rate_of(const struct scene_pair *pair)
{
	return known(pair->flow[UPLOAD].rate) + known(pair->flow[DOWNLOAD].rate);
}

static uint64_t queue_of(const struct scene_pair *pair)
{
	return known(pair->flow[UPLOAD].queued) + known(pair->flow[DOWNLOAD].queued);
}

static int compare(const struct scene_pair *a, const struct scene_pair *b, enum sort sort)
{
	switch (sort) {
	case SORT_WAIT:
		return compare_wait(a, b);
	case SORT_RATE:
		return falling(rate_of(a), rate_of(b));
	case SORT_QUEUE:
		return falling(queue_of(a), queue_of(b));
	case SORT_AGE:
		return falling(known(a->age_ms), known(b->age_ms));
	case SORT_RELAY:
		return strcmp(a->relay, b->relay);
	case SORT_CLIENT:
		return strcmp(a->client, b->client);
	}
	return 0;
}

struct rule {
	enum sort sort;
	bool reverse;
};

static int by_rule(const void *first, const void *second, void *argument)
{
	const struct scene_pair *a = *(const struct scene_pair *const *)first;
	const struct scene_pair *b = *(const struct scene_pair *const *)second;
	const struct rule *rule = argument;
	int order = compare(a, b, rule->sort);

	if (order == 0)
		return falling(b->id, a->id);
	return rule->reverse ? -order : order;
}

const struct scene_pair **order_pairs(const struct scene *scene, enum sort sort, bool reverse,
                                      const struct filter *filter, size_t *count)
{
	const struct scene_pair **pairs = calloc(scene->pair_count + 1, sizeof(struct scene_pair *));
	struct rule rule = {sort, reverse};

	*count = 0;
	if (!pairs)
		return NULL;
	for (size_t i = 0; i < scene->pair_count; i++)
		if (filter_matches(filter, scene->pairs[i].relay))
			pairs[(*count)++] = &scene->pairs[i];
	qsort_r(pairs, *count, sizeof(struct scene_pair *), by_rule, &rule);
	return pairs;
}
