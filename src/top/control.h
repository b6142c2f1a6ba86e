/* What the user has chosen, and what keys do to it. Knows no terminal. */
#ifndef WEIR_CONTROL_H
#define WEIR_CONTROL_H

#include "top/order.h"

/* Keys that are no characters. */
enum press {
	PRESS_NONE = 0x110000, /* beyond all characters */
	PRESS_UP,
	PRESS_DOWN,
	PRESS_PAGE_UP,
	PRESS_PAGE_DOWN,
	PRESS_HOME,
	PRESS_END,
	PRESS_ENTER,
	PRESS_ESCAPE,
	PRESS_TAB,
	PRESS_BACK_TAB,
	PRESS_BACKSPACE,
	PRESS_REDRAW,
};

struct control {
	enum sort sort;
	bool reverse;
	bool shows_targets, shows_help;
	bool holds;  /* the picture stands still */
	bool prints; /* there is no user: no cursor, no keys */
	bool quits;
	struct filter filter;
	bool types; /* a name is being typed */
	char typed[SCENE_NAME_MAX];
	size_t cursor;     /* of the rows; the view keeps it among them */
	uint64_t selected; /* the pair there, which it follows, unless it is at the top; 0: to be found */
	size_t first;      /* the first row that is shown */
	size_t page;       /* how many are shown */
};

/* Does what a key asks for. Unknown keys do nothing. */
void control_press(struct control *control, int key, const struct scene *scene);

/* Moves the cursor to the pair that it follows, and the rows so that it is among those shown. */
void control_settle(struct control *control, const struct scene_pair *const *pairs, size_t count,
                    size_t page);

#endif
