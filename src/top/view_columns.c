/* The columns of the three tables. */
#include "build_config.h"

#include "base/number.h"
#include "top/amounts.h"
#include "top/view.h"

#include <stdio.h>
#include <string.h>

static void put(char cell[TABLE_CELL_MAX], const char *text)
{
	snprintf(cell, TABLE_CELL_MAX, "%s", text);
}

static uint64_t sum(const uint64_t numbers[DIRECTIONS])
{
	if (numbers[UPLOAD] == SCENE_UNKNOWN || numbers[DOWNLOAD] == SCENE_UNKNOWN)
		return SCENE_UNKNOWN;
	return numbers[UPLOAD] + numbers[DOWNLOAD];
}

/* --- relays --- */

static void relay_name(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_relay *)row)->name);
}

static enum style relay_style(const void *row)
{
	return ((const struct scene_relay *)row)->removed ? STYLE_FAINT : STYLE_PLAIN;
}

static void relay_pairs(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_relay *)row)->pairs, cell);
}

static void relay_upload(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_size(((const struct scene_relay *)row)->rate[UPLOAD], cell);
}

static void relay_download(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_size(((const struct scene_relay *)row)->rate[DOWNLOAD], cell);
}

static void relay_queued(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_size(sum(((const struct scene_relay *)row)->queued), cell);
}

/* Of the high mark, in the flow that has the most of it; unknown where no mark is. */
static uint64_t fullest(const struct scene_relay *relay)
{
	uint64_t most = SCENE_UNKNOWN;

	for (int i = 0; i < DIRECTIONS; i++) {
		uint64_t share;

		if (relay->high[i] == 0 || relay->high[i] == SCENE_UNKNOWN ||
		    relay->longest[i] == SCENE_UNKNOWN)
			continue;
		share = u64_of((double)relay->longest[i] * 1000 / (double)relay->high[i]);
		if (most == SCENE_UNKNOWN || share > most)
			most = share;
	}
	return most;
}

static void relay_fullest(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_percent(fullest(row), cell);
}

/* Three numbers, of pairs that the client, the target and weir hold up. */
static void relay_slow(const void *row, char cell[TABLE_CELL_MAX])
{
	const struct scene_relay *relay = row;
	char client[AMOUNT_MAX], target[AMOUNT_MAX], own[AMOUNT_MAX];

	snprintf(cell, TABLE_CELL_MAX, "%s/%s/%s", amount_number(relay->slow_client, client),
	         amount_number(relay->slow_target, target), amount_number(relay->slow_relay, own));
}

static void relay_targets(const void *row, char cell[TABLE_CELL_MAX])
{
	const struct scene_relay *relay = row;

	snprintf(cell, TABLE_CELL_MAX, "%zu/%zu", relay->targets_up, relay->targets);
}

static enum style relay_targets_style(const void *row)
{
	const struct scene_relay *relay = row;

	return relay->targets_up < relay->targets ? STYLE_ALARM : STYLE_PLAIN;
}

static void relay_refused(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_relay *)row)->refused, cell);
}

static void relay_failed(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_relay *)row)->failed, cell);
}

static void relay_history(const void *row, struct canvas *canvas, int y, int x, int width)
{
	const struct scene_relay *relay = row;
	int count = width < SCENE_HISTORY ? width : SCENE_HISTORY;
	const uint64_t *shown = relay->history + SCENE_HISTORY - count;
	uint64_t most = 0;

	for (int i = 0; i < count; i++)
		most = shown[i] > most ? shown[i] : most;
	for (int i = 0; i < count; i++)
		canvas_put_character(canvas, y, x + i, STYLE_PLAIN,
		                     amount_spark(shown[i], most, canvas->ascii));
}

const struct column view_relay_columns[] = {
        {"RELAY", 10, 24, 0, FIT_LEFT, relay_name, relay_style, NULL},
        {"PAIRS", 5, 7, 1, FIT_RIGHT, relay_pairs, NULL, NULL},
        {"SLOW C/T/R", 10, 17, 3, FIT_RIGHT, relay_slow, NULL, NULL},
        {"UP/s", 5, 5, 2, FIT_RIGHT, relay_upload, NULL, NULL},
        {"DOWN/s", 6, 6, 2, FIT_RIGHT, relay_download, NULL, NULL},
        {"QUEUED", 6, 6, 5, FIT_RIGHT, relay_queued, NULL, NULL},
        {"FULL", 5, 5, 6, FIT_RIGHT, relay_fullest, NULL, NULL},
        {"TARGETS", 7, 7, 4, FIT_RIGHT, relay_targets, relay_targets_style, NULL},
        {"FAILED", 6, 8, 7, FIT_RIGHT, relay_failed, NULL, NULL},
        {"REFUSED", 7, 9, 8, FIT_RIGHT, relay_refused, NULL, NULL},
        {"BYTES/s", 8, SCENE_HISTORY, 9, FIT_DRAWING, NULL, NULL, relay_history},
};
const int view_relay_column_count = sizeof(view_relay_columns) / sizeof(view_relay_columns[0]);

