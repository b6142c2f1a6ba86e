/* What is reported about a pair: the close line, the relay's counters. */
#include "build_config.h"

#include "base/clock.h"
#include "base/log_line.h"
#include "pair/life.h"
#include "pair/pair_private.h"
#include "report/fields.h"

#include <stdio.h>
#include <string.h>

static const char *ended_first_name(const struct pair *pair, enum reason reason)
{
	if (pair->client.ended_first)
		return "client";
	if (pair->target.ended_first)
		return "target";
	return reason == REASON_CONNECT_FAILED || reason == REASON_CONNECT_TIMEOUT ? "none" : "relay";
}

static const char *format_target(const struct pair *pair, char text[ADDRESS_TEXT_MAX])
{
	const struct endpoint target = target_choice_endpoint(&pair->choice);

	return endpoint_format(&target.any, target.length, text);
}

static void add_peers(struct log_line *line, const struct pair *pair)
{
	char text[ADDRESS_TEXT_MAX];

	log_line_add(line, " relay=");
	log_line_add(line, pair->relay->config->name);
	log_line_add(line, " client=");
	log_line_add(line, client_address_format(&pair->ticket.client, text));
	log_line_add(line, " target=");
	log_line_add(line, pair->choice.health ? format_target(pair, text) : "-");
}

static void add_flows(struct log_line *line, const struct flow *up, const struct flow *down, uint64_t now)
{
	struct flow_pauses up_pauses = flow_pauses_until(up, now);
	struct flow_pauses down_pauses = flow_pauses_until(down, now);

	log_line_add_number(line, " upload_bytes=", up->bytes);
	log_line_add_number(line, " download_bytes=", down->bytes);
	log_line_add_number(line, " upload_peak=", up->peak);
	log_line_add_number(line, " download_peak=", down->peak);
	log_line_add_number(line, " upload_pauses=", up_pauses.count);
	log_line_add_number(line, " upload_paused_ms=", up_pauses.total_ms);
	log_line_add_number(line, " download_pauses=", down_pauses.count);
	log_line_add_number(line, " download_paused_ms=", down_pauses.total_ms);
	log_line_add_number(line, " dropped=", up->dropped + down->dropped);
}

static void add_waits(struct log_line *line, const struct life *life)
{
	struct verdict verdict = life_verdict(life);

	log_line_add_number(line, " waited_client_ms=", life_waited(life, SIDE_CLIENT) / 1000);
	log_line_add_number(line, " waited_target_ms=", life_waited(life, SIDE_TARGET) / 1000);
	log_line_add(line, " slow=");
	log_line_add(line, blame_word(verdict.slow));
	log_line_add(line, " why=");
	log_line_add(line, why_word(verdict.why));
}

/* What is wrong, as one word. */
static void add_fault(struct log_line *line, const char *wrong)
{
	char word[64], *blank;

	snprintf(word, sizeof(word), "%s", wrong);
	while ((blank = strchr(word, ' ')))
		*blank = '_';
	log_line_add(line, " header=");
	log_line_add(line, word);
}

/* What only clients with a PROXY header have. */
static void add_header(struct log_line *line, const struct pair *pair, enum reason reason)
{
	const struct arrival *arrival = pair->arrival;
	char text[ADDRESS_TEXT_MAX];

	if (arrival && pair->phase != PHASE_HEADER) {
		log_line_add(line, " via=");
		log_line_add(line, client_address_format(&arrival->via, text));
	}
	if (reason == REASON_BAD_PROXY_HEADER)
		add_fault(line, arrival->wrong ? arrival->wrong : "late");
}

/* A client that has sent nothing yet, as port scanners and health checks do, fills no log. */
static bool was_silent(const struct pair *pair)
{
	return pair->phase == PHASE_SILENT || (pair->phase == PHASE_HEADER && !pair->arrival->heard);
}

static enum log_level close_level(const struct pair *pair, enum reason reason)
{
	return was_silent(pair) && reason != REASON_OUT_OF_MEMORY ? LOG_LEVEL_DEBUG : reasons[reason].level;
}

static bool is_logged(const struct pair *pair, enum reason reason)
{
	const _Atomic bool *wanted = pair->set->log_connections;

	return wanted && atomic_load_explicit(wanted, memory_order_relaxed) &&
	       log_wants(close_level(pair, reason));
}

/* The one that is under way has been made as well. */
static uint64_t count_attempts(const struct pair *pair)
{
	return pair->attempts + (!pair_is_connected(pair) && pair->target.fd >= 0);
}

/* The sockets are open still. */
static void log_close(struct pair *pair, enum reason reason, uint64_t now_us,
                      const struct wait_totals *totals)
{
	uint64_t now = clock_ms_of(now_us);
	struct log_line line;
	struct life life;

	if (!is_logged(pair, reason))
		return;
	if (!pair_may_log_close(pair))
		return;
	life = pair_judge_life(pair, now_us, totals);
	line.length = 0; /* to clear all of it would take longer than to fill it */
	log_line_add_number(&line, "closed pair=", pair->id);
	add_peers(&line, pair);
	log_line_add_number(&line, " duration_ms=", now - pair->born);
	add_flows(&line, &pair->client.from, &pair->target.from, now);
	add_waits(&line, &life);
	log_line_add(&line, " ended_first=");
	log_line_add(&line, ended_first_name(pair, reason));
	log_line_add(&line, " reason=");
	log_line_add(&line, reasons[reason].name);
	log_line_add_number(&line, " attempts=", count_attempts(pair));
	add_header(&line, pair, reason);
	log_line_write(&line, close_level(pair, reason));
}

void pair_count(const struct pair *pair, uint64_t now, const struct wait_totals *totals,
                struct counters *counters)
{
	flow_count(&pair->client.from, UPLOAD, now, counters);
	flow_count(&pair->target.from, DOWNLOAD, now, counters);
	counters->waited_us[SIDE_CLIENT] += waits_for(totals, SIDE_CLIENT);
	counters->waited_us[SIDE_TARGET] += waits_for(totals, SIDE_TARGET);
}

static void count_close(struct pair *pair, enum reason reason, uint64_t now, const struct wait_totals *totals)
{
	struct counters *counters = pair_counters(pair);

	pair_count(pair, now, totals, counters);
	if (reason == REASON_DENIED) {
		pair_note_denied(pair->set, pair->relay, &pair->ticket.client);
		return;
	}
	counters->closed[reason]++;
	if (reason == REASON_CONNECT_FAILED || reason == REASON_CONNECT_TIMEOUT)
		counters->connect_failed++;
	else if (reason == REASON_OVER_LIMIT)
		counters->refused++;
}

void pair_report_close(struct pair *pair, enum reason reason)
{
	uint64_t now = clock_us();
	const struct wait_totals totals = pair_waits_totals(pair, now, true);

	log_close(pair, reason, now, &totals);
	count_close(pair, reason, clock_ms_of(now), &totals);
}

enum pair_state pair_state(const struct pair *pair)
{
	const struct peer *client = &pair->client, *target = &pair->target;

	if (pair_is_entering(pair))
		return STATE_WAITING;
	if (!pair_is_connected(pair))
		return STATE_CONNECTING;
	if (pair->phase != PHASE_OPEN)
		return STATE_CLOSING;
	if (client->from.source != SOURCE_OPEN || target->from.source != SOURCE_OPEN)
		return STATE_HALF_CLOSED;
	return STATE_OPEN;
}
