#include "build_config.h"

#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct unit {
	const char *name;
	uint64_t factor;
};

/* From small to large: formatting takes the largest that divides the value. */
static const struct unit size_units[] = {
        {"", 1}, {"K", 1ull << 10}, {"M", 1ull << 20}, {"G", 1ull << 30}, {"T", 1ull << 40},
};
static const struct unit duration_units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000},
};
static const struct unit number_units[] = {{"", 1}};

static const struct unit *find_unit(const char *name, const struct unit *units, size_t count,
                                    int (*compare)(const char *, const char *))
{
	for (size_t i = 0; i < count; i++)
		if (compare(name, units[i].name) == 0)
			return &units[i];
	return NULL;
}

/* Parses digits and one of the units. compare decides whether case matters. */
static int parse_scaled(const char *text, const struct unit *units, size_t count,
                        int (*compare)(const char *, const char *), uint64_t *value)
{
	size_t digits = strspn(text, "0123456789");
	const struct unit *unit = find_unit(text + digits, units, count, compare);
	uint64_t scaled;

	if (digits == 0 || !unit)
		return -EINVAL;
	errno = 0;
	if (__builtin_mul_overflow(strtoull(text, NULL, 10), unit->factor, &scaled) || errno == ERANGE)
		return -ERANGE;
	*value = scaled;
	return 0;
}

int units_parse_size(const char *text, uint64_t *bytes)
{
	return parse_scaled(text, size_units, COUNT(size_units), strcasecmp, bytes);
}

int units_parse_duration(const char *text, uint64_t *milliseconds)
{
	if (strcmp(text, "0") == 0) {
		*milliseconds = 0;
		return 0;
	}
	return parse_scaled(text, duration_units, COUNT(duration_units), strcmp, milliseconds);
}

int units_parse_number(const char *text, uint64_t *number)
{
	return parse_scaled(text, number_units, COUNT(number_units), strcmp, number);
}

int units_parse_bool(const char *text, bool *value)
{
	static const char *const words[][2] = {{"off", "on"}, {"no", "yes"}, {"false", "true"}};

	for (size_t i = 0; i < COUNT(words); i++) {
		for (int truth = 0; truth < 2; truth++) {
			if (strcasecmp(text, words[i][truth]) == 0) {
				*value = truth;
				return 0;
			}
		}
	}
	return -EINVAL;
}

static char *format_scaled(uint64_t value, const struct unit *units, size_t count, char buf[UNITS_TEXT_MAX])
{
	size_t i = count - 1;

	while (value % units[i].factor != 0)
		i--;
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64 "%s", value / units[i].factor, units[i].name);
	return buf;
}

char *units_format_size(uint64_t bytes, char buf[UNITS_TEXT_MAX])
{
	return bytes == 0 ? strcpy(buf, "0") : format_scaled(bytes, size_units, COUNT(size_units), buf);
}

char *units_format_duration(uint64_t milliseconds, char buf[UNITS_TEXT_MAX])
{
	if (milliseconds == 0)
		return strcpy(buf, "0");
	return format_scaled(milliseconds, duration_units, COUNT(duration_units), buf);
}