/* --- targets --- */

static void target_relay(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_target *)row)->relay);
}

static void target_name(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_target *)row)->target);
}

static void target_address(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_target *)row)->address);
}

static void target_state(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_target *)row)->state);
}

static enum style target_style(const void *row)
{
	return strcmp(((const struct scene_target *)row)->state, "up") == 0 ? STYLE_PLAIN : STYLE_ALARM;
}

static void target_since(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_duration(((const struct scene_target *)row)->since_ms, cell);
}

static void target_pairs(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_target *)row)->pairs, cell);
}

static void target_connects(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_target *)row)->connects, cell);
}

static void target_failures(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_target *)row)->failures, cell);
}

static void target_error(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_target *)row)->error);
}

const struct column view_target_columns[] = {
        {"RELAY", 8, 20, VIEW_RANK_RELAY, FIT_LEFT, target_relay, NULL, NULL},
        {"TARGET", 15, 47, 0, FIT_TAIL, target_name, NULL, NULL},
        {"ADDRESS", 15, 47, 8, FIT_TAIL, target_address, NULL, NULL},
        {"STATE", 6, 6, 1, FIT_LEFT, target_state, target_style, NULL},
        {"FOR", 5, 5, 2, FIT_RIGHT, target_since, NULL, NULL},
        {"PAIRS", 5, 7, 3, FIT_RIGHT, target_pairs, NULL, NULL},
        {"MADE", 6, 9, 7, FIT_RIGHT, target_connects, NULL, NULL},
        {"FAILED", 6, 9, 5, FIT_RIGHT, target_failures, NULL, NULL},
        {"LAST ERROR", 12, 15, 6, FIT_LEFT, target_error, NULL, NULL},
};
const int view_target_column_count = sizeof(view_target_columns) / sizeof(view_target_columns[0]);

/* --- pairs --- */

static void pair_id(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_number(((const struct scene_pair *)row)->id, cell);
}

static void pair_relay(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_pair *)row)->relay);
}

static void pair_client(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_pair *)row)->client);
}

static void pair_target(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_pair *)row)->target);
}

static void pair_upload(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_size(((const struct scene_pair *)row)->flow[UPLOAD].rate, cell);
}

static void pair_download(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_size(((const struct scene_pair *)row)->flow[DOWNLOAD].rate, cell);
}

static void pair_queued(const void *row, char cell[TABLE_CELL_MAX])
{
	const struct scene_flow *flow = ((const struct scene_pair *)row)->flow;

	amount_size(sum((const uint64_t[]){flow[UPLOAD].queued, flow[DOWNLOAD].queued}), cell);
}

static void pair_verdict(const void *row, char cell[TABLE_CELL_MAX])
{
	const struct scene_pair *pair = row;

	if (strcmp(pair->slow, "none") == 0)
		put(cell, pair->why);
	else
		snprintf(cell, TABLE_CELL_MAX, "%s %s", pair->slow, pair->why);
}

static enum style pair_verdict_style(const void *row)
{
	const char *slow = ((const struct scene_pair *)row)->slow;

	if (strcmp(slow, "client") == 0)
		return STYLE_CLIENT;
	if (strcmp(slow, "target") == 0)
		return STYLE_TARGET;
	return strcmp(slow, "relay") == 0 ? STYLE_RELAY : STYLE_FAINT;
}

static void pair_since(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_duration(((const struct scene_pair *)row)->since_ms, cell);
}

static void pair_age(const void *row, char cell[TABLE_CELL_MAX])
{
	amount_duration(((const struct scene_pair *)row)->age_ms, cell);
}

static void pair_state(const void *row, char cell[TABLE_CELL_MAX])
{
	put(cell, ((const struct scene_pair *)row)->state);
}

const struct column view_pair_columns[] = {
        {"PAIR", 5, 9, 8, FIT_RIGHT, pair_id, NULL, NULL},
        {"RELAY", 8, 20, VIEW_RANK_RELAY, FIT_LEFT, pair_relay, NULL, NULL},
        {"CLIENT", 17, 47, 2, FIT_TAIL, pair_client, NULL, NULL},
        {"TARGET", 15, 47, 3, FIT_TAIL, pair_target, NULL, NULL},
        {"UP/s", 5, 5, 5, FIT_RIGHT, pair_upload, NULL, NULL},
        {"DOWN/s", 6, 6, 5, FIT_RIGHT, pair_download, NULL, NULL},
        {"QUEUED", 6, 6, 7, FIT_RIGHT, pair_queued, NULL, NULL},
        {"SLOW", 17, 17, 0, FIT_LEFT, pair_verdict, pair_verdict_style, NULL},
        {"FOR", 5, 5, 1, FIT_RIGHT, pair_since, NULL, NULL},
        {"AGE", 5, 5, 9, FIT_RIGHT, pair_age, NULL, NULL},
        {"STATE", 11, 11, 10, FIT_LEFT, pair_state, NULL, NULL},
};
const int view_pair_column_count = sizeof(view_pair_columns) / sizeof(view_pair_columns[0]);
