#include "build_config.h"

#include "relay/standing_state.h"

#include "relay/health_state.h"
#include "report/state_episode.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct standing_record {
	char name[RELAY_NAME_MAX + 1];
	/* The limits and rules in force: its configuration may have none of this name any more. */
	uint64_t max_connections, max_connections_per_source;
	uint64_t fail_limit, fail_time, check_rise, check_fall, slow_start;
	bool checked;
	uint64_t rate[DIRECTIONS], relay_rate[DIRECTIONS];
	int64_t upload_line, download_line;
	uint64_t since;   /* damping */
	uint32_t clients; /* damping */
	struct episode_state damped, denied, is_short, unserved, refused, at_limit;
	uint64_t denials, last_denial;
	uint64_t refused_from, refused_until, let_in, put_off, pause;
	bool readdressed, changed;
	uint32_t news;
};

static const struct state_field standing_fields[] = {
        STATE_FIELD(struct standing_record, name, STATE_TEXT),
        STATE_FIELD(struct standing_record, max_connections, STATE_U64),
        STATE_FIELD(struct standing_record, max_connections_per_source, STATE_U64),
        STATE_FIELD(struct standing_record, fail_limit, STATE_U64),
        STATE_FIELD(struct standing_record, fail_time, STATE_U64),
        STATE_FIELD(struct standing_record, check_rise, STATE_U64),
        STATE_FIELD(struct standing_record, check_fall, STATE_U64),
        STATE_FIELD(struct standing_record, slow_start, STATE_U64),
        STATE_FIELD(struct standing_record, checked, STATE_BOOL),
        STATE_FIELD(struct standing_record, rate, STATE_U64),
        STATE_FIELD(struct standing_record, relay_rate, STATE_U64),
        STATE_FIELD(struct standing_record, upload_line, STATE_INT),
        STATE_FIELD(struct standing_record, download_line, STATE_INT),
        STATE_FIELD(struct standing_record, since, STATE_U64),
        STATE_FIELD(struct standing_record, clients, STATE_U32),
        STATE_EPISODE(struct standing_record, damped),
        STATE_EPISODE(struct standing_record, denied),
        STATE_EPISODE(struct standing_record, is_short),
        STATE_EPISODE(struct standing_record, unserved),
        STATE_EPISODE(struct standing_record, refused),
        STATE_EPISODE(struct standing_record, at_limit),
        STATE_FIELD(struct standing_record, denials, STATE_U64),
        STATE_FIELD(struct standing_record, last_denial, STATE_U64),
        STATE_FIELD(struct standing_record, refused_from, STATE_U64),
        STATE_FIELD(struct standing_record, refused_until, STATE_U64),
        STATE_FIELD(struct standing_record, let_in, STATE_U64),
        STATE_FIELD(struct standing_record, put_off, STATE_U64),
        STATE_FIELD(struct standing_record, pause, STATE_U64),
        STATE_FIELD(struct standing_record, readdressed, STATE_BOOL),
        STATE_FIELD(struct standing_record, changed, STATE_BOOL),
        STATE_FIELD(struct standing_record, news, STATE_U32),
        STATE_FIELDS_END,
};
STATE_COVERS(struct standing, 560);
STATE_COVERS(struct healths, 168);
static const struct state_kind standing_kind =
        STATE_KIND("standing", struct standing_record, standing_fields);

/* ---- the limits and rules of one ---- */

static void record_rules(const struct standing *standing, struct standing_record *record)
{
	const struct healths *healths = &standing->healths;

	record->max_connections = slots_max(&standing->slots);
	record->max_connections_per_source = origins_max(standing->origins);
	record->fail_limit = healths->fail_limit;
	record->fail_time = healths->fail_time;
	record->checked = healths->checked;
	record->check_rise = healths->check_rise;
	record->check_fall = healths->check_fall;
	record->slow_start = healths->slow_start;
	for (int i = 0; i < DIRECTIONS; i++) {
		record->rate[i] = standing->rates[i].of_pair;
		record->relay_rate[i] = standing->rates[i].of_all;
	}
}

