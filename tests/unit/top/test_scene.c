#include "build_config.h"

#include "faults.h"
#include "report/json.h"
#include "top/order.h"
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <malloc.h>

static struct scene scene, before;

static void read_text(const char *text, struct scene *into)
{
	ck_assert_int_eq(scene_parse(text, strlen(text), into), 0);
}

static void clean_up(void)
{
	scene_deinit(&scene);
	scene_deinit(&before);
}

/* What weir itself writes is understood: the words of its fields are those that are looked for. */
START_TEST(report_of_weir)
{
	struct relay_record relay = {.name = "db",
	                             .pairs = 1,
	                             .counters.refused = 2,
	                             .counters.connect_failed = 3,
	                             .counters.bytes = {5, 6},
	                             .queued = {60, 61},
	                             .longest = {62, 63},
	                             .limits = {{64, 0}, {65, 0}},
	                             .verdicts = {[BLAME_CLIENT] = {[WHY_READING] = 66},
	                                          [BLAME_TARGET] = {[WHY_PATH] = 67},
	                                          [BLAME_RELAY] = {[WHY_CPU] = 68}}};
	struct target_record target = {.relay = "db",
	                               .target = "db1:5432",
	                               .state = TARGET_UP,
	                               .weight = 1,
	                               .pairs = 1,
	                               .connects = 7,
	                               .failures = 8,
	                               .last_error = -ECONNREFUSED,
	                               .since_ms = 9};
	struct pair_record pair = {.id = 17,
	                           .relay = "db",
	                           .state = STATE_OPEN,
	                           .age_ms = 20,
	                           .verdict = {BLAME_TARGET, WHY_ANSWER},
	                           .since_ms = 21,
	                           .last_from = BLAME_CLIENT,
	                           .waited_client = 22,
	                           .waited_target = 23,
	                           .flow = {{.queued = 30,
	                                     .high = 31,
	                                     .low = 32,
	                                     .bytes = 33,
	                                     .paused = 34,
	                                     .lag_ms = 35,
	                                     .rtt_us = 36,
	                                     .rwnd = 37,
	                                     .retrans = 38,
	                                     .unanswered_ms = 39},
	                                    {.queued = 40, .lag_ms = RECORD_UNKNOWN}}};
	struct report_part part = {.pairs = &pair, .pair_count = 1};
	struct report report = {.process = {.version = "0.1.0",
	                                    .pid = 4,
	                                    .uptime_ms = 50,
	                                    .pairs = 1,
	                                    .used = 51,
	                                    .memory_max = 52},
	                        .relays = &relay,
	                        .relay_count = 1,
	                        .targets = &target,
	                        .target_count = 1,
	                        .parts = &part,
	                        .part_count = 1};
	char *text;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	ck_assert_int_eq(report_write_json(&report, out), 0);
	fclose(out);
	read_text(text, &scene);
	free(text);

	ck_assert_str_eq(scene.version, "0.1.0");
	ck_assert_uint_eq(scene.pid, 4);
	ck_assert_uint_eq(scene.uptime_ms, 50);
	ck_assert_uint_eq(scene.pair_total, 1);
	ck_assert_uint_eq(scene.used, 51);
	ck_assert_uint_eq(scene.memory_max, 52);

	ck_assert_uint_eq(scene.relay_count, 1);
	ck_assert_str_eq(scene.relays[0].name, "db");
	ck_assert_uint_eq(scene.relays[0].pairs, 1);
	ck_assert_uint_eq(scene.relays[0].refused, 2);
	ck_assert_uint_eq(scene.relays[0].failed, 3);
	ck_assert_uint_eq(scene.relays[0].queued[UPLOAD], 60);
	ck_assert_uint_eq(scene.relays[0].queued[DOWNLOAD], 61);
	ck_assert_uint_eq(scene.relays[0].longest[UPLOAD], 62);
	ck_assert_uint_eq(scene.relays[0].longest[DOWNLOAD], 63);
	ck_assert_uint_eq(scene.relays[0].high[UPLOAD], 64);
	ck_assert_uint_eq(scene.relays[0].high[DOWNLOAD], 65);
	ck_assert_uint_eq(scene.relays[0].slow_client, 66);
	ck_assert_uint_eq(scene.relays[0].slow_target, 67);
	ck_assert_uint_eq(scene.relays[0].slow_relay, 68);
	ck_assert_uint_eq(scene.relays[0].bytes[UPLOAD], 5);
	ck_assert_uint_eq(scene.relays[0].bytes[DOWNLOAD], 6);
	ck_assert_uint_eq(scene.relays[0].targets, 1);
	ck_assert_uint_eq(scene.relays[0].targets_up, 1);

	ck_assert_uint_eq(scene.target_count, 1);
	ck_assert_str_eq(scene.targets[0].target, "db1:5432");
	ck_assert_str_eq(scene.targets[0].address, "-");
	ck_assert_str_eq(scene.targets[0].state, "up");
	ck_assert_str_eq(scene.targets[0].error, "ECONNREFUSED");
	ck_assert_uint_eq(scene.targets[0].connects, 7);
	ck_assert_uint_eq(scene.targets[0].failures, 8);
	ck_assert_uint_eq(scene.targets[0].since_ms, 9);

	ck_assert_uint_eq(scene.pair_count, 1);
	ck_assert_uint_eq(scene.pairs[0].id, 17);
	ck_assert_str_eq(scene.pairs[0].state, "open");
	ck_assert_str_eq(scene.pairs[0].slow, "target");
	ck_assert_str_eq(scene.pairs[0].why, "answer");
	ck_assert_str_eq(scene.pairs[0].last_from, "client");
	ck_assert_uint_eq(scene.pairs[0].age_ms, 20);
	ck_assert_uint_eq(scene.pairs[0].since_ms, 21);
	ck_assert_uint_eq(scene.pairs[0].waited_client, 22);
	ck_assert_uint_eq(scene.pairs[0].waited_target, 23);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].queued, 30);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].high, 31);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].low, 32);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].bytes, 33);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].paused, 34);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].lag_ms, 35);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].rtt_us, 36);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].rwnd, 37);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].retrans, 38);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].unanswered_ms, 39);
	ck_assert_uint_eq(scene.pairs[0].flow[DOWNLOAD].queued, 40);
	ck_assert_uint_eq(scene.pairs[0].flow[DOWNLOAD].lag_ms, SCENE_UNKNOWN);
}
END_TEST

