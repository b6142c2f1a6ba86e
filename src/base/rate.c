#include "build_config.h"

#include "base/rate.h"

#include "base/number.h"

#include <stdatomic.h>

#define BURST_MAX (64 * 1024) /* bytes */
#define ROUND_MS  100         /* in which each gets a portion, unless there are too many */
#define EACH_MS   2           /* which one portion takes at least */
#define TIMER_MS  4           /* what a timer may be late */
#define TICK_MS   16          /* long waits end at multiples of it, so that many end at a time */
#define LATE_MS   100         /* who comes later than that has lost what was earned meanwhile */
#define LOOK_MS   5000        /* the longest wait, as others may leave meanwhile */

#define NS_PER_MS 1000000
#define NS_PER_S  1000000000

/* ---- bytes and time ---- */

static uint64_t bytes_in(uint64_t ms, uint64_t limit)
{
	return limit * ms / 1000;
}

/* ns: at most a second or so, or it overflows */
static uint64_t bytes_earned(int64_t ns, uint64_t limit)
{
	return (uint64_t)ns / 1000 * limit / 1000000;
}

/* bytes: at most a portion */
static int64_t ns_to_earn(uint64_t bytes, uint64_t limit)
{
	return (int64_t)(bytes * NS_PER_S / limit);
}

static uint64_t portion_of(uint64_t limit, uint32_t wanting)
{
	uint64_t even = min_u64(bytes_in(ROUND_MS, limit) / wanting, BURST_MAX);
	uint64_t steady = bytes_in(TIMER_MS, limit) / wanting;
	uint64_t worthwhile = min_u64(bytes_in(EACH_MS, limit), BURST_MAX);

	return max_u64(max_u64(even, steady), max_u64(worthwhile, 1));
}

static uint64_t burst_of(uint64_t limit)
{
	return portion_of(limit, 1);
}

static uint64_t least_of(uint64_t limit)
{
	return max_u64(burst_of(limit) / 64, 1);
}

/* ---- the line ---- */

void rate_init(struct rate *rate, const _Atomic uint64_t *limit)
{
	rate->limit = limit;
	atomic_init(&rate->earned, 0);
	atomic_init(&rate->wanting, 0);
}

bool rate_is_limited(const struct rate *rate)
{
	return atomic_load_explicit(rate->limit, memory_order_relaxed) > 0;
}

int64_t rate_line(const struct rate *rate)
{
	return atomic_load_explicit(&rate->earned, memory_order_relaxed);
}

void rate_restore(struct rate *rate, int64_t line)
{
	atomic_store_explicit(&rate->earned, line, memory_order_relaxed);
}

/*
 * Where the next portion begins. alone: nobody has wanted anything until now, so no more than a burst was
 * saved.
 */
static int64_t line_end(int64_t earned, int64_t now, uint64_t limit, bool alone)
{
	int64_t kept = alone ? ns_to_earn(burst_of(limit), limit) : (int64_t)LATE_MS * NS_PER_MS;

	return earned > now - kept ? earned : now - kept;
}

/*
 * While others wait, nobody takes much more than he may use. Who wanted little the last time begins with
 * little, and so does a new one.
 */
static uint64_t portion_for(const struct rate_share *share, uint64_t limit, uint32_t others)
{
	uint64_t portion = portion_of(limit, others + 1);
	uint64_t likely = 2 * max_u64(share->moved, share->moved_before);

	return others > 0 ? min_u64(portion, max_u64(likely, least_of(limit))) : portion;
}

/*
 * What was saved can be had at once, even if it is less than a portion. Who begins takes half of it: the
 * others may want little as well, and need not wait then.
 */
static uint64_t size_of(int64_t saved_ns, uint64_t limit, uint64_t portion, bool begins)
{
	uint64_t saved = saved_ns > 0 ? bytes_earned(saved_ns, limit) : 0;
	uint64_t part = begins ? saved / 2 : saved;
	uint64_t least = begins ? least_of(limit) : max_u64(portion / 4, 1);

	return part >= least ? min_u64(part, portion) : portion;
}

