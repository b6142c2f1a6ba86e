/*
 * What a pair has waited for: over the last one to three seconds, and over its life. Only bookkeeping: knows
 * no socket and no clock. Times are microseconds of clock_us.
 *
 * At any moment each flow is held by its sink, paused, or neither. While neither flow is, a silence runs: it
 * began with the last byte that came, and whoever ends it is charged for it. It was that side's turn if the
 * other side had spoken last; otherwise it was sending, in pieces.
 */
#ifndef WEIR_WAITS_H
#define WEIR_WAITS_H

#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* The peer that is a flow's source has the flow's number: UPLOAD comes from the client. */
enum side { SIDE_CLIENT = UPLOAD, SIDE_TARGET = DOWNLOAD };
#define SIDES 2

/* What a flow waits for. */
enum hold {
	HOLD_NONE,   /* nothing: its source may speak */
	HOLD_SINK,   /* its sink does not take what is queued; the source is read all the same */
	HOLD_HIGH,   /* the same, and the source is paused */
	HOLD_MEMORY, /* paused for memory */
	HOLD_RATE,   /* paused for a limit of ours */
	HOLDS,
};

/* A stretch of time, up to now. */
struct wait_window {
	uint64_t length;
	uint64_t held[DIRECTIONS][HOLDS]; /* HOLD_NONE is not counted */
	uint64_t turn[SIDES], sending[SIDES];
	uint32_t turns[SIDES];       /* how many silences were turn */
	uint64_t longest_gap[SIDES]; /* of the silences that this side has ended */
	/* What is now. */
	enum hold hold[DIRECTIONS];
	uint64_t since;      /* how long the hold, or else the silence, has lasted */
	bool spoken;         /* a byte has come */
	enum side last_from; /* if so, from whom the last one came */
};

#endif