/* A new standing with these. */
static struct standing *make(struct standings *standings, struct standing_record *record)
{
	struct config_relay config = {
	        .name = record->name,
	        .max_connections = record->max_connections,
	        .max_connections_per_source = record->max_connections_per_source,
	        .fail_limit = record->fail_limit,
	        .fail_time = record->fail_time,
	        .check_interval = record->checked,
	        .check_rise = record->check_rise,
	        .check_fall = record->check_fall,
	        .slow_start = record->slow_start,
	};

	memcpy(config.rate, record->rate, sizeof(config.rate));
	memcpy(config.relay_rate, record->relay_rate, sizeof(config.relay_rate));
	return standing_get(standings, &config);
}

/* ---- what has happened to it ---- */

static void record_events(const struct standing *standing, struct standing_record *record)
{
	const struct refusal *refusal = &standing->refusal;

	record->since = standing->damping.since;
	record->clients = standing->damping.clients;
	record->damped = episode_save(&standing->damping.told);
	record->denied = episode_save(&standing->denials.told);
	record->denials = standing->denials.count;
	record->last_denial = standing->denials.last;
	record->is_short = episode_save(&standing->is_short);
	record->unserved = episode_save(&standing->unserved);
	record->at_limit = episode_save(&standing->at_limit);
	record->refused = episode_save(&refusal->told);
	record->refused_from = refusal->from;
	record->refused_until = refusal->until;
	record->let_in = refusal->let_in;
	record->put_off = refusal->put_off;
	record->pause = refusal->pause.wait;
	record->readdressed = standing->readdressed;
	record->changed = standing->healths.changed;
	record->news = standing->news;
}

static void restore_refusal(struct refusal *refusal, const struct standing_record *record)
{
	episode_restore(&refusal->told, &record->refused);
	refusal->from = record->refused_from;
	refusal->until = record->refused_until;
	refusal->let_in = record->let_in;
	refusal->put_off = record->put_off;
	refusal->pause.wait = record->pause;
}

static void restore_events(struct standing *standing, const struct standing_record *record)
{
	standing->damping.since = record->since;
	standing->damping.clients = record->clients;
	episode_restore(&standing->damping.told, &record->damped);
	episode_restore(&standing->denials.told, &record->denied);
	standing->denials.count = record->denials;
	standing->denials.last = record->last_denial;
	episode_restore(&standing->is_short, &record->is_short);
	episode_restore(&standing->unserved, &record->unserved);
	episode_restore(&standing->at_limit, &record->at_limit);
	restore_refusal(&standing->refusal, record);
	standing->readdressed = record->readdressed;
	standing->news = record->news;
	if (record->changed)
		healths_tell_changed(&standing->healths);
}

/* ---- all ---- */

static void save(struct standing *standing, struct state_writer *writer)
{
	struct standing_record record = {
	        .upload_line = rate_line(&standing->rates[UPLOAD].all),
	        .download_line = rate_line(&standing->rates[DOWNLOAD].all),
	};

	snprintf(record.name, sizeof(record.name), "%s", standing->name);
	record_rules(standing, &record);
	record_events(standing, &record);
	state_put(writer, &standing_kind, &record);
	healths_save(&standing->healths, writer);
}

void standings_save(const struct standings *standings, struct state_writer *writer)
{
	for (size_t i = 0; i < standings->count; i++)
		if (standings->list[i])
			save(standings->list[i], writer);
}

static int restore(struct standings *standings, struct standing_record *record, struct state_reader *reader)
{
	struct standing *standing = make(standings, record);
	int error;

	if (!standing)
		return -ENOMEM;
	rate_restore(&standing->rates[UPLOAD].all, record->upload_line);
	rate_restore(&standing->rates[DOWNLOAD].all, record->download_line);
	error = healths_restore(&standing->healths, reader);
	restore_events(standing, record);
	standing_put(standing);
	return error;
}

int standings_restore(struct standings *standings, struct state_reader *reader)
{
	struct standing_record record;
	int error = 0;

	standings_hold(standings);
	while (!error && state_is_next(reader, &standing_kind)) {
		if (!state_get(reader, &standing_kind, &record))
			return -EPROTO;
		if (record.name[0] == '\0' || standings_find(standings, record.name))
			return state_fail(reader, "the name of another relay was expected");
		error = restore(standings, &record, reader);
	}
	return error ? error : state_result(reader);
}
