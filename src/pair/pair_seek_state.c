/* Pairs that have no target yet, as records: what a client's header has told, and how a target is sought. */
#include "build_config.h"

#include "pair/pair_private.h"
#include "relay/choice_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of the client's header. What is wrong with it ends the pair at once, and is never saved. */
struct arrival_state {
	union client_address via;
	struct endpoint source, destination; /* if it is to be sent on */
	uint64_t bytes;                      /* of a header that is not complete */
	bool told, heard;
};

static const struct state_field arrival_fields[] = {
        STATE_FIELD(struct arrival_state, via, STATE_CLIENT),
        STATE_FIELD(struct arrival_state, told, STATE_BOOL),
        STATE_FIELD(struct arrival_state, source, STATE_ENDPOINT),
        STATE_FIELD(struct arrival_state, destination, STATE_ENDPOINT),
        STATE_FIELD(struct arrival_state, heard, STATE_BOOL),
        STATE_FIELD(struct arrival_state, bytes, STATE_BYTES),
        STATE_FIELDS_END,
};
static const struct state_kind arrival_kind = STATE_KIND("arrival", struct arrival_state, arrival_fields);

struct seeking_state {
	uint64_t attempt_began; /* or retry_at */
	uint64_t sought_since, postpone;
	uint64_t opens; /* PHASE_HELD: of the gate */
	uint32_t heard; /* the same */
	uint32_t attempt;
	int attempt_error, wait_reason;
};

static const struct state_field seeking_fields[] = {
        STATE_FIELD(struct seeking_state, sought_since, STATE_U64),
        STATE_FIELD(struct seeking_state, attempt_began, STATE_U64),
        STATE_FIELD(struct seeking_state, attempt, STATE_U32),
        STATE_FIELD(struct seeking_state, attempt_error, STATE_INT),
        STATE_FIELD(struct seeking_state, wait_reason, STATE_INT),
        STATE_FIELD(struct seeking_state, postpone, STATE_U64),
        STATE_FIELD(struct seeking_state, opens, STATE_U64),
        STATE_FIELD(struct seeking_state, heard, STATE_U32),
        STATE_FIELDS_END,
};
static const struct state_kind seeking_kind = STATE_KIND("seeking", struct seeking_state, seeking_fields);

STATE_COVERS(struct arrival, 72);

/* ---- the header ---- */

void pair_header_save(const struct pair *pair, struct state_writer *writer)
{
	const struct arrival *arrival = pair->arrival;
	struct arrival_state state;

	if (!arrival)
		return;
	state = (struct arrival_state){.via = arrival->via, .heard = arrival->heard, .told = arrival->told};
	if (arrival->told) {
		state.source = arrival->told->source;
		state.destination = arrival->told->destination;
	}
	if (arrival->bytes)
		state.bytes = arrival->size;
	state_put(writer, &arrival_kind, &state);
	if (state.bytes > 0)
		state_put_bytes(writer, arrival->bytes, arrival->size);
}

static int restore_told(struct arrival *arrival, const struct arrival_state *state)
{
	if (!state->told)
		return 0;
	arrival->told = malloc(sizeof(*arrival->told));
	if (!arrival->told)
		return -ENOMEM;
	*arrival->told = (struct proxy_header){
	        .has_addresses = true,
	        .source = state->source,
	        .destination = state->destination,
	};
	return 0;
}

/* A rehearsal has no bytes, but the room for them. */
static int restore_bytes(struct arrival *arrival, const struct arrival_state *state,
                         const struct state_reader *reader)
{
	size_t size;
	const void *bytes = state_bytes(reader, &size);

	if (state->bytes == 0)
		return 0;
	if (state->bytes > PROXY_HEADER_MAX)
		return -EPROTO;
	arrival->bytes = malloc(PROXY_HEADER_MAX);
	if (!arrival->bytes)
		return -ENOMEM;
	arrival->size = state->bytes;
	if (bytes)
		memcpy(arrival->bytes, bytes, size);
	return 0;
}

int pair_header_restore(struct pair *pair, struct state_reader *reader)
{
	struct arrival_state state;
	int error;

	if (!state_is_next(reader, &arrival_kind))
		return 0;
	if (!state_get(reader, &arrival_kind, &state))
		return -EPROTO;
	pair->arrival = calloc(1, sizeof(*pair->arrival));
	if (!pair->arrival)
		return -ENOMEM;
	pair->arrival->via = state.via;
	pair->arrival->heard = state.heard;
	error = restore_told(pair->arrival, &state);
	return error ? error : restore_bytes(pair->arrival, &state, reader);
}

/* ---- seeking a target ---- */

void pair_seek_save(const struct pair *pair, struct state_writer *writer)
{
	bool held = pair->phase == PHASE_HELD;
	const struct gate *gate = &pair_tally(pair)->gate;
	const struct seeking_state state = {
	        .attempt_began = pair->attempt_began,
	        .sought_since = pair->sought_since,
	        .postpone = pair->postpone.wait,
	        .opens = held ? gate->opens : 0,
	        .heard = held ? gate->heard : 0,
	        .attempt = held ? 0 : pair->attempt,
	        .attempt_error = pair->attempt_error,
	        .wait_reason = pair->wait_reason,
	};

	tried_save(pair->tried, writer);
	state_put(writer, &seeking_kind, &state);
}

static void take_fields(struct pair *pair, const struct seeking_state *state)
{
	pair->attempt_began = state->attempt_began;
	pair->sought_since = state->sought_since;
	pair->postpone.wait = state->postpone;
	pair->attempt = state->attempt;
	pair->attempt_error = state->attempt_error;
	pair->wait_reason = state->wait_reason;
}

static int begin_phase(struct pair *pair, enum phase phase, const struct seeking_state *state)
{
	switch (phase) {
	case PHASE_HEADER:
		if (!pair->arrival)
			return -EPROTO;
		__attribute__((fallthrough));
	case PHASE_SILENT:
		pair_entry_begin_phase(pair, phase);
		pair_entry_await(pair);
		return pair->turned_away ? -ENOMEM : 0;
	case PHASE_HELD:
		pair_hold_restore(pair, state->opens, state->heard);
		return 0;
	case PHASE_CONNECTING:
		pair->phase = phase;
		return pair_connect_await(pair);
	default:
		pair->phase = phase;
		return 0;
	}
}

int pair_seek_restore(struct pair *pair, enum phase phase, bool retries, struct state_reader *reader)
{
	struct seeking_state state;
	int error = tried_restore(pair->relay->targets, &pair->tried, reader);

	if (error)
		return error;
	if (!state_get(reader, &seeking_kind, &state))
		return -EPROTO;
	take_fields(pair, &state);
	if (retries)
		pair_hold_listen(pair);
	return begin_phase(pair, phase, &state);
}
