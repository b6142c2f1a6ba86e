/*
 * All entrances of the daemon, whichever relay has them. A generation that has an address takes over the
 * entrance that stands there, so its sockets stay, with the clients that wait in them. Main thread only.
 */
#ifndef WEIR_FACADE_H
#define WEIR_FACADE_H

#include "relay/entrance.h"

TAILQ_HEAD(facade_entrances, entrance);

struct facade {
	unsigned workers;
	/* private */
	struct facade_entrances all; /* oldest first */
	unsigned round;
	unsigned next_host;
};

void facade_init(struct facade *facade, unsigned workers);
/* All entrances must have been put. */
void facade_deinit(struct facade *facade);

/*
 * A generation begins to take its entrances. It gets each at most once. Relays that facade_has knows should
 * take theirs first: otherwise a new relay may get what was theirs, if both ask for port 0.
 */
void facade_begin(struct facade *facade);
/* Whether an entrance is, or was last, this relay's. */
bool facade_has(const struct facade *facade, const char *relay);
/*
 * The entrance with this key: one that stands there (one of this relay's, if there are several), or a new one
 * with this tuning. 0 or -errno. After success *taken is a reference. Nothing has changed for others that
 * have it; what is new is closed with the last reference.
 */
int facade_take(struct facade *facade, const struct entrance_key *key, const struct socket_tuning *tuning,
                const char *relay, struct entrance **taken);
void facade_put(struct entrance *entrance);
/* An entrance that takes clients of the same address as one with this key would, or NULL. */
const struct entrance *facade_find_overlap(const struct facade *facade, const struct entrance_key *key);

#endif
