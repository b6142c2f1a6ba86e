/* Rates: how precise they are, and how fair, by a simulated clock. No test looks at the real one. */
#include "build_config.h"

#include "base/rate.h"
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>

#define USERS_MAX 10000
#define READ_MAX  (1024 * 1024) /* what a pair reads at a time */
#define STEP_MS   4
#define TICK_MS   16 /* all long waits end at multiples of it */
#define HOUR_MS   (60ull * 60 * 1000)
#define BURST_MAX (64 * 1024)

#define K 1000ull
#define M (1000 * K)
#define G (1000 * M)

/* A pair. supply: bytes that its source has ready; UINT64_MAX: always more */
struct user {
	struct rate_share share;
	uint64_t supply, moved;
	uint64_t income, every; /* so many bytes, every so many ms */
	uint64_t look_at;
	bool stuck; /* its worker is */
	bool waits;
};

static _Atomic uint64_t limit;
static struct rate rate;
static struct user *users;
static size_t user_count;
static uint64_t now, total, looks, vain; /* vain: looks after a wait that end in another */
static unsigned late_ms;                 /* looks are late by up to so many */

static void setup(void)
{
	users = calloc(USERS_MAX, sizeof(*users));
	ck_assert_ptr_nonnull(users);
	user_count = 0;
	now = 10 * HOUR_MS + 3;
	total = looks = vain = late_ms = 0;
	rate_init(&rate, &limit);
	srandom(1);
}

static void teardown(void)
{
	free(users);
}

static void add_users(size_t count, uint64_t supply, uint64_t income, uint64_t every)
{
	for (; count > 0; count--) {
		struct user *user = &users[user_count++];

		*user = (struct user){.supply = supply, .income = income, .every = every};
		rate_share_init(&user->share, &rate);
	}
}

static void greedy(size_t count)
{
	add_users(count, UINT64_MAX, 0, 0);
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* As a flow does: reads once, and rests if that has taken all there was. False if it has to wait. */
static bool pump(struct user *user)
{
	uint64_t allowed = rate_allows(&user->share, now), bytes;

	looks++;
	vain += allowed == 0 && user->waits;
	user->waits = allowed == 0;
	if (allowed == 0) {
		user->look_at = rate_next(&user->share, now);
		if (user->look_at <= now) /* an assertion costs a system call, even if it holds */
			ck_abort_msg("would look again at once");
		if (late_ms)
			user->look_at += (uint64_t)random() % (late_ms + 1);
		return false;
	}
	bytes = min(min(allowed, user->supply), READ_MAX);
	rate_spend(&user->share, bytes);
	user->moved += bytes;
	total += bytes;
	if (user->supply != UINT64_MAX)
		user->supply -= bytes;
	if (user->supply == 0)
		rate_rest(&user->share);
	return user->supply > 0;
}

/* All that are ready read in turn, until none is. most: bytes that the machine moves in this time */
static void pass(uint64_t most)
{
	uint64_t before = total;
	bool more = true;

	while (more && total - before < most) {
		more = false;
		for (size_t i = 0; i < user_count && total - before < most; i++) {
			struct user *user = &users[i];

			if (user->supply > 0 && user->look_at <= now && !user->stuck)
				more |= pump(user);
		}
	}
}

static void run_by(uint64_t ms, uint64_t step)
{
	uint64_t end = now + ms;

	while (now < end) {
		now += step;
		for (size_t i = 0; i < user_count; i++) {
			struct user *user = &users[i];

			if (user->every && (now + i) % user->every < step)
				user->supply += user->income;
		}
		pass(step * 4 * M); /* 4 GB/s */
	}
}

static void run(uint64_t ms)
{
	run_by(ms, STEP_MS);
}

static void forget_moved(void)
{
	for (size_t i = 0; i < user_count; i++)
		users[i].moved = 0;
	total = looks = vain = 0;
}

static uint64_t burst(void)
{
	return min(limit / 10, BURST_MAX);
}

static void assert_near(uint64_t bytes, uint64_t expected, unsigned permille)
{
	ck_assert_uint_ge(bytes, expected - expected * permille / 1000);
	ck_assert_uint_le(bytes, expected + expected * permille / 1000);
}

/* The rest of a line in which nobody wants anything. */
static void end_users(void)
{
	for (size_t i = 0; i < user_count; i++)
		rate_rest(&users[i].share);
	ck_assert_uint_eq(rate.wanting, 0);
}

/* ---- precision ---- */

static const uint64_t limits[] = {1 * K,  10 * K, 33333,  100 * K, 655360, 1 * M,
                                  16 * M, 17 * M, 50 * M, 333 * M, 1 * G,  3 * G};
#define LIMITS (int)(sizeof(limits) / sizeof(limits[0]))

START_TEST(one_pair_keeps_its_rate)
{
	limit = limits[_i];
	greedy(1);
	run_by(10000, 1);
	assert_near(total, 10 * limit, 15);
	forget_moved();
	run_by(10000, 1);
	assert_near(total, 10 * limit, 11);
	end_users();
}
END_TEST

START_TEST(many_pairs_keep_their_rate)
{
	static const size_t counts[] = {2, 7, 100, 1000};

	limit = limits[_i];
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		greedy(counts[i] - user_count);
		run(2000);
		forget_moved();
		run(10000);
		assert_near(total, 10 * limit, 11);
	}
	end_users();
}
END_TEST

