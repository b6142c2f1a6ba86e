#include "build_config.h"

#include "report/file.h"
#include "report/json.h"
#include "report/text.h"
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct process_record process = {
        .version = "0.1.0",
        .pid = 4242,
        .time = 1767225600,
        .uptime_ms = 3600000,
        .workers = 2,
        .pairs = 1,
        .used = 1048576,
        .memory_max = 268435456,
        .takeovers = 3,
        .takeover_failures = 1,
};

static struct relay_record relay = {
        .name = "db",
        .pairs = 1,
        .limits = {{1048576, 524288}, {2097152, 1048576}},
        .counters = {.accepted = 1042,
                     .connect_failed = 3,
                     .bytes = {1, 2},
                     .pauses = {1, 3},
                     .paused_ms = {77, 900}},
};

static const struct endpoint target = {
        .length = sizeof(struct sockaddr_in),
        .in = {.sin_family = AF_INET, .sin_port = 0x3815, .sin_addr = {0x0900000a}}, /* 10.0.0.9:5432 */
};

static struct target_record used = {
        .relay = "db",
        .target = "db1.example.net:5432",
        .address = &target,
        .state = TARGET_UP,
        .weight = 5,
        .pairs = 1,
        .connects = 1039,
        .failures = 9,
        .last_error = -ECONNREFUSED,
        .since_ms = 42000,
};

static struct pair_record pair = {
        .id = 17,
        .relay = "db",
        .worker = 0,
        .state = STATE_OPEN,
        .target.first = &target,
        .client = {.in = {.sin_family = AF_INET, .sin_port = 0x22c8, .sin_addr = {0x0500000a}}},
        .age_ms = 12300,
        .idle_ms = 4,
        .verdict = {BLAME_CLIENT, WHY_READING},
        .since_ms = 801,
        .last_from = BLAME_TARGET,
        .waited_client = 978,
        .waited_target = 12,
        .flow =
                {
                        [UPLOAD] =
                                {
                                        .queued = 0,
                                        .peak = 65536,
                                        .high = 1048576,
                                        .low = 524288,
                                        .reading = READING_ON,
                                        .bytes = 1,
                                        .limited_by = BLAME_NONE,
                                        .rtt_us = 231,
                                },
                        [DOWNLOAD] =
                                {
                                        .queued = 1048576,
                                        .peak = 1048576,
                                        .high = 1048576,
                                        .low = 524288,
                                        .reading = READING_PAUSED,
                                        .pauses = 4,
                                        .paused_ms = 977,
                                        .longest_pause_ms = 801,
                                        .bytes = 2,
                                        .source_queue = 3145728,
                                        .sink_queue = 4194304,
                                        .limited_by = BLAME_CLIENT,
                                        .paused = 950,
                                        .lag_ms = 8201,
                                        .rtt_us = RECORD_UNKNOWN,
                                        .rwnd = 871,
                                        .retrans = 3,
                                },
                },
};

/* The example that users were given, letter for letter. */
static char golden[] =
        "weir version=0.1.0 pid=4242 time=2026-01-01T00:00:00Z uptime_ms=3600000 workers=2 pairs=1 "
        "used=1048576 memory_max=268435456 takeovers=3 takeover_failures=1\n"
        "relay name=db pairs=1 accepted=1042 refused=0 connect_failed=3 upload_bytes=1 download_bytes=2 "
        "pauses=4 paused_ms=977 shortages=0 denied=0 state=active upload_queued=0 download_queued=0 "
        "upload_longest=0 download_longest=0 upload_high=1048576 download_high=2097152 upload_low=524288 "
        "download_low=1048576 waited_client_ms=0 waited_target_ms=0 slow_client=0 slow_target=0 "
        "slow_relay=0\n"
        "target relay=db target=db1.example.net:5432 address=10.0.0.9:5432 backup=no state=up weight=5 "
        "pairs=1 connects=1039 failures=9 last_error=ECONNREFUSED since_ms=42000 checks=0 check_failures=0\n"
        "pair id=17 relay=db worker=0 state=open client=10.0.0.5:51234 target=10.0.0.9:5432 age_ms=12300 "
        "idle_ms=4 via=- slow=client why=reading since_ms=801 last_from=target waited_client=978 "
        "waited_target=12\n"
        "flow pair=17 direction=upload queued=0 peak=65536 high=1048576 low=524288 reading=on pauses=0 "
        "paused_ms=0 longest_pause_ms=0 bytes=1 source_queue=0 sink_queue=0 limited_by=none unanswered_ms=0 "
        "paused=0 lag_ms=0 rtt_us=231 rwnd=0 retrans=0\n"
        "flow pair=17 direction=download queued=1048576 peak=1048576 high=1048576 low=524288 reading=paused "
        "pauses=4 paused_ms=977 longest_pause_ms=801 bytes=2 source_queue=3145728 sink_queue=4194304 "
        "limited_by=client unanswered_ms=0 paused=950 lag_ms=8201 rtt_us=- rwnd=871 retrans=3\n"
        "end pairs=1\n";

