#include "build_config.h"

#include "base/log_line.h"

#include "base/decimal.h"
#include "base/number.h"

#include <string.h>

static void add(struct log_line *line, const char *text, size_t length)
{
	size_t taken = min_u64(length, LOG_LINE_MAX - line->length);

	memcpy(line->text + line->length, text, taken);
	line->length += taken;
}

void log_line_add(struct log_line *line, const char *text)
{
	add(line, text, strlen(text));
}

void log_line_add_number(struct log_line *line, const char *label, uint64_t number)
{
	char digits[DECIMAL_MAX];

	log_line_add(line, label);
	add(line, digits, (size_t)(decimal_write(digits, number) - digits));
}
