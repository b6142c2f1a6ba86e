/* What weir-top knows of a weir at one moment: its report in JSON as plain data, and what has changed. */
#ifndef WEIR_SCENE_H
#define WEIR_SCENE_H

#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENE_UNKNOWN   UINT64_MAX /* a number that this weir does not tell */
#define SCENE_NAME_MAX  (RELAY_NAME_MAX + 1)
#define SCENE_WORD_MAX  16
#define SCENE_TEXT_MAX  128   /* of an address; a longer host name is cut */
#define SCENE_PAIRS_MAX 1000  /* more than weir lists; what answers may be anything else */
#define SCENE_ROWS_MAX  20000 /* of relays, and of targets */
#define SCENE_HISTORY   120   /* rates of a relay that are kept */

struct scene_relay {
	char name[SCENE_NAME_MAX];
	bool removed;
	uint64_t pairs, refused, failed;
	uint64_t bytes[DIRECTIONS];
	uint64_t queued[DIRECTIONS];  /* in all its pairs */
	uint64_t longest[DIRECTIONS]; /* in one pair */
	uint64_t high[DIRECTIONS];
	uint64_t slow_client, slow_target, slow_relay; /* pairs that they hold up */
	size_t targets, targets_up;                    /* addresses that get clients */
	uint64_t rate[DIRECTIONS];                     /* bytes a second, lately */
	uint64_t history[SCENE_HISTORY];               /* both rates together, the latest last */
};

struct scene_target {
	char relay[SCENE_NAME_MAX];
	char target[SCENE_TEXT_MAX], address[SCENE_TEXT_MAX];
	char state[SCENE_WORD_MAX], error[SCENE_WORD_MAX];
	bool backup;
	uint64_t weight, pairs, connects, failures, since_ms;
};

struct scene_flow {
	char reading[SCENE_WORD_MAX];
	uint64_t bytes, queued, high, low;
	uint64_t paused, lag_ms, rtt_us, rwnd, retrans, unanswered_ms;
	uint64_t rate; /* bytes a second, lately */
};

struct scene_pair {
	uint64_t id;
	char relay[SCENE_NAME_MAX];
	char client[SCENE_TEXT_MAX], target[SCENE_TEXT_MAX];
	char state[SCENE_WORD_MAX], slow[SCENE_WORD_MAX], why[SCENE_WORD_MAX], last_from[SCENE_WORD_MAX];
	uint64_t age_ms, since_ms, waited_client, waited_target;
	struct scene_flow flow[DIRECTIONS];
};

struct scene {
	char version[SCENE_WORD_MAX];
	uint64_t pid, uptime_ms, pair_total, used, memory_max;
	struct scene_relay *relays; /* owned, as are the others */
	size_t relay_count;
	struct scene_target *targets;
	size_t target_count;
	struct scene_pair *pairs;
	size_t pair_count;
};

/*
 * Reads a report. All of its text becomes printable ASCII, whoever wrote it. Returns 0, -EINVAL (not a
 * report of weir), -EMSGSIZE (it takes more memory than such a report) or -ENOMEM. After success the caller
 * must call scene_deinit; after a failure *scene is empty.
 */
int scene_parse(const char *text, size_t length, struct scene *scene);
/* Frees what it holds and empties it. */
void scene_deinit(struct scene *scene);

/* Whether what has changed since before can be told: the same process, and later. */
bool scene_follows(const struct scene *scene, const struct scene *before);
/* Fills in the rates, by the clock of that weir. before may be empty, or of another process. */
void scene_compare(struct scene *scene, const struct scene *before);

/* NULL: there is none. */
const struct scene_relay *scene_find_relay(const struct scene *scene, const char *name);

#endif
