#include "build_config.h"

#include "report/prometheus.h"
#include "unit.h"

#include <ctype.h>
#include <errno.h>

#define LINES_MAX 1000

/* What was written, line by line. */
static char *lines[LINES_MAX];
static size_t line_count;

static struct relay_record relays[] = {
        {
                .name = "db",
                .pairs = 3,
                .counters = {.accepted = 1042,
                             .refused = 7,
                             .connect_failed = 3,
                             .bytes = {1, 2},
                             .pauses = {4, 5},
                             .paused_ms = {977, 60005},
                             .shortages = 6,
                             .closed = {[REASON_EOF] = 900, [REASON_DENIED] = 8, [REASON_INTERNAL] = 1},
                             .waited_us = {1500000, 20003}},
                .queued = {65536, 0},
                .longest = {65535, 0},
                .limits = {{1048576, 524288}, {2097152, 4096}},
                .verdicts = {[BLAME_CLIENT][WHY_READING] = 2, [BLAME_NONE][WHY_PATH] = 1},
        },
        {
                .name = "old",
                .pairs = 1,
                .state = RELAY_REMOVED,
                .limits = {{RECORD_UNKNOWN, RECORD_UNKNOWN}, {RECORD_UNKNOWN, RECORD_UNKNOWN}},
        },
};

static struct target_record targets[] = {
        {.relay = "db", .target = "db.example:1", .weight = 1, .pairs = 2, .totals = {10, 3, 7, 1}},
        {.relay = "db", .target = "db.example:1", .weight = 1, .state = TARGET_DOWN, .totals = {10, 3, 7, 1}},
        {.relay = "db", .target = "unix:/a \"b\"\\\xff\xc3\xa4", .weight = 1, .state = TARGET_DOWN},
        {.relay = "db", .target = NULL},
        {.relay = "db", .target = "db.example:1", .pairs = 4, .state = TARGET_DOWN, .totals = {10, 3, 7, 1}},
        {.relay = "old", .target = "db.example:1", .pairs = 1, .totals = {1, 0, 0, 0}},
};

static struct report_part parts[] = {{.pair_count = 3}, {.pair_count = 1}};

static const struct report example = {
        .process =
                {
                        .version = "0.1.0",
                        .uptime_ms = 3600001,
                        .pairs = 4,
                        .pairs_max = 500,
                        .used = 1048576,
                        .memory_max = 268435456,
                        .dropped_lines = 11,
                        .lookups = 12,
                        .lookup_failures = 13,
                        .reloads = 14,
                        .reload_failures = 15,
                        .takeovers = 16,
                        .takeover_failures = 17,
                },
        .relays = relays,
        .relay_count = 2,
        .targets = targets,
        .target_count = sizeof(targets) / sizeof(targets[0]),
        .parts = parts,
        .part_count = 2,
};

static char *text;

