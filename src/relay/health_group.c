/* The healths of one target: what they have counted together must not go back when one is forgotten. */
#include "build_config.h"

#include "relay/health_private.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right)
{
	const struct health_group *a = left, *b = right;

	return strcmp(a->target->text, b->target->text);
}

static struct health_group *find(const struct healths *healths, struct label *target)
{
	const struct health_group wanted = {.target = target};
	struct health_group *const *found = tfind(&wanted, &healths->groups, compare);

	return found ? *found : NULL;
}

static struct health_group *add(struct healths *healths, struct label *target)
{
	struct health_group *group = calloc(1, sizeof(*group));

	if (!group)
		return NULL;
	group->target = target;
	if (tsearch(group, &healths->groups, compare)) {
		label_get(target);
		return group;
	}
	free(group);
	return NULL;
}

static void count(struct target_totals *totals, const struct health *health)
{
	totals->connects += health->connects;
	totals->failures += health->failures;
	totals->checks += health->checks;
	totals->check_failures += health->check_failures;
}

int health_group_join(struct health *health)
{
	struct healths *healths = health->healths;

	health->group = find(healths, health->target);
	if (!health->group)
		health->group = add(healths, health->target);
	if (!health->group)
		return -1;
	LIST_INSERT_HEAD(&health->group->members, health, group_entry);
	return 0;
}

void health_group_leave(struct health *health)
{
	struct health_group *group = health->group;

	if (!group)
		return;
	count(&group->forgotten, health);
	LIST_REMOVE(health, group_entry);
	if (!LIST_EMPTY(&group->members))
		return;
	tdelete(group, &health->healths->groups, compare);
	label_put(group->target);
	free(group);
}

struct target_totals healths_totals(const struct healths *healths, struct label *target)
{
	const struct health_group *group = find(healths, target);
	struct target_totals totals = {0};
	const struct health *member;

	if (!group)
		return totals;
	totals = group->forgotten;
	LIST_FOREACH (member, &group->members, group_entry)
		count(&totals, member);
	return totals;
}
