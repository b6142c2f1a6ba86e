#include "build_config.h"

#include "top/canvas.h"

#include <errno.h>
#include <stdlib.h>

int canvas_init(struct canvas *canvas, int width, int height, bool ascii)
{
	size_t count = (size_t)width * (size_t)height;

	*canvas = (struct canvas){width, height, ascii, calloc(count, sizeof(struct cell))};
	if (!canvas->cells)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		canvas->cells[i].character = L' ';
	return 0;
}

void canvas_deinit(struct canvas *canvas)
{
	free(canvas->cells);
	*canvas = (struct canvas){.cells = NULL};
}

void canvas_put_character(struct canvas *canvas, int y, int x, enum style style, wchar_t character)
{
	if (y >= 0 && y < canvas->height && x >= 0 && x < canvas->width)
		*canvas_at(canvas, y, x) = (struct cell){character, style};
}

int canvas_put(struct canvas *canvas, int y, int x, int end, enum style style, const char *text)
{
	while (*text && x < end)
		canvas_put_character(canvas, y, x++, style, (unsigned char)*text++);
	return x;
}

void canvas_style_line(struct canvas *canvas, int y, enum style style)
{
	for (int x = 0; y >= 0 && y < canvas->height && x < canvas->width; x++)
		canvas_at(canvas, y, x)->style = style;
}

/* How many columns of a line are not blank at its end. */
static int used(const struct canvas *canvas, int y)
{
	int width = canvas->width;

	while (width > 0 && canvas_at(canvas, y, width - 1)->character == L' ')
		width--;
	return width;
}

void canvas_print(const struct canvas *canvas, FILE *out)
{
	int height = canvas->height;

	while (height > 0 && used(canvas, height - 1) == 0)
		height--;
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < used(canvas, y); x++)
			fprintf(out, "%lc", (wint_t)canvas_at(canvas, y, x)->character);
		fputc('\n', out);
	}
}