struct records {
	struct relay_record *relays;
	size_t relay_count;
	struct pair_record *pairs;
	size_t pair_count;
	struct target_record *targets;
	size_t target_count;
};

/* Splits the pairs into two parts, as if from two workers. Returns NULL on failure. */
static char *write_report(enum dump_format format, const struct records *records, size_t *length)
{
	size_t half = records->pair_count / 2;
	struct report_part parts[] = {
	        {.pairs = records->pairs, .pair_count = half},
	        {.pairs = records->pairs + half, .pair_count = records->pair_count - half},
	};
	const struct report report = {
	        .process = process,
	        .relays = records->relays,
	        .relay_count = records->relay_count,
	        .targets = records->targets,
	        .target_count = records->target_count,
	        .parts = parts,
	        .part_count = 2,
	};
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	int error = format == DUMP_JSON ? report_write_json(&report, out) : report_write_text(&report, out);

	ck_assert_int_eq(fclose(out), 0);
	if (!error)
		return text;
	free(text);
	return NULL;
}

static char *write_text(const struct records *records)
{
	size_t length = 0;
	char *text = write_report(DUMP_TEXT, records, &length);

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), length);
	return text;
}

static json_t *write_json(const struct records *records)
{
	size_t length = 0;
	char *text = write_report(DUMP_JSON, records, &length);
	json_error_t error;
	json_t *json;

	ck_assert_ptr_nonnull(text);
	ck_assert_uint_eq(strlen(text), length);
	ck_assert_int_eq(text[length - 1], '\n');
	json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(json != NULL, "%s in %s", error.text, text);
	free(text);
	return json;
}

static const struct records example = {&relay, 1, &pair, 1, &used, 1};

START_TEST(test_golden_text)
{
	char *text = write_text(&example);

	ck_assert_str_eq(text, golden);
	free(text);
}
END_TEST

/* The object that a text line of this kind should equal. Lines are counted from 0. */
static json_t *json_of_line(json_t *json, const char *kind, size_t pairs, size_t relays, size_t targets,
                            size_t flows)
{
	if (strcmp(kind, "target") == 0)
		return json_array_get(json_object_get(json, "target"), targets);
	if (strcmp(kind, "relay") == 0)
		return json_array_get(json_object_get(json, "relay"), relays);
	if (strcmp(kind, "pair") == 0)
		return json_array_get(json_object_get(json, "pair"), pairs);
	if (strcmp(kind, "flow") == 0) {
		json_t *owner = json_array_get(json_object_get(json, "pair"), flows / 2);

		return json_array_get(json_object_get(owner, "flow"), flows % 2);
	}
	return json_object_get(json, kind);
}

static void assert_same_value(const char *name, const char *text, const json_t *value)
{
	char number[32];

	if (json_is_null(value)) {
		ck_assert_str_eq(text, "-");
		return;
	}
	if (json_is_string(value) && strcmp(name, "sink_queue") != 0) {
		ck_assert_str_eq(json_string_value(value), text);
		return;
	}
	ck_assert_msg(json_is_integer(value), "%s is no number", name);
	snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	ck_assert_str_eq(number, text);
}

