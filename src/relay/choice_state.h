/* Addresses of targets, that pairs have chosen or tried, as one program leaves them to the next. */
#ifndef WEIR_CHOICE_STATE_H
#define WEIR_CHOICE_STATE_H

#include "relay/targets.h"
#include "report/state.h"

/* An empty choice leaves no record. */
void choice_save(const struct target_choice *choice, struct state_writer *writer);
void tried_save(const struct tried *tried, struct state_writer *writer);

/*
 * Takes such records, if they come next. The health of each address is restored already, or becomes one that
 * nothing is known of. 0; -ENOMEM, or -EPROTO if there is no such target: then there is no choice, and what
 * was tried has to be forgotten. Main thread.
 */
int choice_restore(struct targets *targets, struct target_choice *choice, struct state_reader *reader);
int tried_restore(struct targets *targets, struct tried **tried, struct state_reader *reader);

#endif
