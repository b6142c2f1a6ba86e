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

/* Bytes; a bufferevent of libevent 2.1.12 and all that belongs to it: five allocations, measured. */
#define BUFFEREVENT_COST 1100

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
	if (!pair_is_connected(pair))
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

/*
 * While both flows run, more bytes bring forward nothing of what pair_arm_timer looks at, except for the
 * first that a peer owes an acknowledgement for.
 */
static void note_steady(struct pair *pair)
{
	bool runs =
	        pair->phase == PHASE_OPEN && flow_runs(&pair->client.from) && flow_runs(&pair->target.from);

	pair->client.steady = runs && pair_vanish_is_on_watch(&pair->target);
	pair->target.steady = runs && pair_vanish_is_on_watch(&pair->client) && pair->answered;
}

void pair_go_on(struct pair *pair, enum reason reason)
{
	if (reason != REASON_NONE) {
		close_pair(pair, reason);
		return;
	}
	pair_watch(pair);
	if (pair_arm_timer(pair) < 0)
		close_pair(pair, REASON_OUT_OF_MEMORY);
	else
		note_steady(pair);
}

void pair_settle(struct pair *pair)
{
	enum reason reason;

	if (pair_is_connected(pair))
		pair_waits_note(pair);
	reason = pair_judge(pair);
	pair_note_answer(pair);
	pair_go_on(pair, reason);
}

/* After most messages there is nothing to settle. */
static void settle_flow(struct flow *flow)
{
	struct peer *source = (struct peer *)(void *)((char *)flow - offsetof(struct peer, from));

	if (source->steady && flow_runs(flow))
		pair_waits_hear(source);
	else
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
		pair_block_look(pair);
		pair_end_look_later(pair);
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

void pair_enlist(struct pair *pair, struct pair_set *set, const struct admission *ticket, int client_fd,
                 int target_fd)
{
	pair->set = set;
	pair->relay = ticket->relay;
	pair->ticket = *ticket;
	init_peer(pair, &pair->client, UPLOAD, client_fd);
	init_peer(pair, &pair->target, DOWNLOAD, target_fd);
	LIST_INSERT_HEAD(&set->pairs, pair, entry);
	set->count++;
	bell_ring(set->io.bell);
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
	pair_enlist(pair, set, ticket, client_fd, -1);
	pair->id = 1 + set->worker + set->made++ * set->id_step;
	pair->born = clock_ms();
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
		if (pair_end_look_soon(pair))
			pair_settle(pair);
	}
}

void pair_set_hush(struct pair_set *set, bool on)
{
	struct pair *pair, *next;

	set->io.hushed = on;
	for (pair = LIST_FIRST(&set->pairs); pair; pair = next) {
		next = LIST_NEXT(pair, entry);
		flow_heed_hush(&pair->client.from);
		flow_heed_hush(&pair->target.from);
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
