/*
 *            pair_settle ◄──────── every event ends here
 *              │
 *   ┌──────────┴─────────────────────────────────────┐
 *   │ header, silent:      the client comes first    │ pair_entry.c
 *   │ waiting, connecting: one address after another │ pair_connect.c
 *   │ held, due:           until all are tried again │ pair_hold.c
 *   │ open:                two flows run             │ flow.c
 *   │ failing:             a peer has failed; what   │
 *   │                      came from it goes on      │
 *   │ ending:              all of it was sent on     │ until it is acknowledged
 *   └──────────┬─────────────────────────────────────┘
 *              ▼
 *          close_pair, with a reason: the only way to free a pair
 */
#include "build_config.h"

#include "pair/pair.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>

/*
 * No event reports that bytes were acknowledged, so we have to look: first after this many milliseconds, then
 * less often. After clean ends, one round trip is likely to be enough. A pair outlives the last
 * acknowledgement by no longer than it had waited for it, and never by more than the longest of these. While
 * acknowledgements come, the looks are never far apart.
 */
#define LOOK_MIN_MS     5
#define LOOK_MIN_EOF_MS 1
#define LOOK_BUSY_MS    200
#define LOOK_MAX_MS     2000

/* Bytes; a bufferevent of libevent 2.1.12 and all that belongs to it: five allocations, measured. */
#define BUFFEREVENT_COST 1100

bool pair_peer_failed(const struct peer *peer)
{
	return peer->from.source == SOURCE_FAILED || peer->from.source == SOURCE_DOOMED ||
	       pair_opposite(peer)->from.sink == SINK_FAILED;
}

bool pair_peer_has_ended(const struct peer *peer)
{
	return peer->from.source != SOURCE_OPEN || pair_peer_failed(peer);
}

/* ---- memory: a pair and the events of its peers are one block, so a client costs one allocation ---- */

static size_t events_offset(void)
{
	return (sizeof(struct pair) + 15) / 16 * 16;
}

static size_t allocation_size(void)
{
	return events_offset() + 2 * event_get_struct_event_size();
}

struct event *pair_event(const struct peer *peer)
{
	size_t before = peer == &peer->pair->client ? 0 : event_get_struct_event_size();

	return (struct event *)(void *)((char *)peer->pair + events_offset() + before);
}

/* ---- closing ---- */

void pair_close_socket(struct peer *peer, bool reset)
{
	if (peer->fd < 0)
		return;
	if (reset || peer->over)
		stream_reset(peer->fd); /* where it is over, nothing is left to reset */
	else
		stream_close(peer->fd);
	peer->fd = -1; /* consumed */
}

static void free_peer(struct peer *peer)
{
	pair_rate_forget(peer);
	flow_deinit(&peer->from);
}

static void free_pair(struct pair *pair)
{
	struct pair_set *set = pair->set;

	timers_stop(&set->timers, &pair->timer);
	pair_unwatch(pair);
	free_peer(&pair->client);
	free_peer(&pair->target);
	pair_header_free(pair);
	pair_looks_free(pair);
	LIST_REMOVE(pair, entry);
	set->count--;
	tried_forget(&pair->tried);
	target_choice_deinit(&pair->choice);
	admission_give(&pair->ticket);
	set->ended(set->arg);
	slab_put(&set->slab, pair);
	bell_ring(set->io.bell);
}

/* With on_reset = close, a reset is passed on as a clean end once everything before it is delivered. */
static bool looks_clean(const struct pair *pair, enum reason reason)
{
	bool was_reset =
	        reason == REASON_CLIENT_RESET || reason == REASON_TARGET_RESET || reason == REASON_VANISHED;
	/* Both ends were passed on: what the kernel still holds is whole. */
	bool was_over = (reason == REASON_SHUTDOWN || reason == REASON_OUT_OF_MEMORY ||
	                 reason == REASON_MAX_DURATION) &&
	                pair->client.from.sink == SINK_ENDED && pair->target.from.sink == SINK_ENDED;

	return reasons[reason].clean || was_over ||
	       (was_reset && pair->phase == PHASE_ENDING && pair->relay->config->on_reset == ON_RESET_CLOSE);
}

