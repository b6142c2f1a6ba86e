/*
 * A report as one JSON object: the same records and names as in text.h; the flows of a pair stand inside it.
 */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include "report/records.h"

#include <stdio.h>

/*
 * 0, -ENOMEM, or -EIO if out did not take all of it. A report of many pairs never stands in memory as a tree.
 */
int report_write_json(const struct report *report, FILE *out);

#endif