/* What comes late has earned more. */
START_TEST(late_timers_cost_nothing)
{
	limit = limits[_i];
	late_ms = 30;
	greedy(_i % 3 ? 1 : 5);
	run_by(1000, 1);
	forget_moved();
	run_by(10000, 1);
	assert_near(total, 10 * limit, 20);
}
END_TEST

/* Nor do others that come and go. */
START_TEST(newcomers_take_nothing_from_late_ones)
{
	limit = 1 * G;
	late_ms = 30;
	greedy(1);
	add_users(20, 0, 100, 7);
	run_by(1000, 1);
	forget_moved();
	run_by(10000, 1);
	assert_near(total, 10 * limit, 20);
}
END_TEST

/* A source that is read empty every time, and is then full again at once. */
START_TEST(short_reads_cost_nothing)
{
	limit = limits[_i];
	add_users(1, 1, limit * 4 / 1000 + 1, 1); /* four times as much as it may */
	run_by(1000, 1);
	forget_moved();
	run_by(10000, 1);
	assert_near(total, 10 * limit, 20);
}
END_TEST

START_TEST(less_than_a_byte_in_each_portion)
{
	limit = 1;
	greedy(1);
	run(100000);
	assert_near(total, 100, 20);
	greedy(9);
	forget_moved();
	run(100000);
	assert_near(total, 100, 20);
}
END_TEST

/* ---- bursts ---- */

START_TEST(no_more_than_a_burst_is_saved)
{
	limit = limits[_i];
	greedy(1 + (size_t)_i % 4);
	pass(UINT64_MAX);
	if (limit <= 16 * M)
		ck_assert_uint_le(total, burst());
	ck_assert_uint_ge(total, burst() * 8 / 10);
	ck_assert_uint_le(total, burst() + limit * STEP_MS / 1000);
	end_users();
	now += HOUR_MS;
	forget_moved();
	pass(UINT64_MAX);
	ck_assert_uint_le(total, burst() + limit * STEP_MS / 1000);
	ck_assert_uint_ge(total, burst() * 8 / 10);
}
END_TEST

START_TEST(crowd_that_comes_at_once_gets_one_burst)
{
	limit = 1 * M;
	greedy(USERS_MAX);
	pass(UINT64_MAX);
	ck_assert_uint_le(total, burst());
	end_users();
}
END_TEST

/* In no second is there more than the rate and a burst. */
START_TEST(rate_holds_in_every_second)
{
	limit = limits[_i];
	late_ms = 10;
	greedy(3);
	add_users(3, 0, limit / 5 + 1, 700);
	for (unsigned second = 0; second < 30; second++) {
		uint64_t before = total;

		run_by(1000, 1);
		ck_assert_uint_le(total - before,
		                  limit + 2 * burst() + limit * (STEP_MS + late_ms) / 1000 + 1);
	}
}
END_TEST

