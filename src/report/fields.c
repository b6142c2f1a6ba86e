#include "build_config.h"

#include "report/fields.h"

#include "base/printable.h"

#include <string.h>
#include <time.h>

static const struct field process_fields[] = {
        {"version", FIELD_STRING, offsetof(struct process_record, version)},
        {"pid", FIELD_SMALL, offsetof(struct process_record, pid)},
        {"time", FIELD_TIME, offsetof(struct process_record, time)},
        {"uptime_ms", FIELD_NUMBER, offsetof(struct process_record, uptime_ms)},
        {"workers", FIELD_SMALL, offsetof(struct process_record, workers)},
        {"pairs", FIELD_NUMBER, offsetof(struct process_record, pairs)},
        {"used", FIELD_NUMBER, offsetof(struct process_record, used)},
        {"memory_max", FIELD_NUMBER, offsetof(struct process_record, memory_max)},
        {"takeovers", FIELD_NUMBER, offsetof(struct process_record, takeovers)},
        {"takeover_failures", FIELD_NUMBER, offsetof(struct process_record, takeover_failures)},
        {.name = NULL},
};

static const struct field relay_fields[] = {
        {"name", FIELD_STRING, offsetof(struct relay_record, name)},
        {"pairs", FIELD_NUMBER, offsetof(struct relay_record, pairs)},
        {"accepted", FIELD_NUMBER, offsetof(struct relay_record, counters.accepted)},
        {"refused", FIELD_NUMBER, offsetof(struct relay_record, counters.refused)},
        {"connect_failed", FIELD_NUMBER, offsetof(struct relay_record, counters.connect_failed)},
        {"upload_bytes", FIELD_NUMBER, offsetof(struct relay_record, counters.bytes[UPLOAD])},
        {"download_bytes", FIELD_NUMBER, offsetof(struct relay_record, counters.bytes[DOWNLOAD])},
        {"pauses", FIELD_SUM, offsetof(struct relay_record, counters.pauses)},
        {"paused_ms", FIELD_SUM, offsetof(struct relay_record, counters.paused_ms)},
        {"shortages", FIELD_NUMBER, offsetof(struct relay_record, counters.shortages)},
        {"denied", FIELD_NUMBER, offsetof(struct relay_record, counters.closed[REASON_DENIED])},
        {"state", FIELD_RELAY_STATE, offsetof(struct relay_record, state)},
        {"upload_queued", FIELD_NUMBER, offsetof(struct relay_record, queued[UPLOAD])},
        {"download_queued", FIELD_NUMBER, offsetof(struct relay_record, queued[DOWNLOAD])},
        {"upload_longest", FIELD_NUMBER, offsetof(struct relay_record, longest[UPLOAD])},
        {"download_longest", FIELD_NUMBER, offsetof(struct relay_record, longest[DOWNLOAD])},
        {"upload_high", FIELD_NUMBER, offsetof(struct relay_record, limits[UPLOAD].high)},
        {"download_high", FIELD_NUMBER, offsetof(struct relay_record, limits[DOWNLOAD].high)},
        {"upload_low", FIELD_NUMBER, offsetof(struct relay_record, limits[UPLOAD].low)},
        {"download_low", FIELD_NUMBER, offsetof(struct relay_record, limits[DOWNLOAD].low)},
        {"waited_client_ms", FIELD_US, offsetof(struct relay_record, counters.waited_us[UPLOAD])},
        {"waited_target_ms", FIELD_US, offsetof(struct relay_record, counters.waited_us[DOWNLOAD])},
        {"slow_client", FIELD_VERDICTS, offsetof(struct relay_record, verdicts[BLAME_CLIENT])},
        {"slow_target", FIELD_VERDICTS, offsetof(struct relay_record, verdicts[BLAME_TARGET])},
        {"slow_relay", FIELD_VERDICTS, offsetof(struct relay_record, verdicts[BLAME_RELAY])},
        {.name = NULL},
};

