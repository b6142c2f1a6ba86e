#include "build_config.h"

#include "report/target_sums.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
	const struct target_record *a = *(const struct target_record *const *)left;
	const struct target_record *b = *(const struct target_record *const *)right;
	int order = strcmp(a->relay, b->relay);

	return order ? order : strcmp(a->target, b->target);
}

/* Those that have a name, in order. NULL when out of memory. */
static const struct target_record **sort(const struct report *report, size_t *count)
{
	const struct target_record **sorted = calloc(report->target_count + 1, sizeof(*sorted));

	*count = 0;
	if (!sorted)
		return NULL;
	for (size_t i = 0; i < report->target_count; i++)
		if (report->targets[i].target)
			sorted[(*count)++] = &report->targets[i];
	qsort(sorted, *count, sizeof(struct target_record *), compare);
	return sorted;
}

static void add(struct target_sum *sum, const struct target_record *target)
{
	sum->pairs += target->pairs;
	if (target->weight == 0)
		return;
	sum->configured = true;
	sum->addresses[target->state]++;
}

static struct target_sum begin(const struct target_record *target)
{
	return (struct target_sum){
	        .relay = target->relay, .target = target->target, .totals = target->totals};
}

struct target_sum *target_sums_new(const struct report *report, size_t *count)
{
	size_t sorted_count, sums_count = 0;
	const struct target_record **sorted = sort(report, &sorted_count);
	struct target_sum *sums = calloc(sorted_count + 1, sizeof(*sums));

	for (size_t i = 0; sorted && sums && i < sorted_count; i++) {
		if (i == 0 || compare(&sorted[i - 1], &sorted[i]) != 0)
			sums[sums_count++] = begin(sorted[i]);
		add(&sums[sums_count - 1], sorted[i]);
	}
	if (!sorted) {
		free(sums);
		sums = NULL;
	}
	free(sorted);
	*count = sums_count;
	return sums;
}