static const char *const foreign[] = {
        "", "{", "[]", "null", "\"weir\"", "{}", "{\"weir\":3}", "<html>", "{\"weir\":{}}x",
};

START_TEST(not_a_report)
{
	ck_assert_int_eq(scene_parse(foreign[_i], strlen(foreign[_i]), &scene), -EINVAL);
	ck_assert_ptr_null(scene.pairs);
}
END_TEST

/* Whoever answers there may be no weir, or one of another version. */
START_TEST(odd_report)
{
	read_text("{\"weir\":{\"version\":[1],\"pid\":-4,\"uptime_ms\":\"x\"},\"relay\":{\"a\":1},\"target\":"
	          "[3,null],"
	          "\"pair\":[{},{\"id\":1e3,\"flow\":[{},{},{}],\"client\":\"a\\u001b[2J "
	          "b\\u00e9\",\"slow\":\"\"}]}",
	          &scene);
	ck_assert_str_eq(scene.version, "-");
	ck_assert_uint_eq(scene.pid, SCENE_UNKNOWN);
	ck_assert_uint_eq(scene.uptime_ms, SCENE_UNKNOWN);
	ck_assert_uint_eq(scene.relay_count, 0);
	ck_assert_uint_eq(scene.target_count, 2);
	ck_assert_str_eq(scene.targets[0].relay, "-");
	ck_assert_uint_eq(scene.pair_count, 2);
	ck_assert_uint_eq(scene.pairs[0].flow[DOWNLOAD].bytes, SCENE_UNKNOWN);
	ck_assert_str_eq(scene.pairs[1].client, "a?[2J?b??");
	ck_assert_str_eq(scene.pairs[1].slow, "-");
}
END_TEST

