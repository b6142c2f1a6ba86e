/*
 * What follows when a peer ends or fails, and when that is the end of a pair. Nobody is told by an event that
 * bytes were acknowledged, so a pair that waits for that has to be looked at.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <errno.h>

/*
 * The first look is after this many milliseconds; those that follow are less often. After clean ends, one
 * round trip is likely to be enough. A pair outlives the last acknowledgement by no longer than it had waited
 * for it, and never by more than the longest of these. While acknowledgements come, the looks are never far
 * apart.
 */
#define LOOK_MIN_MS     5
#define LOOK_MIN_EOF_MS 1
#define LOOK_BUSY_MS    200
#define LOOK_MAX_MS     2000

bool pair_peer_failed(const struct peer *peer)
{
	return peer->from.source == SOURCE_FAILED || peer->from.source == SOURCE_DOOMED ||
	       pair_opposite(peer)->from.sink == SINK_FAILED;
}

bool pair_peer_has_ended(const struct peer *peer)
{
	return peer->from.source != SOURCE_OPEN || pair_peer_failed(peer);
}

/* What the peer's own socket said counts more than what writing to it did. */
static int peer_error(const struct peer *peer)
{
	return peer->from.source_error ? peer->from.source_error : pair_opposite(peer)->from.sink_error;
}

static enum reason failure_reason(const struct pair *pair, const struct peer *peer)
{
	if (stream_error_is_silence(peer_error(peer)))
		return REASON_VANISHED;
	return peer == &pair->client ? REASON_CLIENT_RESET : REASON_TARGET_RESET;
}

static void note_ended_first(struct pair *pair)
{
	if (pair->client.ended_first || pair->target.ended_first)
		return;
	pair->client.ended_first = pair_peer_has_ended(&pair->client);
	pair->target.ended_first = !pair->client.ended_first && pair_peer_has_ended(&pair->target);
}

/* A failed peer takes no more bytes, and its end will not be a clean one. */
static void spread_failure(struct peer *peer)
{
	struct flow *to = &pair_opposite(peer)->from;

	if (!pair_peer_failed(peer))
		return;
	flow_source_failed(&peer->from, to->sink_error);
	flow_sink_failed(to, peer->from.source_error);
}

static void begin_ending(struct pair *pair, uint64_t first_look)
{
	pair->phase = PHASE_ENDING;
	pair->unacknowledged = UINT64_MAX;
	backoff_reset(&pair->look, first_look);
}

/*
 * What the peer has yet to acknowledge. A FIN that was passed on counts as a byte, but after clean ends
 * nobody waits for that. A peer that was sent nothing need not be asked.
 */
static uint64_t unacknowledged(struct peer *peer)
{
	bool clean = !pair_peer_failed(pair_opposite(peer));
	uint64_t left;

	if (pair_peer_failed(peer) || (clean && pair_opposite(peer)->from.bytes == 0))
		return 0;
	left = stream_unacknowledged(peer->fd);
	peer->over = left == 0 && peer->from.source == SOURCE_ENDED &&
	             pair_opposite(peer)->from.sink == SINK_ENDED;
	return clean && left > 0 ? left - 1 : left;
}

uint64_t pair_unacknowledged(struct pair *pair)
{
	uint64_t client = unacknowledged(&pair->client), target = unacknowledged(&pair->target);

	pair->client.owes = client > 0;
	pair->target.owes = target > 0;
	return client + target;
}

static bool all_acknowledged(struct pair *pair)
{
	uint64_t left = pair_unacknowledged(pair);

	if (left < pair->unacknowledged) {
		pair->acknowledged_at = clock_ms();
		pair->look.wait = min_u64(pair->look.wait, LOOK_BUSY_MS);
	}
	pair->unacknowledged = left;
	return left == 0;
}

/* A reset overtakes bytes, so it may only be sent once the opposite has acknowledged all of them. */
static void begin_reset(struct pair *pair, const struct peer *opposite)
{
	begin_ending(pair, LOOK_MIN_MS);
	if (pair->relay->config->on_reset == ON_RESET_CLOSE)
		(void)stream_finish(opposite->fd);
}

/*
 * Reads and drops what the opposite sends. Otherwise a peer that writes before it reads would block. Also,
 * while our receive window is shut, the kernel may drop its segments and the acknowledgements that they
 * carry.
 */
static enum reason advance_failure(struct pair *pair, const struct peer *failed)
{
	struct peer *opposite = pair_opposite(failed);

	if (pair->phase == PHASE_OPEN) {
		pair->phase = PHASE_FAILING;
		pair->unacknowledged = pair->acknowledged_at = 0; /* where its last block was */
		backoff_reset(&pair->look, LOOK_MIN_MS);
	}
	if (pair_peer_failed(opposite))
		return failure_reason(pair, failed->ended_first ? failed : opposite);
	if (flow_discard(&opposite->from))
		backoff_reset(&pair->look, LOOK_MIN_MS);
	if (!flow_finished(&failed->from))
		return REASON_NONE;
	if (pair->phase != PHASE_ENDING)
		begin_reset(pair, opposite);
	return all_acknowledged(pair) ? failure_reason(pair, failed) : REASON_NONE;
}

/*
 * Both ends were passed on. What the kernel still holds of the streams may stay there for long, so the pair
 * counts until it is delivered. Usually nothing is left by now.
 */
static enum reason advance_end(struct pair *pair)
{
	if (pair->phase != PHASE_ENDING)
		begin_ending(pair, LOOK_MIN_EOF_MS);
	return all_acknowledged(pair) ? REASON_EOF : REASON_NONE;
}

static enum reason judge_open(struct pair *pair)
{
	int fault = pair->client.from.fault ? pair->client.from.fault : pair->target.from.fault;

	if (fault)
		return fault == -ENOMEM ? REASON_OUT_OF_MEMORY : REASON_INTERNAL;
	note_ended_first(pair);
	spread_failure(&pair->client);
	spread_failure(&pair->target);
	if (pair_peer_failed(&pair->client))
		return advance_failure(pair, &pair->client);
	if (pair_peer_failed(&pair->target))
		return advance_failure(pair, &pair->target);
	if (pair->client.from.sink == SINK_ENDED && pair->target.from.sink == SINK_ENDED)
		return advance_end(pair);
	return REASON_NONE;
}

static enum reason judge_connecting(struct pair *pair)
{
	note_ended_first(pair);
	if (pair->turned_away)
		return pair->turned_away;
	if (pair_peer_failed(&pair->client))
		return failure_reason(pair, &pair->client);
	if (pair_is_held(pair) || !pair->unserved)
		return REASON_NONE;
	return pair->attempt_error == -ETIMEDOUT ? REASON_CONNECT_TIMEOUT : REASON_CONNECT_FAILED;
}

enum reason pair_judge(struct pair *pair)
{
	return pair_is_connected(pair) ? judge_open(pair) : judge_connecting(pair);
}

static bool looks_for_the_end(const struct pair *pair)
{
	return pair->phase == PHASE_FAILING || pair->phase == PHASE_ENDING;
}

void pair_end_look_later(struct pair *pair)
{
	if (looks_for_the_end(pair))
		backoff_next(&pair->look, LOOK_MAX_MS);
}

bool pair_end_look_soon(struct pair *pair)
{
	if (!looks_for_the_end(pair))
		return false;
	backoff_reset(&pair->look, LOOK_MIN_MS);
	return true;
}
