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
#include "pair/life.h"
#include "pair/pair_looks.h"
#include "pair/pair_private.h"
#include "pair/verdict_rules.h"

#include <stdlib.h>

/* Bytes, both ways, that are worth a look, which costs up to four system calls. */
#define WORTH_A_LOOK (64 * 1024)
/* After so long a look is due whatever was moved, as the one before would tell of long ago. */
#define LOOK_AGE_US 30000000
/* Microseconds before a look. What it keeps is what was counted by then, if all came evenly until now. */
#define LOOK_BACK_US 1500000
/* Bytes that are counted as one: 32 bits of these come in no 3 s, nor do they come without a look. */
#define UNIT 16
/*
 * Microseconds. At the end of a pair TCP is asked about a side that was waited for, for so long at least. A
 * path that matters takes longer.
 */
#define WORTH_ASKING_US 1000
/* Moments at which the CPU was looked at tell of now if the last one is no older. */
#define CPU_AGE_US 6000000
/* After a life so long, it is asked about both: one may have left unanswered what it was sent. */
#define LONG_LIFE_US 3000000
/* Bytes flow if some came within this time. */
#define FLOWING_US 1000000

size_t pair_looks_cost(void)
{
	return sizeof(struct pair_looks) + 8; /* the allocator's part */
}

struct tcp_state pair_tcp_state(const struct peer *peer)
{
	return tcp_state(peer->fd >= 0 && pair_is_tcp(peer) ? peer->fd : -1);
}

static const struct peer *peer_of(const struct pair *pair, enum side side)
{
	return side == SIDE_CLIENT ? &pair->client : &pair->target;
}

static const struct pair_looks *looks_of(const struct pair *pair)
{
	return pair_is_connected(pair) ? pair->looks : NULL;
}

static uint64_t moved(const struct pair *pair)
{
	return pair->client.from.bytes + pair->target.from.bytes;
}

/* Microseconds, and milliseconds as a part of them; without a look it is the pair's. */
static uint64_t look_age(const struct pair *pair, uint64_t now)
{
	const struct pair_looks *looks = looks_of(pair);
	uint64_t ms = clock_ms_of(now);

	return (looks && looks->at > 0 ? (uint32_t)ms - looks->at : ms - min_u64(pair->born, ms)) * 1000 +
	       now % 1000;
}

static bool is_worth_a_look(const struct pair *pair, uint64_t now)
{
	const struct pair_looks *looks = pair->looks;

	if (!looks)
		return moved(pair) >= WORTH_A_LOOK;
	return (uint32_t)moved(pair) - looks->moved >= WORTH_A_LOOK || look_age(pair, now) >= LOOK_AGE_US;
}

void pair_look_at_cpu(struct pair_set *set, uint64_t now)
{
	if (cpu_share_is_due(&set->cpu, now))
		cpu_share_note(&set->cpu, now, cpu_time_used());
}

void pair_looks_free(struct pair *pair)
{
	if (pair_is_connected(pair))
		free(pair->looks);
}

void pair_tcp_states(const struct pair *pair, struct tcp_state tcp[SIDES])
{
	tcp[SIDE_CLIENT] = pair_tcp_state(&pair->client);
	tcp[SIDE_TARGET] = pair_is_connected(pair) ? pair_tcp_state(&pair->target) : tcp_state(-1);
}

static uint64_t more(uint64_t now, uint32_t then)
{
	return now == TCP_UNKNOWN ? TCP_UNKNOWN : (uint32_t)now - then;
}

static uint64_t more_of_few(uint64_t now, uint16_t then)
{
	return now == TCP_UNKNOWN ? TCP_UNKNOWN : (uint16_t)(now - then);
}

static uint64_t more_of_unit(uint64_t now, uint32_t then, uint64_t unit)
{
	return now == TCP_UNKNOWN ? TCP_UNKNOWN : (uint64_t)((uint32_t)(now / unit) - then) * unit;
}

static struct tcp_change change_since(const struct side_look *then, const struct tcp_state *now,
                                      uint64_t span)
{
	return (struct tcp_change){
	        .span = span,
	        .busy = more_of_unit(now->busy, then->busy_ms, 1000),
	        .shut = more_of_unit(now->shut, then->shut_ms, 1000),
	        .acknowledged = more_of_unit(now->acknowledged, then->acknowledged, UNIT),
	        .resent = more_of_few(now->resent, then->resent),
	        .received = more_of_unit(now->received, then->received, UNIT),
	        .segments = more(now->segments, then->segments),
	        .reordered = more_of_few(now->reordered, then->reordered),
	};
}

