/*
 * Signals belong to the main thread. It holds them from the first instruction of main on. They are delivered
 * once there are handlers for those that weir takes, and held again before these are gone. So none ends weir
 * in between, and what it was told meanwhile is done later.
 */
#ifndef WEIR_SIGNALS_H
#define WEIR_SIGNALS_H

#include <signal.h>

/* Every signal except those for faults of the process itself. */
void signals_fill(sigset_t *set);
/* Blocks them. before, if not NULL, gets the mask until then. */
void signals_hold(sigset_t *before);
/* For a process that takes no signals: all is as its parent left it. */
void signals_restore(const sigset_t *before);
/* Unblocks all, also those that the parent had blocked. */
void signals_deliver(void);
/* Ignores what weir does not take and what would end it. */
void signals_ignore_strays(void);

#endif
