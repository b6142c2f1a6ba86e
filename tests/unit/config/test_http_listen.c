/* The address where HTTP is served. */
#include "build_config.h"

#include "config/config_stage.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_MICROHTTPD
#define EXPECTED                                                                                             \
	"expected none, ADDRESS:PORT, [IPV6]:PORT or *:PORT, systemd:NAME, unix:@NAME or unix:/PATH, which " \
	"may have mode=OCTAL, owner=USER and group=GROUP after it\n"

static const struct {
	const char *value, *printed; /* printed NULL: as it is */
} good[] = {
        {"none", NULL},
        {"127.0.0.1:9347", NULL},
        {"127.0.0.1:0", NULL},
        {"[::1]:9347", NULL},
        {"[::ffff:127.0.0.1]:9347", "127.0.0.1:9347"},
        {"*:9347", NULL},
        {"unix:@weir", NULL},
        {"unix:/tmp/weir-http mode=660 group=0", NULL},
#ifdef HAVE_SYSTEMD
        {"systemd:http", NULL},
#endif
};

START_TEST(address_is_taken_and_printed)
{
	char text[256], expected[256], *printed;
	const char *value = good[_i].printed ? good[_i].printed : good[_i].value;
	struct config *config;

	snprintf(text, sizeof(text), "[global]\nhttp_listen = %s\n" RELAY, good[_i].value);
	snprintf(expected, sizeof(expected), "\nhttp_listen = %s\n", value);
	config = load_good(text);
	ck_assert_int_eq(config_serves_http(&config->global), strcmp(value, "none") != 0);
	printed = print(config);
	ck_assert_msg(strstr(printed, expected), "%s is missing in\n%s", expected, printed);
	config_put(config);
	config = load_good(printed);
	config_put(config);
	free(printed);
}
END_TEST

static const struct {
	const char *value, *problem;
} bad[] = {
        {"localhost:80", "is a name, which would have to be looked up"},
        {"[fe80::1%lo]:80", "is a name, which would have to be looked up"},
        {"[fe80::1]:80", "is a link-local address, which needs its interface, like [fe80::1%eth0]:80"},
        {"127.0.0.1:80-81", "is a range of ports"},
        {"127.0.0.1", "is not an address"},
        {"[ff02::1]:80", "is a multicast address"},
        {"127.0.0.1:80 mode=600", "has words after it, which are for a unix path"},
        {"off", "is not an address"},
};

START_TEST(what_cannot_be_served_at)
{
	char text[256], expected[512];

	snprintf(text, sizeof(text), "[global]\nhttp_listen = %s\n" RELAY, bad[_i].value);
	snprintf(expected, sizeof(expected), "FILE:2: http_listen: \"%s\" %s; " EXPECTED, bad[_i].value,
	         bad[_i].problem);
	ck_assert_ptr_null(load(text));
	ck_assert_str_eq(errors_text(), expected);
}
END_TEST

START_TEST(user_and_folder_must_be_there)
{
	ck_assert_ptr_null(load("[global]\nhttp_listen = unix:/tmp/none/h owner=no-such-user\n" RELAY));
	ck_assert_ptr_nonnull(strstr(errors_text(),
	                             "FILE:2: http_listen: \"unix:/tmp/none/h\": user \"no-such-user\" "
	                             "does not exist"));
	ck_assert_ptr_nonnull(strstr(errors_text(), "FILE:2: http_listen: \"unix:/tmp/none/h\" is in a "
	                                            "folder that does not exist"));
}
END_TEST

START_TEST(dump_is_not_written_there)
{
	ck_assert_ptr_null(load("[global]\ndump_file = /tmp/a\nhttp_listen = unix:/tmp/a\n" RELAY));
	ck_assert_str_eq(errors_text(), "FILE:3: http_listen: \"unix:/tmp/a\" is where dump_file is written; "
	                                "expected another path\n");
}
END_TEST

/* A relay of the stage listens on 127.0.0.1:1, in line 4. */
START_TEST(relay_and_http_do_not_take_clients_of_each_other)
{
	ck_assert_ptr_null(load("[global]\nhttp_listen = *:1\n" RELAY));
	ck_assert_str_eq(errors_text(), "FILE:2: http_listen: \"*:1\" takes clients of \"127.0.0.1:1\" in "
	                                "line 4; expected addresses that do not overlap\n");
	config_errors_deinit(&errors);
	ck_assert_ptr_null(load("[global]\nhttp_listen = 127.0.0.1:1\n" RELAY));
	ck_assert_str_eq(errors_text(),
	                 "FILE:2: duplicate listening address \"127.0.0.1:1\"; the first is in line 4\n");
}
END_TEST

/* A target may be where HTTP is served, so that it can be reached from elsewhere. That is no ring. */
START_TEST(target_may_lead_there)
{
	config_put(load_good("[global]\nhttp_listen = 127.0.0.1:2\n" RELAY));
}
END_TEST

START_TEST(last_of_the_command_line_counts)
{
	struct config *config = load_with("[global]\nhttp_listen = unix:/tmp/a group=0\n" RELAY,
	                                  "http_listen=unix:@b", "http_listen=127.0.0.1:80", NULL);
	char *printed;

	ck_assert_ptr_nonnull(config);
	printed = print(config);
	ck_assert_ptr_nonnull(strstr(printed, "\nhttp_listen = 127.0.0.1:80\n"));
	free(printed);
	config_put(config);
}
END_TEST

START_TEST(without_memory)
{
	load_without_memory("[global]\nhttp_listen = unix:/tmp/a mode=600 group=0\n" RELAY);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, address_is_taken_and_printed, 0, COUNT(good));
	tcase_add_loop_test(tcase, what_cannot_be_served_at, 0, COUNT(bad));
	tcase_add_test(tcase, user_and_folder_must_be_there);
	tcase_add_test(tcase, dump_is_not_written_there);
	tcase_add_test(tcase, relay_and_http_do_not_take_clients_of_each_other);
	tcase_add_test(tcase, target_may_lead_there);
	tcase_add_test(tcase, last_of_the_command_line_counts);
	tcase_add_test(tcase, without_memory);
}
#else
START_TEST(without_the_library_it_is_an_error)
{
	ck_assert_ptr_null(load("[global]\nhttp_listen = 127.0.0.1:9347\n" RELAY));
	ck_assert_ptr_nonnull(strstr(errors_text(), "needs a weir that was built with libmicrohttpd"));
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, without_the_library_it_is_an_error);
}
#endif

int main(void)
{
	Suite *suite = suite_create("http_listen");
	TCase *tcase = tcase_create("http_listen");

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
