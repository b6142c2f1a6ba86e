#include "build_config.h"

#include "top/amounts.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SECOND ((uint64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static char *unknown(char buf[AMOUNT_MAX])
{
	return strcpy(buf, "-");
}

char *amount_number(uint64_t number, char buf[AMOUNT_MAX])
{
	if (number == AMOUNT_UNKNOWN)
		return unknown(buf);
	snprintf(buf, AMOUNT_MAX, "%" PRIu64, number);
	return buf;
}

/* Rounded down, so that it is never more than there is. */
char *amount_size(uint64_t bytes, char buf[AMOUNT_MAX])
{
	static const char units[] = "KMGTPE";
	uint64_t unit = 1024;
	size_t i = 0;

	if (bytes < 1024 || bytes == AMOUNT_UNKNOWN)
		return amount_number(bytes, buf);
	while (i + 1 < strlen(units) && bytes / unit >= 1024) {
		unit *= 1024;
		i++;
	}
	if (bytes / unit < 10)
		snprintf(buf, AMOUNT_MAX, "%" PRIu64 ".%" PRIu64 "%c", bytes / unit, bytes % unit * 10 / unit,
		         units[i]);
	else
		snprintf(buf, AMOUNT_MAX, "%" PRIu64 "%c", bytes / unit, units[i]);
	return buf;
}

/* 3m12s: two units, the second one in two digits; only the first if that has two digits itself. */
static char *two_units(uint64_t first, char first_unit, uint64_t second, char second_unit,
                       char buf[AMOUNT_MAX])
{
	if (first < 10)
		snprintf(buf, AMOUNT_MAX, "%" PRIu64 "%c%02" PRIu64 "%c", first, first_unit, second,
		         second_unit);
	else
		snprintf(buf, AMOUNT_MAX, "%" PRIu64 "%c", first, first_unit);
	return buf;
}

char *amount_duration(uint64_t milliseconds, char buf[AMOUNT_MAX])
{
	if (milliseconds == AMOUNT_UNKNOWN)
		return unknown(buf);
	if (milliseconds < SECOND)
		snprintf(buf, AMOUNT_MAX, "%" PRIu64 "ms", milliseconds);
	else if (milliseconds < MINUTE)
		snprintf(buf, AMOUNT_MAX, "%" PRIu64 ".%" PRIu64 "s", milliseconds / SECOND,
		         milliseconds % SECOND / 100);
	else if (milliseconds < HOUR)
		two_units(milliseconds / MINUTE, 'm', milliseconds % MINUTE / SECOND, 's', buf);
	else if (milliseconds < DAY)
		two_units(milliseconds / HOUR, 'h', milliseconds % HOUR / MINUTE, 'm', buf);
	else
		two_units(milliseconds / DAY, 'd', milliseconds % DAY / HOUR, 'h', buf);
	return buf;
}

char *amount_round_trip(uint64_t microseconds, char buf[AMOUNT_MAX])
{
	if (microseconds == AMOUNT_UNKNOWN)
		return unknown(buf);
	if (microseconds >= 10000)
		return amount_duration(microseconds / 1000, buf);
	snprintf(buf, AMOUNT_MAX, "%" PRIu64 ".%02" PRIu64 "ms", microseconds / 1000,
	         microseconds % 1000 / 10);
	return buf;
}

char *amount_percent(uint64_t permille, char buf[AMOUNT_MAX])
{
	if (permille == AMOUNT_UNKNOWN)
		return unknown(buf);
	snprintf(buf, AMOUNT_MAX, "%" PRIu64 "%%", permille / 10);
	return buf;
}

/* value of whole as a number of columns, at most of them all. What is not nothing has one at least. */
static int share(uint64_t value, uint64_t whole, int columns)
{
	double part = whole > 0 ? (double)value / (double)whole : 0;

	if (value == 0 || value == AMOUNT_UNKNOWN || whole == 0)
		return 0;
	if (part >= 1)
		return columns;
	return (int)max_u64(1, (uint64_t)(part * columns));
}

char *amount_gauge(uint64_t queued, uint64_t low, uint64_t high, int width, char *buf)
{
	int room = width - 2, mark = share(low, high, room - 1);

	memset(buf, ' ', (size_t)width);
	buf[0] = '[';
	memset(buf + 1, '#', (size_t)share(queued, high, room));
	if (low > 0 && high > 0 && low != AMOUNT_UNKNOWN && high != AMOUNT_UNKNOWN)
		buf[1 + mark] = '|';
	buf[width - 1] = ']';
	buf[width] = '\0';
	return buf;
}

wchar_t amount_spark(uint64_t value, uint64_t most, bool ascii)
{
	static const wchar_t plain[] = L" .:-=+*#%",
	                     blocks[] = L" \u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588";

	return (ascii ? plain : blocks)[share(value, most, 8)];
}
