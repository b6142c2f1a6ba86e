/* All generations that live, and how a program that takes over gets them back. */
#include "build_config.h"

#include "faults.h"
#include "handing_over.h"
#include "relay/generations.h"
#include "relays.h"
#include "unit.h"

#include <errno.h>
#include <string.h>

static struct standings *standings;
static struct generations generations, restored;
static struct handing_over over;

static void setup(void)
{
	capture_begin();
	standings = standings_new(2, NULL);
	ck_assert_ptr_nonnull(standings);
	generations_init(&generations);
	generations_init(&restored);
	over.memory = -1;
}

static void teardown(void)
{
	handing_over_end(&over);
	standings_free(standings);
	capture_end();
}

static struct generation *make(const char *const *options)
{
	struct config *config = relays_config(LISTEN, TEXTS("127.0.0.1:1"), options);
	struct generation *generation = generation_new(config, standings, NULL, NULL);

	ck_assert_ptr_nonnull(generation);
	config_put(config);
	generations_add(&generations, generation);
	return generation;
}

START_TEST(they_are_numbered_for_good)
{
	struct generation *first = make(NULL), *second = make(NULL), *third;

	ck_assert_uint_eq(first->number, 1);
	ck_assert_uint_eq(second->number, 2);
	ck_assert_ptr_eq(generations_find(&generations, 1), first);
	generation_put(second);
	ck_assert_ptr_null(generations_find(&generations, 2));
	third = make(NULL);
	ck_assert_uint_eq(third->number, 3);
	generation_put(first);
	ck_assert_ptr_eq(generations_find(&generations, 3), third);
	generation_put(third);
	ck_assert(TAILQ_EMPTY(&generations.all));
}
END_TEST

START_TEST(what_it_was_made_of_is_recognized)
{
	struct generation *generation = make(TEXTS("idle_timeout=3s"));
	struct config *same = relays_config(LISTEN, TEXTS("127.0.0.1:1"), TEXTS("idle_timeout=3000ms"));
	struct config *other = relays_config(LISTEN, TEXTS("127.0.0.1:1"), TEXTS("idle_timeout=4s"));

	ck_assert(generation_is_of(generation, same));
	ck_assert(!generation_is_of(generation, other));
	config_put(same);
	config_put(other);
	generation_put(generation);
}
END_TEST

/* ---- taking over ---- */

static int restore(struct generation **current)
{
	const struct generations_making making = {.standings = standings};

	return generations_restore(&restored, &making, &over.reader, current);
}

static char *text_of(const struct generation *generation)
{
	size_t size;

	return config_text(generation->config, &size);
}

static void check_same(const struct generation *one, const struct generation *other)
{
	char *text = text_of(one), *other_text = text_of(other);

	ck_assert_uint_eq(one->number, other->number);
	ck_assert_str_eq(text, other_text);
	free(text);
	free(other_text);
}

/* _i: whether it is a rehearsal. The second one is gone, and the last one was there before the number. */
START_TEST(those_that_live_come_back)
{
	struct generation *first = make(TEXTS("idle_timeout=3s", "max_connections=9"));
	struct generation *second = make(NULL), *third = make(TEXTS("max_connections=7")), *current;

	generation_put(second);
	handing_over_begin(&over, _i);
	generations_save(&generations, first, &over.writer);
	handing_over_read(&over);
	ck_assert_int_eq(restore(&current), 0);
	ck_assert_ptr_null(state_peek(&over.reader));
	check_same(generations_find(&restored, 1), first);
	ck_assert_ptr_null(generations_find(&restored, 2));
	check_same(generations_find(&restored, 3), third);
	ck_assert_ptr_eq(current, generations_find(&restored, 1));
	ck_assert_ptr_eq(generations_find_relay(&restored, 3, "command-line"),
	                 generations_find(&restored, 3)->relays[0]);
	ck_assert_ptr_null(generations_find_relay(&restored, 3, "other"));
	ck_assert_ptr_null(generations_find_relay(&restored, 2, "command-line"));
	generations_let_go(&restored);
	ck_assert_ptr_null(generations_find(&restored, 3)); /* nobody holds it */
	generation_put(current);
	ck_assert(TAILQ_EMPTY(&restored.all));
	generation_put(first);
	generation_put(third);
}
END_TEST

