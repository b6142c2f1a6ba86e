/*
 * Sizes, durations, numbers and booleans: the input is the text of one, and the bytes of a number to format.
 */
#include "build_config.h"

#include "base/units.h"
#include "fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define UNTOUCHED 4711

typedef int (*parser)(const char *text, uint64_t *value);
typedef char *(*formatter)(uint64_t value, char buf[UNITS_TEXT_MAX]);

static void require_same_again(uint64_t value, parser parse, formatter format)
{
	char text[UNITS_TEXT_MAX];
	uint64_t again = ~value;

	fuzz_require(strlen(format(value, text)) < sizeof(text));
	fuzz_require(parse(text, &again) == 0);
	fuzz_require(again == value);
}

static void try_number(const char *text, parser parse, formatter format)
{
	uint64_t value = UNTOUCHED;
	int r = parse(text, &value);

	fuzz_require(r == 0 || r == -EINVAL || r == -ERANGE);
	if (r < 0)
		fuzz_require(value == UNTOUCHED);
	else if (format)
		require_same_again(value, parse, format);
}

static void try_bool(const char *text)
{
	bool value = false, other = true;
	int r = units_parse_bool(text, &value);

	fuzz_require(r == units_parse_bool(text, &other));
	fuzz_require(r == 0 || r == -EINVAL);
	fuzz_require(r == 0 ? value == other : !value && other);
}

static void format_number(const uint8_t *data, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, data, size < sizeof(value) ? size : sizeof(value));
	require_same_again(value, units_parse_size, units_format_size);
	require_same_again(value, units_parse_duration, units_format_duration);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	try_number(text, units_parse_size, units_format_size);
	try_number(text, units_parse_duration, units_format_duration);
	try_number(text, units_parse_number, NULL);
	try_bool(text);
	if (size > 0)
		format_number(data, size);
	free(text);
	return 0;
}
