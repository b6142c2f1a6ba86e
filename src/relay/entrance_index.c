#include "build_config.h"

#include "relay/entrance_index.h"

#include <errno.h>
#include <search.h>
#include <stddef.h>

_Static_assert(offsetof(struct entrance, key) == 0, "an entrance is compared as its key");

static int compare(const void *left, const void *right)
{
	return entrance_key_compare(left, right);
}

/* Where the tree has its pointer to the oldest one. */
static struct entrance **find_link(const struct entrance_index *index, const struct entrance_key *key)
{
	return tfind(key, &index->tree, compare);
}

struct entrance *entrance_index_find(const struct entrance_index *index, const struct entrance_key *key)
{
	struct entrance **link = find_link(index, key);

	return link ? *link : NULL;
}

int entrance_index_add(struct entrance_index *index, struct entrance *entrance)
{
	struct entrance **link = tsearch(entrance, &index->tree, compare);

	if (!link)
		return -ENOMEM;
	entrance->alike = NULL;
	while (*link && *link != entrance)
		link = &(*link)->alike;
	*link = entrance;
	return 0;
}

void entrance_index_remove(struct entrance_index *index, struct entrance *entrance)
{
	struct entrance **link = find_link(index, &entrance->key);

	if (*link == entrance && !entrance->alike) {
		tdelete(entrance, &index->tree, compare);
		return;
	}
	while (*link != entrance)
		link = &(*link)->alike;
	*link = entrance->alike;
}
