/*
 * Finds workers that are stuck: in a call that blocks, stopped, or without a CPU. Their pairs have to wait,
 * but clients that come meanwhile need not: another worker accepts them.
 *
 * The watchdog waits, as the workers do, for clients in any of their listening sockets. From the first one on
 * it looks every 50 ms which clients still wait, as long as there are any. Without clients it costs nothing.
 */
#ifndef WEIR_WATCHDOG_H
#define WEIR_WATCHDOG_H

#include "worker/worker.h"

struct event_base;
struct watchdog;

/* Over two or more workers, whose sockets are bound. All is borrowed. NULL if something has run out. */
struct watchdog *watchdog_new(struct event_base *base, const struct worker_context *shared,
                              struct worker *const *workers);
/* Looks no more. A worker that stands in goes on until it is drained. Takes NULL. */
void watchdog_stop(struct watchdog *watchdog);
void watchdog_free(struct watchdog *watchdog); /* takes NULL */

#endif
