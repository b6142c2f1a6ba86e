/* What is known about relays, saved by one program and restored by another. */
#include "build_config.h"

#include "relay/health_private.h"
#include "relay/standing_state.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORKERS 3

static struct standings *old, *new;
static struct standing *db;
static struct inheritance *inheritance;
static struct state_reader reader;
static char text[65536];

static void setup(void)
{
	const struct config_relay config = {
	        .name = (char[]){"db"},
	        .max_connections = 7,
	        .max_connections_per_source = 3,
	        .fail_limit = 2,
	        .fail_time = 5000,
	        .check_interval = 9,
	        .check_rise = 4,
	        .check_fall = 6,
	        .slow_start = 8000,
	        .rate = {11, 12},
	        .relay_rate = {13, 14},
	};

	old = standings_new(WORKERS, NULL);
	ck_assert_ptr_nonnull(old);
	db = standing_get(old, &config);
	ck_assert_ptr_nonnull(db);
}

static void teardown(void)
{
	standing_put(db);
	standings_free(old);
	standings_free(new);
	inheritance_free(inheritance);
}

static void read_text(size_t size)
{
	inheritance = inheritance_new(false);
	ck_assert_ptr_nonnull(inheritance);
	state_reader_init(&reader, inheritance, text, size);
}

static void save(void)
{
	int memory = memfd_create("state", MFD_CLOEXEC);
	struct state_writer writer;
	ssize_t size;

	ck_assert_int_eq(state_writer_init(&writer, memory, STATE_CARRY), 0);
	standings_save(old, &writer);
	for (unsigned worker = 0; worker < old->workers; worker++)
		tallies_save(old, worker, &writer);
	ck_assert_int_eq(state_writer_finish(&writer), 0);
	size = pread(memory, text, sizeof(text), 0);
	ck_assert(size > 0 && size < (ssize_t)sizeof(text));
	close(memory);
	read_text((size_t)size);
}

/* By another program with so many workers. */
static struct standing *restore(unsigned workers)
{
	struct standing *standing;

	save();
	new = standings_new(workers, NULL);
	ck_assert_ptr_nonnull(new);
	ck_assert_msg(standings_restore(new, &reader) == 0, "%s", state_error(&reader));
	ck_assert_msg(tallies_restore(new, &reader) == 0, "%s", state_error(&reader));
	ck_assert_ptr_null(state_peek(&reader));
	standing = standings_find(new, "db");
	ck_assert_ptr_nonnull(standing);
	return standing;
}

START_TEST(limits_and_rules_come_back)
{
	const struct standing *standing = restore(WORKERS);

	ck_assert_uint_eq(slots_max(&standing->slots), 7);
	ck_assert_uint_eq(origins_max(standing->origins), 3);
	ck_assert_uint_eq(standing->healths.fail_limit, 2);
	ck_assert_uint_eq(standing->healths.fail_time, 5000);
	ck_assert(standing->healths.checked);
	ck_assert_uint_eq(standing->healths.check_rise, 4);
	ck_assert_uint_eq(standing->healths.check_fall, 6);
	ck_assert_uint_eq(standing->healths.slow_start, 8000);
	ck_assert_uint_eq(standing->rates[UPLOAD].of_pair, 11);
	ck_assert_uint_eq(standing->rates[DOWNLOAD].of_pair, 12);
	ck_assert_uint_eq(standing->rates[UPLOAD].of_all, 13);
	ck_assert_uint_eq(standing->rates[DOWNLOAD].of_all, 14);
}
END_TEST

static void tell(struct episode *episode, uint64_t logged)
{
	episode->told = true;
	episode->logged = logged;
}

static void expect_told(const struct episode *episode, uint64_t logged)
{
	ck_assert(episode->told);
	ck_assert_uint_eq(episode->logged, logged);
}