/* Checks that the fields of a line have the names, order and values of object, and that none is left over. */
static void assert_same_fields(char *fields, json_t *object)
{
	void *at = json_object_iter(object);
	char *rest = NULL;

	for (char *field = strtok_r(fields, " ", &rest); field; field = strtok_r(NULL, " ", &rest)) {
		char *value = strchr(field, '=');

		ck_assert_ptr_nonnull(value);
		*value++ = '\0';
		ck_assert_msg(at != NULL, "%s is not in the JSON", field);
		ck_assert_str_eq(json_object_iter_key(at), field);
		assert_same_value(field, value, json_object_iter_value(at));
		at = json_object_iter_next(object, at);
	}
	if (at && strcmp(json_object_iter_key(at), "flow") == 0)
		at = json_object_iter_next(object, at);
	ck_assert_msg(at == NULL, "%s is not in the text", at ? json_object_iter_key(at) : "");
}

static void assert_same(char *text, json_t *json)
{
	size_t relays = 0, targets = 0, pairs = 0, flows = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		char *fields = strchr(line, ' ');
		json_t *object;

		ck_assert_ptr_nonnull(fields);
		*fields++ = '\0';
		object = json_of_line(json, line, pairs, relays, targets, flows);
		ck_assert_msg(json_is_object(object), "no object for %s %s", line, fields);
		assert_same_fields(fields, object);
		relays += strcmp(line, "relay") == 0;
		targets += strcmp(line, "target") == 0;
		pairs += strcmp(line, "pair") == 0;
		flows += strcmp(line, "flow") == 0;
	}
	ck_assert_uint_eq(relays, json_array_size(json_object_get(json, "relay")));
	ck_assert_uint_eq(targets, json_array_size(json_object_get(json, "target")));
	ck_assert_uint_eq(pairs, json_array_size(json_object_get(json, "pair")));
	ck_assert_uint_eq(flows, 2 * pairs);
	ck_assert_uint_eq(json_object_size(json), 5);
}

/* Every value is different, and every word is used. */
static void make_pairs(struct pair_record pairs[5])
{
	uint64_t next = 1000;

	for (unsigned i = 0; i < 5; i++) {
		pairs[i] = pair;
		pairs[i].id = next++;
		pairs[i].worker = (unsigned)next++;
		pairs[i].state = (enum pair_state)i;
		pairs[i].age_ms = next++;
		pairs[i].idle_ms = next++;
		for (unsigned j = 0; j < DIRECTIONS; j++) {
			pairs[i].flow[j] = (struct flow_record){
			        .queued = next + 1,
			        .peak = next + 2,
			        .high = next + 3,
			        .low = next + 4,
			        .pauses = next + 5,
			        .paused_ms = next + 6,
			        .longest_pause_ms = next + 7,
			        .bytes = next + 8,
			        .source_queue = next + 9,
			        .sink_queue = next + 10,
			        .reading = (enum reading)((i + j) % 4),
			        .limited_by = (enum blame)((i + j) % 4),
			        .unanswered_ms = next + 11,
			};
			next += 12;
		}
	}
}

/* Every value is different, and every word is used. */
static void make_targets(struct target_record targets[4])
{
	for (unsigned i = 0; i < 4; i++) {
		targets[i] = used;
		targets[i].backup = i % 2 > 0;
		targets[i].state = (enum target_state)(i % 3);
		targets[i].weight = 10 * i + 1;
		targets[i].pairs = 10 * i + 2;
		targets[i].connects = 10 * i + 3;
		targets[i].failures = 10 * i + 4;
		targets[i].since_ms = 10 * i + 5;
		targets[i].checks = 10 * i + 6;
		targets[i].check_failures = 10 * i + 7;
	}
	targets[3].address = NULL;
	targets[3].since_ms = RECORD_UNKNOWN;
	targets[1].last_error = 0;
	targets[2].last_error = -ETIMEDOUT;
}

START_TEST(test_json_equals_text)
{
	struct relay_record relays[] = {relay,
	                                {.name = "web",
	                                 .pairs = 2,
	                                 .counters = {.accepted = 3, .refused = 4, .bytes = {6, 7}},
	                                 .state = RELAY_REMOVED}};
	struct pair_record pairs[5];
	struct target_record targets[4];
	const struct records records = {relays, 2, pairs, 5, targets, 4};
	json_t *json;
	char *text;

	make_pairs(pairs);
	make_targets(targets);
	pairs[2].flow[UPLOAD].sink_queue = RECORD_UNKNOWN;
	text = write_text(&records);
	ck_assert_ptr_nonnull(strstr(text, " sink_queue=- "));
	json = write_json(&records);
	assert_same(text, json);
	json_decref(json);
	free(text);
}
END_TEST

