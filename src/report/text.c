#include "build_config.h"

#include "report/text.h"

#include "base/decimal.h"
#include "report/fields.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Room for the name of a field. */
#define NAME_MAX_LENGTH 32

/*
 * A dump of 2,000 pairs has 90,000 fields, and printf(3) takes three times as long for each. Memory streams
 * do not remember a failure, so every write is checked.
 */
static bool write_field(const struct field *field, const void *record, FILE *out)
{
	char text[NAME_MAX_LENGTH + VALUE_WORD_MAX], *end = text;
	struct value value;

	field_get(field, record, &value);
	*end++ = ' ';
	end = stpcpy(end, field->name);
	*end++ = '=';
	end = value.word ? stpcpy(end, value.word) : decimal_write(end, value.number);
	return fwrite(text, (size_t)(end - text), 1, out) == 1;
}

static bool write_record(const struct kind *kind, const void *record, FILE *out)
{
	bool written = fputs(kind->name, out) >= 0;

	for (const struct field *field = kind->fields; written && field->name; field++)
		written = write_field(field, record, out);
	return written && fputc('\n', out) != EOF;
}

static bool write_flow(const struct pair_record *pair, enum direction direction, FILE *out)
{
	const struct flow_line line = {pair->id, direction, pair->flow[direction]};

	return write_record(&flow_kind, &line, out);
}

/* The two flows follow the line of their pair. Each line makes sense on its own. */
static bool write_pair(const struct pair_record *pair, FILE *out)
{
	return write_record(&pair_kind, pair, out) && write_flow(pair, UPLOAD, out) &&
	       write_flow(pair, DOWNLOAD, out);
}

static bool write_pairs(const struct report *report, FILE *out)
{
	bool written = true;

	for (size_t p = 0; p < report->part_count; p++)
		for (size_t i = 0; written && i < report->parts[p].pair_count; i++)
			written = write_pair(&report->parts[p].pairs[i], out);
	return written;
}

int report_write_text(const struct report *report, FILE *out)
{
	const struct end_line end = {report_pair_count(report)};
	bool written = write_record(&process_kind, &report->process, out);

	for (size_t i = 0; written && i < report->relay_count; i++)
		written = write_record(&relay_kind, &report->relays[i], out);
	for (size_t i = 0; written && i < report->target_count; i++)
		written = write_record(&target_kind, &report->targets[i], out);
	written = written && write_pairs(report, out) && write_record(&end_kind, &end, out);
	return written ? 0 : -EIO;
}
