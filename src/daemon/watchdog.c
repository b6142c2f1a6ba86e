/*
 *   a client waits ──► 50 ms ──► still waiting: is its worker there?
 *        ▲                          │           (WORKER_STAND_IN)
 *        │                       50 ms
 *   nobody waits                    │
 *        └──── it has answered ◄────┴────► it has not: another stands in,
 *                                          until it answers
 */
#include "build_config.h"

#include "daemon/watchdog.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "worker/handover.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* How long a worker may leave clients, and then a message, alone. */
#define LOOK_MS 50
/* Sockets with clients that one look sees. The next one sees others. */
#define BATCH 64
/* Looks that find nothing. Between two, a client may be on its way from one worker to another. */
#define QUIET_LOOKS 2

struct watched {
	struct relay *relay;
	unsigned worker;
};

struct ward {
	bool waiting; /* clients wait for it */
	bool asked;   /* at an earlier look */
	bool late;    /* it was asked, and has not answered yet */
};

struct watchdog {
	const struct worker_context *shared;
	struct worker *const *workers;
	struct ward *wards;      /* one for each worker */
	struct watched *sockets; /* all listening sockets */
	size_t socket_count;
	int epoll;             /* has them, so that a look costs only for those that have clients */
	struct event *arrival; /* a client has come; not while looking */
	struct event *look;
	unsigned quiet; /* looks in a row that found nothing */
};

static unsigned stand_in_of(const struct watchdog *watchdog, unsigned worker)
{
	return handover_stand_in(watchdog->shared->handover, worker);
}

static void ask(struct watchdog *watchdog, unsigned worker)
{
	worker_order(watchdog->workers[worker], WORKER_STAND_IN);
	watchdog->wards[worker].asked = true;
}

/* ---- who waits ---- */

/*
 * At a limit clients wait as they should. A worker that was told of a free slot may be stuck, so another is
 * told as well.
 */
static bool may_be_accepted(struct watchdog *watchdog, struct relay *relay)
{
	slots_pass(&relay->slots);
	slots_pass(watchdog->shared->slots);
	return !slots_full(&relay->slots) && !slots_full(watchdog->shared->slots);
}

/* True if any client waits. */
static bool find_waiting(struct watchdog *watchdog)
{
	struct epoll_event events[BATCH];
	int count = epoll_wait(watchdog->epoll, events, BATCH, 0);
	bool found = count > 0;

	for (int i = 0; i < count; i++) {
		struct watched *socket = events[i].data.ptr;

		if (may_be_accepted(watchdog, socket->relay))
			watchdog->wards[socket->worker].waiting = true;
	}
	for (unsigned i = 0; i < watchdog->shared->worker_count; i++)
		if (handover_waits(watchdog->shared->handover, i)) {
			watchdog->wards[i].waiting = true;
			found = true;
		}
	return found;
}

/* ---- who stands in ---- */

static unsigned choose_stand_in(const struct watchdog *watchdog, unsigned worker)
{
	unsigned count = watchdog->shared->worker_count;

	for (unsigned i = 1; i < count; i++) {
		unsigned other = (worker + i) % count;

		if (!watchdog->wards[other].late && stand_in_of(watchdog, other) == HANDOVER_NOBODY)
			return other;
	}
	return HANDOVER_NOBODY;
}

/* The one that stands in already is asked again: it may have to take newcomers of the one that is stuck. */
static void appoint(struct watchdog *watchdog, unsigned worker)
{
	unsigned before = stand_in_of(watchdog, worker), now = before;

	if (before == HANDOVER_NOBODY || watchdog->wards[before].late)
		now = choose_stand_in(watchdog, worker);
	if (now != before) {
		handover_set_stand_in(watchdog->shared->handover, worker, now);
		log_debug("worker %u does not answer", worker);
	}
	if (now != before && before != HANDOVER_NOBODY)
		ask(watchdog, before);
	if (now != HANDOVER_NOBODY)
		ask(watchdog, now);
}

static void relieve(struct watchdog *watchdog, unsigned worker)
{
	unsigned before = stand_in_of(watchdog, worker);

	if (before == HANDOVER_NOBODY)
		return;
	handover_set_stand_in(watchdog->shared->handover, worker, HANDOVER_NOBODY);
	log_debug("worker %u answers again", worker);
	ask(watchdog, before);
}

/* ---- looking ---- */