START_TEST(test_words)
{
	const char *const words[] = {
	        " state=connecting ", " state=open ",           " state=half_closed ", " state=closing ",
	        " reading=waiting ",  " reading=on ",           " reading=paused ",    " reading=ended ",
	        " limited_by=none ",  " limited_by=relay ",     " limited_by=client ", " limited_by=target ",
	        " state=active ",     " state=removed ",        " state=up ",          " state=down ",
	        " state=trying ",     " backup=yes ",           " backup=no ",         " address=- ",
	        " last_error=- ",     " last_error=ETIMEDOUT ", " state=waiting ",
	};
	struct relay_record relays[] = {relay, {.name = "web", .state = RELAY_REMOVED}};
	struct pair_record pairs[5];
	struct target_record targets[4];
	const struct records records = {relays, 2, pairs, 5, targets, 4};
	char *text;

	make_pairs(pairs);
	make_targets(targets);
	text = write_text(&records);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(strstr(text, words[i]) != NULL, "no %s in %s", words[i], text);
	free(text);
}
END_TEST

START_TEST(test_nothing_to_tell)
{
	struct pair_record nothing;
	const struct records none = {NULL, 0, &nothing, 0, NULL, 0};
	char *text = write_text(&none);
	json_t *json = write_json(&none);

	ck_assert_ptr_nonnull(strstr(text, "\nend pairs=0\n"));
	ck_assert(json_is_array(json_object_get(json, "relay")));
	ck_assert(json_is_array(json_object_get(json, "target")));
	ck_assert(json_is_array(json_object_get(json, "pair")));
	assert_same(text, json);
	json_decref(json);
	free(text);
}
END_TEST

START_TEST(test_target_of_a_range_has_its_own_port)
{
	struct pair_record placed = pair;
	const struct records records = {NULL, 0, &placed, 1, NULL, 0};
	char *text, wanted[64];

	placed.target.place = 7;
	snprintf(wanted, sizeof(wanted), ":%u age_ms=", endpoint_port(&target) + 7);
	text = write_text(&records);
	ck_assert_ptr_nonnull(strstr(text, wanted));
	free(text);
}
END_TEST

START_TEST(test_values_are_one_word)
{
	struct relay_record bad = {.name = "a b\nend pairs=9\"\\\x01\xff\xc3\xa4"};
	struct pair_record odd = pair;
	const struct records records = {&bad, 1, &odd, 1, NULL, 0};
	char *text;
	json_t *json;

	odd.relay = NULL;
	odd.target.first = NULL;
	odd.client.any.sa_family = AF_UNIX;
	odd.via = pair.client;
	text = write_text(&records);
	ck_assert_ptr_nonnull(strstr(text, "\nrelay name=a?b?end?pairs=9\"\\???? pairs=0 "));
	ck_assert_ptr_nonnull(strstr(text, " relay=- "));
	ck_assert_ptr_nonnull(strstr(text, " client=unix: target=- "));
	ck_assert_ptr_nonnull(strstr(text, " via=10.0.0.5:51234 "));
	json = write_json(&records);
	assert_same(text, json);
	json_decref(json);
	free(text);
}
END_TEST

static size_t live, live_most; /* allocations by jansson */
static size_t until_failure;

static void *counting_malloc(size_t size)
{
	if (++live > live_most)
		live_most = live;
	return malloc(size);
}

static void counting_free(void *at)
{
	live -= at != NULL;
	free(at);
}

static void *failing_malloc(size_t size)
{
	return until_failure > 0 && --until_failure == 0 ? NULL : malloc(size);
}

static size_t most_allocations(size_t count)
{
	struct pair_record *pairs = calloc(count, sizeof(*pairs));
	const struct records records = {&relay, 1, pairs, count, NULL, 0};
	size_t length;

	ck_assert_ptr_nonnull(pairs);
	for (size_t i = 0; i < count; i++) {
		pairs[i] = pair;
		pairs[i].id = i;
	}
	live = live_most = 0;
	json_set_alloc_funcs(counting_malloc, counting_free);
	free(write_report(DUMP_JSON, &records, &length));
	json_set_alloc_funcs(malloc, free);
	free(pairs);
	ck_assert_uint_eq(live, 0);
	return live_most;
}

