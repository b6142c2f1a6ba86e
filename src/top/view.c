#include "build_config.h"

#include "top/view.h"

#include "top/amounts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BARS            2  /* lines: at the top and the bottom */
#define HEADS           2  /* of the two tables */
#define UPPER_HEIGHT    10 /* a lower screen has the pairs only */
#define DETAIL_HEIGHT   18 /* a lower screen has no room for a pair in detail */
#define UPPER_LEAST     3
#define UPPER_SHARE_DIV 3 /* relays or targets take at most a third of the rows */

/* Relays or targets, so that both are treated alike. */
struct upper {
	const struct column *columns;
	int column_count;
	struct rows rows;
	const char *(*relay_of)(const void *row);
};

static const void *relay_at(const void *items, size_t i)
{
	return (const struct scene_relay *)items + i;
}

static const void *target_at(const void *items, size_t i)
{
	return (const struct scene_target *)items + i;
}

static const void *pair_at(const void *items, size_t i)
{
	return ((const struct scene_pair *const *)items)[i];
}

static const char *name_of_relay(const void *row)
{
	return ((const struct scene_relay *)row)->name;
}

static const char *relay_of_target(const void *row)
{
	return ((const struct scene_target *)row)->relay;
}

static struct upper upper_of(const struct scene *scene, bool targets)
{
	if (targets)
		return (struct upper){view_target_columns,
		                      view_target_column_count,
		                      {scene->targets, scene->target_count, target_at},
		                      relay_of_target};
	return (struct upper){view_relay_columns,
	                      view_relay_column_count,
	                      {scene->relays, scene->relay_count, relay_at},
	                      name_of_relay};
}

static bool upper_matches(const struct upper *upper, size_t i, const struct filter *filter)
{
	return filter_matches(filter, upper->relay_of(upper->rows.at(upper->rows.items, i)));
}

/* The first row to show of so many, so that the first one that matches is among them. */
static size_t first_match(const struct upper *upper, const struct filter *filter, size_t shown)
{
	size_t count = upper->rows.count, first = 0;

	while (first < count && !upper_matches(upper, first, filter))
		first++;
	if (first == count || first + 1 < shown)
		return 0;
	return first + shown > count ? count - shown : first;
}

static void draw_upper(struct canvas *canvas, int y, int lines, const struct upper *upper,
                       const struct filter *filter)
{
	size_t first = first_match(upper, filter, (size_t)lines);
	struct layout layout;

	table_layout(&layout, upper->columns, upper->column_count, &upper->rows, canvas->width, 0);
	table_draw_head(&layout, canvas, y);
	for (int i = 0; i < lines; i++) {
		size_t row = first + (size_t)i;

		table_draw_row(&layout, canvas, y + 1 + i, upper->rows.at(upper->rows.items, row),
		               upper_matches(upper, row, filter) ? STYLE_PLAIN : STYLE_FAINT);
	}
}

/* Where all are of one relay, its name says nothing. */
static unsigned useless_ranks(const struct scene *scene, const struct filter *filter)
{
	return scene->relay_count == 1 || filter->is_name ? 1u << VIEW_RANK_RELAY : 0;
}

static void draw_pairs(struct canvas *canvas, int y, const struct scene_pair *const *pairs, size_t count,
                       const struct scene *scene, const struct control *control)
{
	const struct rows rows = {pairs, count, pair_at};
	struct layout layout;

	table_layout(&layout, view_pair_columns, view_pair_column_count, &rows, canvas->width,
	             useless_ranks(scene, &control->filter));
	table_draw_head(&layout, canvas, y);
	for (size_t i = 0; i < control->page && control->first + i < count; i++) {
		size_t row = control->first + i;

		table_draw_row(&layout, canvas, y + 1 + (int)i, pairs[row],
		               row == control->cursor && !control->prints ? STYLE_SELECTED : STYLE_PLAIN);
	}
	if (count == 0)
		canvas_put(canvas, y + 1, 0, canvas->width, STYLE_FAINT,
		           scene->pair_count > 0 ? "no pairs of these relays" : "no pairs");
}

static int upper_rows(const struct canvas *canvas, const struct upper *upper, int rows)
{
	int most = rows / UPPER_SHARE_DIV > UPPER_LEAST ? rows / UPPER_SHARE_DIV : UPPER_LEAST;

	if (canvas->height < UPPER_HEIGHT)
		return 0;
	return upper->rows.count < (size_t)most ? (int)upper->rows.count : most;
}

