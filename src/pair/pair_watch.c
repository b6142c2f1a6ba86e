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

	/* If out of memory, the next peer to go blind tries again. */
	if (!event_pending(set->watch_timer, EV_TIMEOUT, NULL))
		(void)event_add(set->watch_timer, &interval);
}

void pair_watch(struct peer *peer, bool blind)
{
	struct pair_set *set = peer->pair->set;

	if (peer->blind == blind)
		return;
	peer->blind = blind;
	if (!blind) {
		LIST_REMOVE(peer, watch_entry);
		return;
	}
	LIST_INSERT_HEAD(&set->blind, peer, watch_entry);
	start_timer(set);
}

/*
 * Checks a batch that begins with peer. Peers that have failed are marked and moved to failed. Returns where
 * the next batch begins.
 */
static struct peer *ask_batch(struct peer *peer, struct peer_list *failed)
{
	struct peer *batch[STREAM_BATCH];
	bool has_failed[STREAM_BATCH];
	int fds[STREAM_BATCH] = {0}; /* gcc cannot see that there is at least one */
	size_t count = 0;

	for (; peer && count < STREAM_BATCH; peer = LIST_NEXT(peer, watch_entry)) {
		batch[count] = peer;
		fds[count++] = peer->fd;
	}
	if (!stream_failed(fds, count, has_failed))
		return peer;
	for (size_t i = 0; i < count; i++) {
		if (!has_failed[i])
			continue;
		flow_source_failed(&batch[i]->from, stream_take_error(fds[i]));
		LIST_REMOVE(batch[i], watch_entry);
		LIST_INSERT_HEAD(failed, batch[i], watch_entry);
	}
	return peer;
}

EVENT_CALLBACK(on_watch, struct pair_set, set)
{
	struct peer_list failed = LIST_HEAD_INITIALIZER(failed);
	struct peer *peer = LIST_FIRST(&set->blind);

	while (peer)
		peer = ask_batch(peer, &failed);
	/* A failed peer is not blind, so settling takes it off the list or frees it. */
	while ((peer = LIST_FIRST(&failed)))
		pair_settle(peer->pair);
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