/* Two on different threads, each of which wants only little: neither has to wait for the other. */
START_TEST(little_wants_at_the_same_moment_need_not_wait)
{
	limit = limits[_i];
	add_users(5, 1, 0, 0);
	for (size_t i = 0; i < user_count; i++) {
		uint64_t allowed = rate_allows(&users[i].share, now);

		ck_assert_uint_ge(allowed, burst() / 64);
		if (i > 0) /* the first rate_share may have all of a small burst's rounding */
			ck_assert_uint_le(allowed, burst() / 2 + limit * STEP_MS / 1000);
	}
	for (size_t i = 0; i < user_count; i++) {
		rate_spend(&users[i].share, 1);
		rate_rest(&users[i].share);
	}
	ck_assert_uint_eq(rate.wanting, 0);
	ck_assert_uint_ge(rate_allows(&users[0].share, now), burst() / 2 - burst() / 100 - 5);
}
END_TEST

/* ---- fairness ---- */

static const size_t crowds[] = {2, 3, 10, 100, 1000, 10000};
#define CROWDS (int)(sizeof(crowds) / sizeof(crowds[0]))

/* Each has what others have, but for one portion at the ends. late: half of an even part is promised. */
static void assert_even(uint64_t even, uint64_t portion, bool late)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (size_t i = 0; i < user_count; i++) {
		least = min(least, users[i].moved);
		most = users[i].moved > most ? users[i].moved : most;
	}
	ck_assert_uint_ge(least + portion, even * (late ? 5 : 9) / 10);
	ck_assert_uint_le(most, even * (late ? 20 : 11) / 10 + portion);
}

START_TEST(all_that_want_more_get_the_same)
{
	static const uint64_t rates[] = {100 * K, 1 * M, 100 * M, 1 * G};
	size_t count = crowds[_i];
	bool crowd = count >= 1000;

	for (size_t i = crowd; i < 2 * sizeof(rates) / sizeof(rates[0]); i += 1 + crowd) {
		uint64_t seconds = count < USERS_MAX ? 10 : 40;

		limit = rates[i / 2];
		rate_init(&rate, &limit);
		user_count = 0;
		late_ms = i % 2 ? 8 : 0;
		greedy(count);
		run_by(crowd ? 11000 : 1000, crowd ? TICK_MS : 1);
		forget_moved();
		run_by(seconds * 1000, crowd ? TICK_MS : 1);
		assert_even(limit * seconds / count, min(limit / 10 / min(count, 50), BURST_MAX),
		            late_ms > 0);
	}
}
END_TEST

/*
 * Half of them want a tenth of an even part. They get it, soon, and the others get what is left, each at
 * least half of an even part of that.
 */
START_TEST(what_some_do_not_want_is_for_the_others)
{
	size_t half = crowds[_i] / 2;
	uint64_t even, seconds = crowds[_i] < 10000 ? 20 : 60, every = crowds[_i] < 1000 ? 300 : 20000;

	limit = 10 * M;
	even = limit / (2 * half);
	add_users(half, 0, even / 10 * every / 1000, every);
	greedy(half);
	run(20000);
	forget_moved();
	run(seconds * 1000);
	assert_near(total, seconds * limit, 10);
	for (size_t i = 0; i < half; i++) {
		ck_assert_uint_ge(users[i].moved, even / 10 * seconds * 6 / 10);
		ck_assert_uint_le(users[i].supply, 2 * users[i].income);
		ck_assert_uint_ge(users[half + i].moved, even * 19 / 10 * seconds * 8 / 10);
	}
	end_users();
}
END_TEST

/* One greedy pair among very many that want little gets all that they leave. */
START_TEST(one_that_wants_more_gets_all_that_is_left)
{
	limit = 10 * M;
	add_users(1000, 0, 500, 100); /* 5 MB/s together */
	greedy(1);
	run(5000);
	forget_moved();
	run(10000);
	assert_near(users[1000].moved, 50 * M, 30);
	assert_near(total, 100 * M, 10);
}
END_TEST

