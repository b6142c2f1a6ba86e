/* Pairs that have a target, as records: two flows, what the pair waits for, and how it ends. */
#include "build_config.h"

#include "flow/flow_state.h"
#include "pair/pair_private.h"
#include "pair/waits_state.h"

#include <errno.h>
#include <stdlib.h>

/* From PHASE_FAILING on. */
struct end_state {
	uint64_t look; /* milliseconds */
	uint64_t unacknowledged, acknowledged_at;
};

static const struct state_field end_fields[] = {
        STATE_FIELD(struct end_state, look, STATE_U64),
        STATE_FIELD(struct end_state, unacknowledged, STATE_U64),
        STATE_FIELD(struct end_state, acknowledged_at, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind end_kind = STATE_KIND("end", struct end_state, end_fields);

static const struct state_field pace_fields[] = {
        STATE_FIELD(struct sink_pace, look_at, STATE_U64),
        STATE_FIELD(struct sink_pace, since, STATE_U64),
        STATE_FIELD(struct sink_pace, taken, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind pace_kind = STATE_KIND("pace", struct sink_pace, pace_fields);

STATE_COVERS(struct sink_pace, 24);

/* ---- saving ---- */

/* The flow from the peer, and how fast the peer takes the other one. */
static void save_peer(const struct peer *peer, struct state_writer *writer)
{
	flow_save(&peer->from, writer);
	if (peer->pace)
		state_put(writer, &pace_kind, peer->pace);
}

void pair_open_save(const struct pair *pair, struct state_writer *writer)
{
	const struct end_state end = {pair->look.wait, pair->unacknowledged, pair->acknowledged_at};

	waits_save(&pair->waits, writer);
	pair_looks_save(pair, writer);
	save_peer(&pair->client, writer);
	save_peer(&pair->target, writer);
	if (pair->phase != PHASE_OPEN)
		state_put(writer, &end_kind, &end);
}

/* ---- restoring ---- */

static int restore_pace(struct peer *peer, struct state_reader *reader)
{
	if (!state_is_next(reader, &pace_kind))
		return 0;
	peer->pace = malloc(sizeof(*peer->pace));
	if (!peer->pace)
		return -ENOMEM;
	return state_get(reader, &pace_kind, peer->pace) ? 0 : -EPROTO;
}

static int restore_peer(struct peer *peer, struct standing_rate *rate, struct state_reader *reader)
{
	const struct flow_restoring with = {
	        .source_fd = peer->fd,
	        .sink_fd = pair_opposite(peer)->fd,
	        .readable = pair_event(peer),
	        .own_rate = &rate->of_pair,
	        .rate_of_all = &rate->all,
	};
	int error = flow_restore(&peer->from, &with, reader);

	return error ? error : restore_pace(peer, reader);
}

static int restore_end(struct pair *pair, struct state_reader *reader)
{
	struct end_state state;

	if (pair->phase == PHASE_OPEN) {
		pair->block = (struct block_look){.wait = 0};
		return 0;
	}
	if (!state_get(reader, &end_kind, &state))
		return -EPROTO;
	pair->look.wait = state.look;
	pair->unacknowledged = state.unacknowledged;
	pair->acknowledged_at = state.acknowledged_at;
	return 0;
}

int pair_open_restore(struct pair *pair, enum phase phase, struct state_reader *reader)
{
	struct standing_rate *rates = pair->relay->standing->rates;
	int error;

	pair->phase = phase;
	error = waits_restore(&pair->waits, reader);
	if (!error)
		error = pair_looks_restore(pair, reader);
	if (!error)
		error = restore_peer(&pair->client, &rates[UPLOAD], reader);
	if (!error)
		error = restore_peer(&pair->target, &rates[DOWNLOAD], reader);
	return error ? error : restore_end(pair, reader);
}
