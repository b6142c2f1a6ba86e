/* Rows in columns: which columns there is room for, how wide they are, and their cells. */
#ifndef WEIR_TABLE_H
#define WEIR_TABLE_H

#include "top/canvas.h"

#include <stddef.h>

#define TABLE_COLUMNS_MAX 16
#define TABLE_CELL_MAX    160 /* bytes of a cell's text, with its NUL */

enum fit {
	FIT_LEFT,    /* text from the left; its end is cut */
	FIT_TAIL,    /* the same, but its beginning is cut: what tells addresses apart is the port */
	FIT_RIGHT,   /* numbers */
	FIT_DRAWING, /* not text: draw is called */
};

struct column {
	const char *title;
	int least, most; /* columns of the terminal; if they differ, no more than the rows need */
	int rank;        /* where room is short, those with the highest rank are left out */
	enum fit fit;
	/* Writes the cell of a row. */
	void (*text)(const void *row, char cell[TABLE_CELL_MAX]);
	/* NULL: as the line. */
	enum style (*style)(const void *row);
	void (*draw)(const void *row, struct canvas *canvas, int y, int x, int width);
};

/* The rows of a table, wherever they are. */
struct rows {
	const void *items;
	size_t count;
	const void *(*at)(const void *items, size_t i);
};

struct layout {
	const struct column *columns;
	int count;
	struct {
		int column, x, width;
	} place[TABLE_COLUMNS_MAX];
};

/*
 * Chooses among count columns for so much room. Those whose rank is in the set without (bits) are left out in
 * any case. What room is left is shared out among those that need more.
 */
void table_layout(struct layout *layout, const struct column *columns, int count, const struct rows *rows,
                  int width, unsigned without);

void table_draw_head(const struct layout *layout, struct canvas *canvas, int y);
/* style is that of the line; where it is STYLE_PLAIN, cells may have their own. */
void table_draw_row(const struct layout *layout, struct canvas *canvas, int y, const void *row,
                    enum style style);

#endif
