#include "build_config.h"

#include "top/scene.h"

#include "base/number.h"
#include "base/printable.h"
#include "top/allowance.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Bytes that jansson may take: so many times the text, and some. Measured: 10 times for a report of weir. */
#define TEXT_TIMES 16
#define TEXT_MIN   ((size_t)32 * 1024 * 1024)

/* Cut where there is no room, and "-" if there is none. */
static void take_text(const json_t *object, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t length = text ? strnlen(text, size - 1) : 0;

	if (length == 0) {
		strcpy(buf, "-");
		return;
	}
	memcpy(buf, text, length);
	buf[length] = '\0';
	printable_word(buf, length);
}

static uint64_t number_of(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return SCENE_UNKNOWN;
	return (uint64_t)json_integer_value(value);
}

static bool is_word(const json_t *object, const char *key, const char *word)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, word) == 0;
}

static void take_process(const json_t *object, struct scene *scene)
{
	take_text(object, "version", scene->version, sizeof(scene->version));
	scene->pid = number_of(object, "pid");
	scene->uptime_ms = number_of(object, "uptime_ms");
	scene->pair_total = number_of(object, "pairs");
	scene->used = number_of(object, "used");
	scene->memory_max = number_of(object, "memory_max");
}

static void take_relay(const json_t *object, void *record)
{
	struct scene_relay *relay = record;

	take_text(object, "name", relay->name, sizeof(relay->name));
	relay->removed = is_word(object, "state", "removed");
	relay->pairs = number_of(object, "pairs");
	relay->refused = number_of(object, "refused");
	relay->failed = number_of(object, "connect_failed");
	relay->slow_client = number_of(object, "slow_client");
	relay->slow_target = number_of(object, "slow_target");
	relay->slow_relay = number_of(object, "slow_relay");
	relay->bytes[UPLOAD] = number_of(object, "upload_bytes");
	relay->bytes[DOWNLOAD] = number_of(object, "download_bytes");
	relay->queued[UPLOAD] = number_of(object, "upload_queued");
	relay->queued[DOWNLOAD] = number_of(object, "download_queued");
	relay->longest[UPLOAD] = number_of(object, "upload_longest");
	relay->longest[DOWNLOAD] = number_of(object, "download_longest");
	relay->high[UPLOAD] = number_of(object, "upload_high");
	relay->high[DOWNLOAD] = number_of(object, "download_high");
}

static void take_target(const json_t *object, void *record)
{
	struct scene_target *target = record;

	take_text(object, "relay", target->relay, sizeof(target->relay));
	take_text(object, "target", target->target, sizeof(target->target));
	take_text(object, "address", target->address, sizeof(target->address));
	take_text(object, "state", target->state, sizeof(target->state));
	take_text(object, "last_error", target->error, sizeof(target->error));
	target->backup = is_word(object, "backup", "yes");
	target->weight = number_of(object, "weight");
	target->pairs = number_of(object, "pairs");
	target->connects = number_of(object, "connects");
	target->failures = number_of(object, "failures");
	target->since_ms = number_of(object, "since_ms");
}

static void take_flow(const json_t *object, struct scene_flow *flow)
{
	take_text(object, "reading", flow->reading, sizeof(flow->reading));
	flow->bytes = number_of(object, "bytes");
	flow->queued = number_of(object, "queued");
	flow->high = number_of(object, "high");
	flow->low = number_of(object, "low");
	flow->paused = number_of(object, "paused");
	flow->lag_ms = number_of(object, "lag_ms");
	flow->rtt_us = number_of(object, "rtt_us");
	flow->rwnd = number_of(object, "rwnd");
	flow->retrans = number_of(object, "retrans");
	flow->unanswered_ms = number_of(object, "unanswered_ms");
}

