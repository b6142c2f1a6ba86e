/*
 * A report as metrics, in Prometheus' text format: see weir-metrics(7). Labels name relays, targets as they
 * are configured, workers, and words of ours. No client can make one, so their number is bounded.
 */
#ifndef WEIR_PROMETHEUS_H
#define WEIR_PROMETHEUS_H

#include "report/records.h"

#include <stdio.h>

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* 0, -ENOMEM, or -EIO if out did not take all of it. */
int report_write_prometheus(const struct report *report, FILE *out);

#endif
