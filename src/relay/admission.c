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

/* Of the settings that the ticket was taken with, so that the same origin is left that was entered. */
static unsigned prefix_of(const struct admission *ticket)
{
	return (unsigned)ticket->relay->config->ipv6_source_prefix;
}

bool admission_tell_client(struct admission *ticket, const union client_address *client)
{
	struct origins *origins = ticket->relay->standing->origins;

	ticket->client = *client;
	if (!origins_limited(origins))
		return true;
	ticket->of_origin = origins_enter(origins, client, prefix_of(ticket));
	return ticket->of_origin;
}

void admission_give(struct admission *ticket)
{
	struct standing *standing;

	if (!ticket->relay)
		return;
	standing = ticket->relay->standing;
	if (ticket->of_origin)
		origins_leave(standing->origins, &ticket->client, prefix_of(ticket));
	slots_give(&standing->slots);
	slots_give(ticket->all);
	relay_put(ticket->relay);
	*ticket = (struct admission){.relay = NULL};
}
