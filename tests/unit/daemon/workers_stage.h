/* Workers on a main loop of the test's own. Their threads do not run until the test starts them. */
#ifndef WEIR_WORKERS_STAGE_H
#define WEIR_WORKERS_STAGE_H

#include "loop.h"
#include "worker/worker.h"

#define WORKERS_MAX 3

extern struct event_base *base;
extern struct worker_context context;
extern struct slots slots; /* of its pairs */
extern struct worker *worker[WORKERS_MAX];

/* For so many workers; their answers go to take_answer, or nowhere. */
void workers_begin(unsigned count, void (*take_answer)(void *arg, struct message *message));
/* What they are made of may be added to context before. */
void workers_make(void);
void workers_start(unsigned number);
/* Ends all threads and frees the workers. */
void workers_stop(void);
void workers_end(void);

#endif
