/* Whether the sockets that the service manager has passed are those that relays listen on. */
#ifndef WEIR_PASSED_H
#define WEIR_PASSED_H

#include "config/settings.h"
#include "net/activation.h"

/*
 * For the start: each socket must be one that weir can accept on, and some relay must listen on its name. (A
 * name without a socket is noticed when the relay is bound.) 0 or -errno; all errors are logged.
 */
int passed_check(const struct activation *activation, const struct config *config);

#endif
