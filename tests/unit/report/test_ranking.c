/* The pairs that wait longest. */
#include "build_config.h"

#include "report/json.h"
#include "report/ranking.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS 2000

static struct report *report;

/* Two workers, each with half of the pairs. */
static void make(size_t count)
{
	report = report_new(1, 2);
	ck_assert_ptr_nonnull(report);
	for (size_t p = 0; p < 2; p++) {
		report->parts[p].pairs = calloc(count / 2, sizeof(struct pair_record));
		ck_assert_ptr_nonnull(report->parts[p].pairs);
		report->parts[p].pair_count = count / 2;
		for (size_t i = 0; i < count / 2; i++)
			report->parts[p].pairs[i] = (struct pair_record){.id = p * (count / 2) + i + 1,
			                                                 .relay = i % 2 ? "b" : "a"};
	}
}

static void teardown(void)
{
	report_free(report);
}

static struct pair_record *nth(size_t id)
{
	size_t half = report->parts[0].pair_count;

	return id <= half ? &report->parts[0].pairs[id - 1] : &report->parts[1].pairs[id - half - 1];
}

static void set(size_t id, enum blame slow, uint64_t since_ms, uint64_t client, uint64_t target)
{
	struct pair_record *pair = nth(id);

	pair->verdict.slow = slow;
	pair->since_ms = since_ms;
	pair->waited_client = client;
	pair->waited_target = target;
}

/* The numbers of the pairs, in their order. */
static void expect(const char *relay, size_t most, const char *expected)
{
	struct ranking ranking;
	char text[256] = "";

	ck_assert_int_eq(ranking_init(&ranking, report, relay, most), 0);
	for (size_t i = 0; i < ranking.count; i++)
		sprintf(text + strlen(text), "%s%d", i > 0 ? " " : "", (int)ranking.pairs[i]->id);
	ck_assert_str_eq(text, expected);
	ranking_deinit(&ranking);
}

START_TEST(slow_pairs_come_first_and_of_these_those_that_wait_longest)
{
	make(6);
	set(1, BLAME_NONE, 90000, 0, 1000); /* idle for long */
	set(2, BLAME_CLIENT, 2000, 1000, 0);
	set(3, BLAME_TARGET, 40000, 0, 1000);
	set(4, BLAME_RELAY, 20, 0, 0);
	set(5, BLAME_CLIENT, 20, 700, 0); /* again and again */
	set(6, BLAME_TARGET, 20, 0, 900);
	expect(NULL, 10, "3 2 6 5 4 1");
	expect(NULL, 6, "3 2 6 5 4 1");
	expect(NULL, 2, "3 2");
	expect(NULL, 1, "3");
	expect(NULL, 0, "");
}
END_TEST

START_TEST(only_the_pairs_of_a_relay)
{
	make(6);
	expect("a", 10, "1 3 4 6");
	expect("b", 10, "2 5");
	expect("c", 10, "");
	expect("b", 1, "2");
}
END_TEST

/* In whatever order they are found. */
START_TEST(few_of_many)
{
	struct ranking ranking;

	make(PAIRS);
	for (size_t id = 1; id <= PAIRS; id++)
		set(id, BLAME_CLIENT, (id * 977) % PAIRS, 0, 0); /* each time once */
	for (size_t most = 1; most <= PAIRS + 1; most = 3 * most + 1) {
		ck_assert_int_eq(ranking_init(&ranking, report, NULL, most), 0);
		ck_assert_uint_eq(ranking.count, most < PAIRS ? most : PAIRS);
		for (size_t i = 0; i < ranking.count; i++)
			ck_assert_uint_eq(ranking.pairs[i]->since_ms, PAIRS - 1 - i);
		ranking_deinit(&ranking);
	}
}
END_TEST

START_TEST(json_has_them_in_their_order)
{
	struct ranking ranking;
	char *text = NULL, *first, *second;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	make(6);
	set(5, BLAME_CLIENT, 5, 0, 0);
	set(2, BLAME_CLIENT, 4, 0, 0);
	ck_assert_int_eq(ranking_init(&ranking, report, NULL, 2), 0);
	ck_assert_int_eq(report_write_json_ranked(report, &ranking, out), 0);
	fclose(out);
	first = strstr(text, "\n{\"id\":5,");
	second = strstr(text, ",\n{\"id\":2,");
	ck_assert(first && second && first < second);
	ck_assert_ptr_nonnull(strstr(second, "\"end\":{\"pairs\":2}}\n"));
	ck_assert_ptr_null(strstr(text, "{\"id\":1,"));
	ranking_deinit(&ranking);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ranking");
	TCase *tcase = tcase_create("ranking");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, slow_pairs_come_first_and_of_these_those_that_wait_longest);
	tcase_add_test(tcase, only_the_pairs_of_a_relay);
	tcase_add_test(tcase, few_of_many);
	tcase_add_test(tcase, json_has_them_in_their_order);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
