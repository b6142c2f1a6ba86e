/* Limits on rates are the relay's, and hold for its pairs from when they are set. */
#include "build_config.h"

#include "pair/pair_stage.h"

static int client, server;

static struct pair *begin_pair(const char *const *options)
{
	begin(options);
	client = join();
	server = meet_open(target);
	return only_pair();
}

/* As a reload does. */
static void set_limits(uint64_t upload, uint64_t of_all_downloads)
{
	relay->standing->rates[UPLOAD].of_pair = upload;
	relay->standing->rates[DOWNLOAD].of_all = of_all_downloads;
	pair_set_limit_rates(&set);
}

START_TEST(pair_without_a_limit_has_nothing_for_it)
{
	struct pair *pair = begin_pair(TEXTS("splice=auto"));

	ck_assert(!pair->client.from.limited);
	ck_assert(!pair->target.from.limited);
	ck_assert_uint_eq(set.rates.count, 0);
}
END_TEST

static const struct {
	const char *option;
	enum direction direction;
} keys[] = {
        {"upload_rate=100", UPLOAD},
        {"download_rate=100", DOWNLOAD},
        {"relay_upload_rate=100", UPLOAD},
        {"relay_download_rate=100", DOWNLOAD},
};

START_TEST(each_key_limits_its_direction)
{
	struct pair *pair = begin_pair((const char *const[]){keys[_i].option, NULL});
	bool up = keys[_i].direction == UPLOAD;
	struct flow *flow = up ? &pair->client.from : &pair->target.from;

	ck_assert(flow->limited);
	ck_assert(!(up ? &pair->target.from : &pair->client.from)->limited);
	fill(up ? client : server, flow);
	ck_assert_int_eq(flow->pause, PAUSE_RATE);
	ck_assert_uint_eq(flow->queued, 0);
	ck_assert_uint_le(flow->bytes, 100);
}
END_TEST

START_TEST(pairs_share_what_their_relay_has)
{
	struct pair *pair, *other;

	pair = begin_pair(TEXTS("relay_upload_rate=1000"));
	fill(client, &pair->client.from);
	client = join();
	server = meet_open(target);
	other = LIST_FIRST(&set.pairs);
	ck_assert_ptr_ne(pair, other);
	fill(client, &other->client.from);
	ck_assert_uint_eq(relay->standing->rates[UPLOAD].all.wanting, 2);
	reset(server);
	LOOP_UNTIL(base, set.count == 1);
	ck_assert_uint_eq(relay->standing->rates[UPLOAD].all.wanting, 1);
}
END_TEST

START_TEST(limit_that_is_set_later_holds_for_pairs_that_live)
{
	struct pair *pair = begin_pair(TEXTS("splice=auto"));

	set_limits(100, 100);
	fill(client, &pair->client.from);
	fill(server, &pair->target.from);
	ck_assert_int_eq(pair->client.from.pause, PAUSE_RATE);
	ck_assert_int_eq(pair->target.from.pause, PAUSE_RATE);
	set_limits(0, 0);
	LOOP_UNTIL(base, pair->client.from.pause != PAUSE_RATE && pair->target.from.pause != PAUSE_RATE);
}
END_TEST

/* Its flows have no sockets yet. */
START_TEST(pair_that_is_connecting_gets_them_when_it_is_connected)
{
	open_relay((const char *const[]){"127.0.0.1:1", NULL}, TEXTS("retry_time=1m"));
	client = join();
	ck_assert(!pair_is_connected(only_pair()));
	set_limits(100, 0);
	ck_assert(!only_pair()->client.from.limited);
}
END_TEST

/* Nobody can tell whether its source has more to say. */
START_TEST(pair_that_waits_for_its_portion_is_not_idle)
{
	struct pair *pair =
	        begin_pair(TEXTS("relay_upload_rate=10", "idle_timeout=30s", "half_close_timeout=30s"));

	fill(client, &pair->client.from);
	ck_assert_int_eq(pair->client.from.pause, PAUSE_RATE);
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, pair->target.from.sink == SINK_ENDED);
	be_quiet_since(pair, 60000);
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_ge(timer_due(&pair->timer), clock_ms() + 1000);
	set_limits(0, 0);
	relay->standing->rates[UPLOAD].of_all = 0;
	LOOP_UNTIL(base, pair->client.from.pause != PAUSE_RATE);
}
END_TEST

/* What it finds then may be nothing but the end, a long time after the last byte. */
START_TEST(time_in_which_it_waited_is_no_idle_time)
{
	struct pair *pair =
	        begin_pair(TEXTS("relay_upload_rate=10", "idle_timeout=30s", "half_close_timeout=30s"));

	fill(client, &pair->client.from);
	set_limits(0, 0);
	relay->standing->rates[UPLOAD].of_all = 0;
	pair_set_limit_rates(&set);
	LOOP_UNTIL(base, pair->client.from.pause != PAUSE_RATE);
	be_quiet_since(pair, 60000);
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

START_TEST(pair_with_a_limit_and_nothing_to_say_is_idle)
{
	struct pair *pair = begin_pair(TEXTS("upload_rate=1M", "idle_timeout=30s"));

	be_quiet_since(pair, 60000);
	fire_timer(pair);
	ck_assert_uint_eq(set.count, 0);
	assert_over("idle_timeout");
}
END_TEST

START_TEST(no_memory_for_a_limit_ends_the_pair)
{
	begin_pair(TEXTS("splice=auto"));
	fault_set(FAULT_MEMORY, _i + 1, ENOMEM);
	set_limits(100, 100);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_uint_eq(set.count, 0);
	assert_ends(client, LOOP_RST, 0);
	assert_over("out_of_memory");
}
END_TEST

/* The first allocation is the pair itself. */
START_TEST(no_memory_for_a_limit_ends_a_new_pair)
{
	begin(TEXTS("upload_rate=1M", "download_rate=1M"));
	for (size_t failed = 2;; failed++) {
		client = join_with(FAULT_MEMORY, failed, ENOMEM);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (captured("reason=out_of_memory"))
			break;
		ck_assert_uint_lt(failed, 10);
	}
	assert_ends(client, LOOP_RST, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_limits");
	TCase *tcase = make_case("limits");

	tcase_add_test(tcase, pair_without_a_limit_has_nothing_for_it);
	tcase_add_loop_test(tcase, each_key_limits_its_direction, 0, 4);
	tcase_add_test(tcase, pairs_share_what_their_relay_has);
	tcase_add_test(tcase, limit_that_is_set_later_holds_for_pairs_that_live);
	tcase_add_test(tcase, pair_that_is_connecting_gets_them_when_it_is_connected);
	tcase_add_test(tcase, pair_that_waits_for_its_portion_is_not_idle);
	tcase_add_test(tcase, time_in_which_it_waited_is_no_idle_time);
	tcase_add_test(tcase, pair_with_a_limit_and_nothing_to_say_is_idle);
	tcase_add_loop_test(tcase, no_memory_for_a_limit_ends_the_pair, 0, 2);
	tcase_add_test(tcase, no_memory_for_a_limit_ends_a_new_pair);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