static const struct field target_fields[] = {
        {"relay", FIELD_STRING, offsetof(struct target_record, relay)},
        {"target", FIELD_STRING, offsetof(struct target_record, target)},
        {"address", FIELD_ENDPOINT, offsetof(struct target_record, address)},
        {"backup", FIELD_YES_NO, offsetof(struct target_record, backup)},
        {"state", FIELD_TARGET_STATE, offsetof(struct target_record, state)},
        {"weight", FIELD_NUMBER, offsetof(struct target_record, weight)},
        {"pairs", FIELD_NUMBER, offsetof(struct target_record, pairs)},
        {"connects", FIELD_NUMBER, offsetof(struct target_record, connects)},
        {"failures", FIELD_NUMBER, offsetof(struct target_record, failures)},
        {"last_error", FIELD_ERROR, offsetof(struct target_record, last_error)},
        {"since_ms", FIELD_NUMBER, offsetof(struct target_record, since_ms)},
        {"checks", FIELD_NUMBER, offsetof(struct target_record, checks)},
        {"check_failures", FIELD_NUMBER, offsetof(struct target_record, check_failures)},
        {.name = NULL},
};

static const struct field pair_fields[] = {
        {"id", FIELD_NUMBER, offsetof(struct pair_record, id)},
        {"relay", FIELD_STRING, offsetof(struct pair_record, relay)},
        {"worker", FIELD_SMALL, offsetof(struct pair_record, worker)},
        {"state", FIELD_STATE, offsetof(struct pair_record, state)},
        {"client", FIELD_CLIENT, offsetof(struct pair_record, client)},
        {"target", FIELD_PLACED, offsetof(struct pair_record, target)},
        {"age_ms", FIELD_NUMBER, offsetof(struct pair_record, age_ms)},
        {"idle_ms", FIELD_NUMBER, offsetof(struct pair_record, idle_ms)},
        {"via", FIELD_CLIENT, offsetof(struct pair_record, via)},
        {"slow", FIELD_BLAME, offsetof(struct pair_record, verdict.slow)},
        {"why", FIELD_WHY, offsetof(struct pair_record, verdict.why)},
        {"since_ms", FIELD_NUMBER, offsetof(struct pair_record, since_ms)},
        {"last_from", FIELD_SPEAKER, offsetof(struct pair_record, last_from)},
        {"waited_client", FIELD_NUMBER, offsetof(struct pair_record, waited_client)},
        {"waited_target", FIELD_NUMBER, offsetof(struct pair_record, waited_target)},
        {.name = NULL},
};

static const struct field flow_fields[] = {
        {"pair", FIELD_NUMBER, offsetof(struct flow_line, pair)},
        {"direction", FIELD_DIRECTION, offsetof(struct flow_line, direction)},
        {"queued", FIELD_NUMBER, offsetof(struct flow_line, flow.queued)},
        {"peak", FIELD_NUMBER, offsetof(struct flow_line, flow.peak)},
        {"high", FIELD_NUMBER, offsetof(struct flow_line, flow.high)},
        {"low", FIELD_NUMBER, offsetof(struct flow_line, flow.low)},
        {"reading", FIELD_READING, offsetof(struct flow_line, flow.reading)},
        {"pauses", FIELD_NUMBER, offsetof(struct flow_line, flow.pauses)},
        {"paused_ms", FIELD_NUMBER, offsetof(struct flow_line, flow.paused_ms)},
        {"longest_pause_ms", FIELD_NUMBER, offsetof(struct flow_line, flow.longest_pause_ms)},
        {"bytes", FIELD_NUMBER, offsetof(struct flow_line, flow.bytes)},
        {"source_queue", FIELD_NUMBER, offsetof(struct flow_line, flow.source_queue)},
        {"sink_queue", FIELD_NUMBER, offsetof(struct flow_line, flow.sink_queue)},
        {"limited_by", FIELD_BLAME, offsetof(struct flow_line, flow.limited_by)},
        {"unanswered_ms", FIELD_NUMBER, offsetof(struct flow_line, flow.unanswered_ms)},
        {"paused", FIELD_NUMBER, offsetof(struct flow_line, flow.paused)},
        {"lag_ms", FIELD_NUMBER, offsetof(struct flow_line, flow.lag_ms)},
        {"rtt_us", FIELD_NUMBER, offsetof(struct flow_line, flow.rtt_us)},
        {"rwnd", FIELD_NUMBER, offsetof(struct flow_line, flow.rwnd)},
        {"retrans", FIELD_NUMBER, offsetof(struct flow_line, flow.retrans)},
        {.name = NULL},
};