static void draw_tables(struct canvas *canvas, const struct scene *scene, struct control *control,
                        const struct scene_pair *const *pairs, size_t count)
{
	struct upper upper = upper_of(scene, control->shows_targets);
	bool detail = canvas->height >= DETAIL_HEIGHT && count > 0 && !control->prints;
	int rows = canvas->height - BARS - HEADS - (detail ? VIEW_DETAIL_LINES : 0);
	int above = upper_rows(canvas, &upper, rows);
	int y = 1;

	if (above > 0) {
		draw_upper(canvas, y, above, &upper, &control->filter);
		y += 1 + above;
	}
	rows = canvas->height - 1 - (detail ? VIEW_DETAIL_LINES : 0) - y - 1;
	control_settle(control, pairs, count, rows > 0 ? (size_t)rows : 1);
	draw_pairs(canvas, y, pairs, count, scene, control);
	if (detail)
		view_draw_detail(canvas, canvas->height - 1 - VIEW_DETAIL_LINES, pairs[control->cursor]);
}

static void describe(const struct scene *scene, char *text, size_t size)
{
	char up[AMOUNT_MAX], used[AMOUNT_MAX], max[AMOUNT_MAX], total[AMOUNT_MAX], here[AMOUNT_MAX + 8] = "";

	if (scene->pair_count < scene->pair_total)
		snprintf(here, sizeof(here), ", %zu here", scene->pair_count);
	snprintf(text, size, " weir %s  up %s  %s pairs%s  queues %s of %s", scene->version,
	         amount_duration(scene->uptime_ms, up), amount_number(scene->pair_total, total), here,
	         amount_size(scene->used, used), amount_size(scene->memory_max, max));
}

/* At the right end, if there is room beside the text. False: there is none. */
static bool put_right(struct canvas *canvas, int end, const char *text)
{
	int x = canvas->width - (int)strlen(text) - 1;

	if (x <= end)
		return false;
	canvas_put(canvas, 0, x, canvas->width, STYLE_BAR, text);
	return true;
}

static void draw_where(struct canvas *canvas, const struct link *link, int end)
{
	char text[ADDRESS_TEXT_MAX + sizeof(link->now)];

	snprintf(text, sizeof(text), "%s %s", link->where, link->now);
	if (!put_right(canvas, end, text))
		put_right(canvas, end, link->where);
}

static void draw_title(struct canvas *canvas, const struct scene *scene, const struct link *link)
{
	char text[ADDRESS_TEXT_MAX + LINK_ERROR_MAX + 64];
	enum style style = link->error[0] ? STYLE_ALARM : STYLE_BAR;
	int end;

	if (link->error[0])
		snprintf(text, sizeof(text), " %s not reachable since %s: %s", link->where, link->since,
		         link->error);
	else if (!link->reached)
		snprintf(text, sizeof(text), " asking %s", link->where);
	else
		describe(scene, text, sizeof(text));
	end = canvas_put(canvas, 0, 0, canvas->width, style, text);
	if (link->reached && !link->error[0])
		draw_where(canvas, link, end);
	canvas_style_line(canvas, 0, style);
}

static void draw_keys(struct canvas *canvas, const struct control *control)
{
	const char *relay = control->filter.text[0] ? control->filter.text : "all";
	char text[300];

	if (control->types)
		snprintf(text, sizeof(text), " relay: %s_   enter: take it   esc: leave it", control->typed);
	else if (control->shows_help)
		snprintf(text, sizeof(text), " any key: back");
	else
		snprintf(text, sizeof(text), " q:quit ?:help s:by %s%s tab:%s /:find t:%s space:%s",
		         sort_name(control->sort), control->reverse ? " turned" : "", relay,
		         control->shows_targets ? "relays" : "targets", control->holds ? "HELD" : "hold");
	canvas_put(canvas, canvas->height - 1, 0, canvas->width, STYLE_BAR, text);
	canvas_style_line(canvas, canvas->height - 1, STYLE_BAR);
}

void view_draw(struct canvas *canvas, const struct scene *scene, struct control *control,
               const struct link *link)
{
	const struct scene_pair **pairs;
	size_t count;

	draw_title(canvas, scene, link);
	if (control->shows_help) {
		view_draw_help(canvas);
	} else if (link->reached) {
		pairs = order_pairs(scene, control->sort, control->reverse, &control->filter, &count);
		draw_tables(canvas, scene, control, pairs, count);
		free(pairs);
	}
	draw_keys(canvas, control);
}

void view_print(struct canvas *canvas, const struct scene *scene, struct control *control,
                const struct link *link)
{
	const struct scene_pair **pairs;
	size_t count;

	control->prints = true;
	draw_title(canvas, scene, link);
	pairs = order_pairs(scene, control->sort, control->reverse, &control->filter, &count);
	draw_tables(canvas, scene, control, pairs, count);
	free(pairs);
}

/* So high that a third of it has room for all relays. */
int view_height(const struct scene *scene)
{
	return (int)(UPPER_SHARE_DIV * (scene->relay_count + scene->target_count + UPPER_LEAST) +
	             scene->pair_count) +
	       BARS + HEADS + 1;
}
