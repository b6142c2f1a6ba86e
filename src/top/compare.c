/* What has changed between two scenes; see scene.h. */
#include "build_config.h"

#include "top/scene.h"

#include "base/number.h"

#include <string.h>

bool scene_follows(const struct scene *scene, const struct scene *before)
{
	return scene->pid != SCENE_UNKNOWN && scene->pid == before->pid &&
	       scene->uptime_ms != SCENE_UNKNOWN && scene->uptime_ms > before->uptime_ms;
}

/* In bytes a second. Unknown where the count went back. */
static uint64_t rate(uint64_t bytes, uint64_t before, uint64_t milliseconds)
{
	if (bytes == SCENE_UNKNOWN || before == SCENE_UNKNOWN || bytes < before || milliseconds == 0)
		return SCENE_UNKNOWN;
	return u64_of((double)(bytes - before) * 1000 / (double)milliseconds);
}

static uint64_t sum(const uint64_t rates[DIRECTIONS])
{
	if (rates[UPLOAD] == SCENE_UNKNOWN || rates[DOWNLOAD] == SCENE_UNKNOWN)
		return 0;
	return rates[UPLOAD] + rates[DOWNLOAD];
}

/* milliseconds of 0: it cannot be compared. */
static void compare_relay(struct scene_relay *relay, const struct scene_relay *before, uint64_t milliseconds)
{
	for (int i = 0; i < DIRECTIONS; i++)
		relay->rate[i] =
		        before ? rate(relay->bytes[i], before->bytes[i], milliseconds) : SCENE_UNKNOWN;
	if (before)
		memcpy(relay->history, before->history + 1, sizeof(relay->history) - sizeof(uint64_t));
	relay->history[SCENE_HISTORY - 1] = sum(relay->rate);
}

/* Of a pair that is new to us it is not known when it moved its bytes. */
static void compare_pair(struct scene_pair *pair, const struct scene_pair *before, uint64_t milliseconds)
{
	for (int i = 0; i < DIRECTIONS; i++) {
		struct scene_flow *flow = &pair->flow[i];

		if (milliseconds > 0 && before)
			flow->rate = rate(flow->bytes, before->flow[i].bytes, milliseconds);
		else
			flow->rate = SCENE_UNKNOWN;
	}
}

/* It hardly ever changes its place. */
static const struct scene_relay *relay_before(const struct scene *before, const struct scene_relay *relay,
                                              size_t place)
{
	if (place < before->relay_count && strcmp(before->relays[place].name, relay->name) == 0)
		return &before->relays[place];
	return scene_find_relay(before, relay->name);
}

static const struct scene_pair *pair_before(const struct scene *before, uint64_t id)
{
	for (size_t i = 0; i < before->pair_count; i++)
		if (before->pairs[i].id == id)
			return &before->pairs[i];
	return NULL;
}

void scene_compare(struct scene *scene, const struct scene *before)
{
	bool follows = scene_follows(scene, before);
	uint64_t milliseconds = follows ? scene->uptime_ms - before->uptime_ms : 0;

	for (size_t i = 0; i < scene->relay_count; i++)
		compare_relay(&scene->relays[i], relay_before(before, &scene->relays[i], i), milliseconds);
	for (size_t i = 0; i < scene->pair_count; i++)
		compare_pair(&scene->pairs[i], follows ? pair_before(before, scene->pairs[i].id) : NULL,
		             milliseconds);
}
