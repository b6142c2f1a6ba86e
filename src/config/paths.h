/* Paths that weir will make a file or a socket at. */
#ifndef WEIR_PATHS_H
#define WEIR_PATHS_H

#include "config/loader.h"

/*
 * Complains about dump_file and listening unix paths where nothing can be made: the folder is missing or may
 * not be written to, or something else is there. The answer depends on the user who runs this.
 */
void paths_check(struct loader *loader);

#endif
