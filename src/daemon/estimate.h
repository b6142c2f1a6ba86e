/*
 * What a configuration leads to: how many workers, pairs and pipes, and how much memory in the worst case.
 * --test prints that, and the log has it at start.
 */
#ifndef WEIR_ESTIMATE_H
#define WEIR_ESTIMATE_H

#include "config/settings.h"

#include <stddef.h>
#include <stdint.h>

/* How many workers there will be. For auto, as many as there are CPUs that this process may use. */
unsigned estimate_workers(const struct config *config);

/* How many pipes bulk flows of all workers together may have at a time. Each takes two descriptors. */
uint64_t estimate_max_pipes(uint64_t nofile);

/*
 * max_connections as it will really be: no more pairs than there are descriptors for. nofile is how many this
 * process may have. At least 1.
 */
uint64_t estimate_max_connections(const struct config *config, uint64_t nofile);

/*
 * Returns text with one line, without a line end, if the configuration asks for more pairs than that. NULL if
 * it does not.
 */
char *estimate_shortage(const struct config *config, uint64_t nofile, char *text, size_t size);

/*
 * Returns text with one line, without a line end, if the listening sockets and one pair need more descriptors
 * than nofile. NULL if they do not.
 */
char *estimate_lack(const struct config *config, uint64_t nofile, char *text, size_t size);

/*
 * Upper bounds of memory, in bytes, with one configuration, also while it is reloaded. Earlier ones that
 * pairs still have come on top of that.
 */
struct estimate {
	uint64_t user;   /* resident memory of the process: queues, fixed, and pair for each pair */
	uint64_t queues; /* memory_max, and what the allocator adds */
	uint64_t pair;   /* for a pair besides its queues, its part of a dump included */
	uint64_t fixed;  /* all the rest */
	uint64_t kernel; /* socket buffers: kernel_pair for each pair, and http */
	uint64_t http;
	uint64_t kernel_pair;
};
struct estimate estimate_memory(const struct config *config, uint64_t max_connections);

/* Returns text with one line, without a line end: "worst case memory: …". */
char *estimate_describe(const struct config *config, uint64_t max_connections, char *text, size_t size);

#endif
