/* What is known about relays by their names. */
#include "build_config.h"

#include "faults.h"
#include "relay/standing.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>

#define WORKERS 3
#define MANY    1000

static struct standings *standings;

static void setup(void)
{
	standings = standings_new(WORKERS, NULL);
	ck_assert_ptr_nonnull(standings);
}

static void teardown(void)
{
	standings_free(standings);
	standings_free(NULL);
}

static struct standing *try_to_get(const char *name)
{
	char copy[32];
	const struct config_relay config = {.name = copy, .max_connections = 7};

	snprintf(copy, sizeof(copy), "%s", name);
	return standing_get(standings, &config);
}

static struct standing *get(const char *name)
{
	struct standing *standing = try_to_get(name);

	ck_assert_ptr_nonnull(standing);
	return standing;
}

static size_t count_all(void)
{
	size_t count = 0;

	for (size_t i = 0; i < standings->count; i++)
		count += standings->list[i] != NULL;
	return count;
}

START_TEST(name_leads_to_what_is_known)
{
	struct standing *db = get("db"), *web = get("web");

	ck_assert_ptr_ne(db, web);
	ck_assert_str_eq(db->name, "db");
	ck_assert_str_eq(db->damping.relay, "db");
	ck_assert_uint_eq(db->slots.max, 7);
	db->tallies[WORKERS - 1].counters.accepted = 5;
	ck_assert_ptr_eq(get("db"), db);
	ck_assert_ptr_eq(standings->list[db->number], db);
	ck_assert_ptr_eq(standings->list[web->number], web);
	standing_put(db);
	standing_put(web);
	ck_assert_uint_eq(get("db")->tallies[WORKERS - 1].counters.accepted, 5);
	ck_assert_uint_eq(count_all(), 1);
	standing_put(db);
	standing_put(db);
	standing_put(NULL);
	ck_assert_uint_eq(count_all(), 0);
}
END_TEST

START_TEST(what_nobody_has_any_more_is_forgotten)
{
	struct standing *db = get("db");

	db->tallies[0].counters.accepted = 5;
	standing_put(db);
	db = get("db");
	ck_assert_uint_eq(db->tallies[0].counters.accepted, 0);
	standing_put(db);
}
END_TEST

START_TEST(numbers_stay_and_free_ones_are_used_again)
{
	struct standing *many[MANY];
	char name[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "relay-%d", i * 7919 % MANY);
		many[i] = get(name);
		ck_assert_uint_eq(many[i]->number, i);
	}
	standing_put(many[500]);
	standing_put(many[10]);
	many[10] = get("a");
	many[500] = get("b");
	ck_assert_uint_eq(many[10]->number, 10);
	ck_assert_uint_eq(many[500]->number, 500);
	ck_assert_uint_eq(standings->count, MANY);
	for (int i = 0; i < MANY; i++) {
		ck_assert_uint_eq(many[i]->number, i);
		standing_put(many[i]);
	}
}
END_TEST

/* Only the commit of a generation changes them. */
START_TEST(limits_change_when_they_are_configured)
{
	const struct config_relay other = {.name = (char[]){"db"},
	                                   .max_connections = 9,
	                                   .max_connections_per_source = 2,
	                                   .rate = {3, 4},
	                                   .relay_rate = {5}};
	struct standing *db = get("db");

	ck_assert_ptr_eq(standing_get(standings, &other), db);
	ck_assert_uint_eq(slots_max(&db->slots), 7);
	ck_assert(!origins_limited(db->origins));
	ck_assert_uint_eq(db->rates[UPLOAD].of_pair, 0);
	standing_configure(db, &other);
	ck_assert_uint_eq(slots_max(&db->slots), 9);
	ck_assert_uint_eq(db->rates[UPLOAD].of_pair, 3);
	ck_assert_uint_eq(db->rates[DOWNLOAD].of_pair, 4);
	ck_assert_uint_eq(db->rates[UPLOAD].of_all, 5);
	ck_assert(rate_is_limited(&db->rates[UPLOAD].all));
	ck_assert(!rate_is_limited(&db->rates[DOWNLOAD].all));
	ck_assert(origins_limited(db->origins));
	standing_put(db);
	standing_put(db);
}
END_TEST

/* Workers read the list for their part of a report. */
START_TEST(nothing_is_freed_while_the_list_is_held)
{
	struct standing *db = get("db"), *web = get("web");

	standings_hold(standings);
	standing_put(db);
	ck_assert_ptr_eq(standings->list[0], db);
	ck_assert_str_eq(db->name, "db");
	standings_release(standings);
	ck_assert_ptr_null(standings->list[0]);
	ck_assert_ptr_eq(standings->list[1], web);
	standings_hold(standings);
	standing_put(web); /* the daemon may end while it is held */
}
END_TEST

/* The label is in a report that outlives the standing. */
START_TEST(name_outlives_the_standing)
{
	struct standing *db = get("db");
	struct label *label = label_get(db->label);
	const char *name = db->name;

	standing_put(db);
	ck_assert_ptr_eq(label->text, name);
	ck_assert_str_eq(name, "db");
	label_put(label);
}
END_TEST

START_TEST(lack_of_memory_leaves_the_list_as_it_is)
{
	struct standing *db = get("db"), *web = NULL;
	size_t failed = 0;

	while (!web) {
		fault_set(FAULT_MEMORY, ++failed, ENOMEM);
		web = try_to_get("web");
		fault_set(FAULT_MEMORY, 0, 0);
		ck_assert_uint_eq(count_all(), web ? 2 : 1);
		ck_assert_ptr_eq(get("db"), db);
		standing_put(db);
	}
	ck_assert_uint_ge(failed, 4); /* itself, its name, the list; a tree's node is the C library's */
	standing_put(web);
	standing_put(db);
}
END_TEST

START_TEST(reached_limit_is_logged_at_most_once_in_ten_seconds)
{
	struct standing *standing = get("db");

	ck_assert(standing_begin_limit(standing));
	standing_end_limit(standing);
	ck_assert(!standing_begin_limit(standing));
	standing->at_limit.logged = clock_ms() - 10000;
	ck_assert(standing_begin_limit(standing));
	standing_put(standing);
}
END_TEST

START_TEST(limit_that_stands_is_not_logged_again)
{
	struct standing *standing = get("db");

	ck_assert(standing_begin_limit(standing));
	standing->at_limit.logged = clock_ms() - 10000;
	ck_assert(!standing_begin_limit(standing));
	ck_assert(standing_logged_limit(standing));
	standing_end_limit(standing);
	ck_assert(!standing_logged_limit(standing));
	ck_assert(standing_begin_limit(standing));
	standing_put(standing);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("standing");
	TCase *tcase = tcase_create("standing");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, name_leads_to_what_is_known);
	tcase_add_test(tcase, what_nobody_has_any_more_is_forgotten);
	tcase_add_test(tcase, numbers_stay_and_free_ones_are_used_again);
	tcase_add_test(tcase, limits_change_when_they_are_configured);
	tcase_add_test(tcase, nothing_is_freed_while_the_list_is_held);
	tcase_add_test(tcase, name_outlives_the_standing);
	tcase_add_test(tcase, lack_of_memory_leaves_the_list_as_it_is);
	tcase_add_test(tcase, reached_limit_is_logged_at_most_once_in_ten_seconds);
	tcase_add_test(tcase, limit_that_stands_is_not_logged_again);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
