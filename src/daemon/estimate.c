#include "build_config.h"

#include "daemon/estimate.h"

#include "base/log.h"
#include "base/number.h"
#include "base/units.h"
#include "daemon/http.h"
#include "pair/pair.h"
#include "relay/standing.h"
#include "report/records.h"

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

/*
 * Memory in user space, in bytes; measured with glibc 2.36 and libevent 2.1.12 on x86-64.
 * tests/scenario/estimate.sh compares the sum with what the process really has.
 */
#define PROCESS_COST  (5 * 1024 * 1024) /* program, libraries, kept by the log, threads other than workers */
#define WORKER_COST   (512 * 1024)      /* buffer for reads, stack, what the allocator keeps at hand */
#define RELAY_COST    4096              /* its settings and the like */
#define TARGET_COST   4096              /* its settings, what is known of a few addresses, their records */
#define NETWORK_COST  168 /* 24 in its list, 32 in the set, both twice in a reload; 56 while that is made */
#define COUNTED_COST  (sizeof(struct tally) + 2 * sizeof(struct relay_record)) /* of a relay, by worker */
#define ENTRANCE_COST 1024
#define ACCEPTOR_COST 1024 /* one for each entrance and worker, and one more while another stands in */
#define WATCHED_COST  48   /* libevent's record of a descriptor, in each worker that ever watched it */
/* Besides pair_cost: its place among timers and origins and in a survey; its pauses; what min_rate counts. */
#define PAIR_MORE 304
/*
 * Of HTTP: libmicrohttpd, most of it GnuTLS, which it does not use; a request and 2 KiB of it for each
 * client; texts, one of them twice, as it grows.
 */
#define HTTP_LIBRARY_COST (4 * 1024 * 1024)
#define HTTP_CLIENT_COST  (HTTP_REQUEST_MAX + 2048)
#define HTTP_PAIR_TEXT    2048
#define HTTP_RELAY_TEXT   6144 /* its metrics */
#define HTTP_TARGET_TEXT  1024
#define HTTP_LIST_TEXT    (HTTP_PAIRS_MAX * HTTP_PAIR_TEXT)
#define HTTP_COST                                                                                            \
	(HTTP_LIBRARY_COST + HTTP_CLIENTS_MAX * HTTP_CLIENT_COST + HTTP_TEXT_MAX + 2 * HTTP_LIST_TEXT)
#define RATE_MORE 48 /* besides flow_rate_cost: the allocator's part, and a place among timers */

/* The kernel's own defaults, in bytes; used if /proc does not have the values. */
#define TCP_RMEM_MAX (6 * 1024 * 1024)
#define TCP_WMEM_MAX (4 * 1024 * 1024)

#define UNSET_BUFFERS                                                                                        \
	", as far as tcp_rmem and tcp_wmem let them grow; client_rcvbuf, client_sndbuf, target_rcvbuf and "  \
	"target_sndbuf bound them"

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

/* As entrances: a range of ports has one for each. */
static uint64_t count_addresses(const struct config *config)
{
	uint64_t addresses = 0;

	for (size_t i = 0; i < config->relay_count; i++)
		for (size_t j = 0; j < config->relays[i].listen_count; j++)
			addresses += config->relays[i].listen[j].ports;
	return addresses;
}

static bool is_shared(const struct address *address)
{
	return address_is_unix(address) || address->kind == ADDRESS_SYSTEMD;
}

/* All workers share the socket of a unix address or of the service manager. Others are one for each. */
static uint64_t listening_fds(const struct config *config)
{
	unsigned workers = estimate_workers(config);
	uint64_t count = 0;

	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];

		for (size_t j = 0; j < relay->listen_count; j++)
			count += is_shared(&relay->listen[j]) ? 1 : relay->listen[j].ports * workers;
	}
	return count + config_serves_http(&config->global);
}

static uint64_t reserved_fds(const struct config *config)
{
	return PROCESS_FDS + (uint64_t)estimate_workers(config) * WORKER_FDS + listening_fds(config) +
	       (config_serves_http(&config->global) ? HTTP_FDS : 0);
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

char *estimate_lack(const struct config *config, uint64_t nofile, char *text, size_t size)
{
	uint64_t needed = reserved_fds(config) + 2;

	if (needed <= nofile)
		return NULL;
	snprintf(text, size,
	         "%u workers with %" PRIu64 " listening sockets need %" PRIu64
	         " descriptors, and there may be %" PRIu64
	         "; expected fewer workers or addresses, or a higher limit (LimitNOFILE=, ulimit -n)",
	         estimate_workers(config), listening_fds(config), needed, nofile);
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

static bool buffers_are_set(const struct config *config)
{
	bool set = true;

	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];

		set = set && relay->client_rcvbuf != UNITS_AUTO && relay->client_sndbuf != UNITS_AUTO &&
		      relay->target_rcvbuf != UNITS_AUTO && relay->target_sndbuf != UNITS_AUTO;
	}
	return set;
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

static uint64_t count_targets(const struct config *config)
{
	uint64_t count = 0;

	for (size_t i = 0; i < config->relay_count; i++)
		count += config_count_targets(&config->relays[i]);
	return count;
}

/* Of a pair whose flows have limits on their rates. */
static uint64_t rates_cost(const struct config *config)
{
	uint64_t most = 0;

	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		uint64_t flows = 0;

		for (int j = 0; j < DIRECTIONS; j++)
			flows += relay->rate[j] > 0 || relay->relay_rate[j] > 0;
		most = max_u64(most, flows);
	}
	return most * (flow_rate_cost() + RATE_MORE);
}

