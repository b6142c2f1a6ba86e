/*
 * Other socket options for entrances that are kept. What that takes is made in advance, once for all
 * entrances that get the same options, so that it cannot fail for want of something when it is done.
 */
#ifndef WEIR_RETUNING_H
#define WEIR_RETUNING_H

#include "net/socket.h"

#include <stdbool.h>
#include <sys/queue.h>

struct retuning {
	struct socket_tuning tuning;
	int pattern; /* see socket_retune; owned */
	SLIST_ENTRY(retuning) entry;
};

SLIST_HEAD(retunings, retuning); /* starts zeroed */

/* Whether a socket with the one tuning is as with the other once it is bound. */
bool retuning_is_needless(const struct socket_tuning *before, const struct socket_tuning *after);
/* The retuning to this tuning, which is the list's. 0 or -errno. */
int retunings_find(struct retunings *list, const struct socket_tuning *tuning, struct retuning **found);
void retunings_free(struct retunings *list);

#endif
