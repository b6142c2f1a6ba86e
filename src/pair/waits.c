#include "build_config.h"

#include "pair/waits.h"

#include "base/number.h"

#define TICK      50 /* microseconds */
#define TICKS(us) ((us) / TICK)
#define MS_TICKS  TICKS(1000)

/* Ticks. The most that the window has, and what is left of it when it was full. */
#define WINDOW TICKS(3000000)
#define LEFT   TICKS(1500000)

/* Ticks; of bytes that we have left in a socket we see earlier than this that they are there. */
#define OURS TICKS(300)

/* Microseconds, and how many times as long as the longest gap that the side has left before. */
#define IDLE       1000000
#define IDLE_TIMES 2

/* Ticks; so much time of gaps makes up what is typical, and the unit of the longest one. */
#define TYPICAL  TICKS(1000000)
#define GAP_UNIT TICKS(16000)

/* One turn is counted as so many, so that half of one is still some. */
#define TURN_PARTS 4

/* Bits of sides. */
#define BIT(side) (1U << (side))
#define BOTH      (BIT(SIDE_CLIENT) | BIT(SIDE_TARGET))
#define NOBODY    SIDES

static enum wait held_wait(enum direction direction, enum hold hold)
{
	return (hold == HOLD_RATE ? WAIT_RATE : WAIT_SINK) + side_of_sink(direction);
}

static bool is_silence(const enum hold hold[DIRECTIONS])
{
	return (hold[UPLOAD] | hold[DOWNLOAD]) == HOLD_NONE;
}

static bool is_pause(enum hold hold)
{
	return hold == HOLD_HIGH || hold == HOLD_RATE;
}

static bool is_block(const enum hold hold[DIRECTIONS])
{
	return is_pause(hold[UPLOAD]) && is_pause(hold[DOWNLOAD]);
}

bool waits_is_idle(uint64_t silence, uint64_t longest_gap)
{
	return silence >= IDLE && silence > IDLE_TIMES * longest_gap;
}

/* ---- life ---- */

/* Rounded up, so that what is told of a life never gets less. */
static void live(struct waits *waits, enum wait wait, uint64_t time)
{
	waits->life[wait].ms += (time + MS_TICKS - 1) / MS_TICKS;
}

/* ---- the window ---- */

static uint64_t longest_gap_time(const struct waits *waits, enum side side)
{
	return max_u64(waits->longest_gap[side], waits->longest_before[side]) * GAP_UNIT;
}

/*
 * What leaves it becomes part of the life. These are whole milliseconds, so that nothing is lost. The rest of
 * one is with the next wait of the same side, so that sums are not rounded several times. Returns that rest.
 */
static uint32_t shorten(struct waits *waits, uint16_t *time, enum wait wait, uint32_t left, uint32_t rest)
{
	uint32_t leaves = (uint32_t)min_u64(*time - *time * left / waits->length + rest, *time);
	uint32_t ms = leaves / MS_TICKS;

	waits->life[wait].ms += ms;
	*time -= (uint16_t)(ms * MS_TICKS);
	return leaves - ms * MS_TICKS;
}

static void shorten_side(struct waits *waits, enum side side, uint32_t left)
{
	uint16_t turns = (uint16_t)(waits->turns[side] * left / waits->length);
	uint32_t rest = shorten(waits, &waits->turn[side], WAIT_TURN + side, left, 0);

	(void)shorten(waits, &waits->sending[side], WAIT_SENDING + side, left, rest);
	waits->life_turns[side] += waits->turns[side] - turns;
	waits->turns[side] = turns;
}

static void shorten_held(struct waits *waits, enum direction direction, uint32_t left)
{
	uint32_t rest = 0;

	for (enum hold hold = HOLD_SINK; hold < HOLDS; hold++)
		rest = shorten(waits, &waits->held[direction][hold - 1], held_wait(direction, hold), left,
		               rest);
}

/* How long a side may rest is not forgotten at once; in a silence that outlasts the window, not at all. */
static void keep_gaps(struct waits *waits, enum side side, bool is_over)
{
	uint16_t before = is_over ? waits->longest_before[side] : waits->longest_before[side] / 2;

	waits->longest_before[side] = (uint16_t)max_u64(waits->longest_gap[side], before);
	waits->longest_gap[side] = 0;
}

/* Makes the window, which is longer, as long as left. is_over: nothing has happened for longer than it is. */
static void shorten_all(struct waits *waits, uint32_t left, bool is_over)
{
	for (enum direction direction = UPLOAD; direction < DIRECTIONS; direction++)
		shorten_held(waits, direction, left);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		shorten_side(waits, side, left);
		keep_gaps(waits, side, is_over);
	}
	waits->length = (uint16_t)left;
}

