#include "build_config.h"

#include "relay/admission.h"

struct slots *admission_take(struct admission *ticket, struct slots *all, struct relay *relay)
{
	*ticket = (struct admission){.relay = NULL};
	if (!slots_take(all))
		return all;
	if (!slots_take(&relay->standing->slots)) {
		slots_give(all);
		return &relay->standing->slots;
	}
	ticket->all = all;
	ticket->relay = relay_get(relay);
	return NULL;
}

bool admission_tell_client(struct admission *ticket, const union client_address *client)
{
	struct origins *origins = ticket->relay->standing->origins;

	ticket->client = *client;
	if (!origins_limited(origins))
		return true;
	ticket->of_origin = origins_enter(origins, client);
	return ticket->of_origin;
}

void admission_give(struct admission *ticket)
{
	struct standing *standing;

	if (!ticket->relay)
		return;
	standing = ticket->relay->standing;
	if (ticket->of_origin)
		origins_leave(standing->origins, &ticket->client);
	slots_give(&standing->slots);
	slots_give(ticket->all);
	relay_put(ticket->relay);
	*ticket = (struct admission){.relay = NULL};
}