static const struct field end_fields[] = {
        {"pairs", FIELD_NUMBER, offsetof(struct end_line, pairs)},
        {.name = NULL},
};

const struct kind process_kind = {"weir", process_fields};
const struct kind relay_kind = {"relay", relay_fields};
const struct kind target_kind = {"target", target_fields};
const struct kind pair_kind = {"pair", pair_fields};
const struct kind flow_kind = {"flow", flow_fields};
const struct kind end_kind = {"end", end_fields};

static const char *state_word(enum pair_state state)
{
	switch (state) {
	case STATE_WAITING:
		return "waiting";
	case STATE_CONNECTING:
		return "connecting";
	case STATE_OPEN:
		return "open";
	case STATE_HALF_CLOSED:
		return "half_closed";
	case STATE_CLOSING:
		return "closing";
	}
	return "-";
}

static const char *direction_word(enum direction direction)
{
	return direction == UPLOAD ? "upload" : "download";
}

static const char *reading_word(enum reading reading)
{
	switch (reading) {
	case READING_WAITING:
		return "waiting";
	case READING_ON:
		return "on";
	case READING_PAUSED:
		return "paused";
	case READING_ENDED:
		return "ended";
	}
	return "-";
}

const char *blame_word(enum blame blame)
{
	static const char *const words[BLAMES] = {
	        [BLAME_NONE] = "none",
	        [BLAME_CLIENT] = "client",
	        [BLAME_TARGET] = "target",
	        [BLAME_RELAY] = "relay",
	};

	return words[blame];
}

/* Nobody has spoken if it is none. */
static const char *speaker_word(enum blame speaker)
{
	return speaker == BLAME_NONE ? "-" : blame_word(speaker);
}

const char *why_word(enum why why)
{
	static const char *const words[WHYS] = {
	        [WHY_IDLE] = "idle",
	        [WHY_READING] = "reading",
	        [WHY_PATH] = "path",
	        [WHY_SENDING] = "sending",
	        [WHY_ANSWER] = "answer",
	        [WHY_THINKING] = "thinking",
	        [WHY_CONNECTING] = "connecting",
	        [WHY_MEMORY] = "memory",
	        [WHY_RATE] = "rate",
	        [WHY_BUFFER] = "buffer",
	        [WHY_CPU] = "cpu",
	        [WHY_UNANSWERED] = "unanswered",
	};

	return words[why];
}

static const char *relay_state_word(enum relay_state state)
{
	return state == RELAY_ACTIVE ? "active" : "removed";
}

const char *target_state_word(enum target_state state)
{
	switch (state) {
	case TARGET_UP:
		return "up";
	case TARGET_DOWN:
		return "down";
	case TARGET_TRYING:
		return "trying";
	}
	return "-";
}

/* The name of errno(3), such as ECONNREFUSED. */
static const char *error_word(int error)
{
	const char *name = error ? strerrorname_np(-error) : NULL;

	return name ? name : "-";
}

/*
 * One word of printable ASCII, whatever text is. This way a name can neither forge a field nor break JSON.
 * "-" if text is empty or NULL.
 */
