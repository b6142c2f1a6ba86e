/* Lines of the log that sum up, a little later, what gets no line of its own. */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "pair/pair_private.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>

#define INTERVAL_MS 1000

static void arm(struct pair_set *set)
{
	const struct timeval later = clock_timeval(INTERVAL_MS);

	if (!event_pending(set->recap_timer, EV_TIMEOUT, NULL))
		(void)event_add(set->recap_timer, &later); /* or the next one tries again */
}

static void recap_left_out(struct tally *tally)
{
	uint64_t left_out = damper_take_left_out(&tally->damper);

	if (left_out > 0)
		log_info("relay %s: %" PRIu64 " more pairs have ended without a byte from a target",
		         tally->owner->config->name, left_out);
}

static void forget(struct tally *tally)
{
	LIST_REMOVE(tally, entry);
	relay_put(tally->owner);
	tally->owner = NULL;
}

EVENT_CALLBACK(on_recap, struct pair_set, set)
{
	uint64_t now = clock_ms();
	struct tally *tally, *next;

	for (tally = LIST_FIRST(&set->untold); tally; tally = next) {
		struct standing *standing = tally->owner->standing;

		next = LIST_NEXT(tally, entry);
		recap_left_out(tally);
		if (!denials_go_on(&standing->denials, standing->name, now))
			forget(tally);
	}
	if (!LIST_EMPTY(&set->untold))
		arm(set);
}

/* The relay may be that of another generation than before, which is not to be held for long. */
void pair_recap_later(struct pair_set *set, struct relay *relay)
{
	struct tally *tally = &relay->standing->tallies[set->worker];

	arm(set);
	if (tally->owner == relay)
		return;
	if (tally->owner)
		forget(tally);
	tally->owner = relay_get(relay);
	LIST_INSERT_HEAD(&set->untold, tally, entry);
}

void pair_note_denied(struct pair_set *set, struct relay *relay, const union client_address *client)
{
	struct standing *standing = relay->standing;

	standing->tallies[set->worker].counters.closed[REASON_DENIED]++;
	denials_note(&standing->denials, standing->name, client, clock_ms());
	pair_recap_later(set, relay);
}

int pair_recap_init(struct pair_set *set)
{
	LIST_INIT(&set->untold);
	set->recap_timer = event_new(set->io.base, -1, 0, on_recap, set);
	return set->recap_timer ? 0 : -ENOMEM;
}

void pair_recap_deinit(struct pair_set *set)
{
	struct tally *tally;

	while ((tally = LIST_FIRST(&set->untold))) {
		struct standing *standing = tally->owner->standing;

		recap_left_out(tally);
		denials_end(&standing->denials, standing->name);
		forget(tally);
	}
	evloop_free_event(set->recap_timer);
	set->recap_timer = NULL;
}
