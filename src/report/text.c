#include "build_config.h"

#include "report/text.h"

#include "base/decimal.h"
#include "base/give_way.h"
#include "report/fields.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Room for a field: a blank, its name, "=" and its value; and a line's end. */
#define NAME_MAX_LENGTH 32
#define FIELD_MAX       (NAME_MAX_LENGTH + VALUE_WORD_MAX)
#define ROOM            4096

/*
 * A dump of 2,000 pairs has 90,000 fields. printf(3) takes three times as long for each, and fwrite(3), which
 * locks the stream, as long as the rest. Memory streams do not remember a failure, so every write is checked.
 */
struct text {
	FILE *out;
	bool failed;
	struct give_way way;
	char *end;
	char bytes[ROOM];
};

static void flush(struct text *text)
{
	size_t length = (size_t)(text->end - text->bytes);

	if (!text->failed && length > 0)
		text->failed = fwrite(text->bytes, length, 1, text->out) != 1;
	text->end = text->bytes;
	give_way(&text->way);
}

static void make_room(struct text *text)
{
	if (text->bytes + ROOM - text->end < FIELD_MAX)
		flush(text);
}

static void write_field(struct text *text, const struct field *field, const void *record)
{
	struct value value;
	char *end;

	make_room(text);
	end = text->end;
	field_get(field, record, &value);
	*end++ = ' ';
	end = stpcpy(end, field->name);
	*end++ = '=';
	text->end = value.word ? stpcpy(end, value.word) : decimal_write(end, value.number);
}

static void write_record(struct text *text, const struct kind *kind, const void *record)
{
	make_room(text);
	text->end = stpcpy(text->end, kind->name);
	for (const struct field *field = kind->fields; field->name; field++)
		write_field(text, field, record);
	make_room(text);
	*text->end++ = '\n';
}

static void write_flow(struct text *text, const struct pair_record *pair, enum direction direction)
{
	const struct flow_line line = {pair->id, direction, pair->flow[direction]};

	write_record(text, &flow_kind, &line);
}

/* The two flows follow the line of their pair. Each line makes sense on its own. */
static void write_pair(struct text *text, const struct pair_record *pair)
{
	write_record(text, &pair_kind, pair);
	write_flow(text, pair, UPLOAD);
	write_flow(text, pair, DOWNLOAD);
}

static void write_pairs(struct text *text, const struct report *report)
{
	for (size_t p = 0; p < report->part_count; p++)
		for (size_t i = 0; !text->failed && i < report->parts[p].pair_count; i++)
			write_pair(text, &report->parts[p].pairs[i]);
}

int report_write_text(const struct report *report, FILE *out)
{
	const struct end_line end = {report_pair_count(report)};
	struct text text;

	text.out = out;
	text.failed = false;
	text.way = (struct give_way){0};
	text.end = text.bytes;
	write_record(&text, &process_kind, &report->process);
	for (size_t i = 0; i < report->relay_count; i++)
		write_record(&text, &relay_kind, &report->relays[i]);
	for (size_t i = 0; i < report->target_count; i++)
		write_record(&text, &target_kind, &report->targets[i]);
	write_pairs(&text, report);
	write_record(&text, &end_kind, &end);
	flush(&text);
	return text.failed ? -EIO : 0;
}
