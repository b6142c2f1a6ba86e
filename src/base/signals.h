/*
 * Signals belong to the main thread, which holds them from the first instruction of main on. They are
 * delivered once there are handlers for those that weir takes, and held again before the handlers go. In
 * between, no signal ends weir, and those that arrive are handled later.
 */
#ifndef WEIR_SIGNALS_H
#define WEIR_SIGNALS_H

#include <signal.h>

/* Every signal except those for faults of the process itself. */
void signals_fill(sigset_t *set);
/* Blocks them. before, if not NULL, receives the previous mask. */
void signals_hold(sigset_t *before);
/* For a process that takes no signals: restores what its parent had set. */
void signals_restore(const sigset_t *before);
/* Unblocks all, even those that the parent had blocked. */
void signals_deliver(void);
/* Ignores signals that weir does not take and that would end it. */
void signals_ignore_strays(void);

#endif