/*
 * Only a clean end may look like one. After anything else both peers see a reset. A peer that has failed is
 * always reset: otherwise the kernel would keep what it has not acknowledged.
 */
static void close_pair(struct pair *pair, enum reason reason)
{
	bool clean = looks_clean(pair, reason);

	flow_stop(&pair->client.from);
	flow_stop(&pair->target.from);
	if (!pair_is_connected(pair) && pair->target.fd >= 0)
		event_del(pair_event(&pair->target));
	pair_entry_forget(pair);
	pair_hold_forget(pair);
	pair_report_close(pair, reason);
	pair_survey_forget(pair);
	pair_close_socket(&pair->client, !clean || pair_peer_failed(&pair->client));
	pair_close_socket(&pair->target, !clean || pair_peer_failed(&pair->target));
	free_pair(pair);
}

/* ---- settling ---- */

/* What the peer's own socket said counts more than what writing to it did. */
static int peer_error(const struct peer *peer)
{
	return peer->from.source_error ? peer->from.source_error : pair_opposite(peer)->from.sink_error;
}

static enum reason failure_reason(const struct pair *pair, const struct peer *peer)
{
	if (stream_error_is_silence(peer_error(peer)))
		return REASON_VANISHED;
	return peer == &pair->client ? REASON_CLIENT_RESET : REASON_TARGET_RESET;
}

static void note_ended_first(struct pair *pair)
{
	if (pair->client.ended_first || pair->target.ended_first)
		return;
	pair->client.ended_first = pair_peer_has_ended(&pair->client);
	pair->target.ended_first = !pair->client.ended_first && pair_peer_has_ended(&pair->target);
}

/* A failed peer takes no more bytes, and its end will not be a clean one. */
static void spread_failure(struct peer *peer)
{
	struct flow *to = &pair_opposite(peer)->from;

	if (!pair_peer_failed(peer))
		return;
	flow_source_failed(&peer->from, to->sink_error);
	flow_sink_failed(to, peer->from.source_error);
}

static void begin_ending(struct pair *pair, uint64_t first_look)
{
	pair->phase = PHASE_ENDING;
	pair->unacknowledged = UINT64_MAX;
	backoff_reset(&pair->look, first_look);
}

/*
 * What the peer has yet to acknowledge. A FIN that was passed on counts as a byte, but after clean ends
 * nobody waits for that. A peer that was sent nothing need not be asked.
 */
static uint64_t unacknowledged(struct peer *peer)
{
	bool clean = !pair_peer_failed(pair_opposite(peer));
	uint64_t left;

	if (pair_peer_failed(peer) || (clean && pair_opposite(peer)->from.bytes == 0))
		return 0;
	left = stream_unacknowledged(peer->fd);
	peer->over = left == 0 && peer->from.source == SOURCE_ENDED &&
	             pair_opposite(peer)->from.sink == SINK_ENDED;
	return clean && left > 0 ? left - 1 : left;
}

uint64_t pair_unacknowledged(struct pair *pair)
{
	uint64_t client = unacknowledged(&pair->client), target = unacknowledged(&pair->target);

	pair->client.owes = client > 0;
	pair->target.owes = target > 0;
	return client + target;
}

static bool all_acknowledged(struct pair *pair)
{
	uint64_t left = pair_unacknowledged(pair);

	if (left < pair->unacknowledged) {
		pair->acknowledged_at = clock_ms();
		pair->look.wait = min_u64(pair->look.wait, LOOK_BUSY_MS);
	}
	pair->unacknowledged = left;
	return left == 0;
}

