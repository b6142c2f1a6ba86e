/*
 * The healths of a relay, from one program to the next. Not in it: who has one, and the pairs that use it.
 * Those have it again, and begin to use it again.
 */
#ifndef WEIR_HEALTH_STATE_H
#define WEIR_HEALTH_STATE_H

#include "relay/health.h"
#include "report/state.h"

/* Main thread, like the rest. Any others may go on. */
void healths_save(struct healths *healths, struct state_writer *writer);
/*
 * Takes all that come next. Nobody has them; they are kept until their number has doubled. 0, -ENOMEM or
 * -EPROTO.
 */
int healths_restore(struct healths *healths, struct state_reader *reader);

#endif
