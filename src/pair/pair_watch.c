/*
 * A peer from which nothing is read (paused, or its stream has ended) can fail unnoticed: its socket has no
 * event. An event for errors alone would not help. epoll reports errors whether asked to or not, and
 * libevent would spin on an error that nothing handles. Instead, all such peers of a worker are checked
 * together, about once a second.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>

/* Twice this must be less than the 2 s within which a failure is noticed. */
#define WATCH_INTERVAL_MS 900

static void start_timer(struct pair_set *set)
{
	const struct timeval interval = clock_timeval(WATCH_INTERVAL_MS);

	/* If out of memory, the next pair to go blind tries again. */
	if (!event_pending(set->watch_timer, EV_TIMEOUT, NULL))
		(void)event_add(set->watch_timer, &interval);
}

static bool is_blind(const struct peer *peer)
{
	const struct pair *pair = peer->pair;
	bool is_used = pair_is_connected(pair) || (peer == &pair->client && !pair_is_entering(pair));

	return is_used && !flow_reads(&peer->from) && !pair_peer_failed(peer);
}

void pair_unwatch(struct pair *pair)
{
	if (pair->blind)
		LIST_REMOVE(pair, watch_entry);
	pair->blind = false;
}

void pair_watch(struct pair *pair)
{
	bool blind = is_blind(&pair->client) || is_blind(&pair->target);

	if (!blind)
		pair_unwatch(pair);
	if (pair->blind == blind)
		return;
	pair->blind = true;
	LIST_INSERT_HEAD(&pair->set->blind, pair, watch_entry);
	start_timer(pair->set);
}

static size_t add_if_blind(struct peer *batch[], size_t count, struct peer *peer)
{
	if (!is_blind(peer))
		return count;
	batch[count] = peer;
	return count + 1;
}

/*
 * Checks a batch of peers, from pair on. Peers that have failed are marked and their pairs moved to failed.
 * Returns where the next batch begins.
 */
static struct pair *ask_batch(struct pair *pair, struct pair_list *failed)
{
	struct peer *batch[STREAM_BATCH];
	bool has_failed[STREAM_BATCH];
	int fds[STREAM_BATCH] = {0}; /* gcc cannot see that there is at least one */
	size_t count = 0;

	for (; pair && count + 2 <= STREAM_BATCH; pair = LIST_NEXT(pair, watch_entry)) {
		count = add_if_blind(batch, count, &pair->client);
		count = add_if_blind(batch, count, &pair->target);
	}
	for (size_t i = 0; i < count; i++)
		fds[i] = batch[i]->fd;
	if (!stream_failed(fds, count, has_failed))
		return pair;
	for (size_t i = 0; i < count; i++) {
		if (!has_failed[i])
			continue;
		flow_source_failed(&batch[i]->from, stream_take_error(fds[i]));
		LIST_REMOVE(batch[i]->pair, watch_entry);
		LIST_INSERT_HEAD(failed, batch[i]->pair, watch_entry);
	}
	return pair;
}

EVENT_CALLBACK(on_watch, struct pair_set, set)
{
	struct pair_list failed = LIST_HEAD_INITIALIZER(failed);
	struct pair *pair = LIST_FIRST(&set->blind);

	while (pair)
		pair = ask_batch(pair, &failed);
	/* Settling may free the pair, and its other peer may still be blind. */
	while ((pair = LIST_FIRST(&failed))) {
		LIST_REMOVE(pair, watch_entry);
		LIST_INSERT_HEAD(&set->blind, pair, watch_entry);
		pair_settle(pair);
	}
	if (!LIST_EMPTY(&set->blind))
		start_timer(set);
}

int pair_watch_init(struct pair_set *set)
{
	LIST_INIT(&set->blind);
	set->watch_timer = event_new(set->io.base, -1, 0, on_watch, set);
	return set->watch_timer ? 0 : -ENOMEM;
}

void pair_watch_deinit(struct pair_set *set)
{
	evloop_free_event(set->watch_timer);
	set->watch_timer = NULL;
}
