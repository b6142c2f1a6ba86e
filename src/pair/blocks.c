#include "build_config.h"

#include "pair/blocks.h"

#include "base/number.h"

#include <stdlib.h>

/*
 * Milliseconds of blocks that are remembered, or two if they are longer: of a reader of 40 KB a second, each
 * takes 13 s.
 */
#define REMEMBERED 30000

static unsigned bit(enum direction direction)
{
	return 1U << direction;
}

void blocks_note_free(struct blocks *blocks)
{
	blocks->were_free = true;
}

void blocks_note_pause(struct blocks *blocks, enum direction direction, bool is_block)
{
	if (blocks->were_free)
		*blocks = (struct blocks){.running = 0};
	if (is_block)
		blocks->paused_first = bit(direction_opposite(direction)) & 3U;
	blocks->running = 0;
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

bool blocks_are_known(const struct blocks *blocks)
{
	return blocks->paused_first != 0;
}

enum direction blocks_blocker(const struct blocks *blocks)
{
	unsigned ended = (unsigned)abs(blocks->ended);

	if (ended > 0 && ended >= blocks->running)
		return blocks->ended > 0 ? UPLOAD : DOWNLOAD;
	return blocks->paused_first & bit(DOWNLOAD) ? DOWNLOAD : UPLOAD;
}
