#include "build_config.h"

#include "report/json.h"

#include "base/give_way.h"
#include "report/fields.h"

#include <errno.h>
#include <jansson.h>

static json_t *value_object(const struct value *value)
{
	if (value->unknown)
		return json_null();
	return value->word ? json_string(value->word) : json_integer((json_int_t)value->number);
}

/* A record as an object, or NULL when out of memory. */
static json_t *record_object(const struct kind *kind, const void *record)
{
	json_t *object = json_object();
	struct value value;

	for (const struct field *field = kind->fields; field->name; field++) {
		field_get(field, record, &value);
		if (json_object_set_new(object, field->name, value_object(&value)) != 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *pair_object(const struct pair_record *pair)
{
	json_t *object = record_object(&pair_kind, pair);
	json_t *array = json_array();
	int r = 0;

	for (int i = 0; i < DIRECTIONS; i++) {
		const struct flow_line line = {pair->id, (enum direction)i, pair->flow[i]};

		r |= json_array_append_new(array, record_object(&flow_kind, &line));
	}
	r |= json_object_set_new(object, flow_kind.name, array);
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

/*
 * Writes text, then object, and takes over object. Memory streams do not remember a failure, so every write
 * is checked.
 */
static int put(const char *text, json_t *object, FILE *out)
{
	int error = 0;

	if (!object)
		return -ENOMEM;
	if (fputs(text, out) < 0 || json_dumpf(object, out, JSON_COMPACT) != 0)
		error = -EIO;
	json_decref(object);
	return error;
}

static int put_key(const char *before, const struct kind *kind, const char *after, FILE *out)
{
	return fprintf(out, "%s\"%s\":%s", before, kind->name, after) < 0 ? -EIO : 0;
}

static int put_relays(const struct report *report, FILE *out)
{
	int error = put_key(",\n", &relay_kind, "[", out);

	for (size_t i = 0; !error && i < report->relay_count; i++)
		error = put(i > 0 ? ",\n" : "\n", record_object(&relay_kind, &report->relays[i]), out);
	return error;
}

static int put_targets(const struct report *report, FILE *out)
{
	int error = put_key("],\n", &target_kind, "[", out);

	for (size_t i = 0; !error && i < report->target_count; i++)
		error = put(i > 0 ? ",\n" : "\n", record_object(&target_kind, &report->targets[i]), out);
	return error;
}

static int put_ranked(const struct ranking *ranking, FILE *out)
{
	int error = put_key("],\n", &pair_kind, "[", out);
	struct give_way way = {0};

	for (size_t i = 0; !error && i < ranking->count; i++) {
		error = put(i > 0 ? ",\n" : "\n", pair_object(ranking->pairs[i]), out);
		give_way(&way);
	}
	return error;
}

static int put_pairs(const struct report *report, FILE *out)
{
	int error = put_key("],\n", &pair_kind, "[", out);
	const char *before = "\n";
	struct give_way way = {0};

	for (size_t p = 0; p < report->part_count; p++)
		for (size_t i = 0; !error && i < report->parts[p].pair_count; i++) {
			error = put(before, pair_object(&report->parts[p].pairs[i]), out);
			before = ",\n";
			give_way(&way);
		}
	return error;
}

/* What comes before the pairs. */
static int put_head(const struct report *report, FILE *out)
{
	int error = put_key("{", &process_kind, "", out);

	if (!error)
		error = put("", record_object(&process_kind, &report->process), out);
	if (!error)
		error = put_relays(report, out);
	return error ? error : put_targets(report, out);
}

static int put_end(size_t pairs, FILE *out)
{
	const struct end_line end = {pairs};
	int error = put_key("],\n", &end_kind, "", out);

	if (!error)
		error = put("", record_object(&end_kind, &end), out);
	return !error && fputs("}\n", out) < 0 ? -EIO : error;
}

int report_write_json(const struct report *report, FILE *out)
{
	int error = put_head(report, out);

	if (!error)
		error = put_pairs(report, out);
	return error ? error : put_end(report_pair_count(report), out);
}

int report_write_json_ranked(const struct report *report, const struct ranking *ranking, FILE *out)
{
	int error = put_head(report, out);

	if (!error)
		error = put_ranked(ranking, out);
	return error ? error : put_end(ranking->count, out);
}