START_TEST(episodes_and_events_come_back)
{
	const struct standing *standing;

	tell(&db->damping.told, 1);
	tell(&db->denials.told, 2);
	tell(&db->is_short, 3);
	tell(&db->unserved, 4);
	tell(&db->refusal.told, 5);
	tell(&db->at_limit, 6);
	db->damping.since = 21;
	db->damping.clients = 22;
	db->denials.count = 23;
	db->denials.last = 24;
	db->readdressed = true;
	db->news = 25;
	rate_restore(&db->rates[UPLOAD].all, INT64_MAX);
	rate_restore(&db->rates[DOWNLOAD].all, -3);
	standing = restore(WORKERS);
	expect_told(&standing->damping.told, 1);
	expect_told(&standing->denials.told, 2);
	expect_told(&standing->is_short, 3);
	expect_told(&standing->unserved, 4);
	expect_told(&standing->refusal.told, 5);
	expect_told(&standing->at_limit, 6);
	ck_assert_uint_eq(standing->damping.since, 21);
	ck_assert_uint_eq(standing->damping.clients, 22);
	ck_assert_uint_eq(standing->denials.count, 23);
	ck_assert_uint_eq(standing->denials.last, 24);
	ck_assert(standing->readdressed && !standing->healths.changed);
	ck_assert_uint_eq(standing->news, 25);
	ck_assert(rate_line(&standing->rates[UPLOAD].all) == INT64_MAX);
	ck_assert(rate_line(&standing->rates[DOWNLOAD].all) == -3);
	ck_assert_str_eq(standing->damping.relay, "db");
}
END_TEST

START_TEST(refusal_comes_back)
{
	const struct refusal *refusal = &db->refusal;

	db->refusal.from = 31;
	db->refusal.until = REFUSAL_NEVER;
	db->refusal.let_in = 33;
	db->refusal.put_off = 34;
	db->refusal.pause.wait = 35;
	refusal = &restore(WORKERS)->refusal;
	ck_assert_uint_eq(refusal->from, 31);
	ck_assert_uint_eq(refusal->until, REFUSAL_NEVER);
	ck_assert_uint_eq(refusal->let_in, 33);
	ck_assert_uint_eq(refusal->put_off, 34);
	ck_assert_uint_eq(refusal->pause.wait, 35);
}
END_TEST

/* Every counter of worker w is another multiple of w + 1. */
static void fill_counters(void)
{
	for (unsigned worker = 0; worker < WORKERS; worker++) {
		uint64_t *counter = (uint64_t *)&db->tallies[worker].counters;

		for (size_t i = 0; i < sizeof(struct counters) / sizeof(*counter); i++)
			counter[i] = (worker + 1) * (i + 1) * 1000;
	}
}

static void expect_counters(const struct tally *tally, unsigned times)
{
	const uint64_t *counter = (const uint64_t *)&tally->counters;

	for (size_t i = 0; i < sizeof(struct counters) / sizeof(*counter); i++)
		ck_assert_uint_eq(counter[i], times * (i + 1) * 1000);
}

START_TEST(counters_of_each_worker_come_back)
{
	const struct standing *standing;

	fill_counters();
	standing = restore(WORKERS);
	for (unsigned worker = 0; worker < WORKERS; worker++)
		expect_counters(&standing->tallies[worker], worker + 1);
}
END_TEST

START_TEST(fewer_workers_have_the_counters_of_more)
{
	const struct standing *standing;

	fill_counters();
	standing = restore(2);
	expect_counters(&standing->tallies[0], 1 + 3);
	expect_counters(&standing->tallies[1], 2);
}
END_TEST

START_TEST(what_else_workers_know_comes_back)
{
	const struct damper damper = {true, 41, 42, 43, 44};
	const struct tally *tally;

	db->tallies[1].damper = damper;
	db->tallies[2].damper = (struct damper){false, 1, 90, 2, 3};
	db->tallies[1].shortage = (struct shortage){
	        -EADDRINUSE,
	        45,
	        {.length = sizeof(struct sockaddr_in), .in = {.sin_family = AF_INET, .sin_port = 9}}};
	db->tallies[2].shortage = (struct shortage){-EMFILE, 44, {.length = 0}};
	tally = &restore(1)->tallies[0];
	ck_assert(tally->damper.on);
	ck_assert_uint_eq(tally->damper.last, 41);
	ck_assert_uint_eq(tally->damper.second, 90);
	ck_assert_uint_eq(tally->damper.lines, 45);
	ck_assert_uint_eq(tally->damper.left_out, 47);
	ck_assert_int_eq(tally->shortage.error, -EADDRINUSE);
	ck_assert_uint_eq(tally->shortage.until, 45);
	ck_assert(endpoint_equal(&tally->shortage.endpoint, &db->tallies[1].shortage.endpoint));
}
END_TEST

