#include "build_config.h"

#include "top/screen.h"

#include "top/control.h"

#include <curses.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

#define ESCAPE       27
#define ESCAPE_MS    25 /* how long the rest of a key's sequence may take */
#define COLOUR_PAIRS 4

static SCREEN *terminal;
static attr_t attributes[STYLES];

bool screen_is_ascii(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
}

/* Without colours, what they say is in the words as well. */
static void choose_styles(bool colours)
{
	static const short numbers[STYLES] = {
	        [STYLE_ALARM] = COLOR_RED,
	        [STYLE_CLIENT] = COLOR_YELLOW,
	        [STYLE_TARGET] = COLOR_CYAN,
	        [STYLE_RELAY] = COLOR_MAGENTA,
	};
	short pair = 0;

	attributes[STYLE_BAR] = A_REVERSE;
	attributes[STYLE_HEAD] = A_BOLD | A_UNDERLINE;
	attributes[STYLE_SELECTED] = A_REVERSE;
	attributes[STYLE_FAINT] = A_DIM;
	attributes[STYLE_ALARM] = A_BOLD;
	for (int i = 0; colours && i < STYLES; i++)
		if (numbers[i] && init_pair(++pair, numbers[i], -1) == OK)
			attributes[i] |= (attr_t)COLOR_PAIR(pair);
}

/* https://no-color.org */
static bool wants_colours(void)
{
	const char *no = getenv("NO_COLOR");

	return !(no && *no) && has_colors() && start_color() == OK && use_default_colors() == OK;
}

/* Asked before anything is written to it: the cursor has to be moved to any place. */
static bool can_move_cursor(void)
{
	bool can = cursor_address && clear_screen;

	del_curterm(cur_term); /* curses makes its own */
	return can;
}

static const char *unusable(void)
{
	int found;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return "this is no terminal; --once prints to anything";
	if (setupterm(NULL, STDOUT_FILENO, &found) != OK)
		return "the terminal in TERM is not known here; --once needs none";
	return can_move_cursor() ? NULL : "the terminal in TERM cannot move its cursor; --once needs none";
}

const char *screen_open(void)
{
	const char *problem = unusable();

	if (problem)
		return problem;
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal)
		return "the terminal could not be set up";
	choose_styles(wants_colours());
	cbreak();
	noecho();
	nonl();
	intrflush(stdscr, FALSE);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	return NULL;
}

void screen_close(void)
{
	if (!terminal)
		return;
	endwin();
	delscreen(terminal);
	terminal = NULL;
}

void screen_size(int *width, int *height)
{
	getmaxyx(stdscr, *height, *width);
}

void screen_show(const struct canvas *canvas)
{
	erase();
	for (int y = 0; y < canvas->height; y++)
		for (int x = 0; x < canvas->width; x++) {
			const struct cell *cell = canvas_at(canvas, y, x);

			attrset((int)attributes[cell->style]);
			mvaddnwstr(y, x, &cell->character, 1);
		}
	attrset(A_NORMAL);
	refresh();
}

static int key_of(int key)
{
	static const struct {
		int key, press;
	} keys[] = {
	        {KEY_UP, PRESS_UP},       {KEY_DOWN, PRESS_DOWN},     {KEY_PPAGE, PRESS_PAGE_UP},
	        {KEY_HOME, PRESS_HOME},   {KEY_END, PRESS_END},       {KEY_NPAGE, PRESS_PAGE_DOWN},
	        {KEY_ENTER, PRESS_ENTER}, {'\r', PRESS_ENTER},        {'\n', PRESS_ENTER},
	        {'\t', PRESS_TAB},        {KEY_BTAB, PRESS_BACK_TAB}, {KEY_BACKSPACE, PRESS_BACKSPACE},
	        {'\b', PRESS_BACKSPACE},  {0x7f, PRESS_BACKSPACE},    {ESCAPE, PRESS_ESCAPE},
	        {ERR, PRESS_NONE},
	};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].key == key)
			return keys[i].press;
	return key < 0x100 ? key : PRESS_REDRAW;
}

int screen_key(void)
{
	return key_of(getch());
}
