/* All entrances of a relay. */
#ifndef WEIR_ENTRANCES_H
#define WEIR_ENTRANCES_H

#include "config/settings.h"
#include "relay/entrance.h"

#include <stdbool.h>
#include <stddef.h>

struct entrances {
	struct entrance *list;
	size_t count;
};

/*
 * Opens every listening address of the relay for this many workers and logs each. "*:80" is one socket for
 * both families. A host name is looked up, and each of its addresses is opened. 0 or -errno; the error is
 * logged. entrances_free must follow in any case.
 */
int entrances_open(struct entrances *entrances, const struct config_relay *config,
                   const struct socket_tuning *tuning, unsigned workers);
/* Closes the sockets. The addresses are kept for entrances_match. */
void entrances_close(struct entrances *entrances);
void entrances_free(struct entrances *entrances);

/* True if a connection to endpoint comes in by an entrance, or did so while they were open. Any thread. */
bool entrances_match(const struct entrances *entrances, const struct endpoint *endpoint);

#endif
