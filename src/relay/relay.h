/*
 * One [relay NAME] of a generation at run time: its settings, entrances and targets. Shared by all workers.
 * What must outlive it is in its standing. Every pair holds it, so what a pair needs lives as long as the
 * pair.
 */
#ifndef WEIR_RELAY_H
#define WEIR_RELAY_H

#include "config/settings.h"
#include "net/networks.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "relay/entrances.h"
#include "relay/standing.h"
#include "relay/targets.h"

#include <stddef.h>

struct generation;

struct relay {
	const struct config_relay *config;
	size_t number;                 /* among the relays of its generation, from 0 */
	struct generation *generation; /* which it belongs to, and lives as long as */
	struct standing *standing;     /* a reference */
	struct entrances entrances;
	struct targets *targets;
	struct networks *clients; /* who may come; NULL: everybody */
	struct networks *proxies; /* clients that must begin with a PROXY header; NULL: none must */
	struct socket_tuning client_tuning, target_tuning;
};

/*
 * The relay of this number in the configuration of generation, which owns it. Adds its host names to
 * resolver. NULL when out of memory.
 */
struct relay *relay_new(struct generation *generation, size_t number, struct standings *standings,
                        struct resolver *resolver);
void relay_free(struct relay *relay); /* takes NULL */
/* Holds the relay and its generation. Any thread. Put takes NULL. */
struct relay *relay_get(struct relay *relay);
void relay_put(struct relay *relay);

/* Whether a client of this address must begin with a PROXY header. */
static inline bool relay_wants_header(const struct relay *relay, const union client_address *client)
{
	return relay->proxies && networks_have(relay->proxies, client);
}

/* Whether allow and deny keep out a client of this address: that of its header, if it must have one. */
static inline bool relay_denies(const struct relay *relay, const union client_address *client)
{
	return relay->clients && !networks_have(relay->clients, client);
}

/* Whether its clients are to be refused, as no target is up. */
bool relay_refuses(const struct relay *relay, uint64_t now);
/*
 * Takes every listening address, without accepting anybody. As entrances_bind. Where clients have been
 * refused and an address cannot be bound again, that is logged, and they are refused for some time more; but
 * without when_down = refuse it is an error.
 */
int relay_bind(struct relay *relay, struct facade *facade, struct address_list *const *found);
/*
 * The same for the generation that is in force, to open or to shut its entrances. Those that are opened
 * listen at once, so that other relays do not wait for one that cannot.
 */
void relay_take_again(struct relay *relay);
/* Lets clients in on all of them and logs each. 0 or -errno; the error is logged. */
int relay_listen(struct relay *relay);

#endif
