/* A screen of characters with styles, drawn upon without a terminal. What does not fit is cut off. */
#ifndef WEIR_CANVAS_H
#define WEIR_CANVAS_H

#include <stdbool.h>
#include <stdio.h>
#include <wchar.h>

enum style {
	STYLE_PLAIN,
	STYLE_BAR,      /* the lines at the top and the bottom */
	STYLE_HEAD,     /* names of columns */
	STYLE_SELECTED, /* the line with the cursor */
	STYLE_FAINT,
	STYLE_ALARM, /* what somebody should look at */
	STYLE_CLIENT,
	STYLE_TARGET,
	STYLE_RELAY,
};
#define STYLES (STYLE_RELAY + 1)

struct cell {
	wchar_t character;
	enum style style;
};

struct canvas {
	int width, height;
	bool ascii;         /* the terminal takes nothing else */
	struct cell *cells; /* owned; line by line */
};

/* Blank. width and height are at least 1. 0 or -ENOMEM. */
int canvas_init(struct canvas *canvas, int width, int height, bool ascii);
void canvas_deinit(struct canvas *canvas);

static inline struct cell *canvas_at(const struct canvas *canvas, int y, int x)
{
	return &canvas->cells[y * canvas->width + x];
}

/* Writes text, which is ASCII, from column x on, up to column end. Returns the column after it. */
int canvas_put(struct canvas *canvas, int y, int x, int end, enum style style, const char *text);
void canvas_put_character(struct canvas *canvas, int y, int x, enum style style, wchar_t character);
/* Gives a whole line this style. */
void canvas_style_line(struct canvas *canvas, int y, enum style style);

/* Writes it as lines of text without styles, without blanks at their ends and empty lines at its end. */
void canvas_print(const struct canvas *canvas, FILE *out);

#endif
