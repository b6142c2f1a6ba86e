#include "build_config.h"

#include "pair/waits.h"

#include "base/number.h"

/* Microseconds; the most that one bucket has, and the least that is enough without the one before. */
#define BUCKET 3000000
#define YOUNG  1000000

/* Microseconds; of bytes that we have left in a socket we see earlier than this that they are there. */
#define OURS 300

/* Microseconds, and how many times as long as the longest gap that the side has left before. */
#define IDLE       1000000
#define IDLE_TIMES 2

#define NOBODY SIDES

static enum side other(enum side side)
{
	return side == SIDE_CLIENT ? SIDE_TARGET : SIDE_CLIENT;
}

/* The sink of a flow is the side that is not its source. */
static enum wait held_wait(enum direction direction, enum hold hold)
{
	if (hold == HOLD_MEMORY)
		return WAIT_MEMORY;
	return hold == HOLD_RATE ? WAIT_RATE : WAIT_SINK + other((enum side)direction);
}

static bool is_silence(const enum hold hold[DIRECTIONS])
{
	return hold[UPLOAD] == HOLD_NONE && hold[DOWNLOAD] == HOLD_NONE;
}

bool waits_is_idle(uint64_t silence, uint64_t longest_gap)
{
	return silence >= IDLE && silence > IDLE_TIMES * longest_gap;
}

/* ---- life ---- */

/* Rounded up, so that what is told of a life never gets less. */
static void live(struct waits *waits, enum wait wait, uint64_t time)
{
	waits->life[wait].ms += (time + 999) / 1000;
}

static void add_bucket(const struct wait_bucket *bucket, uint64_t time[WAITS])
{
	for (enum direction direction = UPLOAD; direction < DIRECTIONS; direction++)
		for (enum hold hold = HOLD_SINK; hold < HOLDS; hold++)
			time[held_wait(direction, hold)] += bucket->held[direction][hold - 1];
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		time[WAIT_TURN + side] += bucket->turn[side];
		time[WAIT_SENDING + side] += bucket->sending[side];
	}
}

static void live_bucket(struct waits *waits)
{
	uint64_t time[WAITS] = {0};

	add_bucket(&waits->now, time);
	for (enum wait wait = 0; wait < WAITS; wait++)
		live(waits, wait, time[wait]);
}

/* ---- buckets ---- */

static uint32_t longest_gap(const struct waits *waits, enum side side)
{
	return (uint32_t)max_u64(waits->now.longest_gap[side], waits->before.longest_gap[side]);
}

static void turn_over(struct waits *waits)
{
	live_bucket(waits);
	waits->before = waits->now;
	waits->now = (struct wait_bucket){0};
}

/* Nothing has happened for longer than a bucket, so all before is past. Only how the sides are is kept. */
static void start_over(struct waits *waits)
{
	uint32_t gaps[SIDES] = {longest_gap(waits, SIDE_CLIENT), longest_gap(waits, SIDE_TARGET)};

	live_bucket(waits);
	waits->before = (struct wait_bucket){0};
	waits->now =
	        (struct wait_bucket){.length = BUCKET, .longest_gap = {gaps[SIDE_CLIENT], gaps[SIDE_TARGET]}};
}

/* The bucket takes as much as it has room for, and the life has the rest. */
static void charge(struct waits *waits, uint32_t *in_bucket, enum wait wait, uint64_t time)
{
	*in_bucket += (uint32_t)min_u64(time, BUCKET);
	if (time > BUCKET)
		live(waits, wait, time - BUCKET);
}

static void charge_held(struct waits *waits, enum direction direction, uint64_t time)
{
	enum hold hold = waits->hold[direction];

	if (hold != HOLD_NONE)
		charge(waits, &waits->now.held[direction][hold - 1], held_wait(direction, hold), time);
}

static uint64_t time_until(const struct waits *waits, uint64_t now)
{
	return now > waits->noted ? now - waits->noted : 0;
}

/* Accounts for so much time, except for who is charged for a silence. True if a bucket begins. */
static bool pass(struct waits *waits, uint64_t time)
{
	bool begins = waits->now.length + time > BUCKET;

	if (time >= BUCKET) {
		start_over(waits);
	} else {
		if (begins)
			turn_over(waits);
		waits->now.length += (uint32_t)time;
	}
	charge_held(waits, UPLOAD, time);
	charge_held(waits, DOWNLOAD, time);
	waits->noted += time;
	return begins;
}

/* ---- silences ---- */

/* Who has to say something while all are silent: the end that is open, or who has not spoken last. */
static enum side due(const struct waits *waits)
{
	if (waits->ended)
		return waits->ended == 1U << SIDE_CLIENT   ? SIDE_TARGET
		       : waits->ended == 1U << SIDE_TARGET ? SIDE_CLIENT
		                                           : NOBODY;
	return waits->spoken ? other((enum side)waits->last_from) : NOBODY;
}

static void charge_turn(struct waits *waits, enum side side, uint64_t time)
{
	charge(waits, &waits->now.turn[side], WAIT_TURN + side, time);
	if (waits->now.turns[side] < UINT16_MAX)
		waits->now.turns[side]++;
}

static void charge_speaker(struct waits *waits, enum side side, uint64_t time)
{
	if ((waits->more & 1U << side) && time < OURS)
		return;
	if (waits->spoken && side != (enum side)waits->last_from)
		charge_turn(waits, side, time);
	else
		charge(waits, &waits->now.sending[side], WAIT_SENDING + side, time);
	if (time > waits->now.longest_gap[side])
		waits->now.longest_gap[side] = (uint32_t)min_u64(time, UINT32_MAX);
}

