#include "build_config.h"

#include "passengers.h"

enum { SECOND = 1000000, PAUSED_BYTES = 8 << 20 };

static uint64_t at_least(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static bool is_due(struct pair *pair, uint64_t now, uint64_t period)
{
	if (now < pair->due_us)
		return false;
	pair->due_us = pair->due_us && now - pair->due_us < period ? pair->due_us + period
	                                                           : now + random_number(period);
	return true;
}

static void take_everything(struct pair *pair)
{
	pair->client.may_take = pair->target.may_take = ALL;
}

/* The first bytes, by which the target's side knows whose it is, and so many more. */
static void greet(struct pair *pair, uint64_t more)
{
	pair->client.may_send = at_least(pair->client.may_send, SIDE_ID + more);
}

/* More to send, if all so far is gone. */
static void more_of(struct side *side, uint64_t size)
{
	if (side->sent >= side->may_send)
		side->may_send += size;
}

static void echo(struct pair *pair)
{
	pair->target.may_send = pair->target.received;
}

static bool echoed(const struct pair *pair)
{
	return pair->joined && pair->client.received == pair->client.may_send;
}

/* ---- those that live until the end ---- */

static void flow(struct pair *pair, uint64_t now)
{
	take_everything(pair);
	greet(pair, 0);
	if (finishing)
		pair_conclude(pair);
	else if (pair->joined && is_due(pair, now, 40000)) {
		more_of(&pair->client, 1 + random_number(6000));
		more_of(&pair->target, 1 + random_number(6000));
	}
}

static void bulk(struct pair *pair, uint64_t now)
{
	take_everything(pair);
	greet(pair, 0);
	if (finishing)
		pair_conclude(pair);
	else if (pair->joined && is_due(pair, now, TICK_MS * 1000)) {
		more_of(&pair->client, 128 * 1024);
		more_of(&pair->target, 128 * 1024);
	}
}

static void ping(struct pair *pair, uint64_t now)
{
	take_everything(pair);
	greet(pair, 56);
	echo(pair);
	if (!pair->asked_us)
		pair->asked_us = now;
	if (!echoed(pair))
		return;
	if (pair->stage == 0) {
		note_trip(pair, now - pair->asked_us);
		pair->stage = 1;
		pair->due_us = now + 10000 + random_number(20000);
	}
	if (finishing) {
		pair_conclude(pair);
	} else if (now >= pair->due_us) {
		pair->client.may_send += 64;
		pair->asked_us = now;
		pair->stage = 0;
	}
}

static void idle(struct pair *pair, uint64_t now)
{
	(void)now;
	take_everything(pair);
	greet(pair, 92);
	echo(pair);
	if (finishing && echoed(pair)) {
		if (pair->stage++ == 0)
			pair->client.may_send += 100;
		else
			pair_conclude(pair);
	}
}

/* One side sends as much as the relay takes; the other rests, or takes a little now and then. */
static void paused(struct pair *pair, uint64_t now)
{
	struct side *source = pair->place % 2 ? &pair->client : &pair->target;
	struct side *sink = pair->place % 2 ? &pair->target : &pair->client;

	greet(pair, 0);
	pair->target.may_take = at_least(pair->target.may_take, SIDE_ID);
	source->may_take = ALL;
	if (pair->joined)
		source->may_send = at_least(source->may_send, PAUSED_BYTES);
	if (pair->place % 4 >= 2 && sink->received >= sink->may_take && is_due(pair, now, 100000)) {
		sink->may_take = sink->received + 16 * 1024;
		more_of(source, 1 << 20);
	}
	if (finishing) {
		source->may_send = at_least(source->sent, SIDE_ID);
		pair_conclude(pair);
	}
}

static void half_closed(struct pair *pair, uint64_t now)
{
	struct side *ended = pair->place % 2 ? &pair->client : &pair->target;
	struct side *going_on = pair->place % 2 ? &pair->target : &pair->client;

	take_everything(pair);
	greet(pair, 0);
	if (!pair->joined)
		return;
	ended->may_send = at_least(ended->may_send, 1000);
	ended->may_end = true;
	if (finishing)
		pair_conclude(pair);
	else if (is_due(pair, now, 80000))
		more_of(going_on, 1 + random_number(4000));
}

/* ---- those that end, and begin anew ---- */

static void brief(struct pair *pair, uint64_t now)
{
	if (!pair->due_us)
		pair->due_us = now + 50000 + random_number(100000);
	take_everything(pair);
	greet(pair, 100);
	echo(pair);
	if (echoed(pair) && (now >= pair->due_us || finishing))
		pair_conclude(pair);
}

/* Its end comes behind a long queue. */
static void ending(struct pair *pair, uint64_t now)
{
	struct side *sink = &pair->target;

	greet(pair, 300000);
	pair->client.may_end = true;
	pair->client.may_take = ALL;
	sink->may_take = at_least(sink->may_take, SIDE_ID);
	if (finishing)
		sink->may_take = ALL;
	else if (sink->received >= sink->may_take && is_due(pair, now, 20000))
		sink->may_take += 8 * 1024;
	if (sink->received >= pair->client.sent && pair->client.ended)
		sink->may_take = ALL; /* FIN is what is left */
	if (sink->seen == SEEN_FIN) {
		sink->may_send = 1000;
		sink->may_end = true;
	}
}

/* In the middle of what both send. */
static void resetting(struct pair *pair, uint64_t now)
{
	struct side *one = pair->id / 2 % 2 ? &pair->client : &pair->target;

	take_everything(pair);
	greet(pair, 0);
	if (!pair->joined)
		return;
	if (!pair->due_us)
		pair->due_us = now + 100000 + random_number(1500000);
	more_of(&pair->client, 3000);
	more_of(&pair->target, 3000);
	if (now >= pair->due_us || finishing)
		side_reset(one);
}

/* What has to wait at the relay until something comes: then it is answered like any. */
static void wait_then_echo(struct pair *pair, uint64_t now, bool goes_on)
{
	if (!pair->due_us)
		pair->due_us = now + 200000 + random_number(4 * SECOND);
	take_everything(pair);
	if (!goes_on && now < pair->due_us && !finishing)
		return;
	pair->client.prefix_may = pair->client.prefix_size;
	greet(pair, 1000);
	echo(pair);
	if (echoed(pair))
		pair_conclude(pair);
}

/* For silent: the first byte. For header: what is left of it. */
static void late_word(struct pair *pair, uint64_t now)
{
	wait_then_echo(pair, now, false);
}

/* The target lets it wait: it has said all. */
static void late_target(struct pair *pair, uint64_t now)
{
	wait_then_echo(pair, now, true);
}

/* ---- those that the relay has to end, at the time that is configured ---- */

static uint64_t since_last_byte(const struct pair *pair)
{
	return at_least(at_least(pair->client.came_us, pair->client.went_us),
	                at_least(pair->target.came_us, pair->target.went_us));
}

/* Where a kind has noted it. */
static uint64_t since_due(const struct pair *pair)
{
	return pair->due_us;
}

/* The last bytes that the relay had room for. */
static uint64_t since_last_sent(const struct pair *pair)
{
	return at_least(pair->due_us, pair->client.went_us);
}

static uint64_t since_birth(const struct pair *pair)
{
	return pair->born_us;
}

static void times_out_idle(struct pair *pair, uint64_t now)
{
	(void)now;
	take_everything(pair);
	greet(pair, 100);
	echo(pair);
}

static void times_out_half_closed(struct pair *pair, uint64_t now)
{
	(void)now;
	take_everything(pair);
	greet(pair, 100);
	pair->client.may_end = pair->joined;
}

static void times_out_busy(struct pair *pair, uint64_t now)
{
	take_everything(pair);
	greet(pair, 0);
	if (pair->joined && is_due(pair, now, 40000)) {
		more_of(&pair->client, 500);
		more_of(&pair->target, 500);
	}
}

static void times_out_unconnected(struct pair *pair, uint64_t now)
{
	(void)now;
	take_everything(pair);
	greet(pair, 100);
}

/* It has a part of a header only. */
static void times_out_in_header(struct pair *pair, uint64_t now)
{
	(void)pair;
	(void)now;
	take_everything(pair);
}

static void times_out_stalled(struct pair *pair, uint64_t now)
{
	greet(pair, 0);
	pair->client.may_take = ALL;
	pair->target.may_take = pair->client.seen ? ALL : SIDE_ID;
	if (pair->joined && !pair->due_us)
		pair->due_us = now;
	if (pair->joined && !pair->client.seen)
		pair->client.may_send = at_least(pair->client.may_send, 4 << 20);
}

const struct kind kinds[] = {
        {.name = "flow", .permille = 400, .step = flow},
        {.name = "bulk", .permille = 8, .step = bulk},
        {.name = "ping", .permille = 150, .step = ping},
        {.name = "idle", .permille = 150, .step = idle},
        {.name = "paused", .permille = 100, .buffers = 16384, .step = paused},
        {.name = "heavy", .permille = 4, .buffers = 16384, .step = paused},
        {.name = "half", .permille = 60, .step = half_closed},
        {.name = "brief", .permille = 10, .step = brief},
        {.name = "ending", .permille = 30, .buffers = 16384, .step = ending},
        {.name = "resetting", .permille = 30, .step = resetting},
        {.name = "silent", .permille = 10, .step = late_word},
        {.name = "header", .permille = 10, .step = late_word},
        {.name = "late", .permille = 10, .no_target = true, .step = late_target},
        {.name = "held", .permille = 10, .no_target = true, .step = late_target},
        {.name = "t_idle",
         .permille = 4,
         .limit_us = 4 * SECOND,
         .step = times_out_idle,
         .since = since_last_byte},
        {.name = "t_half",
         .permille = 4,
         .limit_us = 4 * SECOND,
         .step = times_out_half_closed,
         .since = since_last_byte},
        {.name = "t_max",
         .permille = 4,
         .limit_us = 5 * SECOND,
         .step = times_out_busy,
         .since = since_birth},
        {.name = "t_stall",
         .permille = 4,
         .limit_us = 4 * SECOND,
         .buffers = 16384,
         .step = times_out_stalled,
         .since = since_due,
         .since_latest = since_last_sent},
        {.name = "t_header",
         .permille = 4,
         .limit_us = 4 * SECOND,
         .step = times_out_in_header,
         .since = since_birth},
        {.name = "t_connect",
         .permille = 4,
         .limit_us = 4 * SECOND,
         .no_target = true,
         .step = times_out_unconnected,
         .since = since_birth},
        {.name = "t_retry",
         .permille = 4,
         .limit_us = 4 * SECOND,
         .no_target = true,
         .step = times_out_unconnected,
         .since = since_birth},
};

unsigned kind_count(void)
{
	return sizeof(kinds) / sizeof(kinds[0]);
}

unsigned kind_number(const struct pair *pair)
{
	return (unsigned)(pair->kind - kinds);
}
