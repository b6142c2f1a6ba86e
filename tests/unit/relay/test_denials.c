/* What is said of clients that are denied. */
#include "build_config.h"

#include "base/log.h"
#include "capture.h"
#include "relay/denials.h"
#include "unit.h"

#include <time.h>

static struct denials denials;
static uint64_t now;

/* Time passes only when the test says so. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	(void)clock;
	*time = (struct timespec){(time_t)(now / 1000), (long)(now % 1000) * 1000000};
	return 0;
}

static void begin(void)
{
	now = 5000000;
	denials = (struct denials){.count = 0};
	capture_begin();
}

static void end(void)
{
	log_set_level(LOG_LEVEL_INFO);
	capture_end();
}

static void deny(uint16_t port)
{
	const union client_address client = {
	        .in = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(0x0a000001)}}};

	denials_note(&denials, "db", &client, now);
}

START_TEST(two_lines_however_many)
{
	for (uint16_t i = 1; i <= 1000; i++, now += 50)
		deny(i);
	ck_assert(denials_go_on(&denials, "db", now));
	ck_assert_uint_eq(captured("notice relay db: clients are denied, the first is 10.0.0.1:1"), 1);
	ck_assert_uint_eq(captured(""), 1);
	now += 9949;
	ck_assert(denials_go_on(&denials, "db", now));
	now += 1;
	ck_assert(!denials_go_on(&denials, "db", now));
	ck_assert_uint_eq(captured("notice relay db: no client is denied any more, after 1000"), 1);
	ck_assert(!denials_go_on(&denials, "db", now));
	ck_assert_uint_eq(captured(""), 2);
}
END_TEST

START_TEST(again_is_another_episode)
{
	deny(1);
	now += 10000;
	ck_assert(!denials_go_on(&denials, "db", now));
	deny(2);
	ck_assert_uint_eq(captured("the first is 10.0.0.1:2"), 1);
	deny(3);
	denials_end(&denials, "db");
	denials_end(&denials, "db");
	ck_assert_uint_eq(captured("any more, after 1"), 1);
	ck_assert_uint_eq(captured("any more, after 2"), 1);
	ck_assert_uint_eq(captured(""), 4);
}
END_TEST

/* One that another worker notes meanwhile. */
START_TEST(client_after_now_is_no_quiet)
{
	deny(1);
	ck_assert(denials_go_on(&denials, "db", now - 1));
}
END_TEST

START_TEST(each_is_told_for_debugging)
{
	log_set_level(LOG_LEVEL_DEBUG);
	for (uint16_t i = 1; i <= 3; i++)
		deny(i);
	ck_assert_uint_eq(captured("debug relay db: 10.0.0.1:"), 2);
	ck_assert_uint_eq(captured("debug relay db: 10.0.0.1:3 is denied"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("denials");
	TCase *tcase = tcase_create("denials");

	tcase_add_checked_fixture(tcase, begin, end);
	tcase_add_test(tcase, two_lines_however_many);
	tcase_add_test(tcase, again_is_another_episode);
	tcase_add_test(tcase, client_after_now_is_no_quiet);
	tcase_add_test(tcase, each_is_told_for_debugging);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
