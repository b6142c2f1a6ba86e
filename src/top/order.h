/* Which pairs are shown, and in which order. */
#ifndef WEIR_ORDER_H
#define WEIR_ORDER_H

#include "top/scene.h"

#include <stdbool.h>
#include <stddef.h>

enum sort {
	SORT_WAIT, /* who waits longest: first those that a side holds up */
	SORT_RATE, /* bytes a second, both directions */
	SORT_QUEUE,
	SORT_AGE,
	SORT_RELAY,
	SORT_CLIENT,
};
#define SORTS (SORT_CLIENT + 1)

const char *sort_name(enum sort sort);

/* Which relays the user asks for. */
struct filter {
	char text[SCENE_NAME_MAX]; /* empty: all */
	bool is_name;              /* that of a relay; else it is a part of names */
};

bool filter_matches(const struct filter *filter, const char *relay);

/*
 * Pointers to those pairs of the scene whose relay matches, in that order; those that tie by their id, so
 * that no row jumps without a reason. The caller frees the array. NULL when out of memory.
 */
const struct scene_pair **order_pairs(const struct scene *scene, enum sort sort, bool reverse,
                                      const struct filter *filter, size_t *count);

#endif
