#include "build_config.h"

#include "daemon/collector.h"

#include "base/clock.h"
#include "daemon/target_records.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct collector {
	struct standings *standings;
	const struct generation *generation;
	struct budget *budget;
	uint64_t started; /* clock_ms of the daemon's start */
	collector_take *take;
	void *arg;
	unsigned workers;
	struct report *report; /* while parts are still to come; NULL if there was no memory for it */
	unsigned pending;      /* parts still to come */
};

struct collector *collector_new(struct standings *standings, struct budget *budget, unsigned workers,
                                collector_take *take, void *arg)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	if (!collector)
		return NULL;
	collector->standings = standings;
	collector->budget = budget;
	collector->workers = workers;
	collector->started = clock_ms();
	collector->take = take;
	collector->arg = arg;
	return collector;
}

void collector_free(struct collector *collector)
{
	if (collector)
		report_free(collector->report);
	free(collector);
}

uint64_t collector_started(const struct collector *collector)
{
	return collector->started;
}

void collector_set_started(struct collector *collector, uint64_t started)
{
	collector->started = started;
}

void collector_set_generation(struct collector *collector, const struct generation *generation)
{
	collector->generation = generation;
}

/* Marks in added the relays that are. */
static int add_active(struct report *report, const struct generation *generation, bool *added)
{
	int error = 0;

	for (size_t i = 0; i < generation->relay_count; i++) {
		struct standing *standing = generation->relays[i]->standing;

		report_add_relay(report, standing->label, standing->number,
		                 generation->relays[i]->config->limits);
		added[standing->number] = true;
		error = error ? error : target_records_add(report, standing, generation->relays[i]->targets);
	}
	return error;
}

static int add_removed(struct report *report, const struct standings *standings, const bool *added)
{
	int error = 0;

	for (size_t i = 0; i < standings->count; i++) {
		struct standing *standing = standings->list[i];

		if (!standing || added[i])
			continue;
		report_add_relay(report, standing->label, i, NULL);
		error = error ? error : target_records_add(report, standing, NULL);
	}
	return error;
}

/* NULL when out of memory. */
static struct report *make_report(const struct collector *collector)
{
	const struct standings *standings = collector->standings;
	struct report *report = report_new(standings->count, collector->workers);
	bool *added = calloc(standings->count, sizeof(*added));

	int error = report && added ? add_active(report, collector->generation, added) : -ENOMEM;

	if (!error)
		error = add_removed(report, standings, added);
	if (error) {
		report_free(report);
		report = NULL;
	}
	free(added);
	return report;
}

bool collector_is_asking(const struct collector *collector)
{
	return collector->pending > 0;
}

void collector_request(struct collector *collector, struct worker **workers, enum report_depth depth)
{
	static const enum worker_order orders[REPORT_DEPTHS] = {
	        [REPORT_SUMS] = WORKER_REPORT_SUMS, [REPORT_PAIRS] = WORKER_REPORT_PAIRS};

	collector->report = make_report(collector);
	if (!collector->report) {
		collector->take(collector->arg, NULL);
		return;
	}
	collector->report->depth = depth;
	standings_hold(collector->standings);
	collector->pending = collector->workers;
	for (unsigned i = 0; i < collector->workers; i++)
		worker_order(workers[i], orders[depth]);
}

static struct process_record describe_process(const struct collector *collector, const struct report *report)
{
	return (struct process_record){
	        .version = PACKAGE_VERSION,
	        .pid = getpid(),
	        .time = time(NULL),
	        .uptime_ms = clock_ms() - collector->started,
	        .workers = collector->workers,
	        .pairs = report_pair_count(report),
	        .used = budget_used(collector->budget),
	        .memory_max = budget_max(collector->budget),
	};
}

static bool is_complete(const struct report *report)
{
	for (size_t i = 0; i < report->part_count; i++)
		if (!report->parts[i].relays)
			return false;
	return true;
}

static void hand_on(struct collector *collector)
{
	struct report *report = collector->report;

	standings_release(collector->standings);
	collector->report = NULL;
	if (is_complete(report)) {
		report->process = describe_process(collector, report);
		report_sum(report);
	} else {
		report_free(report);
		report = NULL;
	}
	collector->take(collector->arg, report); /* consumed */
}

void collector_put(struct collector *collector, unsigned worker, struct report_part *part)
{
	collector->report->parts[worker] = *part;
	*part = (struct report_part){.relays = NULL}; /* consumed; with the next request it is the worker's */
	if (--collector->pending == 0)
		hand_on(collector);
}
