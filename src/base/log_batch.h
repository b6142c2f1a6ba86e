/*
 * Lines of the log that wait to be written together. Private to the log, which has two batches and fills one
 * while the other is written.
 *
 * A batch takes memory as lines come. What it took beyond LOG_BATCH_KEPT goes back to the system once the
 * lines are written, so a burst of them costs memory only as long as it waits.
 */
#ifndef WEIR_LOG_BATCH_H
#define WEIR_LOG_BATCH_H

#include "base/log_prefix.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_BATCH_KEPT (256 * 1024) /* bytes; more than comes between two writes of a log that keeps up */

/*
 * bytes[0 to used) are whole lines. Once a batch has refused a line, it refuses all later ones. The gap is
 * then always at its end, and the count of missing lines can be written in their place.
 */
struct log_batch {
	size_t used;
	uint64_t refused;
	char bytes[LOG_BYTES_MAX];
};

/* Makes it take memory in small pages. Huge ones would make its first line cost 2 MiB. */
void log_batch_init(struct log_batch *batch);

/* Adds a line after its prefix, if the batch then has at most this many bytes. False if it is refused. */
bool log_batch_add(struct log_batch *batch, size_t most, const struct log_prefix *prefix, const char *text,
                   size_t length);

/* Writes the lines, however long that takes. Then the batch is empty. For the writer. */
void log_batch_write(struct log_batch *batch);

#endif
