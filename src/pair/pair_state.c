/* A pair as records: the pair itself, and what it has in its phase. Then the set. */
#include "build_config.h"

#include "pair/pair_state.h"

#include "net/stream.h"
#include "pair/pair_private.h"
#include "relay/admission_state.h"
#include "relay/choice_state.h"
#include "relay/generation.h"

#include <errno.h>
#include <string.h>

struct saved_peer {
	uint64_t owing_since, look_at;
	int fd;
	bool ended_first, over, owes;
};

struct saved_pair {
	struct admission_state ticket;
	struct saved_peer client, target;
	uint64_t id, born;
	uint64_t due; /* clock_ms at which its timer fires; 0: it is not set */
	uint32_t attempts;
	enum phase phase;
	bool answered, bound, retries;
};

/*
 * A new field of a pair has to be saved: here, in pair_seek_state.c for the phases up to PHASE_CONNECTING, or
 * in pair_open_state.c for those after it. Not saved: what only lists and events have, the place in a
 * survey, and what makes pair_settle end the pair at once, as turned_away.
 */
STATE_COVERS(char[sizeof(struct pair) - sizeof(struct waits)], 616);
STATE_COVERS(struct peer, 208);

#define PEER_FIELDS(peer)                                                                                    \
	STATE_NAMED(#peer "_fd", struct saved_pair, peer.fd, STATE_SOCKET),                                  \
	        STATE_NAMED(#peer "_owing_since", struct saved_pair, peer.owing_since, STATE_U64),           \
	        STATE_NAMED(#peer "_look_at", struct saved_pair, peer.look_at, STATE_U64),                   \
	        STATE_NAMED(#peer "_ended_first", struct saved_pair, peer.ended_first, STATE_BOOL),          \
	        STATE_NAMED(#peer "_over", struct saved_pair, peer.over, STATE_BOOL),                        \
	        STATE_NAMED(#peer "_owes", struct saved_pair, peer.owes, STATE_BOOL)

static const struct state_field pair_fields[] = {
        ADMISSION_STATE_FIELDS(struct saved_pair, ticket),
        STATE_FIELD(struct saved_pair, id, STATE_U64),
        STATE_FIELD(struct saved_pair, phase, STATE_U8),
        STATE_FIELD(struct saved_pair, born, STATE_U64),
        STATE_FIELD(struct saved_pair, due, STATE_U64),
        STATE_FIELD(struct saved_pair, attempts, STATE_U32),
        STATE_FIELD(struct saved_pair, answered, STATE_BOOL),
        STATE_FIELD(struct saved_pair, bound, STATE_BOOL),
        STATE_FIELD(struct saved_pair, retries, STATE_BOOL),
        PEER_FIELDS(client),
        PEER_FIELDS(target),
        STATE_FIELDS_END,
};
static const struct state_kind pair_kind = STATE_KIND("pair", struct saved_pair, pair_fields);

/* Of a whole set, before its pairs. */
struct saved_set {
	uint64_t last_id;
};

static const struct state_field set_fields[] = {
        STATE_FIELD(struct saved_set, last_id, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind set_kind = STATE_KIND("pairs", struct saved_set, set_fields);

/* A relay about which something is to be told. */
struct saved_untold {
	uint64_t generation;
	char relay[RELAY_NAME_MAX + 1];
};

static const struct state_field untold_fields[] = {
        STATE_FIELD(struct saved_untold, generation, STATE_U64),
        STATE_FIELD(struct saved_untold, relay, STATE_TEXT),
        STATE_FIELDS_END,
};
static const struct state_kind untold_kind = STATE_KIND("untold", struct saved_untold, untold_fields);

/* ---- saving ---- */

static struct saved_peer describe_peer(const struct peer *peer)
{
	return (struct saved_peer){
	        .owing_since = peer->owing_since,
	        .look_at = peer->look_at,
	        .fd = peer->fd,
	        .ended_first = peer->ended_first,
	        .over = peer->over,
	        .owes = peer->owes,
	};
}

static void save_pair(const struct pair *pair, struct state_writer *writer)
{
	struct saved_pair state = {
	        .client = describe_peer(&pair->client),
	        .target = describe_peer(&pair->target),
	        .id = pair->id,
	        .born = pair->born,
	        .attempts = pair->attempts,
	        .phase = pair->phase,
	        .answered = pair->answered,
	        .bound = pair->bound,
	        .retries = pair->retries,
	};

	admission_save(&pair->ticket, &state.ticket);
	if (timer_due(&pair->timer) != TIMERS_NEVER)
		state.due = timer_due(&pair->timer);
	state_put(writer, &pair_kind, &state);
	pair_header_save(pair, writer);
	choice_save(&pair->choice, writer);
	if (pair_is_connected(pair))
		pair_open_save(pair, writer);
	else
		pair_seek_save(pair, writer);
}

static void save_untold(const struct relay *relay, struct state_writer *writer)
{
	struct saved_untold state = {.generation = relay->generation->number};

	strcpy(state.relay, relay->config->name);
	state_put(writer, &untold_kind, &state);
}

/* The order in a line at a gate is kept. */
void pair_set_save(const struct pair_set *set, struct state_writer *writer)
{
	const struct saved_set state = {.last_id = 1 + set->worker + set->made * set->id_step};
	const struct tally *tally;
	const struct gate *gate;
	const struct pair *pair;

	state_put(writer, &set_kind, &state);
	LIST_FOREACH (tally, &set->untold, entry)
		save_untold(tally->owner, writer);
	LIST_FOREACH (pair, &set->pairs, entry)
		if (pair->phase != PHASE_HELD)
			save_pair(pair, writer);
	LIST_FOREACH (gate, &set->gates, entry)
		TAILQ_FOREACH(pair, &gate->line, held_entry)
	save_pair(pair, writer);
}

/* ---- restoring ---- */

bool pair_is_next(struct state_reader *reader)
{
	return state_is_next(reader, &pair_kind);
}

/* A client is listened to in one way: for its header or first byte, or while it waits for another round. */
static bool is_possible(const struct saved_pair *state)
{
	return state->phase <= PHASE_ENDING && state->client.fd >= 0 &&
	       (!state->retries || state->phase >= PHASE_WAITING) &&
	       (state->phase >= PHASE_CONNECTING) == (state->target.fd >= 0);
}

static void take_peer(struct peer *peer, const struct saved_peer *state)
{
	peer->owing_since = state->owing_since;
	peer->look_at = state->look_at;
	peer->ended_first = state->ended_first;
	peer->over = state->over;
	peer->owes = state->owes;
}

/* Until all is there, it is in a phase that has nothing. */
static void take_fields(struct pair *pair, struct pair_set *set, const struct admission *ticket,
                        const struct saved_pair *state)
{
	pair_enlist(pair, set, ticket, state->client.fd, state->target.fd);
	take_peer(&pair->client, &state->client);
	take_peer(&pair->target, &state->target);
	pair->phase = PHASE_WAITING;
	pair->id = state->id;
	pair->born = state->born;
	pair->attempts = state->attempts;
	pair->answered = state->answered;
	pair->bound = state->bound;
}

/* From PHASE_WAITING on a pair has tried or connected an address, unless it waits for its next round. */
static bool needs_choice(enum phase phase)
{
	return phase == PHASE_WAITING || phase >= PHASE_CONNECTING;
}

static int restore_parts(struct pair *pair, const struct saved_pair *state, struct state_reader *reader)
{
	int error = pair_header_restore(pair, reader);

	if (!error)
		error = choice_restore(pair->relay->targets, &pair->choice, reader);
	if (!error && needs_choice(state->phase) && !pair->choice.health)
		error = -EPROTO;
	if (!error)
		error = state->phase >= PHASE_OPEN
		                ? pair_open_restore(pair, state->phase, reader)
		                : pair_seek_restore(pair, state->phase, state->retries, reader);
	if (!error)
		pair->retries = state->retries;
	if (!error && state->due)
		error = timers_set(&pair->set->timers, &pair->timer, state->due);
	return error;
}

static void skip_rest(struct state_reader *reader)
{
	while (state_peek(reader) && !pair_is_next(reader))
		state_skip(reader);
}

static enum reason reason_of(int error)
{
	if (!error)
		return REASON_NONE;
	return error == -ENOMEM ? REASON_OUT_OF_MEMORY : REASON_INTERNAL;
}

static int refuse(const struct saved_pair *state, int error, struct state_reader *reader)
{
	if (state->client.fd >= 0)
		stream_reset(state->client.fd);
	if (state->target.fd >= 0)
		stream_reset(state->target.fd);
	if (state_is_rehearsal(reader))
		state_fail(reader, error == -ENOMEM ? "there is no memory for a pair"
		                                    : "a pair of a relay that lives was expected");
	skip_rest(reader);
	return error;
}

static int restore_into(struct pair_set *set, struct pair *pair, struct pair_restoring *restoring,
                        struct relay *relay, const struct saved_pair *state, struct state_reader *reader)
{
	struct admission ticket;
	int error;

	admission_restore(&ticket, restoring->all, relay, &state->ticket);
	take_fields(pair, set, &ticket, state);
	error = restore_parts(pair, state, reader);
	if (error && !pair_is_connected(pair)) /* an attempt that was not restored has no event */
		pair_close_socket(&pair->target, true);
	if (error && state_is_rehearsal(reader)) {
		state_fail(reader,
		           error == -ENOMEM ? "there is no memory for a pair" : "a pair was expected");
		return error;
	}
	skip_rest(reader);
	pair_go_on(pair, reason_of(error));
	return 0;
}

int pair_restore(struct pair_set *set, struct pair_restoring *restoring, struct state_reader *reader)
{
	struct saved_pair state;
	struct relay *relay;
	struct pair *pair;

	if (!state_get(reader, &pair_kind, &state))
		return -EPROTO;
	restoring->last_id = max_u64(restoring->last_id, state.id);
	relay = restoring->find_relay(restoring->arg, state.ticket.generation, state.ticket.relay);
	if (!relay || !is_possible(&state))
		return refuse(&state, -EPROTO, reader);
	pair = slab_get(&set->slab);
	if (!pair) {
		relay->standing->tallies[set->worker].counters.closed[REASON_OUT_OF_MEMORY]++;
		return refuse(&state, -ENOMEM, reader);
	}
	return restore_into(set, pair, restoring, relay, &state, reader);
}

int pair_set_restore(struct pair_set *set, struct pair_restoring *restoring, struct state_reader *reader)
{
	struct saved_untold untold;
	struct saved_set state;
	struct relay *relay;

	if (!state_get(reader, &set_kind, &state))
		return -EPROTO;
	restoring->last_id = max_u64(restoring->last_id, state.last_id);
	while (state_is_next(reader, &untold_kind)) {
		if (!state_get(reader, &untold_kind, &untold))
			return -EPROTO;
		relay = restoring->find_relay(restoring->arg, untold.generation, untold.relay);
		if (relay)
			pair_recap_later(set, relay);
	}
	return 0;
}

void pair_set_continue(struct pair_set *set, const struct pair_restoring *restoring)
{
	set->made = restoring->last_id / set->id_step + 1;
}
