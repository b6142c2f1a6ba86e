/*
 * Relays whose targets lead to each other in a ring, by the addresses that they have at run time. A client
 * would go round until no slot is left. A chain of relays that ends at a real target is fine.
 */
#ifndef WEIR_LOOPS_H
#define WEIR_LOOPS_H

#include "net/address.h"
#include "relay/relay.h"

#include <stdbool.h>
#include <stddef.h>

struct loops;

/*
 * From now on, no target of these relays (count of them, borrowed) leads a client back to its relay. Their
 * entrances are open, or were once, and stay what they are. NULL when out of memory.
 */
struct loops *loops_new(struct relay *const *relays, size_t count);
/* The relays may no longer choose targets. Takes NULL. */
void loops_free(struct loops *loops);

/*
 * True if a connection from relay number `from` to endpoint could come back to it, through any of the targets
 * of the relays on the way. This is cheap unless endpoint has the port of an entrance. Any thread.
 */
bool loops_lead_back(const struct loops *loops, size_t from, const struct endpoint *endpoint);

#endif
