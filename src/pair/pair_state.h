/*
 * The pairs of a worker as one program leaves them to the next. Each goes on in the phase that it was in,
 * with its sockets and all that it had. Nothing is decided while they are restored: what has come meanwhile
 * is found when the worker runs.
 */
#ifndef WEIR_PAIR_STATE_H
#define WEIR_PAIR_STATE_H

#include "pair/pair.h"
#include "report/state.h"

/* On the thread of the set. Changes nothing. */
void pair_set_save(const struct pair_set *set, struct state_writer *writer);

struct pair_restoring {
	struct slots *all; /* places for pairs; taken even if there are fewer now */
	/* The relay of this name in this generation, or NULL. No reference is taken. */
	struct relay *(*find_relay)(void *arg, uint64_t generation, const char *relay);
	void *arg;
	uint64_t last_id; /* must start at 0; no pair has had a higher one */
};

/*
 * Before the threads of the workers start: takes what comes before the pairs of a set. Everything about the
 * relays is restored already. 0 or -EPROTO.
 */
int pair_set_restore(struct pair_set *set, struct pair_restoring *restoring, struct state_reader *reader);
/* Whether a pair comes next. */
bool pair_is_next(struct state_reader *reader);
/*
 * Takes a pair. 0: it lives, or has ended for lack of something, as with pair_new. -ENOMEM, -EPROTO: there is
 * no pair, and both peers were reset; set->ended was not called. The next pair can be taken then, unless the
 * reader has failed. In a rehearsal it always has, and whatever is lacking is an error.
 */
int pair_restore(struct pair_set *set, struct pair_restoring *restoring, struct state_reader *reader);
/* After all pairs, for each set: pairs that it makes from now on have other numbers than all before. */
void pair_set_continue(struct pair_set *set, const struct pair_restoring *restoring);

#endif
