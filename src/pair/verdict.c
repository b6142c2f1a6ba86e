/*
 * The first rule that holds decides:
 *
 *   not connected                       the client, if it must speak first; else the target
 *   a peer's TCP answers nothing        that peer
 *   a flow is held, paused or lags      its sink, the path to it, or something of ours
 *   the silence is long for this pair   nobody: idle
 *   half of the window was silence      whoever has ended it, or its path, or our receive buffer
 *   the worker's CPU is full            we; for lack of memory if that makes the pieces small
 *
 * What the kernel does not tell never makes a rule hold.
 */
#include "build_config.h"

#include "pair/verdict.h"

#include "base/number.h"
#include "pair/verdict_rules.h"

static struct verdict of_side(enum side side, enum why why)
{
	return (struct verdict){.slow = side == SIDE_CLIENT ? BLAME_CLIENT : BLAME_TARGET, .why = why};
}

static struct verdict of_relay(enum why why)
{
	return (struct verdict){.slow = BLAME_RELAY, .why = why};
}

static const struct verdict nobody = {.slow = BLAME_NONE, .why = WHY_IDLE};

/* ---- a side that says nothing, or not enough ---- */

/* What its silences have cost, the one that is running included if it is due. */
struct silence {
	uint64_t turn, sending;
};

/* Only one can still say something, so for as long as it says nothing it is waited for. */
static bool is_half_closed(const struct evidence *evidence)
{
	return evidence->side[SIDE_CLIENT].ended != evidence->side[SIDE_TARGET].ended;
}

/* Both have ended, or nobody has begun. */
static bool nobody_is_due(const struct evidence *evidence)
{
	return !is_half_closed(evidence) && (evidence->side[SIDE_CLIENT].ended || !evidence->window.spoken);
}

static bool knows_nothing(const struct wait_window *window)
{
	return window->turn[SIDE_CLIENT] + window->turn[SIDE_TARGET] + window->sending[SIDE_CLIENT] +
	               window->sending[SIDE_TARGET] ==
	       0;
}

/* While nothing is known of the window but that all were silent: the one that used to take longer. */
static enum side slower(const struct wait_window *window)
{
	enum side last = window->last_from, next = side_opposite(last);

	return window->longest_gap[last] > window->longest_gap[next] ? last : next;
}

/* A silence that is long leaves little of its sums in the window, and then its longest gap tells. */
static bool goes_on(const struct wait_window *window, enum side side)
{
	return 2 * window->sending[side] >= window->since ||
	       (window->since >= LONG_SILENCE_US && window->longest_gap[side] >= window->since);
}

/*
 * Who is due to end the silence: whoever is still open, or else as before: after the one that spoke last it
 * was the other's turn, unless that one used to go on itself.
 */
static enum side due(const struct evidence *evidence)
{
	const struct wait_window *window = &evidence->window;
	enum side last = window->last_from, next = side_opposite(last);

	if (is_half_closed(evidence))
		return evidence->side[SIDE_CLIENT].ended ? SIDE_TARGET : SIDE_CLIENT;
	if (knows_nothing(window))
		return slower(window);
	return window->sending[last] > window->turn[next] && goes_on(window, last) ? last : next;
}

static bool is_silent(const struct wait_window *window)
{
	return window->hold[UPLOAD] == HOLD_NONE && window->hold[DOWNLOAD] == HOLD_NONE;
}

static bool is_idle(const struct evidence *evidence)
{
	const struct wait_window *window = &evidence->window;

	if (!is_silent(window) || is_half_closed(evidence))
		return false;
	if (nobody_is_due(evidence))
		return true;
	return waits_is_idle(window->since, window->longest_gap[due(evidence)]);
}

static struct silence silence_of(const struct evidence *evidence, enum side side)
{
	const struct wait_window *window = &evidence->window;
	struct silence silence = {.turn = window->turn[side], .sending = window->sending[side]};
	uint64_t running = min_u64(window->since, window->length);

	if (!is_silent(window) || is_idle(evidence) || due(evidence) != side)
		return silence;
	if (!window->spoken || window->last_from != side)
		silence.turn += running;
	else
		silence.sending += running;
	return silence;
}

/* It has answered, or thought, no longer than its path takes. */
static bool takes_one_trip(const struct evidence *evidence, enum side side)
{
	const struct side_evidence *its = &evidence->side[side];
	const struct wait_window *window = &evidence->window;

	return !verdict_is_local(its) && window->turns[side] > 0 &&
	       (double)window->turn[side] * 1000 <= window->turns[side] * (double)its->now.rtt_min * TURN_RTT;
}

