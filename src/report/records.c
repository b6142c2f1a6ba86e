#include "build_config.h"

#include "report/records.h"

#include <stdlib.h>

void pair_records_free(struct pair_record *records, size_t count)
{
	for (size_t i = 0; records && i < count; i++)
		address_list_put(records[i].targets);
	free(records);
}

void report_part_deinit(struct report_part *part)
{
	free(part->relays);
	pair_records_free(part->pairs, part->pair_count);
	*part = (struct report_part){.relays = NULL};
}

struct report *report_new(struct config *config, size_t part_count)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	report->config = config_get(config);
	report->relays = calloc(config->relay_count, sizeof(*report->relays));
	report->parts = calloc(part_count, sizeof(*report->parts));
	if (!report->relays || !report->parts) {
		report_free(report);
		return NULL;
	}
	report->relay_count = config->relay_count;
	report->part_count = part_count;
	for (size_t i = 0; i < report->relay_count; i++)
		report->relays[i].name = config->relays[i].name;
	return report;
}

void report_free(struct report *report)
{
	if (!report)
		return;
	for (size_t i = 0; i < report->part_count; i++)
		report_part_deinit(&report->parts[i]);
	free(report->parts);
	free(report->relays);
	config_put(report->config);
	free(report);
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
	sum->counters.shortages += more->counters.shortages;
}
