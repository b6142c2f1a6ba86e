#include "build_config.h"

#include "top/table.h"

#include <stdbool.h>
#include <string.h>

#define GAP 1 /* between two columns */

/* How wide a column is: at least, and at most. */
struct range {
	int least, most;
};

static int longest(const struct column *column, const struct rows *rows)
{
	char cell[TABLE_CELL_MAX];
	size_t most = strlen(column->title);

	for (size_t i = 0; i < rows->count; i++) {
		column->text(rows->at(rows->items, i), cell);
		if (strlen(cell) > most)
			most = strlen(cell);
	}
	return (int)most;
}

static struct range range_of(const struct column *column, const struct rows *rows)
{
	int needed = column->most;

	if (column->least < column->most && column->text)
		needed = longest(column, rows);
	return (struct range){needed < column->least ? needed : column->least,
	                      needed < column->most ? needed : column->most};
}

static bool is_among(const struct column *column, int rank_end, unsigned without)
{
	return column->rank < rank_end && !(without & 1u << column->rank);
}

static int room_taken(const struct column *columns, const struct range *ranges, int count, int rank_end,
                      unsigned without)
{
	int taken = -GAP;

	for (int i = 0; i < count; i++)
		if (is_among(&columns[i], rank_end, without))
			taken += ranges[i].least + GAP;
	return taken;
}

/* One column of the terminal in turn for each that needs more. */
static void widen(struct layout *layout, const struct range *ranges, int spare)
{
	bool any = true;

	while (spare > 0 && any) {
		any = false;
		for (int i = 0; i < layout->count && spare > 0; i++)
			if (layout->place[i].width < ranges[layout->place[i].column].most) {
				layout->place[i].width++;
				spare--;
				any = true;
			}
	}
}

/* The first rank is always there, even if it is cut. */
void table_layout(struct layout *layout, const struct column *columns, int count, const struct rows *rows,
                  int width, unsigned without)
{
	struct range ranges[TABLE_COLUMNS_MAX];
	int end = TABLE_COLUMNS_MAX, x = 0;

	for (int i = 0; i < count; i++)
		ranges[i] = range_of(&columns[i], rows);
	while (end > 1 && room_taken(columns, ranges, count, end, without) > width)
		end--;
	*layout = (struct layout){.columns = columns};
	for (int i = 0; i < count; i++)
		if (is_among(&columns[i], end, without)) {
			layout->place[layout->count].column = i;
			layout->place[layout->count++].width = ranges[i].least;
		}
	widen(layout, ranges, width - room_taken(columns, ranges, count, end, without));
	for (int i = 0; i < layout->count; i++) {
		layout->place[i].x = x;
		x += layout->place[i].width + GAP;
	}
}

/* Cut text has a '~' where something is missing. */
static void put_text(struct canvas *canvas, int y, int x, int width, enum fit fit, enum style style,
                     const char *text)
{
	int length = (int)strlen(text), over = length - width;

	if (over <= 0) {
		canvas_put(canvas, y, fit == FIT_RIGHT ? x - over : x, x + width, style, text);
	} else if (fit == FIT_TAIL) {
		canvas_put(canvas, y, x, x + width, style, text + over);
		canvas_put(canvas, y, x, x + 1, style, "~");
	} else {
		canvas_put(canvas, y, x, x + width, style, text);
		canvas_put(canvas, y, x + width - 1, x + width, style, "~");
	}
}

void table_draw_head(const struct layout *layout, struct canvas *canvas, int y)
{
	for (int i = 0; i < layout->count; i++) {
		const struct column *column = &layout->columns[layout->place[i].column];

		put_text(canvas, y, layout->place[i].x, layout->place[i].width,
		         column->fit == FIT_RIGHT ? FIT_RIGHT : FIT_LEFT, STYLE_HEAD, column->title);
	}
	canvas_style_line(canvas, y, STYLE_HEAD);
}

static void draw_cell(const struct column *column, struct canvas *canvas, int y, int x, int width,
                      const void *row, enum style style)
{
	char cell[TABLE_CELL_MAX];

	if (column->fit == FIT_DRAWING) {
		column->draw(row, canvas, y, x, width);
		return;
	}
	if (style == STYLE_PLAIN && column->style)
		style = column->style(row);
	column->text(row, cell);
	put_text(canvas, y, x, width, column->fit, style, cell);
}

void table_draw_row(const struct layout *layout, struct canvas *canvas, int y, const void *row,
                    enum style style)
{
	for (int i = 0; i < layout->count; i++)
		draw_cell(&layout->columns[layout->place[i].column], canvas, y, layout->place[i].x,
		          layout->place[i].width, row, style);
	if (style != STYLE_PLAIN)
		canvas_style_line(canvas, y, style);
}
