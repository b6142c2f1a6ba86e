/* What real pairs wait for. How the time is shared out is the matter of test_waits. */
#include "build_config.h"

#include "base/clock.h"
#include "pair/life.h"
#include "pair/pair_stage.h"

#define ANSWER 130000 /* about twice what fits into the client's receive buffer */

static int client, server;
static struct pair *pair;

static void begin_pair(const char *const *options)
{
	begin(options);
	client = join();
	server = meet_open(target);
	pair = only_pair();
}

static struct wait_window window(void)
{
	return waits_window(&pair->waits, clock_us());
}

static struct wait_totals life(void)
{
	return pair_waits_totals(pair, clock_us(), false);
}

static uint64_t life_ms(unsigned wait)
{
	return life().time[wait] / 1000;
}

/* At least so long, also for a clock that is more precise than clock_ms. */
static void rest(uint64_t ms)
{
	run_for(ms + 1);
}

/* One byte, all the way. */
static void pass(int from, int to)
{
	char byte;

	send_all(from, 0, 1);
	LOOP_UNTIL(base, recv(to, &byte, 1, MSG_DONTWAIT) == 1);
}

START_TEST(turns_are_of_who_is_due)
{
	begin_pair(NULL);
	pass(client, server);
	rest(60);
	pass(server, client);
	ck_assert_uint_ge(life_ms(WAIT_TURN + SIDE_TARGET), 60);
	ck_assert_uint_lt(life_ms(WAIT_TURN + SIDE_CLIENT), 60);
	rest(70);
	pass(client, server);
	ck_assert_uint_ge(life_ms(WAIT_TURN + SIDE_CLIENT), 70);
	ck_assert_int_eq(window().last_from, SIDE_CLIENT);
	ck_assert_double_eq(window().turns[SIDE_TARGET], 1);
}
END_TEST

START_TEST(one_that_goes_on_is_sending)
{
	begin_pair(NULL);
	pass(server, client);
	rest(60);
	pass(server, client);
	ck_assert_uint_ge(life_ms(WAIT_SENDING + SIDE_TARGET), 60);
	ck_assert_uint_eq(life_ms(WAIT_TURN + SIDE_TARGET) + life_ms(WAIT_TURN + SIDE_CLIENT), 0);
}
END_TEST

/* Whatever the bytes go through. */
static const char *const ways[] = {"splice=auto", "splice=off"};

START_TEST(reader_that_rests_holds_its_flow)
{
	uint64_t filled;

	begin_pair((const char *const[]){ways[_i], NULL});
	filled = fill(server, &pair->target.from);
	ck_assert_int_eq(window().hold[DOWNLOAD], HOLD_HIGH);
	ck_assert_int_eq(window().hold[UPLOAD], HOLD_NONE);
	rest(80);
	ck_assert_uint_ge(window().held[DOWNLOAD][HOLD_HIGH], 80000);
	ck_assert_uint_ge(life_ms(WAIT_SINK + SIDE_CLIENT), 80);
	ck_assert_uint_eq(life_ms(WAIT_SINK + SIDE_TARGET), 0);
	assert_receives(client, &(uint64_t){0}, filled);
	LOOP_UNTIL(base, window().hold[DOWNLOAD] == HOLD_NONE);
	ck_assert_uint_eq(window().held_for[DOWNLOAD], 0);
}
END_TEST

/*
 * One that is reset takes no more, but it is not why the other one was waited for. _i: the side that rests.
 */
START_TEST(reset_does_not_end_a_block)
{
	begin_pair(NULL);
	if (_i == SIDE_TARGET)
		fill(client, &pair->client.from);
	fill(server, &pair->target.from);
	if (_i == SIDE_CLIENT)
		fill(client, &pair->client.from);
	ck_assert_int_eq(side_of_sink(window().blocker), _i);
	rest(20);
	reset(client);
	LOOP_UNTIL(base, window().hold[DOWNLOAD] == HOLD_NONE);
	ck_assert_int_eq(side_of_sink(window().blocker), _i);
}
END_TEST

START_TEST(limit_of_ours_holds_a_flow)
{
	begin_pair(TEXTS("upload_rate=100"));
	fill(client, &pair->client.from);
	ck_assert_int_eq(window().hold[UPLOAD], HOLD_RATE);
	rest(80);
	ck_assert_uint_ge(life_ms(WAIT_RATE + SIDE_TARGET), 80);
	ck_assert_uint_eq(life_ms(WAIT_SINK + SIDE_TARGET), 0);
}
END_TEST

/* It lasts until the flow's own sink takes something, so it is the sink that is waited for. */
START_TEST(lack_of_memory_holds_a_flow_for_its_sink)
{
	begin_pair(TEXTS("splice=off"));
	budget_set_max(&budget, 1);
	fill(client, &pair->client.from);
	ck_assert_int_eq(pair->client.from.pause, PAUSE_MEMORY);
	ck_assert_int_eq(window().hold[UPLOAD], HOLD_HIGH);
	rest(80);
	ck_assert_uint_ge(life_ms(WAIT_SINK + SIDE_TARGET), 80);
	ck_assert_int_eq(window().last_from, SIDE_CLIENT);
}
END_TEST

