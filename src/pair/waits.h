/*
 * What a pair has waited for: over the last one to three seconds, and over its life. Only bookkeeping: knows
 * no socket and no clock. Times are microseconds of clock_us unless the name says otherwise.
 *
 * At any moment each flow is held by its sink, paused, or neither. While neither flow is, a silence runs: it
 * began with the last byte that came, and whoever ends it is charged for it. It was that side's turn if the
 * other side had spoken last; otherwise it was sending, in pieces.
 *
 * The window is a sum of time that has three seconds at most. When it is full, it is made shorter: all that
 * is in it counts half. So what has just happened counts in full, and what is older ever less. A silence that
 * runs, or a flow that is held, for three seconds or more is all of it.
 */
#ifndef WEIR_WAITS_H
#define WEIR_WAITS_H

#include "config/settings.h"
#include "pair/blocks.h"

#include <stdbool.h>
#include <stdint.h>

/* The peer that is a flow's source has the flow's number: UPLOAD comes from the client. */
enum side { SIDE_CLIENT = UPLOAD, SIDE_TARGET = DOWNLOAD };
#define SIDES 2

static inline enum side side_opposite(enum side side)
{
	return side == SIDE_CLIENT ? SIDE_TARGET : SIDE_CLIENT;
}

static inline enum side side_of_sink(enum direction flow)
{
	return side_opposite((enum side)flow);
}

/* What a flow waits for. */
enum __attribute__((packed)) hold {
	HOLD_NONE, /* nothing: its source may speak */
	HOLD_SINK, /* its sink does not take what is queued; the source is read all the same */
	HOLD_HIGH, /* the same, and the source is paused: its queue is long, or memory is short */
	HOLD_RATE, /* paused for a limit of ours, and nothing is queued */
};
#define HOLDS (HOLD_RATE + 1)

/*
 * What sides have done since waits was last told; shifted by the side. More may have come of what has, if the
 * last read did not empty the socket.
 */
enum saying { SAYING_BYTES = 1, SAYING_MORE = 1 << SIDES, SAYING_END = 1 << 2 * SIDES };

/* A stretch of time, up to now. */
struct wait_window {
	uint64_t length;
	uint64_t held[DIRECTIONS][HOLDS]; /* HOLD_NONE is not counted */
	uint64_t turn[SIDES], sending[SIDES];
	double turns[SIDES]; /* how many silences were turn */
	/* Of the silences that it has ended, even of those before the window if nothing happened since. */
	uint64_t longest_gap[SIDES];
	/* Their mean by time over a second or so: one of a second weighs as much as a thousand of a ms. */
	uint64_t typical_gap[SIDES];
	/* What is now. A silence that still runs is not charged to anybody. */
	enum hold hold[DIRECTIONS];
	uint64_t held_for[DIRECTIONS]; /* how long the flow has been held, whatever for, or 0 */
	uint64_t since;                /* the longer of these, or else how long the silence has lasted */
	bool spoken;                   /* a byte has come */
	enum side last_from;           /* if so, from whom the last one came */
	bool blocked;                  /* the sides block each other, or have since both flows were free */
	enum direction blocker;        /* if so, it is this flow's sink that holds up both */
};

/* What time was waited for; all but the first + the side that it is about. */
enum __attribute__((packed)) wait {
	WAIT_CONNECTING,                 /* before there was a target */
	WAIT_SINK,                       /* it did not take what there was */
	WAIT_RATE = WAIT_SINK + SIDES,   /* a limit of ours paused what comes for it */
	WAIT_TURN = WAIT_RATE + SIDES,   /* it had to say something */
	WAIT_SENDING = WAIT_TURN + SIDES /* it was saying something, in pieces */
};
#define WAITS (WAIT_SENDING + SIDES)

/* Of all but WAIT_CONNECTING. */
static inline enum side waits_side(enum wait wait)
{
	return (enum side)((wait - WAIT_SINK) % SIDES);
}

/* All up to now, since the last waits_take if there was one. Two flows may be held at the same time. */
struct wait_totals {
	uint64_t time[WAITS];
	uint64_t turns[SIDES]; /* how many silences were WAIT_TURN */
	uint64_t length;       /* for the owner, who knows when it began */
	bool blocked;          /* as in struct wait_window */
	enum direction blocker;
};

/* private: 34 years of milliseconds */
struct wait_long {
	uint64_t ms : 40;
} __attribute__((packed));

/* A pair has one for life, so each byte of it counts. */
struct waits {
	/* private. Ticks are units of 50 microseconds; 16 bits of them are more than a window has */
	uint64_t noted; /* ticks; up to here time is accounted for. A silence that still runs began then */
	uint32_t held_since[DIRECTIONS]; /* milliseconds, without what is above 32 bits */
	float typical_gap[SIDES];        /* ticks; 0: there was none */
	/* The window, in ticks. */
	uint16_t length, held[DIRECTIONS][HOLDS - 1], turn[SIDES], sending[SIDES];
	uint16_t turns[SIDES]; /* parts of turns; like gaps, no more than there is room for */
	/* In a unit of their own: since the window was last made shorter; before that, fading. */
	uint16_t longest_gap[SIDES], longest_before[SIDES];
	struct wait_long life[WAITS]; /* since the last waits_take; without what the window has */
	struct blocks blocks;
	enum hold hold[DIRECTIONS];
	/* A bit for each side: it has spoken last; its last read did not empty its socket; it has ended. */
	uint8_t spoke_last : SIDES, more : SIDES, ended : SIDES;
	uint32_t life_turns[SIDES]; /* like life */
};

/*
 * The pair is connected now. Before, it has waited for so many milliseconds for its client to begin, and for
 * a target.
 */
void waits_begin(struct waits *waits, uint64_t now, uint64_t client_ms, uint64_t connecting_ms);
/*
 * Until now each flow was held as waits_note was last told; from now on it is held as in hold. said: bits of
 * enum saying. A flow that begins to be held has something from its source, even if nothing could be read.
 * True if the window was full: it is time for a look at the sockets.
 */
bool waits_note(struct waits *waits, uint64_t now, const enum hold hold[DIRECTIONS], unsigned said);
/* The same, for what most events are: one side has spoken. No flow was held, nor is any from now on. */
bool waits_hear(struct waits *waits, uint64_t now, enum side side, bool more);
/* Both sources are paused, and neither has ended: the sides block each other. */
bool waits_is_block(const struct waits *waits);
/* If they do: for how many milliseconds neither source was read. Else 0. */
uint64_t waits_block(const struct waits *waits, uint64_t now);
/* While they do, this flow's sink takes some all the same; or for long now, none has. */
void waits_note_taker(struct waits *waits, enum direction direction);
void waits_note_no_taker(struct waits *waits);
struct wait_window waits_window(const struct waits *waits, uint64_t now);
/*
 * closing: the silence that still runs is charged to the side that is due, unless both could speak and it is
 * idle.
 */
struct wait_totals waits_totals(const struct waits *waits, uint64_t now, bool closing);
/* The totals but for what the window has. They begin anew; only the time before there was a target stays. */
struct wait_totals waits_take(struct waits *waits);
/* How long one side was waited for, in all. The target is also waited for while it is sought. */
uint64_t waits_for(const struct wait_totals *totals, enum side side);
/* A silence of so long is nobody's: both sides have said what they had to say. */
bool waits_is_idle(uint64_t silence, uint64_t longest_gap);

#endif
