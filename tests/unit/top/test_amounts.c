#include "build_config.h"

#include "top/amounts.h"
#include "unit.h"

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))

static const struct {
	uint64_t amount;
	const char *text;
} sizes[] =
        {
                {0, "0"},
                {1023, "1023"},
                {1024, "1.0K"},
                {1536, "1.5K"},
                {2047, "1.9K"},
                {10239, "9.9K"},
                {10240, "10K"},
                {1024 * 1024 - 1, "1023K"},
                {1024 * 1024, "1.0M"},
                {(uint64_t)5 << 30, "5.0G"},
                {UINT64_MAX - 1, "15E"},
                {AMOUNT_UNKNOWN, "-"},
},
  durations[] =
          {
                  {0, "0ms"},
                  {999, "999ms"},
                  {1000, "1.0s"},
                  {59999, "59.9s"},
                  {60000, "1m00s"},
                  {192000, "3m12s"},
                  {599999, "9m59s"},
                  {600000, "10m"},
                  {3599999, "59m"},
                  {3600000, "1h00m"},
                  {11520000, "3h12m"},
                  {36000000, "10h"},
                  {86399999, "23h"},
                  {86400000, "1d00h"},
                  {86400000ull * 9999, "9999d"},
                  {AMOUNT_UNKNOWN, "-"},
},
  round_trips[] = {
          {0, "0.00ms"},   {412, "0.41ms"},   {9999, "9.99ms"},
          {10000, "10ms"}, {1234567, "1.2s"}, {AMOUNT_UNKNOWN, "-"},
};

START_TEST(size)
{
	char buf[AMOUNT_MAX];

	ck_assert_str_eq(amount_size(sizes[_i].amount, buf), sizes[_i].text);
	ck_assert_uint_le(strlen(buf), 5);
}
END_TEST

START_TEST(duration)
{
	char buf[AMOUNT_MAX];

	ck_assert_str_eq(amount_duration(durations[_i].amount, buf), durations[_i].text);
	ck_assert_uint_le(strlen(buf), 5);
}
END_TEST

START_TEST(round_trip)
{
	char buf[AMOUNT_MAX];

	ck_assert_str_eq(amount_round_trip(round_trips[_i].amount, buf), round_trips[_i].text);
}
END_TEST

START_TEST(percent)
{
	char buf[AMOUNT_MAX];

	ck_assert_str_eq(amount_percent(0, buf), "0%");
	ck_assert_str_eq(amount_percent(999, buf), "99%");
	ck_assert_str_eq(amount_percent(1000, buf), "100%");
	ck_assert_str_eq(amount_percent(AMOUNT_UNKNOWN, buf), "-");
}
END_TEST

static const struct {
	uint64_t queued, low, high;
	const char *text;
} gauges[] = {
        {0, 50, 100, "[    |    ]"},
        {1, 50, 100, "[#   |    ]"},
        {70, 50, 100, "[####|#   ]"},
        {100, 50, 100, "[####|####]"},
        {500, 50, 100, "[####|####]"}, /* weir never holds so much; the gauge does not care */
        {0, 99, 100, "[       | ]"},
        {0, 1, 1000000, "[ |       ]"},
        {5, AMOUNT_UNKNOWN, AMOUNT_UNKNOWN, "[#        ]"},
        {AMOUNT_UNKNOWN, 50, 100, "[    |    ]"},
        {0, 0, 0, "[         ]"},
};

START_TEST(gauge)
{
	char buf[12] = "";

	ck_assert_str_eq(amount_gauge(gauges[_i].queued, gauges[_i].low, gauges[_i].high, 11, buf),
	                 gauges[_i].text);
}
END_TEST

START_TEST(spark)
{
	ck_assert_int_eq(amount_spark(0, 100, true), L' ');
	ck_assert_int_eq(amount_spark(0, 0, true), L' ');
	ck_assert_int_eq(amount_spark(1, 100, true), L'.');
	ck_assert_int_eq(amount_spark(100, 100, true), L'%');
	ck_assert_int_eq(amount_spark(1, 100, false), 0x2581);
	ck_assert_int_eq(amount_spark(100, 100, false), 0x2588);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("amounts");
	TCase *tcase = tcase_create("amounts");

	tcase_add_loop_test(tcase, size, 0, COUNT(sizes));
	tcase_add_loop_test(tcase, duration, 0, COUNT(durations));
	tcase_add_loop_test(tcase, round_trip, 0, COUNT(round_trips));
	tcase_add_test(tcase, percent);
	tcase_add_loop_test(tcase, gauge, 0, COUNT(gauges));
	tcase_add_test(tcase, spark);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
