/* The loop of weir-top, where no terminal is needed. */
#include "build_config.h"

#include "top/watch.h"
#include "unit.h"

#include <curl/curl.h>

CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy);

/* Nothing can be asked for. */
CURLMcode __wrap_curl_multi_add_handle(CURLM *multi, CURL *easy)
{
	(void)multi;
	(void)easy;
	return CURLM_OUT_OF_MEMORY;
}

START_TEST(no_answer_is_waited_for_that_was_not_asked_for)
{
	struct watch_request request = {.interval_ms = 1, .count = 1};

	ck_assert_int_eq(place_parse("127.0.0.1:1", &request.place), 0);
	ck_assert_int_eq(watch_print(&request), EXIT_FAILURE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tcase = tcase_create("watch");

	tcase_add_test(tcase, no_answer_is_waited_for_that_was_not_asked_for);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