/* The window takes as much as it has room for, and the life has the rest. */
static void charge(struct waits *waits, uint16_t *in_window, enum wait wait, uint64_t time)
{
	*in_window += (uint16_t)min_u64(time, WINDOW);
	if (time > WINDOW)
		live(waits, wait, time - WINDOW);
}

static void charge_held(struct waits *waits, enum direction direction, uint64_t time)
{
	enum hold hold = waits->hold[direction];

	if (hold != HOLD_NONE)
		charge(waits, &waits->held[direction][hold - 1], held_wait(direction, hold), time);
}

static uint64_t ticks_until(const struct waits *waits, uint64_t now)
{
	return TICKS(now) > waits->noted ? TICKS(now) - waits->noted : 0;
}

/* Accounts for so much time, except for who is charged for a silence. True if the window was full. */
static bool pass(struct waits *waits, uint64_t time)
{
	bool is_full = waits->length + time > WINDOW;

	if (is_full && waits->length > 0)
		shorten_all(waits, time < WINDOW ? (uint32_t)min_u64(LEFT, WINDOW - time) : 0,
		            time >= WINDOW);
	waits->length += (uint16_t)min_u64(time, WINDOW);
	charge_held(waits, UPLOAD, time);
	charge_held(waits, DOWNLOAD, time);
	if (is_block(waits->hold))
		blocks_pass(&waits->blocks, time / MS_TICKS);
	waits->noted += time;
	return is_full;
}

/* ---- silences ---- */

static enum side side_of(unsigned bits)
{
	if (bits & BIT(SIDE_CLIENT))
		return SIDE_CLIENT;
	return bits & BIT(SIDE_TARGET) ? SIDE_TARGET : NOBODY;
}

/* Who has to say something while all are silent: the end that is open, or who has not spoken last. */
static enum side due(const struct waits *waits)
{
	unsigned done = waits->ended ? waits->ended : waits->spoke_last;

	return done ? side_of(BOTH & ~done) : NOBODY;
}

static void note_longest(struct waits *waits, enum side side, uint64_t time)
{
	waits->longest_gap[side] = (uint16_t)min_u64((time + GAP_UNIT - 1) / GAP_UNIT, UINT16_MAX);
}

static void note_gap(struct waits *waits, enum side side, uint64_t time)
{
	float gap = (float)min_u64(time, TYPICAL), typical = waits->typical_gap[side];

	if (waits->spoke_last) /* how long it took to begin is typical of nothing */
		waits->typical_gap[side] = typical > 0 ? typical + (gap - typical) * (gap / TYPICAL) : gap;
	if (time > waits->longest_gap[side] * (uint64_t)GAP_UNIT)
		note_longest(waits, side, time);
}

static void charge_turn(struct waits *waits, enum side side, uint64_t time)
{
	charge(waits, &waits->turn[side], WAIT_TURN + side, time);
	if (waits->turns[side] <= UINT16_MAX - TURN_PARTS)
		waits->turns[side] += TURN_PARTS;
}

static void charge_speaker(struct waits *waits, enum side side, uint64_t time)
{
	if ((waits->more & BIT(side)) && time < OURS)
		return;
	if (waits->spoke_last & ~BIT(side))
		charge_turn(waits, side, time);
	else
		charge(waits, &waits->sending[side], WAIT_SENDING + side, time);
	note_gap(waits, side, time);
}

/* It was of no use to wait for the side that is due. Once one has ended, nobody but the other can speak. */
static void charge_due(struct waits *waits, uint64_t time)
{
	enum side side = due(waits);

	if (side != NOBODY &&
	    (waits->ended || !waits_is_idle(time * TICK, longest_gap_time(waits, side) * TICK)))
		charge_turn(waits, side, time);
}

/* If both have spoken, the one that was due has ended the silence. */
static void end_silence(struct waits *waits, uint64_t time, unsigned spoke, unsigned ended)
{
	unsigned was_due = spoke & ~waits->spoke_last;

	if (spoke)
		charge_speaker(waits, side_of(was_due ? was_due : spoke), time);
	else if (ended)
		charge_due(waits, time);
}

/* ---- flows that are held ---- */

/* Permille of the window. What a limit does is no habit: it acts on its own, however often it does. */
static uint64_t usual_pause(const struct waits *waits, enum direction direction, enum hold hold)
{
	return hold == HOLD_HIGH && waits->length > 0
	               ? waits->held[direction][HOLD_HIGH - 1] * 1000ull / waits->length
	               : 0;
}

