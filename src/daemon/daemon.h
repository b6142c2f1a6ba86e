/* The process: workers, signals, collecting reports, stopping. */
#ifndef WEIR_DAEMON_H
#define WEIR_DAEMON_H

#include "config/config.h"
#include "daemon/handed_over.h"
#include "daemon/program.h"

#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h(3head) */

/* Raises the limit on descriptors as far as allowed. Returns how many can be used now. */
uint64_t daemon_raise_fds(void);

/*
 * Runs until a signal stops it, and loads what was requested again at SIGHUP. Keeps a reference to config,
 * and borrows the rest. Goes on with what was handed over, if anything. Does not return from a rehearsal of
 * that, nor when another program takes over. Returns the exit status of weir(8): 0 if it stopped as asked, 1
 * after a failure at run time, EXIT_CONFIG if the limits of the process rule the configuration out. Failures
 * are logged.
 */
int daemon_run(struct config *config, const struct config_request *request, struct program *program,
               struct handed_over *handed);

#endif