static void write_example(void)
{
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	char *rest = NULL;

	ck_assert_int_eq(report_write_prometheus(&example, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_int_eq(text[length - 1], '\n');
	ck_assert_ptr_null(strstr(text, "\n\n"));
	line_count = 0;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		ck_assert_uint_lt(line_count, LINES_MAX);
		lines[line_count++] = line;
	}
}

static void forget_example(void)
{
	free(text);
}

/* How many lines equal this one. */
static size_t has(const char *wanted)
{
	size_t count = 0;

	for (size_t i = 0; i < line_count; i++)
		count += strcmp(lines[i], wanted) == 0;
	return count;
}

static void assert_has(const char *const wanted[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(has(wanted[i]) == 1, "no line, or more than one: %s", wanted[i]);
}

#define HAS(...)                                                                                             \
	do {                                                                                                 \
		static const char *const wanted[] = {__VA_ARGS__};                                           \
		assert_has(wanted, sizeof(wanted) / sizeof(wanted[0]));                                      \
	} while (0)

/* The words of a line of HELP or TYPE, or NULL. */
static const char *comment_of(const char *line, const char *kind, char name[100])
{
	char start[20];

	snprintf(start, sizeof(start), "# %s ", kind);
	if (strncmp(line, start, strlen(start)) != 0)
		return NULL;
	line += strlen(start);
	snprintf(name, 100, "%.*s", (int)strcspn(line, " "), line);
	return line + strlen(name) + 1;
}

static size_t count_comments(const char *kind, const char *wanted)
{
	char name[100];
	size_t count = 0;

	for (size_t i = 0; i < line_count; i++)
		count += comment_of(lines[i], kind, name) && strcmp(name, wanted) == 0;
	return count;
}

/* A name, labels whose values are escaped, a blank and a number: nothing else. */
static void assert_sample(const char *line, const char *family)
{
	size_t name = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
	const char *at = line + name;

	ck_assert_msg(strlen(family) == name && strncmp(line, family, name) == 0, "%s in %s", line, family);
	while (*at == '{' || *at == ',') {
		at += 1 + strspn(at + 1, "abcdefghijklmnopqrstuvwxyz");
		ck_assert_msg(at[0] == '=' && at[1] == '"', "%s", line);
		for (at += 2; *at != '"'; at++)
			if (*at == '\\')
				ck_assert_msg(strchr("\\\"n", *++at), "%s", line);
		at++;
		ck_assert_msg(*at == ',' || (at[0] == '}' && at[1] == ' '), "%s", line);
		at += *at == '}';
	}
	ck_assert_msg(*at == ' ' && isdigit(at[1]) && strspn(at + 1, "0123456789.") == strlen(at + 1), "%s",
	              line);
}

/* HELP and TYPE come first, once, and then all samples of that name. */
START_TEST(families_are_whole)
{
	char family[100] = "", name[100];
	const char *type;

	write_example();
	for (size_t i = 0; i < line_count; i++) {
		if (comment_of(lines[i], "HELP", family)) {
			ck_assert_uint_eq(count_comments("HELP", family), 1);
			ck_assert_uint_eq(count_comments("TYPE", family), 1);
			type = comment_of(lines[++i], "TYPE", name);
			ck_assert_msg(type && strcmp(name, family) == 0, "%s", lines[i]);
			ck_assert_msg((strcmp(type, "counter") == 0) == (strstr(name, "_total") != NULL),
			              "%s is a %s", name, type);
		} else {
			assert_sample(lines[i], family);
		}
	}
	ck_assert_str_eq(family, "weir_target_check_failures_total");
}
END_TEST

static char *read_manual(void)
{
	const char *srcdir = getenv("srcdir");
	char path[4096], *manual;
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "%s/man/weir-metrics.7", srcdir ? srcdir : ".");
	file = fopen(path, "r");
	ck_assert_msg(file != NULL, "no %s", path);
	manual = calloc(1, 1 << 20);
	length = fread(manual, 1, (1 << 20) - 1, file);
	fclose(file);
	ck_assert_uint_gt(length, 0);
	return manual;
}

/* weir-metrics(7) has them all, each with its labels, and no others. */
START_TEST(the_manual_has_every_family)
{
	char *manual = read_manual(), name[100], item[120];
	size_t families = 0, items = 0;

	write_example();
	for (size_t i = 0; i < line_count; i++) {
		if (!comment_of(lines[i], "HELP", name))
			continue;
		families++;
		snprintf(item, sizeof(item), "\n.It Cm %s\n", name);
		ck_assert_msg(strstr(manual, item) != NULL, "weir-metrics(7) lacks %s", name);
	}
	for (const char *at = manual; (at = strstr(at, "\n.It Cm weir_")); at++)
		items++;
	ck_assert_uint_eq(items, families);
	free(manual);
}
END_TEST

static int compare(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

START_TEST(no_series_is_there_twice)
{
	write_example();
	for (size_t i = 0; i < line_count; i++)
		if (lines[i][0] != '#')
			*strrchr(lines[i], ' ') = '\0';
	qsort(lines, line_count, sizeof(lines[0]), compare);
	for (size_t i = 1; i < line_count; i++)
		ck_assert_str_ne(lines[i - 1], lines[i]);
}
END_TEST

START_TEST(the_process)
{
	write_example();
	HAS("weir_build_info{version=\"0.1.0\"} 1", "weir_uptime_seconds 3600.001", "weir_draining 0",
	    "weir_memory_used_bytes 1048576", "weir_memory_max_bytes 268435456", "weir_pairs_max 500",
	    "weir_worker_pairs{worker=\"0\"} 3", "weir_worker_pairs{worker=\"1\"} 1",
	    "weir_log_lines_dropped_total 11", "weir_lookups_total 12", "weir_lookup_failures_total 13",
	    "weir_reloads_total{result=\"success\"} 14", "weir_reloads_total{result=\"failure\"} 15",
	    "weir_takeovers_total{result=\"success\"} 16", "weir_takeovers_total{result=\"failure\"} 17");
}
END_TEST

START_TEST(relays_and_what_they_have_counted)
{
	write_example();
	HAS("weir_pairs{relay=\"db\"} 3", "weir_pairs{relay=\"old\"} 1",
	    "weir_accepted_total{relay=\"db\"} 1042", "weir_refused_total{relay=\"db\"} 7",
	    "weir_denied_total{relay=\"db\"} 8", "weir_connect_failures_total{relay=\"db\"} 3",
	    "weir_shortages_total{relay=\"db\"} 6", "weir_closed_total{relay=\"db\",reason=\"eof\"} 900",
	    "weir_closed_total{relay=\"db\",reason=\"internal\"} 1",
	    "weir_closed_total{relay=\"db\",reason=\"shutdown\"} 0",
	    "weir_bytes_total{relay=\"db\",direction=\"upload\"} 1",
	    "weir_bytes_total{relay=\"db\",direction=\"download\"} 2",
	    "weir_pauses_total{relay=\"db\",direction=\"upload\"} 4",
	    "weir_pauses_total{relay=\"db\",direction=\"download\"} 5",
	    "weir_paused_seconds_total{relay=\"db\",direction=\"upload\"} 0.977",
	    "weir_paused_seconds_total{relay=\"db\",direction=\"download\"} 60.005",
	    "weir_waited_seconds_total{relay=\"db\",side=\"client\"} 1.500000",
	    "weir_waited_seconds_total{relay=\"db\",side=\"target\"} 0.020003",
	    "weir_queued_bytes{relay=\"db\",direction=\"upload\"} 65536",
	    "weir_longest_queue_bytes{relay=\"db\",direction=\"upload\"} 65535");
	ck_assert_uint_eq(has("weir_closed_total{relay=\"db\",reason=\"none\"} 0"), 0);
}
END_TEST

START_TEST(a_removed_relay_has_no_watermarks)
{
	write_example();
	HAS("weir_high_watermark_bytes{relay=\"db\",direction=\"upload\"} 1048576",
	    "weir_high_watermark_bytes{relay=\"db\",direction=\"download\"} 2097152",
	    "weir_low_watermark_bytes{relay=\"db\",direction=\"upload\"} 524288",
	    "weir_low_watermark_bytes{relay=\"db\",direction=\"download\"} 4096");
	for (size_t i = 0; i < line_count; i++)
		ck_assert(!strstr(lines[i], "watermark") || !strstr(lines[i], "old"));
}
END_TEST

/* All pairs of a relay are counted, also if a verdict is one that is hardly ever met. */
START_TEST(verdicts_are_those_of_all_pairs)
{
	unsigned long sum = 0;

	write_example();
	HAS("weir_verdict_pairs{relay=\"db\",slow=\"client\",why=\"reading\"} 2",
	    "weir_verdict_pairs{relay=\"db\",slow=\"none\",why=\"path\"} 1",
	    "weir_verdict_pairs{relay=\"db\",slow=\"target\",why=\"answer\"} 0",
	    "weir_verdict_pairs{relay=\"db\",slow=\"none\",why=\"idle\"} 0");
	for (size_t i = 0; i < line_count; i++)
		if (strncmp(lines[i], "weir_verdict_pairs{relay=\"db\"", 29) == 0)
			sum += strtoul(strrchr(lines[i], ' '), NULL, 10);
	ck_assert_uint_eq(sum, relays[0].pairs);
	ck_assert_uint_eq(has("weir_verdict_pairs{relay=\"old\",slow=\"none\",why=\"path\"} 0"), 0);
}
END_TEST

/* It has three addresses, one of which only has pairs left. */
START_TEST(addresses_of_a_target_are_one)
{
	write_example();
	HAS("weir_target_up{relay=\"db\",target=\"db.example:1\"} 1",
	    "weir_target_addresses{relay=\"db\",target=\"db.example:1\",state=\"up\"} 1",
	    "weir_target_addresses{relay=\"db\",target=\"db.example:1\",state=\"down\"} 1",
	    "weir_target_addresses{relay=\"db\",target=\"db.example:1\",state=\"trying\"} 0",
	    "weir_target_pairs{relay=\"db\",target=\"db.example:1\"} 6",
	    "weir_target_connects_total{relay=\"db\",target=\"db.example:1\"} 10",
	    "weir_target_connect_failures_total{relay=\"db\",target=\"db.example:1\"} 3",
	    "weir_target_checks_total{relay=\"db\",target=\"db.example:1\"} 7",
	    "weir_target_check_failures_total{relay=\"db\",target=\"db.example:1\"} 1");
}
END_TEST

START_TEST(a_target_that_only_has_pairs_is_neither_up_nor_down)
{
	write_example();
	HAS("weir_target_pairs{relay=\"old\",target=\"db.example:1\"} 1",
	    "weir_target_connects_total{relay=\"old\",target=\"db.example:1\"} 1");
	ck_assert_uint_eq(has("weir_target_up{relay=\"old\",target=\"db.example:1\"} 0"), 0);
	ck_assert_uint_eq(has("weir_target_up{relay=\"old\",target=\"db.example:1\"} 1"), 0);
	ck_assert_uint_eq(has("weir_target_addresses{relay=\"old\",target=\"db.example:1\",state=\"up\"} 0"),
	                  0);
}
END_TEST

START_TEST(labels_are_escaped)
{
	write_example();
	HAS("weir_target_up{relay=\"db\",target=\"unix:/a \\\"b\\\"\\\\\\\\xff\xc3\xa4\"} 0");
}
END_TEST

START_TEST(nothing_to_tell)
{
	const struct report none = {.process.version = "0.1.0"};
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	ck_assert_int_eq(report_write_prometheus(&none, out), 0);
	ck_assert_int_eq(fclose(out), 0);
	ck_assert_ptr_nonnull(strstr(text, "\nweir_uptime_seconds 0.000\n"));
	ck_assert_ptr_null(strstr(text, "{relay"));
}
END_TEST

/* Metrics that were cut short would look like relays that are gone. */
START_TEST(full_disk)
{
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	setbuf(full, NULL);
	ck_assert_int_eq(report_write_prometheus(&example, full), -EIO);
	fclose(full);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("prometheus");
	TCase *tcase = tcase_create("prometheus");

	tcase_add_checked_fixture(tcase, NULL, forget_example);
	tcase_add_test(tcase, families_are_whole);
	tcase_add_test(tcase, no_series_is_there_twice);
	tcase_add_test(tcase, the_manual_has_every_family);
	tcase_add_test(tcase, the_process);
	tcase_add_test(tcase, relays_and_what_they_have_counted);
	tcase_add_test(tcase, a_removed_relay_has_no_watermarks);
	tcase_add_test(tcase, verdicts_are_those_of_all_pairs);
	tcase_add_test(tcase, addresses_of_a_target_are_one);
	tcase_add_test(tcase, a_target_that_only_has_pairs_is_neither_up_nor_down);
	tcase_add_test(tcase, labels_are_escaped);
	tcase_add_test(tcase, nothing_to_tell);
	tcase_add_test(tcase, full_disk);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
