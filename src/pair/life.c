#include "build_config.h"

#include "pair/life.h"

#include "base/number.h"
#include "pair/verdict_rules.h"

/* What is kept of the life is rounded up to milliseconds. */
#define ROUNDING_US 1000

/* ---- causes and verdicts ---- */

#define OF_CLIENT(cause, why) [(cause) + SIDE_CLIENT] = {BLAME_CLIENT, why}
#define OF_TARGET(cause, why) [(cause) + SIDE_TARGET] = {BLAME_TARGET, why}
#define OF_RELAY(cause, why)  [cause] = {BLAME_RELAY, why}

static const struct verdict verdicts[CAUSES] = {
        OF_CLIENT(CAUSE_READING, WHY_READING),
        OF_TARGET(CAUSE_READING, WHY_READING),
        OF_CLIENT(CAUSE_PATH, WHY_PATH),
        OF_TARGET(CAUSE_PATH, WHY_PATH),
        OF_CLIENT(CAUSE_SENDING, WHY_SENDING),
        OF_TARGET(CAUSE_SENDING, WHY_SENDING),
        OF_CLIENT(CAUSE_TURN, WHY_THINKING),
        OF_TARGET(CAUSE_TURN, WHY_ANSWER),
        OF_RELAY(CAUSE_BUFFER, WHY_BUFFER),
        OF_RELAY(CAUSE_RATE, WHY_RATE),
        OF_RELAY(CAUSE_MEMORY, WHY_MEMORY),
        OF_RELAY(CAUSE_CPU, WHY_CPU),
        OF_CLIENT(CAUSE_UNANSWERED, WHY_UNANSWERED),
        OF_TARGET(CAUSE_UNANSWERED, WHY_UNANSWERED),
        [CAUSE_CONNECTING] = {BLAME_TARGET, WHY_CONNECTING},
};

/* What a verdict says; only the last stretch has the others. */
static enum cause cause_of(struct verdict verdict)
{
	enum cause cause = 0;

	while (cause < CAUSES_KEPT &&
	       (verdicts[cause].slow != verdict.slow || verdicts[cause].why != verdict.why))
		cause++;
	return cause;
}

/* ---- a stretch ---- */

/* Evidence as of a window that is as long as the stretch. No silence runs any more. */
static struct evidence evidence_of(const struct evidence *now, const struct wait_totals *stretch)
{
	struct evidence evidence = *now;

	evidence.window = (struct wait_window){.length = stretch->length};
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		evidence.window.turn[side] = stretch->time[WAIT_TURN + side];
		evidence.window.turns[side] = (double)stretch->turns[side];
		evidence.window.sending[side] = stretch->time[WAIT_SENDING + side];
		evidence.window.typical_gap[side] = now->window.typical_gap[side];
	}
	return evidence;
}

static void add(struct life *life, struct verdict verdict, uint64_t time)
{
	if (time > 0)
		life->time[cause_of(verdict)] += time;
}

static uint64_t without(uint64_t time, uint64_t part)
{
	return time > part ? time - part : 0;
}

/* What the worker itself may have come late is not the side's. */
static void leave_out_lateness(const struct evidence *evidence, struct wait_totals *stretch)
{
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		uint64_t late = verdict_lateness(evidence, side);

		stretch->time[WAIT_TURN + side] = without(stretch->time[WAIT_TURN + side], late);
		stretch->time[WAIT_SENDING + side] = without(stretch->time[WAIT_SENDING + side], late);
	}
}

static void add_side(struct life *life, const struct evidence *evidence, const uint64_t time[WAITS],
                     enum side side)
{
	add(life, verdict_of_sink(evidence, side), time[WAIT_SINK + side]);
	add(life, verdict_of_rate(evidence, side), time[WAIT_RATE + side]);
	add(life, verdict_of_turn(evidence, side), time[WAIT_TURN + side]);
	add(life, verdict_of_sending(evidence, side), time[WAIT_SENDING + side]);
}

/* Whatever else was waited for while a side left unanswered what it was sent, it was waited for that. */
static void add_unanswered(struct life *life, const struct evidence *evidence, struct wait_totals *stretch)
{
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		uint64_t time = min_u64(evidence->side[side].unanswered_ms * 1000, stretch->length);

		if (!verdict_is_gone(&evidence->side[side]))
			continue;
		life->time[CAUSE_UNANSWERED + side] += time;
		for (enum wait wait = 0; wait < WAITS; wait++)
			stretch->time[wait] = min_u64(stretch->time[wait], stretch->length - time);
	}
}

/* What is left, if nobody was waited for because the worker had no CPU to spare. */
static void add_cpu(struct life *life, const struct evidence *evidence, const struct wait_totals *stretch)
{
	uint64_t waited = 0;

	for (enum wait wait = 0; wait < WAITS; wait++)
		waited += stretch->time[wait];
	if (verdict_is_for_cpu(evidence) && stretch->length > waited)
		life->time[evidence->cut_short ? CAUSE_MEMORY : CAUSE_CPU] += stretch->length - waited;
}

/* How long its flow was held, by it or by a limit. */
static uint64_t held_for(const struct wait_totals *stretch, enum side sink)
{
	return stretch->time[WAIT_SINK + sink] + stretch->time[WAIT_RATE + sink];
}