/* ---- healths ---- */

static struct endpoint endpoint_of_number(unsigned number)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.in)};

	endpoint.in.sin_family = AF_INET;
	endpoint.in.sin_port = htons(80);
	endpoint.in.sin_addr.s_addr = htonl(0x0a000000 + number);
	return endpoint;
}

static struct health *get_health(struct standing *standing, const char *target, unsigned number)
{
	const struct endpoint endpoint = endpoint_of_number(number);
	struct label *label = label_new(target);
	struct health *health;

	ck_assert_ptr_nonnull(label);
	health = healths_get(&standing->healths, label, &endpoint);
	ck_assert_ptr_nonnull(health);
	label_put(label);
	return health;
}

static void fill_health(struct health *health)
{
	health->connects = 1;
	health->failures = 2;
	health->checks = 3;
	health->check_failures = 4;
	health->last_error = -ECONNREFUSED;
	health->state = HEALTH_TRYING;
	health->failed = 5;
	health->since = 6;
	health->down = 7;
	health->place = 8;
	health->failed_at = 9;
	health->checks_apart = 10;
	health->why = -ETIMEDOUT;
	health->in_a_row = 11;
	health->by_checks = true;
	tell(&health->outage, 12);
	health_set_next_check(health, 13);
}

static void expect_health(struct health *health)
{
	struct health_view view;

	health_look(health, &view);
	ck_assert_uint_eq(view.connects, 1);
	ck_assert_uint_eq(view.failures, 2);
	ck_assert_uint_eq(view.checks, 3);
	ck_assert_uint_eq(view.check_failures, 4);
	ck_assert_int_eq(view.last_error, -ECONNREFUSED);
	ck_assert_int_eq(view.state, HEALTH_DOWN); /* until the pair that tries it is restored */
	health_go_on_trying(health);
	health_look(health, &view);
	ck_assert_int_eq(view.state, HEALTH_TRYING);
	ck_assert_uint_eq(health->failed, 5);
	ck_assert_uint_eq(view.since, 6);
	ck_assert_uint_eq(view.down, 7);
	ck_assert_uint_eq(health_place(health), 8);
	ck_assert_uint_eq(health->failed_at, 9);
	ck_assert_uint_eq(health->checks_apart, 10);
	ck_assert_int_eq(view.why, -ETIMEDOUT);
	ck_assert_uint_eq(view.in_a_row, 11);
	ck_assert(view.by_checks);
	expect_told(health_outage(health), 12);
	ck_assert_uint_eq(health_next_check(health), 13);
	ck_assert_uint_eq(view.pairs, 0);
}

START_TEST(health_comes_back)
{
	struct health *health = get_health(db, "db.example:80", 1), *again;
	struct standing *standing;

	fill_health(health);
	health_pair_began(health);
	health_put(health);
	standing = restore(WORKERS);
	again = get_health(standing, "db.example:80", 1);
	expect_health(again);
	/* The next one that goes down comes behind it. */
	ck_assert_uint_eq(standing->healths.places, 8);
	health_put(again);
}
END_TEST

/* Each of them is worthless, but what it has counted is not. */
START_TEST(many_healths_come_back_in_their_order)
{
	struct standing *standing;
	unsigned number = 0;
	struct health *health;

	for (unsigned i = 0; i < 500; i++)
		get_health(db, "db.example:80", 1000 - i)->connects = 1000 - i;
	standing = restore(WORKERS);
	TAILQ_FOREACH(health, &standing->healths.list, entry)
	{
		ck_assert_uint_eq(health->connects, 1000 - number);
		number++;
	}
	ck_assert_uint_eq(number, 500);
}
END_TEST

