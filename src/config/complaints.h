/*
 * The errors in a configuration. They are collected while it is read and checked, and handed over in the
 * order of the file.
 */
#ifndef WEIR_COMPLAINTS_H
#define WEIR_COMPLAINTS_H

#include "config/config.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define NO_LINE      0        /* the file as a whole */
#define COMMAND_LINE UINT_MAX /* sorts after the file */

#define COULD_NOT_KEEP "could not be kept: out of memory" /* what is wrong with a value then */

struct complaints {
	const char *file;        /* borrowed; the file that line numbers refer to */
	struct complaint *items; /* private */
	size_t count;
	size_t passing;     /* those that may be over without a change of the file */
	bool out_of_memory; /* something was lost, perhaps a complaint */
};

/* Adds one, as "FILE:LINE: …", "FILE: …" or "command line: …". */
void complaints_add(struct complaints *complaints, unsigned line, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
/* "in line 7" or "on the command line", for a message about two lines. Returns buf. */
#define COMPLAINTS_WHERE_MAX 32
const char *complaints_where(unsigned line, char buf[COMPLAINTS_WHERE_MAX]);
/* Moves all complaints to errors, sorted by line, and frees what complaints holds. errors must be zeroed. */
void complaints_hand_over(struct complaints *complaints, struct config_errors *errors);

#endif
