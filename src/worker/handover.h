/*
 * Balance between workers. Every worker's pairs are counted, and a client goes to the worker with the fewest.
 * If that is another than the one that has accepted it, it is put into that worker's queue of newcomers.
 *
 * A pair counts from before its worker has heard of it until it has given back all that it held: also while
 * it waits for its last acknowledgements, as in limits.
 */
#ifndef WEIR_HANDOVER_H
#define WEIR_HANDOVER_H

#include "pair/pair.h"
#include "worker/newcomers.h"

#include <limits.h>
#include <stdbool.h>

struct handover;

#define HANDOVER_NOBODY UINT_MAX

/* For this many workers, two or more. NULL when out of memory. */
struct handover *handover_new(unsigned workers);
/* Resets the clients that are left: those that came when their worker had ended. Takes NULL. */
void handover_free(struct handover *handover);
/* Before any worker runs. tell: there are newcomers for this worker. Any thread; must not block. */
void handover_join(struct handover *handover, unsigned worker, void (*tell)(void *arg), void *arg);

/*
 * A client that the worker of set has accepted: begins its pair there or hands it over. 0, or -ENOMEM if
 * there was no memory for a pair, and the client was reset. handover is NULL if there is only one worker.
 */
int handover_serve(struct handover *handover, struct pair_set *set, struct newcomer *newcomer);
/* Begins the pairs of whose newcomers on the worker of set: its own, or those of a worker that is stuck. */
void handover_take(struct handover *handover, struct pair_set *set, unsigned whose);
/* A pair of the worker has ended. */
void handover_pair_ended(struct handover *handover, unsigned worker);
/* Whether the worker has newcomers. Any thread. */
bool handover_waits(struct handover *handover, unsigned worker);

/*
 * The worker is stuck. Until HANDOVER_NOBODY stands in, it is handed no clients, and another accepts those
 * of its own. Any thread.
 */
void handover_set_stand_in(struct handover *handover, unsigned worker, unsigned stand_in);
unsigned handover_stand_in(struct handover *handover, unsigned worker);

#endif
