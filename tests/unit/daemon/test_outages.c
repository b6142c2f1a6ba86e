/* Lines about targets that go down and come up, and who is told. */
#include "build_config.h"

#include "base/evloop.h"
#include "capture.h"
#include "daemon/outages.h"
#include "relay/relay_stage.h"

#include <errno.h>

#define MANY 8

static struct event_base *own_base;
static struct outages *outages;
static struct health *addresses[MANY]; /* of the relay, in the order of relay.ini */
static size_t address_count;
static size_t up;
static unsigned changes;
static struct event *later; /* the timer for lines that were left out */

int __real_event_add(struct event *event, const struct timeval *delay);
int __wrap_event_add(struct event *event, const struct timeval *delay);
int __wrap_event_add(struct event *event, const struct timeval *delay)
{
	if (!delay || delay->tv_sec != EPISODE_INTERVAL_MS / 1000)
		return __real_event_add(event, delay);
	later = event;
	return 0;
}

static void take_change(void *arg, const struct relay *changed, size_t now_up)
{
	ck_assert_ptr_eq(arg, &changes);
	ck_assert_ptr_eq(changed, relay);
	changes++;
	up = now_up;
}

static void add_address(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	(void)arg;
	(void)target;
	(void)backup;
	ck_assert_uint_lt(address_count, MANY);
	addresses[address_count++] = health;
}

static void begin_outages(void)
{
	own_base = evloop_new();
	outages = outages_new(own_base, take_change, &changes);
	ck_assert_ptr_nonnull(outages);
	relay->standing->standings->news.mailbox = outages_mailbox(outages);
	outages_set_generation(outages, relay->generation);
	targets_each_health(relay->targets, add_address, NULL);
}

static void begin_lines(const char *lines)
{
	begin_with(lines);
	begin_outages();
}

static void end(void)
{
	outages_set_generation(outages, NULL);
	teardown(); /* nobody posts any more */
	outages_free(outages);
	outages_free(NULL);
	event_base_free(own_base);
}

static void handle(void)
{
	event_base_loop(own_base, EVLOOP_NONBLOCK);
}

static void refuse(struct health *health)
{
	for (int i = 0; i < 3; i++)
		health_note(health, -ECONNREFUSED, false);
}

/* As if that line were from ten seconds ago. */
static void let_time_pass(struct health *health)
{
	health_outage(health)->logged -= EPISODE_INTERVAL_MS;
}

START_TEST(line_when_one_goes_down_and_comes_up)
{
	begin_lines("target = 127.0.0.1:1\ntarget = 127.0.0.1:2\ntarget = 127.0.0.1:3\n");
	handle();
	ck_assert_uint_eq(changes, 0);
	refuse(addresses[1]);
	handle();
	ck_assert_uint_eq(captured("warning relay command-line: target 127.0.0.1:2 is down: Connection "
	                           "refused (3 connects failed in a row); 2 of 3 targets are up"),
	                  1);
	ck_assert_uint_eq(changes, 1);
	ck_assert_uint_eq(up, 2);
	let_time_pass(addresses[1]);
	let_time_pass(addresses[1]);
	health_note(addresses[1], 0, false);
	handle();
	ck_assert_uint_eq(captured("notice relay command-line: target 127.0.0.1:2 is up again after 20 s; "
	                           "3 of 3 targets are up"),
	                  1);
	ck_assert_uint_eq(changes, 2);
	ck_assert_uint_eq(up, 3);
	ck_assert_uint_eq(captured("relay command-line"), 2);
}
END_TEST

START_TEST(target_is_up_while_one_of_its_addresses_is)
{
	size_t count, down;

	begin_lines("target = three.example:80\n");
	refuse(addresses[1]);
	handle();
	ck_assert_uint_eq(captured("target three.example:80 at 10.0.0.2:80 is down: Connection refused (3 "
	                           "connects failed in a row); 1 of 1 targets are up"),
	                  1);
	ck_assert_uint_eq(up, 1);
	refuse(addresses[0]);
	refuse(addresses[2]);
	handle();
	ck_assert_uint_eq(captured("(3 connects failed in a row); 0 of 1 targets are up"), 2);
	ck_assert_uint_eq(up, 0);
	outages_count(outages, &count, &down);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(down, 1);
}
END_TEST

START_TEST(backups_are_counted_apart)
{
	size_t count, down;

	begin_lines("target = 127.0.0.1:1\ntarget = 127.0.0.1:2\nbackup_target = 127.0.0.1:3\n");
	refuse(addresses[0]);
	handle();
	ck_assert_uint_eq(captured("1 of 2 targets and 1 of 1 backups are up"), 1);
	refuse(addresses[1]);
	handle();
	ck_assert_uint_eq(captured("0 of 2 targets and 1 of 1 backups are up"), 1);
	ck_assert_uint_eq(up, 1);
	refuse(addresses[2]);
	handle();
	ck_assert_uint_eq(up, 0);
	outages_count(outages, &count, &down);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(down, 3);
	outages_count(NULL, &count, &down);
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_eq(down, 0);
}
END_TEST