static uint64_t count_networks(const struct config *config)
{
	uint64_t count = 0;

	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];

		count += relay->allow_count + relay->deny_count + relay->accept_proxy_count;
	}
	return count;
}

static uint64_t http_cost(const struct config *config)
{
	if (!config_serves_http(&config->global))
		return 0;
	return HTTP_COST + 2 * config->relay_count * HTTP_RELAY_TEXT +
	       2 * count_targets(config) * HTTP_TARGET_TEXT;
}

/* Socket buffers: a client has a request and one text at most, of which the kernel needs twice the size. */
static uint64_t http_kernel(const struct config *config)
{
	uint64_t text = HTTP_LIST_TEXT + config->relay_count * HTTP_RELAY_TEXT +
	                count_targets(config) * HTTP_TARGET_TEXT;

	if (!config_serves_http(&config->global))
		return 0;
	return (uint64_t)HTTP_CLIENTS_MAX * 2 * (HTTP_REQUEST_MAX + text);
}

/* Its record in a report. HTTP may have one report, and the dump another. */
static uint64_t record_cost(const struct config *config)
{
	return sizeof(struct pair_record) * (config_serves_http(&config->global) ? 2 : 1);
}

/* What does not come and go with pairs. libevent's records of their descriptors stay. */
static uint64_t fixed_cost(const struct config *config, uint64_t max_connections)
{
	uint64_t workers = estimate_workers(config);
	uint64_t addresses = count_addresses(config);
	uint64_t fds = reserved_fds(config) + 2 * (max_connections + PIPES_MAX);

	return PROCESS_COST + LOG_BYTES_MAX + http_cost(config) +
	       workers * (WORKER_COST + fds * WATCHED_COST) +
	       config->relay_count * (RELAY_COST + workers * COUNTED_COST) +
	       count_targets(config) * TARGET_COST + count_networks(config) * NETWORK_COST +
	       addresses * (ENTRANCE_COST + workers * ACCEPTOR_COST);
}

static bool takes_headers(const struct config *config)
{
	size_t networks = 0;

	for (size_t i = 0; i < config->relay_count; i++)
		networks += config->relays[i].accept_proxy_count;
	return networks > 0;
}

struct estimate estimate_memory(const struct config *config, uint64_t max_connections)
{
	struct estimate estimate = {
	        .queues = config->global.memory_max + config->global.memory_max / 10,
	        .pair = pair_cost(takes_headers(config)) + record_cost(config) + PAIR_MORE +
	                rates_cost(config),
	        .fixed = fixed_cost(config, max_connections),
	        .kernel_pair = kernel_per_pair(config),
	};

	estimate.http = http_kernel(config);
	estimate.user = estimate.queues + max_connections * estimate.pair + estimate.fixed;
	estimate.kernel = max_connections * estimate.kernel_pair + estimate.http;
	return estimate;
}

char *estimate_describe(const struct config *config, uint64_t max_connections, char *text, size_t size)
{
	char user[UNITS_TEXT_MAX], queues[UNITS_TEXT_MAX], fixed[UNITS_TEXT_MAX], kernel[UNITS_TEXT_MAX];
	char http[UNITS_TEXT_MAX + 16] = "";
	struct estimate estimate = estimate_memory(config, max_connections);

	if (estimate.http > 0) {
		char own[UNITS_TEXT_MAX];

		snprintf(http, sizeof(http), ", %s for HTTP", mebibytes(estimate.http, own));
	}
	snprintf(text, size,
	         "worst case memory: user space %s (memory_max and a tenth %s, %" PRIu64
	         " bytes for each of %" PRIu64 " pairs, other %s), kernel %s (socket buffers of %" PRIu64
	         " KiB a pair%s%s)",
	         mebibytes(estimate.user, user), mebibytes(estimate.queues, queues), estimate.pair,
	         max_connections, mebibytes(estimate.fixed, fixed), mebibytes(estimate.kernel, kernel),
	         estimate.kernel_pair / 1024, http, buffers_are_set(config) ? "" : UNSET_BUFFERS);
	return text;
}