START_TEST(settings_in_force_can_be_had_alone)
{
	struct generation *first = make(TEXTS("idle_timeout=3s")), *second = make(NULL);
	struct config *config;

	handing_over_begin(&over, _i);
	generations_save(&generations, second, &over.writer);
	handing_over_read(&over);
	config = generations_find_config(&over.reader);
	ck_assert(generation_is_of(second, config));
	ck_assert(!generation_is_of(first, config));
	config_put(config);
	ck_assert_ptr_null(generations_find_config(&over.reader)); /* there is nothing more */
	generation_put(first);
	generation_put(second);
}
END_TEST

/* As if each had come into force in turn. */
START_TEST(newest_one_sets_the_limits_of_a_relay)
{
	struct generation *first = make(TEXTS("max_connections_per_source=9")), *current;
	struct generation *last = make(TEXTS("max_connections_per_source=7"));
	struct standings *fresh = standings_new(2, NULL);
	const struct generations_making making = {.standings = fresh};

	handing_over_begin(&over, false);
	generations_save(&generations, last, &over.writer);
	handing_over_read(&over);
	ck_assert_int_eq(generations_restore(&restored, &making, &over.reader, &current), 0);
	ck_assert_ptr_eq(current, generations_find(&restored, 2));
	ck_assert_uint_eq(slots_max(&fresh->list[0]->slots), 0);
	ck_assert(origins_limited(fresh->list[0]->origins));
	ck_assert_uint_eq(current->relays[0]->config->max_connections_per_source, 7);
	generations_let_go(&restored);
	generation_put(current);
	standings_free(fresh);
	generation_put(first);
	generation_put(last);
}
END_TEST

#define HEAD   "state format=1\n"
#define RELAYS "+text=52\n[relay r]\nlisten = 127.0.0.1:1\ntarget = 127.0.0.1:2\n"

/* _i: a row */
static const struct {
	const char *text, *error;
} wrong[] = {
        {HEAD, "a generation that is in force was expected"},
        {HEAD "generation number=1 " RELAYS "\n", "a generation that is in force was expected"},
        {HEAD "generation number=0 current=1 " RELAYS "\n", "generations by their numbers"},
        {HEAD "generation number=2 current=1 " RELAYS "\ngeneration number=2 " RELAYS "\n",
         "generations by their numbers"},
        {HEAD "generation number=2 current=1 " RELAYS "\ngeneration number=3 current=1 " RELAYS "\n",
         "one generation that is in force was expected"},
        {HEAD "generation number=1 current=1 +text=5\nwrong\n", "handed over: no relay"},
        {HEAD "generation number=1 current=1\n", "no relay"},
};

START_TEST(wrong_records_are_refused)
{
	struct generation *current;

	handing_over_read_text(&over, wrong[_i].text);
	ck_assert_int_eq(restore(&current), -EPROTO);
	ck_assert_ptr_null(current);
	ck_assert_msg(strstr(state_error(&over.reader), wrong[_i].error), "%s", state_error(&over.reader));
	generations_let_go(&restored);
	ck_assert(TAILQ_EMPTY(&restored.all));
}
END_TEST

/* Each allocation fails once. */
START_TEST(without_memory_nothing_is_left)
{
	struct generation *first = make(NULL), *current;
	unsigned fail_at = 0;
	int error;

	handing_over_begin(&over, false);
	generations_save(&generations, first, &over.writer);
	handing_over_read(&over);
	do {
		handing_over_read_text(&over, over.text);
		generations_init(&restored);
		fault_set(FAULT_MEMORY, ++fail_at, ENOMEM);
		error = restore(&current);
		fault_set(FAULT_MEMORY, 0, 0);
		generations_let_go(&restored);
		generation_put(current);
		ck_assert(TAILQ_EMPTY(&restored.all));
		ck_assert_uint_lt(fail_at, 1000);
	} while (error);
	ck_assert_uint_gt(fail_at, 20);
	generation_put(first);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("generations");
	TCase *tcase = tcase_create("generations");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, they_are_numbered_for_good);
	tcase_add_test(tcase, what_it_was_made_of_is_recognized);
	tcase_add_loop_test(tcase, those_that_live_come_back, 0, 2);
	tcase_add_loop_test(tcase, settings_in_force_can_be_had_alone, 0, 2);
	tcase_add_test(tcase, newest_one_sets_the_limits_of_a_relay);
	tcase_add_loop_test(tcase, wrong_records_are_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tcase, without_memory_nothing_is_left);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
