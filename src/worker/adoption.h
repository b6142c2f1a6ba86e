/*
 * What a worker needs to take over a generation. The main thread makes it in advance, so that nothing can
 * fail once the generation is in force. The worker keeps it until the next one. Meanwhile no entrance of the
 * generation is closed, as the worker may come to stand in for another there.
 */
#ifndef WEIR_ADOPTION_H
#define WEIR_ADOPTION_H

#include "relay/generation.h"
#include "worker/acceptor.h"

#include <stdbool.h>
#include <stddef.h>

/* An entrance of the generation. */
struct adoption_place {
	struct acceptor_post post;
	struct acceptor_list acceptors; /* for the worker's sockets; owned, have not begun */
	unsigned manned;                /* private to adoption_stand_in */
};

struct adoption {
	struct adoption_place *places; /* all entrances of the generation that are open */
	size_t count;
	struct generation *generation; /* a reference */
	/* private */
	unsigned worker;
};

/* NULL when out of memory. Any thread. */
struct adoption *adoption_new(struct acceptors *acceptors, unsigned worker, struct generation *generation);
/*
 * Acceptors at entrances that the generation has get their new relay. Others close. Where the worker has a
 * socket and does not accept yet, it begins to. Once, on the worker's thread.
 */
void adoption_carry_out(struct adoption *adoption, struct acceptors *acceptors);
/*
 * Also accepts on the sockets of the worker whose, wherever it does not do so yet. It has been carried out. 0
 * or -ENOMEM: on some.
 */
int adoption_stand_in(struct adoption *adoption, struct acceptors *acceptors, unsigned whose);
/* With the acceptors that have not begun. On any thread. Takes NULL. */
void adoption_free(struct adoption *adoption);

#endif
