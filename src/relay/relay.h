/*
 * One [relay NAME] at run time: its entrances, targets, limits and counters. Shared by all workers
 * and reference-counted: every pair holds a reference, so what a pair needs lives as long as it does.
 */
#ifndef WEIR_RELAY_H
#define WEIR_RELAY_H

#include "base/episode.h"
#include "base/refcount.h"
#include "base/slots.h"
#include "config/settings.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "relay/entrances.h"
#include "relay/origins.h"
#include "relay/targets.h"
#include "report/dump.h"

#include <stdbool.h>
#include <stdint.h>

/* What one worker counted. Only that worker writes and reads it, so that a dump is consistent and nothing is
 * shared on the way. */
struct relay_counters {
	uint64_t accepted;          /* clients accepted */
	uint64_t refused;           /* of them, reset at once: over a limit, or no memory for a pair */
	uint64_t connect_failed;    /* of them, reset because no target could be connected */
	uint64_t bytes[DIRECTIONS]; /* of pairs that have ended: written to the sink */
	uint64_t pauses, paused_ms; /* of pairs that have ended */
};

struct relay {
	const struct config_relay *config;
	struct relay_counters *counters; /* one for each worker */
	struct slots slots;              /* its pairs; limit max_connections of the relay */
	struct entrances entrances;
	struct origins *origins; /* whose pairs are counted; NULL: not limited */
	struct targets *targets;
	struct socket_tuning client_tuning, target_tuning;
	/* private */
	struct config *owner;
	unsigned workers;
	struct episode at_limit;
	struct refcount references;
};

/*
 * A relay with one reference, for so many workers; its host names are added to resolver. Keeps a reference to
 * owner. NULL when out of memory.
 */
struct relay *relay_new(struct config *owner, const struct config_relay *config, struct resolver *resolver,
                        unsigned workers);
struct relay *relay_get(struct relay *relay);
void relay_put(struct relay *relay); /* takes NULL */

/* Opens every listening address and logs each. 0 or -errno; the error is logged. */
int relay_listen(struct relay *relay);
/*
 * Closes the listening sockets; nobody may wait on them any more. Their addresses stay: pairs may still be
 * choosing.
 */
void relay_unlisten(struct relay *relay);

/*
 * Whether a reached limit of this relay is worth a line now: one per episode, and at most one in ten seconds.
 * True: relay_end_logged_limit must follow, with the line that takes it back.
 */
bool relay_may_log_limit(struct relay *relay);
void relay_end_logged_limit(struct relay *relay);

/* Adds what a worker counted to the dump's record. What living pairs have is not in it. */
void relay_describe(const struct relay *relay, unsigned worker, struct dump_relay *record);

#endif
