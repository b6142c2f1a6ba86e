/* What the pair waits for, as its flows and its phase show it. */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "pair/pair_private.h"

#include <string.h>

/*
 * A pause for memory lasts until the flow's own sink takes something, as one at the high watermark does.
 *
 * A sink that has not taken all of a portion yet is what is waited for, though a limit pauses the source. At
 * the end of a pair that is so until the sink has acknowledged the last byte.
 */
static enum hold describe_hold(const struct peer *source)
{
	const struct flow *flow = &source->from;

	if (flow->pause == PAUSE_HIGH || flow->pause == PAUSE_MEMORY)
		return HOLD_HIGH;
	if (flow->queued > 0 || pair_opposite(source)->owes)
		return HOLD_SINK;
	return flow->pause == PAUSE_RATE ? HOLD_RATE : HOLD_NONE;
}

/*
 * What the source has said since this was last asked. One that was reset may not have been read to its end.
 */
static unsigned hear(struct peer *source, unsigned ended_before)
{
	struct flow *flow = &source->from;
	unsigned said = 0;

	if (flow->spoke)
		said = flow->more ? SAYING_BYTES | SAYING_MORE : SAYING_BYTES;
	if ((flow->ended || pair_peer_failed(source)) && !ended_before)
		said |= SAYING_END;
	flow->spoke = false;
	return said;
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
	uint64_t now = clock_us();

	pair->waits = without_target(pair, now);
	pair_look_at_cpu(pair->set, now);
	pair->looks = NULL; /* where the search for a target was; the last of that is used above */
	pair->block = (struct block_look){.wait = 0};
}

void pair_waits_note(struct pair *pair)
{
	struct flow *up = &pair->client.from, *down = &pair->target.from;
	struct waits *waits = &pair->waits;
	const enum hold hold[DIRECTIONS] = {describe_hold(&pair->client), describe_hold(&pair->target)};
	unsigned said = hear(&pair->client, waits->ended & 1U << SIDE_CLIENT) << SIDE_CLIENT |
	                hear(&pair->target, waits->ended & 1U << SIDE_TARGET) << SIDE_TARGET;
	uint64_t now;

	if (said & (SAYING_BYTES << SIDE_CLIENT | SAYING_BYTES << SIDE_TARGET))
		now = max_u64(up->last_read_us, down->last_read_us);
	else if (said || memcmp(hold, waits->hold, sizeof(hold)) != 0)
		now = clock_us();
	else
		return;
	if (waits_note(waits, now, hold, said))
		pair_look(pair, now);
}

void pair_waits_hear(struct peer *source)
{
	struct flow *flow = &source->from;
	struct pair *pair = source->pair;
	enum side side = source == &pair->client ? SIDE_CLIENT : SIDE_TARGET;

	if (flow->spoke && waits_hear(&pair->waits, flow->last_read_us, side, flow->more))
		pair_look(pair, flow->last_read_us);
	flow->spoke = false;
}

struct wait_totals pair_waits_totals(const struct pair *pair, uint64_t now_us, bool closing)
{
	const struct waits *waits = &pair->waits;
	struct wait_totals totals;
	struct waits without;

	if (!pair_is_connected(pair)) {
		without = without_target(pair, now_us);
		waits = &without;
	}
	totals = waits_totals(waits, now_us, closing);
	totals.length = now_us - min_u64(pair->born * 1000, now_us);
	return totals;
}
