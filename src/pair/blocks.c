#include "build_config.h"

#include "pair/blocks.h"

#include "base/number.h"

#include <stdlib.h>

/*
 * Milliseconds of blocks that are remembered, or two if they are longer: of a reader of 40 KB a second, each
 * takes 13 s.
 */
#define REMEMBERED 30000

/* Of what is usual for a flow. */
#define USUAL_BITS 2U
#define USUAL_MAX  3U

static unsigned bit(enum direction direction)
{
	return 1U << direction;
}

void blocks_note_free(struct blocks *blocks)
{
	blocks->were_free = true;
}

static unsigned quarters(uint64_t permille)
{
	return (unsigned)min_u64(permille / 250, USUAL_MAX);
}

static unsigned usual_of(const struct blocks *blocks, enum direction direction)
{
	return blocks->usual >> (direction * USUAL_BITS) & USUAL_MAX;
}

static void keep_usual(struct blocks *blocks, enum direction direction, unsigned usual)
{
	unsigned shift = direction * USUAL_BITS;

	blocks->usual = ((blocks->usual & ~(USUAL_MAX << shift)) | usual << shift) & 15U;
}

/* The one that used to be, or else the one that was paused first. */
static enum direction paused_less(const struct blocks *blocks, enum direction second)
{
	enum direction first = direction_opposite(second);

	return usual_of(blocks, second) < usual_of(blocks, first) ? second : first;
}

void blocks_note_pause(struct blocks *blocks, enum direction direction, uint64_t usual, bool is_block)
{
	if (blocks->were_free)
		*blocks = (struct blocks){.running = 0};
	keep_usual(blocks, direction, quarters(usual));
	if (is_block)
		blocks->likely = bit(paused_less(blocks, direction)) & 3U;
	blocks->running = blocks->taker = 0;
}

void blocks_note_taker(struct blocks *blocks, enum direction direction)
{
	blocks->taker = bit(direction) & 3U;
}

void blocks_note_no_taker(struct blocks *blocks)
{
	blocks->taker = 0;
}

void blocks_pass(struct blocks *blocks, uint64_t time)
{
	blocks->running = min_u64(blocks->running + time, BLOCK_MAX) & BLOCK_MAX;
}

void blocks_end(struct blocks *blocks, enum direction direction)
{
	int block = (int)blocks->running, most = 2 * block > REMEMBERED ? 2 * block : REMEMBERED;
	int ended = blocks->ended + (direction == UPLOAD ? block : -block);

	blocks->ended = ended > most ? most : ended < -most ? -most : ended;
	blocks->running = 0;
}

void blocks_forget_ended(struct blocks *blocks, enum direction direction)
{
	if (blocks->ended != 0 && (blocks->ended > 0) == (direction == UPLOAD))
		blocks->ended = 0;
}

bool blocks_are_known(const struct blocks *blocks)
{
	return blocks->likely != 0;
}

enum direction blocks_blocker(const struct blocks *blocks)
{
	unsigned ended = (unsigned)abs(blocks->ended);
	unsigned likely = blocks->taker ? blocks->taker : blocks->likely;

	if (ended > 0 && ended >= blocks->running)
		return blocks->ended > 0 ? UPLOAD : DOWNLOAD;
	return likely & bit(DOWNLOAD) ? DOWNLOAD : UPLOAD;
}
