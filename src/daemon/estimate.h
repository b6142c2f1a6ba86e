/*
 * What a configuration leads to: how many workers, pairs and pipes, and the worst case of memory, which
 * --test prints and the log says at start.
 */
#ifndef WEIR_ESTIMATE_H
#define WEIR_ESTIMATE_H

#include "config/settings.h"

#include <stddef.h>
#include <stdint.h>

/* How many workers there will be: as many as CPUs that this process may use, where the setting is auto. */
unsigned estimate_workers(const struct config *config);

/* How many pipes bulk flows may have at a time, over all workers; each takes two descriptors. */
uint64_t estimate_max_pipes(uint64_t nofile);

/*
 * max_connections as it will be: no more pairs than there are descriptors for (nofile: how many this process
 * may have). At least 1.
 */
uint64_t estimate_max_connections(const struct config *config, uint64_t nofile);

/*
 * One line, without a line end, if the configuration asks for more pairs than that: returns text. NULL if it
 * does not.
 */
char *estimate_shortage(const struct config *config, uint64_t nofile, char *text, size_t size);

/* One line, without a line end: "worst case memory: …". Returns text. */
char *estimate_describe(const struct config *config, uint64_t max_connections, char *text, size_t size);

#endif
