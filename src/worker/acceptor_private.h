/*
 * What the files of the acceptor share: acceptor.c accepts, acceptor_log.c says when that pauses,
 * acceptor_life.c begins, changes and ends.
 */
#ifndef WEIR_ACCEPTOR_PRIVATE_H
#define WEIR_ACCEPTOR_PRIVATE_H

#include "worker/acceptor.h"
#include "worker/asking.h"

struct acceptor {
	struct acceptors *all;
	struct relay *relay;       /* a reference */
	struct entrance *entrance; /* the relay has it, or had it when the acceptor began */
	uint16_t place;            /* which the relay gives it, see struct entrances */
	unsigned number, whose;    /* of the socket, in the entrance; the worker whose socket it is */
	int fd;
	bool begun;               /* in the list of all; the worker's own from then on */
	bool tunes_clients;       /* see entrance_has_clients_of_both */
	struct event *acceptable; /* added exactly while watching */
	bool watching;            /* the backlog was found empty, or there was too much in it for one pass */
	bool wanting;             /* in the list of those with a shortage */
	struct slots *awaited;    /* at a limit: the slots that were full */
	struct slots_waiter waiter; /* in their list, until told */
	struct asking asking;
	unsigned errors; /* of clients, in a row */
	bool logged;     /* that it pauses; until the backlog was found empty */
	bool draining;
	int early; /* draining: a client that was accepted before it had a slot, or negative; owned */
	uint64_t linger_until;      /* draining: clock_ms at which no handshake can be under way any more */
	LIST_ENTRY(acceptor) entry; /* before it has begun, its maker may use this */
	LIST_ENTRY(acceptor) awaiting_entry;
	TAILQ_ENTRY(acceptor) wanting_entry;
};

/* Accepts those that wait, as far as it can, and waits for what it needs to go on. May free the acceptor. */
void acceptor_accept(struct acceptor *acceptor);
/* Frees one that has drained, and says so. */
void acceptor_end(struct acceptor *acceptor);
/* It cannot go on, for lack of something. It is tried again after a while. */
void acceptor_want(struct acceptor *acceptor);
/* Waits for the next client. False if the event cannot be added. */
bool acceptor_watch(struct acceptor *acceptor);
void acceptor_unwatch(struct acceptor *acceptor);
/* Makes its events. False when out of memory. */
bool acceptor_init_events(struct acceptor *acceptor);
/* Unwatches, and forgets that it was to be watched for a while only. libevent would keep that. */
void acceptor_unlimit(struct acceptor *acceptor);
/*
 * Whether it drains, and nobody waits. It needs nothing then to come to its end: a limit or a shortage may
 * last for as long as a pair lives.
 */
bool acceptor_has_drained(struct acceptor *acceptor);
/* Waits neither for a slot nor for the end of a shortage. */
void acceptor_await_no_more(struct acceptor *acceptor);
void acceptor_want_no_more(struct acceptor *acceptor);
/* The retry is due after a while, if it is not yet. */
void acceptors_arm_retry(struct acceptors *all);

/* acceptor_log.c */

/* It waits at a limit. */
void acceptor_log_limit(struct acceptor *acceptor);
/* Something has run out (-errno). */
void acceptor_log_shortage(struct acceptor *acceptor, int error);
/* Nobody waits any more. */
void acceptor_log_calm(struct acceptor *acceptor);
/* The trouble that it has logged, if any, is over, or is another's. */
void acceptor_end_episode(struct acceptor *acceptor);

#endif
