/* The rules of verdict.h: their constants, each with its reason, and what they ask about a side. */
#ifndef WEIR_VERDICT_RULES_H
#define WEIR_VERDICT_RULES_H

#include "base/number.h"
#include "pair/verdict.h"

/* A side that is waited for in less than this share of the window does not decide how fast the pair is. */
#define WAIT_SHARE 500
/*
 * Permille of the window. A source that is paused for less can make up for it. A sink that is only a little
 * slower than its source makes it pause rarely, and holds the flow in between.
 */
#define PAUSED_SHARE 200
/*
 * Permille. Peers that block each other are waited for for about the same time: they differ by up to 20, and
 * by 130 while their first block is near. Independent ones seldom come so close.
 */
#define SAME_SHARE 750
/* A silence that is a third of the longest window. */
#define LONG_SILENCE_US 1000000
/*
 * What the kernel holds for a sink takes this long, besides two round trips. Delayed acknowledgements account
 * for up to 200 ms. A queue that is longer is a backlog, even if all of it fits into the kernel's buffer.
 */
#define LAG_MIN_US 200000
/*
 * If a sink takes all that the kernel holds for it in less than this, although bytes are queued, it is weir
 * that is late, and not the sink. Measured on a busy machine: 0 to 2 ms at full speed. Slow links have 40 at
 * least.
 */
#define SLOW_LAG_US 20000
/*
 * Permille of the time in which a sink had something to take. Measured: slow readers have a shut window for
 * 100 to 1000, behind a path of 100 ms too; slow, lossy and long paths with a fast reader for 0.
 */
#define SHUT_SHARE 50
/*
 * Round trips below this are loopback's, where there is no path to blame. Measured: loopback has 5 to 50, a
 * slow link without any delay 160 at least.
 */
#define LOCAL_RTT_US 100
/* On loopback this is how late a reader is scheduled; a round trip is less. */
#define BUFFER_LAG_MIN_US 5000
/*
 * What a peer leaves unanswered for so long, after so many tries, is no accident. One try may be lost on the
 * way, and a lossy path may lose several within a second.
 */
#define GONE_MS    3000
#define GONE_TRIES 2
/*
 * Permille of a round trip. Somebody who answers at once takes one. Up to twice as much, the path takes half
 * of the time or more.
 */
#define TURN_RTT 2000
/*
 * Permille of our window that may be under way. Measured: 960 if it is the limit, 310 at most if not, since
 * the kernel makes the window twice as large as it is needed.
 */
#define WINDOW_SHARE 600
/*
 * A source that has always more to send fills each segment. Permille of full ones, over so many segments at
 * least. Measured: 1000 for sources that only the path holds up; 993 if they send 200 KB at a time; 985 for
 * 64 KiB at a time.
 */
#define FULL_SHARE   990
#define SEGMENTS_MIN 20
/*
 * A source that rests leaves longer gaps than its path does. Measured: 3 ms behind a slow path, 290 for 64
 * KiB at a time, 1800 for 1 MB at a time. A lost segment leaves 200 to 1300 now and then, which weigh less in
 * the mean. A round trip or two may be longer.
 */
#define PATH_GAP_US 150000
/*
 * What is on its way for longer than this, besides a round trip, has not come. An acknowledgement is delayed
 * for 40 ms, while somebody thinks about what has come.
 */
#define ACK_DELAY_US 80000
/* A worker that wants so much of a CPU, permille, has none to spare. The kernel's own work takes the rest. */
#define CPU_FULL 950
/* Shorter gaps may then be those between two passes of its own event loop. */
#define CPU_FULL_GAP_US 3000
/*
 * Where other programs take the CPU, a worker that is ready waits for it for 3 to 30 ms at a time, measured,
 * and what comes meanwhile seems to come late. Longer gaps are the side's own.
 */
#define CPU_READY_GAP_US 30000

/* Permille of a whole that is not 0. Without overflow: times are below 2^44 (200 days), and so are bytes. */
static inline bool verdict_is_share(uint64_t part, uint64_t permille, uint64_t whole)
{
	return whole > 0 && part >= whole * permille / 1000;
}

/* As long as the other, as far as that tells. */
static inline bool verdict_is_same(uint64_t one, uint64_t other)
{
	return verdict_is_share(min_u64(one, other), SAME_SHARE, max_u64(one, other));
}

/* Of some time in which two flows were held for so long each, for how long both were, at least. */
static inline uint64_t verdict_held_together(uint64_t one, uint64_t other, uint64_t whole)
{
	return one + other > whole ? one + other - whole : 0;
}

/* verdict.c: why it is slow if so much of the window was waited for a side for that. */

struct verdict verdict_of_turn(const struct evidence *evidence, enum side side);
struct verdict verdict_of_sending(const struct evidence *evidence, enum side side);
/* It did not take what there was. */
struct verdict verdict_of_sink(const struct evidence *evidence, enum side side);
/* A limit on the rate paused what comes for it. */
struct verdict verdict_of_rate(const struct evidence *evidence, enum side side);
/* Of what was waited for a side, as much as the worker itself may have come late: microseconds. */
uint64_t verdict_lateness(const struct evidence *evidence, enum side side);
/* Bytes come, and the worker has no CPU to spare. */
bool verdict_is_for_cpu(const struct evidence *evidence);

/* verdict_tcp.c: what TCP says about a side. None of these holds if the kernel does not tell. */

/* Nothing between us and it can be slow. True if it is not known of a path. */
bool verdict_is_local(const struct side_evidence *side);
/* What it was sent is on its way for long, though all of it may fit into the kernel's buffer. */
bool verdict_lags(const struct side_evidence *side);
/* Its TCP has answered nothing for so long that it, or the path to it, must be gone. */
bool verdict_is_gone(const struct side_evidence *side);
/* Microseconds of a window so long in which what it has to answer was on its way. */
uint64_t verdict_still_coming(const struct side_evidence *side, uint64_t length);
/* The longest gap that its path may leave in what it sends. */
uint64_t verdict_path_gap(const struct side_evidence *side);
/* It leaves its window shut. */
bool verdict_is_shut(const struct side_evidence *side);
/* It does not keep up, though what is queued may not show it. */
bool verdict_is_behind(const struct side_evidence *side);
/* It takes whatever it gets. */
bool verdict_takes_at_once(const struct side_evidence *side);
/* All that may be under way to it is, and nothing is lost. */
bool verdict_fills_our_buffer(const struct side_evidence *side);
/* As much is under way from it as our window lets it send. */
bool verdict_fills_our_window(const struct side_evidence *side);
/* It has always more to send, and what it sends comes slowly. */
bool verdict_fills_its_path(const struct side_evidence *side);

#endif
