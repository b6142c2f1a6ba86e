#include "build_config.h"

#include "relay/facade.h"

#include "base/log.h"
#include "relay/span.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- relays that have entrances ---- */

static int compare_names(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void forget_relays(struct facade *facade)
{
	free(facade->relays);
	facade->relays = NULL;
	facade->relay_count = 0;
}

static int list_relays(struct facade *facade)
{
	const struct entrance *entrance;

	forget_relays(facade);
	facade->relays = calloc(facade->count + 1, sizeof(*facade->relays));
	if (!facade->relays)
		return -ENOMEM;
	TAILQ_FOREACH(entrance, &facade->all, entry)
	facade->relays[facade->relay_count++] = entrance->relay;
	qsort(facade->relays, facade->relay_count, sizeof(*facade->relays), compare_names);
	return 0;
}

int facade_begin(struct facade *facade)
{
	facade->round++;
	return list_relays(facade);
}

bool facade_has(const struct facade *facade, const char *relay)
{
	return facade->relays &&
	       bsearch(&relay, facade->relays, facade->relay_count, sizeof(*facade->relays), compare_names);
}

/* ---- taking ---- */

static bool can_be_taken(const struct entrance *entrance, bool refuses)
{
	if (entrance->round == entrance->facade->round)
		return false;
	switch (entrance->state) {
	case ENTRANCE_NEW: /* of a generation that has failed and is about to be freed */
	case ENTRANCE_OPEN:
		return true;
	case ENTRANCE_SHUT:
		return refuses || entrance_may_let_in(entrance);
	case ENTRANCE_CLOSED:
		return entrance->refuses;
	}
	return false;
}

static struct entrance *find(const struct facade *facade, const struct entrance_key *key, const char *relay,
                             bool refuses)
{
	struct entrance *entrance = entrance_index_find(&facade->index, key), *found = NULL;

	for (; entrance; entrance = entrance->alike) {
		if (!can_be_taken(entrance, refuses))
			continue;
		if (strcmp(entrance->relay, relay) == 0)
			return entrance;
		if (!found)
			found = entrance;
	}
	return found;
}

int facade_add(struct facade *facade, struct entrance *entrance)
{
	int error = entrance_index_add(&facade->index, entrance);

	if (error)
		return error;
	if (facade->last < entrance->number)
		facade->last = entrance->number;
	entrance->facade = facade;
	TAILQ_INSERT_TAIL(&facade->all, entrance, entry);
	facade->count++;
	return 0;
}

static int make(struct facade *facade, const struct entrance_key *key, const struct socket_tuning *tuning,
                const char *relay, struct entrance **made)
{
	struct entrance *entrance = malloc(sizeof(*entrance));
	int error;

	if (!entrance)
		return -ENOMEM;
	error = entrance_bind(entrance, key, tuning, facade->workers);
	entrance->number = facade->last + 1;
	if (!error)
		error = facade_add(facade, entrance);
	if (error) {
		entrance_close(entrance);
		free(entrance);
		return error;
	}
	if (entrance->shared)
		entrance->worker = facade->next_worker++ % facade->workers;
	snprintf(entrance->relay, sizeof(entrance->relay), "%s", relay);
	*made = entrance;
	return 0;
}

/* Clients of a unix socket, and of a passed one, get their tuning when they are accepted. */
static int prepare_retuning(struct entrance *entrance, const struct socket_tuning *tuning)
{
	entrance->retuning = NULL;
	if (!entrance_is_tcp(entrance) || retuning_is_needless(&entrance->tuning, tuning))
		return 0;
	return retunings_find(&entrance->facade->retunings, tuning, &entrance->retuning);
}

static void note_taker(struct entrance *entrance, const char *relay, bool refuses)
{
	entrance->round = entrance->facade->round;
	entrance->taker = relay;
	entrance->refuses = refuses;
}

int facade_take(struct facade *facade, const struct entrance_key *key, const struct socket_tuning *tuning,
                const char *relay, bool refuses, struct entrance **taken)
{
	int error = 0;

	*taken = find(facade, key, relay, refuses);
	if (*taken)
		error = prepare_retuning(*taken, tuning);
	else
		error = make(facade, key, tuning, relay, taken);
	if (error)
		return error;
	note_taker(*taken, relay, refuses);
	(*taken)->references++;
	return 0;
}

int facade_take_again(struct entrance *entrance, const char *relay, bool refuses)
{
	int error = 0;

	if (!refuses && entrance->state == ENTRANCE_SHUT && !entrance_may_let_in(entrance))
		return -EADDRINUSE;
	if (!refuses && entrance->state == ENTRANCE_CLOSED)
		error = entrance_bind_again(entrance, entrance->facade->workers);
	if (error)
		return error;
	if (!refuses && entrance->state == ENTRANCE_CLOSED)
		entrance->state = ENTRANCE_NEW;
	note_taker(entrance, relay, refuses);
	return 0;
}

static void forget(struct entrance *entrance)
{
	struct facade *facade = entrance->facade;

	TAILQ_REMOVE(&facade->all, entrance, entry);
	facade->count--;
	entrance_index_remove(&facade->index, entrance);
	entrance_close(entrance);
	free(entrance);
}

void facade_put(struct entrance *entrance)
{
	if (--entrance->references == 0)
		forget(entrance);
}

/* ---- committing ---- */

static void retune(struct entrance *entrance)
{
	if (entrance->retuning)
		entrance_retune(entrance, entrance->retuning);
	entrance->retuning = NULL;
}

/* What a commit has done, and has yet to log. */
struct committing {
	struct facade_change change;
	struct span again, gone;
};

static void open_up(struct entrance *entrance, struct committing *committing)
{
	struct facade_change *change = &committing->change;

	if (entrance->state == ENTRANCE_SHUT) {
		entrance_let_in(entrance);
		if (!entrance->refused)
			span_add(&committing->again, entrance->taker, entrance);
	}
	if (entrance->state == ENTRANCE_NEW)
		entrance->references++; /* until it is closed */
	if (entrance->state == ENTRANCE_OPEN)
		change->kept++;
	else
		change->added++;
	entrance->state = ENTRANCE_OPEN;
}

/* Whose handshake is under way would get nowhere, so nobody waits for that where clients are refused. */
static void shut_out(struct entrance *entrance, struct committing *committing)
{
	entrance_shut_out(entrance);
	if (entrance->refuses)
		entrance->linger_until = 0;
	entrance->state = ENTRANCE_SHUT;
	committing->change.removed++;
	if (!entrance->refuses) /* that is told once for all of a relay */
		span_add(&committing->gone, entrance->relay, entrance);
}

/* Nobody has been let in there yet. */
static void close_new(struct entrance *entrance)
{
	entrance_refuse(entrance);
	entrance->state = ENTRANCE_CLOSED;
}

static void close_left(struct facade *facade)
{
	struct entrance *entrance, *next;

	for (entrance = TAILQ_FIRST(&facade->all); entrance; entrance = next) {
		next = TAILQ_NEXT(entrance, entry);
		if (entrance->state != ENTRANCE_SHUT || atomic_load(&entrance->users) > 0)
			continue;
		if (entrance->refuses)
			entrance_refuse(entrance);
		else
			entrance_close(entrance);
		entrance->state = ENTRANCE_CLOSED;
		facade_put(entrance);
	}
}

/* What was needed from facade_begin on. */
static void end(struct facade *facade)
{
	forget_relays(facade);
	retunings_free(&facade->retunings);
}

static void commit(struct entrance *entrance, struct committing *committing)
{
	const bool taken = entrance->round == entrance->facade->round;

	if (taken)
		retune(entrance);
	else
		entrance->refuses = false;
	if (taken && !entrance->refuses)
		open_up(entrance, committing);
	else if (entrance->state == ENTRANCE_OPEN)
		shut_out(entrance, committing);
	else if (taken && entrance->state == ENTRANCE_NEW)
		close_new(entrance);
	else if (!taken && entrance->state == ENTRANCE_CLOSED)
		entrance_close(entrance);
	entrance->refused = entrance->refuses;
	if (!taken)
		return;
	entrance->committed = entrance->access;
	snprintf(entrance->relay, sizeof(entrance->relay), "%s", entrance->taker);
}

struct facade_change facade_commit(struct facade *facade)
{
	struct committing committing = {.again.news = SPAN_LISTENING_AGAIN, .gone.news = SPAN_GONE};
	struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	commit(entrance, &committing);
	span_end(&committing.again);
	span_end(&committing.gone);
	close_left(facade);
	end(facade);
	return committing.change;
}

static void restore(struct entrance *entrance)
{
	int error = entrance_set_access(entrance, &entrance->committed);

	entrance->refuses = entrance->refused;
	if (error)
		log_error("relay %s: cannot restore who may connect to %s: %s", entrance->relay,
		          entrance->text, strerror(-error));
}

/* An entrance that was bound again is closed as before; one that is new is about to be freed. */
void facade_abandon(struct facade *facade)
{
	struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (entrance->round == facade->round && entrance->state == ENTRANCE_NEW)
		close_new(entrance);
	TAILQ_FOREACH(entrance, &facade->all, entry)
	restore(entrance);
	end(facade);
}

void facade_shut(struct facade *facade)
{
	facade->round++;
	(void)facade_commit(facade);
}

void facade_enter(struct entrance *entrance)
{
	atomic_fetch_add(&entrance->users, 1);
}

void facade_leave(struct entrance *entrance)
{
	if (atomic_fetch_sub(&entrance->users, 1) == 1)
		mailbox_post(&entrance->facade->mailbox, &entrance->facade->left);
}

/* ---- life ---- */

static void take_left(void *arg, struct message *message)
{
	(void)message;
	close_left(arg);
}

void facade_init(struct facade *facade, unsigned workers)
{
	*facade = (struct facade){.workers = workers, .mailbox.fd = -1};
	TAILQ_INIT(&facade->all);
}

int facade_watch(struct facade *facade, struct event_base *base)
{
	return mailbox_open(&facade->mailbox, base, take_left, facade);
}

void facade_deinit(struct facade *facade)
{
	struct entrance *entrance;

	mailbox_close(&facade->mailbox);
	while ((entrance = TAILQ_FIRST(&facade->all)))
		forget(entrance);
	end(facade);
}

const struct entrance *facade_find_overlap(const struct facade *facade, const struct entrance_key *key)
{
	const struct entrance wanted = {.key = *key, .endpoint = key->endpoint};
	const struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade->all, entry)
	if (entrance->count > 0 && entrance_overlaps(entrance, &wanted))
		return entrance;
	return NULL;
}
