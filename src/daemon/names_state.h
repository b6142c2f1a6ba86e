/*
 * What weir has asked for once and would have to ask for again: the addresses of host names, and the sockets
 * of the service manager. From one program to the next.
 */
#ifndef WEIR_NAMES_STATE_H
#define WEIR_NAMES_STATE_H

#include "net/activation.h"
#include "net/resolver.h"
#include "report/state.h"

void names_save(struct resolver *resolver, struct state_writer *writer);
/*
 * Takes all that come next. Whoever adds one of these names has its addresses at once. Those that nobody adds
 * are kept until resolver_let_go. 0, -ENOMEM or -EPROTO.
 */
int names_restore(struct resolver *resolver, struct state_reader *reader);

/* In their order. */
void activation_save(const struct activation *activation, struct state_writer *writer);
/* Takes all that come next. 0, -ENOMEM or -EPROTO. */
int activation_restore(struct activation *activation, struct state_reader *reader);

#endif
