#include "build_config.h"

#include "report/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORD_MAX 256 /* a value's text, NUL included; what is longer is cut */

/* A pair's flow with what ties it to its pair: each line of the text stands alone. */
struct flow_record {
	uint64_t pair;
	enum direction direction;
	struct dump_flow flow;
};

struct end_record {
	uint64_t pairs;
};

enum field_type {
	FIELD_NUMBER, /* uint64_t */
	FIELD_SMALL,  /* unsigned, or an int that is never negative */
	FIELD_TIME,   /* int64_t, seconds since the epoch */
	FIELD_STRING, /* const char * */
	FIELD_ENDPOINT,
	FIELD_STATE,
	FIELD_DIRECTION,
	FIELD_READING,
	FIELD_LIMITED,
};

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
};

/* In the order in which they are written. Text and JSON both follow these lists, which are the only ones. */
static const struct field process_fields[] = {
        {"version", FIELD_STRING, offsetof(struct dump_process, version)},
        {"pid", FIELD_SMALL, offsetof(struct dump_process, pid)},
        {"time", FIELD_TIME, offsetof(struct dump_process, time)},
        {"uptime_ms", FIELD_NUMBER, offsetof(struct dump_process, uptime_ms)},
        {"workers", FIELD_SMALL, offsetof(struct dump_process, workers)},
        {"pairs", FIELD_NUMBER, offsetof(struct dump_process, pairs)},
        {"used", FIELD_NUMBER, offsetof(struct dump_process, used)},
        {"memory_max", FIELD_NUMBER, offsetof(struct dump_process, memory_max)},
        {.name = NULL},
};

static const struct field relay_fields[] = {
        {"name", FIELD_STRING, offsetof(struct dump_relay, name)},
        {"pairs", FIELD_NUMBER, offsetof(struct dump_relay, pairs)},
        {"accepted", FIELD_NUMBER, offsetof(struct dump_relay, accepted)},
        {"refused", FIELD_NUMBER, offsetof(struct dump_relay, refused)},
        {"connect_failed", FIELD_NUMBER, offsetof(struct dump_relay, connect_failed)},
        {"upload_bytes", FIELD_NUMBER, offsetof(struct dump_relay, upload_bytes)},
        {"download_bytes", FIELD_NUMBER, offsetof(struct dump_relay, download_bytes)},
        {"pauses", FIELD_NUMBER, offsetof(struct dump_relay, pauses)},
        {"paused_ms", FIELD_NUMBER, offsetof(struct dump_relay, paused_ms)},
        {.name = NULL},
};

static const struct field pair_fields[] = {
        {"id", FIELD_NUMBER, offsetof(struct dump_pair, id)},
        {"relay", FIELD_STRING, offsetof(struct dump_pair, relay)},
        {"worker", FIELD_SMALL, offsetof(struct dump_pair, worker)},
        {"state", FIELD_STATE, offsetof(struct dump_pair, state)},
        {"client", FIELD_ENDPOINT, offsetof(struct dump_pair, client)},
        {"target", FIELD_ENDPOINT, offsetof(struct dump_pair, target)},
        {"age_ms", FIELD_NUMBER, offsetof(struct dump_pair, age_ms)},
        {"idle_ms", FIELD_NUMBER, offsetof(struct dump_pair, idle_ms)},
        {.name = NULL},
};

static const struct field flow_fields[] = {
        {"pair", FIELD_NUMBER, offsetof(struct flow_record, pair)},
        {"direction", FIELD_DIRECTION, offsetof(struct flow_record, direction)},
        {"queued", FIELD_NUMBER, offsetof(struct flow_record, flow.queued)},
        {"peak", FIELD_NUMBER, offsetof(struct flow_record, flow.peak)},
        {"high", FIELD_NUMBER, offsetof(struct flow_record, flow.high)},
        {"low", FIELD_NUMBER, offsetof(struct flow_record, flow.low)},
        {"reading", FIELD_READING, offsetof(struct flow_record, flow.reading)},
        {"pauses", FIELD_NUMBER, offsetof(struct flow_record, flow.pauses)},
        {"paused_ms", FIELD_NUMBER, offsetof(struct flow_record, flow.paused_ms)},
        {"longest_pause_ms", FIELD_NUMBER, offsetof(struct flow_record, flow.longest_pause_ms)},
        {"bytes", FIELD_NUMBER, offsetof(struct flow_record, flow.bytes)},
        {"source_queue", FIELD_NUMBER, offsetof(struct flow_record, flow.source_queue)},
        {"sink_queue", FIELD_NUMBER, offsetof(struct flow_record, flow.sink_queue)},
        {"limited_by", FIELD_LIMITED, offsetof(struct flow_record, flow.limited_by)},
        {.name = NULL},
};

static const struct field end_fields[] = {
        {"pairs", FIELD_NUMBER, offsetof(struct end_record, pairs)},
        {.name = NULL},
};

