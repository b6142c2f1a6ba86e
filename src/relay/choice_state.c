#include "build_config.h"

#include "relay/choice_state.h"

#include <errno.h>
#include <stdio.h>

struct choice_state {
	char target[ADDRESS_TEXT_MAX]; /* as it is configured */
	struct endpoint endpoint;
	uint32_t number; /* of the target */
	uint16_t place;
	bool tries;
};

STATE_COVERS(struct target_choice, 16);

static const struct state_field choice_fields[] = {
        STATE_FIELD(struct choice_state, target, STATE_TEXT),
        STATE_FIELD(struct choice_state, endpoint, STATE_ENDPOINT),
        STATE_FIELD(struct choice_state, number, STATE_U32),
        STATE_FIELD(struct choice_state, place, STATE_U16),
        STATE_FIELD(struct choice_state, tries, STATE_BOOL),
        STATE_FIELDS_END,
};
static const struct state_kind choice_kind = STATE_KIND("choice", struct choice_state, choice_fields);
static const struct state_kind tried_kind = STATE_KIND("tried", struct choice_state, choice_fields);

/* ---- saving ---- */

static void describe(const struct health *health, struct choice_state *state)
{
	snprintf(state->target, sizeof(state->target), "%s", health_target(health)->text);
	state->endpoint = *health_endpoint(health);
}

void choice_save(const struct target_choice *choice, struct state_writer *writer)
{
	struct choice_state state = {
	        .number = choice->target,
	        .place = choice->place,
	        .tries = choice->tries,
	};

	if (!choice->health)
		return;
	describe(choice->health, &state);
	state_put(writer, &choice_kind, &state);
}

void tried_save(const struct tried *tried, struct state_writer *writer)
{
	for (size_t i = 0; tried && i < tried->count; i++) {
		struct choice_state state = {.number = 0};

		describe(tried->health[i], &state);
		state_put(writer, &tried_kind, &state);
	}
}

/* ---- restoring ---- */

int choice_restore(struct targets *targets, struct target_choice *choice, struct state_reader *reader)
{
	struct choice_state state;
	int error;

	*choice = (struct target_choice){.health = NULL};
	if (!state_is_next(reader, &choice_kind))
		return 0;
	if (!state_get(reader, &choice_kind, &state))
		return -EPROTO;
	choice->target = state.number;
	error = targets_find_health(targets, &choice->target, state.target, &state.endpoint, &choice->health);
	if (error)
		return error;
	health_pair_began(choice->health);
	choice->place = state.place;
	choice->tries = state.tries;
	if (choice->tries)
		health_go_on_trying(choice->health);
	return 0;
}

int tried_restore(struct targets *targets, struct tried **tried, struct state_reader *reader)
{
	struct choice_state state;
	struct health *health;
	unsigned number;
	int error = 0;

	while (!error && state_is_next(reader, &tried_kind)) {
		number = 0;
		if (!state_get(reader, &tried_kind, &state))
			return -EPROTO;
		error = targets_find_health(targets, &number, state.target, &state.endpoint, &health);
		if (error)
			return error;
		error = tried_add(tried, health);
		health_put(health);
	}
	return error;
}
