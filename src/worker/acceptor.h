/*
 * Accepts for one listening address on one worker. At a limit, or when descriptors or memory have run out,
 * it pauses: the socket has no event, so it costs no CPU, and clients wait in the backlog. At a limit it goes
 * on when it is told that a slot is free. A shortage is looked at again after a while, and when a pair of
 * the worker has ended.
 */
#ifndef WEIR_ACCEPTOR_H
#define WEIR_ACCEPTOR_H

#include "base/backoff.h"
#include "pair/pair.h"
#include "relay/relay.h"

#include <sys/queue.h>

struct acceptor;
struct event;
struct handover;

LIST_HEAD(acceptor_list, acceptor);
TAILQ_HEAD(acceptor_wanting, acceptor);

/* All acceptors of one worker. */
struct acceptors {
	struct pair_set *set; /* gets the pairs that are not handed over; borrowed, as are the next two */
	struct handover *handover; /* NULL: there are no other workers */
	struct slots *slots;       /* pairs of all workers */
	/* There may be a slot for one that waits: acceptors_resume is due. Any thread; must not block. */
	void (*told)(void *arg);
	void (*drained)(void *arg); /* acceptor_drain has come to its end */
	void *arg;
	/* private */
	struct acceptor_list list;
	struct acceptor_list awaiting;   /* those at a limit */
	struct acceptor_wanting wanting; /* those that pause because of a shortage */
	struct event *retry;             /* while there are such, or one whose limit is not logged yet */
	struct backoff pause;            /* how long until the next try */
};

/*
 * The caller fills in everything that is not private first. 0 or -errno. acceptors_deinit must follow in
 * either case.
 */
int acceptors_init(struct acceptors *acceptors);
/* Frees those that are left. Also takes a zeroed one. */
void acceptors_deinit(struct acceptors *acceptors);
/* Those that were told of a free slot go on. */
void acceptors_resume(struct acceptors *acceptors);
/* A pair of this worker has ended, which may have ended a shortage. */
void acceptors_pair_ended(struct acceptors *acceptors);

/* Frees all. Their clients stay in the backlog. */
void acceptors_stop(struct acceptors *acceptors);
/* Drains all, as acceptor_drain does. */
void acceptors_drain(struct acceptors *acceptors);
/* Frees those on sockets of the worker whose. Clients that wait there are left to others. */
void acceptors_leave(struct acceptors *acceptors, unsigned whose);

/* Which clients one accepts. */
struct acceptor_post {
	struct relay *relay;
	struct entrance *entrance; /* the relay has it */
	uint16_t place;            /* of that entrance, among those of the relay */
};

/*
 * An acceptor for the socket of the entrance with this number. Any thread may make it, and free it until it
 * has begun. NULL when out of memory.
 */
struct acceptor *acceptor_prepare(struct acceptors *acceptors, const struct acceptor_post *post,
                                  unsigned number);
/* Accepts from now on, as long as there are slots for a pair. If something is lacking, it tries again. */
void acceptor_begin(struct acceptor *acceptor);
/* One that has begun. NULL when out of memory. */
struct acceptor *acceptor_new(struct acceptors *acceptors, const struct acceptor_post *post, unsigned number);
/* From now on its clients are those of this post at the same entrance. If it drains, it stops that. */
void acceptor_set_post(struct acceptor *acceptor, const struct acceptor_post *post);
/*
 * The entrance is shut out. Serves those that are there already, as slots become free; those at a socket of
 * the service manager are left there. Then it frees the acceptor and calls drained. All that may happen
 * before this returns.
 */
void acceptor_drain(struct acceptor *acceptor);
void acceptor_free(struct acceptor *acceptor);

#endif
