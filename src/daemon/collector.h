/*
 * Makes one report from the parts of all workers. Asks each for its part, waits without blocking, adds up the
 * relays and hands the report on. While a report is under way, any number of requests leads to only one more.
 */
#ifndef WEIR_COLLECTOR_H
#define WEIR_COLLECTOR_H

#include "flow/budget.h"
#include "worker/worker.h"

struct collector;

/* Takes a finished report, valid only during the call. NULL if there was no memory for it. */
typedef void collector_take(void *arg, const struct report *report);

/* relays (relay_count of them) and budget are borrowed. NULL when out of memory. */
struct collector *collector_new(struct relay *const *relays, size_t relay_count, struct budget *budget,
                                unsigned workers, collector_take *take, void *arg);
void collector_free(struct collector *collector); /* takes NULL */

/* Asks for a report. Main thread. */
void collector_request(struct collector *collector, struct worker **workers);
/* Puts in a worker's part and takes over what it holds. Main thread. */
void collector_put(struct collector *collector, unsigned worker, const struct report_part *part);
/* Hands the report on if every part is there. Begins the next if one was requested meanwhile. Main thread. */
void collector_finish(struct collector *collector, struct worker **workers);

#endif
