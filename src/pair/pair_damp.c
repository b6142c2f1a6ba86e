/* What a pair does differently while its relay is damped: see relay/damper.h. */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/number.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>

/* How often close lines that were left out are counted in a line of the log. */
#define COUNT_INTERVAL_MS 1000

static void count_all(struct pair_set *set)
{
	struct damper *damper;

	while ((damper = LIST_FIRST(&set->left_out))) {
		struct relay *relay = damper->owner;

		LIST_REMOVE(damper, entry);
		log_info("relay %s: %" PRIu64 " more pairs have ended without a byte from a target",
		         relay->config->name, damper_take_left_out(damper));
		relay_put(relay);
	}
}

EVENT_CALLBACK(on_count, struct pair_set, set)
{
	count_all(set);
}

static void count_later(struct pair *pair)
{
	const struct timeval later = clock_timeval(COUNT_INTERVAL_MS);
	struct pair_set *set = pair->set;
	struct damper *damper = pair_damper(pair);

	if (LIST_EMPTY(&set->left_out) && event_add(set->count_timer, &later) < 0)
		return; /* the next one tries again */
	damper->owner = relay_get(pair->relay);
	LIST_INSERT_HEAD(&set->left_out, damper, entry);
}

bool pair_may_log_close(struct pair *pair)
{
	struct damper *damper = pair_damper(pair);

	if (pair->answered || damper_lets_line(damper, clock_ms()))
		return true;
	if (!damper->owner)
		count_later(pair);
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

int pair_damp_init(struct pair_set *set)
{
	LIST_INIT(&set->left_out);
	set->count_timer = event_new(set->io.base, -1, 0, on_count, set);
	return set->count_timer ? 0 : -ENOMEM;
}

void pair_damp_deinit(struct pair_set *set)
{
	count_all(set);
	evloop_free_event(set->count_timer);
	set->count_timer = NULL;
}
