#include "build_config.h"

#include "worker/acceptor.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How many clients are accepted before other events are served. */
#define ACCEPT_BATCH 32
/* How long a pause is. A limit is checked again soon, a shortage of descriptors or memory ever less often. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000

struct acceptor {
	struct pair_set *set;
	struct slots *slots; /* pairs of all workers */
	struct relay *relay;
	int fd;
	bool tunes_clients;       /* see socket_has_clients_of_both */
	struct event *acceptable; /* added exactly while not paused */
	struct event *timer;      /* added while paused */
	bool paused;
	bool told;            /* has logged that it pauses; until the backlog was found empty */
	struct backoff pause; /* how long the next pause is */
	LIST_ENTRY(acceptor) entry;
};

/* Pauses until one of these slots is given back, or for a while. */
static void pause_accepting(struct acceptor *acceptor, struct slots *slots)
{
	const struct timeval length = clock_timeval(acceptor->pause.wait);

	/* Without the timer it might never go on. Then it does not pause, and the next pass tries again. */
	if (event_add(acceptor->timer, &length) < 0)
		return;
	event_del(acceptor->acceptable);
	acceptor->paused = true;
	slots_wait(slots, acceptor->set->worker);
}

static void resume_accepting(struct acceptor *acceptor)
{
	if (event_add(acceptor->acceptable, NULL) < 0) {
		pause_accepting(acceptor, acceptor->slots);
		return;
	}
	event_del(acceptor->timer);
	acceptor->paused = false;
	if (acceptor->told && !slots_full(acceptor->slots) && !slots_full(&acceptor->relay->slots))
		relay_end_limit(acceptor->relay); /* another acceptor may have something to log */
}

/*
 * One line per episode, because a busy relay at its limit pauses after every client. If the last line is too
 * recent, the next pause asks again. This way a lasting episode is always logged.
 */
static bool begin_episode(struct acceptor *acceptor)
{
	if (acceptor->told)
		return false;
	acceptor->told = relay_begin_limit(acceptor->relay);
	return acceptor->told;
}

static void end_episode(struct acceptor *acceptor)
{
	if (acceptor->told)
		relay_end_limit(acceptor->relay);
	acceptor->told = false;
}

static void note_calm(struct acceptor *acceptor)
{
	if (acceptor->told)
		log_notice("relay %s: accepting again", acceptor->relay->config->name);
	end_episode(acceptor);
	backoff_reset(&acceptor->pause, PAUSE_MIN_MS);
}

static void pause_at_limit(struct acceptor *acceptor, const char *whose, struct slots *slots)
{
	if (begin_episode(acceptor))
		log_warning("relay %s: %smax_connections (%" PRIu64 ") reached, accepting pauses",
		            acceptor->relay->config->name, whose, slots->max);
	backoff_reset(&acceptor->pause, PAUSE_MIN_MS);
	pause_accepting(acceptor, slots);
}

static void pause_at_shortage(struct acceptor *acceptor, int error)
{
	if (begin_episode(acceptor))
		log_error("relay %s: cannot accept: %s; accepting pauses", acceptor->relay->config->name,
		          strerror(-error));
	pause_accepting(acceptor, acceptor->slots);
	backoff_next(&acceptor->pause, PAUSE_MAX_MS);
}

/* Errors of accept(2) caused by the client or the network. The next client may be fine. */
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

static bool take_ticket(struct acceptor *acceptor, struct admission *ticket)
{
	struct slots *full = admission_take(ticket, acceptor->slots, acceptor->relay);

	if (full)
		pause_at_limit(acceptor, full == acceptor->slots ? "" : "its ", full);
	return !full;
}

/* False when there is nothing more to accept now. */
static bool accept_one(struct acceptor *acceptor)
{
	union client_address client = {.any = {.sa_family = AF_UNIX}};
	struct admission ticket;
	int fd;

	if (!take_ticket(acceptor, &ticket))
		return false;
	fd = socket_accept(acceptor->fd, &acceptor->relay->client_tuning, &client);
	if (fd >= 0) {
		if (acceptor->tunes_clients)
			socket_tune_client(fd, &client);
		backoff_reset(&acceptor->pause, PAUSE_MIN_MS);
		if (pair_new(acceptor->set, &ticket, fd, &client) == 0)
			return true;
		pause_at_shortage(acceptor, -ENOMEM);
		return false;
	}
	admission_give(&ticket);
	if (is_of_client(fd))
		return true;
	if (fd == -EAGAIN)
		note_calm(acceptor);
	else
		pause_at_shortage(acceptor, fd);
	return false;
}

EVENT_CALLBACK(on_acceptable, struct acceptor, acceptor)
{
	for (int i = 0; i < ACCEPT_BATCH && accept_one(acceptor); i++)
		;
}

EVENT_CALLBACK(on_timer, struct acceptor, acceptor)
{
	resume_accepting(acceptor);
}

void acceptor_resume_all(struct acceptor_list *list)
{
	struct acceptor *acceptor;

	LIST_FOREACH (acceptor, list, entry)
		if (acceptor->paused)
			resume_accepting(acceptor);
}

struct acceptor *acceptor_new(struct acceptor_list *list, struct pair_set *set, struct slots *slots,
                              struct relay *relay, int fd)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

	if (!acceptor)
		return NULL;
	acceptor->set = set;
	acceptor->slots = slots;
	acceptor->relay = relay_get(relay);
	acceptor->fd = fd;
	acceptor->tunes_clients = socket_has_clients_of_both(fd);
	backoff_reset(&acceptor->pause, PAUSE_MIN_MS);
	LIST_INSERT_HEAD(list, acceptor, entry);
	acceptor->acceptable = event_new(set->io.base, fd, EV_READ | EV_PERSIST, on_acceptable, acceptor);
	acceptor->timer = event_new(set->io.base, -1, 0, on_timer, acceptor);
	if (!acceptor->acceptable || !acceptor->timer || event_add(acceptor->acceptable, NULL) < 0) {
		acceptor_free(acceptor);
		return NULL;
	}
	return acceptor;
}

void acceptor_free(struct acceptor *acceptor)
{
	LIST_REMOVE(acceptor, entry);
	evloop_free_event(acceptor->acceptable);
	evloop_free_event(acceptor->timer);
	end_episode(acceptor);
	relay_put(acceptor->relay);
	free(acceptor);
}