START_TEST(open_end_is_waited_for)
{
	begin_pair(NULL);
	pass(server, client);
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, pair->target.from.sink == SINK_ENDED);
	rest(60);
	pass(client, server);
	ck_assert_uint_ge(life_ms(WAIT_TURN + SIDE_CLIENT), 60);
	ck_assert_uint_eq(life_ms(WAIT_SENDING + SIDE_TARGET), 0);
	/* it is known that it has ended, so this is not told again */
	ck_assert_uint_eq(pair->waits.ended, 1U << SIDE_TARGET);
}
END_TEST

/* Both ends were passed on, and the kernel still has most of the answer. */
START_TEST(last_bytes_of_a_pair_are_waited_for)
{
	struct wait_totals all;
	struct life lived;
	struct verdict verdict;

	begin_pair(NULL);
	end_with_answer(client, server, ANSWER);
	ck_assert_int_eq(pair->phase, PHASE_ENDING);
	LOOP_UNTIL(base, window().hold[DOWNLOAD] == HOLD_SINK);
	ck_assert_int_eq(window().hold[UPLOAD], HOLD_NONE);
	rest(150 + 2 * (clock_ms() - pair->born)); /* longer than it took to get here */
	ck_assert_uint_ge(life_ms(WAIT_SINK + SIDE_CLIENT), 150);
	ck_assert_uint_eq(life_ms(WAIT_SINK + SIDE_TARGET), 0);
	all = pair_waits_totals(pair, clock_us(), true);
	lived = pair_judge_life(pair, clock_us(), &all);
	verdict = life_verdict(&lived);
	ck_assert_int_eq(verdict.slow, BLAME_CLIENT);
	ck_assert_int_eq(verdict.why, WHY_READING);
	assert_ends(client, LOOP_FIN, ANSWER);
	assert_over("eof");
	ck_assert_uint_ge(relay->standing->tallies[0].counters.waited_us[SIDE_CLIENT], 150000);
}
END_TEST

START_TEST(relay_counts_what_ended_pairs_have_waited_for)
{
	const uint64_t *waited;
	struct relay_record now[1] = {0};

	begin_pair(NULL);
	waited = relay->standing->tallies[0].counters.waited_us;
	pass(client, server);
	rest(60);
	pass(server, client);
	rest(70);
	pass(client, server);
	add_pairs(clock_ms(), now);
	ck_assert_uint_ge(now->counters.waited_us[SIDE_TARGET], 60000);
	ck_assert_uint_ge(now->counters.waited_us[SIDE_CLIENT], 70000);
	ck_assert_uint_eq(waited[SIDE_CLIENT] + waited[SIDE_TARGET], 0);
	reset(client);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_ge(waited[SIDE_TARGET], now->counters.waited_us[SIDE_TARGET]);
	ck_assert_uint_ge(waited[SIDE_CLIENT], now->counters.waited_us[SIDE_CLIENT]);
}
END_TEST

START_TEST(client_must_begin)
{
	begin(TEXTS("connect_on=data"));
	client = join();
	pair = only_pair();
	rest(60);
	ck_assert_uint_ge(life_ms(WAIT_TURN + SIDE_CLIENT), 60);
	ck_assert_uint_eq(life_ms(WAIT_CONNECTING), 0);
	send_all(client, 0, 1);
	server = meet_open(target);
	ck_assert_uint_ge(life_ms(WAIT_TURN + SIDE_CLIENT), 60);
	ck_assert_uint_lt(life_ms(WAIT_CONNECTING), 60);
}
END_TEST

START_TEST(target_that_is_sought_is_waited_for)
{
	const char *const targets[] = {relays_address(silent()), NULL};

	open_relay(targets, NULL);
	client = join();
	pair = only_pair();
	rest(60);
	ck_assert_uint_ge(life_ms(WAIT_CONNECTING), 60);
	ck_assert_uint_eq(life_ms(WAIT_TURN + SIDE_CLIENT), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_waits");
	TCase *tcase = make_case("waits");

	tcase_add_test(tcase, turns_are_of_who_is_due);
	tcase_add_test(tcase, one_that_goes_on_is_sending);
	tcase_add_loop_test(tcase, reader_that_rests_holds_its_flow, 0, 2);
	tcase_add_loop_test(tcase, reset_does_not_end_a_block, SIDE_CLIENT, SIDES);
	tcase_add_test(tcase, limit_of_ours_holds_a_flow);
	tcase_add_test(tcase, lack_of_memory_holds_a_flow_for_its_sink);
	tcase_add_test(tcase, open_end_is_waited_for);
	tcase_add_test(tcase, last_bytes_of_a_pair_are_waited_for);
	tcase_add_test(tcase, relay_counts_what_ended_pairs_have_waited_for);
	tcase_add_test(tcase, client_must_begin);
	tcase_add_test(tcase, target_that_is_sought_is_waited_for);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