/* However many pairs there are, at most one of them is in memory as a tree. */
START_TEST(test_json_is_streamed)
{
	size_t one = most_allocations(1);

	ck_assert_uint_gt(one, 0);
	ck_assert_uint_eq(most_allocations(10000), one);
}
END_TEST

static unsigned yields;
static unsigned yield_ms; /* that others take each time */

/* The writer's. */
int sched_yield(void)
{
	const struct timespec others = {.tv_nsec = yield_ms * 1000000L};

	yields++;
	return yield_ms > 0 ? nanosleep(&others, NULL) : 0;
}

static void write_many(enum dump_format format)
{
	struct pair_record *pairs = calloc(1000, sizeof(*pairs));
	const struct records records = {&relay, 1, pairs, 1000, NULL, 0};
	size_t length;

	ck_assert_ptr_nonnull(pairs);
	for (size_t i = 0; i < 1000; i++)
		pairs[i] = pair;
	yields = 0;
	free(write_report(format, &records, &length));
	free(pairs);
}

/* A worker on the same CPU had to wait for the end of the writer's slice, for 3 ms. _i: the format. */
START_TEST(worker_runs_while_a_report_is_written)
{
	yield_ms = 0;
	write_many((enum dump_format)_i);
	ck_assert_uint_ge(yields, 10);
}
END_TEST

/* Where other programs keep the CPUs busy, a dump of 2,000 pairs did not end within half a minute. */
START_TEST(report_is_written_on_a_busy_machine)
{
	yield_ms = 4;
	write_many((enum dump_format)_i);
	ck_assert_uint_ge(yields, 1);
	ck_assert_uint_le(yields, 3);
}
END_TEST

START_TEST(test_many_pairs_parse)
{
	struct pair_record *pairs = calloc(10000, sizeof(*pairs));
	const struct records records = {&relay, 1, pairs, 10000, NULL, 0};
	json_t *json, *array;

	ck_assert_ptr_nonnull(pairs);
	for (size_t i = 0; i < 10000; i++)
		pairs[i].id = i;
	json = write_json(&records);
	array = json_object_get(json, "pair");
	ck_assert_uint_eq(json_array_size(array), 10000);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(array, 9999), "id")), 9999);
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(json, "end"), "pairs")), 10000);
	json_decref(json);
	free(pairs);
}
END_TEST

/* The writer must get an error, because a report that was cut short is useless. */
START_TEST(test_full_disk)
{
	struct report_part part = {.pairs = &pair, .pair_count = 1};
	const struct report report = {
	        .process = process, .relays = &relay, .relay_count = 1, .parts = &part, .part_count = 1};
	FILE *full = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(full);
	setbuf(full, NULL);
	ck_assert_int_eq(report_write_text(&report, full), -EIO);
	ck_assert_int_eq(report_write_json(&report, full), -EIO);
	fclose(full);
}
END_TEST

static const struct flow_limits limits[DIRECTIONS] = {{4096, 1024}, {8192, 2048}};

/* A part of a worker, with one relay that has counted something, at place 1. */
static void fill_part(struct report_part *part, uint64_t unit)
{
	part->relays = calloc(2, sizeof(*part->relays));
	ck_assert_ptr_nonnull(part->relays);
	part->relays[1] = (struct relay_record){
	        .pairs = 8 * unit,
	        .counters = {.accepted = unit,
	                     .refused = 2 * unit,
	                     .connect_failed = 3 * unit,
	                     .bytes = {4 * unit, 5 * unit},
	                     .pauses = {6 * unit, 7 * unit},
	                     .paused_ms = {8 * unit, 9 * unit},
	                     .shortages = 12 * unit,
	                     .closed[REASON_EOF] = 13 * unit,
	                     .closed[REASON_INTERNAL] = 14 * unit,
	                     .waited_us = {15 * unit, 16 * unit}},
	};
}

