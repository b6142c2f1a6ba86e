#include "build_config.h"

#include "daemon/target_records.h"

#include "base/clock.h"

#include <errno.h>

struct listing {
	struct report *report;
	const char *relay; /* of the report */
	const struct healths *healths;
	size_t first; /* target of that relay in the report */
	int error;
};

static enum target_state state_of(const struct health_view *view)
{
	switch (view->state) {
	case HEALTH_UP:
		return TARGET_UP;
	case HEALTH_TRYING:
		return TARGET_TRYING;
	default:
		return TARGET_DOWN;
	}
}

static struct target_record describe_health(struct health *health)
{
	struct health_view view;

	health_look(health, &view);
	return (struct target_record){
	        .label = label_get(health_target(health)),
	        .addresses = address_list_get(health_address(health)),
	        .address = health_endpoint(health),
	        .state = state_of(&view),
	        .pairs = view.pairs,
	        .connects = view.connects,
	        .failures = view.failures,
	        .last_error = view.last_error,
	        .since_ms = clock_ms() - view.since,
	        .checks = view.checks,
	        .check_failures = view.check_failures,
	};
}

/* Its name has no address yet. */
static struct target_record describe_unknown(const struct config_target *target)
{
	char text[ADDRESS_TEXT_MAX];

	return (struct target_record){
	        .label = label_new(address_format(&target->address, text)),
	        .state = TARGET_DOWN,
	        .since_ms = RECORD_UNKNOWN,
	};
}

static void add_target(struct listing *listing, struct target_record *target)
{
	target->relay = listing->relay;
	target->target = target->label ? target->label->text : NULL;
	if (target->label)
		target->totals = healths_totals(listing->healths, target->label);
	if (report_add_target(listing->report, target) < 0)
		listing->error = -ENOMEM;
}

static void list_target(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	struct listing *listing = arg;
	struct target_record record = health ? describe_health(health) : describe_unknown(target);

	record.backup = backup;
	record.weight = target->weight;
	add_target(listing, &record);
}

static bool is_listed(const struct listing *listing, const struct health *health)
{
	const struct report *report = listing->report;

	for (size_t i = listing->first; i < report->target_count; i++)
		if (report->targets[i].addresses == health_address(health))
			return true;
	return false;
}

/* It gets no new clients, because of a reload or a look-up, but those that it has go on. */
static void list_if_left(void *arg, struct health *health)
{
	struct listing *listing = arg;
	struct target_record record;

	if (health_pairs(health) == 0 || is_listed(listing, health))
		return;
	record = describe_health(health);
	add_target(listing, &record);
}

int target_records_add(struct report *report, struct standing *standing, struct targets *targets)
{
	struct listing listing = {
	        .report = report,
	        .relay = standing->label->text,
	        .healths = &standing->healths,
	        .first = report->target_count,
	};

	if (targets)
		targets_each_health(targets, list_target, &listing);
	healths_each(&standing->healths, list_if_left, &listing);
	return listing.error;
}
