/* What the files of a worker share: worker.c (thread and orders), worker_state.c (what is handed over). */
#ifndef WEIR_WORKER_PRIVATE_H
#define WEIR_WORKER_PRIVATE_H

#include "flow/pipe_pool.h"
#include "pair/pair.h"
#include "worker/acceptor.h"
#include "worker/adoption.h"
#include "worker/parking.h"
#include "worker/worker.h"

#include <pthread.h>
#include <stdbool.h>

struct event;
struct event_base;

struct worker {
	const struct worker_context *context;
	unsigned number;
	struct adoption *next;    /* the main thread's, from worker_prepare until it is ordered */
	struct adoption *current; /* of the generation that clients come in to; NULL: none yet, or draining */
	struct event_base *base;
	struct pair_set set;
	struct pipe_pool pipes;
	struct acceptors acceptors;
	bool *stands_in; /* for each worker; NULL if there is only one */
	bool draining;   /* WORKER_DRAIN is not answered yet */
	struct mailbox mailbox;
	struct message orders[WORKER_ORDERS];
	struct worker_answer adopted, drained, reported, saved;
	struct event *survey_more; /* goes on with a survey after other events were served */
	pthread_t thread;
	bool started;
};

void worker_answer(struct worker *worker, struct worker_answer *answer, enum worker_answered what);

/* worker_state.c: WORKER_SAVE */
void worker_save(struct worker *worker);

#endif
