#include "build_config.h"

#include "relay/facade_state.h"

#include "relay/entrance_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What struct entrance has for the facade. Its references and users are counted anew. */
struct facade_entrance {
	uint64_t number;
	uint8_t state; /* enum entrance_state */
	bool refuses, refused;
	struct unix_access committed;
	char relay[RELAY_NAME_MAX + 1];
};

static const struct state_field facade_entrance_fields[] = {
        STATE_FIELD(struct facade_entrance, number, STATE_U64),
        STATE_FIELD(struct facade_entrance, state, STATE_U8),
        STATE_FIELD(struct facade_entrance, refuses, STATE_BOOL),
        STATE_FIELD(struct facade_entrance, refused, STATE_BOOL),
        UNIX_ACCESS_STATE_FIELDS(struct facade_entrance, committed, ""),
        STATE_FIELD(struct facade_entrance, relay, STATE_TEXT),
        STATE_FIELDS_END,
};
/* The entrance itself follows. */
static const struct state_kind facade_entrance_kind =
        STATE_KIND("door", struct facade_entrance, facade_entrance_fields);

/* A relay has an entrance. In the order in which it has them. */
struct having {
	uint64_t generation, entrance; /* numbers */
	uint16_t place;
	bool by_name;
	char relay[RELAY_NAME_MAX + 1];
};

static const struct state_field having_fields[] = {
        STATE_FIELD(struct having, generation, STATE_U64), STATE_FIELD(struct having, relay, STATE_TEXT),
        STATE_FIELD(struct having, entrance, STATE_U64),   STATE_FIELD(struct having, place, STATE_U16),
        STATE_FIELD(struct having, by_name, STATE_BOOL),   STATE_FIELDS_END,
};
static const struct state_kind having_kind = STATE_KIND("has", struct having, having_fields);

/* ---- saving ---- */

static void save(const struct facade *facade, const struct entrance *entrance, struct state_writer *writer)
{
	struct facade_entrance state = {
	        .number = entrance->number,
	        .state = (uint8_t)entrance->state,
	        .refuses = entrance->refuses,
	        .refused = entrance->refused,
	        .committed = entrance->committed,
	};

	snprintf(state.relay, sizeof(state.relay), "%s", entrance->relay);
	state_put(writer, &facade_entrance_kind, &state);
	entrance_save(entrance, facade->activation, writer);
}

static void save_relay(const struct relay *relay, struct state_writer *writer)
{
	const struct entrances *entrances = &relay->entrances;
	struct having having = {.generation = relay->generation->number, .by_name = entrances->by_name};

	snprintf(having.relay, sizeof(having.relay), "%s", relay->config->name);
	for (size_t i = 0; i < entrances->count; i++) {
		having.entrance = entrances->list[i]->number;
		having.place = entrances->places[i];
		state_put(writer, &having_kind, &having);
	}
}

void facade_save(const struct facade *facade, const struct generations *generations,
                 struct state_writer *writer)
{
	const struct generation *generation;
	const struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	save(facade, entrance, writer);
	TAILQ_FOREACH(generation, &generations->all, entry)
	for (size_t i = 0; i < generation->relay_count; i++)
		save_relay(generation->relays[i], writer);
}

/* ---- restoring ---- */

/* One that is open or shut has a reference until it is closed. */
static void take(struct entrance *entrance, const struct facade_entrance *state)
{
	entrance->number = state->number;
	entrance->state = (enum entrance_state)state->state;
	entrance->references = state->state != ENTRANCE_CLOSED;
	entrance->refuses = state->refuses;
	entrance->refused = state->refused;
	entrance->committed = state->committed;
	memcpy(entrance->relay, state->relay, sizeof(entrance->relay));
}

static int add(struct facade *facade, struct entrance *entrance, const struct facade_entrance *state,
               struct state_reader *reader)
{
	int error = entrance_restore(entrance, facade->activation, facade->workers, reader);

	if (error)
		return error;
	take(entrance, state);
	if (entrance->state != ENTRANCE_CLOSED && entrance->count == 0)
		return state_fail(reader, "a socket of an entrance that is open or shut was expected");
	if (entrance->shared)
		facade->next_worker++;
	return facade_add(facade, entrance);
}

static int restore_entrance(struct facade *facade, struct state_reader *reader)
{
	struct facade_entrance state;
	struct entrance *entrance;
	int error;

	if (!state_get(reader, &facade_entrance_kind, &state))
		return -EPROTO;
	if (state.number <= facade->last)
		return state_fail(reader, "entrances by their numbers, from 1 were expected");
	if (state.state < ENTRANCE_OPEN || state.state > ENTRANCE_CLOSED)
		return state_fail(reader, "an entrance that is open, shut or closed was expected");
	entrance = calloc(1, sizeof(*entrance));
	if (!entrance)
		return -ENOMEM;
	error = add(facade, entrance, &state, reader);
	if (error) {
		entrance_drop(entrance, error);
		free(entrance);
	}
	return error;
}

struct entrance *facade_find_number(const struct facade *facade, uint64_t number)
{
	struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (entrance->number == number)
		return entrance;
	return NULL;
}

/* Relays mostly have them in the order in which they were made, so the next one is tried first. */
static struct entrance *find_next(const struct facade *facade, struct entrance *last, uint64_t number)
{
	struct entrance *next = last ? TAILQ_NEXT(last, entry) : NULL;

	return next && next->number == number ? next : facade_find_number(facade, number);
}

static int restore_having(const struct facade *facade, const struct generations *generations,
                          struct state_reader *reader, struct entrance **last)
{
	struct having having;
	struct relay *relay;

	if (!state_get(reader, &having_kind, &having))
		return -EPROTO;
	*last = find_next(facade, *last, having.entrance);
	relay = generations_find_relay(generations, having.generation, having.relay);
	if (!*last || !relay)
		return state_fail(reader, "an entrance and a relay that are there was expected");
	relay->entrances.by_name = having.by_name;
	return entrances_add(&relay->entrances, *last, having.place);
}

static int find_loops(const struct generations *generations)
{
	struct generation *generation;
	int error = 0;

	TAILQ_FOREACH(generation, &generations->all, entry)
	error = error ? error : generation_find_loops(generation);
	return error;
}

static void widen_all(struct facade *facade)
{
	struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (entrance->state == ENTRANCE_OPEN)
		entrance_widen(entrance);
}

int facade_restore(struct facade *facade, const struct generations *generations, struct state_reader *reader)
{
	struct entrance *last = NULL;
	int error = 0;

	while (!error && state_is_next(reader, &facade_entrance_kind))
		error = restore_entrance(facade, reader);
	while (!error && state_is_next(reader, &having_kind))
		error = restore_having(facade, generations, reader, &last);
	if (!error && !state_is_rehearsal(reader))
		widen_all(facade);
	return error ? error : find_loops(generations);
}
