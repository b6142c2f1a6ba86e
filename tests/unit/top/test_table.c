#include "build_config.h"

#include "top/table.h"
#include "unit.h"

struct row {
	const char *name, *address, *number;
};

static const struct row items[] = {
        {"web", "10.0.0.5:80", "12"},
        {"mail-of-the-house", "[2001:db8::1]:25", "34567"},
};

static const void *at(const void *rows, size_t i)
{
	return (const struct row *)rows + i;
}

static const struct rows rows = {items, 2, at};

static void name(const void *row, char cell[TABLE_CELL_MAX])
{
	strcpy(cell, ((const struct row *)row)->name);
}

static void address(const void *row, char cell[TABLE_CELL_MAX])
{
	strcpy(cell, ((const struct row *)row)->address);
}

static void number(const void *row, char cell[TABLE_CELL_MAX])
{
	strcpy(cell, ((const struct row *)row)->number);
}

static enum style loud(const void *row)
{
	return strcmp(((const struct row *)row)->name, "web") == 0 ? STYLE_ALARM : STYLE_PLAIN;
}

static const struct column columns[] = {
        {"NAME", 6, 20, 1, FIT_LEFT, name, NULL, NULL},
        {"WHERE", 8, 40, 2, FIT_TAIL, address, NULL, NULL},
        {"COUNT", 5, 5, 0, FIT_RIGHT, number, loud, NULL},
};

static struct canvas canvas;

static void draw(int width, unsigned without)
{
	struct layout layout;

	ck_assert_int_eq(canvas_init(&canvas, width, 3, true), 0);
	table_layout(&layout, columns, 3, &rows, width, without);
	table_draw_head(&layout, &canvas, 0);
	table_draw_row(&layout, &canvas, 1, &items[0], STYLE_PLAIN);
	table_draw_row(&layout, &canvas, 2, &items[1], STYLE_SELECTED);
}

static void expect(const char *text)
{
	char *printed;
	size_t length;
	FILE *out = open_memstream(&printed, &length);

	canvas_print(&canvas, out);
	fclose(out);
	ck_assert_str_eq(printed, text);
	free(printed);
}

static void clean_up(void)
{
	canvas_deinit(&canvas);
}

START_TEST(as_wide_as_the_rows_need)
{
	draw(100, 0);
	expect("NAME              WHERE            COUNT\n"
	       "web               10.0.0.5:80         12\n"
	       "mail-of-the-house [2001:db8::1]:25 34567\n");
}
END_TEST

START_TEST(shares_room_and_marks_what_is_cut)
{
	draw(27, 0);
	expect("NAME      WHERE       COUNT\n"
	       "web       10.0.0.5:80    12\n"
	       "mail-of-~ ~db8::1]:25 34567\n");
}
END_TEST

START_TEST(leaves_out_the_highest_rank)
{
	draw(20, 0);
	expect("NAME           COUNT\n"
	       "web               12\n"
	       "mail-of-the-h~ 34567\n");
}
END_TEST

START_TEST(keeps_the_first_rank_in_any_room)
{
	draw(3, 0);
	expect("COU\n"
	       "\n"
	       "345\n");
}
END_TEST

START_TEST(leaves_out_what_is_not_wanted)
{
	draw(40, 1u << 1);
	expect("WHERE            COUNT\n"
	       "10.0.0.5:80         12\n"
	       "[2001:db8::1]:25 34567\n");
}
END_TEST

START_TEST(styles)
{
	draw(40, 0);
	ck_assert_int_eq(canvas_at(&canvas, 0, 39)->style, STYLE_HEAD);
	ck_assert_int_eq(canvas_at(&canvas, 1, 0)->style, STYLE_PLAIN);
	ck_assert_int_eq(canvas_at(&canvas, 1, 39)->style, STYLE_ALARM);
	ck_assert_int_eq(canvas_at(&canvas, 2, 0)->style, STYLE_SELECTED);
	ck_assert_int_eq(canvas_at(&canvas, 2, 39)->style, STYLE_SELECTED);
}
END_TEST

START_TEST(nothing_is_drawn_outside)
{
	ck_assert_int_eq(canvas_init(&canvas, 4, 1, true), 0);
	ck_assert_int_eq(canvas_put(&canvas, 0, 2, 100, STYLE_PLAIN, "abc"), 5);
	canvas_put(&canvas, 1, 0, 4, STYLE_PLAIN, "below");
	canvas_put(&canvas, -1, -3, 4, STYLE_PLAIN, "above");
	canvas_style_line(&canvas, 7, STYLE_BAR);
	expect("  ab\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("table");
	TCase *tcase = tcase_create("table");

	tcase_add_checked_fixture(tcase, NULL, clean_up);
	tcase_add_test(tcase, as_wide_as_the_rows_need);
	tcase_add_test(tcase, shares_room_and_marks_what_is_cut);
	tcase_add_test(tcase, leaves_out_the_highest_rank);
	tcase_add_test(tcase, keeps_the_first_rank_in_any_room);
	tcase_add_test(tcase, leaves_out_what_is_not_wanted);
	tcase_add_test(tcase, styles);
	tcase_add_test(tcase, nothing_is_drawn_outside);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
