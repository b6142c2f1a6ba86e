/* The dump: a report in the configured format, to the log or a file. */
#ifndef WEIR_DUMP_H
#define WEIR_DUMP_H

#include "config/settings.h"
#include "report/records.h"

/* report is NULL if there was no memory for it. Errors are logged. */
void dump_write(const struct config_global *config, const struct report *report);

#endif