/* Nobody answers what has not come: for most of its turns that was still on its way. */
static bool waits_for_the_question(const struct evidence *evidence, enum side side)
{
	const struct side_evidence *its = &evidence->side[side];
	const struct wait_window *window = &evidence->window;
	uint64_t turn = silence_of(evidence, side).turn;

	return turn > 0 && !verdict_is_local(its) &&
	       4 * verdict_still_coming(its, window->length) >= 3 * turn &&
	       window->typical_gap[side] >= its->now.rtt_min + ACK_DELAY_US;
}

struct verdict verdict_of_turn(const struct evidence *evidence, enum side side)
{
	if (waits_for_the_question(evidence, side))
		return of_side(side, verdict_is_shut(&evidence->side[side]) ? WHY_READING : WHY_PATH);
	if (takes_one_trip(evidence, side))
		return of_side(side, WHY_PATH);
	return of_side(side, side == SIDE_TARGET ? WHY_ANSWER : WHY_THINKING);
}

struct verdict verdict_of_sending(const struct evidence *evidence, enum side side)
{
	const struct side_evidence *its = &evidence->side[side];

	if (verdict_fills_our_window(its))
		return of_relay(WHY_BUFFER);
	if (verdict_fills_its_path(its) && evidence->window.typical_gap[side] <= verdict_path_gap(its))
		return of_side(side, WHY_PATH);
	return of_side(side, WHY_SENDING);
}

static struct verdict judge_source(const struct evidence *evidence, enum side side)
{
	const struct silence silence = silence_of(evidence, side);

	return silence.turn >= silence.sending ? verdict_of_turn(evidence, side)
	                                       : verdict_of_sending(evidence, side);
}

static uint64_t waited_for(const struct evidence *evidence, enum side side)
{
	const struct silence silence = silence_of(evidence, side);

	return silence.turn + silence.sending;
}

static enum side waited_for_longer(const struct evidence *evidence)
{
	return waited_for(evidence, SIDE_CLIENT) > waited_for(evidence, SIDE_TARGET) ? SIDE_CLIENT
	                                                                             : SIDE_TARGET;
}

uint64_t verdict_lateness(const struct evidence *evidence, enum side side)
{
	const struct wait_window *window = &evidence->window;
	uint64_t gap = window->typical_gap[side];

	if (evidence->cpu.wanted >= CPU_FULL && gap < CPU_FULL_GAP_US)
		return window->length;
	return gap < CPU_READY_GAP_US ? window->length * evidence->cpu.ready / 1000 : 0;
}

static bool is_waited_for(const struct evidence *evidence, enum side side)
{
	uint64_t waited = waited_for(evidence, side), late = verdict_lateness(evidence, side);

	return waited > late && verdict_is_share(waited - late, WAIT_SHARE, evidence->window.length);
}

/* ---- a flow that its sink, or something of ours, holds up ---- */

static uint64_t paused(const struct wait_window *window, enum direction flow)
{
	const uint64_t *held = window->held[flow];

	return held[HOLD_HIGH] + held[HOLD_RATE];
}

static uint64_t held(const struct wait_window *window, enum direction flow)
{
	return window->held[flow][HOLD_SINK] + paused(window, flow);
}

static bool is_limited_by_rate(const struct wait_window *window, enum direction flow)
{
	return 2 * window->held[flow][HOLD_RATE] > held(window, flow);
}

/* A source that is paused for some of the time is not limited by that if it says nothing for longer. */
static bool is_held_up(const struct evidence *evidence, enum direction flow)
{
	const struct wait_window *window = &evidence->window;
	uint64_t time = held(window, flow);

	return verdict_is_share(time, WAIT_SHARE, window->length) ||
	       (verdict_is_share(paused(window, flow), PAUSED_SHARE, window->length) &&
	        time > waited_for(evidence, (enum side)flow));
}

/* A queue shows that it is the sink that is slow only if what the kernel has for the sink stays there too. */
static bool may_be_held_up(const struct evidence *evidence, enum direction flow)
{
	const struct side_evidence *sink = &evidence->side[side_of_sink(flow)];

	return is_limited_by_rate(&evidence->window, flow) || !verdict_takes_at_once(sink) ||
	       verdict_fills_our_buffer(sink);
}

static bool is_limited(const struct evidence *evidence, enum direction flow)
{
	return verdict_lags(&evidence->side[side_of_sink(flow)]) ||
	       (is_held_up(evidence, flow) && may_be_held_up(evidence, flow));
}

