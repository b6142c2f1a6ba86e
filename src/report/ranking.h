/* The pairs that wait longest. */
#ifndef WEIR_RANKING_H
#define WEIR_RANKING_H

#include "report/records.h"

#include <stddef.h>

struct ranking {
	const struct pair_record **pairs; /* owned; the records are borrowed from the report */
	size_t count;
};

/*
 * At most this many pairs, of the relay with this name or, if that is NULL, of all. First those where one
 * side is slow; among equals, those that have waited longest. Takes memory for twice that many pointers. 0 or
 * -ENOMEM; ranking_deinit in any case.
 */
int ranking_init(struct ranking *ranking, const struct report *report, const char *relay, size_t most);
void ranking_deinit(struct ranking *ranking);

#endif
