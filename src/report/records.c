#include "build_config.h"

#include "report/records.h"

#include <stdlib.h>

void report_part_deinit(struct report_part *part)
{
	free(part->relays);
	free(part->pairs);
	*part = (struct report_part){.relays = NULL};
}

size_t report_pair_count(const struct report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < report->part_count; i++)
		count += report->parts[i].pair_count;
	return count;
}

void counters_add(struct counters *sum, const struct counters *more)
{
	sum->accepted += more->accepted;
	sum->refused += more->refused;
	sum->connect_failed += more->connect_failed;
	sum->bytes[UPLOAD] += more->bytes[UPLOAD];
	sum->bytes[DOWNLOAD] += more->bytes[DOWNLOAD];
	sum->pauses += more->pauses;
	sum->paused_ms += more->paused_ms;
}

void counters_add_flow(struct counters *sum, enum direction direction, const struct flow_record *flow)
{
	sum->bytes[direction] += flow->bytes;
	sum->pauses += flow->pauses;
	sum->paused_ms += flow->paused_ms;
}