static void judge(struct watchdog *watchdog, unsigned worker)
{
	struct ward *ward = &watchdog->wards[worker];

	if (ward->late && ward->waiting)
		appoint(watchdog, worker);
	else if (!ward->late)
		relieve(watchdog, worker);
	if (!ward->late && ward->waiting)
		ask(watchdog, worker);
}

/* True if there is something to look at again. */
static bool look(struct watchdog *watchdog)
{
	unsigned count = watchdog->shared->worker_count;
	bool again = find_waiting(watchdog);

	for (unsigned i = 0; i < count; i++) {
		struct ward *ward = &watchdog->wards[i];

		ward->late = ward->asked && !worker_has_taken(watchdog->workers[i], WORKER_STAND_IN);
		ward->asked = ward->late;
	}
	for (unsigned i = 0; i < count; i++) {
		judge(watchdog, i);
		again = again || stand_in_of(watchdog, i) != HANDOVER_NOBODY;
		watchdog->wards[i].waiting = false;
	}
	return again;
}

static void look_later(struct watchdog *watchdog)
{
	static const struct timeval later = {.tv_usec = LOOK_MS * 1000};

	event_add(watchdog->look, &later);
}

EVENT_CALLBACK(on_arrival, struct watchdog, watchdog)
{
	watchdog->quiet = 0;
	look_later(watchdog);
}

EVENT_CALLBACK(on_look, struct watchdog, watchdog)
{
	watchdog->quiet = look(watchdog) ? 0 : watchdog->quiet + 1;
	if (watchdog->quiet < QUIET_LOOKS || event_add(watchdog->arrival, NULL) < 0)
		look_later(watchdog);
}

/* ---- life ---- */

static int watch_socket(struct watchdog *watchdog, struct relay *relay, unsigned worker, int fd)
{
	struct watched *socket = &watchdog->sockets[watchdog->socket_count++];
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket};

	*socket = (struct watched){relay, worker};
	return epoll_ctl(watchdog->epoll, EPOLL_CTL_ADD, fd, &event);
}

static int watch_relay(struct watchdog *watchdog, struct relay *relay)
{
	int error = 0;

	for (size_t i = 0; i < relay->entrances.count; i++)
		for (unsigned worker = 0; !error && worker < watchdog->shared->worker_count; worker++) {
			int fd = relay_socket(relay, i, worker);

			if (fd >= 0)
				error = watch_socket(watchdog, relay, worker, fd);
		}
	return error;
}

static int watch_all(struct watchdog *watchdog)
{
	const struct worker_context *shared = watchdog->shared;
	size_t entrances = 0;
	int error = 0;

	for (size_t i = 0; i < shared->relay_count; i++)
		entrances += shared->relays[i]->entrances.count;
	watchdog->sockets = calloc(entrances * shared->worker_count, sizeof(*watchdog->sockets));
	if (!watchdog->sockets)
		return -1;
	for (size_t i = 0; !error && i < shared->relay_count; i++)
		error = watch_relay(watchdog, shared->relays[i]);
	return error;
}

static int init(struct watchdog *watchdog, struct event_base *base)
{
	watchdog->wards = calloc(watchdog->shared->worker_count, sizeof(*watchdog->wards));
	watchdog->epoll = epoll_create1(EPOLL_CLOEXEC);
	watchdog->look = event_new(base, -1, 0, on_look, watchdog);
	if (!watchdog->wards || watchdog->epoll < 0 || !watchdog->look || watch_all(watchdog) < 0)
		return -1;
	watchdog->arrival = event_new(base, watchdog->epoll, EV_READ, on_arrival, watchdog);
	return watchdog->arrival ? event_add(watchdog->arrival, NULL) : -1;
}

struct watchdog *watchdog_new(struct event_base *base, const struct worker_context *shared,
                              struct worker *const *workers)
{
	struct watchdog *watchdog = calloc(1, sizeof(*watchdog));

	if (!watchdog)
		return NULL;
	watchdog->shared = shared;
	watchdog->workers = workers;
	watchdog->epoll = -1;
	if (init(watchdog, base) == 0)
		return watchdog;
	watchdog_free(watchdog);
	return NULL;
}

void watchdog_stop(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	event_del(watchdog->arrival);
	event_del(watchdog->look);
}

void watchdog_free(struct watchdog *watchdog)
{
	if (!watchdog)
		return;
	evloop_free_event(watchdog->arrival);
	evloop_free_event(watchdog->look);
	if (watchdog->epoll >= 0)
		close(watchdog->epoll);
	free(watchdog->sockets);
	free(watchdog->wards);
	free(watchdog);
}
