/*
 * Acceptors that have more to them than that they accept, for a program that takes over: those that drain,
 * and those that have logged that they pause. See report/state.h.
 */
#ifndef WEIR_ACCEPTOR_STATE_H
#define WEIR_ACCEPTOR_STATE_H

#include "relay/facade.h"
#include "relay/generations.h"
#include "report/state.h"
#include "worker/acceptor.h"

/* Of one worker, on its thread. */
void acceptors_save(const struct acceptors *acceptors, struct state_writer *writer);

/* What restoring takes. A socket may be another worker's now. */
struct acceptor_restoring {
	const struct facade *facade;
	const struct generations *generations;
	struct acceptors *(*acceptors_of)(void *arg, unsigned worker);
	void *arg;
};

/*
 * Makes those that come next. They begin; those that drain go on with that, and adoption_carry_out finds the
 * others. Main thread, before any worker runs. 0 or -errno; -ENOMEM: some are missing.
 */
int acceptors_restore(const struct acceptor_restoring *restoring, struct state_reader *reader);

#endif