START_TEST(counters_add_up)
{
	struct label *name = label_new("db");
	struct report *report = report_new(1, 2);
	struct relay_record *sum = report->relays;

	report_add_relay(report, name, 1, limits);
	label_put(name); /* the report has a reference */
	fill_part(&report->parts[0], 1);
	fill_part(&report->parts[1], 10);
	report_sum(report);
	ck_assert_uint_eq(report->relay_count, 1);
	ck_assert_str_eq(sum->name, "db");
	ck_assert_uint_eq(sum->pairs, 88);
	ck_assert_uint_eq(sum->counters.accepted, 11);
	ck_assert_uint_eq(sum->counters.refused, 22);
	ck_assert_uint_eq(sum->counters.connect_failed, 33);
	ck_assert_uint_eq(sum->counters.bytes[UPLOAD], 44);
	ck_assert_uint_eq(sum->counters.bytes[DOWNLOAD], 55);
	ck_assert_uint_eq(sum->counters.pauses[UPLOAD], 66);
	ck_assert_uint_eq(sum->counters.pauses[DOWNLOAD], 77);
	ck_assert_uint_eq(sum->counters.paused_ms[UPLOAD], 88);
	ck_assert_uint_eq(sum->counters.paused_ms[DOWNLOAD], 99);
	ck_assert_uint_eq(sum->counters.shortages, 132);
	ck_assert_uint_eq(sum->counters.closed[REASON_EOF], 143);
	ck_assert_uint_eq(sum->counters.closed[REASON_INTERNAL], 154);
	ck_assert_uint_eq(sum->counters.closed[REASON_DENIED], 0);
	ck_assert_uint_eq(sum->counters.waited_us[UPLOAD], 165);
	ck_assert_uint_eq(sum->counters.waited_us[DOWNLOAD], 176);
	report_free(report);
}
END_TEST

START_TEST(queues_and_verdicts_of_workers_add_up)
{
	struct label *name = label_new("db");
	struct report *report = report_new(1, 2);
	const struct relay_record *sum = report->relays;

	report_add_relay(report, name, 1, limits);
	label_put(name);
	fill_part(&report->parts[0], 1);
	report->parts[0].relays[1].queued[UPLOAD] = 12;
	report->parts[0].relays[1].longest[UPLOAD] = 7;
	report->parts[0].relays[1].verdicts[BLAME_CLIENT][WHY_READING] = 1;
	report->parts[0].relays[1].verdicts[BLAME_CLIENT][WHY_PATH] = 1;
	fill_part(&report->parts[1], 1);
	report->parts[1].relays[1].queued[UPLOAD] = 6;
	report->parts[1].relays[1].queued[DOWNLOAD] = 16;
	report->parts[1].relays[1].longest[UPLOAD] = 6;
	report->parts[1].relays[1].longest[DOWNLOAD] = 9;
	report->parts[1].relays[1].verdicts[BLAME_CLIENT][WHY_PATH] = 1;
	report->parts[1].relays[1].verdicts[BLAME_TARGET][WHY_ANSWER] = 1;
	report_sum(report);
	ck_assert_uint_eq(sum->queued[UPLOAD], 18);
	ck_assert_uint_eq(sum->queued[DOWNLOAD], 16);
	ck_assert_uint_eq(sum->longest[UPLOAD], 7);
	ck_assert_uint_eq(sum->longest[DOWNLOAD], 9);
	ck_assert_uint_eq(sum->verdicts[BLAME_CLIENT][WHY_READING], 1);
	ck_assert_uint_eq(sum->verdicts[BLAME_CLIENT][WHY_PATH], 2);
	ck_assert_uint_eq(sum->verdicts[BLAME_TARGET][WHY_ANSWER], 1);
	ck_assert_uint_eq(sum->verdicts[BLAME_TARGET][WHY_PATH], 0);
	ck_assert_uint_eq(sum->limits[UPLOAD].low, 1024);
	ck_assert_uint_eq(sum->limits[DOWNLOAD].high, 8192);
	report_free(report);
}
END_TEST

