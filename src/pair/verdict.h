/*
 * Which side holds a pair up, and why. A judgement of plain evidence: knows no pair, no socket and no clock.
 * The constants of its rules are in verdict_rules.h, each with its reason. Those about how time is counted
 * are on top of waits.c, and when sockets are looked at on top of pair_verdict.c.
 */
#ifndef WEIR_VERDICT_H
#define WEIR_VERDICT_H

#include "base/cpu_share.h"
#include "net/tcp_state.h"
#include "pair/waits.h"
#include "report/records.h"

/* How a struct tcp_state has changed within a time: microseconds, bytes, segments; or TCP_UNKNOWN. */
struct tcp_change {
	uint64_t span, busy, shut, acknowledged, resent, received, segments, reordered;
};

/* What is known of one side. */
struct side_evidence {
	struct tcp_state now;
	struct tcp_change lately; /* longer than the window if little was moved since an earlier look */
	bool bounded;             /* the size of the kernel's buffer for what it is sent was set */
	bool ended;               /* nothing more will come from it */
	uint64_t unanswered_ms;   /* how long its TCP has left unanswered what it was sent */
};

struct evidence {
	enum pair_state state;
	struct wait_window window;
	struct side_evidence side[SIDES];
	struct cpu_use cpu; /* of the worker */
	bool flows;         /* bytes have come lately */
	bool cut_short;     /* memory is so short that they are read in small pieces */
};

/* Of the window: the last one to three seconds, see waits.h. */
struct verdict verdict_judge(const struct evidence *evidence);
/* What TCP knows of the sides cannot change it, as long as the kernel holds nothing for them. */
bool verdict_is_certain(const struct evidence *evidence);
/* For how much of the window a side was waited for: permille. A pair that is idle waits for nobody. */
uint64_t verdict_waited(const struct evidence *evidence, enum side side);

/* For how much of the window a flow was paused: permille. */
uint64_t verdict_paused(const struct evidence *evidence, enum direction flow);
/* For how much of the time in which a side had something to take its window was shut: permille. */
uint64_t verdict_shut(const struct side_evidence *side);
/*
 * How long the path to a side takes for what the kernel holds for it, in microseconds. If it has taken
 * nothing lately, at least that long. TCP_UNKNOWN if the kernel does not say.
 */
uint64_t verdict_lag(const struct side_evidence *side);

#endif
