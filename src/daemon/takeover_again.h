/*
 * What to do when a program that takes over lacks memory, or the like, before its workers run: nobody else is
 * there any more to go on with the pairs. So it executes itself again, with all that it was handed over,
 * after a moment. Nothing may have been torn down: what this program has restored it leaves as it is.
 */
#ifndef WEIR_TAKEOVER_AGAIN_H
#define WEIR_TAKEOVER_AGAIN_H

#include "base/inheritance.h"
#include "daemon/handed_over.h"
#include "daemon/program.h"

/* Attempts after the first. Together they take a second and a half at most. */
#define TAKEOVER_ATTEMPTS 5
/* The wait before one: the more there were, the longer. */
void takeover_rest(unsigned attempts);

/*
 * Does not return, unless this is no takeover, or there were too many attempts, or it cannot be executed.
 * inheritance is NULL if nothing was claimed yet. No thread may serve pairs.
 */
void takeover_again(const struct handed_over *handed, const struct program *program,
                    struct inheritance *inheritance);

#endif