START_TEST(line_says_that_checks_have_failed)
{
	begin_lines("target = 127.0.0.1:1\ncheck_interval = 1s\ncheck_fall = 2\n");
	for (int i = 0; i < 2; i++)
		health_note_check(addresses[0], -ETIMEDOUT);
	handle();
	ck_assert_uint_eq(captured("is down: Connection timed out (2 checks failed in a row); 0 of 1"), 1);
}
END_TEST

START_TEST(one_that_has_failed_is_no_plural)
{
	begin_lines("target = 127.0.0.1:1\nfail_limit = 1\n");
	refuse(addresses[0]);
	handle();
	ck_assert_uint_eq(captured("is down: Connection refused (1 connect failed in a row); 0 of 1"), 1);
}
END_TEST

/* A start used to tell the service manager that each target with a name was down. */
START_TEST(name_that_was_never_looked_up_is_not_down)
{
	size_t count, down;

	relay = relays_make(relays_config_of("target = 127.0.0.1:1\ntarget = gone.example:80\n"), resolver,
	                    2);
	begin_outages();
	outages_count(outages, &count, &down);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(down, 0);
	refuse(addresses[0]);
	handle();
	ck_assert_uint_eq(
	        captured("127.0.0.1:1 is down: Connection refused (3 connects failed in a row); 1 of 2"), 1);
	resolve(relay);
	outages_count(outages, &count, &down);
	ck_assert_uint_eq(down, 2);
}
END_TEST

/* What has no address cannot be connected, but other lines say that. */
START_TEST(name_without_an_address_is_not_up)
{
	size_t count, down;

	begin_lines("target = 127.0.0.1:1\ntarget = gone.example:80\n");
	outages_count(outages, &count, &down);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(down, 1);
	refuse(addresses[0]);
	handle();
	ck_assert_uint_eq(captured("0 of 2 targets are up"), 1);
	ck_assert_uint_eq(captured("is down"), 1);
}
END_TEST

START_TEST(target_that_flaps_does_not_flood_the_log)
{
	begin_lines("target = 127.0.0.1:1\n");
	for (int i = 0; i < 100; i++) {
		refuse(addresses[0]);
		handle();
		health_note(addresses[0], 0, false);
		handle();
	}
	ck_assert_uint_eq(changes, 200);
	ck_assert_uint_eq(captured("is down"), 1);
	ck_assert_uint_eq(captured("is up again"), 1);
	let_time_pass(addresses[0]);
	refuse(addresses[0]);
	handle();
	ck_assert_uint_eq(captured("is down"), 2);
}
END_TEST

START_TEST(line_that_was_left_out_follows_if_it_stays_down)
{
	begin_lines("target = 127.0.0.1:1\n");
	refuse(addresses[0]);
	handle();
	health_note(addresses[0], 0, false);
	handle();
	ck_assert_ptr_null(later);
	refuse(addresses[0]);
	handle();
	ck_assert_uint_eq(captured("is down"), 1);
	ck_assert_ptr_nonnull(later);
	let_time_pass(addresses[0]);
	event_active(later, EV_TIMEOUT, 0);
	handle();
	ck_assert_uint_eq(captured("is down"), 2);
	ck_assert_uint_eq(changes, 3);
}
END_TEST

START_TEST(line_that_was_left_out_does_not_follow_if_it_is_up)
{
	begin_lines("target = 127.0.0.1:1\n");
	for (int i = 0; i < 2; i++) {
		refuse(addresses[0]);
		handle();
		health_note(addresses[0], 0, false);
		handle();
	}
	let_time_pass(addresses[0]);
	event_active(later, EV_TIMEOUT, 0);
	handle();
	ck_assert_uint_eq(captured("is down"), 1);
	ck_assert_uint_eq(captured("is up again"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("outages");
	TCase *tcase = tcase_create("outages");

	tcase_add_checked_fixture(tcase, setup, end);
	tcase_add_test(tcase, line_when_one_goes_down_and_comes_up);
	tcase_add_test(tcase, target_is_up_while_one_of_its_addresses_is);
	tcase_add_test(tcase, backups_are_counted_apart);
	tcase_add_test(tcase, line_says_that_checks_have_failed);
	tcase_add_test(tcase, one_that_has_failed_is_no_plural);
	tcase_add_test(tcase, name_that_was_never_looked_up_is_not_down);
	tcase_add_test(tcase, name_without_an_address_is_not_up);
	tcase_add_test(tcase, target_that_flaps_does_not_flood_the_log);
	tcase_add_test(tcase, line_that_was_left_out_follows_if_it_stays_down);
	tcase_add_test(tcase, line_that_was_left_out_does_not_follow_if_it_is_up);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