START_TEST(long_text_is_cut)
{
	char text[1000], name[600];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text), "{\"weir\":{},\"relay\":[{\"name\":\"%s\"}]}", name);
	read_text(text, &scene);
	ck_assert_uint_eq(strlen(scene.relays[0].name), SCENE_NAME_MAX - 1);
}
END_TEST

static void stage(struct scene *into, unsigned pid, unsigned uptime, unsigned bytes)
{
	char text[1000];

	snprintf(text, sizeof(text),
	         "{\"weir\":{\"pid\":%u,\"uptime_ms\":%u},"
	         "\"relay\":[{\"name\":\"b\",\"upload_bytes\":%u,\"download_bytes\":0},{\"name\":\"a\"}],"
	         "\"pair\":[{\"id\":7,\"flow\":[{\"bytes\":%u},{\"bytes\":5}]}]}",
	         pid, uptime, bytes, bytes);
	read_text(text, into);
}

START_TEST(rates)
{
	stage(&before, 1, 1000, 500);
	stage(&scene, 1, 3000, 2500);
	scene_compare(&scene, &before);
	ck_assert_uint_eq(scene.relays[0].rate[UPLOAD], 1000);
	ck_assert_uint_eq(scene.relays[0].rate[DOWNLOAD], 0);
	ck_assert_uint_eq(scene.relays[1].rate[UPLOAD], SCENE_UNKNOWN);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].rate, 1000);
	ck_assert_uint_eq(scene.pairs[0].flow[DOWNLOAD].rate, 0);
	ck_assert_uint_eq(scene.relays[0].history[SCENE_HISTORY - 1], 1000);
}
END_TEST

static const struct {
	unsigned pid, uptime, bytes;
} later[] = {
        {2, 3000, 2500}, /* another process */
        {1, 1000, 2500}, /* the same moment */
        {1, 900, 2500},  /* an earlier one */
};

START_TEST(no_rates)
{
	stage(&before, 1, 1000, 500);
	stage(&scene, later[_i].pid, later[_i].uptime, later[_i].bytes);
	scene_compare(&scene, &before);
	ck_assert_uint_eq(scene.relays[0].rate[UPLOAD], SCENE_UNKNOWN);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].rate, SCENE_UNKNOWN);
}
END_TEST

START_TEST(no_rate_of_what_went_back)
{
	stage(&before, 1, 1000, 500);
	stage(&scene, 1, 2000, 400);
	scene_compare(&scene, &before);
	ck_assert_uint_eq(scene.relays[0].rate[UPLOAD], SCENE_UNKNOWN);
	ck_assert_uint_eq(scene.pairs[0].flow[UPLOAD].rate, SCENE_UNKNOWN);
}
END_TEST

/* By its name, wherever it stands. */
START_TEST(history_stays_with_its_relay)
{
	stage(&before, 1, 1000, 500);
	before.relays[1].history[SCENE_HISTORY - 1] = 77;
	stage(&scene, 1, 2000, 500);
	strcpy(scene.relays[0].name, "a");
	strcpy(scene.relays[1].name, "c");
	scene_compare(&scene, &before);
	ck_assert_uint_eq(scene.relays[0].history[SCENE_HISTORY - 2], 77);
	ck_assert_uint_eq(scene.relays[1].history[SCENE_HISTORY - 2], 0);
}
END_TEST

/* Each allocation fails once: those of jansson, and its own three arrays. */
START_TEST(no_memory)
{
	const char *text = "{\"weir\":{},\"pair\":[{}]}";
	size_t allocation = 0;
	int error;

	do {
		fault_set(FAULT_MEMORY, ++allocation, ENOMEM);
		error = scene_parse(text, strlen(text), &scene);
		fault_set(FAULT_MEMORY, 0, 0);
		ck_assert(error == 0 || error == -ENOMEM);
		ck_assert_uint_eq(scene.pair_count, error ? 0 : 1);
		ck_assert(!scene.relays == (error != 0));
	} while (error);
	ck_assert_uint_ge(allocation, 10);
}
END_TEST