/* The parts of a dump, in their order. In JSON each is a key of the one object. */
enum part { PART_PROCESS, PART_RELAY, PART_PAIR, PART_END, PARTS };

struct kind {
	const char *name;
	bool many; /* an array in JSON */
	const struct field *fields;
};

static const struct kind kinds[PARTS] = {
        [PART_PROCESS] = {"weir", false, process_fields},
        [PART_RELAY] = {"relay", true, relay_fields},
        [PART_PAIR] = {"pair", true, pair_fields},
        [PART_END] = {"end", false, end_fields},
};

/* Two of them belong to each pair: lines behind it in the text, an array inside it in JSON. */
static const struct kind flow_kind = {"flow", true, flow_fields};

struct dump {
	enum dump_format format;
	FILE *out; /* writes to text */
	char *text;
	size_t length;
	bool failed;      /* memory ran out */
	enum part part;   /* JSON: where we are */
	uint64_t in_part; /* JSON: records written in part */
	uint64_t pairs;
};

/* What a field holds: word, or number where word is NULL. */
struct value {
	uint64_t number;
	const char *word;
	char buf[WORD_MAX]; /* word may point here */
};

static const char *state_word(enum dump_state state)
{
	switch (state) {
	case DUMP_CONNECTING:
		return "connecting";
	case DUMP_OPEN:
		return "open";
	case DUMP_HALF_CLOSED:
		return "half_closed";
	case DUMP_CLOSING:
		return "closing";
	}
	return "-";
}

static const char *direction_word(enum direction direction)
{
	return direction == UPLOAD ? "upload" : "download";
}

static const char *reading_word(enum dump_reading reading)
{
	switch (reading) {
	case DUMP_READING_WAITING:
		return "waiting";
	case DUMP_READING_ON:
		return "on";
	case DUMP_READING_PAUSED:
		return "paused";
	case DUMP_READING_ENDED:
		return "ended";
	}
	return "-";
}

static const char *limited_word(enum dump_limited limited)
{
	switch (limited) {
	case DUMP_LIMITED_NONE:
		return "none";
	case DUMP_LIMITED_CLIENT:
		return "client";
	case DUMP_LIMITED_TARGET:
		return "target";
	case DUMP_LIMITED_RELAY:
		return "relay";
	}
	return "-";
}

/*
 * One word of printable ASCII whatever text holds (length bytes at most), so that a name can neither forge a
 * field nor break JSON; '-' where there is none.
 */
static const char *guard(const char *text, size_t length, char buf[WORD_MAX])
{
	size_t i;

	/* NOLINTNEXTLINE(arrayIndexOutOfBoundsCond): length is that of text */
	for (i = 0; i < length && i < WORD_MAX - 1 && text[i] != '\0'; i++)
		buf[i] = (char)(text[i] > ' ' && text[i] < 0x7f ? text[i] : '?');
	buf[i] = '\0';
	return i > 0 ? buf : "-";
}

static const char *time_word(int64_t seconds, char buf[WORD_MAX])
{
	time_t when = (time_t)seconds;
	struct tm utc = {0};

	gmtime_r(&when, &utc);
	strftime(buf, WORD_MAX, "%Y-%m-%dT%H:%M:%SZ", &utc);
	return buf;
}

static void value_get(struct value *value, const struct field *field, const void *record)
{
	const void *at = (const char *)record + field->offset;
	const char *text;

	value->word = NULL;
	switch (field->type) {
	case FIELD_NUMBER:
		value->number = *(const uint64_t *)at;
		break;
	case FIELD_SMALL:
		value->number = *(const unsigned *)at;
		break;
	case FIELD_TIME:
		value->word = time_word(*(const int64_t *)at, value->buf);
		break;
	case FIELD_STRING:
		text = *(const char *const *)at;
		value->word = guard(text ? text : "", WORD_MAX, value->buf);
		break;
	case FIELD_ENDPOINT:
		value->word = guard(at, sizeof(struct endpoint_text), value->buf);
		break;
	case FIELD_STATE:
		value->word = state_word(*(const enum dump_state *)at);
		break;
	case FIELD_DIRECTION:
		value->word = direction_word(*(const enum direction *)at);
		break;
	case FIELD_READING:
		value->word = reading_word(*(const enum dump_reading *)at);
		break;
	case FIELD_LIMITED:
		value->word = limited_word(*(const enum dump_limited *)at);
		break;
	}
}

/* Memory streams do not remember a failure, so dump does. */
static void put(struct dump *dump, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct dump *dump, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (vfprintf(dump->out, format, args) < 0)
		dump->failed = true;
	va_end(args);
}

static void text_record(struct dump *dump, const struct kind *kind, const void *record)
{
	struct value value;

	put(dump, "%s", kind->name);
	for (const struct field *field = kind->fields; field->name; field++) {
		value_get(&value, field, record);
		if (value.word)
			put(dump, " %s=%s", field->name, value.word);
		else
			put(dump, " %s=%" PRIu64, field->name, value.number);
	}
	put(dump, "\n");
}

