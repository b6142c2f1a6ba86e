/*
 * Balance between workers. The pairs of each worker are counted, and a client goes to the worker with the
 * fewest. If that is not the worker that accepted it, it becomes one of the other's newcomers.
 *
 * A pair counts from before its worker knows of it until it has given back all that it held. As for limits,
 * that includes the wait for its last acknowledgements.
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
/* Resets the clients that are left, which came after their worker had ended. Takes NULL. */
void handover_free(struct handover *handover);
/* Before any worker runs. tell: there are newcomers for this worker. Any thread; must not block. */
void handover_join(struct handover *handover, unsigned worker, void (*tell)(void *arg), void *arg);

/*
 * The worker of set has accepted this client. Begins its pair there, or hands it over. 0, or -ENOMEM if there
 * was no memory for a pair. Then the client was reset, and the ticket is still the caller's. handover is NULL
 * if there is only one worker.
 */
int handover_serve(struct handover *handover, struct pair_set *set, struct newcomer *newcomer);
/*
 * Begins pairs on the worker of set for the newcomers of the worker whose: itself, or one that is stuck.
 */
void handover_take(struct handover *handover, struct pair_set *set, unsigned whose);
/* A pair that another program has begun goes on with this worker. */
void handover_pair_restored(struct handover *handover, unsigned worker);
/*
 * Begins the pair of this client on the worker of set, whoever has the fewest. If there is no memory for it,
 * the client was reset and that is logged. handover may be NULL.
 */
void handover_begin(struct handover *handover, struct pair_set *set, struct newcomer *newcomer);
/* The newcomer of the worker with this number, as newcomers_look. */
bool handover_look(const struct handover *handover, unsigned worker, unsigned number,
                   struct newcomer *newcomer);
unsigned handover_workers(const struct handover *handover);
/* A pair of the worker has ended. */
void handover_pair_ended(struct handover *handover, unsigned worker);
/* Whether the worker has newcomers. Any thread. */
bool handover_waits(struct handover *handover, unsigned worker);

/*
 * Somebody looks whether newcomers are left alone. From handover_rest until the next newcomer of any worker
 * he does not; then tell is called. After handover_rest he must ask handover_waits once more. tell: any
 * thread; must not block. handover_watch: before any worker runs. Until the first handover_rest he looks.
 */
void handover_watch(struct handover *handover, void (*tell)(void *arg), void *arg);
void handover_rest(struct handover *handover);

/*
 * The worker is stuck, and stand_in accepts its clients. It is handed no others until this is set to
 * HANDOVER_NOBODY. Any thread.
 */
void handover_set_stand_in(struct handover *handover, unsigned worker, unsigned stand_in);
unsigned handover_stand_in(struct handover *handover, unsigned worker);

#endif
