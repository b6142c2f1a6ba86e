#include "build_config.h"

#include "worker/handover.h"

#include "base/log.h"
#include "base/number.h"
#include "net/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How many others are looked at for one client, because each costs a cache miss. The next client goes on. */
#define LOOK_AT_MOST 16

struct desk {
	alignas(CACHE_LINE) _Atomic unsigned pairs; /* on the worker, and newcomers */
	_Atomic unsigned stand_in;
	unsigned next; /* the worker's own: which desk it looks at first next time */
	void (*tell)(void *arg);
	void *arg;
	struct newcomers newcomers;
};

struct handover {
	unsigned workers;
	atomic_bool unwatched; /* whoever looks after newcomers rests */
	void (*watcher_tell)(void *arg);
	void *watcher;
	struct desk desks[];
};

/* ---- counting ---- */

static unsigned pairs_of(struct desk *desk)
{
	return atomic_load_explicit(&desk->pairs, memory_order_relaxed);
}

static void count(struct desk *desk)
{
	atomic_fetch_add_explicit(&desk->pairs, 1, memory_order_relaxed);
}

static void uncount(struct desk *desk)
{
	atomic_fetch_sub_explicit(&desk->pairs, 1, memory_order_relaxed);
}

void handover_pair_restored(struct handover *handover, unsigned worker)
{
	if (handover)
		count(&handover->desks[worker]);
}

void handover_pair_ended(struct handover *handover, unsigned worker)
{
	if (handover)
		uncount(&handover->desks[worker]);
}

/* ---- handing over ---- */

static bool is_stuck(struct desk *desk)
{
	return atomic_load_explicit(&desk->stand_in, memory_order_relaxed) != HANDOVER_NOBODY;
}

/* The desk with the fewest pairs, or NULL if ours has no more. Of several, the first after the last one. */
static struct desk *find_least(struct handover *handover, struct desk *ours)
{
	unsigned least = pairs_of(ours), at = ours->next, others = handover->workers - 1;
	struct desk *found = NULL;

	for (uint64_t left = min_u64(others, LOOK_AT_MOST); left > 0 && least > 0; at++) {
		struct desk *desk = &handover->desks[at % handover->workers];

		if (desk == ours)
			continue;
		left--;
		if (pairs_of(desk) >= least || is_stuck(desk))
			continue;
		found = desk;
		least = pairs_of(desk);
		ours->next = at + 1;
	}
	if (others > LOOK_AT_MOST)
		ours->next = at;
	return found;
}

static bool hand_over(struct handover *handover, struct desk *desk, const struct newcomer *newcomer)
{
	count(desk);
	if (!newcomers_put(&desk->newcomers, newcomer)) {
		uncount(desk);
		return false;
	}
	desk->tell(desk->arg);
	if (atomic_load(&handover->unwatched) && atomic_exchange(&handover->unwatched, false))
		handover->watcher_tell(handover->watcher);
	return true;
}

/* It is counted already, if there are several workers. */
static int begin(struct desk *desk, struct pair_set *set, struct newcomer *newcomer)
{
	int error = pair_new(set, &newcomer->ticket, newcomer->fd, &newcomer->address);

	if (error && desk)
		uncount(desk);
	return error;
}

int handover_serve(struct handover *handover, struct pair_set *set, struct newcomer *newcomer)
{
	struct desk *ours, *least;

	if (!handover)
		return pair_new(set, &newcomer->ticket, newcomer->fd, &newcomer->address);
	ours = &handover->desks[set->worker];
	least = find_least(handover, ours);
	if (least && hand_over(handover, least, newcomer))
		return 0;
	count(ours);
	return begin(ours, set, newcomer);
}

/* No acceptor of this worker ran into it, so none pauses. */
static void log_shortage(struct standing *standing, unsigned worker)
{
	standing->tallies[worker].counters.shortages++;
	if (!standing_begin_limit(standing))
		return;
	log_error("relay %s: cannot accept: %s", standing->name, strerror(ENOMEM));
	standing_end_limit(standing);
}

static void begin_or_drop(struct handover *handover, struct pair_set *set, struct newcomer *newcomer)
{
	if (begin(handover ? &handover->desks[set->worker] : NULL, set, newcomer) == 0)
		return;
	log_shortage(newcomer->ticket.relay->standing, set->worker);
	admission_give(&newcomer->ticket);
}

void handover_begin(struct handover *handover, struct pair_set *set, struct newcomer *newcomer)
{
	handover_pair_restored(handover, set->worker);
	begin_or_drop(handover, set, newcomer);
}

/* This ends: a worker that keeps taking clients soon no longer has the fewest pairs, so no more come. */
void handover_take(struct handover *handover, struct pair_set *set, unsigned whose)
{
	struct desk *desk = &handover->desks[whose], *ours = &handover->desks[set->worker];
	struct newcomer newcomer;

	while (newcomers_take(&desk->newcomers, &newcomer)) {
		if (desk != ours) {
			count(ours);
			uncount(desk);
		}
		begin_or_drop(handover, set, &newcomer);
	}
}

bool handover_waits(struct handover *handover, unsigned worker)
{
	return newcomers_wait(&handover->desks[worker].newcomers);
}

bool handover_look(const struct handover *handover, unsigned worker, unsigned number,
                   struct newcomer *newcomer)
{
	return newcomers_look(&handover->desks[worker].newcomers, number, newcomer);
}

unsigned handover_workers(const struct handover *handover)
{
	return handover->workers;
}

/* ---- standing in ---- */

void handover_watch(struct handover *handover, void (*tell)(void *arg), void *arg)
{
	handover->watcher_tell = tell;
	handover->watcher = arg;
}

void handover_rest(struct handover *handover)
{
	atomic_store(&handover->unwatched, true);
}

void handover_set_stand_in(struct handover *handover, unsigned worker, unsigned stand_in)
{
	atomic_store(&handover->desks[worker].stand_in, stand_in);
}

unsigned handover_stand_in(struct handover *handover, unsigned worker)
{
	return atomic_load(&handover->desks[worker].stand_in);
}

/* ---- life ---- */

struct handover *handover_new(unsigned workers)
{
	size_t size = sizeof(struct handover) + workers * sizeof(struct desk);
	struct handover *handover = aligned_alloc(CACHE_LINE, size);

	if (!handover)
		return NULL;
	memset(handover, 0, size);
	handover->workers = workers;
	for (unsigned i = 0; i < workers; i++) {
		newcomers_init(&handover->desks[i].newcomers);
		atomic_init(&handover->desks[i].stand_in, HANDOVER_NOBODY);
	}
	return handover;
}

void handover_join(struct handover *handover, unsigned worker, void (*tell)(void *arg), void *arg)
{
	handover->desks[worker].tell = tell;
	handover->desks[worker].arg = arg;
}

void handover_free(struct handover *handover)
{
	struct newcomer newcomer;

	for (unsigned i = 0; handover && i < handover->workers; i++)
		while (newcomers_take(&handover->desks[i].newcomers, &newcomer)) {
			stream_reset(newcomer.fd);
			admission_give(&newcomer.ticket);
		}
	free(handover);
}
