/* The watchdog of a service manager, with workers some of which are stuck: their threads do not run yet. */
#include "build_config.h"

#include "daemon/manager_stage.h"
#include "daemon/watchdog.h"
#include "daemon/workers_stage.h"
#include "unit.h"

#define WORKERS 2

static struct watchdog *watchdog;
static struct service service;

static uint64_t delays[16]; /* ms, of the timers of the test's own thread */
static size_t delay_count;
static unsigned no_memory; /* for so many timers */

int __real_event_add(struct event *event, const struct timeval *delay);
int __wrap_event_add(struct event *event, const struct timeval *delay);

int __wrap_event_add(struct event *event, const struct timeval *delay)
{
	if (delay && no_memory && event_get_base(event) == base) {
		no_memory--;
		return -1;
	}
	if (delay && event_get_base(event) == base && delay_count < sizeof(delays) / sizeof(delays[0]))
		delays[delay_count++] = (uint64_t)delay->tv_sec * 1000 + (uint64_t)delay->tv_usec / 1000;
	return __real_event_add(event, delay);
}

static void setup(void)
{
	manager_begin();
	delay_count = no_memory = 0;
	workers_begin(WORKERS, NULL);
	workers_make();
}

static void teardown(void)
{
	workers_stop();
	watchdog_free(watchdog);
	service_close(&service);
	workers_end();
	manager_end();
}

static void begin(const char *interval_us)
{
	if (interval_us)
		setenv("WATCHDOG_USEC", interval_us, 1);
	ck_assert_int_eq(service_open(&service, base), 0);
	watchdog = watchdog_new(base, &service, worker, WORKERS);
	ck_assert_ptr_nonnull(watchdog);
}

static bool is_petted(void)
{
	const char *message = manager_received();

	ck_assert(!message[0] || strcmp(message, "WATCHDOG=1\n") == 0);
	return message[0];
}

START_TEST(it_is_petted_while_all_make_turns)
{
	workers_start(0);
	workers_start(1);
	begin("100000");
	for (unsigned i = 0; i < 4; i++)
		LOOP_UNTIL(base, is_petted());
	ck_assert_uint_eq(delays[0], 50);
}
END_TEST

/* Which one, is _i. */
START_TEST(it_is_not_petted_while_one_is_stuck)
{
	workers_start(1 - (unsigned)_i);
	begin("100000");
	LOOP_UNTIL(base, delay_count >= 10);
	ck_assert(!is_petted());
	workers_start((unsigned)_i);
	LOOP_UNTIL(base, is_petted());
	LOOP_UNTIL(base, is_petted());
}
END_TEST

/* One that took half of the interval and a little has not used up all of it. */
START_TEST(one_that_is_late_is_looked_at_more_often)
{
	begin("800000");
	workers_start(0);
	ck_assert_uint_eq(delays[0], 400);
	LOOP_UNTIL(base, delay_count == 2);
	ck_assert_uint_eq(delays[1], 100);
	LOOP_UNTIL(base, delay_count == 3);
	ck_assert_uint_eq(delays[2], 100);
	workers_start(1);
	LOOP_UNTIL(base, is_petted());
	LOOP_UNTIL(base, delay_count >= 4 && delays[delay_count - 1] == 400);
}
END_TEST

/* Nobody else would set it again, and the manager would end a daemon that is well. */
START_TEST(it_goes_on_when_there_was_no_memory_for_its_timer)
{
	workers_start(0);
	workers_start(1);
	no_memory = 1;
	begin("100000");
	no_memory = 3;
	for (unsigned i = 0; i < 4; i++)
		LOOP_UNTIL(base, is_petted());
	ck_assert_uint_eq(no_memory, 0);
}
END_TEST

START_TEST(nobody_is_asked_unless_the_manager_cares)
{
	begin(NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert(worker_has_taken(worker[i], WORKER_ALIVE));
	ck_assert_uint_eq(delay_count, 0);
}
END_TEST

START_TEST(an_interval_of_nothing_does_not_spin)
{
	workers_start(0);
	workers_start(1);
	begin("1000");
	LOOP_UNTIL(base, is_petted());
	ck_assert_uint_eq(delays[0], 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watchdog");
	TCase *tcase = tcase_create("workers");

	tcase_set_timeout(tcase, 30);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, it_is_petted_while_all_make_turns);
	tcase_add_loop_test(tcase, it_is_not_petted_while_one_is_stuck, 0, WORKERS);
	tcase_add_test(tcase, one_that_is_late_is_looked_at_more_often);
	tcase_add_test(tcase, it_goes_on_when_there_was_no_memory_for_its_timer);
	tcase_add_test(tcase, nobody_is_asked_unless_the_manager_cares);
	tcase_add_test(tcase, an_interval_of_nothing_does_not_spin);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
