#include "build_config.h"

#include "daemon/collector.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct collector {
	struct config *config;
	struct budget *budget;
	uint64_t started; /* clock_ms of the daemon's start */
	collector_take *take;
	void *arg;
	unsigned workers;
	struct report *report; /* while parts are still to come; NULL if there was no memory for it */
	unsigned pending;      /* parts still to come */
	bool running, wanted;
};

struct collector *collector_new(struct config *config, struct budget *budget, unsigned workers,
                                collector_take *take, void *arg)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	if (!collector)
		return NULL;
	collector->config = config;
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

void collector_request(struct collector *collector, struct worker **workers)
{
	collector->wanted = collector->running;
	if (collector->running)
		return;
	collector->running = true;
	collector->report = report_new(collector->config, collector->workers);
	if (!collector->report) {
		collector->take(collector->arg, NULL);
		return;
	}
	collector->pending = collector->workers;
	for (unsigned i = 0; i < collector->workers; i++)
		worker_order(workers[i], WORKER_REPORT);
}

static void sum_relay(const struct report *report, size_t number)
{
	for (size_t i = 0; i < report->part_count; i++)
		relay_record_add(&report->relays[number], &report->parts[i].relays[number]);
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
	        .memory_max = collector->budget->max,
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

	collector->report = NULL;
	if (is_complete(report)) {
		report->process = describe_process(collector, report);
		for (size_t i = 0; i < report->relay_count; i++)
			sum_relay(report, i);
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

void collector_end(struct collector *collector, struct worker **workers)
{
	collector->running = false;
	if (collector->wanted)
		collector_request(collector, workers);
}