/* The upload comes first; a flow that is missing has nothing but unknown numbers. */
static void take_pair(const json_t *object, void *record)
{
	const json_t *flows = json_object_get(object, "flow");
	struct scene_pair *pair = record;

	pair->id = number_of(object, "id");
	take_text(object, "relay", pair->relay, sizeof(pair->relay));
	take_text(object, "client", pair->client, sizeof(pair->client));
	take_text(object, "target", pair->target, sizeof(pair->target));
	take_text(object, "state", pair->state, sizeof(pair->state));
	take_text(object, "slow", pair->slow, sizeof(pair->slow));
	take_text(object, "why", pair->why, sizeof(pair->why));
	take_text(object, "last_from", pair->last_from, sizeof(pair->last_from));
	pair->age_ms = number_of(object, "age_ms");
	pair->since_ms = number_of(object, "since_ms");
	pair->waited_client = number_of(object, "waited_client");
	pair->waited_target = number_of(object, "waited_target");
	for (int i = 0; i < DIRECTIONS; i++)
		take_flow(json_array_get(flows, (size_t)i), &pair->flow[i]);
}

struct kind {
	const char *key;
	size_t most, size; /* records, and bytes of one */
	void (*take)(const json_t *object, void *record);
};

/* The objects of an array as records. NULL when out of memory. */
static void *take_all(const json_t *report, const struct kind *kind, size_t *count)
{
	const json_t *array = json_object_get(report, kind->key);
	size_t size = min_u64(json_array_size(array), kind->most);
	char *records = calloc(size + 1, kind->size);

	for (size_t i = 0; records && i < size; i++)
		kind->take(json_array_get(array, i), records + i * kind->size);
	*count = records ? size : 0;
	return records;
}

/* Its place, or relay_count. */
static size_t place_of_relay(const struct scene *scene, const char *name)
{
	size_t i = 0;

	while (i < scene->relay_count && strcmp(scene->relays[i].name, name) != 0)
		i++;
	return i;
}

const struct scene_relay *scene_find_relay(const struct scene *scene, const char *name)
{
	size_t place = place_of_relay(scene, name);

	return place < scene->relay_count ? &scene->relays[place] : NULL;
}

/* The targets of a relay stand together, so a look at the last one's relay usually finds it. */
static void count_targets(struct scene *scene)
{
	size_t place = scene->relay_count;

	for (size_t i = 0; i < scene->target_count; i++) {
		const struct scene_target *target = &scene->targets[i];

		if (place == scene->relay_count || strcmp(scene->relays[place].name, target->relay) != 0)
			place = place_of_relay(scene, target->relay);
		if (place == scene->relay_count || target->weight == 0)
			continue;
		scene->relays[place].targets++;
		scene->relays[place].targets_up += strcmp(target->state, "up") == 0;
	}
}

static int take_report(const json_t *report, struct scene *scene)
{
	static const struct kind relays = {"relay", SCENE_ROWS_MAX, sizeof(*scene->relays), take_relay},
	                         targets = {"target", SCENE_ROWS_MAX, sizeof(*scene->targets), take_target},
	                         pairs = {"pair", SCENE_PAIRS_MAX, sizeof(*scene->pairs), take_pair};
	const json_t *process = json_object_get(report, "weir");

	if (!json_is_object(process))
		return -EINVAL;
	take_process(process, scene);
	scene->relays = take_all(report, &relays, &scene->relay_count);
	scene->targets = take_all(report, &targets, &scene->target_count);
	scene->pairs = take_all(report, &pairs, &scene->pair_count);
	if (!scene->relays || !scene->targets || !scene->pairs)
		return -ENOMEM;
	count_targets(scene);
	return 0;
}

/* 0, or why there is no report. */
static int load(const char *text, size_t length, json_t **report)
{
	int error;

	allowance_begin(TEXT_TIMES * length + TEXT_MIN);
	*report = json_loadb(text, length, 0, NULL);
	error = allowance_end();
	if (*report)
		return 0;
	return error ? error : -EINVAL;
}

int scene_parse(const char *text, size_t length, struct scene *scene)
{
	json_t *report;
	int error = load(text, length, &report);

	*scene = (struct scene){.pid = SCENE_UNKNOWN};
	if (error)
		return error;
	error = take_report(report, scene);
	json_decref(report);
	if (error)
		scene_deinit(scene);
	return error;
}

void scene_deinit(struct scene *scene)
{
	free(scene->relays);
	free(scene->targets);
	free(scene->pairs);
	*scene = (struct scene){.pid = SCENE_UNKNOWN};
}
