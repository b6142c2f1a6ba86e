/*
 * The targets of a report as they are configured: those of one name in a relay are one, whatever addresses
 * they have.
 */
#ifndef WEIR_TARGET_SUMS_H
#define WEIR_TARGET_SUMS_H

#include "report/records.h"

struct target_sum {
	const char *relay, *target; /* borrowed from the report */
	bool configured;            /* it gets new clients; otherwise it has pairs that are left */
	uint64_t addresses[TARGET_STATES];
	uint64_t pairs;
	struct target_totals totals;
};

/* Ordered by relay and target, each once. The caller frees them. NULL when out of memory. */
struct target_sum *target_sums_new(const struct report *report, size_t *count);

#endif
