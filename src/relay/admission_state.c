#include "build_config.h"

#include "relay/admission_state.h"

#include "relay/generation.h"

#include <stdio.h>

STATE_COVERS(struct admission, 48);

void admission_save(const struct admission *ticket, struct admission_state *state)
{
	state->generation = ticket->relay->generation->number;
	snprintf(state->relay, sizeof(state->relay), "%s", ticket->relay->config->name);
	state->client = ticket->client;
	state->place = ticket->place;
	state->of_origin = ticket->of_origin;
}

void admission_restore(struct admission *ticket, struct slots *all, struct relay *relay,
                       const struct admission_state *state)
{
	unsigned prefix = (unsigned)relay->config->ipv6_source_prefix;

	*ticket = (struct admission){
	        .all = all,
	        .relay = relay_get(relay),
	        .client = state->client,
	        .place = state->place,
	};
	slots_take_again(all);
	slots_take_again(&relay->standing->slots);
	if (state->of_origin)
		ticket->of_origin = origins_enter_again(relay->standing->origins, &state->client, prefix);
}
