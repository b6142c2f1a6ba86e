/*
 * Whose turn it is, by weight. This knows neither targets nor time: the caller has a seat for each that there
 * is to choose from, and fills them in.
 */
#ifndef WEIR_BALANCE_H
#define WEIR_BALANCE_H

#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* First choices take turns, and so do others, among what is left: neither disturbs the other. */
enum turns { FIRST_CHOICE, OTHER_CHOICE, TURNS };

/* Must start zeroed. */
struct seat {
	uint64_t key;    /* for BALANCE_SOURCE: the same for the same target, and different for others */
	uint64_t pairs;  /* for BALANCE_LEAST_CONNECTIONS */
	unsigned weight; /* up to 1,000,000; 0: it is away, and begins at the level of the others when back */
	bool skipped;    /* not to be chosen now. It keeps its place in the round */
	/* private */
	bool away;
	int64_t current[TURNS]; /* how far it is ahead; the one that is furthest ahead is next */
};

/*
 * The index of the one to choose, or count if there is none. origin is for BALANCE_SOURCE: of the same
 * origin, the same. The seats are changed.
 *
 * round_robin: smooth weighted round robin, so turns of the same seat are spread. least_connections: the
 * fewest pairs by weight, and turns by weight among those that have equally few, or none. source: weighted
 * rendezvous hashing: when a seat goes, only its own origins move.
 */
size_t balance_choose(enum balance balance, struct seat *seats, size_t count, uint64_t origin);

#endif