static uint64_t *longer_of(struct wait_totals *stretch, enum side sink)
{
	uint64_t *its = &stretch->time[WAIT_SINK + sink], *limit = &stretch->time[WAIT_RATE + sink];

	return *limit > *its ? limit : its;
}

static void leave_out_held(struct wait_totals *stretch, enum side sink, uint64_t time)
{
	uint64_t *its = &stretch->time[WAIT_SINK + sink], *limit = &stretch->time[WAIT_RATE + sink];
	uint64_t of_limit = without(time, *its);

	*its = without(*its, time);
	*limit = without(*limit, of_limit);
}

/*
 * Sides that block each other are both waited for. While both are, for sure, it is for the one that holds up
 * both, or the limit that does. Where both were for about the same time, that one gets the longer one, and
 * the other one has followed it by more than sums are rounded.
 */
static void charge_blocker(struct wait_totals *stretch)
{
	enum side sink = side_of_sink(stretch->blocker), follows = side_opposite(sink);
	uint64_t its = held_for(stretch, sink), other = held_for(stretch, follows);
	uint64_t *longest = longer_of(stretch, sink), most;

	if (!stretch->blocked)
		return;
	leave_out_held(stretch, follows, verdict_held_together(its, other, stretch->length));
	if (!verdict_is_same(its, other))
		return;
	*longest += without(other, its);
	most = without(*longest, ROUNDING_US);
	stretch->time[WAIT_SINK + follows] = min_u64(stretch->time[WAIT_SINK + follows], most);
	stretch->time[WAIT_RATE + follows] = min_u64(stretch->time[WAIT_RATE + follows], most);
}

/* However short its life was, a pair that never got so far has waited for that. */
static void add_beginning(struct life *life, const struct evidence *evidence, uint64_t connecting)
{
	bool seeks = evidence->state == STATE_CONNECTING;

	life->time[CAUSE_CONNECTING] += seeks ? max_u64(connecting, 1) : connecting;
	if (evidence->state == STATE_WAITING)
		life->time[CAUSE_TURN + SIDE_CLIENT] += 1;
}

void life_add(struct life *life, const struct evidence *now, const struct wait_totals *whole)
{
	struct wait_totals stretch = *whole;
	struct evidence evidence;

	add_unanswered(life, now, &stretch);
	charge_blocker(&stretch);
	evidence = evidence_of(now, &stretch);
	leave_out_lateness(&evidence, &stretch);
	add_beginning(life, now, stretch.time[WAIT_CONNECTING]);
	add_side(life, &evidence, stretch.time, SIDE_CLIENT);
	add_side(life, &evidence, stretch.time, SIDE_TARGET);
	add_cpu(life, &evidence, &stretch);
}

/* Rounded up, so that what is told of a life never gets less. */
void life_keep(struct life_sums *sums, const struct life *life)
{
	for (enum cause cause = 0; cause < CAUSES_KEPT; cause++)
		sums->ms[cause] += (uint32_t)((life->time[cause] + 999) / 1000);
}

void life_recall(struct life *life, const struct life_sums *sums)
{
	for (enum cause cause = 0; cause < CAUSES_KEPT; cause++)
		life->time[cause] += sums->ms[cause] * 1000ull;
}

/* ---- all of it ---- */

static enum cause longest_of_sink(const struct life *life, enum side sink)
{
	return life->time[CAUSE_PATH + sink] > life->time[CAUSE_READING + sink] ? CAUSE_PATH + sink
	                                                                        : CAUSE_READING + sink;
}

static uint64_t time_of_sink(const struct life *life, enum side sink)
{
	return life->time[CAUSE_READING + sink] + life->time[CAUSE_PATH + sink];
}

/*
 * Of two sinks it is the one that was waited for longer, even if the reason was now this and now that. One
 * that only follows it has one reason all the time.
 */
static enum cause longest_of(const struct life *life)
{
	enum cause longest = 0;
	enum side other;

	for (enum cause cause = 1; cause < CAUSES; cause++)
		if (life->time[cause] > life->time[longest])
			longest = cause;
	other = side_opposite((enum side)(longest % SIDES));
	if (longest < CAUSE_SENDING && time_of_sink(life, other) > time_of_sink(life, side_opposite(other)))
		return longest_of_sink(life, other);
	return longest;
}

/* For most of it nothing was waited for. */
static bool was_idle(const struct life *life, enum cause longest)
{
	uint64_t waited = 0;

	for (enum cause cause = 0; cause < CAUSES; cause++)
		waited += life->time[cause];
	return life->length > waited && life->length - waited > life->time[longest];
}

struct verdict life_verdict(const struct life *life)
{
	enum cause longest = longest_of(life);

	if (life->time[longest] == 0 || was_idle(life, longest))
		return (struct verdict){BLAME_NONE, WHY_IDLE};
	return verdicts[longest];
}

uint64_t life_waited(const struct life *life, enum side side)
{
	uint64_t waited = life->time[CAUSE_UNANSWERED + side];

	for (enum cause cause = CAUSE_READING + side; cause < CAUSE_BUFFER; cause += SIDES)
		waited += life->time[cause];
	return side == SIDE_TARGET ? waited + life->time[CAUSE_CONNECTING] : waited;
}
