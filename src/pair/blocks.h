/*
 * Which of two sides that block each other holds up both.
 *
 * While both sources are paused, the sides block each other: one rests, or a limit pauses what comes for it,
 * and so the other one, which writes before it reads, rests too. If bytes move at times, the sink that took
 * some, or the limit that let some come, and so ended a block is charged for it: it acts on its own, while
 * the other one follows at once.
 *
 * Until one has ended that is as long as the one that runs, it is likely to be the sink that was seen to take
 * some on its own. Else it is that of the flow that used to be paused less: of a side that sends much and
 * then rests, what it sends is paused all along. If that tells nothing, it is that of the flow that was
 * paused first.
 *
 * Only bookkeeping. Times are milliseconds.
 */
#ifndef WEIR_BLOCKS_H
#define WEIR_BLOCKS_H

#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_MAX ((1U << 18) - 1) /* 4 minutes; twice that has room in 20 bits with a sign */

/* A pair has one for life, so each bit of it counts. Zeroed at first. */
struct blocks {
	/* private */
	int32_t ended : 20;     /* blocks that the upload's sink has ended, less the other one's */
	uint32_t running : 18;  /* the one that runs */
	uint32_t likely : 2;    /* a bit for the flow whose sink it is likely to be */
	uint32_t taker : 2;     /* the same, of a sink that takes some all the same */
	uint32_t usual : 4;     /* of each flow: for how much of the time it was paused before */
	uint32_t were_free : 1; /* both flows, at some time after the last block */
} __attribute__((packed));

/* Neither flow is held. What was before tells nothing about the next block. */
void blocks_note_free(struct blocks *blocks);
/* A source is paused from now on, and was for so many permille of lately; so is the opposite one, or not. */
void blocks_note_pause(struct blocks *blocks, enum direction direction, uint64_t usual, bool is_block);
/* Both sources were paused for so much more time. */
void blocks_pass(struct blocks *blocks, uint64_t time);
/* Its sink takes some on its own, while both sources are paused. */
void blocks_note_taker(struct blocks *blocks, enum direction direction);
/* For long now, none has. */
void blocks_note_no_taker(struct blocks *blocks);
/* Its sink has taken some, so both sources are paused no more. */
void blocks_end(struct blocks *blocks, enum direction direction);
/* What this flow has ended before was not its sink's doing. */
void blocks_forget_ended(struct blocks *blocks, enum direction direction);
/* The sides block each other, or have since both flows were free. */
bool blocks_are_known(const struct blocks *blocks);
/* If so, it is this flow's sink that holds up both. */
enum direction blocks_blocker(const struct blocks *blocks);

#endif
