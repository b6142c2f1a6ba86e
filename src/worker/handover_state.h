/*
 * Clients that were accepted and have no pair yet, for a program that takes over: see report/state.h. Main
 * thread, while no worker runs.
 */
#ifndef WEIR_HANDOVER_STATE_H
#define WEIR_HANDOVER_STATE_H

#include "relay/generations.h"
#include "report/state.h"
#include "worker/handover.h"

#include <sys/queue.h>

/* Those of handover, which may be NULL. Workers may run in a rehearsal: then none are saved. */
void newcomers_save(const struct handover *handover, struct state_writer *writer);

struct newcomer_kept;
STAILQ_HEAD(newcomers_kept, newcomer_kept);

/*
 * Adds those that come next to kept, which is initialized. 0 or -errno; one for which there is no memory is
 * reset. Their pairs begin with newcomers_begin, once all other pairs are there.
 */
int newcomers_restore(struct newcomers_kept *kept, const struct generations *generations, struct slots *slots,
                      struct state_reader *reader);
/*
 * Each on the worker that it waited for, modulo the workers, whose pairs set_of tells. handover may be NULL.
 */
void newcomers_begin(struct newcomers_kept *kept, struct handover *handover, unsigned workers,
                     struct pair_set *(*set_of)(void *arg, unsigned worker), void *arg);

#endif
