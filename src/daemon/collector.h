/*
 * Makes one report from the parts of all workers. Asks each for its part, waits without blocking, adds up the
 * relays and hands the report on.
 */
#ifndef WEIR_COLLECTOR_H
#define WEIR_COLLECTOR_H

#include "flow/budget.h"
#include "worker/worker.h"

#include <stdbool.h>

struct collector;

/* Takes over a finished report, or NULL if there was no memory for it. */
typedef void collector_take(void *arg, struct report *report);

/* standings and budget are borrowed. NULL when out of memory. */
struct collector *collector_new(struct standings *standings, struct budget *budget, unsigned workers,
                                collector_take *take, void *arg);
void collector_free(struct collector *collector); /* takes NULL */

/* clock_ms at which this process started. Another program may have done so, from which this one took over. */
uint64_t collector_started(const struct collector *collector);
void collector_set_started(struct collector *collector, uint64_t started);

/*
 * From now on, reports have the relays of this generation (borrowed) first. Others follow while they have
 * pairs.
 */
void collector_set_generation(struct collector *collector, const struct generation *generation);
/* Whether workers are being asked for their parts, so that no standing may be made. Main thread. */
bool collector_is_asking(const struct collector *collector);
/* Asks for a report. None may be under way. It may be there before this returns. Main thread. */
void collector_request(struct collector *collector, struct worker **workers, enum report_depth depth);
/* Takes over what a part holds, and zeroes it. After the last one, hands on the report. Main thread. */
void collector_put(struct collector *collector, unsigned worker, struct report_part *part);

#endif
