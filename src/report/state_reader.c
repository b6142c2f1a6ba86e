#include "build_config.h"

#include "report/state_values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A record on its way into its struct. */
struct taking {
	const struct state_kind *kind;
	char *record;
	const struct state_field *expected; /* the field that comes next if they are in order */
	uint64_t seen[STATE_FIELDS_MAX / 64];
};

static const struct state_field head_fields[] = {
        STATE_FIELD(struct state_head, format, STATE_U32),
        STATE_FIELD(struct state_head, rehearsal, STATE_BOOL),
        STATE_FIELDS_END,
};
const struct state_kind state_head_kind = STATE_KIND("state", struct state_head, head_fields);

/* Of a record of which nothing is wanted. */
static const struct state_kind any_kind = {"", (const struct state_field[]){STATE_FIELDS_END}, 0};

/* ---- errors ---- */

static void fail(struct state_reader *reader, size_t record, const char *kind, const char *what)
{
	if (reader->error[0] == '\0')
		snprintf(reader->error, sizeof(reader->error), "record %zu%s%s: %s", record,
		         kind[0] ? ", " : "", kind, what);
}

/* In the next record. */
static const char *fail_next(struct state_reader *reader, const char *what)
{
	fail(reader, reader->taken + 1, reader->line_end ? reader->kind : "", what);
	return NULL;
}

static const char *fail_field(struct state_reader *reader, const struct state_field *field, const char *what)
{
	char text[STATE_NAME_MAX + 40];

	snprintf(text, sizeof(text), "%s: %s", field->name, what);
	return fail_next(reader, text);
}

int state_fail(struct state_reader *reader, const char *what)
{
	fail(reader, reader->taken, "", what);
	return -EPROTO;
}

const char *state_error(const struct state_reader *reader)
{
	return reader->error[0] != '\0' ? reader->error : NULL;
}

int state_result(const struct state_reader *reader)
{
	return state_error(reader) ? -EPROTO : 0;
}

/* ---- the next record ---- */

static bool is_in_name(char c)
{
	return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9');
}

const char *state_peek(struct state_reader *reader)
{
	const char *line_end;
	size_t length = 0;

	if (reader->line_end || reader->error[0] != '\0')
		return reader->error[0] == '\0' ? reader->kind : NULL;
	if (reader->next == reader->end)
		return NULL;
	line_end = memchr(reader->next, '\n', (size_t)(reader->end - reader->next));
	if (!line_end)
		return fail_next(reader, "it is cut off");
	while (length < STATE_KIND_MAX && is_in_name(reader->next[length]))
		length++;
	if (length == 0 || length == STATE_KIND_MAX ||
	    (reader->next[length] != ' ' && reader->next[length] != '\n'))
		return fail_next(reader, "it has no kind");
	memcpy(reader->kind, reader->next, length);
	reader->kind[length] = '\0';
	reader->line_end = line_end;
	return reader->kind;
}

bool state_is_next(struct state_reader *reader, const struct state_kind *kind)
{
	const char *next = state_peek(reader);

	return next && strcmp(next, kind->name) == 0;
}

/* ---- its fields ---- */

static bool is_sign(char c)
{
	return c == STATE_FOLLOWS || c == STATE_LEFT_OUT;
}

/* Behind the name and the equals sign, or NULL: it is another name. */
static const char *match(const struct state_field *field, const char *at)
{
	const char *name = field->name;

	if (state_is_payload(field) && !is_sign(*at++))
		return NULL;
	while (*name && *name == *at)
		name++, at++;
	return !*name && *at == '=' ? at + 1 : NULL;
}

/* The first one from there to end whose name is at a place. *value: where its value is. */
static const struct state_field *find_from(const struct state_field *field, const struct state_field *end,
                                           const char *at, const char **value)
{
	for (; field != end && field->name; field++) {
		*value = match(field, at);
		if (*value)
			return field;
	}
	return NULL;
}

static const struct state_field *find_field(const struct taking *taking, const char *at, const char **value)
{
	const struct state_field *field = find_from(taking->expected, NULL, at, value);

	return field ? field : find_from(taking->kind->fields, taking->expected, at, value);
}

/* False if the record has had it. */
static bool mark(struct taking *taking, const struct state_field *field)
{
	const size_t i = (size_t)(field - taking->kind->fields);
	const uint64_t bit = 1ull << i % 64;
	bool first = i < STATE_FIELDS_MAX && !(taking->seen[i / 64] & bit);

	if (first)
		taking->seen[i / 64] |= bit;
	return first;
}

static const char *take_field(struct state_reader *reader, struct taking *taking,
                              const struct state_field *field, const char *value)
{
	char *member = taking->record + field->offset;
	const char *end;

	if (!mark(taking, field))
		return fail_field(reader, field, "it is there twice");
	end = state_value_read(field, member, value);
	if (!end)
		return fail_field(reader, field, "no value for it");
	taking->expected = field + 1;
	return end;
}

/* A key that is not known. */
static const char *pass_field(struct state_reader *reader, const char *at)
{
	if (*at == '=' || *at == ' ')
		return fail_next(reader, "a key is missing");
	at += strcspn(at, "= \n");
	return *at == '=' ? at + strcspn(at, " \n") : fail_next(reader, "a key without a value");
}

