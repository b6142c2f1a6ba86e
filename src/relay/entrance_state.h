/* What an entrance is to a program that takes over: see report/state.h. Main thread. */
#ifndef WEIR_ENTRANCE_STATE_H
#define WEIR_ENTRANCE_STATE_H

#include "relay/entrance.h"
#include "report/state.h"

/* Rows for a struct unix_access in a record. What is set has names that begin with set. */
#define UNIX_ACCESS_STATE_FIELDS(record, member, set)                                                        \
	STATE_NAMED("has_mode", record, member.has_mode, STATE_BOOL),                                        \
	        STATE_NAMED(set "mode", record, member.mode, STATE_U32),                                     \
	        STATE_NAMED("has_owner", record, member.has_owner, STATE_BOOL),                              \
	        STATE_NAMED(set "owner", record, member.owner, STATE_U32),                                   \
	        STATE_NAMED("has_group", record, member.has_group, STATE_BOOL),                              \
	        STATE_NAMED(set "group", record, member.group, STATE_U32)

/* With its sockets, which stay open. activation is what its key may point into. */
void entrance_save(const struct entrance *entrance, const struct activation *activation,
                   struct state_writer *writer);
/*
 * Into a zeroed one, for this many workers. activation was restored before. What is private to facade.c is
 * the caller's. 0 or -errno; entrance_drop must follow then, and may otherwise.
 */
int entrance_restore(struct entrance *entrance, const struct activation *activation, unsigned workers,
                     struct state_reader *reader);
/*
 * Closes its sockets, and leaves its path alone. They stay open if the error is -ENOMEM, for another attempt.
 */
void entrance_drop(struct entrance *entrance, int error);

#endif
