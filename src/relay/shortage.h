/*
 * What weir itself has run out of when it connects a target: local ports, descriptors, memory. That is not
 * the target's fault, so it is waited out.
 */
#ifndef WEIR_SHORTAGE_H
#define WEIR_SHORTAGE_H

#include "base/episode.h"
#include "net/address.h"

#include <stdint.h>

/* As one worker last met it. Must start zeroed. */
struct shortage {
	int error;                /* -errno, or 0 */
	uint64_t until;           /* clock_ms: when to try again */
	struct endpoint endpoint; /* of -EADDRINUSE: ports are short for each address by itself */
};

/* Notes that connecting failed with error (-errno) for want of something. */
void shortage_note(struct shortage *shortage, const struct endpoint *endpoint, int error);
/* A pair waits because of one. It is logged once per episode. */
void shortage_begin(struct episode *episode, const char *relay, int error);
/* -errno of a shortage met a moment ago, or 0. While there is one, trying is pointless. */
int shortage_now(struct shortage *shortage, const struct endpoint *endpoint);
/* A target was connected. */
void shortage_end(struct episode *episode, const char *relay);

#endif
