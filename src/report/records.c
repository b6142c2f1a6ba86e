#include "build_config.h"

#include "report/records.h"

#include "base/number.h"

#include <errno.h>
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

struct report *report_new(size_t relay_max, size_t part_count)
{
	struct report *report = calloc(1, sizeof(*report));

	if (!report)
		return NULL;
	refcount_init(&report->references);
	report->relays = calloc(relay_max, sizeof(*report->relays));
	report->names = calloc(relay_max, sizeof(struct label *));
	report->parts = calloc(part_count, sizeof(*report->parts));
	report->part_count = report->parts ? part_count : 0;
	if (report->relays && report->names && report->parts)
		return report;
	report_free(report);
	return NULL;
}

static void put_references(const struct target_record *target)
{
	label_put(target->label);
	address_list_put(target->addresses);
}

struct report *report_get(struct report *report)
{
	refcount_get(&report->references);
	return report;
}

void report_free(struct report *report)
{
	if (!report || !refcount_put(&report->references))
		return;
	for (size_t i = 0; i < report->part_count; i++)
		report_part_deinit(&report->parts[i]);
	for (size_t i = 0; i < report->name_count; i++)
		label_put(report->names[i]);
	for (size_t i = 0; i < report->target_count; i++)
		put_references(&report->targets[i]);
	free(report->targets);
	free(report->parts);
	free(report->names);
	free(report->relays);
	free(report);
}

void report_add_relay(struct report *report, struct label *name, size_t number,
                      const struct flow_limits limits[DIRECTIONS])
{
	static const struct flow_limits unknown = {RECORD_UNKNOWN, RECORD_UNKNOWN};

	report->names[report->name_count++] = label_get(name);
	report->relays[report->relay_count++] = (struct relay_record){
	        .name = name->text,
	        .number = number,
	        .state = limits ? RELAY_ACTIVE : RELAY_REMOVED,
	        .limits = {limits ? limits[UPLOAD] : unknown, limits ? limits[DOWNLOAD] : unknown},
	};
}

static int make_room_for_target(struct report *report)
{
	size_t room = 2 * report->target_room + 8;
	struct target_record *grown;

	if (report->target_count < report->target_room)
		return 0;
	grown = reallocarray(report->targets, room, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	report->targets = grown;
	report->target_room = room;
	return 0;
}

int report_add_target(struct report *report, const struct target_record *target)
{
	if (make_room_for_target(report) < 0) {
		put_references(target);
		return -ENOMEM;
	}
	report->targets[report->target_count++] = *target;
	return 0;
}

size_t report_pair_count(const struct report *report)
{
	size_t count = 0;

	for (size_t i = 0; i < report->part_count; i++)
		count += report->parts[i].pair_count;
	return count;
}

static void add_direction(struct counters *sum, const struct counters *more, enum direction direction)
{
	sum->bytes[direction] += more->bytes[direction];
	sum->pauses[direction] += more->pauses[direction];
	sum->paused_ms[direction] += more->paused_ms[direction];
	sum->waited_us[direction] += more->waited_us[direction];
}

static void add_counters(struct counters *sum, const struct counters *more)
{
	sum->accepted += more->accepted;
	sum->refused += more->refused;
	sum->connect_failed += more->connect_failed;
	sum->shortages += more->shortages;
	for (size_t i = 0; i < REASONS; i++)
		sum->closed[i] += more->closed[i];
	add_direction(sum, more, UPLOAD);
	add_direction(sum, more, DOWNLOAD);
}

static void add(struct relay_record *sum, const struct relay_record *more)
{
	sum->pairs += more->pairs;
	add_counters(&sum->counters, &more->counters);
	for (int i = 0; i < DIRECTIONS; i++) {
		sum->queued[i] += more->queued[i];
		sum->longest[i] = max_u64(sum->longest[i], more->longest[i]);
	}
	for (int slow = 0; slow < BLAMES; slow++)
		for (int why = 0; why < WHYS; why++)
			sum->verdicts[slow][why] += more->verdicts[slow][why];
}

static void sum_relay(const struct report *report, struct relay_record *relay)
{
	for (size_t i = 0; i < report->part_count; i++)
		add(relay, &report->parts[i].relays[relay->number]);
}

void report_sum(struct report *report)
{
	size_t kept = 0;

	for (size_t i = 0; i < report->relay_count; i++) {
		struct relay_record *relay = &report->relays[i];

		sum_relay(report, relay);
		if (relay->state == RELAY_ACTIVE || relay->pairs > 0)
			report->relays[kept++] = *relay;
	}
	report->relay_count = kept;
}
