/* The start of a line of the log. Private to the log. */
#ifndef WEIR_LOG_PREFIX_H
#define WEIR_LOG_PREFIX_H

#include "base/log.h"

#include <stddef.h>

/* "<6>" or "2026-01-01T00:00:00.000+00:00 info ". */
struct log_prefix {
	char text[64];
	size_t length;
};

/*
 * From here on until log_prefix_release, standard error stays what it is. Whether it is the journal is then
 * checked once, and not for each line.
 */
void log_prefix_hold(void);
void log_prefix_release(void);

/* The prefix of a line that is written now. */
void log_prefix_make(struct log_prefix *prefix, enum log_level level);

#endif
