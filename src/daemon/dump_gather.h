/*
 * One dump from all workers: asks each for its part, waits without blocking, adds up the relays, writes text
 * or JSON to the log or a file. A storm of requests is coalesced: while a dump is under way, any number of
 * them makes one more.
 */
#ifndef WEIR_DUMP_GATHER_H
#define WEIR_DUMP_GATHER_H

#include "config/settings.h"
#include "flow/budget.h"
#include "worker/worker.h"

struct dump_gather;

/* config and budget are borrowed. NULL when out of memory. */
struct dump_gather *dump_gather_new(const struct config_global *config, struct budget *budget,
                                    unsigned workers);
void dump_gather_free(struct dump_gather *gather); /* takes NULL */

/* Wants a dump now. Main thread. */
void dump_gather_request(struct dump_gather *gather, struct worker **workers);
/* A worker's part; takes what dump holds. Any thread. */
void dump_gather_put(struct dump_gather *gather, unsigned worker, const struct worker_dump *dump);
/* Writes the dump if every part is there, and begins the next one that was wanted meanwhile. Main thread. */
void dump_gather_finish(struct dump_gather *gather, struct worker **workers, size_t relay_count);

#endif
