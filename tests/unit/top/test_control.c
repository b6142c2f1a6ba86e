#include "build_config.h"

#include "top/control.h"
#include "unit.h"

static struct scene_relay relays[] = {{.name = "web"}, {.name = "mail"}};
static struct scene_pair pairs[10];
static const struct scene_pair *order[10];
static struct scene scene = {.relays = relays, .relay_count = 2, .pairs = pairs, .pair_count = 10};
static struct control control;

static void set_up(void)
{
	control = (struct control){.quits = false};
	for (size_t i = 0; i < 10; i++) {
		pairs[i].id = i + 100;
		order[i] = &pairs[i];
	}
}

static void press(int key)
{
	control_press(&control, key, &scene);
}

static void settle(size_t count)
{
	control_settle(&control, order, count, 4);
}

static void expect_at(size_t first, size_t cursor)
{
	settle(10);
	ck_assert_uint_eq(control.first, first);
	ck_assert_uint_eq(control.cursor, cursor);
	ck_assert_uint_eq(control.selected, pairs[cursor].id);
}

START_TEST(moves)
{
	expect_at(0, 0);
	press(PRESS_UP);
	expect_at(0, 0);
	press(PRESS_DOWN);
	expect_at(0, 1);
	press('j');
	press('j');
	press('j');
	expect_at(1, 4);
	press('k');
	expect_at(1, 3);
	press(PRESS_PAGE_DOWN);
	expect_at(4, 7);
	press(PRESS_PAGE_DOWN);
	expect_at(6, 9);
	press(PRESS_PAGE_UP);
	expect_at(5, 5);
	press(PRESS_END);
	expect_at(6, 9);
	press(PRESS_DOWN);
	expect_at(6, 9);
	press(PRESS_END); /* two keys at once */
	press(PRESS_DOWN);
	expect_at(6, 9);
	press(PRESS_HOME);
	expect_at(0, 0);
	press('G');
	expect_at(6, 9);
	press('g');
	expect_at(0, 0);
}
END_TEST

/* A pair that somebody looks at stays under the cursor when the order changes. */
START_TEST(follows_a_pair)
{
	press(PRESS_DOWN);
	settle(10);
	order[1] = &pairs[8];
	order[8] = &pairs[1];
	settle(10);
	ck_assert_uint_eq(control.cursor, 8);
	ck_assert_uint_eq(control.selected, 101);
}
END_TEST

/* Nobody chose the first one: whoever waits longest is shown. */
START_TEST(does_not_follow_the_first)
{
	settle(10);
	order[0] = &pairs[8];
	order[8] = &pairs[0];
	settle(10);
	ck_assert_uint_eq(control.cursor, 0);
	ck_assert_uint_eq(control.selected, 108);
}
END_TEST

START_TEST(pairs_go)
{
	press(PRESS_END);
	settle(10);
	settle(3);
	ck_assert_uint_eq(control.cursor, 2);
	ck_assert_uint_eq(control.first, 0);
	settle(0);
	ck_assert_uint_eq(control.cursor, 0);
	ck_assert_uint_eq(control.selected, 0);
	press(PRESS_DOWN);
	settle(0);
	ck_assert_uint_eq(control.cursor, 0);
}
END_TEST

START_TEST(sorts)
{
	for (int i = 1; i <= SORTS; i++) {
		press('s');
		ck_assert_int_eq(control.sort, i % SORTS);
	}
	press('r');
	ck_assert(control.reverse);
	press('S');
	ck_assert_int_eq(control.sort, SORTS - 1);
	ck_assert(!control.reverse);
}
END_TEST

static void expect_filter(const char *text, bool is_name)
{
	ck_assert_str_eq(control.filter.text, text);
	ck_assert_int_eq(control.filter.is_name, is_name);
}

START_TEST(steps_through_relays)
{
	press(PRESS_TAB);
	expect_filter("web", true);
	press(PRESS_TAB);
	expect_filter("mail", true);
	press(PRESS_TAB);
	expect_filter("", false);
	press(PRESS_BACK_TAB);
	expect_filter("mail", true);
	press(PRESS_BACK_TAB);
	expect_filter("web", true);
	press(PRESS_BACK_TAB);
	expect_filter("", false);
}
END_TEST

static void type(const char *text)
{
	press('/');
	while (*text)
		press(*text++);
}

START_TEST(types_a_name)
{
	type("wq"); /* no command while typing */
	ck_assert(!control.quits);
	press(PRESS_BACKSPACE);
	press(0x1b);
	press(' ');
	ck_assert_str_eq(control.typed, "w");
	expect_filter("", false);
	press(PRESS_ENTER);
	expect_filter("w", false);
	type("web");
	press(PRESS_ENTER);
	expect_filter("web", true);
	type("mail");
	press(PRESS_ESCAPE);
	expect_filter("web", true);
	press(PRESS_ESCAPE);
	expect_filter("", false);
}
END_TEST

START_TEST(types_too_much)
{
	press('/');
	for (int i = 0; i < 200; i++)
		press('x');
	ck_assert_uint_eq(strlen(control.typed), SCENE_NAME_MAX - 1);
	press(PRESS_ENTER);
	ck_assert_uint_eq(strlen(control.filter.text), SCENE_NAME_MAX - 1);
	for (int i = 0; i < 200; i++)
		press(PRESS_BACKSPACE);
}
END_TEST

START_TEST(switches)
{
	press('t');
	ck_assert(control.shows_targets);
	press(' ');
	ck_assert(control.holds);
	press('?');
	ck_assert(control.shows_help);
	press('q'); /* any key goes back */
	ck_assert(!control.shows_help && !control.quits);
	press(PRESS_REDRAW);
	press(PRESS_NONE);
	press('q');
	ck_assert(control.quits);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("control");
	TCase *tcase = tcase_create("control");

	tcase_add_checked_fixture(tcase, set_up, NULL);
	tcase_add_test(tcase, moves);
	tcase_add_test(tcase, follows_a_pair);
	tcase_add_test(tcase, does_not_follow_the_first);
	tcase_add_test(tcase, pairs_go);
	tcase_add_test(tcase, sorts);
	tcase_add_test(tcase, steps_through_relays);
	tcase_add_test(tcase, types_a_name);
	tcase_add_test(tcase, types_too_much);
	tcase_add_test(tcase, switches);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