/* A reset overtakes bytes, so it may only be sent once the opposite has acknowledged all of them. */
static void begin_reset(struct pair *pair, const struct peer *opposite)
{
	begin_ending(pair, LOOK_MIN_MS);
	if (pair->relay->config->on_reset == ON_RESET_CLOSE)
		(void)stream_finish(opposite->fd);
}

/*
 * Reads and drops what the opposite sends. Otherwise a peer that writes before it reads would block. Also,
 * while our receive window is shut, the kernel may drop its segments and the acknowledgements that they
 * carry.
 */
static enum reason advance_failure(struct pair *pair, const struct peer *failed)
{
	struct peer *opposite = pair_opposite(failed);

	if (pair->phase == PHASE_OPEN) {
		pair->phase = PHASE_FAILING;
		backoff_reset(&pair->look, LOOK_MIN_MS);
	}
	if (pair_peer_failed(opposite))
		return failure_reason(pair, failed->ended_first ? failed : opposite);
	if (flow_discard(&opposite->from))
		backoff_reset(&pair->look, LOOK_MIN_MS);
	if (!flow_finished(&failed->from))
		return REASON_NONE;
	if (pair->phase != PHASE_ENDING)
		begin_reset(pair, opposite);
	return all_acknowledged(pair) ? failure_reason(pair, failed) : REASON_NONE;
}

/*
 * Both ends were passed on. What the kernel still holds of the streams may stay there for long, so the pair
 * counts until it is delivered. Usually nothing is left by now.
 */
static enum reason advance_end(struct pair *pair)
{
	if (pair->phase != PHASE_ENDING)
		begin_ending(pair, LOOK_MIN_EOF_MS);
	return all_acknowledged(pair) ? REASON_EOF : REASON_NONE;
}

static enum reason judge_open(struct pair *pair)
{
	int fault = pair->client.from.fault ? pair->client.from.fault : pair->target.from.fault;

	if (fault)
		return fault == -ENOMEM ? REASON_OUT_OF_MEMORY : REASON_INTERNAL;
	note_ended_first(pair);
	spread_failure(&pair->client);
	spread_failure(&pair->target);
	if (pair_peer_failed(&pair->client))
		return advance_failure(pair, &pair->client);
	if (pair_peer_failed(&pair->target))
		return advance_failure(pair, &pair->target);
	if (pair->client.from.sink == SINK_ENDED && pair->target.from.sink == SINK_ENDED)
		return advance_end(pair);
	return REASON_NONE;
}

static enum reason judge_connecting(struct pair *pair)
{
	note_ended_first(pair);
	if (pair->turned_away)
		return pair->turned_away;
	if (pair_peer_failed(&pair->client))
		return failure_reason(pair, &pair->client);
	if (pair_is_held(pair) || !pair->unserved)
		return REASON_NONE;
	return pair->attempt_error == -ETIMEDOUT ? REASON_CONNECT_TIMEOUT : REASON_CONNECT_FAILED;
}

void pair_settle(struct pair *pair)
{
	enum reason reason;

	if (pair_is_connected(pair))
		pair_waits_note(pair);
	reason = pair_is_connected(pair) ? judge_open(pair) : judge_connecting(pair);
	pair_note_answer(pair);
	if (reason != REASON_NONE) {
		close_pair(pair, reason);
		return;
	}
	pair_watch(pair);
	if (pair_arm_timer(pair) < 0)
		close_pair(pair, REASON_OUT_OF_MEMORY);
}

static void settle_flow(struct flow *flow)
{
	struct peer *source = (struct peer *)(void *)((char *)flow - offsetof(struct peer, from));

	pair_settle(source->pair);
}

