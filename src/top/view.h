/* Draws a scene: a line about the process, relays or targets, pairs, one pair in detail, a line of keys. */
#ifndef WEIR_VIEW_H
#define WEIR_VIEW_H

#include "top/canvas.h"
#include "top/control.h"
#include "top/table.h"

#define LINK_ERROR_MAX 160

/* How it is with the connection to that weir. */
struct link {
	const char *where;          /* its address, as the user knows it */
	bool reached;               /* ever */
	char error[LINK_ERROR_MAX]; /* why it cannot be reached; empty: it can */
	char since[16];             /* HH:MM:SS of that */
	char now[16];
};

/* Moves the cursor of control to where it can be. Without memory, the pairs are left out. */
void view_draw(struct canvas *canvas, const struct scene *scene, struct control *control,
               const struct link *link);

/* The same without what only a user at a terminal needs. */
void view_print(struct canvas *canvas, const struct scene *scene, struct control *control,
                const struct link *link);
/* The lines that this takes at most. */
int view_height(const struct scene *scene);

/* Private to the view's files. */

#define VIEW_DETAIL_LINES 5

void view_draw_help(struct canvas *canvas);
void view_draw_detail(struct canvas *canvas, int y, const struct scene_pair *pair);

extern const struct column view_relay_columns[], view_target_columns[], view_pair_columns[];
extern const int view_relay_column_count, view_target_column_count, view_pair_column_count;
#define VIEW_RANK_RELAY 4 /* of the column with the relay, among those of the pairs and the targets */

#endif
