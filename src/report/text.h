/* A report as text: one record is one line, "kind key=value …". See weir(8), section DUMP. */
#ifndef WEIR_TEXT_H
#define WEIR_TEXT_H

#include "report/records.h"

#include <stdio.h>

/* 0, or -EIO if out did not take all of it. */
int report_write_text(const struct report *report, FILE *out);

#endif
