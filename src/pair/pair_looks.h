/* Looks at the sockets of a pair: what TCP had counted by then. See pair_verdict.c. */
#ifndef WEIR_PAIR_LOOKS_H
#define WEIR_PAIR_LOOKS_H

#include "pair/life.h"

#include <stdint.h>

/*
 * What was counted of one side by then. Only differences count, so these are the lower bits. acknowledged,
 * busy_ms and shut_ms tell how it takes what it is sent, and whether resent segments were among that.
 * received, segments and reordered tell how it sends.
 */
struct side_look {
	uint32_t acknowledged, received; /* 16 bytes are one */
	uint32_t busy_ms, shut_ms, segments;
	uint16_t resent, reordered;
};

/*
 * Between two looks the one before gets older, and a report needs one that is neither too young nor too old.
 * So what is kept is of a moment before the look, and is at most as old as that and the time between two.
 */
struct pair_looks {
	uint32_t at;    /* clock_ms, what the sides have is of then; 0: there was no look */
	uint32_t moved; /* bytes, by the last look */
	struct side_look side[SIDES];
	struct life_sums sums; /* of the life until then */
};

#endif
