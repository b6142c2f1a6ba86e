#include "build_config.h"

#include "daemon/estimate.h"

#include "base/units.h"
#include "pair/pair.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>

/*
 * Descriptors that pairs cannot have: those of the process (log, event base, mailbox, a dump), and those of
 * each worker besides its listening sockets.
 */
#define PROCESS_FDS 32
#define WORKER_FDS  4
#define WORKERS_MAX 256
/* Pipes: enough for the flows of a busy relay whose sinks lag, and few compared with the pairs. */
#define PIPES_MAX 256

/* The kernel's own defaults, in bytes; used if /proc does not have the values. */
#define TCP_RMEM_MAX (6 * 1024 * 1024)
#define TCP_WMEM_MAX (4 * 1024 * 1024)

uint64_t estimate_max_pipes(uint64_t nofile)
{
	uint64_t share = nofile / 32;

	if (share > PIPES_MAX)
		return PIPES_MAX;
	return share > 0 ? share : 1; /* 0 would mean no limit */
}

unsigned estimate_workers(const struct config *config)
{
	cpu_set_t cpus;
	int count;

	if (config->global.workers != UNITS_AUTO)
		return (unsigned)config->global.workers;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	count = CPU_COUNT(&cpus);
	return count < WORKERS_MAX ? (unsigned)count : WORKERS_MAX;
}

static uint64_t reserved_fds(const struct config *config)
{
	uint64_t addresses = 0;

	for (size_t i = 0; i < config->relay_count; i++)
		addresses += config->relays[i].listen_count;
	return PROCESS_FDS + estimate_workers(config) * (WORKER_FDS + addresses);
}

uint64_t estimate_max_connections(const struct config *config, uint64_t nofile)
{
	uint64_t reserved = reserved_fds(config) + 2 * estimate_max_pipes(nofile);
	uint64_t possible = nofile > reserved + 2 ? (nofile - reserved) / 2 : 1;
	uint64_t wanted = config->global.max_connections;

	return wanted == UNITS_AUTO || wanted > possible ? possible : wanted;
}

char *estimate_shortage(const struct config *config, uint64_t nofile, char *text, size_t size)
{
	uint64_t wanted = config->global.max_connections;
	uint64_t max = estimate_max_connections(config, nofile);

	if (wanted == UNITS_AUTO || wanted <= max)
		return NULL;
	snprintf(text, size,
	         "max_connections is %" PRIu64 " rather than %" PRIu64 ": there may be %" PRIu64
	         " descriptors",
	         max, wanted, nofile);
	return text;
}

/* The third number of net.ipv4.tcp_rmem or tcp_wmem: how far the kernel grows a buffer by itself. tcp(7) */
static uint64_t kernel_maximum(const char *path, uint64_t otherwise)
{
	FILE *file = fopen(path, "re");
	uint64_t maximum;

	if (!file)
		return otherwise;
	if (fscanf(file, "%*u %*u %" SCNu64, &maximum) != 1)
		maximum = otherwise;
	fclose(file);
	return maximum;
}

/* The kernel doubles the size that it is asked for, to have room for its own book-keeping. socket(7) */
static uint64_t buffer_size(uint64_t setting, uint64_t automatic)
{
	return setting == UNITS_AUTO ? automatic : 2 * setting;
}

static uint64_t kernel_per_pair(const struct config *config)
{
	uint64_t rmem = kernel_maximum("/proc/sys/net/ipv4/tcp_rmem", TCP_RMEM_MAX);
	uint64_t wmem = kernel_maximum("/proc/sys/net/ipv4/tcp_wmem", TCP_WMEM_MAX);
	uint64_t most = 0;

	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		uint64_t sum =
		        buffer_size(relay->client_rcvbuf, rmem) + buffer_size(relay->client_sndbuf, wmem) +
		        buffer_size(relay->target_rcvbuf, rmem) + buffer_size(relay->target_sndbuf, wmem);

		if (sum > most)
			most = sum;
	}
	return most;
}

static const char *mebibytes(uint64_t bytes, char text[UNITS_TEXT_MAX])
{
	snprintf(text, UNITS_TEXT_MAX, "%.1f MiB", (double)bytes / (1024 * 1024));
	return text;
}

char *estimate_describe(const struct config *config, uint64_t max_connections, char *text, size_t size)
{
	char user[UNITS_TEXT_MAX], queued[UNITS_TEXT_MAX], kernel[UNITS_TEXT_MAX];
	uint64_t per_pair = kernel_per_pair(config);

	snprintf(text, size,
	         "worst case memory: user space %s (memory_max %s + %zu bytes for each of %" PRIu64
	         " pairs), kernel %s (socket buffers of %" PRIu64 " KiB a pair)",
	         mebibytes(config->global.memory_max + max_connections * pair_cost(), user),
	         mebibytes(config->global.memory_max, queued), pair_cost(), max_connections,
	         mebibytes(max_connections * per_pair, kernel), per_pair / 1024);
	return text;
}
