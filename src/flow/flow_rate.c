/*
 * Limits on what a flow reads in a second. Nothing is queued because of them: the source is paused until the
 * flow's next portion is due, and what has come meanwhile stays with the source.
 *
 * A portion that is used up is followed by the next one at once, so that whoever wants more keeps his place
 * in the line. A source that was read empty wants no more. But a bulk flow is only out of step with its
 * source then, as often as not. It rests when nothing has come for a while.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "flow/flow_private.h"

#include <stdlib.h>

#define QUIET_MS 100
/* Who comes later than that has waited for its source, not for the worker. */
#define SLACK_MS 20

/* What a flow has that was ever limited. Where a limit is 0, its share allows everything. */
struct flow_rate {
	struct flow_pauses pauses; /* the first member, so the flow's pointer to its pauses leads here */
	struct flow *flow;
	struct timer timer; /* for the next portion; or, while the flow is not paused for it, to rest */
	struct rate own;
	struct rate_share of_own, of_all;
	uint64_t room, spent; /* bytes of the read that is under way */
	uint64_t held_until;  /* clock_ms at which the last pause ended */
};

static struct flow_rate *rate_of(const struct flow *flow)
{
	return (struct flow_rate *)(void *)flow->pauses;
}

/* ---- asking ---- */

/*
 * How much may be read now; 0: not before *next. While its own rate has nothing for it, others need not wait
 * for it.
 */
static uint64_t ask(struct flow_rate *rate, uint64_t *next)
{
	uint64_t now = clock_ms(), own = rate_allows(&rate->of_own, now), shared;

	if (own == 0) {
		rate_rest(&rate->of_all);
		*next = rate_next(&rate->of_own, now);
		return 0;
	}
	shared = rate_allows(&rate->of_all, now);
	if (shared == 0)
		*next = rate_next(&rate->of_all, now);
	return min_u64(own, shared);
}

static void set_timer(struct flow_rate *rate, uint64_t at)
{
	int error = timers_set(rate->flow->io->rates, &rate->timer, at);

	if (error)
		flow_fail(rate->flow, error);
}

/*
 * Nothing has come for a while. It could rest, so no more than a burst may be saved for it. Not if it was
 * held back until now, and only its turn comes late.
 */
static bool was_quiet(const struct flow *flow)
{
	return timer_due(&rate_of(flow)->timer) != TIMERS_NEVER &&
	       clock_ms() > clock_ms_of(flow->last_read_us) + SLACK_MS;
}

uint64_t flow_rate_begin(struct flow *flow)
{
	struct flow_rate *rate = rate_of(flow);
	uint64_t next = 0;

	if (was_quiet(flow))
		flow_rate_rest(flow);
	rate->spent = 0;
	rate->room = ask(rate, &next);
	if (rate->room > 0)
		return rate->room;
	set_timer(rate, next);
	flow_pause_begin(flow, PAUSE_RATE);
	return 0;
}

void flow_rate_spend(struct flow *flow, uint64_t bytes)
{
	struct flow_rate *rate = rate_of(flow);

	rate->spent += bytes;
	rate_spend(&rate->of_own, bytes);
	rate_spend(&rate->of_all, bytes);
}

void flow_rate_end(struct flow *flow, uint64_t asked)
{
	struct flow_rate *rate = rate_of(flow);

	if (!flow_reads(flow))
		return;
	if (rate->spent == rate->room)
		(void)flow_rate_begin(flow);
	else if (rate->spent == 0 || (!flow->bulk && rate->spent < asked))
		flow_rate_rest(flow);
	else if (timer_due(&rate->timer) == TIMERS_NEVER)
		set_timer(rate, clock_ms() + QUIET_MS);
}

void flow_rate_rest(struct flow *flow)
{
	struct flow_rate *rate = rate_of(flow);

	timers_stop(flow->io->rates, &rate->timer);
	rate_rest(&rate->of_own);
	rate_rest(&rate->of_all);
}

/* ---- the timer ---- */

static void rest_if_quiet(struct flow *flow)
{
	uint64_t at = clock_ms_of(flow->last_read_us) + QUIET_MS;

	if (clock_ms() < at)
		set_timer(rate_of(flow), at);
	else
		flow_rate_rest(flow);
}

void flow_rate_due(struct timer *timer)
{
	struct flow_rate *rate =
	        (struct flow_rate *)(void *)((char *)timer - offsetof(struct flow_rate, timer));
	struct flow *flow = rate->flow;
	uint64_t next = 0;

	if (flow->pause != PAUSE_RATE) {
		rest_if_quiet(flow);
	} else if (ask(rate, &next) > 0) {
		flow_pause_end(flow);
		rate->held_until = clock_ms();
		flow_source_readable(flow);
		return;
	} else {
		set_timer(rate, next);
	}
	if (flow->fault)
		flow->io->settle(flow);
}

