#include "build_config.h"

#include "worker/listener.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Clients accepted before others get their turn. */
#define ACCEPT_BATCH 32
/*
 * How long a pause is: a limit is looked at again soon, a shortage of descriptors or memory ever less often.
 */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000

struct listener {
	struct pair_set *set;
	struct slots *slots; /* pairs of all workers */
	struct relay *relay;
	int fd;
	struct event *acceptable; /* added exactly while not paused */
	struct event *timer;      /* added while paused */
	bool paused;
	bool told;            /* a line said that it pauses, and the backlog was not empty since */
	struct backoff pause; /* how long the next pause is */
	LIST_ENTRY(listener) entry;
};

/* Until one of these slots is given back, or for a while. */
static void pause_accepting(struct listener *listener, struct slots *slots)
{
	const struct timeval length = clock_timeval(listener->pause.wait);

	/* Without the timer it might never go on; it is not paused then, and the next pass tries again. */
	if (event_add(listener->timer, &length) < 0)
		return;
	event_del(listener->acceptable);
	listener->paused = true;
	slots_wait(slots, listener->set->worker);
}

static void resume_accepting(struct listener *listener)
{
	if (event_add(listener->acceptable, NULL) < 0) {
		pause_accepting(listener, listener->slots);
		return;
	}
	event_del(listener->timer);
	listener->paused = false;
	if (listener->told && !slots_full(listener->slots) && !slots_full(&listener->relay->slots))
		relay_end_logged_limit(listener->relay); /* another listener may have more to tell */
}

/*
 * One line per episode: a busy relay at its limit pauses with every client. Where it is too soon for one, the
 * next try asks again: an episode that lasts is told.
 */
static bool begins_told_episode(struct listener *listener)
{
	if (listener->told)
		return false;
	listener->told = relay_may_log_limit(listener->relay);
	return listener->told;
}

static void end_told_episode(struct listener *listener)
{
	if (listener->told)
		relay_end_logged_limit(listener->relay);
	listener->told = false;
}

static void note_calm(struct listener *listener)
{
	if (listener->told)
		log_notice("relay %s: accepting again", listener->relay->config->name);
	end_told_episode(listener);
	backoff_reset(&listener->pause, PAUSE_MIN_MS);
}

static void pause_at_limit(struct listener *listener, const char *whose, struct slots *slots)
{
	if (begins_told_episode(listener))
		log_warning("relay %s: %smax_connections (%" PRIu64 ") reached, accepting pauses",
		            listener->relay->config->name, whose, slots->max);
	backoff_reset(&listener->pause, PAUSE_MIN_MS);
	pause_accepting(listener, slots);
}

static void pause_at_shortage(struct listener *listener, int error)
{
	if (begins_told_episode(listener))
		log_error("relay %s: cannot accept: %s; accepting pauses", listener->relay->config->name,
		          strerror(-error));
	pause_accepting(listener, listener->slots);
	backoff_next(&listener->pause, PAUSE_MAX_MS);
}

/* Errors of accept(2) that are the client's or the network's: the next client may be fine. */
static bool is_of_client(int error)
{
	switch (-error) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static bool take_ticket(struct listener *listener, struct admission *ticket)
{
	struct slots *full = admission_take(ticket, listener->slots, listener->relay);

	if (full)
		pause_at_limit(listener, full == listener->slots ? "" : "its ", full);
	return !full;
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct listener *listener)
{
	union client_address client = {.any = {.sa_family = AF_UNIX}};
	struct admission ticket;
	int fd;

	if (!take_ticket(listener, &ticket))
		return false;
	fd = socket_accept(listener->fd, &client);
	if (fd >= 0) {
		backoff_reset(&listener->pause, PAUSE_MIN_MS);
		if (pair_new(listener->set, &ticket, fd, &client) == 0)
			return true;
		pause_at_shortage(listener, -ENOMEM);
		return false;
	}
	admission_give(&ticket);
	if (is_of_client(fd))
		return true;
	if (fd == -EAGAIN)
		note_calm(listener);
	else
		pause_at_shortage(listener, fd);
	return false;
}

EVENT_CALLBACK(on_acceptable, struct listener, listener)
{
	for (int i = 0; i < ACCEPT_BATCH && accept_one(listener); i++)
		;
}

EVENT_CALLBACK(on_timer, struct listener, listener)
{
	resume_accepting(listener);
}

void listener_resume_all(struct listener_list *list)
{
	struct listener *listener;

	LIST_FOREACH (listener, list, entry)
		if (listener->paused)
			resume_accepting(listener);
}

struct listener *listener_new(struct listener_list *list, struct pair_set *set, struct slots *slots,
                              struct relay *relay, int fd)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	listener->set = set;
	listener->slots = slots;
	listener->relay = relay_get(relay);
	listener->fd = fd;
	backoff_reset(&listener->pause, PAUSE_MIN_MS);
	LIST_INSERT_HEAD(list, listener, entry);
	listener->acceptable = event_new(set->io.base, fd, EV_READ | EV_PERSIST, on_acceptable, listener);
	listener->timer = event_new(set->io.base, -1, 0, on_timer, listener);
	if (!listener->acceptable || !listener->timer || event_add(listener->acceptable, NULL) < 0) {
		listener_free(listener);
		return NULL;
	}
	return listener;
}

void listener_free(struct listener *listener)
{
	LIST_REMOVE(listener, entry);
	if (listener->acceptable)
		event_free(listener->acceptable);
	if (listener->timer)
		event_free(listener->timer);
	end_told_episode(listener);
	relay_put(listener->relay);
	free(listener);
}
