/* One pair, in words and with the evidence; and the help. */
#include "build_config.h"

#include "top/amounts.h"
#include "top/view.h"
#include "top/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GAUGE 10

struct line {
	struct canvas *canvas;
	int y, x;
};

/* A fact, if it is known and there is room for all of it: a part of a number would be another one. */
static void put_fact(struct line *line, const char *name, const char *amount)
{
	int width = line->canvas->width;

	if (strcmp(amount, "-") == 0 || line->x + (int)(strlen(name) + strlen(amount)) + 2 > width)
		return;
	line->x = canvas_put(line->canvas, line->y, line->x + 1, width, STYLE_FAINT, name);
	line->x = canvas_put(line->canvas, line->y, line->x + 1, width, STYLE_PLAIN, amount);
}

static void put_evidence(struct line *line, const struct scene_flow *flow)
{
	char buf[AMOUNT_MAX];

	put_fact(line, "paused", amount_percent(flow->paused, buf));
	if (flow->unanswered_ms > 0)
		put_fact(line, "unanswered", amount_duration(flow->unanswered_ms, buf));
	put_fact(line, "shut", amount_percent(flow->rwnd, buf));
	put_fact(line, "lag", amount_duration(flow->lag_ms, buf));
	put_fact(line, "rtt", amount_round_trip(flow->rtt_us, buf));
	if (flow->retrans > 0)
		put_fact(line, "resent", amount_number(flow->retrans, buf));
}

/* What is in the queue, the queue between its marks, and what is known of the sink. */
static void draw_flow(struct canvas *canvas, int y, const char *name, const struct scene_flow *flow)
{
	char gauge[GAUGE + 1], size[AMOUNT_MAX], text[AMOUNT_MAX + GAUGE + 16];
	struct line line = {canvas, y, 0};

	snprintf(text, sizeof(text), "%-4s %5s ", name, amount_size(flow->queued, size));
	line.x = canvas_put(canvas, y, 0, canvas->width, STYLE_PLAIN, text);
	line.x = canvas_put(canvas, y, line.x, canvas->width, STYLE_PLAIN,
	                    amount_gauge(flow->queued, flow->low, flow->high, GAUGE, gauge));
	line.x =
	        canvas_put(canvas, y, line.x + 1, canvas->width, STYLE_PLAIN, amount_size(flow->high, size)) +
	        2;
	put_evidence(&line, flow);
}

static void draw_waiting(struct canvas *canvas, int y, const struct scene_pair *pair)
{
	char client[AMOUNT_MAX], target[AMOUNT_MAX], text[200];

	snprintf(text, sizeof(text),
	         "Of the last seconds, %s was waiting for the client and %s for the target.",
	         amount_percent(pair->waited_client, client), amount_percent(pair->waited_target, target));
	canvas_put(canvas, y, 0, canvas->width, STYLE_PLAIN, text);
}

static void draw_verdict(struct canvas *canvas, int y, const struct scene_pair *pair)
{
	char text[200], amount[AMOUNT_MAX];
	int x;

	verdict_sentence(pair, text, sizeof(text));
	x = canvas_put(canvas, y, 0, canvas->width, STYLE_PLAIN, text);
	snprintf(text, sizeof(text), " For %s. Last heard from: %s.", amount_duration(pair->since_ms, amount),
	         pair->last_from);
	canvas_put(canvas, y, x, canvas->width, STYLE_PLAIN, text);
}

void view_draw_detail(struct canvas *canvas, int y, const struct scene_pair *pair)
{
	char text[3 * SCENE_TEXT_MAX + 100], id[AMOUNT_MAX], age[AMOUNT_MAX];

	snprintf(text, sizeof(text), "pair %s  %s  %s -> %s  %s, %s old", amount_number(pair->id, id),
	         pair->relay, pair->client, pair->target, pair->state, amount_duration(pair->age_ms, age));
	canvas_put(canvas, y, 0, canvas->width, STYLE_PLAIN, text);
	canvas_style_line(canvas, y, STYLE_HEAD);
	draw_verdict(canvas, y + 1, pair);
	draw_waiting(canvas, y + 2, pair);
	draw_flow(canvas, y + 3, "up", &pair->flow[UPLOAD]);
	draw_flow(canvas, y + 4, "down", &pair->flow[DOWNLOAD]);
}

void view_draw_help(struct canvas *canvas)
{
	static const char *const lines[] = {
	        "Keys",
	        "  up, down, page up, page down, home, end   choose a pair (also j k g G)",
	        "  s S         sort by wait, rate, queue, age, relay, client",
	        "  r           the other way round",
	        "  tab         the pairs of the next relay only, or of all (shift-tab: back)",
	        "  /           type a part of the names of relays (esc: all)",
	        "  t           relays, or targets",
	        "  space       hold the picture",
	        "  q           quit",
	        "",
	        "SLOW          who holds a pair up, and why, over the last seconds",
	        "SLOW C/T/R    pairs that the client, the target or weir itself holds up",
	        "FOR           for how long what it waits for has lasted",
	        "QUEUED, FULL  bytes in queues; of the high mark, in the pair that has most",
	        "TARGETS       addresses that are up, of all",
	        "paused        how much of the time the source was paused",
	        "lag, rtt      how long the sink takes for what is under way; its round trip",
	        "shut, resent  how much of the time its window was shut; segments sent again",
	        "",
	        "weir-top(1) and DUMP in weir(8) say more. Any key goes back.",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		canvas_put(canvas, (int)i + 2, 0, canvas->width, STYLE_PLAIN, lines[i]);
}
