/* What a pair has waited for, as one program leaves it to the next. */
#ifndef WEIR_WAITS_STATE_H
#define WEIR_WAITS_STATE_H

#include "pair/waits.h"
#include "report/state.h"

void waits_save(const struct waits *waits, struct state_writer *writer);
/* 0 or -EPROTO. */
int waits_restore(struct waits *waits, struct state_reader *reader);

#endif
