/* The targets of a relay, for a report. */
#ifndef WEIR_TARGET_RECORDS_H
#define WEIR_TARGET_RECORDS_H

#include "relay/standing.h"
#include "relay/targets.h"
#include "report/records.h"

/*
 * Adds the addresses of targets, which are those of the generation in force, or NULL if the relay is not in
 * it. Then those that are no longer in use but have pairs, with a weight of 0. 0 or -ENOMEM. Main thread.
 */
int target_records_add(struct report *report, struct standing *standing, struct targets *targets);

#endif
