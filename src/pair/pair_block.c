/*
 * While the sides of a pair block each other, no event tells which of them takes some: the kernel has more to
 * give them, for seconds or minutes. So the pair's timer looks, soon and then ever more rarely.
 *
 * A side that takes bytes although nothing comes from it acts on its own. One that follows takes some as well
 * while there is room for what it sends, and what it has said shows that; unless its own kernel has that room
 * and nobody sees it. Then it soon takes no more. TCP acknowledges what fills the peer's buffer, whether or
 * not its program reads; only its reading moves the end of its window.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/tcp_state.h"
#include "pair/pair_private.h"

/* Milliseconds from the begin of a block to the first look: sides that run at full speed end most earlier. */
#define FIRST_LOOK 200

static uint32_t age(const struct block_look *look, uint64_t now)
{
	return (uint32_t)now - look->at;
}

uint64_t pair_block_next(struct pair *pair)
{
	struct block_look *look = &pair->block;
	uint64_t now;

	if (pair->phase != PHASE_OPEN)
		return PAIR_NEVER;
	if (!waits_is_block(&pair->waits)) {
		look->wait = 0;
		return PAIR_NEVER;
	}
	now = clock_ms();
	if (look->wait == 0)
		*look = (struct block_look){.at = (uint32_t)now, .wait = FIRST_LOOK};
	return now - age(look, now) + look->wait;
}

/* Where the peer's window ends. Only differences count. */
static uint32_t edge_of(const struct tcp_state *tcp)
{
	return (uint32_t)(tcp->acknowledged + tcp->room);
}

/* Not by unix sockets, nor by a kernel that does not say all of it. */
static bool is_told(const struct tcp_state *tcp)
{
	return tcp->acknowledged != TCP_UNKNOWN && tcp->room != TCP_UNKNOWN && tcp->received != TCP_UNKNOWN;
}

static bool acts_on_its_own(const struct block_look *then, enum side side, const struct tcp_state *now)
{
	return edge_of(now) != then->edge[side] && (uint32_t)now->received == then->received[side];
}

/* Whether the sides have blocked each other ever since the look. */
static bool is_of_this_block(const struct pair *pair, uint64_t now_us)
{
	return pair->phase == PHASE_OPEN && waits_is_block(&pair->waits) && pair->block.looked &&
	       waits_block(&pair->waits, now_us) >= age(&pair->block, clock_ms_of(now_us));
}

/* is_look: since the last look, the block has lasted for as long again. Who acts on its own has gone on. */
static void note(struct pair *pair, const struct tcp_state tcp[SIDES], uint64_t now_us, bool is_look)
{
	bool client, target;

	if (!is_of_this_block(pair, now_us) || !is_told(&tcp[SIDE_CLIENT]) || !is_told(&tcp[SIDE_TARGET]))
		return;
	client = acts_on_its_own(&pair->block, SIDE_CLIENT, &tcp[SIDE_CLIENT]);
	target = acts_on_its_own(&pair->block, SIDE_TARGET, &tcp[SIDE_TARGET]);
	if (client != target)
		waits_note_taker(&pair->waits, client ? DOWNLOAD : UPLOAD);
	else if (is_look && !client)
		waits_note_no_taker(&pair->waits);
}

void pair_block_note(struct pair *pair, const struct tcp_state tcp[SIDES], uint64_t now_us)
{
	note(pair, tcp, now_us, false);
}

static void keep(struct block_look *look, const struct tcp_state tcp[SIDES], uint64_t block, uint64_t now)
{
	*look = (struct block_look){
	        .at = (uint32_t)now,
	        .wait = (uint32_t)max_u64(block, FIRST_LOOK) & BLOCK_WAIT_MAX,
	        .looked = true,
	};
	for (enum side side = SIDE_CLIENT; side < SIDES; side++) {
		look->edge[side] = edge_of(&tcp[side]);
		look->received[side] = (uint32_t)tcp[side].received;
	}
}

void pair_block_look(struct pair *pair)
{
	uint64_t now_us = clock_us(), now = clock_ms_of(now_us);
	struct tcp_state tcp[SIDES];

	if (pair_block_next(pair) > now)
		return;
	pair_tcp_states(pair, tcp);
	note(pair, tcp, now_us, true);
	keep(&pair->block, tcp, waits_block(&pair->waits, now_us), now);
}