START_TEST(removed_relay_is_reported_while_it_has_pairs)
{
	struct label *names[] = {label_new("new"), label_new("idle"), label_new("old"), label_new("gone")};
	struct report *report = report_new(4, 1);

	report_add_relay(report, names[0], 0, limits);
	for (size_t i = 1; i < 4; i++)
		report_add_relay(report, names[i], i, NULL);
	for (size_t i = 0; i < 4; i++)
		label_put(names[i]);
	report->parts[0].relays = calloc(4, sizeof(struct relay_record));
	report->parts[0].relays[2].pairs = 1;
	report_sum(report);
	ck_assert_uint_eq(report->relay_count, 2);
	ck_assert_str_eq(report->relays[0].name, "new");
	ck_assert_str_eq(report->relays[1].name, "old");
	ck_assert_uint_eq(report->relays[1].pairs, 1);
	ck_assert_uint_eq(report->relays[1].limits[UPLOAD].high, RECORD_UNKNOWN);
	report_free(report);
}
END_TEST

/* There is a complete dump or none. */
START_TEST(test_out_of_memory)
{
	size_t length, failed = 0;
	char *text = NULL;

	do {
		free(text);
		until_failure = ++failed;
		json_set_alloc_funcs(failing_malloc, free);
		text = write_report(DUMP_JSON, &example, &length);
		json_set_alloc_funcs(malloc, free);
		ck_assert_msg((text == NULL) == (until_failure == 0), "allocation %zu", failed);
	} while (until_failure == 0);
	free(text);
	ck_assert_uint_gt(failed, 50);
}
END_TEST

static char folder[UNIT_PATH_MAX];
static char path[64];

static void setup_folder(void)
{
	unit_make_folder(folder);
	snprintf(path, sizeof(path), "%s/dump", folder);
}