/* Where a limit has paused it lately, but its sink does from now on. */
static bool is_limit_over(const struct waits *waits, enum direction direction, enum hold hold)
{
	const uint16_t *held = waits->held[direction];

	return hold == HOLD_HIGH && held[HOLD_RATE - 1] > held[HOLD_HIGH - 1];
}

static void note_block(struct waits *waits, enum direction direction, enum hold hold)
{
	enum hold other = waits->hold[direction_opposite(direction)];

	if (waits->hold[direction] == HOLD_NONE && other == HOLD_NONE)
		blocks_note_free(&waits->blocks);
	if (is_block(waits->hold))
		blocks_end(&waits->blocks, direction);
	if (is_limit_over(waits, direction, hold))
		blocks_forget_ended(&waits->blocks, direction);
	if (is_pause(hold))
		blocks_note_pause(&waits->blocks, direction, usual_pause(waits, direction, hold),
		                  is_pause(other));
}

/*
 * While a source is paused, more may come. hold may be what it was: then the source was read in between, and
 * is paused anew. Once a side has ended, or was reset, what happens tells nothing of who blocked whom.
 */
static void hold_flow(struct waits *waits, enum direction direction, enum hold hold)
{
	if (waits->hold[direction] == HOLD_NONE)
		waits->held_since[direction] = (uint32_t)(waits->noted / MS_TICKS);
	if (!waits->ended)
		note_block(waits, direction, hold);
	if (waits->hold[direction] > HOLD_SINK && hold <= HOLD_SINK)
		waits->more |= BIT(direction);
	waits->hold[direction] = hold;
}

static bool has_changed(const struct waits *waits, enum direction direction, enum hold hold, unsigned said)
{
	return hold != waits->hold[direction] || (is_pause(hold) && (said & BIT(direction)));
}

/* The sources of flows that are held from now on. What has ended says no more; its sink takes the rest. */
static unsigned begin_to_be_held(const struct waits *waits, const enum hold hold[DIRECTIONS])
{
	bool up = waits->hold[UPLOAD] == HOLD_NONE && hold[UPLOAD] != HOLD_NONE;
	bool down = waits->hold[DOWNLOAD] == HOLD_NONE && hold[DOWNLOAD] != HOLD_NONE;

	return ((up ? BIT(SIDE_CLIENT) : 0) | (down ? BIT(SIDE_TARGET) : 0)) & ~(unsigned)waits->ended;
}

static void hear(struct waits *waits, unsigned spoke, unsigned said)
{
	unsigned more = said / SAYING_MORE;

	if (spoke)
		waits->spoke_last = spoke == BOTH ? BIT(SIDE_TARGET) : spoke;
	waits->more = (waits->more & ~spoke) | (more & spoke);
}

/* ---- outside ---- */

void waits_begin(struct waits *waits, uint64_t now, uint64_t client_ms, uint64_t connecting_ms)
{
	*waits = (struct waits){.noted = TICKS(now)};
	waits->life[WAIT_TURN + SIDE_CLIENT].ms = client_ms;
	waits->life[WAIT_CONNECTING].ms = connecting_ms;
}

bool waits_note(struct waits *waits, uint64_t now, const enum hold hold[DIRECTIONS], unsigned said)
{
	unsigned spoke = (said & BOTH) | begin_to_be_held(waits, hold), ended = said / SAYING_END;
	uint64_t time = ticks_until(waits, now);
	bool was_full = pass(waits, time);

	if (is_silence(waits->hold))
		end_silence(waits, time, spoke, ended);
	hear(waits, spoke, said);
	waits->ended |= ended;
	if (has_changed(waits, UPLOAD, hold[UPLOAD], said))
		hold_flow(waits, UPLOAD, hold[UPLOAD]);
	if (has_changed(waits, DOWNLOAD, hold[DOWNLOAD], said))
		hold_flow(waits, DOWNLOAD, hold[DOWNLOAD]);
	return was_full;
}

bool waits_hear(struct waits *waits, uint64_t now, enum side side, bool more)
{
	uint64_t time = ticks_until(waits, now);
	bool was_full = pass(waits, time);

	charge_speaker(waits, side, time);
	waits->spoke_last = BIT(side);
	waits->more = (waits->more & ~BIT(side)) | (more ? BIT(side) : 0);
	return was_full;
}

bool waits_is_block(const struct waits *waits)
{
	return is_block(waits->hold) && !waits->ended;
}

