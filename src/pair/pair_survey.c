/*
 * All pairs of a worker for a report. What weir itself knows is taken from all of them at once, so that it is
 * of one moment. What the kernel knows costs system calls, and is added for a few pairs at a time.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <stdlib.h>

struct pair_survey {
	struct relay_record *relays; /* the caller's, as is records */
	struct pair_record *records; /* by pair->record; NULL: only sums are asked for */
	struct pair *next;           /* the kernel is to be asked about it and those after it */
	struct cpu_use cpu;          /* of the worker */
};

static void describe(const struct pair *pair, uint64_t now, struct pair_record *record)
{
	record->id = pair->id;
	record->relay = pair->relay->standing->name;
	record->worker = pair->set->worker;
	record->state = pair_state(pair);
	record->client = pair->ticket.client;
	if (pair->arrival && pair->phase != PHASE_HEADER)
		record->via = pair->arrival->via;
	if (pair->choice.health) {
		record->targets = address_list_get(health_address(pair->choice.health));
		record->target.first = pair_target(pair);
		record->target.place = pair->choice.place;
	}
	record->age_ms = now - pair->born;
	record->idle_ms = now - pair_last_activity(pair);
	flow_describe(&pair->client.from, now, BLAME_TARGET, &record->flow[UPLOAD]);
	flow_describe(&pair->target.from, now, BLAME_CLIENT, &record->flow[DOWNLOAD]);
}

static void add_queue(const struct flow *flow, enum direction direction, struct relay_record *relay)
{
	relay->queued[direction] += flow->queued;
	relay->longest[direction] = max_u64(relay->longest[direction], flow->queued);
}

/* Until the kernel was asked about a pair, nothing is known to hold it up; it may end before. */
static void add(const struct pair *pair, uint64_t now, struct relay_record *relay)
{
	const struct wait_totals life = pair_waits_totals(pair, now * 1000, false);

	relay->pairs++;
	relay->verdicts[BLAME_NONE][WHY_IDLE]++;
	pair_count(pair, now, &life, &relay->counters);
	add_queue(&pair->client.from, UPLOAD, relay);
	add_queue(&pair->target.from, DOWNLOAD, relay);
}

static struct relay_record *relay_of(const struct pair *pair)
{
	return &pair->set->survey->relays[pair->relay->standing->number];
}

static void take_all(struct pair_set *set, uint64_t now)
{
	struct pair_survey *survey = set->survey;
	uint32_t count = 0;
	struct pair *pair;

	LIST_FOREACH (pair, &set->pairs, entry) {
		add(pair, now, relay_of(pair));
		if (!survey->records)
			continue;
		pair->record = count++;
		describe(pair, now, &survey->records[pair->record]);
	}
}

/* 0 or -ENOMEM. */
static int make_records(const struct pair_set *set, struct report_part *part)
{
	/* One more than needed: calloc may return NULL for zero pairs, which would look like a failure. */
	part->pairs = calloc(set->count + 1, sizeof(*part->pairs));
	return part->pairs ? 0 : -ENOMEM;
}

int pair_survey_begin(struct pair_set *set, uint64_t now, enum report_depth depth, struct report_part *part)
{
	struct pair_survey *survey = set->survey = calloc(1, sizeof(*survey));

	if (!survey)
		return -ENOMEM;
	if (depth == REPORT_PAIRS && make_records(set, part) < 0) {
		pair_survey_end(set);
		return -ENOMEM;
	}
	part->pair_count = set->count;
	survey->relays = part->relays;
	survey->records = part->pairs;
	survey->next = LIST_FIRST(&set->pairs);
	take_all(set, now);
	survey->cpu = cpu_share_since(&set->cpu, clock_us(), cpu_time_used());
	return 0;
}

void pair_survey_end(struct pair_set *set)
{
	free(set->survey);
	set->survey = NULL;
}

static void measure_record(struct pair *pair, struct cpu_use cpu, struct pair_record *record)
{
	record->flow[UPLOAD].source_queue = stream_unread(pair->client.fd);
	if (pair_is_connected(pair))
		record->flow[DOWNLOAD].source_queue = stream_unread(pair->target.fd);
	pair_verdict_describe(pair, cpu, record);
}

static struct verdict measure(struct pair *pair)
{
	const struct pair_survey *survey = pair->set->survey;
	struct pair_record *record;

	if (!survey->records)
		return pair_verdict(pair, survey->cpu);
	record = &survey->records[pair->record];
	measure_record(pair, survey->cpu, record);
	return record->verdict;
}

static void measure_next(struct pair_survey *survey)
{
	struct pair *pair = survey->next;
	struct relay_record *relay = relay_of(pair);
	const struct verdict verdict = measure(pair);

	survey->next = LIST_NEXT(pair, entry);
	relay->verdicts[BLAME_NONE][WHY_IDLE]--;
	relay->verdicts[verdict.slow][verdict.why]++;
}

/* Pairs that begin meanwhile are at the list's other end. */
bool pair_survey_measure(struct pair_set *set, size_t most)
{
	for (; most > 0 && set->survey->next; most--)
		measure_next(set->survey);
	if (set->survey->next)
		return true;
	pair_survey_end(set);
	return false;
}

void pair_survey_forget(struct pair *pair)
{
	struct pair_survey *survey = pair->set->survey;

	if (survey && survey->next == pair)
		survey->next = LIST_NEXT(pair, entry);
}
