/*
 * One [relay NAME] at run time: its entrances, targets, limits and counters. Shared by all workers and
 * reference-counted. Every pair holds a reference, so what a pair needs lives as long as the pair.
 */
#ifndef WEIR_RELAY_H
#define WEIR_RELAY_H

#include "base/episode.h"
#include "base/refcount.h"
#include "base/slots.h"
#include "config/settings.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "relay/damper.h"
#include "relay/entrances.h"
#include "relay/origins.h"
#include "relay/shortage.h"
#include "relay/targets.h"
#include "report/records.h"

#include <stdbool.h>
#include <stdint.h>

struct relay {
	const struct config_relay *config;
	size_t number; /* among the relays of its configuration, from 0 */
	/*
	 * One for each worker. Only that worker writes and reads it. This keeps a report consistent, and
	 * nothing is shared on the path that bytes take. What flows have moved is added when their pair ends.
	 */
	struct counters *counters;
	struct shortage *shortages; /* likewise */
	struct damper *dampers;     /* likewise */
	struct slots slots;         /* its pairs; limited by max_connections of the relay */
	struct entrances entrances;
	struct origins *origins; /* count their pairs; NULL: no limit per origin */
	struct targets *targets;
	struct socket_tuning client_tuning, target_tuning;
	struct damping damping;
	struct episode is_short; /* of something that connecting needs */
	/* private */
	struct config *owner;
	unsigned workers;
	struct episode at_limit;
	struct refcount references;
};

/*
 * A relay with one reference, for this many workers. Adds its host names to resolver and keeps a reference to
 * owner. NULL when out of memory.
 */
struct relay *relay_new(struct config *owner, const struct config_relay *config, struct resolver *resolver,
                        unsigned workers);
struct relay *relay_get(struct relay *relay);
void relay_put(struct relay *relay); /* takes NULL */

/* Takes every listening address, without accepting anybody. As entrances_bind. */
int relay_bind(struct relay *relay, struct address_list *const *found);
/*
 * Checks that no client could come in at an entrance of both, which is only in doubt for host names. other
 * may be the same relay. 0 or -EADDRINUSE; the error is logged.
 */
int relay_check_apart(const struct relay *relay, const struct relay *other);
/* Lets clients in on all of them and logs each. 0 or -errno; the error is logged. */
int relay_listen(struct relay *relay);
/*
 * The socket of the relay's nth entrance that this worker accepts on. -1: the entrance has one for all, and
 * another worker accepts on it, so that one client wakes one worker.
 */
int relay_socket(const struct relay *relay, size_t nth, unsigned worker);
/*
 * Closes the listening sockets. No worker may still wait on them. Their addresses are kept, because pairs may
 * still be choosing a target.
 */
void relay_unlisten(struct relay *relay);

/*
 * A limit of this relay was reached. True if the caller must log that: once per episode, and at most once in
 * ten seconds. If true, relay_end_limit must follow.
 */
bool relay_begin_limit(struct relay *relay);
void relay_end_limit(struct relay *relay);

#endif