/* A record as an object, or NULL when out of memory. */
static json_t *json_record(const struct kind *kind, const void *record)
{
	json_t *object = json_object();
	struct value value;

	for (const struct field *field = kind->fields; field->name; field++) {
		value_get(&value, field, record);
		if (json_object_set_new(object, field->name,
		                        value.word ? json_string(value.word)
		                                   : json_integer((json_int_t)value.number)) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

/* Goes on to part, closing what is before it and opening what is between: parts without records are there,
 * empty. */
static void json_enter(struct dump *dump, enum part part)
{
	while (dump->part < part) {
		put(dump, "%s", kinds[dump->part].many ? "]" : "");
		dump->part++;
		dump->in_part = 0;
		put(dump, ",\n\"%s\":%s", kinds[dump->part].name, kinds[dump->part].many ? "[" : "");
	}
}

/* Writes object, which it takes, and forgets it: a dump of many pairs never stands in memory as a tree. */
static void json_put(struct dump *dump, enum part part, json_t *object)
{
	json_enter(dump, part);
	if (kinds[part].many)
		put(dump, dump->in_part++ > 0 ? ",\n" : "\n");
	if (!object || json_dumpf(object, dump->out, JSON_COMPACT) != 0)
		dump->failed = true;
	json_decref(object);
}

static void put_record(struct dump *dump, enum part part, const void *record)
{
	if (dump->format == DUMP_JSON)
		json_put(dump, part, json_record(&kinds[part], record));
	else
		text_record(dump, &kinds[part], record);
}

struct dump *dump_new(enum dump_format format)
{
	struct dump *dump = calloc(1, sizeof(*dump));

	if (!dump)
		return NULL;
	dump->format = format;
	dump->out = open_memstream(&dump->text, &dump->length);
	if (!dump->out) {
		free(dump);
		return NULL;
	}
	if (format == DUMP_JSON)
		put(dump, "{\"%s\":", kinds[PART_PROCESS].name);
	return dump;
}

void dump_process(struct dump *dump, const struct dump_process *process)
{
	put_record(dump, PART_PROCESS, process);
}

void dump_relay(struct dump *dump, const struct dump_relay *relay)
{
	put_record(dump, PART_RELAY, relay);
}

static json_t *json_pair(const struct dump_pair *pair, const struct flow_record flows[DIRECTIONS])
{
	json_t *object = json_record(&kinds[PART_PAIR], pair);
	json_t *array = json_array();
	int r = 0;

	for (int i = 0; i < DIRECTIONS; i++)
		r |= json_array_append_new(array, json_record(&flow_kind, &flows[i]));
	r |= json_object_set_new(object, flow_kind.name, array);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

void dump_pair(struct dump *dump, const struct dump_pair *pair)
{
	const struct flow_record flows[DIRECTIONS] = {
	        {pair->id, UPLOAD, pair->flow[UPLOAD]},
	        {pair->id, DOWNLOAD, pair->flow[DOWNLOAD]},
	};

	dump->pairs++;
	if (dump->format == DUMP_JSON) {
		json_put(dump, PART_PAIR, json_pair(pair, flows));
		return;
	}
	text_record(dump, &kinds[PART_PAIR], pair);
	for (int i = 0; i < DIRECTIONS; i++)
		text_record(dump, &flow_kind, &flows[i]);
}

char *dump_finish(struct dump *dump, size_t *length)
{
	const struct end_record end = {dump->pairs};
	char *text = NULL;

	put_record(dump, PART_END, &end);
	if (dump->format == DUMP_JSON)
		put(dump, "}\n");
	if (fclose(dump->out) != 0)
		dump->failed = true;
	if (dump->failed) {
		free(dump->text);
	} else {
		text = dump->text;
		*length = dump->length;
	}
	free(dump);
	return text;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

/*
 * Fills the new file and closes it. There is no fsync(2): a dump tells of a running process, and after a
 * power cut there is none that it could tell of.
 */
static int fill(int fd, const char *text, size_t length)
{
	int r = write_all(fd, text, length);

	if (r == 0 && fchmod(fd, 0640) != 0)
		r = -errno;
	if (close(fd) != 0 &&
	    r == 0) /* the last chance of a network file system to say that the disk is full */
		r = -errno;
	return r;
}

/* Renaming over /dev/null would put a file in its place, for every program. */
static bool is_special(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISDIR(st.st_mode);
}

int dump_write_file(const char *path, const char *text, size_t length)
{
	char *temporary;
	int fd, r;

	if (is_special(path))
		return -ENODEV;
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) {
		r = -errno;
		free(temporary);
		return r;
	}
	r = fill(fd, text, length);
	if (r == 0 && rename(temporary, path) != 0)
		r = -errno;
	if (r != 0)
		(void)unlink(temporary);
	free(temporary);
	return r;
}