/* Raw bytes that follow, or were left out, belong to the record, whether the key is known or not. */
static bool note_payload(struct state_reader *reader, const char *key)
{
	static const struct state_field field = {"size", STATE_U64, 0, sizeof(uint64_t)};
	uint64_t size;

	if (!is_sign(*key))
		return true;
	if (!state_value_read(&field, &size, strchr(key, '=') + 1))
		return false;
	if (*key == STATE_LEFT_OUT) {
		reader->left_out += size;
		return true;
	}
	if (reader->payload_size > 0)
		return false;
	reader->payload_size = size;
	return true;
}

static bool take_fields(struct state_reader *reader, struct taking *taking)
{
	const char *at = reader->next + strlen(reader->kind), *value;

	while (at && *at == ' ') {
		const char *key = at + 1;
		const struct state_field *field = find_field(taking, key, &value);

		at = field ? take_field(reader, taking, field, value) : pass_field(reader, key);
		if (at && !note_payload(reader, key))
			at = fail_next(reader, "how many bytes it has was expected once");
	}
	if (at && at != reader->line_end)
		fail_next(reader, "it does not end where its line does");
	return !state_error(reader);
}

/* ---- what belongs to it ---- */

static bool take_payload(struct state_reader *reader)
{
	const char *start = reader->line_end + 1;
	const size_t left = (size_t)(reader->end - start), size = reader->payload_size;

	reader->payload = size > 0 ? start : NULL;
	if (size == 0)
		return true;
	if (size >= left || start[size] != '\n') {
		fail_next(reader, size >= left ? "its bytes are cut off" : "it has more bytes than it says");
		return false;
	}
	return true;
}

static void forget_descriptors(const struct state_kind *kind, char *record, bool close_them)
{
	const int none = -1;

	for (const struct state_field *field = kind->fields; field->name; field++) {
		if (!state_is_descriptor(field))
			continue;
		if (close_them && *(int *)(record + field->offset) >= 0)
			close(*(int *)(record + field->offset));
		memcpy(record + field->offset, &none, sizeof(none));
	}
}

static int claim(struct state_reader *reader, const struct state_field *field, int *fd)
{
	int claimed = inheritance_claim(reader->inheritance, *fd,
	                                field->type == STATE_PIPE ? INHERITED_PIPE : INHERITED_SOCKET);

	*fd = claimed < 0 ? -1 : claimed;
	return claimed;
}

/*
 * Those after the first one that is wrong are not ours. They are left to whoever closes what nobody has
 * claimed.
 */
static bool claim_descriptors(struct state_reader *reader, const struct state_kind *kind, char *record)
{
	bool failed = false;

	for (const struct state_field *field = kind->fields; field->name; field++) {
		int *fd = (int *)(record + field->offset);

		if (!state_is_descriptor(field) || *fd < 0)
			continue;
		if (failed) {
			*fd = -1;
		} else if (claim(reader, field, fd) < 0) {
			fail_field(reader, field, "not what was inherited");
			failed = true;
		}
	}
	return !failed;
}

/* ---- taking it ---- */

static void pass(struct state_reader *reader)
{
	reader->next = reader->line_end + 1;
	if (reader->payload_size > 0)
		reader->next += reader->payload_size + 1;
	reader->line_end = NULL;
	reader->taken++;
}

static bool take(struct state_reader *reader, const struct state_kind *kind, char *record)
{
	struct taking taking = {.kind = kind, .record = record, .expected = kind->fields};

	reader->payload_size = 0;
	reader->payload = NULL;
	if (!take_fields(reader, &taking) || !take_payload(reader)) {
		forget_descriptors(kind, record, false);
		return false;
	}
	if (!claim_descriptors(reader, kind, record)) {
		forget_descriptors(kind, record, true);
		return false;
	}
	pass(reader);
	return true;
}

bool state_get(struct state_reader *reader, const struct state_kind *kind, void *record)
{
	char what[STATE_KIND_MAX + 20];

	memset(record, 0, kind->size);
	forget_descriptors(kind, record, false);
	if (state_is_next(reader, kind))
		return take(reader, kind, record);
	snprintf(what, sizeof(what), "%s was expected", kind->name);
	fail_next(reader, what);
	return false;
}

void state_skip(struct state_reader *reader)
{
	if (state_peek(reader))
		(void)take(reader, &any_kind, NULL);
}

const void *state_bytes(const struct state_reader *reader, size_t *size)
{
	*size = reader->payload_size;
	return reader->payload;
}

/* ---- its beginning ---- */

unsigned state_format(const struct state_reader *reader)
{
	return reader->format;
}

uint64_t state_left_out(const struct state_reader *reader)
{
	return reader->left_out;
}

bool state_is_rehearsal(const struct state_reader *reader)
{
	return reader->inheritance && inheritance_is_rehearsal(reader->inheritance);
}

static void fail_format(struct state_reader *reader, unsigned format)
{
	char what[80];

	snprintf(what, sizeof(what), "format %u cannot be read, only %u to %u", format, STATE_FORMAT_MIN,
	         STATE_FORMAT);
	state_fail(reader, what);
}

void state_reader_init(struct state_reader *reader, struct inheritance *inheritance, const void *text,
                       size_t size)
{
	struct state_head head;

	*reader = (struct state_reader){
	        .inheritance = inheritance, .next = text, .end = (const char *)text + size};
	if (!state_get(reader, &state_head_kind, &head))
		return;
	reader->format = head.format;
	if (head.format < STATE_FORMAT_MIN || head.format > STATE_FORMAT)
		fail_format(reader, head.format);
	else if (head.rehearsal != state_is_rehearsal(reader))
		state_fail(reader, head.rehearsal ? "it is for a rehearsal" : "it is not for a rehearsal");
}
