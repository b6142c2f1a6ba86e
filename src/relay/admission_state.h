/*
 * A ticket as one program leaves it to the next: as part of the record of whoever has it. No limit refuses
 * one that is taken over.
 */
#ifndef WEIR_ADMISSION_STATE_H
#define WEIR_ADMISSION_STATE_H

#include "relay/admission.h"
#include "report/state.h"

struct admission_state {
	uint64_t generation; /* of the relay */
	char relay[RELAY_NAME_MAX + 1];
	union client_address client;
	uint16_t place;
	bool of_origin;
};

/* Its rows, of a record that has it as this member. */
#define ADMISSION_STATE_FIELDS(record, member)                                                               \
	STATE_NAMED("generation", record, member.generation, STATE_U64),                                     \
	        STATE_NAMED("relay", record, member.relay, STATE_TEXT),                                      \
	        STATE_NAMED("client", record, member.client, STATE_CLIENT),                                  \
	        STATE_NAMED("place", record, member.place, STATE_U16),                                       \
	        STATE_NAMED("of_origin", record, member.of_origin, STATE_BOOL)

/* Of a ticket that holds something. */
void admission_save(const struct admission *ticket, struct admission_state *state);
/*
 * relay: the one of that generation and name. Takes places even if there are none. Without memory for it, the
 * pair is not counted among those of its origin.
 */
void admission_restore(struct admission *ticket, struct slots *all, struct relay *relay,
                       const struct admission_state *state);

#endif
