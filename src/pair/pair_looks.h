/* Looks at the sockets of a pair: what TCP had counted by then. See pair_verdict.c. */
#ifndef WEIR_PAIR_LOOKS_H
#define WEIR_PAIR_LOOKS_H

#include "pair/life.h"

#include <stdint.h>

/* What was counted of one side by then. Of what is not needed for long, the lower bits. */
struct side_look {
	uint64_t acknowledged, received;
	uint32_t busy_ms, shut_ms, resent, segments, reordered;
};

struct look {
	uint64_t at; /* clock_us; 0: there was none */
	struct side_look side[SIDES];
};

struct pair_looks {
	uint64_t moved; /* bytes, by the last look */
	struct look last, before;
	struct life_sums sums; /* of the life up to the last look */
};

#endif