static void take_portion(struct rate_share *share, uint64_t limit, int64_t now)
{
	struct rate *rate = share->rate;
	bool begins = !share->wants;
	uint32_t others = atomic_fetch_add_explicit(&rate->wanting, begins, memory_order_relaxed) - !begins;
	uint64_t portion = portion_for(share, limit, others);
	int64_t earned = atomic_load_explicit(&rate->earned, memory_order_relaxed);

	share->wants = true;
	share->price = limit;
	do {
		int64_t from = line_end(earned, now, limit, begins && others == 0);
		share->left = size_of(now - from, limit, portion, begins);
		share->due = from + ns_to_earn(share->left, limit);
	} while (!atomic_compare_exchange_weak_explicit(&rate->earned, &earned, share->due,
	                                                memory_order_relaxed, memory_order_relaxed));
}

/*
 * The limit was changed. It keeps its place, and the time that it has taken. But of a tiny rate a byte may
 * have taken a second, which brings far more now than a portion: the line becomes shorter then, for all.
 */
static void convert(struct rate_share *share, uint64_t limit, int64_t now)
{
	uint32_t wanting = atomic_load_explicit(&share->rate->wanting, memory_order_relaxed);
	int64_t taken = ns_to_earn(share->left, share->price), wait = share->due - now, ahead;
	double part;

	share->left = min_u64(bytes_earned(taken, limit), portion_of(limit, wanting));
	share->price = limit;
	if (wait <= 0 || taken == 0)
		return;
	part = (double)ns_to_earn(share->left, limit) / (double)taken;
	ahead = wait < taken ? wait : taken; /* of its portion, what is not earned yet */
	atomic_fetch_sub_explicit(&share->rate->earned, ahead - (int64_t)((double)ahead * part),
	                          memory_order_relaxed);
	share->due = now + (int64_t)((double)wait * part);
}

static void give_back(struct rate_share *share)
{
	if (share->left > 0)
		atomic_fetch_sub_explicit(&share->rate->earned, ns_to_earn(share->left, share->price),
		                          memory_order_relaxed);
	share->left = 0;
}

/* ---- a share ---- */

void rate_share_init(struct rate_share *share, struct rate *rate)
{
	*share = (struct rate_share){.rate = rate};
}

void rate_share_restore(struct rate_share *share, struct rate *rate, const struct rate_share *kept)
{
	*share = *kept;
	share->rate = rate;
	atomic_fetch_add_explicit(&rate->wanting, kept->wants, memory_order_relaxed);
}

/* If others have given theirs back, it is due as soon as all that were taken are earned. */
static int64_t due(const struct rate_share *share)
{
	int64_t earned = atomic_load_explicit(&share->rate->earned, memory_order_relaxed);

	return earned < share->due ? earned : share->due;
}

uint64_t rate_allows(struct rate_share *share, uint64_t now)
{
	uint64_t limit = atomic_load_explicit(share->rate->limit, memory_order_relaxed);
	int64_t ns = (int64_t)now * NS_PER_MS;

	if (limit == 0) {
		rate_rest(share);
		return RATE_UNLIMITED;
	}
	if (share->left > 0 && share->price != limit)
		convert(share, limit, ns);
	if (share->left == 0)
		take_portion(share, limit, ns);
	if (ns < share->due && ns < due(share))
		return 0;
	share->due = ns < share->due ? ns : share->due;
	return share->left;
}

void rate_spend(struct rate_share *share, uint64_t bytes)
{
	share->left -= min_u64(bytes, share->left);
	share->moved += bytes;
}

void rate_rest(struct rate_share *share)
{
	give_back(share);
	if (share->wants)
		atomic_fetch_sub_explicit(&share->rate->wanting, 1, memory_order_relaxed);
	share->wants = false;
	if (share->moved > 0)
		share->moved_before = share->moved;
	share->moved = 0;
}

/* Short waits end at smaller multiples, which delays none by more than an eighth. */
static uint64_t tick_of(uint64_t wait)
{
	uint64_t tick = 1;

	while (tick < TICK_MS && tick * 16 <= wait)
		tick *= 2;
	return tick;
}

uint64_t rate_next(const struct rate_share *share, uint64_t now)
{
	int64_t wait = due(share) - (int64_t)now * NS_PER_MS;
	uint64_t ms = wait > 0 ? ((uint64_t)wait + NS_PER_MS - 1) / NS_PER_MS : 1;
	uint64_t tick, at;

	ms = min_u64(ms, LOOK_MS);
	tick = tick_of(ms);
	at = now + ms + tick - 1;
	return at - at % tick;
}
