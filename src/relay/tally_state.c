/* What each worker knows about relays, from one program to the next. */
#include "build_config.h"

#include "base/number.h"
#include "relay/standing_state.h"
#include "report/reason.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct tally_record {
	char relay[RELAY_NAME_MAX + 1];
	uint32_t worker;
	uint64_t accepted, refused, connect_failed;
	uint64_t moved[DIRECTIONS], pauses[DIRECTIONS], paused_ms[DIRECTIONS];
	uint64_t shortages;
	uint64_t waited_us[DIRECTIONS];
	int shortage;
	uint64_t shortage_until;
	struct endpoint shortage_of;
	bool damped;
	uint64_t last_client, second; /* damper */
	uint32_t lines;
	uint64_t left_out;
};

static const struct state_field tally_fields[] = {
        STATE_FIELD(struct tally_record, relay, STATE_TEXT),
        STATE_FIELD(struct tally_record, worker, STATE_U32),
        STATE_FIELD(struct tally_record, accepted, STATE_U64),
        STATE_FIELD(struct tally_record, refused, STATE_U64),
        STATE_FIELD(struct tally_record, connect_failed, STATE_U64),
        STATE_FIELD(struct tally_record, moved, STATE_U64),
        STATE_FIELD(struct tally_record, pauses, STATE_U64),
        STATE_FIELD(struct tally_record, paused_ms, STATE_U64),
        STATE_FIELD(struct tally_record, shortages, STATE_U64),
        STATE_FIELD(struct tally_record, waited_us, STATE_U64),
        STATE_FIELD(struct tally_record, shortage, STATE_INT),
        STATE_FIELD(struct tally_record, shortage_until, STATE_U64),
        STATE_FIELD(struct tally_record, shortage_of, STATE_ENDPOINT),
        STATE_FIELD(struct tally_record, damped, STATE_BOOL),
        STATE_FIELD(struct tally_record, last_client, STATE_U64),
        STATE_FIELD(struct tally_record, second, STATE_U64),
        STATE_FIELD(struct tally_record, lines, STATE_U32),
        STATE_FIELD(struct tally_record, left_out, STATE_U64),
        STATE_FIELDS_END,
};
STATE_COVERS(struct tally, 488);
static const struct state_kind tally_kind = STATE_KIND("tally", struct tally_record, tally_fields);

/* Pairs that have ended, of the tally before. By name: another program may know more reasons. */
struct ended_record {
	char reason[32];
	uint64_t pairs;
};

static const struct state_field ended_fields[] = {
        STATE_FIELD(struct ended_record, reason, STATE_TEXT),
        STATE_FIELD(struct ended_record, pairs, STATE_U64),
        STATE_FIELDS_END,
};
static const struct state_kind ended_kind = STATE_KIND("ended", struct ended_record, ended_fields);

/* ---- saving ---- */

static void record_counters(const struct counters *counters, struct tally_record *record)
{
	record->accepted = counters->accepted;
	record->refused = counters->refused;
	record->connect_failed = counters->connect_failed;
	record->shortages = counters->shortages;
	memcpy(record->moved, counters->bytes, sizeof(record->moved));
	memcpy(record->pauses, counters->pauses, sizeof(record->pauses));
	memcpy(record->paused_ms, counters->paused_ms, sizeof(record->paused_ms));
	memcpy(record->waited_us, counters->waited_us, sizeof(record->waited_us));
}

static void save(const struct standing *standing, unsigned worker, struct state_writer *writer)
{
	const struct tally *tally = &standing->tallies[worker];
	struct tally_record record = {
	        .worker = worker,
	        .shortage = tally->shortage.error,
	        .shortage_until = tally->shortage.until,
	        .shortage_of = tally->shortage.endpoint,
	        .damped = tally->damper.on,
	        .last_client = tally->damper.last,
	        .second = tally->damper.second,
	        .lines = tally->damper.lines,
	        .left_out = tally->damper.left_out,
	};

	snprintf(record.relay, sizeof(record.relay), "%s", standing->name);
	record_counters(&tally->counters, &record);
	state_put(writer, &tally_kind, &record);
	for (int reason = 0; reason < REASONS; reason++) {
		struct ended_record ended = {.pairs = tally->counters.closed[reason]};

		snprintf(ended.reason, sizeof(ended.reason), "%s", reasons[reason].name);
		if (ended.pairs > 0)
			state_put(writer, &ended_kind, &ended);
	}
}

void tallies_save(const struct standings *standings, unsigned worker, struct state_writer *writer)
{
	for (size_t i = 0; i < standings->count; i++)
		if (standings->list[i])
			save(standings->list[i], worker, writer);
}

/* ---- restoring ---- */

static void add_both(uint64_t sum[DIRECTIONS], const uint64_t more[DIRECTIONS])
{
	sum[UPLOAD] += more[UPLOAD];
	sum[DOWNLOAD] += more[DOWNLOAD];
}

static void add_counters(struct counters *counters, const struct tally_record *record)
{
	counters->accepted += record->accepted;
	counters->refused += record->refused;
	counters->connect_failed += record->connect_failed;
	counters->shortages += record->shortages;
	add_both(counters->bytes, record->moved);
	add_both(counters->pauses, record->pauses);
	add_both(counters->paused_ms, record->paused_ms);
	add_both(counters->waited_us, record->waited_us);
}

/* Of several shortages, the one that lasts longest. */
static void add_shortage(struct shortage *shortage, const struct tally_record *record)
{
	if (record->shortage_until <= shortage->until)
		return;
	shortage->error = record->shortage;
	shortage->until = record->shortage_until;
	shortage->endpoint = record->shortage_of;
}

static void add_damper(struct damper *damper, const struct tally_record *record)
{
	damper->on |= record->damped;
	damper->last = max_u64(damper->last, record->last_client);
	damper->second = max_u64(damper->second, record->second);
	damper->lines += record->lines;
	damper->left_out += record->left_out;
}

static bool add_ended(struct counters *counters, const struct ended_record *ended)
{
	for (int reason = 0; reason < REASONS; reason++) {
		if (strcmp(reasons[reason].name, ended->reason) != 0)
			continue;
		counters->closed[reason] += ended->pairs;
		return true;
	}
	return false;
}

static bool restore(struct standings *standings, struct state_reader *reader)
{
	struct tally_record record;
	struct ended_record ended;
	struct standing *standing;
	struct tally *tally;

	if (!state_get(reader, &tally_kind, &record))
		return false;
	standing = standings_find(standings, record.relay);
	if (!standing) {
		state_fail(reader, "the name of a relay was expected");
		return false;
	}
	tally = &standing->tallies[record.worker % standings->workers];
	add_counters(&tally->counters, &record);
	add_shortage(&tally->shortage, &record);
	add_damper(&tally->damper, &record);
	while (state_is_next(reader, &ended_kind)) {
		if (state_get(reader, &ended_kind, &ended) && !add_ended(&tally->counters, &ended))
			state_fail(reader, "a reason was expected");
	}
	return !state_error(reader);
}

int tallies_restore(struct standings *standings, struct state_reader *reader)
{
	while (state_is_next(reader, &tally_kind))
		if (!restore(standings, reader))
			break;
	return state_result(reader);
}
