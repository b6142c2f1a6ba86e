/* A report as one JSON object: the records and names of text.h, with the flows of a pair inside the pair. */
#ifndef WEIR_JSON_H
#define WEIR_JSON_H

#include "report/ranking.h"
#include "report/records.h"

#include <stdio.h>

/*
 * 0, -ENOMEM, or -EIO if out did not take all of it. Only a small part of a report is a tree in memory at a
 * time.
 */
int report_write_json(const struct report *report, FILE *out);
/* The same with these pairs of the report only, in this order. "end" counts them. */
int report_write_json_ranked(const struct report *report, const struct ranking *ranking, FILE *out);

#endif