/* While peers block each other, both are held by the one that holds up both. Does that explain it all? */
static bool follows(const struct wait_window *window, enum direction blocker)
{
	uint64_t its = held(window, blocker), other = held(window, direction_opposite(blocker));
	uint64_t together = verdict_held_together(its, other, window->length);

	return verdict_is_same(its, other) || other <= its + together;
}

/* If both are: the one that was for longer. */
static enum direction held_longer(const struct wait_window *window)
{
	if (window->blocked && follows(window, window->blocker))
		return window->blocker;
	return held(window, UPLOAD) > held(window, DOWNLOAD) ? UPLOAD : DOWNLOAD;
}

struct verdict verdict_of_sink(const struct evidence *evidence, enum side side)
{
	const struct side_evidence *sink = &evidence->side[side];

	if (!sink->now.known || verdict_is_shut(sink))
		return of_side(side, WHY_READING);
	if (verdict_fills_our_buffer(sink))
		return of_relay(WHY_BUFFER);
	return of_side(side, verdict_is_local(sink) ? WHY_READING : WHY_PATH);
}

struct verdict verdict_of_rate(const struct evidence *evidence, enum side side)
{
	return verdict_is_behind(&evidence->side[side]) ? verdict_of_sink(evidence, side)
	                                                : of_relay(WHY_RATE);
}

static struct verdict judge_held(const struct evidence *evidence, enum direction flow)
{
	return is_limited_by_rate(&evidence->window, flow) ? verdict_of_rate(evidence, side_of_sink(flow))
	                                                   : verdict_of_sink(evidence, side_of_sink(flow));
}

/* ---- together ---- */

static uint64_t permille(uint64_t part, uint64_t whole)
{
	return whole == 0 ? 0 : min_u64(part * 1000 / whole, 1000); /* what is of the window is rounded */
}

uint64_t verdict_paused(const struct evidence *evidence, enum direction flow)
{
	return permille(paused(&evidence->window, flow), evidence->window.length);
}

/* A limit on the rate counts where it is the sink that does not keep up. */
static uint64_t held_by(const struct evidence *evidence, enum side sink)
{
	const uint64_t *held = evidence->window.held[side_opposite(sink)];
	uint64_t limited = verdict_of_rate(evidence, sink).slow == BLAME_RELAY ? 0 : held[HOLD_RATE];

	return held[HOLD_SINK] + held[HOLD_HIGH] + limited;
}

uint64_t verdict_waited(const struct evidence *evidence, enum side side)
{
	if (evidence->state == STATE_WAITING)
		return side == SIDE_CLIENT ? 1000 : 0;
	if (evidence->state == STATE_CONNECTING)
		return side == SIDE_TARGET ? 1000 : 0;
	return permille(waited_for(evidence, side) + held_by(evidence, side), evidence->window.length);
}

/* What is certain at once. True if anything is. */
static bool judge_plain(const struct evidence *evidence, struct verdict *verdict)
{
	if (evidence->state == STATE_WAITING)
		*verdict = of_side(SIDE_CLIENT, WHY_THINKING);
	else if (evidence->state == STATE_CONNECTING)
		*verdict = of_side(SIDE_TARGET, WHY_CONNECTING);
	else if (verdict_is_gone(&evidence->side[SIDE_CLIENT]))
		*verdict = of_side(SIDE_CLIENT, WHY_UNANSWERED);
	else if (verdict_is_gone(&evidence->side[SIDE_TARGET]))
		*verdict = of_side(SIDE_TARGET, WHY_UNANSWERED);
	else
		return false;
	return true;
}

bool verdict_is_for_cpu(const struct evidence *evidence)
{
	return evidence->flows && evidence->cpu.wanted >= CPU_FULL;
}

struct verdict verdict_judge(const struct evidence *evidence)
{
	bool up = is_limited(evidence, UPLOAD), down = is_limited(evidence, DOWNLOAD);
	enum side side = waited_for_longer(evidence);
	struct verdict verdict;

	if (judge_plain(evidence, &verdict))
		return verdict;
	if (up && down)
		return judge_held(evidence, held_longer(&evidence->window));
	if (up || down)
		return judge_held(evidence, up ? UPLOAD : DOWNLOAD);
	if (is_idle(evidence))
		return nobody;
	if (is_waited_for(evidence, side))
		return judge_source(evidence, side);
	if (verdict_is_for_cpu(evidence))
		return of_relay(evidence->cut_short ? WHY_MEMORY : WHY_CPU);
	return nobody;
}

bool verdict_is_certain(const struct evidence *evidence)
{
	if (evidence->state == STATE_WAITING || evidence->state == STATE_CONNECTING)
		return true;
	return is_idle(evidence) && !is_held_up(evidence, UPLOAD) && !is_held_up(evidence, DOWNLOAD);
}
