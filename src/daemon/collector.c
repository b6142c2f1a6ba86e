#include "build_config.h"

#include "daemon/collector.h"

#include "base/clock.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct collector {
	struct budget *budget;
	uint64_t started; /* clock_ms of the daemon's start */
	collector_take *take;
	void *arg;
	struct relay_record *relays; /* their names are set from the start */
	size_t relay_count;
	struct report_part *parts; /* one for each worker */
	unsigned workers;
	unsigned pending; /* parts still to come */
	bool running, wanted;
};

struct collector *collector_new(struct relay *const *relays, size_t relay_count, struct budget *budget,
                                unsigned workers, collector_take *take, void *arg)
{
	struct collector *collector = calloc(1, sizeof(*collector));

	if (!collector)
		return NULL;
	collector->budget = budget;
	collector->workers = workers;
	collector->started = clock_ms();
	collector->take = take;
	collector->arg = arg;
	collector->parts = calloc(workers, sizeof(*collector->parts));
	collector->relays = calloc(relay_count, sizeof(*collector->relays));
	if (!collector->parts || !collector->relays) {
		collector_free(collector);
		return NULL;
	}
	collector->relay_count = relay_count;
	for (size_t i = 0; i < relay_count; i++)
		collector->relays[i].name = relays[i]->config->name;
	return collector;
}

static void free_parts(struct collector *collector)
{
	for (unsigned i = 0; collector->parts && i < collector->workers; i++)
		report_part_deinit(&collector->parts[i]);
}

void collector_free(struct collector *collector)
{
	if (!collector)
		return;
	free_parts(collector);
	free(collector->parts);
	free(collector->relays);
	free(collector);
}

void collector_request(struct collector *collector, struct worker **workers)
{
	collector->wanted = collector->running;
	if (collector->running)
		return;
	collector->running = true;
	collector->pending = collector->workers;
	for (unsigned i = 0; i < collector->workers; i++)
		worker_order(workers[i], WORKER_REPORT);
}

void collector_put(struct collector *collector, unsigned worker, const struct report_part *part)
{
	collector->parts[worker] = *part;
	collector->pending--;
}

static void sum_relay(const struct collector *collector, size_t number)
{
	struct relay_record *relay = &collector->relays[number];

	*relay = (struct relay_record){.name = relay->name};
	for (unsigned w = 0; w < collector->workers; w++)
		relay_record_add(relay, &collector->parts[w].relays[number]);
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

static bool is_complete(const struct collector *collector)
{
	for (unsigned w = 0; w < collector->workers; w++)
		if (!collector->parts[w].relays)
			return false;
	return true;
}

static void hand_on(struct collector *collector)
{
	struct report report = {
	        .relays = collector->relays,
	        .relay_count = collector->relay_count,
	        .parts = collector->parts,
	        .part_count = collector->workers,
	};

	if (!is_complete(collector)) {
		collector->take(collector->arg, NULL);
		return;
	}
	report.process = describe_process(collector, &report);
	for (size_t i = 0; i < collector->relay_count; i++)
		sum_relay(collector, i);
	collector->take(collector->arg, &report);
}

void collector_finish(struct collector *collector, struct worker **workers)
{
	if (!collector->running || collector->pending > 0)
		return;
	hand_on(collector);
	free_parts(collector);
	collector->running = false;
	if (collector->wanted)
		collector_request(collector, workers);
}
