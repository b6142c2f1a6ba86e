/*
 * Where workers leave their parts of the state, and wait while another program takes over. There are rounds:
 * in each, every worker saves its part into the file that it is given, and in the last one waits there.
 * A worker that comes too late, after the round was given up, finds that there is nothing to do.
 */
#ifndef WEIR_PARKING_H
#define WEIR_PARKING_H

#include "report/state.h"

#include <pthread.h>
#include <stdbool.h>

struct parking {
	/* private */
	pthread_mutex_t lock;
	pthread_cond_t opened; /* the round is over */
	bool in_round;
	unsigned round;
	unsigned inside; /* workers that are saving */
	enum state_purpose purpose;
	const int *files;
};

void parking_init(struct parking *parking);
void parking_deinit(struct parking *parking);

/* Begins a round: files has a descriptor for each worker, until parking_end. Main thread. */
void parking_begin(struct parking *parking, enum state_purpose purpose, const int *files);
/* The round is over, and all that wait go on. Main thread. */
void parking_end(struct parking *parking);
/* Whether an answer that was given in this round still counts. Main thread. */
bool parking_is_in(const struct parking *parking, unsigned round);

/* Whether a worker is still saving, maybe for a round that is over. Main thread. */
bool parking_is_busy(struct parking *parking);

/* What a worker is to save. */
struct parking_place {
	int file; /* the worker's own */
	enum state_purpose purpose;
	unsigned round;
};

/* 1: there is something to do; 0: not any more; or -errno. The worker's thread, as the next. */
int parking_enter(struct parking *parking, unsigned worker, struct parking_place *place);
/* It has saved. Must follow if there was something to do. */
void parking_leave(struct parking *parking);
/* Waits until the round is over. */
void parking_wait(struct parking *parking, unsigned round);

#endif
