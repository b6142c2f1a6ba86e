/*
 * A client's ticket: its place within the three limits on pairs, which are the global limit, the relay's and
 * the origin's. Places are taken and given back only here. Any thread.
 */
#ifndef WEIR_ADMISSION_H
#define WEIR_ADMISSION_H

#include "base/slots.h"
#include "net/socket.h"
#include "relay/relay.h"

#include <stdbool.h>

struct admission {
	struct slots *all;           /* borrowed */
	struct relay *relay;         /* a reference; NULL: the ticket holds nothing */
	union client_address client; /* valid after admission_tell_client */
	uint16_t place;              /* of the entrance that it came in by, within its range of ports */
	bool of_origin;              /* it is counted among the pairs of its origin */
};

/*
 * Takes a place within the global and the relay's limit. To be called before accept(2), so that a client
 * waits in the kernel when there is no room. NULL, or the slots that are full; then the ticket holds
 * nothing.
 */
struct slots *admission_take(struct admission *ticket, struct slots *all, struct relay *relay);
/* Adds the client, once it is known. False if its origin has too many pairs, or when out of memory. */
bool admission_tell_client(struct admission *ticket, const union client_address *client);
/* Gives back all that the ticket holds. */
void admission_give(struct admission *ticket);

#endif
