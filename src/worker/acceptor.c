/*
 *              event, told, retry
 *                    │
 *                    ▼
 *              accept_some ──► the backlog is empty: waits for an event, or ends if it is draining
 *               │       │
 *               ▼       ▼
 *          at a limit   a shortage
 *      waits to be told   waits for the retry
 */
#include "build_config.h"

#include "worker/acceptor_private.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "net/accept_error.h"
#include "net/stream.h"
#include "worker/handover.h"

#include <errno.h>
#include <event2/event.h>
#include <stddef.h>

/* How many clients are accepted before other events are served. */
#define ACCEPT_BATCH 32
/* So many errors of clients in a row, without one client accepted, are not the clients' fault. */
#define ERRORS_MAX 32
/* How long a shortage is left alone, ever longer. */
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 1000

/* What became of an attempt to accept. */
enum outcome { MORE, EMPTY, AT_LIMIT, SHORTAGE }; /* MORE: there may be more clients */

/* ---- watching and pausing ---- */

void acceptors_arm_retry(struct acceptors *all)
{
	if (!event_pending(all->retry, EV_TIMEOUT, NULL))
		evloop_set_timer(all->retry, all->pause.wait);
}

void acceptor_unwatch(struct acceptor *acceptor)
{
	event_del(acceptor->acceptable);
	acceptor->watching = false;
}

void acceptor_want(struct acceptor *acceptor)
{
	acceptor_unwatch(acceptor);
	acceptor->wanting = true;
	TAILQ_INSERT_TAIL(&acceptor->all->wanting, acceptor, wanting_entry);
	acceptors_arm_retry(acceptor->all);
}

void acceptor_want_no_more(struct acceptor *acceptor)
{
	if (acceptor->wanting)
		TAILQ_REMOVE(&acceptor->all->wanting, acceptor, wanting_entry);
	acceptor->wanting = false;
}

/* The slots that it waits for now, or NULL. */
static void set_awaited(struct acceptor *acceptor, struct slots *slots)
{
	if (slots && !acceptor->awaited)
		LIST_INSERT_HEAD(&acceptor->all->awaiting, acceptor, awaiting_entry);
	else if (!slots && acceptor->awaited)
		LIST_REMOVE(acceptor, awaiting_entry);
	acceptor->awaited = slots;
}

/* A slot that it was told of but cannot use is passed on. */
static void await(struct acceptor *acceptor, struct slots *slots)
{
	struct slots *before = acceptor->awaited;

	acceptor_unwatch(acceptor);
	set_awaited(acceptor, slots);
	slots_wait(slots, &acceptor->waiter);
	if (before && before != slots)
		slots_pass(before);
}

void acceptor_await_no_more(struct acceptor *acceptor)
{
	if (acceptor->awaited)
		slots_forget(acceptor->awaited, &acceptor->waiter);
	set_awaited(acceptor, NULL);
}

static void on_told(struct slots_waiter *waiter)
{
	struct acceptor *acceptor = (struct acceptor *)((char *)waiter - offsetof(struct acceptor, waiter));

	acceptor->all->told(acceptor->all->arg);
}

/* ---- accepting ---- */

/* The one that was accepted early, or the next one. The descriptor or -errno. */
static int take_client(struct acceptor *acceptor, union client_address *address)
{
	int early = acceptor->early;

	acceptor->early = -1;
	return early >= 0 ? early : socket_accept(acceptor->fd, &acceptor->relay->client_tuning, address);
}

/*
 * A unix socket that is shut out is always readable, so only accept(2) can tell. Whoever comes of that waits
 * here for a slot. A stand-in has to be able to leave at any time, and so does not ask.
 */
static bool finds_nobody(struct acceptor *acceptor)
{
	union client_address address;

	if (entrance_may_let_in(acceptor->entrance))
		return !socket_has_client(acceptor->fd);
	if (acceptor->whose != acceptor->all->set->worker)
		return false;
	acceptor->early = take_client(acceptor, &address);
	return acceptor->early == -EAGAIN;
}

