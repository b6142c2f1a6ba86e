/*
 * Held clients. When no target could be connected, and retry_time is not over, the client is held, and all
 * targets are tried again later, in a new round.
 *
 * The clients of a relay that are held on a worker stand in line at its gate. Only the first of them tries,
 * and the gate lets few through, so that thousands of them cost a target that is down no more than a few
 * dozen do. When any pair of the relay is connected, the first in line follow at once, and others follow each
 * of these. So the line is gone within a few round trips, but nobody hammers a target that accepts only one
 * in a hundred. News, such as another answer to a look-up, lets a few through as well.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>

/* From one round to the next, of all that are in one line. */
#define GATE_MS 10
/* How many follow a pair that was connected, and how many try when there is news. */
#define FOLLOWERS 4
#define SCOUTS    16

static struct gate *gate_of(const struct pair *pair)
{
	return &pair_tally(pair)->gate;
}

static bool time_is_up(const struct pair *pair)
{
	return clock_ms() - pair->sought_since >= pair->relay->config->retry_time;
}

/* ---- the line ---- */

static void join_line(struct pair *pair)
{
	struct gate *gate = gate_of(pair);

	if (TAILQ_EMPTY(&gate->line)) {
		TAILQ_INIT(&gate->line);
		LIST_INSERT_HEAD(&pair->set->gates, gate, entry);
	}
	pair->phase = PHASE_HELD;
	TAILQ_INSERT_TAIL(&gate->line, pair, held_entry);
}

static void enter(struct pair *pair)
{
	tried_forget(&pair->tried);
	target_choice_deinit(&pair->choice);
	pair->retry_at = clock_ms() + pair_connect_wait(pair);
	join_line(pair);
}

void pair_hold_restore(struct pair *pair, uint64_t opens, unsigned heard)
{
	struct gate *gate = gate_of(pair);

	gate->opens = max_u64(gate->opens, opens);
	gate->heard = heard;
	join_line(pair);
}

/* The timer of whoever is first now is in the heap already, so setting it needs no memory. */
static void leave_line(struct pair *pair)
{
	struct gate *gate = gate_of(pair);
	bool was_first = TAILQ_FIRST(&gate->line) == pair;

	TAILQ_REMOVE(&gate->line, pair, held_entry);
	if (TAILQ_EMPTY(&gate->line))
		LIST_REMOVE(gate, entry);
	else if (was_first)
		(void)pair_arm_timer(TAILQ_FIRST(&gate->line));
}

void pair_hold_leave(struct pair *pair)
{
	if (pair->phase == PHASE_HELD)
		leave_line(pair);
	pair->attempt = 0; /* these had the place of its entry */
	pair->unserved = false;
	pair->phase = PHASE_WAITING;
}

static void call(struct pair *pair)
{
	pair_hold_leave(pair);
	pair->phase = PHASE_DUE;
	(void)pair_arm_timer(pair);
}

/* Whoever has tried nothing yet, because no address was known, is as good as one that has just come. */
static void send_scouts(struct gate *gate)
{
	struct pair *pair, *next;
	unsigned scouts = 0;

	for (pair = TAILQ_FIRST(&gate->line); pair; pair = next) {
		next = TAILQ_NEXT(pair, held_entry);
		if (!pair->retries || scouts++ < SCOUTS)
			call(pair);
	}
}

/* What is news of one relay lets nobody through the gates of others. */
static bool has_news(struct gate *gate)
{
	unsigned news = TAILQ_FIRST(&gate->line)->relay->standing->news, heard = gate->heard;

	gate->heard = news;
	return heard != news;
}

void pair_set_retry(struct pair_set *set)
{
	struct gate *gate, *next;

	for (gate = LIST_FIRST(&set->gates); gate; gate = next) {
		next = LIST_NEXT(gate, entry);
		if (has_news(gate))
			send_scouts(gate);
	}
}

/* ---- clients that give up ---- */

/* The client may have sent something and not been read, so only its end says that it has given up. */
static bool has_given_up(const struct peer *client)
{
	unsigned char first;

	return stream_peek(client->fd, &first, sizeof(first)) == 0;
}

EVENT_CALLBACK(on_client, struct pair, pair)
{
	bool failed[STREAM_BATCH];
	struct peer *client = &pair->client;

	if (stream_failed(&client->fd, 1, failed) && failed[0])
		flow_source_failed(&client->from, stream_take_error(client->fd));
	else if (has_given_up(client)) {
		client->ended_first = true;
		pair->attempt_error = -ECANCELED;
		pair_hold_end(pair);
	}
	pair_settle(pair);
}

/*
 * Nothing is read from a client before its target is connected, so what it has sent keeps its socket
 * readable. Where libevent reports changes only, its reset is reported even so. Otherwise pair_watch has to
 * find that.
 */
static int listen_to(struct peer *client)
{
	struct event_base *base = client->pair->set->io.base;
	short changes = event_base_get_features(base) & EV_FEATURE_ET ? EV_ET | EV_PERSIST : 0;

	event_assign(pair_event(client), base, client->fd, (short)(EV_READ | changes), on_client,
	             client->pair);
	return event_add(pair_event(client), NULL);
}

/* ---- rounds ---- */

/* Without memory for that, pair_watch still finds a reset. */
void pair_hold_listen(struct pair *pair)
{
	(void)listen_to(&pair->client);
	pair->retries = true;
}

bool pair_hold(struct pair *pair)
{
	if (time_is_up(pair))
		return false;
	if (!pair->retries)
		pair_hold_listen(pair);
	pair->postpone.wait =
	        max_u64(POSTPONE_MIN_MS, min_u64(clock_ms() - pair->sought_since, POSTPONE_MAX_MS));
	enter(pair);
	return true;
}

void pair_hold_untried(struct pair *pair)
{
	pair->wait_reason = -EDESTADDRREQ;
	enter(pair);
	backoff_next(&pair->postpone, POSTPONE_MAX_MS);
}

uint64_t pair_hold_next(const struct pair *pair)
{
	const struct gate *gate = gate_of(pair);

	if (pair->phase == PHASE_DUE)
		return 0;
	if (!pair->retries)
		return pair->retry_at;
	return pair == TAILQ_FIRST(&gate->line) ? max_u64(pair->retry_at, gate->opens) : PAIR_NEVER;
}

bool pair_hold_is_due(struct pair *pair)
{
	uint64_t now = clock_ms();

	if (now < pair_hold_next(pair))
		return false;
	if (pair->phase == PHASE_HELD && pair->retries)
		gate_of(pair)->opens = now + GATE_MS;
	pair_hold_leave(pair);
	return true;
}

bool pair_hold_is_over(const struct pair *pair)
{
	return pair->retries && time_is_up(pair);
}

void pair_hold_end(struct pair *pair)
{
	if (pair_is_held(pair))
		pair_hold_leave(pair);
	pair->unserved = true;
	targets_note_unserved(pair->relay->targets, pair->wait_reason);
}

void pair_hold_connected(struct pair *pair)
{
	struct gate *gate = gate_of(pair);

	if (pair->retries)
		event_del(pair_event(&pair->client));
	for (unsigned i = 0; i < FOLLOWERS && !TAILQ_EMPTY(&gate->line); i++)
		call(TAILQ_FIRST(&gate->line));
}

void pair_hold_forget(struct pair *pair)
{
	if (pair_is_held(pair))
		pair_hold_leave(pair);
	if (pair->retries && !pair_is_connected(pair))
		event_del(pair_event(&pair->client));
}