/* rmdir(2) checks that nothing is left behind. */
static void teardown_folder(void)
{
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static void assert_file(const char *name, const char *expected)
{
	char text[256];
	FILE *file = fopen(name, "r");
	size_t length;

	ck_assert_ptr_nonnull(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	fclose(file);
	ck_assert_str_eq(text, expected);
}

static void make_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static char fresh[] = "new";

static int put_text(void *text, FILE *out)
{
	return fputs(text, out) < 0 ? -EIO : 0;
}

START_TEST(test_file_is_replaced)
{
	const mode_t masks[] = {0, 022, 077, 0777};
	struct stat st;

	make_file(path, "what was there before and is longer");
	umask(masks[_i]);
	ck_assert_int_eq(report_write_file(path, put_text, fresh), 0);
	umask(022);
	assert_file(path, "new");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode, S_IFREG | 0640);
}
END_TEST

START_TEST(test_symlink_is_replaced)
{
	char other[80];
	struct stat st;

	snprintf(other, sizeof(other), "%s/other", folder);
	make_file(other, "untouched");
	ck_assert_int_eq(symlink(other, path), 0);
	ck_assert_int_eq(report_write_file(path, put_text, fresh), 0);
	assert_file(other, "untouched");
	assert_file(path, "new");
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	unlink(other);
}
END_TEST

START_TEST(test_folder_in_the_way)
{
	ck_assert_int_eq(mkdir(path, 0755), 0);
	ck_assert_int_eq(report_write_file(path, put_text, fresh), -EISDIR);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(test_special_file_stays)
{
	struct stat st;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(report_write_file(path, put_text, fresh), -ENODEV);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISFIFO(st.st_mode));
}
END_TEST

START_TEST(test_no_folder)
{
	char name[80];

	snprintf(name, sizeof(name), "%s/none/dump", folder);
	ck_assert_int_eq(report_write_file(name, put_text, fresh), -ENOENT);
}
END_TEST

/* The name that the file has until it is whole. */
static const char *temporary(void)
{
	static char name[80];

	snprintf(name, sizeof(name), "%s.tmp", path);
	return name;
}

/* What a process left that was killed. */
START_TEST(leftover_is_replaced)
{
	make_file(temporary(), "half of an older and longer one");
	ck_assert_int_eq(report_write_file(path, put_text, fresh), 0);
	assert_file(path, "new");
}
END_TEST

/* In a folder where others may write, the name may be a link to any file. */
START_TEST(nothing_is_written_through_a_link)
{
	char other[80];
	struct stat st;

	snprintf(other, sizeof(other), "%s/other", folder);
	make_file(other, "untouched");
	ck_assert_int_eq(_i ? symlink(other, temporary()) : link(other, temporary()), 0);
	ck_assert_int_eq(report_write_file(path, put_text, fresh), 0);
	assert_file(other, "untouched");
	assert_file(path, "new");
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_uint_eq(st.st_nlink, 1);
	unlink(other);
}
END_TEST

/* Another process begins to write its dump to the same file, and has not finished. */
static int interrupt(void *arg, FILE *out)
{
	(void)arg;
	fputs("mine", out);
	unlink(temporary());
	make_file(temporary(), "half of that of the other");
	return 0;
}

START_TEST(half_a_dump_of_another_is_not_put_in_place)
{
	make_file(path, "old");
	ck_assert_int_eq(report_write_file(path, interrupt, NULL), -EBUSY);
	assert_file(path, "old");
	assert_file(temporary(), "half of that of the other");
	unlink(temporary());
}
END_TEST

START_TEST(leftover_is_removed)
{
	report_remove_leftover(path);
	make_file(path, "whole");
	make_file(temporary(), "half");
	report_remove_leftover(path);
	ck_assert_int_ne(access(temporary(), F_OK), 0);
	assert_file(path, "whole");
	ck_assert_int_eq(mkfifo(temporary(), 0600), 0);
	report_remove_leftover(path); /* not ours */
	ck_assert_int_eq(unlink(temporary()), 0);
}
END_TEST

static int write_half(void *arg, FILE *out)
{
	(void)arg;
	fputs("half of it", out);
	return -ENOMEM;
}

START_TEST(test_writer_that_fails)
{
	make_file(path, "old");
	ck_assert_int_eq(report_write_file(path, write_half, NULL), -ENOMEM);
	assert_file(path, "old");
}
END_TEST

/* As on a full disk: a short write, then an error. */
START_TEST(test_no_space)
{
	struct rlimit limit, saved;
	int r;

	make_file(path, "old");
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &saved), 0);
	limit = saved;
	limit.rlim_cur = 100;
	setrlimit(RLIMIT_FSIZE, &limit); /* no assertion under this limit: each writes to a file */
	r = report_write_file(path, put_text, golden);
	setrlimit(RLIMIT_FSIZE, &saved);
	ck_assert_int_eq(r, -EFBIG);
	assert_file(path, "old");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *records = tcase_create("records");
	TCase *file = tcase_create("file");

	tcase_set_timeout(records, 60);
	tcase_add_test(records, test_golden_text);
	tcase_add_test(records, test_json_equals_text);
	tcase_add_test(records, test_words);
	tcase_add_test(records, test_nothing_to_tell);
	tcase_add_test(records, test_target_of_a_range_has_its_own_port);
	tcase_add_test(records, test_values_are_one_word);
	tcase_add_test(records, test_json_is_streamed);
	tcase_add_loop_test(records, worker_runs_while_a_report_is_written, DUMP_TEXT, DUMP_JSON + 1);
	tcase_add_loop_test(records, report_is_written_on_a_busy_machine, DUMP_TEXT, DUMP_JSON + 1);
	tcase_add_test(records, test_many_pairs_parse);
	tcase_add_test(records, test_out_of_memory);
	tcase_add_test(records, test_full_disk);
	tcase_add_test(records, counters_add_up);
	tcase_add_test(records, queues_and_verdicts_of_workers_add_up);
	tcase_add_test(records, removed_relay_is_reported_while_it_has_pairs);
	suite_add_tcase(suite, records);

	tcase_add_checked_fixture(file, setup_folder, teardown_folder);
	tcase_add_loop_test(file, test_file_is_replaced, 0, 4);
	tcase_add_test(file, test_symlink_is_replaced);
	tcase_add_test(file, test_folder_in_the_way);
	tcase_add_test(file, test_special_file_stays);
	tcase_add_test(file, test_no_folder);
	tcase_add_test(file, test_no_space);
	tcase_add_test(file, test_writer_that_fails);
	tcase_add_test(file, leftover_is_replaced);
	tcase_add_loop_test(file, nothing_is_written_through_a_link, 0, 2);
	tcase_add_test(file, half_a_dump_of_another_is_not_put_in_place);
	tcase_add_test(file, leftover_is_removed);
	suite_add_tcase(suite, file);
	return unit_run(suite);
}