/* ---- limits ---- */

uint64_t flow_rate_held_until(const struct flow *flow)
{
	return flow->pause == PAUSE_RATE ? clock_ms() : rate_of(flow)->held_until;
}

static int begin(struct flow *flow, const _Atomic uint64_t *own, struct rate *of_all)
{
	struct flow_rate *rate = calloc(1, sizeof(*rate));

	if (!rate)
		return -ENOMEM;
	if (flow->pauses)
		rate->pauses = *flow->pauses;
	rate->flow = flow;
	rate_init(&rate->own, own);
	rate_share_init(&rate->of_own, &rate->own);
	rate_share_init(&rate->of_all, of_all);
	free(flow->pauses);
	flow->pauses = &rate->pauses;
	flow->limited = true;
	return 0;
}

void flow_limit_rate(struct flow *flow, const _Atomic uint64_t *own, struct rate *of_all)
{
	bool limited = atomic_load_explicit(own, memory_order_relaxed) > 0 || rate_is_limited(of_all);

	if (flow->pause == PAUSE_RATE) /* the limit may be another one now */
		set_timer(rate_of(flow), clock_ms());
	if (flow->limited || !limited)
		return;
	if (begin(flow, own, of_all) < 0)
		flow_fail(flow, -ENOMEM);
}

uint64_t flow_rate_cost(void)
{
	return sizeof(struct flow_rate);
}

/* ---- its state ---- */

struct rate_state {
	struct rate_share own, all;
	uint64_t held_until, due; /* clock_ms */
	int64_t line;             /* of its own rate */
};

STATE_COVERS(struct rate_share, 56);
STATE_COVERS(struct flow_rate, 216);

#define SHARE_FIELDS(share)                                                                                  \
	STATE_NAMED(#share "_left", struct rate_state, share.left, STATE_U64),                               \
	        STATE_NAMED(#share "_price", struct rate_state, share.price, STATE_U64),                     \
	        STATE_NAMED(#share "_due", struct rate_state, share.due, STATE_INT),                         \
	        STATE_NAMED(#share "_moved", struct rate_state, share.moved, STATE_U64),                     \
	        STATE_NAMED(#share "_moved_before", struct rate_state, share.moved_before, STATE_U64),       \
	        STATE_NAMED(#share "_wants", struct rate_state, share.wants, STATE_BOOL)

static const struct state_field rate_fields[] = {
        SHARE_FIELDS(own),
        SHARE_FIELDS(all),
        STATE_FIELD(struct rate_state, held_until, STATE_U64),
        STATE_FIELD(struct rate_state, due, STATE_U64),
        STATE_FIELD(struct rate_state, line, STATE_INT),
        STATE_FIELDS_END,
};
static const struct state_kind rate_kind = STATE_KIND("rate", struct rate_state, rate_fields);

void flow_rate_save(const struct flow *flow, struct state_writer *writer)
{
	const struct flow_rate *rate = rate_of(flow);
	struct rate_state state = {
	        .own = rate->of_own,
	        .all = rate->of_all,
	        .held_until = rate->held_until,
	        .line = rate_line(&rate->own),
	};

	if (timer_due(&rate->timer) != TIMERS_NEVER)
		state.due = timer_due(&rate->timer);
	state_put(writer, &rate_kind, &state);
}

/* What a rate reckons with, without overflow. */
static bool is_possible(const struct rate_share *share, int64_t line)
{
	bool has_portion = share->price > 0 && share->price <= RATE_MAX && share->left <= RATE_MAX;

	return (share->left == 0 || has_portion) && llabs(share->due) < INT64_MAX / 4 &&
	       llabs(line) < INT64_MAX / 4;
}

int flow_rate_restore(struct flow *flow, const _Atomic uint64_t *own, struct rate *of_all,
                      struct state_reader *reader)
{
	struct rate_state state;
	struct flow_rate *rate;

	if (!state_is_next(reader, &rate_kind))
		return 0;
	if (!state_get(reader, &rate_kind, &state) || !is_possible(&state.own, state.line) ||
	    !is_possible(&state.all, 0))
		return -EPROTO;
	if (begin(flow, own, of_all) < 0)
		return -ENOMEM;
	rate = rate_of(flow);
	rate_restore(&rate->own, state.line);
	rate_share_restore(&rate->of_own, &rate->own, &state.own);
	rate_share_restore(&rate->of_all, of_all, &state.all);
	rate->held_until = state.held_until;
	return state.due ? timers_set(flow->io->rates, &rate->timer, state.due) : 0;
}
