/*
 * What weir itself has run out of, or lacks, when it connects a target: local ports, descriptors, memory, the
 * address or the interface that connections are to come from. That is not the target's fault, so it is waited
 * out.
 */
#ifndef WEIR_SHORTAGE_H
#define WEIR_SHORTAGE_H

#include "base/episode.h"
#include "net/address.h"
#include "net/local_address.h"

#include <stdbool.h>
#include <stdint.h>

/* As one worker last met it. Must start zeroed. */
struct shortage {
	int error;                /* -errno, or 0 */
	uint64_t until;           /* clock_ms: when to try again */
	struct endpoint endpoint; /* the one that it is for, if shortage_is_of_address */
};

/* Whether another address may do: ports are short for each by itself, a source_address is one family's. */
bool shortage_is_of_address(int error);

/* Notes that connecting failed with error (-errno) for want of something. */
void shortage_note(struct shortage *shortage, const struct endpoint *endpoint, int error);
/* A pair waits because of one; its connection would come from local. It is logged once per episode. */
void shortage_begin(struct episode *episode, const char *relay, const struct local_address *local,
                    const struct endpoint *endpoint, int error);
/* -errno of a shortage met a moment ago, or 0. While there is one, trying is pointless. */
int shortage_now(struct shortage *shortage, const struct endpoint *endpoint);
/* A target was connected. */
void shortage_end(struct episode *episode, const char *relay);

#endif