static void gather_side(const struct pair *pair, enum side which, const struct tcp_state *tcp, uint64_t now,
                        struct side_evidence *side)
{
	const struct peer *peer = peer_of(pair, which);
	static const struct side_look none;
	const struct pair_looks *looks = looks_of(pair);
	const struct side_look *then = looks ? &looks->side[which] : &none;

	*side = (struct side_evidence){
	        .now = *tcp,
	        .lately = change_since(then, tcp, look_age(pair, now)),
	        .bounded = pair_opposite(peer)->from.sink_size > 0,
	        .ended = pair_peer_has_ended(peer),
	        .unanswered_ms = pair_unanswered_ms(peer, tcp, clock_ms_of(now)),
	};
	/* A reset has dropped what there was. */
	if (pair_peer_failed(peer))
		side->now.unacknowledged = side->now.unsent = TCP_UNKNOWN;
}

static bool flows(const struct pair *pair, uint64_t now)
{
	uint64_t read = max_u64(pair->client.from.last_read_us, pair->target.from.last_read_us);

	return read + FLOWING_US > now;
}

static void gather(const struct pair *pair, const struct tcp_state tcp[SIDES], uint64_t now,
                   struct evidence *evidence)
{
	*evidence = (struct evidence){
	        .state = pair_state(pair),
	        .flows = flows(pair, now),
	        .cut_short = pair->client.from.cut || pair->target.from.cut,
	};
	if (pair_is_connected(pair))
		evidence->window = waits_window(&pair->waits, now);
	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		gather_side(pair, side, &tcp[side], now, &evidence->side[side]);
}

/* ---- a look ---- */

/* Without looking at it now, which costs some system calls. */
static struct cpu_use cpu_lately(const struct pair_set *set, uint64_t now)
{
	return now - set->cpu.at[0] < CPU_AGE_US ? cpu_share_noted(&set->cpu) : (struct cpu_use){0, 0};
}

static bool is_gone(const struct evidence *evidence)
{
	return verdict_is_gone(&evidence->side[SIDE_CLIENT]) || verdict_is_gone(&evidence->side[SIDE_TARGET]);
}

/* Counts and judges what was waited for since the look before. */
static void settle_life(struct pair *pair, const struct evidence *evidence, uint64_t now)
{
	struct wait_totals stretch = waits_take(&pair->waits);
	struct counters *counters = pair_counters(pair);
	struct life life = {.length = 0};

	counters->waited_us[SIDE_CLIENT] += waits_for(&stretch, SIDE_CLIENT);
	counters->waited_us[SIDE_TARGET] += waits_for(&stretch, SIDE_TARGET);
	stretch.length = look_age(pair, now) - min_u64(look_age(pair, now), LOOK_BACK_US);
	life_add(&life, evidence, &stretch);
	life_keep(&pair->looks->sums, &life);
}

/* What was counted by then, if so much of what came since the look before came after it. */
static uint32_t drawn(uint64_t now, uint32_t then, double part)
{
	return (uint32_t)now - (uint32_t)((uint32_t)(now - then) * part);
}

static void draw_side(struct side_look *side, const struct tcp_state *tcp, double part)
{
	side->acknowledged = drawn(tcp->acknowledged / UNIT, side->acknowledged, part);
	side->received = drawn(tcp->received / UNIT, side->received, part);
	side->busy_ms = drawn(tcp->busy / 1000, side->busy_ms, part);
	side->shut_ms = drawn(tcp->shut / 1000, side->shut_ms, part);
	side->segments = drawn(tcp->segments, side->segments, part);
	side->resent = (uint16_t)(tcp->resent - (uint16_t)((uint16_t)(tcp->resent - side->resent) * part));
	side->reordered =
	        (uint16_t)(tcp->reordered - (uint16_t)((uint16_t)(tcp->reordered - side->reordered) * part));
}

static void keep_look(struct pair *pair, const struct tcp_state tcp[SIDES], uint64_t now)
{
	struct pair_looks *looks = pair->looks;
	uint64_t age = look_age(pair, now), back = min_u64(age, LOOK_BACK_US);
	double part = age > 0 ? (double)back / (double)age : 0;

	for (enum side side = SIDE_CLIENT; side < SIDES; side++)
		draw_side(&looks->side[side], &tcp[side], part);
	looks->moved = (uint32_t)moved(pair);
	looks->at = (uint32_t)max_u64((uint32_t)clock_ms_of(now - back), 1);
}

