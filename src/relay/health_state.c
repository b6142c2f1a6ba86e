#include "build_config.h"

#include "relay/health_state.h"

#include "base/number.h"
#include "relay/health_private.h"
#include "report/state_episode.h"

#include <errno.h>
#include <stdio.h>

struct health_record {
	char target[ADDRESS_TEXT_MAX];
	struct endpoint endpoint;
	uint64_t connects, failures, checks, check_failures;
	int last_error;
	uint32_t state, failed;
	uint64_t since, down, place, failed_at, checks_apart;
	int why;
	uint64_t in_a_row;
	bool by_checks;
	uint64_t next_check, unheld;
	struct episode_state outage;
	struct target_totals gone; /* what forgotten ones of its target have counted; in its first one */
};

static const struct state_field fields[] = {
        STATE_FIELD(struct health_record, target, STATE_TEXT),
        STATE_FIELD(struct health_record, endpoint, STATE_ENDPOINT),
        STATE_FIELD(struct health_record, connects, STATE_U64),
        STATE_FIELD(struct health_record, failures, STATE_U64),
        STATE_FIELD(struct health_record, checks, STATE_U64),
        STATE_FIELD(struct health_record, check_failures, STATE_U64),
        STATE_FIELD(struct health_record, last_error, STATE_INT),
        STATE_FIELD(struct health_record, state, STATE_U32),
        STATE_FIELD(struct health_record, failed, STATE_U32),
        STATE_FIELD(struct health_record, since, STATE_U64),
        STATE_FIELD(struct health_record, down, STATE_U64),
        STATE_FIELD(struct health_record, place, STATE_U64),
        STATE_FIELD(struct health_record, failed_at, STATE_U64),
        STATE_FIELD(struct health_record, checks_apart, STATE_U64),
        STATE_FIELD(struct health_record, why, STATE_INT),
        STATE_FIELD(struct health_record, in_a_row, STATE_U64),
        STATE_FIELD(struct health_record, by_checks, STATE_BOOL),
        STATE_FIELD(struct health_record, next_check, STATE_U64),
        STATE_FIELD(struct health_record, unheld, STATE_U64),
        STATE_EPISODE(struct health_record, outage),
        STATE_NAMED("gone_connects", struct health_record, gone.connects, STATE_U64),
        STATE_NAMED("gone_failures", struct health_record, gone.failures, STATE_U64),
        STATE_NAMED("gone_checks", struct health_record, gone.checks, STATE_U64),
        STATE_NAMED("gone_check_failures", struct health_record, gone.check_failures, STATE_U64),
        STATE_FIELDS_END,
};
STATE_COVERS(struct health, 232);
STATE_COVERS(struct health_group, 48);
static const struct state_kind health_kind = STATE_KIND("health", struct health_record, fields);

/* With the lock held. */
static void record_health(const struct health *health, struct health_record *record)
{
	*record = (struct health_record){
	        .endpoint = *health->endpoint,
	        .connects = health->connects,
	        .failures = health->failures,
	        .checks = health->checks,
	        .check_failures = health->check_failures,
	        .last_error = health->last_error,
	        .state = health->state,
	        .failed = health->failed,
	        .since = health->since,
	        .down = health->down,
	        .place = health->place,
	        .failed_at = health->failed_at,
	        .checks_apart = health->checks_apart,
	        .why = health->why,
	        .in_a_row = health->in_a_row,
	        .by_checks = health->by_checks,
	        .next_check = health->next_check,
	        .unheld = health->unheld,
	        .outage = episode_save(&health->outage),
	};
	snprintf(record->target, sizeof(record->target), "%s", health->target->text);
	if (LIST_FIRST(&health->group->members) == health)
		record->gone = health->group->forgotten;
}

void healths_save(struct healths *healths, struct state_writer *writer)
{
	struct health_record record;
	struct health *health;

	TAILQ_FOREACH(health, &healths->list, entry)
	{
		healths_lock(healths);
		record_health(health, &record);
		healths_unlock(healths);
		state_put(writer, &health_kind, &record);
	}
}

/*
 * A place is never given out twice. Where somebody tries it, choice_restore says so: if that pair is lost,
 * the next one tries.
 */
static void restore(struct health *health, const struct health_record *record)
{
	struct healths *healths = health->healths;

	health->connects = record->connects;
	health->failures = record->failures;
	health->checks = record->checks;
	health->check_failures = record->check_failures;
	health->last_error = record->last_error;
	health->state = record->state == HEALTH_TRYING ? HEALTH_DOWN : (enum health_state)record->state;
	health->failed = record->failed;
	health->since = record->since;
	health->down = record->down;
	health->place = record->place;
	healths->places = max_u64(healths->places, record->place);
	health->failed_at = record->failed_at;
	health->checks_apart = record->checks_apart;
	health->why = record->why;
	health->in_a_row = record->in_a_row;
	health->by_checks = record->by_checks;
	health->next_check = record->next_check;
	health->unheld = record->unheld;
	episode_restore(&health->outage, &record->outage);
}

static void restore_group(struct health_group *group, const struct target_totals *gone)
{
	if (gone->connects + gone->failures + gone->checks + gone->check_failures > 0)
		group->forgotten = *gone;
}

static int restore_one(struct healths *healths, const struct health_record *record)
{
	struct label *target = label_new(record->target);
	struct health *health = NULL;

	healths_put_off_sweep(healths);
	if (target)
		health = healths_get(healths, target, &record->endpoint);
	label_put(target);
	if (!health)
		return -ENOMEM;
	restore(health, record);
	restore_group(health->group, &record->gone);
	health_put(health);
	return 0;
}

int healths_restore(struct healths *healths, struct state_reader *reader)
{
	struct health_record record;
	int error = 0;

	while (!error && state_is_next(reader, &health_kind)) {
		if (!state_get(reader, &health_kind, &record))
			return -EPROTO;
		if (record.state > HEALTH_TRYING || record.endpoint.length == 0)
			return state_fail(reader, "the address and state of a health were expected");
		error = restore_one(healths, &record);
	}
	return error ? error : state_result(reader);
}
