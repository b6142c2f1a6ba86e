/* When to look at a pair next, and whether its time is up. */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

struct deadline {
	uint64_t at; /* clock_ms */
	enum reason reason;
	const struct peer *sink; /* the one that takes nothing, if it is because of that */
	bool is_final;           /* whatever happens meanwhile */
};

uint64_t pair_last_activity(const struct pair *pair)
{
	const struct flow *up = &pair->client.from, *down = &pair->target.from;

	uint64_t acknowledged = pair->phase == PHASE_ENDING ? pair->acknowledged_at : 0;

	return max_u64(max_u64(clock_ms_of(max_u64(up->last_read_us, down->last_read_us)),
	                       max_u64(up->last_progress, down->last_progress)),
	               max_u64(acknowledged, pair->born));
}

/* While weir itself holds a flow back, nobody can tell whether its source has more to say. */
static uint64_t last_sign_of_life(const struct pair *pair)
{
	uint64_t held = max_u64(flow_held_until(&pair->client.from), flow_held_until(&pair->target.from));

	return max_u64(pair_last_activity(pair), held);
}

/* Not once both ends were passed on: nobody is waited for to end then, only to acknowledge. */
static bool half_closed(const struct pair *pair)
{
	bool over = pair->client.from.sink == SINK_ENDED && pair->target.from.sink == SINK_ENDED;

	return !over && (pair_peer_has_ended(&pair->client) || pair_peer_has_ended(&pair->target));
}

/* The end itself, or the last byte after it. */
static uint64_t half_closed_since(const struct pair *pair)
{
	return max_u64(last_sign_of_life(pair), max_u64(pair->client.from.ended, pair->target.from.ended));
}

/* timeout 0: never */
static void consider(struct deadline *deadline, uint64_t since, uint64_t timeout, enum reason reason)
{
	if (timeout > 0 && since + timeout < deadline->at)
		*deadline = (struct deadline){.at = since + timeout, .reason = reason};
}

static void consider_stall(struct deadline *deadline, const struct peer *sink, uint64_t timeout)
{
	uint64_t before = deadline->at;

	consider(deadline, pair_opposite(sink)->from.last_progress, timeout, REASON_STALL_TIMEOUT);
	if (deadline->at < before)
		deadline->sink = sink;
}

/* A client may wait for the first address of a target for connect_timeout, and be held for retry_time. */
static struct deadline connecting_deadline(const struct pair *pair)
{
	const struct config_relay *config = pair->relay->config;
	struct deadline deadline = {.at = PAIR_NEVER};

	if (pair->retries)
		consider(&deadline, pair->sought_since, config->retry_time, REASON_CONNECT_TIMEOUT);
	if (!pair_is_held(pair))
		consider(&deadline, pair->attempt_began, config->connect_timeout, REASON_CONNECT_TIMEOUT);
	else if (!pair->retries)
		consider(&deadline, pair->sought_since, config->connect_timeout, REASON_CONNECT_TIMEOUT);
	return deadline;
}

static struct deadline entry_deadline(const struct pair *pair)
{
	const struct config_relay *config = pair->relay->config;
	struct deadline deadline = {.at = PAIR_NEVER};

	if (pair->phase == PHASE_HEADER)
		consider(&deadline, pair->born, config->proxy_header_timeout, REASON_BAD_PROXY_HEADER);
	else
		consider(&deadline, pair->born, config->idle_timeout, REASON_IDLE_TIMEOUT);
	return deadline;
}

static struct deadline connected_deadline(const struct pair *pair)
{
	const struct config_relay *config = pair->relay->config;
	struct deadline deadline = {.at = PAIR_NEVER};

	consider(&deadline, last_sign_of_life(pair), config->idle_timeout, REASON_IDLE_TIMEOUT);
	if (half_closed(pair))
		consider(&deadline, half_closed_since(pair), config->half_close_timeout,
		         REASON_HALF_CLOSE_TIMEOUT);
	if (flow_has_backlog(&pair->target.from))
		consider_stall(&deadline, &pair->client, config->stall_timeout);
	if (flow_has_backlog(&pair->client.from))
		consider_stall(&deadline, &pair->target, config->stall_timeout);
	if (pair->phase == PHASE_ENDING)
		consider(&deadline, pair->acknowledged_at, config->stall_timeout, REASON_STALL_TIMEOUT);
	return deadline;
}

static struct deadline deadline_of_phase(const struct pair *pair)
{
	if (pair_is_connected(pair))
		return connected_deadline(pair);
	return pair_is_entering(pair) ? entry_deadline(pair) : connecting_deadline(pair);
}

static struct deadline next_deadline(const struct pair *pair)
{
	struct deadline deadline = deadline_of_phase(pair);
	uint64_t before = deadline.at;

	consider(&deadline, pair->born, pair->relay->config->max_duration, REASON_MAX_DURATION);
	deadline.is_final = deadline.at < before;
	return deadline;
}

/* When the pair must be looked at next, even if no event comes. */
static uint64_t next_look(struct pair *pair)
{
	uint64_t looks =
	        min_u64(pair_vanish_next(pair), min_u64(pair_rate_next(pair), pair_block_next(pair)));
	uint64_t at = min_u64(next_deadline(pair).at, looks), soon = PAIR_NEVER;

	if (pair->phase == PHASE_FAILING || pair->phase == PHASE_ENDING)
		soon = clock_ms() + pair->look.wait;
	else if (pair->phase == PHASE_WAITING)
		soon = clock_ms() + pair_connect_wait(pair);
	else if (pair_is_held(pair))
		soon = pair_hold_next(pair);
	return min_u64(soon, at);
}

static bool peer_has_news(const struct pair *pair, const struct peer *peer)
{
	bool connecting = pair->phase == PHASE_CONNECTING && peer == &pair->target;
	bool awaited = pair_is_entering(pair) && peer == &pair->client;

	if ((flow_reads(&peer->from) || awaited) && stream_is_readable(peer->fd))
		return true;
	return (flow_has_backlog(&pair_opposite(peer)->from) || connecting) && stream_is_writable(peer->fd);
}

/*
 * An event that the pair waits for has come but was not handled yet. The daemon was late then (stopped, or
 * short of CPU), and no pair may time out because of that. For a flow that is stuck, only its own sink
 * counts: the other flow may always have something to read.
 */
static bool has_news(struct pair *pair, const struct deadline *deadline)
{
	if (deadline->is_final)
		return false;
	if (pair->phase == PHASE_ENDING && pair_unacknowledged(pair) < pair->unacknowledged)
		return true;
	if (deadline->sink)
		return stream_is_writable(deadline->sink->fd);
	return peer_has_news(pair, &pair->client) || peer_has_news(pair, &pair->target);
}

enum reason pair_expired(struct pair *pair)
{
	struct deadline deadline = next_deadline(pair);

	return clock_ms() >= deadline.at && !has_news(pair, &deadline) ? deadline.reason : REASON_NONE;
}

int pair_arm_timer(struct pair *pair)
{
	uint64_t at = next_look(pair);

	return at < timer_due(&pair->timer) ? timers_set(&pair->set->timers, &pair->timer, at) : 0;
}
