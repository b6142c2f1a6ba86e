/* The targets of a relay in a report. */
#include "build_config.h"

#include "daemon/target_records.h"
#include "faults.h"
#include "relay/relay_stage.h"

#include <errno.h>

static struct report *report;

static void end(void)
{
	report_free(report);
	teardown();
}

static void make_report(void)
{
	report_free(report);
	report = report_new(1, 0);
	ck_assert_ptr_nonnull(report);
}

/* The records of the relay, as one that is in force or not. */
static size_t list(bool in_force)
{
	make_report();
	ck_assert_int_eq(target_records_add(report, relay->standing, in_force ? relay->targets : NULL), 0);
	return report->target_count;
}

static const struct target_record *record(size_t number)
{
	ck_assert_uint_lt(number, report->target_count);
	return &report->targets[number];
}

static void expect(size_t number, const char *target, const char *address)
{
	const struct target_record *found = record(number);
	char text[ADDRESS_TEXT_MAX] = "-";

	if (found->address)
		endpoint_format(&found->address->any, found->address->length, text);
	ck_assert_str_eq(found->relay, "command-line");
	ck_assert_str_eq(found->target, target);
	ck_assert_str_eq(text, address);
}

static void take_last(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	struct health **last = arg;

	(void)target;
	(void)backup;
	*last = health;
}

static struct health *last_health(void)
{
	struct health *last = NULL;

	targets_each_health(relay->targets, take_last, &last);
	return last;
}

START_TEST(every_address_of_every_target)
{
	begin_with("target = 127.0.0.1:1 weight=5\ntarget = three.example:80\ntarget = gone.example:80\n"
	           "backup_target = 127.0.0.1:2\n");
	ck_assert_uint_eq(list(true), 6);
	expect(0, "127.0.0.1:1", "127.0.0.1:1");
	expect(1, "three.example:80", "10.0.0.1:80");
	expect(2, "three.example:80", "10.0.0.2:80");
	expect(3, "three.example:80", "10.0.0.3:80");
	expect(4, "gone.example:80", "-");
	expect(5, "127.0.0.1:2", "127.0.0.1:2");
	ck_assert_uint_eq(record(0)->weight, 5);
	ck_assert_uint_eq(record(1)->weight, 1);
	ck_assert(!record(3)->backup && record(5)->backup);
	ck_assert_int_eq(record(0)->state, TARGET_UP);
	ck_assert_int_eq(record(4)->state, TARGET_DOWN);
	ck_assert_uint_eq(record(4)->since_ms, RECORD_UNKNOWN);
}
END_TEST

START_TEST(what_is_known_of_an_address)
{
	begin_with("target = 127.0.0.1:1\ncheck_interval = 1s\n");
	health_pair_began(last_health());
	health_note(last_health(), 0, false);
	for (int i = 0; i < 4; i++)
		health_note(last_health(), -ECONNREFUSED, false);
	health_note_check(last_health(), 0);
	health_note_check(last_health(), -ETIMEDOUT);
	ck_assert_uint_eq(list(true), 1);
	ck_assert_int_eq(record(0)->state, TARGET_DOWN);
	ck_assert_uint_eq(record(0)->pairs, 1);
	ck_assert_uint_eq(record(0)->connects, 1);
	ck_assert_uint_eq(record(0)->failures, 4);
	ck_assert_int_eq(record(0)->last_error, -ETIMEDOUT);
	ck_assert_uint_eq(record(0)->checks, 2);
	ck_assert_uint_eq(record(0)->check_failures, 1);
	ck_assert_uint_eq(record(0)->totals.connects, 1);
	ck_assert_uint_eq(record(0)->totals.failures, 4);
	ck_assert_uint_eq(record(0)->totals.check_failures, 1);
	ck_assert_uint_le(record(0)->since_ms, LOOP_DEADLINE_MS);
	health_pair_ended(last_health());
}
END_TEST

START_TEST(one_that_is_being_tried)
{
	struct healths *healths;

	begin_with("target = 127.0.0.1:1\nfail_time = 1ms\nfail_limit = 1\n");
	healths = &relay->standing->healths;
	health_note(last_health(), -ECONNREFUSED, false);
	healths_lock(healths);
	ck_assert(health_begin_try(last_health(), clock_ms() + 1000));
	healths_unlock(healths);
	list(true);
	ck_assert_int_eq(record(0)->state, TARGET_TRYING);
	health_end_try(last_health());
}
END_TEST

/* A reload, or another answer to a look-up, has left it behind. */
START_TEST(address_that_is_left_is_listed_while_it_has_pairs)
{
	struct label *label = label_new("old.example:80");
	const struct endpoint endpoint = {.length = sizeof(struct sockaddr_in),
	                                  .in = {.sin_family = AF_INET, .sin_port = htons(80)}};
	struct health *left;

	begin_with("target = 127.0.0.1:1 weight=3\n");
	left = healths_get(&relay->standing->healths, label, &endpoint);
	label_put(label);
	ck_assert_uint_eq(list(true), 1);
	health_pair_began(left);
	ck_assert_uint_eq(list(true), 2);
	expect(0, "127.0.0.1:1", "127.0.0.1:1");
	expect(1, "old.example:80", "0.0.0.0:80");
	ck_assert_uint_eq(record(0)->weight, 3);
	ck_assert_uint_eq(record(1)->weight, 0);
	ck_assert_uint_eq(list(false), 1);
	expect(0, "old.example:80", "0.0.0.0:80");
	health_pair_ended(left);
	ck_assert_uint_eq(list(false), 0);
	health_put(left);
}
END_TEST

/* The report is written by another thread, whenever the file system lets it. */
START_TEST(records_outlive_the_relay)
{
	begin_with("target = three.example:80\n");
	ck_assert_uint_eq(list(true), 3);
	relays_free(relay);
	relay = NULL;
	ck_assert_str_eq(record(2)->target, "three.example:80");
	ck_assert_uint_eq(endpoint_port(record(2)->address), 80);
}
END_TEST

START_TEST(lack_of_memory_leaves_nothing_behind)
{
	size_t failed = 0;
	int error = -ENOMEM;

	begin_with("target = 127.0.0.1:1\ntarget = gone.example:80\n");
	while (error) {
		make_report();
		fault_set(FAULT_MEMORY, ++failed, ENOMEM);
		error = target_records_add(report, relay->standing, relay->targets);
		fault_set(FAULT_MEMORY, 0, 0);
		/* Without memory for its text a target is listed all the same. */
		if (!error && report->target_count == 2 && !record(1)->target)
			error = -ENOMEM;
	}
	ck_assert_uint_ge(failed, 3);
	ck_assert_uint_eq(report->target_count, 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("target records");
	TCase *tcase = tcase_create("target records");

	tcase_add_checked_fixture(tcase, setup, end);
	tcase_add_test(tcase, every_address_of_every_target);
	tcase_add_test(tcase, what_is_known_of_an_address);
	tcase_add_test(tcase, one_that_is_being_tried);
	tcase_add_test(tcase, address_that_is_left_is_listed_while_it_has_pairs);
	tcase_add_test(tcase, records_outlive_the_relay);
	tcase_add_test(tcase, lack_of_memory_leaves_nothing_behind);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
