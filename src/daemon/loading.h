/*
 * Loads the configuration again, on a thread of its own, because reading it may block on a hung file system.
 */
#ifndef WEIR_LOADING_H
#define WEIR_LOADING_H

#include "config/config.h"

#include <stdbool.h>

struct event_base;
struct loading;

/*
 * Takes over config, or NULL if it could not be loaded. Then errors has what is wrong with it, or is empty
 * if there was no memory. errors is borrowed.
 */
typedef void loading_done(void *arg, struct config *config, const struct config_errors *errors);

/* request is borrowed, even beyond loading_free. NULL when out of memory or descriptors. */
struct loading *loading_new(struct event_base *base, const struct config_request *request, loading_done *done,
                            void *arg);
/* Begins to load. done is called afterwards, unless loading_give_up was. 0 or -errno. */
int loading_begin(struct loading *loading);
/* What is being loaded, if anything, is not wanted any more. */
void loading_give_up(struct loading *loading);
/* Does not wait for a call that blocks; false if one is left behind. Takes NULL. */
bool loading_free(struct loading *loading);

#endif
