#include "build_config.h"

#include "daemon/outages.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "base/number.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct outages {
	struct mailbox mailbox;
	struct event *timer; /* for lines that were left out */
	const struct generation *generation;
	outages_changed *changed;
	void *arg;
};

/* ---- counting ---- */

struct tier {
	size_t count, up; /* targets */
};

/* What a walk over the addresses of a relay finds. */
struct census {
	const struct relay *relay;
	struct tier tiers[2];             /* targets, backups */
	const struct config_target *last; /* the one whose addresses are being visited */
	bool last_is_up;
};

/*
 * A target is up while one of its addresses is. So is one whose name is looked up for the first time: it is
 * as good as an address that was never tried.
 */
static void count_address(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	struct census *census = arg;
	const struct targets *targets = census->relay->targets;
	bool up = health ? health_is_up(health) : targets_is_unknown(targets, target, backup);

	if (target != census->last) {
		census->tiers[backup].count++;
		census->last_is_up = false;
		census->last = target;
	}
	if (up && !census->last_is_up)
		census->tiers[backup].up++;
	census->last_is_up |= up;
}

static struct census take_census(const struct relay *relay)
{
	struct census census = {.relay = relay};

	targets_each_health(relay->targets, count_address, &census);
	return census;
}

void outages_count(const struct outages *outages, size_t *count, size_t *down)
{
	*count = *down = 0;
	for (size_t i = 0; outages && outages->generation && i < outages->generation->relay_count; i++) {
		const struct census census = take_census(outages->generation->relays[i]);

		for (int t = 0; t < 2; t++) {
			*count += census.tiers[t].count;
			*down += census.tiers[t].count - census.tiers[t].up;
		}
	}
}

/* ---- lines ---- */

struct review {
	const struct relay *relay;
	struct census census;
	bool left_out; /* a line */
};

#define TARGET_TEXT_MAX  (2 * ADDRESS_TEXT_MAX)
#define BACKUPS_TEXT_MAX 64

/* " and 1 of 2 backups", if there are any */
static const char *describe_backups(const struct tier *backups, char text[BACKUPS_TEXT_MAX])
{
	text[0] = '\0';
	if (backups->count > 0)
		snprintf(text, BACKUPS_TEXT_MAX, " and %zu of %zu backups", backups->up, backups->count);
	return text;
}

/* "10.0.0.2:5432", or "db.example:5432 at 10.0.0.2:5432" */
static const char *describe(const struct config_target *target, const struct health *health,
                            char text[TARGET_TEXT_MAX])
{
	const struct endpoint *endpoint = health_endpoint(health);
	char name[ADDRESS_TEXT_MAX], address[ADDRESS_TEXT_MAX];

	endpoint_format(&endpoint->any, endpoint->length, address);
	if (target->address.kind == ADDRESS_NAME)
		snprintf(text, TARGET_TEXT_MAX, "%s at %s", address_format(&target->address, name), address);
	else
		snprintf(text, TARGET_TEXT_MAX, "%s", address);
	return text;
}

static void say_down(const struct review *review, const char *target, const struct health_view *view)
{
	const struct tier *targets = &review->census.tiers[false], *backups = &review->census.tiers[true];
	char text[BACKUPS_TEXT_MAX];

	log_warning("relay %s: target %s is down: %s (%" PRIu64
	            " %s%s failed in a row); %zu of %zu targets%s are up",
	            review->relay->config->name, target, targets_error_text(view->why), view->in_a_row,
	            view->by_checks ? "check" : "connect", view->in_a_row == 1 ? "" : "s", targets->up,
	            targets->count, describe_backups(backups, text));
}

static void say_up(const struct review *review, const char *target, uint64_t down)
{
	const struct tier *targets = &review->census.tiers[false], *backups = &review->census.tiers[true];
	char text[BACKUPS_TEXT_MAX];

	log_notice("relay %s: target %s is up again after %" PRIu64 " s; %zu of %zu targets%s are up",
	           review->relay->config->name, target, (clock_ms() - down) / 1000, targets->up,
	           targets->count, describe_backups(backups, text));
}

static void review_address(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	struct review *review = arg;
	struct health_view view;
	struct episode *outage;
	char text[TARGET_TEXT_MAX];

	(void)backup;
	if (!health)
		return;
	health_look(health, &view);
	outage = health_outage(health);
	/* If it has come and gone since the log said that it was down, that counts. */
	if (view.state == HEALTH_UP && episode_end(outage))
		say_up(review, describe(target, health, text), min_u64(outage->logged, view.down));
	else if (view.state != HEALTH_UP && episode_begin(outage, EPISODE_INTERVAL_MS))
		say_down(review, describe(target, health, text), &view);
	review->left_out |= view.state != HEALTH_UP && !outage->told;
}

/* Without memory for the timer, a line that was left out follows with the next one. */
static size_t review_relay(struct outages *outages, const struct relay *relay)
{
	const struct timeval later = clock_timeval(EPISODE_INTERVAL_MS);
	struct review review = {.relay = relay, .census = take_census(relay)};

	targets_each_health(relay->targets, review_address, &review);
	if (review.left_out && !event_pending(outages->timer, EV_TIMEOUT, NULL))
		event_add(outages->timer, &later);
	return review.census.tiers[false].up + review.census.tiers[true].up;
}

/* ---- news ---- */

static void take_news(void *arg, struct message *message)
{
	struct outages *outages = arg;

	(void)message;
	for (size_t i = 0; outages->generation && i < outages->generation->relay_count; i++) {
		const struct relay *relay = outages->generation->relays[i];

		if (healths_take_changed(&relay->standing->healths))
			outages->changed(outages->arg, relay, review_relay(outages, relay));
	}
}

EVENT_CALLBACK(on_later, struct outages, outages)
{
	for (size_t i = 0; outages->generation && i < outages->generation->relay_count; i++)
		(void)review_relay(outages, outages->generation->relays[i]);
}

void outages_set_generation(struct outages *outages, const struct generation *generation)
{
	outages->generation = generation;
}

/* ---- life ---- */

struct outages *outages_new(struct event_base *base, outages_changed *changed, void *arg)
{
	struct outages *outages = calloc(1, sizeof(*outages));

	if (!outages)
		return NULL;
	outages->changed = changed;
	outages->arg = arg;
	outages->mailbox.fd = -1;
	outages->timer = event_new(base, -1, 0, on_later, outages);
	if (outages->timer && mailbox_open(&outages->mailbox, base, take_news, outages) == 0)
		return outages;
	outages_free(outages);
	return NULL;
}

void outages_free(struct outages *outages)
{
	if (!outages)
		return;
	evloop_free_event(outages->timer);
	mailbox_close(&outages->mailbox);
	free(outages);
}

struct mailbox *outages_mailbox(struct outages *outages)
{
	return &outages->mailbox;
}