/* Whoever may answer: numbers as large as JSON has them, and rows without end. */
START_TEST(rates_that_are_too_much)
{
	read_text("{\"weir\":{\"pid\":1,\"uptime_ms\":1},\"relay\":[{\"name\":\"a\",\"upload_bytes\":0}]}",
	          &before);
	read_text("{\"weir\":{\"pid\":1,\"uptime_ms\":2},\"relay\":[{\"name\":\"a\","
	          "\"upload_bytes\":9223372036854775807}]}",
	          &scene);
	scene_compare(&scene, &before);
	ck_assert_uint_eq(scene.relays[0].rate[UPLOAD], SCENE_UNKNOWN);
}
END_TEST

START_TEST(rows_without_end)
{
	const size_t count = SCENE_ROWS_MAX + 1;
	char *text = malloc(3 * (4 * count + 32)), *end = text;

	end = stpcpy(end, "{\"weir\":{}");
	for (int i = 0; i < 3; i++) {
		end += sprintf(end, ",\"%s\":[{}", ((const char *const[]){"relay", "target", "pair"})[i]);
		for (size_t j = 1; j < count; j++)
			end = stpcpy(end, ",{}");
		end = stpcpy(end, "]");
	}
	strcpy(end, "}");
	read_text(text, &scene);
	free(text);
	ck_assert_uint_eq(scene.relay_count, SCENE_ROWS_MAX);
	ck_assert_uint_eq(scene.target_count, SCENE_ROWS_MAX);
	ck_assert_uint_eq(scene.pair_count, SCENE_PAIRS_MAX);
}
END_TEST

#define HOSTILE ((size_t)2 * 1024 * 1024)

static int parse_many(const char *object, size_t size)
{
	size_t length = strlen(object), count = size / (length + 1);
	char *text = malloc(size + 64), *end = stpcpy(text, "{\"weir\":{},\"pair\":[1");
	int error;

	for (size_t i = 0; i < count; i++) {
		*end++ = ',';
		end = stpcpy(end, object);
	}
	end = stpcpy(end, "]}");
	error = scene_parse(text, (size_t)(end - text), &scene);
	free(text);
	return error;
}

/* A wrong server may not take more memory than a weir with that much to tell. */
static const char *const costly[] = {"{}", "[]", "[[[[[[]]]]]]", "{\"a\":1}"};

START_TEST(text_that_takes_much_memory)
{
	ck_assert_int_eq(parse_many(costly[_i], HOSTILE), -EMSGSIZE);
	ck_assert_ptr_null(scene.pairs);
	ck_assert_uint_lt(mallinfo2().uordblks + mallinfo2().hblkhd, HOSTILE);
}
END_TEST

/* As a record of weir, but with very little in it. */
START_TEST(text_that_takes_as_much_as_a_report)
{
	ck_assert_int_eq(parse_many("{\"pair\":1234,\"direction\":\"upload\",\"queued\":0}", HOSTILE), 0);
}
END_TEST

/* A member that comes again takes the place of the one before. */
START_TEST(memory_that_is_freed_is_there_again)
{
	const size_t size = HOSTILE / 2, lists = 32;
	char *text = malloc(size + 64), *end = stpcpy(text, "{\"weir\":{}");

	for (size_t i = 0; i < lists; i++) {
		end = stpcpy(end, ",\"a\":[1");
		while ((size_t)(end - text) < size / lists * (i + 1))
			end = stpcpy(end, ",{}");
		end = stpcpy(end, "]");
	}
	strcpy(end, "}");
	read_text(text, &scene);
	free(text);
}
END_TEST

START_TEST(only_a_report_is_bounded)
{
	const size_t size = (size_t)34 * 1024 * 1024;
	char *text = calloc(1, size);
	json_t *string;

	read_text("{\"weir\":{}}", &scene);
	string = json_stringn_nocheck(text, size);
	free(text);
	ck_assert_ptr_nonnull(string);
	json_decref(string);
}
END_TEST

