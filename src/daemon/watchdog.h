/*
 * Shows the service manager that the daemon is not stuck, if it wants to know. The main thread and every
 * worker must have made a turn since the last time. A worker that is busy is late at most; the manager ends
 * the process only if one makes no turn for about all of its interval.
 */
#ifndef WEIR_WATCHDOG_H
#define WEIR_WATCHDOG_H

#include "daemon/service.h"
#include "worker/worker.h"

struct event_base;
struct watchdog;

/*
 * All is borrowed, the workers (count of them) too. NULL if something has run out. The manager would end
 * the process then.
 */
struct watchdog *watchdog_new(struct event_base *base, struct service *service, struct worker *const *workers,
                              unsigned count);
void watchdog_free(struct watchdog *watchdog); /* takes NULL */

#endif
