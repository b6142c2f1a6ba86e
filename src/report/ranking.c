#include "build_config.h"

#include "report/ranking.h"

#include "base/number.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * How long a pair has waited, in ms. What it waits for may end and begin again many times a second. So as
 * much of a second as it has waited lately counts, if that is more.
 */
static uint64_t waited(const struct pair_record *pair)
{
	return max_u64(pair->since_ms, max_u64(pair->waited_client, pair->waited_target));
}

static int compare(const void *left, const void *right)
{
	const struct pair_record *a = *(const struct pair_record *const *)left;
	const struct pair_record *b = *(const struct pair_record *const *)right;
	bool a_slow = a->verdict.slow != BLAME_NONE, b_slow = b->verdict.slow != BLAME_NONE;

	if (a_slow != b_slow)
		return a_slow ? -1 : 1;
	if (waited(a) != waited(b))
		return waited(a) > waited(b) ? -1 : 1;
	return a->id < b->id ? -1 : a->id > b->id;
}

static void sort(struct ranking *ranking, size_t most)
{
	qsort(ranking->pairs, ranking->count, sizeof(*ranking->pairs), compare);
	if (ranking->count > most)
		ranking->count = most;
}

/* There is room for twice as many as are wanted, so sorting is seldom. */
static void add(struct ranking *ranking, const struct pair_record *pair, size_t most)
{
	if (ranking->count == 2 * most)
		sort(ranking, most);
	ranking->pairs[ranking->count++] = pair;
}

static bool is_wanted(const struct pair_record *pair, const char *relay)
{
	return !relay || strcmp(pair->relay, relay) == 0;
}

int ranking_init(struct ranking *ranking, const struct report *report, const char *relay, size_t most)
{
	*ranking = (struct ranking){.count = 0};
	if (most == 0)
		return 0;
	ranking->pairs = calloc(2 * most, sizeof(*ranking->pairs));
	if (!ranking->pairs)
		return -ENOMEM;
	for (size_t p = 0; p < report->part_count; p++)
		for (size_t i = 0; i < report->parts[p].pair_count; i++)
			if (is_wanted(&report->parts[p].pairs[i], relay))
				add(ranking, &report->parts[p].pairs[i], most);
	sort(ranking, most);
	return 0;
}

void ranking_deinit(struct ranking *ranking)
{
	free(ranking->pairs);
	*ranking = (struct ranking){.count = 0};
}
