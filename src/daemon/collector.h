/*
 * One report out of the parts of all workers: asks each for its part, waits without blocking, adds up the
 * relays, and hands the report on. A storm of requests is coalesced: while a report is under way, any number
 * of them makes one more.
 */
#ifndef WEIR_COLLECTOR_H
#define WEIR_COLLECTOR_H

#include "flow/budget.h"
#include "worker/worker.h"

struct collector;

/* Takes a finished report, which lasts as long as the call. NULL: there was no memory for it. */
typedef void collector_take(void *arg, const struct report *report);

/* relays (relay_count of them) and budget are borrowed. NULL when out of memory. */
struct collector *collector_new(struct relay *const *relays, size_t relay_count, struct budget *budget,
                                unsigned workers, collector_take *take, void *arg);
void collector_free(struct collector *collector); /* takes NULL */

/* Wants a report now. Main thread. */
void collector_request(struct collector *collector, struct worker **workers);
/* A worker's part; takes what it holds. Main thread. */
void collector_put(struct collector *collector, unsigned worker, const struct report_part *part);
/*
 * Hands the report on if every part is there, and begins the next one that was wanted meanwhile. Main thread.
 */
void collector_finish(struct collector *collector, struct worker **workers);

#endif
