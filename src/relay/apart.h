/*
 * Whether clients of one entrance could come in at another, which is in doubt only where relays listen by
 * name: the configuration has been checked for the others.
 */
#ifndef WEIR_APART_H
#define WEIR_APART_H

#include "relay/relay.h"

#include <stddef.h>

/*
 * The entrances of these relays are bound. 0, -ENOMEM, or -EADDRINUSE; that is logged, and the later one of
 * two relays is in the wrong.
 */
int apart_check(struct relay *const *relays, size_t count);

#endif
