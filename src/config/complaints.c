#include "build_config.h"

#include "config/complaints.h"

#include "base/printable.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct complaint {
	unsigned line;
	size_t order; /* among complaints about one line */
	char *text;
};

/* NULL when out of memory. */
static char *place(const struct complaints *complaints, unsigned line, const char *what)
{
	char *text;
	int r;

	if (line == COMMAND_LINE)
		r = asprintf(&text, "command line: %s", what);
	else if (line == NO_LINE)
		r = asprintf(&text, "%s: %s", complaints->file, what);
	else
		r = asprintf(&text, "%s:%u: %s", complaints->file, line, what);
	if (r < 0)
		return NULL;
	printable_line(text, (size_t)r); /* it may quote the command line */
	return text;
}

const char *complaints_where(unsigned line, char buf[COMPLAINTS_WHERE_MAX])
{
	snprintf(buf, COMPLAINTS_WHERE_MAX, line == COMMAND_LINE ? "on the command line" : "in line %u",
	         line);
	return buf;
}

/* Takes ownership of text, which may be NULL. */
static void append(struct complaints *complaints, unsigned line, char *text)
{
	size_t count = complaints->count;
	struct complaint *grown = text ? reallocarray(complaints->items, count + 1, sizeof(*grown)) : NULL;

	if (!grown) {
		complaints->out_of_memory = true;
		free(text);
		return;
	}
	grown[count] = (struct complaint){.line = line, .order = count, .text = text /* consumed */};
	complaints->items = grown;
	complaints->count++;
}

void complaints_add(struct complaints *complaints, unsigned line, const char *format, ...)
{
	va_list arguments;
	char *what;
	int r;

	va_start(arguments, format);
	r = vasprintf(&what, format, arguments);
	va_end(arguments);
	if (r < 0) {
		complaints->out_of_memory = true;
		return;
	}
	append(complaints, line, place(complaints, line, what));
	free(what);
}

static int compare(const void *left, const void *right)
{
	const struct complaint *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void complaints_hand_over(struct complaints *complaints, struct config_errors *errors)
{
	size_t count = complaints->count;

	errors->may_pass = complaints->passing == count;
	if (count > 0) {
		qsort(complaints->items, count, sizeof(*complaints->items), compare);
		errors->text = calloc(count, sizeof(*errors->text));
		complaints->out_of_memory |= !errors->text;
	}
	for (size_t i = 0; i < count; i++) {
		if (errors->text)
			errors->text[errors->count++] = complaints->items[i].text; /* consumed */
		else
			free(complaints->items[i].text);
	}
	free(complaints->items);
	complaints->items = NULL;
	complaints->count = 0;
}