bool acceptor_has_drained(struct acceptor *acceptor)
{
	return acceptor->draining && finds_nobody(acceptor);
}

static enum outcome heed_error(struct acceptor *acceptor, int error)
{
	if (error == -EAGAIN || acceptor_has_drained(acceptor)) {
		acceptor->errors = 0;
		acceptor_log_calm(acceptor);
		return EMPTY;
	}
	if (accept_error_is_of_client(error) && acceptor->errors < ERRORS_MAX) {
		acceptor->errors++;
		return MORE;
	}
	acceptor_log_shortage(acceptor, error);
	if (!acceptor->draining || !accept_error_is_of_client(error))
		return SHORTAGE;
	acceptor->linger_until = 0; /* an error that lasts would hold up the end */
	return acceptor->early < 0 ? EMPTY : MORE;
}

static void tune_client(const struct acceptor *acceptor, const struct newcomer *client)
{
	if (atomic_load(&acceptor->entrance->was_shut))
		socket_let_in(client->fd);
	if (entrance_is_passed(acceptor->entrance))
		socket_tune_passed(client->fd, &acceptor->relay->client_tuning, &client->address);
	else if (acceptor->tunes_clients)
		socket_tune_client(client->fd, &client->address);
}

/* It costs no pair, and its place is given back. Whoever must send a header is judged by that, later. */
static bool is_denied(struct acceptor *acceptor, struct newcomer *client)
{
	struct pair_set *set = acceptor->all->set;

	if (!relay_denies(acceptor->relay, &client->address) ||
	    relay_wants_header(acceptor->relay, &client->address))
		return false;
	acceptor->relay->standing->tallies[set->worker].counters.accepted++;
	pair_note_denied(set, acceptor->relay, &client->address);
	stream_reset(client->fd);
	admission_give(&client->ticket);
	return true;
}

static enum outcome accept_one(struct acceptor *acceptor)
{
	struct newcomer client = {.address.any.sa_family = AF_UNIX};
	struct acceptors *all = acceptor->all;
	struct slots *full = admission_take(&client.ticket, all->slots, acceptor->relay);

	if (full && acceptor_has_drained(acceptor)) {
		acceptor_await_no_more(acceptor);
		return EMPTY;
	}
	if (full) {
		await(acceptor, full);
		acceptor_log_limit(acceptor);
		return AT_LIMIT;
	}
	client.ticket.place = acceptor->place;
	client.fd = take_client(acceptor, &client.address);
	if (client.fd < 0) {
		admission_give(&client.ticket);
		return heed_error(acceptor, client.fd);
	}
	acceptor->errors = 0;
	tune_client(acceptor, &client);
	if (is_denied(acceptor, &client) || handover_serve(all->handover, all->set, &client) == 0)
		return MORE;
	admission_give(&client.ticket);
	acceptor_log_shortage(acceptor, -ENOMEM);
	return SHORTAGE;
}

/* While draining, no longer than a handshake may still be under way. */
bool acceptor_watch(struct acceptor *acceptor)
{
	uint64_t now = clock_ms(), until = acceptor->linger_until;
	const struct timeval left = clock_timeval(until > now ? until - now : 0);

	if (acceptor->watching && !acceptor->draining)
		return true;
	acceptor->watching = event_add(acceptor->acceptable, acceptor->draining ? &left : NULL) == 0;
	return acceptor->watching;
}

void acceptor_end(struct acceptor *acceptor)
{
	struct acceptors *all = acceptor->all;

	acceptor_free(acceptor);
	all->drained(all->arg);
}

/* An acceptor that has logged that it pauses must know when nobody waits any more. */
static enum outcome accept_batch(struct acceptor *acceptor)
{
	const bool due = acceptor->logged || asking_is_due(&acceptor->asking);
	enum outcome outcome = MORE;
	int tries = 0;

	while (outcome == MORE && tries < ACCEPT_BATCH && (due || tries == 0 || acceptor->errors > 0)) {
		outcome = accept_one(acceptor);
		tries++;
	}
	if (due && tries > 1)
		asking_note(&acceptor->asking, outcome == MORE ? tries : tries - 1);
	return outcome;
}

