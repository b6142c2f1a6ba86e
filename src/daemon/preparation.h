/*
 * Prepares relays for their clients: looks up the host names that they listen on and takes all entrances.
 * None of this holds up the main thread.
 */
#ifndef WEIR_PREPARATION_H
#define WEIR_PREPARATION_H

#include "net/lookups.h"
#include "relay/generation.h"

struct preparation;

/*
 * Every entrance is taken, or error is -errno. After an error some may be; what was wrong is logged.
 * Called once, never from within preparation_new.
 */
typedef void preparation_done(void *arg, int error);

/* Everything is borrowed. Main thread. NULL when out of memory. */
struct preparation *preparation_new(struct event_base *base, struct lookups *lookups, struct facade *facade,
                                    const struct generation *generation, preparation_done *done, void *arg);
/* A name that it still looks up, or NULL. Takes NULL. */
const char *preparation_awaited(const struct preparation *preparation);
/* If it has not called done yet, it never does. Takes NULL. */
void preparation_free(struct preparation *preparation);

#endif
