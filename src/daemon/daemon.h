/* The process: workers, signals, collecting reports, stopping. */
#ifndef WEIR_DAEMON_H
#define WEIR_DAEMON_H

#include "config/settings.h"

/* Raises the limit of descriptors as far as it may; returns how many can be used now. */
uint64_t daemon_raise_fds(void);

/*
 * Runs until it is told to stop. Keeps a reference to config. The exit status of weir(8): 0 stopped as asked,
 * 1 a failure at run time, which is logged.
 */
int daemon_run(struct config *config);

#endif
