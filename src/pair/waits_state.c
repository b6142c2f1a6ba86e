#include "build_config.h"

#include "pair/waits_state.h"

#include <errno.h>

struct saved_waits {
	uint64_t noted; /* clock_us */
	uint64_t life[WAITS];
	struct wait_bucket now, before;
	uint32_t turns[SIDES], held_since[DIRECTIONS], typical_gap[SIDES];
	uint8_t hold[DIRECTIONS];
	uint8_t spoke_last, more, ended, was_held;
};

/* A new field has to be saved here. */
STATE_COVERS(struct waits, 192);
STATE_COVERS(struct wait_bucket, 52);

#define BUCKET_FIELDS(bucket)                                                                                \
	STATE_NAMED(#bucket "_length", struct saved_waits, bucket.length, STATE_U32),                        \
	        STATE_NAMED(#bucket "_held", struct saved_waits, bucket.held, STATE_U32),                    \
	        STATE_NAMED(#bucket "_turn", struct saved_waits, bucket.turn, STATE_U32),                    \
	        STATE_NAMED(#bucket "_sending", struct saved_waits, bucket.sending, STATE_U32),              \
	        STATE_NAMED(#bucket "_longest_gap", struct saved_waits, bucket.longest_gap, STATE_U16),      \
	        STATE_NAMED(#bucket "_turns", struct saved_waits, bucket.turns, STATE_U16)

static const struct state_field waits_fields[] = {
        STATE_FIELD(struct saved_waits, noted, STATE_U64),
        STATE_FIELD(struct saved_waits, life, STATE_U64),
        STATE_FIELD(struct saved_waits, turns, STATE_U32),
        STATE_FIELD(struct saved_waits, held_since, STATE_U32),
        STATE_FIELD(struct saved_waits, typical_gap, STATE_U32),
        BUCKET_FIELDS(now),
        BUCKET_FIELDS(before),
        STATE_FIELD(struct saved_waits, hold, STATE_U8),
        STATE_FIELD(struct saved_waits, spoke_last, STATE_U8),
        STATE_FIELD(struct saved_waits, more, STATE_U8),
        STATE_FIELD(struct saved_waits, ended, STATE_U8),
        STATE_FIELD(struct saved_waits, was_held, STATE_U8),
        STATE_FIELDS_END,
};
static const struct state_kind waits_kind = STATE_KIND("waits", struct saved_waits, waits_fields);

void waits_save(const struct waits *waits, struct state_writer *writer)
{
	struct saved_waits state = {
	        .noted = waits->noted,
	        .now = waits->now,
	        .before = waits->before,
	        .spoke_last = waits->spoke_last,
	        .more = waits->more,
	        .ended = waits->ended,
	        .was_held = waits->was_held,
	};

	for (enum wait wait = 0; wait < WAITS; wait++)
		state.life[wait] = waits->life[wait].ms;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		state.turns[side] = waits->turns[side];
		state.held_since[side] = waits->held_since[side];
		state.typical_gap[side] = (uint32_t)waits->typical_gap[side];
		state.hold[side] = waits->hold[side];
	}
	state_put(writer, &waits_kind, &state);
}

static bool is_possible(const struct saved_waits *state)
{
	const unsigned both = (1U << SIDES) - 1;

	return state->hold[UPLOAD] < HOLDS && state->hold[DOWNLOAD] < HOLDS && state->spoke_last <= both &&
	       state->more <= both && state->ended <= both && state->was_held <= both;
}

static void take(struct waits *waits, const struct saved_waits *state)
{
	waits->noted = state->noted;
	waits->now = state->now;
	waits->before = state->before;
	waits->spoke_last = state->spoke_last & 3U;
	waits->more = state->more & 3U;
	waits->ended = state->ended & 3U;
	waits->was_held = state->was_held & 3U;
	for (enum wait wait = 0; wait < WAITS; wait++)
		waits->life[wait].ms = state->life[wait] & ((1ull << 40) - 1);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		waits->turns[side] = state->turns[side];
		waits->held_since[side] = state->held_since[side];
		waits->typical_gap[side] = (float)state->typical_gap[side];
		waits->hold[side] = (enum hold)state->hold[side];
	}
}

int waits_restore(struct waits *waits, struct state_reader *reader)
{
	struct saved_waits state;

	if (!state_get(reader, &waits_kind, &state) || !is_possible(&state))
		return -EPROTO;
	take(waits, &state);
	return 0;
}
