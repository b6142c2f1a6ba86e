#include "build_config.h"

#include "relay/admission.h"

struct slots *admission_take(struct admission *ticket, struct slots *all, struct relay *relay)
{
	*ticket = (struct admission){.relay = NULL};
	if (!slots_take(all))
		return all;
	if (!slots_take(&relay->slots)) {
		slots_give(all);
		return &relay->slots;
	}
	ticket->all = all;
	ticket->relay = relay;
	return NULL;
}

bool admission_tell_client(struct admission *ticket, const union client_address *client)
{
	struct origins *origins = ticket->relay->origins;

	ticket->client = *client;
	ticket->of_origin = origins && origins_enter(origins, client);
	return ticket->of_origin || !origins;
}

void admission_give(struct admission *ticket)
{
	struct relay *relay = ticket->relay;

	if (!relay)
		return;
	if (ticket->of_origin)
		origins_leave(relay->origins, &ticket->client);
	slots_give(&relay->slots);
	slots_give(ticket->all);
	*ticket = (struct admission){.relay = NULL};
}
