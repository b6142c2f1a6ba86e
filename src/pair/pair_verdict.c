/*
 * Gathers the evidence of a verdict. What a pair has waited for costs nothing but the additions in waits.c.
 * What TCP knows is counted since a connection began, so what it means lately shows only beside an earlier
 * look. Pairs are looked at every few seconds, and only once they have moved enough to be worth it. Those
 * with small messages are looked at rarely, and those that rest never.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/tcp_state.h"
#include "pair/pair_private.h"
#include "pair/verdict.h"

#include <stdlib.h>

/* Bytes, both ways, that are worth a look, which costs up to four system calls. */
#define WORTH_A_LOOK (64 * 1024)
/* After so long a look is due whatever was moved, as the one before would tell of long ago. */
#define LOOK_AGE_US 30000000
/* What is younger says too little. */
#define LOOK_MIN_US 1000000
/* Bytes flow if some came within this time. */
#define FLOWING_US 1000000

/* What was counted of one side by then. Of what is not needed for long, the lower bits. */
struct side_look {
	uint64_t acknowledged, received;
	uint32_t busy_ms, shut_ms, resent, segments, reordered;
};

struct look {
	uint64_t at; /* clock_us; 0: there was none */
	struct side_look side[SIDES];
};

struct pair_looks {
	uint64_t moved; /* bytes, by the last look */
	struct look last, before;
};

size_t pair_looks_cost(void)
{
	return sizeof(struct pair_looks) + 16; /* the allocator's part */
}

struct tcp_state pair_tcp_state(const struct peer *peer)
{
	return tcp_state(peer->fd >= 0 && pair_is_tcp(peer) ? peer->fd : -1);
}

static const struct peer *peer_of(const struct pair *pair, enum side side)
{
	return side == SIDE_CLIENT ? &pair->client : &pair->target;
}

static uint64_t moved(const struct pair *pair)
{
	return pair->client.from.bytes + pair->target.from.bytes;
}

static struct side_look side_look(const struct tcp_state *tcp)
{
	return (struct side_look){
	        .acknowledged = tcp->acknowledged,
	        .received = tcp->received,
	        .busy_ms = (uint32_t)(tcp->busy / 1000),
	        .shut_ms = (uint32_t)(tcp->shut / 1000),
	        .resent = (uint32_t)tcp->resent,
	        .segments = (uint32_t)tcp->segments,
	        .reordered = (uint32_t)tcp->reordered,
	};
}

static bool is_worth_a_look(const struct pair *pair, uint64_t now)
{
	const struct pair_looks *looks = pair->looks;

	if (!looks)
		return moved(pair) >= WORTH_A_LOOK;
	return moved(pair) - looks->moved >= WORTH_A_LOOK || now - looks->last.at >= LOOK_AGE_US;
}

void pair_look_at_cpu(struct pair_set *set, uint64_t now)
{
	if (cpu_share_is_due(&set->cpu, now))
		cpu_share_note(&set->cpu, now, cpu_time_used());
}

void pair_look(struct pair *pair, uint64_t now)
{
	struct pair_looks *looks;
	struct tcp_state tcp;

	pair_look_at_cpu(pair->set, now);
	if (!is_worth_a_look(pair, now))
		return;
	if (!pair->looks)
		pair->looks = calloc(1, sizeof(*pair->looks));
	looks = pair->looks;
	if (!looks)
		return; /* then all is judged since the pair began */
	looks->moved = moved(pair);
	looks->before = looks->last;
	looks->last.at = now;
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		tcp = pair_tcp_state(peer_of(pair, side));
		looks->last.side[side] = side_look(&tcp);
	}
}

void pair_looks_free(struct pair *pair)
{
	if (pair_is_connected(pair))
		free(pair->looks);
}

/* The one that is compared with; none is known of the time before the pair was connected. */
static const struct look *earlier_look(const struct pair *pair, uint64_t now)
{
	static const struct look none;
	const struct pair_looks *looks = pair_is_connected(pair) ? pair->looks : NULL;

	if (!looks)
		return &none;
	return now - looks->last.at >= LOOK_MIN_US ? &looks->last : &looks->before;
}

static uint64_t more(uint64_t now, uint64_t then)
{
	return now == TCP_UNKNOWN ? TCP_UNKNOWN : now - then;
}

static uint64_t more_of_small(uint64_t now, uint32_t then)
{
	return now == TCP_UNKNOWN ? TCP_UNKNOWN : (uint32_t)now - then;
}

static uint64_t more_of_ms(uint64_t now_us, uint32_t then)
{
	return now_us == TCP_UNKNOWN ? TCP_UNKNOWN : (uint64_t)((uint32_t)(now_us / 1000) - then) * 1000;
}

