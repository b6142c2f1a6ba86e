/*
 * Where the relays of a configuration listen, and where HTTP is served, found by host and port. A range of
 * ports is one spot. What port 0 stands for is not known, so it is none.
 */
#ifndef WEIR_SPOTS_H
#define WEIR_SPOTS_H

#include "config/loader.h"

#include <limits.h>

/* A host as text. Equal texts are the same place. In bytes with NUL: a unix path may have a longer one. */
#define SPOT_HOST_MAX (PATH_MAX + ADDRESS_TEXT_MAX)

#define SPOT_OF_NONE SIZE_MAX /* it is that of http_listen */

struct spot {
	const struct address *address;
	unsigned line;
	size_t order;             /* in which they came */
	const char *key;          /* listen or http_listen */
	size_t relay;             /* number of its relay, in their order; or SPOT_OF_NONE */
	const struct spot *clash; /* for clashes.c */
	/* private */
	char *host;           /* owned */
	unsigned first, last; /* ports; 0 if there are none */
	unsigned reach;       /* the highest port of those of this host that come before, and of this one */
};

struct spots {
	struct spot *list; /* sorted by host, then by first port, then by order */
	size_t count;
};

/* The addresses are borrowed. 0 or -ENOMEM; spots_deinit must follow in either case. */
int spots_init(struct spots *spots, const struct loader *loader);
void spots_deinit(struct spots *spots);

/* The host of an address. Returns buf. */
char *spot_host(const struct address *address, char buf[SPOT_HOST_MAX]);
/* Whether both have the same host. */
bool spot_same_host(const struct spot *a, const struct spot *b);
/*
 * One of this host that has a port of address; after is NULL or the one that was found before. NULL if there
 * is none, or no other.
 */
struct spot *spots_find(const struct spots *spots, const char *host, const struct address *address,
                        const struct spot *after);

#endif
