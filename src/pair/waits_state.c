#include "build_config.h"

#include "pair/waits_state.h"

#include <errno.h>
#include <string.h>

struct saved_waits {
	uint64_t noted; /* ticks of clock_us */
	uint64_t life[WAITS];
	uint32_t life_turns[SIDES], held_since[DIRECTIONS], typical_gap[SIDES], block;
	uint16_t length, held[DIRECTIONS][HOLDS - 1], turn[SIDES], sending[SIDES], turns[SIDES];
	uint16_t longest_gap[SIDES], longest_before[SIDES];
	int ended_blocks;
	uint8_t hold[DIRECTIONS];
	uint8_t spoke_last, more, ended, likely, taker, usual, were_free;
};

/* A new field has to be saved here. */
STATE_COVERS(struct waits, 120);

static const struct state_field waits_fields[] = {
        STATE_FIELD(struct saved_waits, noted, STATE_U64),
        STATE_FIELD(struct saved_waits, life, STATE_U64),
        STATE_FIELD(struct saved_waits, life_turns, STATE_U32),
        STATE_FIELD(struct saved_waits, held_since, STATE_U32),
        STATE_FIELD(struct saved_waits, typical_gap, STATE_U32),
        STATE_FIELD(struct saved_waits, length, STATE_U16),
        STATE_FIELD(struct saved_waits, held, STATE_U16),
        STATE_FIELD(struct saved_waits, turn, STATE_U16),
        STATE_FIELD(struct saved_waits, sending, STATE_U16),
        STATE_FIELD(struct saved_waits, turns, STATE_U16),
        STATE_FIELD(struct saved_waits, longest_gap, STATE_U16),
        STATE_FIELD(struct saved_waits, longest_before, STATE_U16),
        STATE_FIELD(struct saved_waits, hold, STATE_U8),
        STATE_FIELD(struct saved_waits, spoke_last, STATE_U8),
        STATE_FIELD(struct saved_waits, more, STATE_U8),
        STATE_FIELD(struct saved_waits, ended, STATE_U8),
        STATE_FIELD(struct saved_waits, ended_blocks, STATE_INT),
        STATE_FIELD(struct saved_waits, block, STATE_U32),
        STATE_NAMED("paused_first", struct saved_waits, likely, STATE_U8),
        STATE_FIELD(struct saved_waits, taker, STATE_U8),
        STATE_FIELD(struct saved_waits, usual, STATE_U8),
        STATE_FIELD(struct saved_waits, were_free, STATE_U8),
        STATE_FIELDS_END,
};
static const struct state_kind waits_kind = STATE_KIND("waits", struct saved_waits, waits_fields);

void waits_save(const struct waits *waits, struct state_writer *writer)
{
	struct saved_waits state = {
	        .noted = waits->noted,
	        .length = waits->length,
	        .spoke_last = waits->spoke_last,
	        .more = waits->more,
	        .ended = waits->ended,
	        .ended_blocks = waits->blocks.ended,
	        .block = waits->blocks.running,
	        .likely = waits->blocks.likely,
	        .taker = waits->blocks.taker,
	        .usual = waits->blocks.usual,
	        .were_free = waits->blocks.were_free,
	};

	for (enum wait wait = 0; wait < WAITS; wait++)
		state.life[wait] = waits->life[wait].ms;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		state.life_turns[side] = waits->life_turns[side];
		state.turn[side] = waits->turn[side];
		state.sending[side] = waits->sending[side];
		state.turns[side] = waits->turns[side];
		state.longest_gap[side] = waits->longest_gap[side];
		state.longest_before[side] = waits->longest_before[side];
		state.held_since[side] = waits->held_since[side];
		state.typical_gap[side] = (uint32_t)waits->typical_gap[side];
		state.hold[side] = waits->hold[side];
	}
	memcpy(state.held, waits->held, sizeof(state.held));
	state_put(writer, &waits_kind, &state);
}

static bool is_possible(const struct saved_waits *state)
{
	const unsigned both = (1U << SIDES) - 1;

	return state->hold[UPLOAD] < HOLDS && state->hold[DOWNLOAD] < HOLDS && state->spoke_last <= both &&
	       state->more <= both && state->ended <= both && state->likely <= both && state->taker <= both &&
	       state->usual <= 15 && state->were_free <= 1 && state->block <= BLOCK_MAX &&
	       state->ended_blocks <= 2 * (int)BLOCK_MAX && state->ended_blocks >= -2 * (int)BLOCK_MAX;
}

static void take(struct waits *waits, const struct saved_waits *state)
{
	waits->noted = state->noted;
	waits->length = state->length;
	waits->spoke_last = state->spoke_last & 3U;
	waits->more = state->more & 3U;
	waits->ended = state->ended & 3U;
	waits->blocks.ended = state->ended_blocks;
	waits->blocks.running = state->block & BLOCK_MAX;
	waits->blocks.likely = state->likely & 3U;
	waits->blocks.taker = state->taker & 3U;
	waits->blocks.usual = state->usual & 15U;
	waits->blocks.were_free = state->were_free & 1U;
	memcpy(waits->held, state->held, sizeof(waits->held));
	for (enum wait wait = 0; wait < WAITS; wait++)
		waits->life[wait].ms = state->life[wait] & ((1ull << 40) - 1);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		waits->life_turns[side] = state->life_turns[side];
		waits->turn[side] = state->turn[side];
		waits->sending[side] = state->sending[side];
		waits->turns[side] = state->turns[side];
		waits->longest_gap[side] = state->longest_gap[side];
		waits->longest_before[side] = state->longest_before[side];
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
