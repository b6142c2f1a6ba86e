/* The dump: a report in the configured format, to the log or a file. Written on a thread of its own. */
#ifndef WEIR_DUMP_H
#define WEIR_DUMP_H

#include "config/settings.h"
#include "report/records.h"

#include <stdbool.h>

struct event_base;
struct dump;

/*
 * written is called on the base's thread after each dump_write, once the report was written or given up. It
 * may be called during dump_write. NULL when out of memory or descriptors.
 */
struct dump *dump_new(struct event_base *base, struct config *config, void (*written)(void *arg), void *arg);
/*
 * From the next dump on, these settings hold. One that is being written ends as it began. If the file is
 * another one, it is swept too.
 */
void dump_configure(struct dump *dump, struct config *config);
/* Removes what an earlier process left of a dump that it did not finish. Does not wait for that. */
void dump_sweep(struct dump *dump);
/*
 * Takes over report, which is NULL if there was no memory for it. Errors are logged. Call on the base's
 * thread, and only after written was called for the previous one.
 */
void dump_write(struct dump *dump, struct report *report);
/* Whether no thread writes, or tidies up, and so might hang. */
bool dump_is_idle(const struct dump *dump);
/* Does not wait for a dump that cannot be written. It is given up or ends by itself. Takes NULL. */
bool dump_free(struct dump *dump);

#endif