/* While a side leaves unanswered what it was sent, it is not known yet what that was: it may come again. */
void pair_look(struct pair *pair, uint64_t now)
{
	struct tcp_state tcp[SIDES];
	struct evidence evidence;

	pair_look_at_cpu(pair->set, now);
	if (!is_worth_a_look(pair, now))
		return;
	if (!pair->looks)
		pair->looks = calloc(1, sizeof(*pair->looks));
	if (!pair->looks)
		return; /* then all is judged since the pair began */
	pair_tcp_states(pair, tcp);
	gather(pair, tcp, now, &evidence);
	if (is_gone(&evidence))
		return;
	evidence.cpu = cpu_lately(pair->set, now);
	settle_life(pair, &evidence, now);
	keep_look(pair, tcp, now);
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

/* A side that owes nothing need not be asked again. */
static void ask_and_note(struct pair *pair, struct tcp_state tcp[SIDES])
{
	uint64_t now = clock_us(), ms = clock_ms_of(now);

	pair_tcp_states(pair, tcp);
	if (!pair_is_connected(pair))
		return;
	pair_note_owing(&pair->client, &tcp[SIDE_CLIENT], ms);
	pair_note_owing(&pair->target, &tcp[SIDE_TARGET], ms);
	pair_block_note(pair, tcp, now);
}

static struct verdict judge(const struct pair *pair, const struct tcp_state tcp[SIDES], struct cpu_use cpu,
                            struct evidence *evidence)
{
	uint64_t now = clock_us();

	gather(pair, tcp, now, evidence);
	evidence->cpu = cpu;
	return verdict_judge(evidence);
}

void pair_verdict_describe(struct pair *pair, struct cpu_use cpu, struct pair_record *record)
{
	struct tcp_state tcp[SIDES];
	struct evidence evidence;

	ask_and_note(pair, tcp);
	record->verdict = judge(pair, tcp, cpu, &evidence);
	/* The age is of a moment ago. */
	record->since_ms = min_u64(since_ms(pair, &evidence, clock_us()), record->age_ms);
	record->last_from = speaker(&evidence.window);
	record->waited_client = verdict_waited(&evidence, SIDE_CLIENT);
	record->waited_target = verdict_waited(&evidence, SIDE_TARGET);
	describe_sink(&evidence, UPLOAD, &record->flow[UPLOAD]);
	describe_sink(&evidence, DOWNLOAD, &record->flow[DOWNLOAD]);
	if (!pair_is_connected(pair))
		record->flow[UPLOAD].sink_queue = 0; /* there is none */
}

static bool may_owe(const struct pair *pair)
{
	return pair_is_connected(pair) && (pair_may_owe(&pair->client) || pair_may_owe(&pair->target));
}

struct verdict pair_verdict(struct pair *pair, struct cpu_use cpu)
{
	struct tcp_state tcp[SIDES] = {tcp_state(-1), tcp_state(-1)};
	struct evidence evidence;
	struct verdict verdict = judge(pair, tcp, cpu, &evidence);

	if (verdict_is_certain(&evidence) && !may_owe(pair))
		return verdict;
	ask_and_note(pair, tcp);
	return judge(pair, tcp, cpu, &evidence);
}

/* ---- a life ---- */

static enum wait longest_wait(const struct wait_totals *totals)
{
	enum wait longest = 0;

	for (enum wait wait = 1; wait < WAITS; wait++)
		if (totals->time[wait] > totals->time[longest])
			longest = wait;
	return longest;
}

/* TCP is asked only if it can tell more. */
static struct tcp_state ask_of(const struct pair *pair, enum side side, const struct wait_totals *totals)
{
	enum wait longest = longest_wait(totals);
	bool may_be_slow = longest != WAIT_CONNECTING && waits_side(longest) == side &&
	                   totals->time[longest] >= WORTH_ASKING_US;

	if (!pair_is_connected(pair) || (!may_be_slow && totals->length < LONG_LIFE_US))
		return tcp_state(-1);
	return pair_tcp_state(peer_of(pair, side));
}

/* What is not judged yet, now (clock_us) that the pair ends. */
static void add_last_stretch(struct life *life, const struct pair *pair, uint64_t now,
                             const struct wait_totals *totals)
{
	const struct tcp_state tcp[SIDES] = {ask_of(pair, SIDE_CLIENT, totals),
	                                     ask_of(pair, SIDE_TARGET, totals)};
	struct wait_totals stretch = *totals;
	struct evidence evidence;

	gather(pair, tcp, now, &evidence);
	evidence.cpu = cpu_lately(pair->set, now);
	stretch.length = look_age(pair, now);
	life_add(life, &evidence, &stretch);
}

struct life pair_judge_life(const struct pair *pair, uint64_t now, const struct wait_totals *totals)
{
	struct life life = {.length = totals->length};

	add_last_stretch(&life, pair, now, totals);
	if (looks_of(pair))
		life_recall(&life, &looks_of(pair)->sums);
	return life;
}
