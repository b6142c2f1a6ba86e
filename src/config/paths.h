/* Paths that weir will make a file or a socket at. */
#ifndef WEIR_PATHS_H
#define WEIR_PATHS_H

#include "config/loader.h"

/*
 * Complains about dump_file and about listening unix paths where nothing can be made. Either the folder is
 * missing or may not be written to, or something else is there. That depends on the user who asks.
 */
void paths_check(struct loader *loader);

#endif