static const char *string_word(const char *text, char buf[VALUE_WORD_MAX])
{
	size_t length = text ? strnlen(text, VALUE_WORD_MAX - 1) : 0;

	if (length == 0)
		return "-";
	memcpy(buf, text, length);
	buf[length] = '\0';
	printable_word(buf, length);
	return buf;
}

static const char *endpoint_word(const struct endpoint *endpoint, char buf[VALUE_WORD_MAX])
{
	return endpoint ? endpoint_format(&endpoint->any, endpoint->length, buf) : "-";
}

static const char *client_word(const union client_address *client, char buf[VALUE_WORD_MAX])
{
	return client->any.sa_family == AF_UNSPEC ? "-" : client_address_format(client, buf);
}

static const char *placed_word(const struct placed_endpoint *placed, char buf[VALUE_WORD_MAX])
{
	struct endpoint endpoint;

	if (!placed->first)
		return "-";
	endpoint = endpoint_at_place(placed->first, placed->place);
	return endpoint_word(&endpoint, buf);
}

static const char *time_word(int64_t seconds, char buf[VALUE_WORD_MAX])
{
	time_t when = (time_t)seconds;
	struct tm utc = {0};

	gmtime_r(&when, &utc);
	strftime(buf, VALUE_WORD_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return buf;
}

/* Of a type with a few words of its own. */
static const char *choice_word(enum field_type type, const void *at)
{
	switch (type) {
	case FIELD_YES_NO:
		return *(const bool *)at ? "yes" : "no";
	case FIELD_STATE:
		return state_word(*(const enum pair_state *)at);
	case FIELD_DIRECTION:
		return direction_word(*(const enum direction *)at);
	case FIELD_READING:
		return reading_word(*(const enum reading *)at);
	case FIELD_BLAME:
		return blame_word(*(const enum blame *)at);
	case FIELD_SPEAKER:
		return speaker_word(*(const enum blame *)at);
	case FIELD_WHY:
		return why_word(*(const enum why *)at);
	case FIELD_RELAY_STATE:
		return relay_state_word(*(const enum relay_state *)at);
	case FIELD_TARGET_STATE:
		return target_state_word(*(const enum target_state *)at);
	default:
		return "-";
	}
}

static uint64_t sum(const uint64_t number[DIRECTIONS])
{
	return number[UPLOAD] + number[DOWNLOAD];
}

static uint64_t count_pairs(const uint32_t by_why[WHYS])
{
	uint64_t pairs = 0;

	for (int why = 0; why < WHYS; why++)
		pairs += by_why[why];
	return pairs;
}

void field_get(const struct field *field, const void *record, struct value *value)
{
	const void *at = (const char *)record + field->offset;

	value->word = NULL;
	value->unknown = false;
	switch (field->type) {
	case FIELD_NUMBER:
		value->number = *(const uint64_t *)at;
		value->unknown = value->number == RECORD_UNKNOWN;
		value->word = value->unknown ? "-" : NULL;
		break;
	case FIELD_US:
		value->number = *(const uint64_t *)at / 1000;
		break;
	case FIELD_SUM:
		value->number = sum(at);
		break;
	case FIELD_VERDICTS:
		value->number = count_pairs(at);
		break;
	case FIELD_SMALL:
		value->number = *(const unsigned *)at;
		break;
	case FIELD_TIME:
		value->word = time_word(*(const int64_t *)at, value->buf);
		break;
	case FIELD_STRING:
		value->word = string_word(*(const char *const *)at, value->buf);
		break;
	case FIELD_CLIENT:
		value->word = client_word(at, value->buf);
		break;
	case FIELD_ENDPOINT:
		value->word = endpoint_word(*(const struct endpoint *const *)at, value->buf);
		break;
	case FIELD_PLACED:
		value->word = placed_word(at, value->buf);
		break;
	case FIELD_ERROR:
		value->word = error_word(*(const int *)at);
		break;
	default:
		value->word = choice_word(field->type, at);
	}
}
