/*
 * A line for the log, put together piece by piece, for lines that come with every connection. log_write takes
 * several times as long, because of its format.
 */
#ifndef WEIR_LOG_LINE_H
#define WEIR_LOG_LINE_H

#include "base/log.h"

#include <stddef.h>
#include <stdint.h>

#define LOG_LINE_MAX 2048 /* bytes of text; the rest is cut */

/* Begin with a length of 0. */
struct log_line {
	size_t length;
	char text[LOG_LINE_MAX + 1]; /* has room for the newline */
};

void log_line_add(struct log_line *line, const char *text);
/* label, and the number right after it. */
void log_line_add_number(struct log_line *line, const char *label, uint64_t number);
/* As log_write, whatever the level is: ask log_wants first. Afterwards the line cannot be used again. */
void log_line_write(struct log_line *line, enum log_level level);

#endif
