/* Relays whose clients come fast and get nothing. */
#include "build_config.h"

#include "capture.h"
#include "relay/damper.h"
#include "unit.h"

static struct damper damper, other;
static struct damping damping = {.relay = "db"};
static uint64_t now = 5000000;

static void begin(void)
{
	capture_begin();
}

static void end(void)
{
	capture_end();
}

/* So many clients, all in this many milliseconds. */
static void clients(unsigned count, uint64_t ms)
{
	uint64_t from = now;

	for (unsigned i = 0; i < count; i++) {
		now = from + ms * i / count;
		damper_take_client(&damper, &damping, now);
	}
	now = from + ms;
}

START_TEST(many_clients_and_no_answer)
{
	clients(5000, 900);
	ck_assert(!damper.on); /* a target may take a second to answer */
	clients(5000, 900);
	ck_assert(damper.on);
	ck_assert_uint_eq(captured("warning relay db: over 500 clients a second and no answer from a target"),
	                  1);
	clients(50000, 10000);
	ck_assert_uint_eq(captured(""), 1);
}
END_TEST

/* A ring is no slower for there being many workers, each of which sees a part of it. */
START_TEST(workers_count_together)
{
	for (int i = 0; i < 1900; i++) {
		damper_take_client(i % 4 ? &damper : &other, &damping, now);
		now++;
	}
	ck_assert(damper.on);
	ck_assert(other.on);
}
END_TEST

/* What came long ago says nothing about now. */
START_TEST(burst_that_is_long_over_does_not_count)
{
	clients(5000, 900);
	now += 8000;
	clients(1, 1);
	ck_assert(!damper.on);
}
END_TEST

START_TEST(one_answer_is_enough)
{
	clients(5000, 900);
	damper_take_answer(&damper, &damping);
	clients(5000, 900);
	ck_assert(!damper.on);
	clients(5000, 900);
	ck_assert(damper.on);
	damper_take_answer(&damper, &damping);
	ck_assert(!damper.on);
	ck_assert_uint_eq(captured("notice relay db: connecting no longer waits"), 1);
	clients(5000, 900);
	ck_assert(!damper.on);
}
END_TEST

START_TEST(few_clients_may_get_nothing)
{
	clients(40000, 100000);
	ck_assert(!damper.on);
	ck_assert_uint_eq(captured(""), 0);
}
END_TEST

/* Once it is slowed down, a ring makes few pairs a second; but it is still there. */
START_TEST(slow_is_not_over)
{
	clients(5000, 1800);
	ck_assert(damper.on);
	clients(400, 100000);
	ck_assert(damper.on);
	now += 10000;
	clients(1, 1);
	ck_assert(!damper.on);
	ck_assert_uint_eq(captured("connecting no longer waits"), 1);
}
END_TEST

START_TEST(workers_have_one_line_between_them)
{
	clients(5000, 1800);
	for (unsigned i = 0; i < 5000; i++)
		damper_take_client(&other, &damping, now + i);
	ck_assert(other.on);
	ck_assert_uint_eq(captured(""), 1);
	damper_take_answer(&other, &damping);
	damper_take_answer(&damper, &damping);
	ck_assert_uint_eq(captured("connecting no longer waits"), 1);
}
END_TEST

static unsigned lines(unsigned tries)
{
	unsigned count = 0;

	for (unsigned i = 0; i < tries; i++)
		count += damper_lets_line(&damper, now);
	return count;
}

START_TEST(lines_are_limited_and_counted)
{
	ck_assert_uint_eq(lines(1000), 1000);
	clients(5000, 1800);
	ck_assert_uint_eq(lines(1000), 10);
	ck_assert_uint_eq(damper_take_left_out(&damper), 990);
	ck_assert_uint_eq(damper_take_left_out(&damper), 0);
	now += 999;
	ck_assert_uint_eq(lines(1000), 0);
	now++;
	ck_assert_uint_eq(lines(1000), 10);
	ck_assert_uint_eq(damper_take_left_out(&damper), 1990);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("damper");
	TCase *tcase = tcase_create("damper");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, many_clients_and_no_answer);
	tcase_add_test(tcase, workers_count_together);
	tcase_add_test(tcase, burst_that_is_long_over_does_not_count);
	tcase_add_test(tcase, one_answer_is_enough);
	tcase_add_test(tcase, few_clients_may_get_nothing);
	tcase_add_test(tcase, slow_is_not_over);
	tcase_add_test(tcase, workers_have_one_line_between_them);
	tcase_add_test(tcase, lines_are_limited_and_counted);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
