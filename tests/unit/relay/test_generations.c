/* All generations that live, and how a program that takes over gets them back. */
#include "build_config.h"

#include "relay/generations.h"
#include "relays.h"
#include "unit.h"

static struct standings *standings;
static struct generations generations;

static void setup(void)
{
	capture_begin();
	standings = standings_new(2, NULL);
	ck_assert_ptr_nonnull(standings);
	generations_init(&generations);
}

static void teardown(void)
{
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

int main(void)
{
	Suite *suite = suite_create("generations");
	TCase *tcase = tcase_create("generations");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, they_are_numbered_for_good);
	tcase_add_test(tcase, what_it_was_made_of_is_recognized);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
