/* The source of a live stream, which runs in the server. */
#ifndef WEIR_BENCH_LOAD_LIVE_H
#define WEIR_BENCH_LOAD_LIVE_H

#include "load.h"

/*
 * Gives a live stream on a thread of its own until the connection fails, and closes fd. The request's piece
 * must be a multiple of its stamp distance.
 */
void live_give(int fd, const struct load_request *request);

#endif