/* Nobody has spoken: it was of no use to wait for the side that is due. */
static void charge_due(struct waits *waits, uint64_t time)
{
	enum side side = due(waits);

	if (side != NOBODY && !waits_is_idle(time, longest_gap(waits, side)))
		charge_turn(waits, side, time);
}

static enum side speaker(const struct waits *waits, const unsigned said[SIDES])
{
	enum side other_side = other((enum side)waits->last_from);

	if (said[other_side] & SAYING_BYTES)
		return other_side;
	return said[waits->last_from] & SAYING_BYTES ? (enum side)waits->last_from : NOBODY;
}

static void end_silence(struct waits *waits, uint64_t time, const unsigned said[SIDES])
{
	enum side side = speaker(waits, said);

	if (side != NOBODY)
		charge_speaker(waits, side, time);
	else if ((said[SIDE_CLIENT] | said[SIDE_TARGET]) & SAYING_END)
		charge_due(waits, time);
}

/* ---- what is known of the sides ---- */

static void set_bit(unsigned *bits, enum side side, bool value)
{
	*bits = value ? *bits | 1U << side : *bits & ~(1U << side);
}

static void hear(struct waits *waits, enum side side, unsigned said)
{
	unsigned more = waits->more;

	if (said & SAYING_BYTES) {
		waits->spoken = true;
		waits->last_from = side == SIDE_TARGET;
		set_bit(&more, side, said & SAYING_MORE);
	}
	waits->more = more;
	if (said & SAYING_END)
		waits->ended |= 1U << side;
}

/* While a source is paused, more may come. */
static void hold_flow(struct waits *waits, enum direction direction, enum hold hold)
{
	if (waits->hold[direction] == HOLD_NONE)
		waits->held_since[direction] = (uint32_t)(waits->noted / 1000);
	if (waits->hold[direction] > HOLD_SINK && hold <= HOLD_SINK)
		waits->more |= 1U << direction;
	waits->hold[direction] = hold;
}

/* If a flow is held from now on, its source has something, even if nothing could be read. */
static unsigned with_held(const struct waits *waits, enum side side, enum hold hold, unsigned said)
{
	return waits->hold[side] == HOLD_NONE && hold != HOLD_NONE ? said | SAYING_BYTES : said;
}

/* ---- outside ---- */

void waits_begin(struct waits *waits, uint64_t now, uint64_t client_ms, uint64_t connecting_ms)
{
	*waits = (struct waits){.noted = now};
	waits->life[WAIT_TURN + SIDE_CLIENT].ms = client_ms;
	waits->life[WAIT_CONNECTING].ms = connecting_ms;
}

bool waits_note(struct waits *waits, uint64_t now, const enum hold hold[DIRECTIONS],
                const unsigned said[SIDES])
{
	const unsigned all[SIDES] = {with_held(waits, SIDE_CLIENT, hold[UPLOAD], said[SIDE_CLIENT]),
	                             with_held(waits, SIDE_TARGET, hold[DOWNLOAD], said[SIDE_TARGET])};
	uint64_t time = time_until(waits, now);
	bool begins = pass(waits, time);

	if (is_silence(waits->hold))
		end_silence(waits, time, all);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		hear(waits, side, all[side]);
		hold_flow(waits, (enum direction)side, hold[side]);
	}
	return begins;
}

static void add_to_window(struct wait_window *window, const struct wait_bucket *bucket)
{
	window->length += bucket->length;
	for (enum direction direction = UPLOAD; direction < DIRECTIONS; direction++)
		for (enum hold hold = HOLD_SINK; hold < HOLDS; hold++)
			window->held[direction][hold] += bucket->held[direction][hold - 1];
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		window->turn[side] += bucket->turn[side];
		window->turns[side] += bucket->turns[side];
		window->sending[side] += bucket->sending[side];
	}
}

static uint64_t held_for(const struct waits *waits, enum direction direction)
{
	uint32_t ms = (uint32_t)(waits->noted / 1000) - waits->held_since[direction];

	return waits->hold[direction] == HOLD_NONE ? 0 : ms * 1000ull;
}

struct wait_window waits_window(const struct waits *waits, uint64_t now)
{
	uint64_t time = time_until(waits, now);
	struct waits then = *waits;
	struct wait_window window = {.spoken = then.spoken, .last_from = (enum side)then.last_from};

	(void)pass(&then, time);
	add_to_window(&window, &then.now);
	if (then.now.length < YOUNG)
		add_to_window(&window, &then.before);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		window.longest_gap[side] = longest_gap(&then, side);
		window.hold[side] = then.hold[side];
		window.held_for[side] = held_for(&then, (enum direction)side);
	}
	window.since = is_silence(then.hold) ? time : max_u64(window.held_for[0], window.held_for[1]);
	return window;
}

struct wait_totals waits_totals(const struct waits *waits, uint64_t now, bool closing)
{
	uint64_t time = time_until(waits, now);
	struct waits then = *waits;
	struct wait_totals totals;

	(void)pass(&then, time);
	if (closing && is_silence(then.hold))
		charge_due(&then, time);
	for (enum wait wait = 0; wait < WAITS; wait++)
		totals.time[wait] = (uint64_t)then.life[wait].ms * 1000;
	add_bucket(&then.now, totals.time);
	return totals;
}
