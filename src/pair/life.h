/*
 * What the whole life of a pair was waited for, by side and reason: for its close line. The life is judged
 * stretch by stretch, each by what the kernel says of that stretch. Knows no pair, no socket and no clock.
 */
#ifndef WEIR_LIFE_H
#define WEIR_LIFE_H

#include "pair/verdict.h"

/* The first four, and those of a peer that is gone, + the side. */
enum cause {
	CAUSE_READING,
	CAUSE_PATH = CAUSE_READING + SIDES,
	CAUSE_SENDING = CAUSE_PATH + SIDES,
	CAUSE_TURN = CAUSE_SENDING + SIDES,
	CAUSE_BUFFER = CAUSE_TURN + SIDES,
	CAUSE_RATE,
	CAUSE_MEMORY,
	CAUSE_CPU,
	/* Only the last stretch has these. */
	CAUSE_UNANSWERED,
	CAUSE_CONNECTING = CAUSE_UNANSWERED + SIDES,
};
#define CAUSES      (CAUSE_CONNECTING + 1)
#define CAUSES_KEPT CAUSE_UNANSWERED

struct life {
	uint64_t time[CAUSES]; /* microseconds */
	uint64_t length;       /* of all of it; the owner knows */
};

/* What a pair keeps of the stretches that were judged: milliseconds. */
struct life_sums {
	uint32_t ms[CAUSES_KEPT];
};

/*
 * Adds a stretch. Of the evidence it needs all but the sums of the window, which are those of the stretch
 * then.
 */
void life_add(struct life *life, const struct evidence *evidence, const struct wait_totals *stretch);
void life_keep(struct life_sums *sums, const struct life *life);
void life_recall(struct life *life, const struct life_sums *sums);
/* The side and the reason with the largest part; nobody, if for longer nothing was waited for. */
struct verdict life_verdict(const struct life *life);
/* How long it was waited for a side, whatever for. What we held up ourselves is in neither. */
uint64_t life_waited(const struct life *life, enum side side);

#endif