/* Who has a rate of its own as well wants no more than that. */
START_TEST(own_rate_leaves_the_rest_to_the_others)
{
	static _Atomic uint64_t own_limit = 50 * K;
	struct rate own;
	struct rate_share share, of_all;
	uint64_t moved = 0;

	limit = 1 * M;
	rate_init(&own, &own_limit);
	rate_share_init(&share, &own);
	rate_share_init(&of_all, &rate);
	greedy(9);
	for (unsigned i = 0; i < 20000; i++) {
		uint64_t bytes, allowed = rate_allows(&share, ++now);

		if (allowed == 0)
			rate_rest(&of_all);
		else
			allowed = min(allowed, rate_allows(&of_all, now));
		bytes = allowed;
		rate_spend(&share, bytes);
		rate_spend(&of_all, bytes);
		moved += bytes;
		pass(UINT64_MAX);
	}
	assert_near(moved, 20 * 50 * K, 100);
	assert_near(total + moved, 20 * M, 10);
}
END_TEST

/* ---- waiting ---- */

/* At most one portion is due in two milliseconds, and who waits for long looks every five seconds. */
START_TEST(ten_thousand_that_wait_hardly_look)
{
	static const uint64_t rates[] = {100 * K, 1 * M, 10 * M};

	limit = rates[_i];
	greedy(USERS_MAX);
	run_by(12000, TICK_MS);
	forget_moved();
	run_by(20000, TICK_MS);
	ck_assert_uint_le(looks / 20, 500 * 2 + USERS_MAX / 5);
	assert_near(total, 20 * limit, 20);
}
END_TEST

START_TEST(nobody_looks_in_vain)
{
	limit = limits[_i];
	greedy(1000);
	run_by(5000, 1);
	ck_assert_uint_eq(vain, 0);
}
END_TEST

/* A portion that is waited for twenty seconds is worth nothing once the line is gone. */
START_TEST(who_is_left_alone_soon_gets_all)
{
	limit = 1 * M;
	greedy(USERS_MAX);
	run(5000);
	for (size_t i = 0; i < USERS_MAX; i++) {
		if (i == 7777)
			continue;
		rate_rest(&users[i].share);
		users[i].supply = 0;
	}
	run(5000 + STEP_MS);
	ck_assert_uint_gt(users[7777].moved, 0);
	forget_moved();
	run(10000);
	assert_near(users[7777].moved, 10 * limit, 10);
	users[7777].supply = 0;
	end_users();
}
END_TEST

START_TEST(place_is_kept_while_it_is_asked_for)
{
	uint64_t due;

	limit = 1 * M;
	greedy(100);
	run(5000);
	due = users[99].share.due;
	for (unsigned i = 0; i < 50; i++)
		ck_assert_uint_eq(rate_allows(&users[99].share, ++now), 0);
	ck_assert_int_eq(users[99].share.due, (int64_t)due);
	ck_assert_uint_gt(rate_allows(&users[99].share, due / 1000000 + 1), 0);
}
END_TEST

/* The line may become long again meanwhile. */
START_TEST(what_was_allowed_stays_allowed)
{
	limit = 1 * M;
	greedy(3);
	run(5000);
	rate_rest(&users[2].share);
	ck_assert_uint_eq(rate_allows(&users[2].share, now), 0); /* the last in the line */
	rate_rest(&users[0].share);
	rate_rest(&users[1].share);
	while (rate_allows(&users[2].share, ++now) == 0)
		continue;
	ck_assert_uint_eq(rate_allows(&users[0].share, now), 0);
	ck_assert_uint_eq(rate_allows(&users[1].share, now), 0);
	ck_assert_uint_gt(rate_allows(&users[2].share, now), 0);
}
END_TEST

/* Another thread may have given back its portion between the two calls. */
START_TEST(next_look_is_never_now)
{
	limit = 1 * M;
	greedy(1);
	pass(UINT64_MAX);
	ck_assert_uint_ge(rate_next(&users[0].share, now), now + 10);
	now += 1000;
	ck_assert_uint_eq(rate_next(&users[0].share, now), now + 1);
}
END_TEST

/* ---- changes ---- */

/* All that wait look at once then. */
static void change_limit(uint64_t to)
{
	limit = to;
	for (size_t i = 0; i < user_count; i++)
		users[i].look_at = now;
}

