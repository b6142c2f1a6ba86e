/*
 * Which side holds a pair up, and why. A judgement of plain evidence: knows no pair, no socket and no clock.
 * The constants of its rules are at the top of verdict.c, each with its reason.
 */
#ifndef WEIR_VERDICT_H
#define WEIR_VERDICT_H

#include "net/tcp_state.h"
#include "pair/waits.h"
#include "report/records.h"

/* What is known of one side's connection. */
struct side_evidence {
	struct tcp_state now;
	/* Since an earlier look, which may be older than the window if little was sent since. */
	uint64_t span, busy, shut, acknowledged, resent; /* microseconds, bytes, segments */
	bool ended;                                      /* nothing more will come from this side */
	bool silent_for_long;                            /* unanswered in two looks some seconds apart */
};

struct evidence {
	bool connected;
	struct wait_window window;
	struct side_evidence side[SIDES];
	uint64_t moved[DIRECTIONS]; /* bytes read in the window */
	bool cpu_is_full;           /* the worker had no CPU to spare over the window */
};

struct verdict verdict_judge(const struct evidence *evidence);

#endif
