/* The loop around asking, keys and drawing. */
#ifndef WEIR_WATCH_H
#define WEIR_WATCH_H

#include "top/order.h"
#include "top/place.h"

#include <stdint.h>

struct watch_request {
	struct place place;
	uint64_t interval_ms; /* how often to ask */
	uint64_t count;       /* the most pairs to ask for */
	struct filter filter;
};

/* In the terminal, until the user or a signal ends it. Returns the exit status. */
int watch_run(const struct watch_request *request);
/* Prints one picture without a terminal. Returns the exit status. */
int watch_print(const struct watch_request *request);

#endif
