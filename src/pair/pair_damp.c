/* What a pair does differently while its relay is damped: see relay/damper.h. */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "pair/pair_private.h"

#include <errno.h>

bool pair_may_log_close(struct pair *pair)
{
	struct damper *damper = pair_damper(pair);

	if (pair->answered || damper_lets_line(damper, clock_ms()))
		return true;
	pair_recap_later(pair->set, pair->relay);
	return false;
}

/*
 * In a ring no target ever answers, and none ends its stream before the client has: each waits for the next.
 * (With on_reset = close, pairs of a ring that comes to its end look as if targets did. But no client sends
 * such a ring anything.)
 */
static bool has_ended_in_turn(const struct pair *pair)
{
	return pair->target.from.source == SOURCE_ENDED && pair->client.ended_first &&
	       pair->client.from.bytes > 0;
}

void pair_note_answer(struct pair *pair)
{
	if (pair->answered || (pair->target.from.bytes == 0 && !has_ended_in_turn(pair)))
		return;
	pair->answered = true;
	damper_take_answer(pair_damper(pair), &pair->relay->standing->damping);
}

/* Most of connect_timeout is left for the attempt itself. */
bool pair_waits_for_damper(struct pair *pair)
{
	if (pair->tried || pair->retries || !pair_damper(pair)->on)
		return false;
	pair->phase = PHASE_WAITING;
	pair->wait_reason = -ETIMEDOUT;
	backoff_reset(&pair->postpone, min_u64(DAMPER_WAIT_MS, pair->relay->config->connect_timeout / 4));
	return true;
}
