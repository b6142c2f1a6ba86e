#include "build_config.h"

#include "daemon/refusals.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

/* One change at a time, and so long between two: it takes all workers, and what comes together is one. */
#define PAUSE_MS 100
/* When a change could not be made. */
#define RETRY_MS 1000

/* ---- what is known of targets ---- */

struct outlook {
	const struct relay *relay;
	uint64_t now, until; /* as of refusal_note */
	bool known;          /* there is an address */
};

/* Without checks, an address that is down without an end is being tried. */
static uint64_t down_until(const struct outlook *outlook, const struct health *health)
{
	struct healths *healths = &outlook->relay->standing->healths;
	enum health_use use;
	uint64_t until;

	healths_lock(healths);
	use = health_use(health, outlook->now, &until);
	healths_unlock(healths);
	if (use != USE_DOWN || (until == REFUSAL_NEVER && outlook->relay->config->check_interval == 0))
		return 0;
	return until;
}

static void look_at_address(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	struct outlook *outlook = arg;

	(void)target;
	(void)backup;
	if (!health)
		return;
	outlook->known = true;
	outlook->until = min_u64(outlook->until, down_until(outlook, health));
}

/* Names without an address are for whoever tries to connect. */
void refusals_judge(struct refusals *refusals, const struct relay *relay)
{
	struct outlook outlook = {relay, clock_ms(), REFUSAL_NEVER, false};

	if (relay->config->when_down != WHEN_DOWN_REFUSE) {
		refusal_note(&relay->standing->refusal, outlook.now, 0); /* it is not kept up to date */
		return;
	}
	targets_each_health(relay->targets, look_at_address, &outlook);
	refusals_note(refusals, relay->standing, outlook.known ? outlook.until : 0);
}

/* ---- the log ---- */

/* A relay whose targets flap has two lines in ten seconds. */
static void tell(const struct relay *relay)
{
	struct episode *told = &relay->standing->refusal.told;

	if (entrances_let_in(&relay->entrances)) {
		if (episode_end(told))
			log_notice("relay %s: letting clients in again, as a target may be tried",
			           relay->config->name);
	} else if (relay->config->when_down == WHEN_DOWN_REFUSE && episode_begin(told, EPISODE_INTERVAL_MS))
		log_notice("relay %s: refusing clients, as no target is up", relay->config->name);
}

static void tell_all(const struct refusals *refusals)
{
	for (size_t i = 0; i < refusals->generation->relay_count; i++)
		tell(refusals->generation->relays[i]);
}

/* When a line that had to wait is due, or REFUSAL_NEVER. */
static uint64_t tells_at(const struct relay *relay)
{
	const struct episode *told = &relay->standing->refusal.told;

	return entrances_let_in(&relay->entrances) || told->told ? REFUSAL_NEVER
	                                                         : told->logged + EPISODE_INTERVAL_MS;
}

/* ---- what is due ---- */

static bool is_due(const struct relay *relay, uint64_t now)
{
	return relay_refuses(relay, now) == entrances_let_in(&relay->entrances);
}

static bool any_is_due(const struct refusals *refusals, uint64_t now)
{
	const struct generation *generation = refusals->generation;
	bool due = false;

	for (size_t i = 0; !due && i < generation->relay_count; i++)
		due = is_due(generation->relays[i], now);
	return due;
}

static uint64_t find_next(const struct refusals *refusals, uint64_t now)
{
	const struct generation *generation = refusals->generation;
	uint64_t next = REFUSAL_NEVER;

	for (size_t i = 0; i < generation->relay_count; i++) {
		const struct relay *relay = generation->relays[i];

		if (relay->config->when_down == WHEN_DOWN_REFUSE)
			next = min_u64(
			        next, min_u64(refusal_next(&relay->standing->refusal, now), tells_at(relay)));
	}
	return next;
}

static void look_at(struct refusals *refusals, uint64_t when)
{
	uint64_t now = clock_ms();
	const struct timeval wait = clock_timeval(when > now ? when - now : 0);

	if (when == REFUSAL_NEVER)
		event_del(refusals->timer);
	else
		(void)event_add(refusals->timer, &wait); /* there is memory for it */
}

static void change(struct refusals *refusals, uint64_t now)
{
	int error = refusals->change(refusals->arg);

	if (error == -EBUSY)
		return;
	refusals->changed = now;
	if (error)
		log_error("cannot open and close entrances: %s", strerror(-error));
	tell_all(refusals);
	look_at(refusals, error ? now + RETRY_MS : find_next(refusals, clock_ms()));
}

void refusals_look(struct refusals *refusals)
{
	uint64_t now = clock_ms();

	if (!refusals->generation)
		return;
	tell_all(refusals);
	if (!any_is_due(refusals, now))
		look_at(refusals, find_next(refusals, now));
	else if (now < refusals->changed + PAUSE_MS)
		look_at(refusals, refusals->changed + PAUSE_MS);
	else
		change(refusals, now);
}

EVENT_CALLBACK(on_timer, struct refusals, refusals)
{
	refusals_look(refusals);
}

void refusals_note(struct refusals *refusals, struct standing *standing, uint64_t until)
{
	refusal_note(&standing->refusal, clock_ms(), until);
	event_active(refusals->timer, EV_TIMEOUT, 0);
}

void refusals_set_generation(struct refusals *refusals, const struct generation *generation)
{
	refusals->generation = generation;
	for (size_t i = 0; i < generation->relay_count; i++)
		refusals_judge(refusals, generation->relays[i]);
}

int refusals_init(struct refusals *refusals, struct event_base *base)
{
	refusals->timer = event_new(base, -1, 0, on_timer, refusals);
	return evloop_reserve_timer(refusals->timer);
}

void refusals_deinit(struct refusals *refusals)
{
	evloop_free_event(refusals->timer);
	refusals->timer = NULL;
}
