/*
 * Writes lines of the log to standard error, however long that takes. A line that is refused (no space left,
 * no reader) is dropped and counted. The count is written in its place, or as soon as that works. Private to
 * the log, one thread of which is the writer at a time.
 */
#ifndef WEIR_LOG_WRITER_H
#define WEIR_LOG_WRITER_H

#include "base/log_prefix.h"

#include <stddef.h>
#include <stdint.h>

/* One line with its newline, after the prefix. */
void log_writer_line(struct log_prefix *prefix, char *text, size_t length);
/* Lines that have their prefixes, with one call. After a line that is refused, the next ones are tried. */
void log_writer_lines(char *lines, size_t length);
/* One more line is dropped, for log_dropped_lines; the writer does this for its own. Any thread. */
void log_writer_drop(void);
/* This many lines are missing here, because there was no room to keep them. */
void log_writer_missed(uint64_t lines);

#endif