static struct tcp_change change_since(const struct side_look *then, const struct tcp_state *now,
                                      uint64_t span)
{
	return (struct tcp_change){
	        .span = span,
	        .busy = more_of_ms(now->busy, then->busy_ms),
	        .shut = more_of_ms(now->shut, then->shut_ms),
	        .acknowledged = more(now->acknowledged, then->acknowledged),
	        .resent = more_of_small(now->resent, then->resent),
	        .received = more(now->received, then->received),
	        .segments = more_of_small(now->segments, then->segments),
	        .reordered = more_of_small(now->reordered, then->reordered),
	};
}

static void gather_side(const struct pair *pair, enum side which, const struct tcp_state *tcp, uint64_t now,
                        struct side_evidence *side)
{
	const struct peer *peer = peer_of(pair, which);
	const struct look *then = earlier_look(pair, now);
	uint64_t since = then->at > 0 ? then->at : pair->born * 1000;

	*side = (struct side_evidence){
	        .now = *tcp,
	        .lately = change_since(&then->side[which], tcp, now - min_u64(since, now)),
	        .bounded = pair_opposite(peer)->from.sink_size > 0,
	        .ended = pair_peer_has_ended(peer),
	        .unanswered_ms = pair_unanswered_ms(peer, tcp, clock_ms_of(now)),
	};
}

static bool flows(const struct pair *pair, uint64_t now)
{
	uint64_t read = max_u64(pair->client.from.last_read_us, pair->target.from.last_read_us);

	return read + FLOWING_US > now;
}

static void gather(const struct pair *pair, const struct tcp_state tcp[SIDES], uint64_t now,
                   struct evidence *evidence)
{
	*evidence = (struct evidence){.state = pair_state(pair)};
	if (pair_is_connected(pair))
		evidence->window = waits_window(&pair->waits, now);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		gather_side(pair, side, &tcp[side], now, &evidence->side[side]);
}

/* ---- a record ---- */

static void describe_sink(const struct evidence *evidence, enum direction flow, struct flow_record *record)
{
	const struct side_evidence *sink = &evidence->side[side_of_sink(flow)];
	uint64_t lag = verdict_lag(sink);

	record->sink_queue = sink->now.unacknowledged;
	record->unanswered_ms = sink->unanswered_ms;
	record->paused = verdict_paused(evidence, flow);
	record->lag_ms = lag == TCP_UNKNOWN ? RECORD_UNKNOWN : lag / 1000;
	record->rtt_us = sink->now.rtt;
	record->rwnd = verdict_shut(sink);
	record->retrans = sink->now.resent;
}

static uint64_t since_ms(const struct pair *pair, const struct evidence *evidence, uint64_t now)
{
	if (pair_is_connected(pair))
		return evidence->window.since / 1000;
	return clock_ms_of(now) - (pair_is_entering(pair) ? pair->born : pair->sought_since);
}

static enum blame speaker(const struct wait_window *window)
{
	if (!window->spoken)
		return BLAME_NONE;
	return window->last_from == SIDE_CLIENT ? BLAME_CLIENT : BLAME_TARGET;
}

void pair_verdict_describe(const struct pair *pair, struct cpu_use cpu, struct pair_record *record)
{
	const struct tcp_state tcp[SIDES] = {
	        pair_tcp_state(&pair->client),
	        pair_is_connected(pair) ? pair_tcp_state(&pair->target) : tcp_state(-1),
	};
	uint64_t now = clock_us();
	struct evidence evidence;

	gather(pair, tcp, now, &evidence);
	evidence.cpu = cpu;
	evidence.flows = flows(pair, now);
	record->verdict = verdict_judge(&evidence);
	record->since_ms = since_ms(pair, &evidence, now);
	record->last_from = speaker(&evidence.window);
	record->waited_client = verdict_waited(&evidence, SIDE_CLIENT);
	record->waited_target = verdict_waited(&evidence, SIDE_TARGET);
	describe_sink(&evidence, UPLOAD, &record->flow[UPLOAD]);
	describe_sink(&evidence, DOWNLOAD, &record->flow[DOWNLOAD]);
	if (!pair_is_connected(pair))
		record->flow[UPLOAD].sink_queue = 0; /* there is none */
}

/* ---- a life ---- */

/* TCP is asked only if it can tell more: about a sink. A flow that was paused for memory has one, too. */
static struct tcp_state ask_of(const struct pair *pair, enum side side, enum wait longest)
{
	bool may_be_slow = longest == WAIT_MEMORY || longest == WAIT_SINK + side;

	return may_be_slow ? pair_tcp_state(peer_of(pair, side)) : tcp_state(-1);
}

struct verdict pair_verdict_of_life(const struct pair *pair, const struct wait_totals *life)
{
	enum wait longest = verdict_longest_wait(life);
	const struct tcp_state tcp[SIDES] = {ask_of(pair, SIDE_CLIENT, longest),
	                                     ask_of(pair, SIDE_TARGET, longest)};
	struct evidence evidence;

	gather(pair, tcp, clock_us(), &evidence);
	return verdict_of_life(&evidence, life);
}