/* May free the acceptor. */
static enum outcome accept_some(struct acceptor *acceptor)
{
	enum outcome outcome = accept_batch(acceptor);

	if (outcome == AT_LIMIT)
		return outcome;
	set_awaited(acceptor, NULL); /* it was told */
	if (outcome == EMPTY && acceptor->draining && clock_ms() >= acceptor->linger_until) {
		acceptor_end(acceptor);
		return outcome;
	}
	if (outcome != SHORTAGE && !acceptor_watch(acceptor))
		outcome = SHORTAGE;
	if (outcome == SHORTAGE)
		acceptor_want(acceptor);
	return outcome;
}

void acceptor_accept(struct acceptor *acceptor)
{
	(void)accept_some(acceptor);
}

EVENT_CALLBACK(on_acceptable, struct acceptor, acceptor)
{
	acceptor_accept(acceptor);
}

bool acceptor_init_events(struct acceptor *acceptor)
{
	acceptor->waiter.tell = on_told;
	acceptor->acceptable = event_new(acceptor->all->set->io.base, acceptor->fd, EV_READ | EV_PERSIST,
	                                 on_acceptable, acceptor);
	return acceptor->acceptable;
}

void acceptor_unlimit(struct acceptor *acceptor)
{
	acceptor_unwatch(acceptor);
	(void)event_assign(acceptor->acceptable, acceptor->all->set->io.base, acceptor->fd,
	                   EV_READ | EV_PERSIST, on_acceptable, acceptor);
}

/* One after the other, until one meets a shortage again. It is then the last to be tried next time. */
static void try_again(struct acceptors *all)
{
	struct acceptor *acceptor;

	while ((acceptor = TAILQ_FIRST(&all->wanting))) {
		acceptor_want_no_more(acceptor);
		if (accept_some(acceptor) == SHORTAGE)
			return;
	}
}

EVENT_CALLBACK(on_retry, struct acceptors, all)
{
	struct acceptor *acceptor;

	backoff_next(&all->pause, PAUSE_MAX_MS);
	try_again(all);
	LIST_FOREACH (acceptor, &all->awaiting, awaiting_entry)
		acceptor_log_limit(acceptor);
	if (!TAILQ_EMPTY(&all->wanting))
		acceptors_arm_retry(all);
	if (!event_pending(all->retry, EV_TIMEOUT, NULL))
		backoff_reset(&all->pause, PAUSE_MIN_MS);
}

/* When the limit is over, another acceptor may have something to log. */
static void resume(struct acceptor *acceptor)
{
	if (acceptor->logged && !slots_full(acceptor->all->slots) &&
	    !slots_full(&acceptor->relay->standing->slots))
		standing_end_limit(acceptor->relay->standing);
	accept_some(acceptor);
}

void acceptors_resume(struct acceptors *acceptors)
{
	struct acceptor *acceptor, *next;

	for (acceptor = LIST_FIRST(&acceptors->awaiting); acceptor; acceptor = next) {
		next = LIST_NEXT(acceptor, awaiting_entry);
		if (!slots_awaited(&acceptor->waiter))
			resume(acceptor);
	}
}

void acceptors_pair_ended(struct acceptors *acceptors)
{
	if (!TAILQ_EMPTY(&acceptors->wanting))
		event_active(acceptors->retry, EV_TIMEOUT, 0);
}

/* ---- life ---- */

int acceptors_init(struct acceptors *acceptors)
{
	LIST_INIT(&acceptors->list);
	LIST_INIT(&acceptors->awaiting);
	TAILQ_INIT(&acceptors->wanting);
	backoff_reset(&acceptors->pause, PAUSE_MIN_MS);
	acceptors->retry = event_new(acceptors->set->io.base, -1, 0, on_retry, acceptors);
	return acceptors->retry ? 0 : -ENOMEM;
}

void acceptors_deinit(struct acceptors *acceptors)
{
	acceptors_stop(acceptors);
	evloop_free_event(acceptors->retry);
	acceptors->retry = NULL;
}