uint64_t waits_block(const struct waits *waits, uint64_t now)
{
	return waits_is_block(waits) ? waits->blocks.running + ticks_until(waits, now) / MS_TICKS : 0;
}

void waits_note_taker(struct waits *waits, enum direction direction)
{
	blocks_note_taker(&waits->blocks, direction);
}

void waits_note_no_taker(struct waits *waits)
{
	blocks_note_no_taker(&waits->blocks);
}

static void fill_window(const struct waits *waits, struct wait_window *window)
{
	window->length = waits->length * (uint64_t)TICK;
	for (enum direction direction = UPLOAD; direction < DIRECTIONS; direction++)
		for (enum hold hold = HOLD_SINK; hold < HOLDS; hold++)
			window->held[direction][hold] = waits->held[direction][hold - 1] * (uint64_t)TICK;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		window->turn[side] = waits->turn[side] * (uint64_t)TICK;
		window->turns[side] = (double)waits->turns[side] / TURN_PARTS;
		window->sending[side] = waits->sending[side] * (uint64_t)TICK;
		window->longest_gap[side] = longest_gap_time(waits, side) * TICK;
		window->typical_gap[side] = (uint64_t)(waits->typical_gap[side] * TICK);
	}
}

static uint64_t held_for(const struct waits *waits, enum direction direction)
{
	uint32_t ms = (uint32_t)(waits->noted / MS_TICKS) - waits->held_since[direction];

	return waits->hold[direction] == HOLD_NONE ? 0 : ms * 1000ull;
}

struct wait_window waits_window(const struct waits *waits, uint64_t now)
{
	uint64_t time = ticks_until(waits, now);
	struct waits then = *waits;
	struct wait_window window = {.spoken = then.spoke_last};

	(void)pass(&then, time);
	fill_window(&then, &window);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		window.hold[side] = then.hold[side];
		window.held_for[side] = held_for(&then, (enum direction)side);
	}
	window.last_from = then.spoke_last & BIT(SIDE_TARGET) ? SIDE_TARGET : SIDE_CLIENT;
	window.since = is_silence(then.hold) ? time * TICK : max_u64(window.held_for[0], window.held_for[1]);
	window.blocked = blocks_are_known(&then.blocks);
	window.blocker = blocks_blocker(&then.blocks);
	return window;
}

/* Without what the window has. */
static struct wait_totals lived(const struct waits *waits)
{
	struct wait_totals totals = {
	        .blocked = blocks_are_known(&waits->blocks),
	        .blocker = blocks_blocker(&waits->blocks),
	};

	for (enum wait wait = 0; wait < WAITS; wait++)
		totals.time[wait] = (uint64_t)waits->life[wait].ms * 1000;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		totals.turns[side] = waits->life_turns[side] / TURN_PARTS;
	return totals;
}

static void add_window(const struct waits *waits, struct wait_totals *totals)
{
	for (enum direction direction = UPLOAD; direction < DIRECTIONS; direction++)
		for (enum hold hold = HOLD_SINK; hold < HOLDS; hold++)
			totals->time[held_wait(direction, hold)] +=
			        waits->held[direction][hold - 1] * (uint64_t)TICK;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		totals->time[WAIT_TURN + side] += waits->turn[side] * (uint64_t)TICK;
		totals->time[WAIT_SENDING + side] += waits->sending[side] * (uint64_t)TICK;
		totals->turns[side] = (waits->life_turns[side] + waits->turns[side]) / TURN_PARTS;
	}
}

struct wait_totals waits_totals(const struct waits *waits, uint64_t now, bool closing)
{
	uint64_t time = ticks_until(waits, now);
	struct waits then = *waits;
	struct wait_totals totals;

	(void)pass(&then, time);
	if (closing && is_silence(then.hold))
		charge_due(&then, time);
	totals = lived(&then);
	add_window(&then, &totals);
	return totals;
}

struct wait_totals waits_take(struct waits *waits)
{
	struct wait_totals totals = lived(waits);

	totals.time[WAIT_CONNECTING] = 0;
	for (enum wait wait = WAIT_CONNECTING + 1; wait < WAITS; wait++)
		waits->life[wait].ms = 0;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		waits->life_turns[side] %= TURN_PARTS;
	return totals;
}

uint64_t waits_for(const struct wait_totals *totals, enum side side)
{
	uint64_t connecting = side == SIDE_TARGET ? totals->time[WAIT_CONNECTING] : 0;

	return connecting + totals->time[WAIT_SINK + side] + totals->time[WAIT_TURN + side] +
	       totals->time[WAIT_SENDING + side];
}
