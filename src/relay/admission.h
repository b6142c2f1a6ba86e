/*
 * A client's ticket: what it takes up of the three limits on pairs, which are that of all, that of its relay
 * and that of its origin. Taken and given back here and nowhere else. Any thread.
 */
#ifndef WEIR_ADMISSION_H
#define WEIR_ADMISSION_H

#include "base/slots.h"
#include "net/socket.h"
#include "relay/relay.h"

#include <stdbool.h>

struct admission {
	struct slots *all;           /* borrowed */
	struct relay *relay;         /* borrowed; NULL: the ticket holds nothing */
	union client_address client; /* valid after admission_tell_client */
	bool of_origin;              /* counts among the pairs of its origin */
};

/* Before accept(2), so that a client waits in the kernel where there is no room: takes what there is of the
 * first two. NULL, or the one that is used up; the ticket holds nothing then. */
struct slots *admission_take(struct admission *ticket, struct slots *all, struct relay *relay);
/* Now that it is known where the client comes from: false if its origin has too many pairs already. */
bool admission_tell_client(struct admission *ticket, const union client_address *client);
/* Gives back all that the ticket holds. */
void admission_give(struct admission *ticket);

#endif
