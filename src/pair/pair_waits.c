/* What the pair waits for, as its flows and its phase show it. */
#include "build_config.h"

#include "base/clock.h"
#include "pair/pair_private.h"

/* A sink that has not taken all of a portion yet is what is waited for, though a limit pauses the source. */
static enum hold describe_hold(const struct flow *flow)
{
	if (flow->pause == PAUSE_HIGH)
		return HOLD_HIGH;
	if (flow->pause == PAUSE_MEMORY)
		return HOLD_MEMORY;
	if (flow->queued > 0)
		return HOLD_SINK;
	return flow->pause == PAUSE_RATE ? HOLD_RATE : HOLD_NONE;
}

static unsigned describe_saying(struct pair *pair, struct flow *flow, enum side side)
{
	unsigned said = flow->spoke ? SAYING_BYTES | (flow->more ? SAYING_MORE : 0) : 0;

	flow->spoke = false;
	return flow->ended && !(pair->waits.ended & 1U << side) ? said | SAYING_END : said;
}

/* Up to a pair's connection: the client had to say something first, then a target was sought. */
static struct waits without_target(const struct pair *pair, uint64_t now_us)
{
	uint64_t now = clock_ms_of(now_us);
	bool seeks = !pair_is_entering(pair) && !pair->turned_away;
	uint64_t since = seeks ? pair->sought_since : now;
	struct waits waits;

	waits_begin(&waits, now_us, since - pair->born, now - since);
	return waits;
}

void pair_waits_begin(struct pair *pair)
{
	pair->waits = without_target(pair, clock_us());
}

void pair_waits_note(struct pair *pair)
{
	struct flow *up = &pair->client.from, *down = &pair->target.from;
	const enum hold hold[DIRECTIONS] = {describe_hold(up), describe_hold(down)};
	const unsigned said[SIDES] = {describe_saying(pair, up, SIDE_CLIENT),
	                              describe_saying(pair, down, SIDE_TARGET)};

	if (!waits_unchanged(&pair->waits, hold, said))
		(void)waits_note(&pair->waits, clock_us(), hold, said);
}

struct wait_totals pair_waits_totals(const struct pair *pair, uint64_t now_us, bool closing)
{
	struct waits waits;

	if (pair_is_connected(pair))
		return waits_totals(&pair->waits, now_us, closing);
	waits = without_target(pair, now_us);
	return waits_totals(&waits, now_us, closing);
}