static void on_timer(struct timer *timer)
{
	struct pair *pair = (struct pair *)(void *)((char *)timer - offsetof(struct pair, timer));
	enum reason expired = pair_expired(pair);

	if (!expired && !pair_rate_is_kept(pair))
		expired = REASON_STALL_TIMEOUT;
	if (expired && expired != REASON_CONNECT_TIMEOUT) {
		close_pair(pair, expired);
		return;
	}
	if (pair_is_connected(pair)) {
		pair_vanish_look(pair);
		if (pair->phase != PHASE_OPEN)
			backoff_next(&pair->look, LOOK_MAX_MS);
	} else if (!pair_is_entering(pair)) {
		pair_connect_again(pair, expired != REASON_NONE);
	}
	pair_settle(pair);
}

/* ---- pairs of a worker ---- */

size_t pair_cost(bool headers)
{
	size_t buffers = 2 * BUFFEREVENT_COST;

	return allocation_size() + pair_looks_cost() + (headers ? pair_header_cost(buffers) : buffers);
}

static void init_peer(struct pair *pair, struct peer *peer, enum direction from, int fd)
{
	peer->pair = pair;
	peer->fd = fd;
	flow_init(&peer->from, &pair->set->io, &pair->relay->config->limits[from]);
}

int pair_new(struct pair_set *set, struct admission *ticket, int client_fd,
             const union client_address *client)
{
	struct counters *counters = &ticket->relay->standing->tallies[set->worker].counters;
	struct pair *pair = slab_get(&set->slab);

	counters->accepted++;
	if (!pair) {
		stream_reset(client_fd);
		counters->refused++;
		counters->closed[REASON_OUT_OF_MEMORY]++;
		return -ENOMEM;
	}
	pair->set = set;
	pair->relay = ticket->relay;
	pair->ticket = *ticket; /* consumed */
	pair->id = 1 + set->worker + set->made++ * set->id_step;
	pair->born = clock_ms();
	init_peer(pair, &pair->client, UPLOAD, client_fd);
	init_peer(pair, &pair->target, DOWNLOAD, -1);
	LIST_INSERT_HEAD(&set->pairs, pair, entry);
	set->count++;
	bell_ring(set->io.bell);
	pair_entry_begin(pair, client);
	pair_settle(pair);
	return 0;
}

int pair_set_init(struct pair_set *set, unsigned workers)
{
	int error;

	LIST_INIT(&set->pairs);
	LIST_INIT(&set->gates);
	slab_init(&set->slab, set->pool, allocation_size());
	set->io.settle = settle_flow;
	set->id_step = workers;
	set->count = set->made = 0;
	set->survey = NULL;
	set->cpu = (struct cpu_share){.at = {0}};
	set->io.turns = &set->turns;
	set->io.rates = &set->rates;
	set->io.paused = &set->paused;
	error = timers_init(&set->timers, set->io.base, on_timer);
	if (!error)
		error = timers_init(&set->rates, set->io.base, flow_rate_due);
	if (!error)
		error = flow_turns_init(&set->turns, set->io.base);
	if (!error)
		error = pair_recap_init(set);
	return error ? error : pair_watch_init(set);
}

void pair_set_hurry(struct pair_set *set)
{
	struct pair *pair, *next;

	for (pair = LIST_FIRST(&set->pairs); pair; pair = next) {
		next = LIST_NEXT(pair, entry);
		if (pair->phase != PHASE_FAILING && pair->phase != PHASE_ENDING)
			continue;
		backoff_reset(&pair->look, LOOK_MIN_MS);
		pair_settle(pair);
	}
}

void pair_set_shutdown(struct pair_set *set)
{
	struct pair *pair;

	while ((pair = LIST_FIRST(&set->pairs)))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): this takes it off the list */
		close_pair(pair, REASON_SHUTDOWN);
}

void pair_set_deinit(struct pair_set *set)
{
	pair_set_shutdown(set);
	pair_survey_end(set);
	pair_recap_deinit(set);
	pair_watch_deinit(set);
	flow_turns_deinit(&set->turns);
	timers_deinit(&set->rates);
	timers_deinit(&set->timers);
}
