/* Pairs, for the state that they leave: of the relay "db" in generation 1, with three targets. */
#ifndef WEIR_FUZZ_PAIRS_H
#define WEIR_FUZZ_PAIRS_H

#include "report/state.h"

#include <stdbool.h>

/* Whether a record comes next that pairs leave: then all of them up to another one are taken, and end. */
bool fuzz_pairs_come(struct state_reader *reader);
void fuzz_take_pairs(struct state_reader *reader);

/*
 * Nothing is inherited but two pairs of sockets, at 100 to 103, and a pipe, at 104 and 105. Those that nobody
 * has claimed are closed in the end.
 */
void fuzz_inherit(void);
void fuzz_close_inherited(void);

#endif
