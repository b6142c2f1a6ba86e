/*
 * What is known about relays, from one program to the next. Not in it: slots in use, origins, gates and
 * shares of rates, which follow from the pairs.
 */
#ifndef WEIR_STANDING_STATE_H
#define WEIR_STANDING_STATE_H

#include "relay/standing.h"
#include "report/state.h"

/* All that somebody has, with their healths. Main thread. Workers may go on. */
void standings_save(const struct standings *standings, struct state_writer *writer);
/*
 * Takes all that come next. The standings are new, and are held from now on, as nobody has these yet. 0,
 * -ENOMEM or -EPROTO.
 */
int standings_restore(struct standings *standings, struct state_reader *reader);

/* What this worker knows. On its thread, while the standings are held. */
void tallies_save(const struct standings *standings, unsigned worker, struct state_writer *writer);
/*
 * Takes all that come next, for the worker of the same number modulo the workers that there are. It adds up
 * what several knew.
 */
int tallies_restore(struct standings *standings, struct state_reader *reader);

#endif