START_TEST(no_memory_for_an_order)
{
	const struct scene_pair **pairs;
	size_t count = 1;

	read_text("{\"weir\":{},\"pair\":[{}]}", &scene);
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	pairs = order_pairs(&scene, SORT_WAIT, false, &(struct filter){.text = ""}, &count);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_ptr_null(pairs);
	ck_assert_uint_eq(count, 0);
}
END_TEST

static const char crowd[] =
        "{\"weir\":{},\"relay\":[{\"name\":\"web\"},{\"name\":\"web2\"}],\"pair\":["
        "{\"id\":1,\"relay\":\"web\",\"client\":\"c\",\"slow\":\"none\",\"since_ms\":900,\"age_ms\":10},"
        "{\"id\":2,\"relay\":\"web2\",\"client\":\"b\",\"slow\":\"target\",\"since_ms\":100,\"age_ms\":30,"
        "\"flow\":[{\"queued\":5},{\"queued\":5}]},"
        "{\"id\":3,\"relay\":\"web\",\"client\":\"a\",\"slow\":\"client\",\"since_ms\":200,\"age_ms\":20,"
        "\"flow\":[{\"queued\":9},{}]},"
        "{\"id\":4,\"relay\":\"web2\",\"client\":\"a\",\"slow\":\"client\",\"since_ms\":100}]}";

static void expect_order(enum sort sort, bool reverse, const struct filter *filter, const char *ids)
{
	size_t count;
	const struct scene_pair **pairs = order_pairs(&scene, sort, reverse, filter, &count);
	char text[32] = "";

	for (size_t i = 0; i < count; i++)
		sprintf(text + strlen(text), "%" PRIu64, pairs[i]->id);
	free(pairs);
	ck_assert_str_eq(text, ids);
}

START_TEST(orders)
{
	const struct filter all = {.text = ""};

	read_text(crowd, &scene);
	for (int i = 0; i < 4; i++)
		scene.pairs[i].flow[UPLOAD].rate = i == 3 ? 8 : SCENE_UNKNOWN;
	expect_order(SORT_WAIT, false, &all, "3241");
	expect_order(SORT_WAIT, true, &all, "1243");
	expect_order(SORT_RATE, false, &all, "4123");
	expect_order(SORT_QUEUE, false, &all, "2314");
	expect_order(SORT_AGE, false, &all, "2314");
	expect_order(SORT_RELAY, false, &all, "1324");
	expect_order(SORT_CLIENT, false, &all, "3421");
}
END_TEST

START_TEST(filters)
{
	read_text(crowd, &scene);
	expect_order(SORT_RELAY, false, &(struct filter){"web", true}, "13");
	expect_order(SORT_RELAY, false, &(struct filter){"web", false}, "1324");
	expect_order(SORT_RELAY, false, &(struct filter){"b2", false}, "24");
	expect_order(SORT_RELAY, false, &(struct filter){"mail", false}, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("scene");
	TCase *tcase = tcase_create("scene");

	tcase_add_checked_fixture(tcase, NULL, clean_up);
	tcase_add_test(tcase, report_of_weir);
	tcase_add_loop_test(tcase, not_a_report, 0, sizeof(foreign) / sizeof(foreign[0]));
	tcase_add_test(tcase, odd_report);
	tcase_add_test(tcase, long_text_is_cut);
	tcase_add_test(tcase, no_memory);
	tcase_add_test(tcase, rates_that_are_too_much);
	tcase_add_test(tcase, rows_without_end);
	tcase_add_loop_test(tcase, text_that_takes_much_memory, 0, sizeof(costly) / sizeof(costly[0]));
	tcase_add_test(tcase, text_that_takes_as_much_as_a_report);
	tcase_add_test(tcase, memory_that_is_freed_is_there_again);
	tcase_add_test(tcase, only_a_report_is_bounded);
	tcase_add_test(tcase, no_memory_for_an_order);
	tcase_add_test(tcase, rates);
	tcase_add_loop_test(tcase, no_rates, 0, sizeof(later) / sizeof(later[0]));
	tcase_add_test(tcase, no_rate_of_what_went_back);
	tcase_add_test(tcase, history_stays_with_its_relay);
	tcase_add_test(tcase, orders);
	tcase_add_test(tcase, filters);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
