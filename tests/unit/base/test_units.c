#include "build_config.h"

#include "base/units.h"
#include "unit.h"

#include <errno.h>
#include <inttypes.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED    4711

struct good {
	const char *text;
	uint64_t value;
	const char *formatted;
};

struct bad {
	const char *text;
	int error;
};

static const struct good sizes[] = {
        {"0", 0, "0"},
        {"1", 1, "1"},
        {"1023", 1023, "1023"},
        {"4096", 4096, "4K"},
        {"64K", 65536, "64K"},
        {"64k", 65536, "64K"},
        {"1M", 1048576, "1M"},
        {"1024M", 1ull << 30, "1G"},
        {"2g", 2ull << 30, "2G"},
        {"3T", 3ull << 40, "3T"},
        {"1025K", 1025 * 1024, "1025K"},
        {"18446744073709551615", UINT64_MAX, "18446744073709551615"},
        {"16777215T", 16777215ull << 40, "16777215T"},
};

static const struct good durations[] = {
        {"0", 0, "0"},
        {"0s", 0, "0"},
        {"500ms", 500, "500ms"},
        {"1500ms", 1500, "1500ms"},
        {"30s", 30000, "30s"},
        {"5m", 300000, "5m"},
        {"60s", 60000, "1m"},
        {"1h", 3600000, "1h"},
        {"24h", 86400000, "1d"},
        {"2d", 172800000, "2d"},
        {"90m", 90 * 60 * 1000ull, "90m"},
};

static const struct good numbers[] = {
        {"0", 0, NULL},
        {"1", 1, NULL},
        {"256", 256, NULL},
        {"18446744073709551615", UINT64_MAX, NULL},
};

static const struct bad bad_sizes[] = {
        {"", -EINVAL},
        {"K", -EINVAL},
        {"+1", -EINVAL},
        {"-1", -EINVAL},
        {" 1", -EINVAL},
        {"1 ", -EINVAL},
        {"1 K", -EINVAL},
        {"1KB", -EINVAL},
        {"1KiB", -EINVAL},
        {"0x10", -EINVAL},
        {"1.5M", -EINVAL},
        {"1e3", -EINVAL},
        {"1P", -EINVAL},
        {"auto", -EINVAL},
        {"16777216T", -ERANGE},
        {"18446744073709551616", -ERANGE},
        {"99999999999999999999999K", -ERANGE},
        {"99999999999999999999999X", -EINVAL},
};

static const struct bad bad_durations[] = {
        {"", -EINVAL},
        {"s", -EINVAL},
        {"1", -EINVAL},
        {"00", -EINVAL},
        {"30", -EINVAL},
        {"-1s", -EINVAL},
        {"+1s", -EINVAL},
        {"1 s", -EINVAL},
        {"1S", -EINVAL},
        {"1M", -EINVAL},
        {"1min", -EINVAL},
        {"1w", -EINVAL},
        {"1h30m", -EINVAL},
        {"1.5h", -EINVAL},
        {"18446744073709551615s", -ERANGE},
        {"18446744073709551616ms", -ERANGE},
};

static const struct bad bad_numbers[] = {
        {"", -EINVAL},   {"+1", -EINVAL},  {"-1", -EINVAL},
        {"1K", -EINVAL}, {"1x", -EINVAL},  {"1 ", -EINVAL},
        {" 1", -EINVAL}, {"0x1", -EINVAL}, {"18446744073709551616", -ERANGE},
};

static void check_good(const struct good *good, int (*parse)(const char *, uint64_t *),
                       char *(*format)(uint64_t, char *))
{
	char buf[UNITS_TEXT_MAX];
	uint64_t value = UNTOUCHED;

	ck_assert_msg(parse(good->text, &value) == 0, "\"%s\" was refused", good->text);
	ck_assert_msg(value == good->value, "\"%s\" is %" PRIu64, good->text, value);
	if (format)
		ck_assert_str_eq(format(value, buf), good->formatted);
}

static void check_bad(const struct bad *bad, int (*parse)(const char *, uint64_t *))
{
	uint64_t value = UNTOUCHED;
	int r = parse(bad->text, &value);

	ck_assert_msg(r == bad->error, "\"%s\" gave %d", bad->text, r);
	ck_assert_uint_eq(value, UNTOUCHED);
}

START_TEST(size_is_taken)
{
	check_good(&sizes[_i], units_parse_size, units_format_size);
}
END_TEST

START_TEST(duration_is_taken)
{
	check_good(&durations[_i], units_parse_duration, units_format_duration);
}
END_TEST

START_TEST(number_is_taken)
{
	check_good(&numbers[_i], units_parse_number, NULL);
}
END_TEST

START_TEST(size_is_refused)
{
	check_bad(&bad_sizes[_i], units_parse_size);
}
END_TEST

START_TEST(duration_is_refused)
{
	check_bad(&bad_durations[_i], units_parse_duration);
}
END_TEST

START_TEST(number_is_refused)
{
	check_bad(&bad_numbers[_i], units_parse_number);
}
END_TEST

START_TEST(bools_are_words)
{
	static const char *const truths[] = {"on", "yes", "true", "ON", "Yes", "tRuE"};
	static const char *const lies[] = {"off", "no", "false", "OFF", "No", "fAlSe"};
	static const char *const neither[] = {"", "1", "0", "y", "n", "on ", " on", "enabled", "truee"};
	bool value;

	for (size_t i = 0; i < COUNT(truths); i++) {
		value = false;
		ck_assert_int_eq(units_parse_bool(truths[i], &value), 0);
		ck_assert(value);
	}
	for (size_t i = 0; i < COUNT(lies); i++) {
		value = true;
		ck_assert_int_eq(units_parse_bool(lies[i], &value), 0);
		ck_assert(!value);
	}
	for (size_t i = 0; i < COUNT(neither); i++)
		ck_assert_int_eq(units_parse_bool(neither[i], &value), -EINVAL);
}
END_TEST

/* The text of any value parses back to the same value. */
START_TEST(formatting_loses_nothing)
{
	uint64_t value = 1;

	for (int i = 0; i < 20000; i++) {
		char buf[UNITS_TEXT_MAX];
		uint64_t back = UNTOUCHED;

		value = value * 6364136223846793005u + 1442695040888963407u;
		uint64_t shifted = value >> (i % 64);
		ck_assert_int_eq(units_parse_size(units_format_size(shifted, buf), &back), 0);
		ck_assert_uint_eq(back, shifted);
		ck_assert_int_eq(units_parse_duration(units_format_duration(shifted, buf), &back), 0);
		ck_assert_uint_eq(back, shifted);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("units");
	TCase *tcase = tcase_create("units");

	tcase_add_loop_test(tcase, size_is_taken, 0, COUNT(sizes));
	tcase_add_loop_test(tcase, size_is_refused, 0, COUNT(bad_sizes));
	tcase_add_loop_test(tcase, duration_is_taken, 0, COUNT(durations));
	tcase_add_loop_test(tcase, duration_is_refused, 0, COUNT(bad_durations));
	tcase_add_loop_test(tcase, number_is_taken, 0, COUNT(numbers));
	tcase_add_loop_test(tcase, number_is_refused, 0, COUNT(bad_numbers));
	tcase_add_test(tcase, bools_are_words);
	tcase_add_test(tcase, formatting_loses_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
