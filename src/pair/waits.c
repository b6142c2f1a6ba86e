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

/* Microseconds; so much time of gaps makes up what is typical, and the unit of the longest one. */
#define TYPICAL  1000000
#define GAP_UNIT 16000

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
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		waits->turns[side] += waits->now.turns[side];
}

/* ---- buckets ---- */

static uint16_t longest_gap(const struct waits *waits, enum side side)
{
	return (uint16_t)max_u64(waits->now.longest_gap[side], waits->before.longest_gap[side]);
}

static uint64_t longest_gap_time(const struct waits *waits, enum side side)
{
	return longest_gap(waits, side) * (uint64_t)GAP_UNIT;
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
	uint16_t gaps[SIDES] = {longest_gap(waits, SIDE_CLIENT), longest_gap(waits, SIDE_TARGET)};

	live_bucket(waits);
	waits->before = (struct wait_bucket){0};
	waits->now = (struct wait_bucket){.longest_gap = {gaps[SIDE_CLIENT], gaps[SIDE_TARGET]}};
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

	if (begins && time >= BUCKET)
		start_over(waits);
	else if (begins)
		turn_over(waits);
	waits->now.length += time < BUCKET ? (uint32_t)time : BUCKET;
	charge_held(waits, UPLOAD, time);
	charge_held(waits, DOWNLOAD, time);
	waits->noted += time;
	return begins;
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

static void note_gap(struct waits *waits, enum side side, uint64_t time)
{
	float gap = (float)min_u64(time, TYPICAL), typical = waits->typical_gap[side];

	if (waits->spoke_last) /* how long it took to begin is typical of nothing */
		waits->typical_gap[side] = typical > 0 ? typical + (gap - typical) * (gap / TYPICAL) : gap;
	if (time > waits->now.longest_gap[side] * (uint64_t)GAP_UNIT)
		waits->now.longest_gap[side] =
		        (uint16_t)min_u64((time + GAP_UNIT - 1) / GAP_UNIT, UINT16_MAX);
}

static void charge_turn(struct waits *waits, enum side side, uint64_t time)
{
	charge(waits, &waits->now.turn[side], WAIT_TURN + side, time);
	if (waits->now.turns[side] < UINT16_MAX)
		waits->now.turns[side]++;
}

static void charge_speaker(struct waits *waits, enum side side, uint64_t time)
{
	if ((waits->more & BIT(side)) && time < OURS)
		return;
	if (waits->spoke_last & ~BIT(side))
		charge_turn(waits, side, time);
	else
		charge(waits, &waits->now.sending[side], WAIT_SENDING + side, time);
	note_gap(waits, side, time);
}

/* It was of no use to wait for the side that is due. Once one has ended, nobody but the other can speak. */
static void charge_due(struct waits *waits, uint64_t time)
{
	enum side side = due(waits);

	if (side != NOBODY && (waits->ended || !waits_is_idle(time, longest_gap_time(waits, side))))
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

static void begin_to_hold(struct waits *waits, enum direction direction)
{
	enum direction opposite = direction == UPLOAD ? DOWNLOAD : UPLOAD;

	waits->held_since[direction] = (uint32_t)(waits->noted / 1000);
	if (waits->hold[opposite] != HOLD_NONE)
		waits->was_held = BIT(opposite);
}

/* While a source is paused, more may come. */
static void hold_flow(struct waits *waits, enum direction direction, enum hold hold)
{
	if (waits->hold[direction] == HOLD_NONE)
		begin_to_hold(waits, direction);
	if (waits->hold[direction] > HOLD_SINK && hold <= HOLD_SINK)
		waits->more |= BIT(direction);
	waits->hold[direction] = hold;
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
	*waits = (struct waits){.noted = now};
	waits->life[WAIT_TURN + SIDE_CLIENT].ms = client_ms;
	waits->life[WAIT_CONNECTING].ms = connecting_ms;
}

bool waits_note(struct waits *waits, uint64_t now, const enum hold hold[DIRECTIONS], unsigned said)
{
	unsigned spoke = (said & BOTH) | begin_to_be_held(waits, hold), ended = said / SAYING_END;
	uint64_t time = time_until(waits, now);
	bool begins = pass(waits, time);

	if (is_silence(waits->hold))
		end_silence(waits, time, spoke, ended);
	hear(waits, spoke, said);
	waits->ended |= ended;
	if (hold[UPLOAD] != waits->hold[UPLOAD])
		hold_flow(waits, UPLOAD, hold[UPLOAD]);
	if (hold[DOWNLOAD] != waits->hold[DOWNLOAD])
		hold_flow(waits, DOWNLOAD, hold[DOWNLOAD]);
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
	struct wait_window window = {.spoken = then.spoke_last};

	(void)pass(&then, time);
	add_to_window(&window, &then.now);
	if (then.now.length < YOUNG || (is_silence(then.hold) && time >= then.now.length))
		add_to_window(&window, &then.before);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		window.longest_gap[side] = longest_gap_time(&then, side);
		window.typical_gap[side] = (uint64_t)then.typical_gap[side];
		window.hold[side] = then.hold[side];
		window.held_for[side] = held_for(&then, (enum direction)side);
	}
	window.last_from = then.spoke_last & BIT(SIDE_TARGET) ? SIDE_TARGET : SIDE_CLIENT;
	window.since = is_silence(then.hold) ? time : max_u64(window.held_for[0], window.held_for[1]);
	return window;
}

/* Without the current bucket. */
static struct wait_totals lived(const struct waits *waits)
{
	struct wait_totals totals = {
	        .turns = {waits->turns[SIDE_CLIENT], waits->turns[SIDE_TARGET]},
	        .both_held = waits->was_held,
	        .was_held = waits->was_held & BIT(DOWNLOAD) ? DOWNLOAD : UPLOAD,
	};

	for (enum wait wait = 0; wait < WAITS; wait++)
		totals.time[wait] = (uint64_t)waits->life[wait].ms * 1000;
	return totals;
}

struct wait_totals waits_totals(const struct waits *waits, uint64_t now, bool closing)
{
	uint64_t time = time_until(waits, now);
	struct waits then = *waits;
	struct wait_totals totals;

	(void)pass(&then, time);
	if (closing && is_silence(then.hold))
		charge_due(&then, time);
	totals = lived(&then);
	add_bucket(&then.now, totals.time);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		totals.turns[side] += then.now.turns[side];
	return totals;
}

struct wait_totals waits_take(struct waits *waits)
{
	struct wait_totals totals = lived(waits);

	totals.time[WAIT_CONNECTING] = 0;
	for (enum wait wait = WAIT_CONNECTING + 1; wait < WAITS; wait++)
		waits->life[wait].ms = 0;
	waits->turns[SIDE_CLIENT] = waits->turns[SIDE_TARGET] = 0;
	return totals;
}

uint64_t waits_for(const struct wait_totals *totals, enum side side)
{
	uint64_t connecting = side == SIDE_TARGET ? totals->time[WAIT_CONNECTING] : 0;

	return connecting + totals->time[WAIT_SINK + side] + totals->time[WAIT_TURN + side] +
	       totals->time[WAIT_SENDING + side];
}
