/*
 * Rings of relays: a target leads to an entrance of a relay, the targets of that relay lead on, and the last
 * one leads back to the first relay. A client would go round until no descriptors are left.
 */
#ifndef WEIR_RINGS_H
#define WEIR_RINGS_H

#include "config/loader.h"

/*
 * Complains about one target of every ring. Only the addresses as written are compared. Where a host name
 * leads, and which other addresses this machine has, is known only at run time.
 */
void rings_check(struct loader *loader);

#endif
