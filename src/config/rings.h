/*
 * Rings of relays: a target leads to where a relay listens, whose target leads on, and at last to the first
 * again. A client would go round until there are no descriptors left.
 */
#ifndef WEIR_RINGS_H
#define WEIR_RINGS_H

#include "config/loader.h"

/*
 * Complains about one target of every ring. Judged are the addresses as they are written: where a host name
 * leads, and which other addresses this machine has, is known at run time only.
 */
void rings_check(struct loader *loader);

#endif