START_TEST(what_forgotten_addresses_have_counted_comes_back)
{
	struct target_totals totals;
	struct health *kept[3], *health;
	struct label *label = label_new("db.example:80");
	struct standing *standing;

	ck_assert_ptr_nonnull(label);
	for (unsigned i = 0; i < 3; i++)
		kept[i] = get_health(db, i < 2 ? "db.example:80" : "web.example:80", i);
	kept[0]->connects = 5;
	for (unsigned i = 3; i < 100; i++) {
		health = get_health(db, "db.example:80", i);
		health->connects = health->failures = health->checks = health->check_failures = 1;
		health_put(health);
	}
	totals = healths_totals(&db->healths, label);
	ck_assert_uint_eq(totals.connects, 5 + 97);
	ck_assert_uint_lt(db->healths.count, 100);
	standing = restore(WORKERS);
	totals = healths_totals(&standing->healths, label);
	ck_assert_uint_eq(totals.connects, 5 + 97);
	ck_assert_uint_eq(totals.failures, 97);
	ck_assert_uint_eq(totals.checks, 97);
	ck_assert_uint_eq(totals.check_failures, 97);
	label_put(label);
	for (unsigned i = 0; i < 3; i++)
		health_put(kept[i]);
}
END_TEST

START_TEST(news_that_nobody_has_taken_is_still_news)
{
	healths_tell_changed(&db->healths);
	ck_assert(healths_take_changed(&restore(WORKERS)->healths));
	ck_assert(healths_take_changed(&db->healths));
}
END_TEST

/* ---- who has them ---- */

START_TEST(standings_that_no_generation_has_are_forgotten)
{
	struct config_relay config = {.name = (char[]){"web"}};
	struct standing *web = standing_get(old, &config), *kept;

	ck_assert_ptr_nonnull(web);
	restore(WORKERS);
	kept = standing_get(new, &config);
	standings_release(new);
	ck_assert_ptr_null(standings_find(new, "db"));
	ck_assert_ptr_eq(standings_find(new, "web"), kept);
	standing_put(kept);
	standing_put(web);
}
END_TEST

static const struct {
	const char *records, *error;
} wrong[] = {
        {"standing\n", "record 2: the name of another relay was expected"},
        {"standing name=a\nstanding name=a\n", "record 3: the name of another relay was expected"},
        {"standing name=a\nhealth target=b\n", "record 3: the address and state of a health were expected"},
        {"standing name=a\nhealth target=b endpoint=0100 state=3\n",
         "record 3: the address and state of a health were expected"},
        {"standing name=a\ntally relay=b\n", "record 3: the name of a relay was expected"},
        {"standing name=a\ntally relay=a\nended reason=bored pairs=1\n", "record 4: a reason was expected"},
};

START_TEST(what_is_wrong_is_refused)
{
	int length = snprintf(text, sizeof(text), "state format=1\n%s", wrong[_i].records);

	read_text((size_t)length);
	new = standings_new(WORKERS, NULL);
	ck_assert_ptr_nonnull(new);
	ck_assert(standings_restore(new, &reader) == -EPROTO || tallies_restore(new, &reader) == -EPROTO);
	ck_assert_str_eq(state_error(&reader), wrong[_i].error);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("standing_state");
	TCase *tcase = tcase_create("standing_state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, limits_and_rules_come_back);
	tcase_add_test(tcase, episodes_and_events_come_back);
	tcase_add_test(tcase, refusal_comes_back);
	tcase_add_test(tcase, counters_of_each_worker_come_back);
	tcase_add_test(tcase, fewer_workers_have_the_counters_of_more);
	tcase_add_test(tcase, what_else_workers_know_comes_back);
	tcase_add_test(tcase, health_comes_back);
	tcase_add_test(tcase, many_healths_come_back_in_their_order);
	tcase_add_test(tcase, what_forgotten_addresses_have_counted_comes_back);
	tcase_add_test(tcase, news_that_nobody_has_taken_is_still_news);
	tcase_add_test(tcase, standings_that_no_generation_has_are_forgotten);
	tcase_add_loop_test(tcase, what_is_wrong_is_refused, 0, sizeof(wrong) / sizeof(*wrong));
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
