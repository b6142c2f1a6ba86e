/* min_rate: sinks with bytes queued that take too little. */
#include "build_config.h"

#include "pair/pair_stage.h"

#define STALL_MS 1000
#define RATE     "min_rate=64K", "stall_timeout=1s"

static int client, server;
static uint64_t sent, received;

/* A client that has sent until it was paused, and a target that takes nothing. */
static struct pair *begin_stuck(const char *const *options)
{
	begin(options);
	client = join();
	server = meet_open(target);
	sent = fill(client, &only_pair()->client.from);
	received = 0;
	return only_pair();
}

/*
 * The target takes this much every 10 ms, until the pair is over or the time is. The client always has more.
 * The queue seems to shrink each time, so that it is not stall_timeout alone that ends the pair.
 */
static void read_slowly(size_t bytes, uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	while (set.count > 0 && clock_ms() < end) {
		only_pair()->client.from.last_progress = clock_ms();
		loop_receive(server, &received, bytes);
		sent += loop_send(client, sent, BULK);
		run_for(10);
	}
}

START_TEST(sink_that_takes_too_little_ends_the_pair)
{
	uint64_t began = clock_ms();

	begin_stuck(TEXTS(RATE, "high_watermark=64K", "target_sndbuf=16K"));
	read_slowly(50, 10 * STALL_MS); /* some 5,000 bytes a second */
	ck_assert_uint_eq(set.count, 0);
	assert_over("stall_timeout");
	ck_assert_uint_ge(clock_ms() - began, STALL_MS);
}
END_TEST

/*
 * A full socket of ours takes nothing for long, even from a reader that takes a lot: what counts is what the
 * reader has taken.
 */
START_TEST(what_the_reader_has_taken_counts)
{
	struct pair *pair;
	uint64_t written;

	pair = begin_stuck(
	        TEXTS("min_rate=4K", "stall_timeout=1s", "high_watermark=64K", "target_sndbuf=2M"));
	written = pair->client.from.bytes;
	/* It wakes us when a third is free; until then nothing is written. */
	for (int i = 0; i < 4 && pair->client.from.bytes == written; i++)
		read_slowly(1000, STALL_MS / 2);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_gt(pair->target.pace->since, 0);
}
END_TEST

START_TEST(sink_that_takes_enough_lives)
{
	struct pair *pair;

	pair = begin_stuck(
	        TEXTS("min_rate=4K", "stall_timeout=1s", "high_watermark=64K", "target_sndbuf=16K"));
	read_slowly(4096, 3 * STALL_MS);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_gt(pair->target.pace->since, 0);
}
END_TEST

/* When the queue is empty, there is nothing to take. */
START_TEST(empty_queue_ends_the_measuring)
{
	struct pair *pair;

	pair = begin_stuck(TEXTS(RATE, "high_watermark=64K"));
	ck_assert_ptr_nonnull(pair->target.pace);
	LOOP_UNTIL(base, (loop_receive(server, &received, BULK), pair->client.from.queued == 0));
	ck_assert_ptr_null(pair->target.pace);
	run_for(2 * STALL_MS);
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

/* As after the daemon was stopped for a while: what the sink could not take then is not its fault. */
START_TEST(late_daemon_measures_anew)
{
	uint64_t before = clock_ms();
	struct pair *pair;

	pair = begin_stuck(TEXTS("min_rate=64K", "stall_timeout=10s", "high_watermark=64K"));
	pair->target.pace->since = before - 60000;
	pair->target.pace->look_at = before - 50000;
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_ge(pair->target.pace->since, before);
	ck_assert_uint_gt(pair->target.pace->look_at, before);
	/* On time, the same ends it. */
	pair->target.pace->since = before - 60000;
	pair->target.pace->look_at = clock_ms();
	fire_timer(pair);
	assert_over("stall_timeout");
}
END_TEST

START_TEST(nothing_is_measured_without_the_key)
{
	struct pair *pair;

	pair = begin_stuck(TEXTS("stall_timeout=10s", "high_watermark=64K"));
	ck_assert_ptr_null(pair->target.pace);
	ck_assert_uint_eq(pair_rate_next(pair), PAIR_NEVER);
}
END_TEST

/* What it has yet to take is with the kernel then. */
START_TEST(reader_is_held_to_it_after_both_have_ended)
{
	struct pair *pair;

	begin(TEXTS(RATE));
	client = join();
	server = meet_open(target);
	pair = only_pair();
	end_with_answer(client, server, 300000);
	received = 0;
	for (int i = 0; i < 500 && set.count > 0; i++) {
		pair->acknowledged_at = clock_ms();   /* it is not stall_timeout alone that ends it */
		loop_receive(client, &received, 100); /* 10,000 bytes a second */
		run_for(10);
	}
	ck_assert_uint_eq(set.count, 0);
	assert_over("stall_timeout");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_rate");
	TCase *tcase = make_case("rate");

	tcase_add_test(tcase, sink_that_takes_too_little_ends_the_pair);
	tcase_add_test(tcase, what_the_reader_has_taken_counts);
	tcase_add_test(tcase, sink_that_takes_enough_lives);
	tcase_add_test(tcase, empty_queue_ends_the_measuring);
	tcase_add_test(tcase, late_daemon_measures_anew);
	tcase_add_test(tcase, nothing_is_measured_without_the_key);
	tcase_add_test(tcase, reader_is_held_to_it_after_both_have_ended);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
