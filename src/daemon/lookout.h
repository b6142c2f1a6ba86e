/*
 * All listening sockets of a generation in one epoll, which tells where clients wait. A look costs nothing
 * for those without.
 */
#ifndef WEIR_LOOKOUT_H
#define WEIR_LOOKOUT_H

#include "relay/generation.h"

#include <stdbool.h>
#include <stddef.h>

/* Sockets with clients that one look sees. The next look sees others. */
#define LOOKOUT_BATCH 64

struct watched {
	struct relay *relay;
	const struct entrance *entrance;
	unsigned number; /* of the socket, in the entrance */
	int fd;          /* -1: the entrance refuses, or has no such socket now */
};

struct lookout {
	int epoll;             /* readable when a client has come */
	struct event *arrival; /* of that; the caller's, until lookout_free */
	/* private */
	const struct generation *generation; /* borrowed while it is in force */
	struct watched *sockets;             /* as many for each entrance as it may come to have */
	size_t socket_count;
	bool extended;
};

/* 0 or -errno; without arrival. */
int lookout_new(const struct generation *generation, struct lookout **made);
void lookout_free(struct lookout *lookout); /* takes NULL */

/* Where clients wait now: how many there are in waiting. */
unsigned lookout_look(const struct lookout *lookout, const struct watched *waiting[LOOKOUT_BATCH]);

/*
 * Where entrances of the generation are about to refuse clients, or to let them in again: adds what is
 * wanted from then on, and leaves all others alone. 0 or -errno, and nothing has changed. Then lookout_settle
 * lets go what is not wanted any more, and lookout_retract undoes the addition, if there was one.
 */
int lookout_extend(struct lookout *lookout);
void lookout_settle(struct lookout *lookout);
void lookout_retract(struct lookout *lookout);

#endif
