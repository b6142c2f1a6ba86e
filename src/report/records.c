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

void relay_record_add(struct relay_record *sum, const struct relay_record *more)
{
	sum->pairs += more->pairs;
	sum->counters.accepted += more->counters.accepted;
	sum->counters.refused += more->counters.refused;
	sum->counters.connect_failed += more->counters.connect_failed;
	sum->counters.bytes[UPLOAD] += more->counters.bytes[UPLOAD];
	sum->counters.bytes[DOWNLOAD] += more->counters.bytes[DOWNLOAD];
	sum->counters.pauses += more->counters.pauses;
	sum->counters.paused_ms += more->counters.paused_ms;
}
