/*
 * Clients that allow and deny keep out. They are counted, and told in two lines of the log for as long as
 * they come, because anybody may send as many as he likes. Any thread.
 */
#ifndef WEIR_DENIALS_H
#define WEIR_DENIALS_H

#include "base/episode.h"
#include "net/socket.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Must start zeroed. */
struct denials {
	struct episode told;
	_Atomic uint64_t count; /* since a line said how many */
	_Atomic uint64_t last;  /* clock_ms of the last one */
};

/* The relay denies this client, now (clock_ms). Call denials_go_on now and then, until it is false. */
void denials_note(struct denials *denials, const char *relay, const union client_address *client,
                  uint64_t now);
/* False if there is nothing to tell any more. If no client has been denied for a while, it tells how many. */
bool denials_go_on(struct denials *denials, const char *relay, uint64_t now);
/* Tells how many, without waiting. */
void denials_end(struct denials *denials, const char *relay);

#endif
