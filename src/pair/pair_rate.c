/*
 * min_rate: a sink with bytes queued must take some in each stall_timeout, not just one byte.
 *
 * What counts is what it has acknowledged, not what our kernel has taken for it. A socket whose buffer is
 * full can be written again only when a third of it is free, which may be megabytes. The time is divided into
 * a few looks. If one comes late (weir was stopped, or short of CPU), the time begins anew.
 */
#include "build_config.h"

#include "base/clock.h"
#include "base/number.h"
#include "net/stream.h"
#include "pair/pair_private.h"

#include <stdlib.h>

#define LOOKS 8 /* within stall_timeout */

static uint64_t look_interval(const struct config_relay *config)
{
	return max_u64(config->stall_timeout / LOOKS, 1);
}

/* Bytes; only differences count. The kernel adds costs of its own for a unix socket, so it may be below 0. */
static uint64_t taken(const struct peer *sink)
{
	return pair_opposite(sink)->from.bytes - stream_unacknowledged(sink->fd);
}

/* While a pair is ending, what it has yet to take is with the kernel. */
static bool is_behind(const struct peer *sink)
{
	return flow_has_backlog(&pair_opposite(sink)->from) ||
	       (sink->pair->phase == PHASE_ENDING && stream_unacknowledged(sink->fd) > 1);
}

void pair_rate_forget(struct peer *sink)
{
	free(sink->pace);
	sink->pace = NULL;
}

static void begin(struct peer *sink, uint64_t first_look)
{
	sink->pace = calloc(1, sizeof(*sink->pace));
	if (sink->pace)
		sink->pace->look_at = first_look;
}

/* A short backlog costs no system call: it is over before the first look. */
static uint64_t next_look(struct peer *sink, const struct config_relay *config)
{
	if (!is_behind(sink))
		pair_rate_forget(sink);
	else if (!sink->pace)
		begin(sink,
		      clock_ms() + look_interval(config)); /* if out of memory, the next event tries again */
	return sink->pace ? sink->pace->look_at : PAIR_NEVER;
}

uint64_t pair_rate_next(struct pair *pair)
{
	const struct config_relay *config = pair->relay->config;

	if (!pair_is_connected(pair) || config->min_rate == 0)
		return PAIR_NEVER;
	return min_u64(next_look(&pair->client, config), next_look(&pair->target, config));
}

/* False if the sink has taken too little. */
static bool keeps_pace(struct peer *sink, const struct config_relay *config, uint64_t now)
{
	struct sink_pace *pace = sink->pace;
	uint64_t interval = look_interval(config);
	bool late = pace && now > pace->look_at + interval;
	uint64_t least = config->min_rate * (config->stall_timeout / 1000) +
	                 config->min_rate * (config->stall_timeout % 1000) / 1000;

	if (!pace || now < pace->look_at)
		return true;
	pace->look_at = now + interval;
	if (pace->since > 0 && !late) {
		if (now - pace->since < config->stall_timeout)
			return true;
		if ((int64_t)(taken(sink) - pace->taken) < (int64_t)least)
			return false;
	}
	pace->since = now;
	pace->taken = taken(sink);
	return true;
}

bool pair_rate_is_kept(struct pair *pair)
{
	const struct config_relay *config = pair->relay->config;
	uint64_t now = clock_ms();

	if (pair_rate_next(pair) > now)
		return true;
	return keeps_pace(&pair->client, config, now) && keeps_pace(&pair->target, config, now);
}