START_TEST(another_limit_holds_for_those_that_wait)
{
	static const struct {
		uint64_t before, after;
		size_t count;
	} changes[] = {
	        {1 * G, 10 * K, 1},       {1, 1 * G, 1},      {10 * K, 1 * G, 1},   {1 * G, 10 * K, 100},
	        {10 * K, 1 * G, 100},     {1 * M, 2 * M, 50}, {1 * M, 500 * K, 50}, {10 * K, 10 * M, 10000},
	        {10 * M, 100 * K, 10000}, {1, 10 * M, 100},   {1, 10 * M, 10000},   {10, 1 * M, 1000},
	};

	limit = changes[_i].before;
	greedy(changes[_i].count);
	run(3000);
	change_limit(changes[_i].after);
	forget_moved();
	run(2100);
	ck_assert_uint_le(total, limit * 23 / 10 + burst());
	ck_assert_uint_ge(total + burst(), limit / 10);
	forget_moved();
	run(changes[_i].count < 10000 ? 10000 : 20000);
	assert_near(total, (changes[_i].count < 10000 ? 10 : 20) * limit, 20);
	end_users();
}
END_TEST

START_TEST(limit_can_be_taken_away_and_set_again)
{
	limit = 10;
	add_users(1, 5 * M, 0, 0);
	add_users(1, 5 * M, 0, 0);
	run(1000);
	ck_assert_uint_lt(total, 100);
	change_limit(0);
	run(STEP_MS);
	ck_assert_uint_eq(total, 10 * M);
	ck_assert_uint_eq(rate.wanting, 0);
	ck_assert_uint_eq(rate_allows(&users[0].share, now), RATE_UNLIMITED);
	rate_spend(&users[0].share, 1000);
	forget_moved();
	greedy(2);
	users[2].look_at = users[3].look_at = 0;
	limit = 1 * M;
	run(10000);
	assert_near(total, 10 * M, 10);
}
END_TEST

/* The daemon was stopped. What was not moved meanwhile is lost, and nobody loses his place. */
START_TEST(clock_that_jumps_is_no_burst)
{
	uint64_t portion;

	limit = 1 * M;
	greedy(crowds[_i]);
	run(3000);
	portion = limit / 10 / (crowds[_i] < 50 ? crowds[_i] : 50);
	now += HOUR_MS;
	now -= now % STEP_MS;
	forget_moved();
	pass(UINT64_MAX);
	ck_assert_uint_le(total, crowds[_i] * portion + limit / 10);
	forget_moved();
	run(20000);
	assert_near(total, 20 * limit, 10);
	assert_even(20 * limit / crowds[_i], portion, true);
	end_users();
}
END_TEST

/* One worker is stuck. The others go on, and when it comes back, so do its pairs. */
START_TEST(stuck_worker_holds_nobody_up)
{
	limit = 1 * M;
	greedy(10);
	run(1000);
	for (size_t i = 0; i < 5; i++)
		users[i].stuck = true;
	run(1000);
	forget_moved();
	run(10000);
	assert_near(total, 10 * limit, 10);
	for (size_t i = 0; i < 5; i++)
		users[i].stuck = false;
	forget_moved();
	run(10000);
	assert_near(total, 10 * limit, 20);
	for (size_t i = 0; i < 10; i++)
		assert_near(users[i].moved, 1 * M, 100);
}
END_TEST

/* The clocks of two workers differ by a little. */
START_TEST(clock_may_lag_behind_that_of_another_thread)
{
	limit = 1 * M;
	greedy(2);
	for (unsigned i = 0; i < 10000; i++) {
		now += 3;
		pump(&users[0]);
		now -= 2;
		pump(&users[1]);
	}
	assert_near(total, 10 * M, 20);
	assert_near(users[0].moved, 5 * M, 100);
	end_users();
}
END_TEST

/* ---- threads ---- */

#define THREADS 4
#define TURNS   30000

static _Atomic uint64_t shared_now, shared_total;

/* Each moves the clock too. */
static void *use(void *seed)
{
	unsigned state = *(const unsigned *)seed;
	struct rate_share share;
	uint64_t moved = 0;

	rate_share_init(&share, &rate);
	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t allowed = rate_allows(&share, atomic_fetch_add(&shared_now, i % 8 == 0));
		uint64_t bytes = allowed ? 1 + (uint64_t)rand_r(&state) % allowed : 0;

		rate_spend(&share, bytes);
		moved += bytes;
		if (rand_r(&state) % 5 == 0)
			rate_rest(&share);
	}
	rate_rest(&share);
	shared_total += moved;
	return NULL;
}

