/* How acceptors begin, get another relay, and end. */
#include "build_config.h"

#include "worker/acceptor_private.h"

#include "base/evloop.h"
#include "net/socket.h"
#include "net/stream.h"

#include <stdlib.h>

/* ---- one ---- */

struct acceptor *acceptor_prepare(struct acceptors *acceptors, const struct acceptor_post *post,
                                  unsigned number)
{
	struct acceptor *acceptor = calloc(1, sizeof(*acceptor));

	if (!acceptor)
		return NULL;
	acceptor->all = acceptors;
	acceptor->entrance = post->entrance;
	acceptor->place = post->place;
	acceptor->number = number;
	acceptor->whose = entrance_whose(post->entrance, number);
	acceptor->early = -1;
	acceptor->fd = post->entrance->fds[number];
	acceptor->tunes_clients = entrance_has_clients_of_both(post->entrance);
	if (!acceptor_init_events(acceptor)) {
		free(acceptor);
		return NULL;
	}
	acceptor->relay = relay_get(post->relay);
	facade_enter(post->entrance);
	return acceptor;
}

void acceptor_begin(struct acceptor *acceptor)
{
	acceptor->begun = true;
	LIST_INSERT_HEAD(&acceptor->all->list, acceptor, entry);
	if (!acceptor_watch(acceptor))
		acceptor_want(acceptor);
}

struct acceptor *acceptor_new(struct acceptors *acceptors, const struct acceptor_post *post, unsigned number)
{
	struct acceptor *acceptor = acceptor_prepare(acceptors, post, number);

	if (acceptor)
		acceptor_begin(acceptor);
	return acceptor;
}

static void reopen(struct acceptor *acceptor)
{
	acceptor->draining = false;
	acceptor_unlimit(acceptor);
	if (!acceptor->awaited && !acceptor->wanting)
		acceptor_accept(acceptor);
}

/* What it has logged, and the slot that it waits for, are matters of the relay's standing. */
static void leave_standing(struct acceptor *acceptor)
{
	acceptor_end_episode(acceptor);
	acceptor_await_no_more(acceptor);
}

void acceptor_set_post(struct acceptor *acceptor, const struct acceptor_post *post)
{
	struct relay *before = acceptor->relay;
	bool moves = before->standing != post->relay->standing, waited = acceptor->awaited;

	if (moves)
		leave_standing(acceptor);
	acceptor->relay = relay_get(post->relay);
	acceptor->place = post->place;
	relay_put(before);
	if (acceptor->draining)
		reopen(acceptor);
	else if (moves && waited)
		acceptor_accept(acceptor);
}

void acceptor_drain(struct acceptor *acceptor)
{
	if (acceptor->draining)
		return;
	if (entrance_is_passed(acceptor->entrance)) {
		acceptor_end(acceptor);
		return;
	}
	acceptor->draining = true;
	acceptor->linger_until = acceptor->entrance->linger_until;
	if (acceptor_has_drained(acceptor)) {
		acceptor_await_no_more(acceptor);
		acceptor_want_no_more(acceptor);
	}
	if (!acceptor->awaited && !acceptor->wanting)
		acceptor_accept(acceptor);
}

void acceptor_free(struct acceptor *acceptor)
{
	if (acceptor->begun) {
		LIST_REMOVE(acceptor, entry);
		acceptor_want_no_more(acceptor);
		acceptor_await_no_more(acceptor);
		acceptor_end_episode(acceptor);
	}
	if (acceptor->early >= 0)
		stream_reset(acceptor->early);
	evloop_free_event(acceptor->acceptable);
	facade_leave(acceptor->entrance);
	relay_put(acceptor->relay);
	free(acceptor);
}

/* ---- all of a worker ---- */

void acceptors_stop(struct acceptors *acceptors)
{
	struct acceptor *acceptor;

	while ((acceptor = LIST_FIRST(&acceptors->list)))
		acceptor_free(acceptor);
}

void acceptors_drain(struct acceptors *acceptors)
{
	struct acceptor *acceptor, *next;

	for (acceptor = LIST_FIRST(&acceptors->list); acceptor; acceptor = next) {
		next = LIST_NEXT(acceptor, entry);
		acceptor_drain(acceptor);
	}
}

void acceptors_leave(struct acceptors *acceptors, unsigned whose)
{
	struct acceptor *acceptor, *next;

	for (acceptor = LIST_FIRST(&acceptors->list); acceptor; acceptor = next) {
		next = LIST_NEXT(acceptor, entry);
		if (acceptor->whose == whose)
			acceptor_free(acceptor);
	}
}
