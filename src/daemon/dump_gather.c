#include "build_config.h"

#include "daemon/dump_gather.h"

#include "base/clock.h"
#include "base/log.h"
#include "report/dump.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct dump_gather {
	const struct config_global *config;
	struct budget *budget;
	unsigned workers;
	uint64_t started;          /* clock_ms of the daemon's start */
	struct worker_dump *parts; /* one for each worker */
	_Atomic unsigned pending;  /* parts that are still to come */
	bool running, wanted;
};

struct dump_gather *dump_gather_new(const struct config_global *config, struct budget *budget,
                                    unsigned workers)
{
	struct dump_gather *gather = calloc(1, sizeof(*gather));

	if (!gather)
		return NULL;
	gather->config = config;
	gather->budget = budget;
	gather->workers = workers;
	gather->started = clock_ms();
	gather->parts = calloc(workers, sizeof(*gather->parts));
	if (!gather->parts) {
		free(gather);
		return NULL;
	}
	return gather;
}

static void free_parts(struct dump_gather *gather)
{
	for (unsigned i = 0; i < gather->workers; i++) {
		free(gather->parts[i].relays);
		free(gather->parts[i].pairs);
		gather->parts[i] = (struct worker_dump){.relays = NULL};
	}
}

void dump_gather_free(struct dump_gather *gather)
{
	if (!gather)
		return;
	free_parts(gather);
	free(gather->parts);
	free(gather);
}

void dump_gather_request(struct dump_gather *gather, struct worker **workers)
{
	gather->wanted = gather->running;
	if (gather->running)
		return;
	gather->running = true;
	atomic_store(&gather->pending, gather->workers);
	for (unsigned i = 0; i < gather->workers; i++)
		worker_order(workers[i], WORKER_DUMP);
}

void dump_gather_put(struct dump_gather *gather, unsigned worker, const struct worker_dump *dump)
{
	gather->parts[worker] = *dump;
	atomic_fetch_sub(&gather->pending, 1);
}

static void add_pair(struct dump_relay *relay, const struct dump_pair *pair)
{
	relay->pairs++;
	relay->upload_bytes += pair->flow[UPLOAD].bytes;
	relay->download_bytes += pair->flow[DOWNLOAD].bytes;
	relay->pauses += pair->flow[UPLOAD].pauses + pair->flow[DOWNLOAD].pauses;
	relay->paused_ms += pair->flow[UPLOAD].paused_ms + pair->flow[DOWNLOAD].paused_ms;
}

/* A relay's record: what each worker counted of ended pairs, and what its living pairs have. */
static struct dump_relay sum_relay(const struct dump_gather *gather, size_t number)
{
	struct dump_relay sum = {.name = NULL};

	for (unsigned w = 0; w < gather->workers; w++) {
		const struct worker_dump *part = &gather->parts[w];
		const struct dump_relay *counted = &part->relays[number];

		sum.name = counted->name;
		sum.accepted += counted->accepted;
		sum.refused += counted->refused;
		sum.connect_failed += counted->connect_failed;
		sum.upload_bytes += counted->upload_bytes;
		sum.download_bytes += counted->download_bytes;
		sum.pauses += counted->pauses;
		sum.paused_ms += counted->paused_ms;
		for (size_t i = 0; i < part->pair_count; i++)
			if (part->pairs[i].relay == counted->name)
				add_pair(&sum, &part->pairs[i]);
	}
	return sum;
}

static void describe_process(const struct dump_gather *gather, struct dump_process *process)
{
	*process = (struct dump_process){
	        .version = PACKAGE_VERSION,
	        .pid = getpid(),
	        .time = time(NULL),
	        .uptime_ms = clock_ms() - gather->started,
	        .workers = gather->workers,
	        .used = budget_used(gather->budget),
	        .memory_max = gather->budget->max,
	};
	for (unsigned w = 0; w < gather->workers; w++)
		process->pairs += gather->parts[w].pair_count;
}

static char *compose(const struct dump_gather *gather, size_t relay_count, size_t *length)
{
	struct dump *dump = dump_new(gather->config->dump_format);
	struct dump_process process;

	if (!dump)
		return NULL;
	describe_process(gather, &process);
	dump_process(dump, &process);
	for (size_t r = 0; r < relay_count; r++) {
		struct dump_relay relay = sum_relay(gather, r);

		dump_relay(dump, &relay);
	}
	for (unsigned w = 0; w < gather->workers; w++)
		for (size_t i = 0; i < gather->parts[w].pair_count; i++)
			dump_pair(dump, &gather->parts[w].pairs[i]);
	return dump_finish(dump, length);
}

static bool is_complete(const struct dump_gather *gather)
{
	for (unsigned w = 0; w < gather->workers; w++)
		if (!gather->parts[w].relays)
			return false;
	return true;
}

static void write_dump(const struct dump_gather *gather, size_t relay_count)
{
	const char *file = gather->config->dump_file;
	bool to_log = strcmp(file, "-") == 0;
	size_t length = 0;
	char *text = is_complete(gather) ? compose(gather, relay_count, &length) : NULL;
	int error = -ENOMEM;

	if (text && to_log) {
		log_block(text, length); /* consumed */
		return;
	}
	if (text)
		error = dump_write_file(file, text, length);
	free(text);
	if (error)
		log_error("cannot write the dump to %s: %s", to_log ? "the log" : file, strerror(-error));
}

void dump_gather_finish(struct dump_gather *gather, struct worker **workers, size_t relay_count)
{
	if (!gather->running || atomic_load(&gather->pending) > 0)
		return;
	write_dump(gather, relay_count);
	free_parts(gather);
	gather->running = false;
	if (gather->wanted)
		dump_gather_request(gather, workers);
}