START_TEST(threads_share_a_rate)
{
	static unsigned seeds[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];
	uint64_t ms;

	limit = 10 * M;
	shared_now = now;
	shared_total = 0;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, use, &seeds[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	ms = shared_now - now;
	ck_assert_uint_eq(rate.wanting, 0);
	ck_assert_uint_le(shared_total, limit / 1000 * ms + burst() + limit / 1000);
	ck_assert_uint_ge(shared_total, limit / 1000 * ms * 9 / 10);
}
END_TEST

/* The clock stands still, and the line is too long for any portion to be due. */
static void *come_and_go(void *unused)
{
	struct rate_share share;
	uint64_t allowed = 0;

	rate_share_init(&share, &rate);
	for (unsigned i = 0; i < 10 * TURNS; i++) {
		allowed |= rate_allows(&share, now);
		rate_rest(&share);
	}
	return allowed ? unused : NULL;
}

START_TEST(line_is_as_long_as_before_when_all_have_left)
{
	pthread_t threads[THREADS];
	int64_t earned;

	limit = 1 * M;
	greedy(10);
	pass(UINT64_MAX);
	earned = rate.earned;
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, &rate), 0);
	for (int i = 0; i < THREADS; i++) {
		void *allowed;

		pthread_join(threads[i], &allowed);
		ck_assert_ptr_null(allowed);
	}
	ck_assert_int_eq(rate.earned, earned);
	ck_assert_uint_eq(rate.wanting, 10);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rate");
	TCase *tcase = tcase_create("rate");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, one_pair_keeps_its_rate, 0, LIMITS);
	tcase_add_loop_test(tcase, many_pairs_keep_their_rate, 0, LIMITS);
	tcase_add_loop_test(tcase, late_timers_cost_nothing, 0, LIMITS);
	tcase_add_test(tcase, newcomers_take_nothing_from_late_ones);
	tcase_add_loop_test(tcase, short_reads_cost_nothing, 0, LIMITS);
	tcase_add_test(tcase, less_than_a_byte_in_each_portion);
	tcase_add_loop_test(tcase, no_more_than_a_burst_is_saved, 0, LIMITS);
	tcase_add_test(tcase, crowd_that_comes_at_once_gets_one_burst);
	tcase_add_loop_test(tcase, rate_holds_in_every_second, 0, LIMITS);
	tcase_add_loop_test(tcase, little_wants_at_the_same_moment_need_not_wait, 0, LIMITS);
	tcase_add_loop_test(tcase, all_that_want_more_get_the_same, 0, CROWDS);
	tcase_add_loop_test(tcase, what_some_do_not_want_is_for_the_others, 0, CROWDS);
	tcase_add_test(tcase, one_that_wants_more_gets_all_that_is_left);
	tcase_add_test(tcase, own_rate_leaves_the_rest_to_the_others);
	tcase_add_loop_test(tcase, ten_thousand_that_wait_hardly_look, 0, 3);
	tcase_add_loop_test(tcase, nobody_looks_in_vain, 0, LIMITS);
	tcase_add_test(tcase, who_is_left_alone_soon_gets_all);
	tcase_add_test(tcase, place_is_kept_while_it_is_asked_for);
	tcase_add_test(tcase, what_was_allowed_stays_allowed);
	tcase_add_test(tcase, next_look_is_never_now);
	tcase_add_loop_test(tcase, another_limit_holds_for_those_that_wait, 0, 12);
	tcase_add_test(tcase, limit_can_be_taken_away_and_set_again);
	tcase_add_loop_test(tcase, clock_that_jumps_is_no_burst, 0, CROWDS);
	tcase_add_test(tcase, stuck_worker_holds_nobody_up);
	tcase_add_test(tcase, clock_may_lag_behind_that_of_another_thread);
	tcase_add_test(tcase, threads_share_a_rate);
	tcase_add_test(tcase, line_is_as_long_as_before_when_all_have_left);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
