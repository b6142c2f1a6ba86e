/*
 * Slows down a relay whose clients come fast and get nothing, neither a byte nor an end, from any target.
 * Either its targets are down, or they lead back to it through another daemon, which no address shows. One
 * client then goes round for ever. Each new pair waits before it connects, and most close lines are left out,
 * until a target answers.
 */
#ifndef WEIR_DAMPER_H
#define WEIR_DAMPER_H

#include "base/episode.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* How long a new pair waits, more or less. */
#define DAMPER_WAIT_MS 250

/* Of one relay on one worker. Must start zeroed. */
struct damper {
	bool on;
	uint64_t last;     /* clock_ms: the last client */
	uint64_t second;   /* clock_ms: when this second of close lines began */
	unsigned lines;    /* in this second */
	uint64_t left_out; /* lines since they were counted */
};

/* What the workers of a relay share: its log lines. */
struct damping {
	const char *relay;
	struct episode told;
	/* On all workers, as a ring is no slower for there being many of them. */
	_Atomic uint64_t since;   /* clock_ms: the first of these clients */
	_Atomic unsigned clients; /* since a target answered, and within two seconds or so */
};

/* A client has come, now (clock_ms). */
void damper_take_client(struct damper *damper, struct damping *damping, uint64_t now);
/* A target has sent a client the first byte, or the end of its stream. */
void damper_take_answer(struct damper *damper, struct damping *damping);
/* True if the close line of a pair without an answer may be written. */
bool damper_lets_line(struct damper *damper, uint64_t now);
/* How many lines were left out since the last call. */
uint64_t damper_take_left_out(struct damper *damper);

#endif
