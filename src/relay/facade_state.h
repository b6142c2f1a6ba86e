/* All entrances, whatever their state, for a program that takes over: see report/state.h. Main thread. */
#ifndef WEIR_FACADE_STATE_H
#define WEIR_FACADE_STATE_H

#include "relay/facade.h"
#include "relay/generations.h"

/* With the relays that have them. No changeover is under way, so none is new. */
void facade_save(const struct facade *facade, const struct generations *generations,
                 struct state_writer *writer);
/*
 * Into a facade without entrances; its activation and generations were restored before. Afterwards their
 * relays have their entrances, and they have found their loops. If there are more workers than sockets, more
 * are made, but not in a rehearsal. Nothing was looked up. 0 or -errno: then some may be there.
 */
int facade_restore(struct facade *facade, const struct generations *generations, struct state_reader *reader);
/* The entrance with this number, or NULL. */
struct entrance *facade_find_number(const struct facade *facade, uint64_t number);

#endif
