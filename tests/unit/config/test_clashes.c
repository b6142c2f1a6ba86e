/* Listening addresses that take each other's clients. */
#include "build_config.h"

#include "config/config_stage.h"

#include <stdlib.h>
#include <string.h>

enum meaning { APART, SAME, WIDE };

static const struct {
	const char *a, *b;
	enum meaning meaning;
} cases[] = {
        {"127.0.0.1:80", "127.0.0.1:80", SAME},
        {"127.0.0.1:80", "127.0.0.1:81", APART},
        {"127.0.0.1:80", "127.0.0.2:80", APART},
        {"127.0.0.1:0", "127.0.0.1:0", APART},
        {"127.0.0.1:80", "[::ffff:127.0.0.1]:80", SAME},
        {"127.0.0.1:80", "[::ffff:127.0.0.2]:80", APART},
        {"127.0.0.1:80", "0.0.0.0:80", WIDE},
        {"127.0.0.1:80", "0.0.0.0:81", APART},
        {"127.0.0.1:80", "[::ffff:0.0.0.0]:80", WIDE},
        {"[::ffff:127.0.0.1]:80", "0.0.0.0:80", WIDE},
        {"127.0.0.1:80", "[::]:80", APART},
        {"127.0.0.1:80", "*:80", WIDE},
        {"127.0.0.1:80", "*:81", APART},
        {"127.0.0.1:0", "*:0", APART},
        {"[::1]:80", "[0:0::1]:80", SAME},
        {"[::1]:80", "[::]:80", WIDE},
        {"[::1]:80", "0.0.0.0:80", APART},
        {"[::1]:80", "*:80", WIDE},
        {"0.0.0.0:80", "0.0.0.0:80", SAME},
        {"0.0.0.0:80", "[::]:80", APART},
        {"0.0.0.0:80", "*:80", WIDE},
        {"[::]:80", "*:80", WIDE},
        {"*:80", "*:80", SAME},
        {"*:0", "*:0", APART},
        {"localhost:80", "localhost:80", SAME},
        {"localhost:80", "LocalHost:80", SAME},
        {"localhost:80", "localhost:81", APART},
        {"localhost:0", "localhost:0", APART},
        {"localhost:80", "127.0.0.1:80", APART}, /* not looked up here */
        {"localhost:80", "0.0.0.0:80", APART},   /* it may have IPv6 addresses only */
        {"localhost:80", "*:80", WIDE},
        {"[fe80::1%eth0]:80", "[fe80:0::1%eth0]:80", SAME},
        {"[fe80::1%eth0]:80", "[fe80::1%eth0]:81", APART},
        {"[fe80::1%eth0]:80", "[fe80::1%eth1]:80", APART},
        {"[fe80::1%eth0]:80", "[fe80::1%ETH0]:80", APART},
        {"[fe80::1%eth0]:80", "[fe80::1%2]:80", APART}, /* not looked up here */
        {"[fe80::1%eth0]:80", "0.0.0.0:80", APART},
        {"[fe80::1%eth0]:80", "[::]:80", WIDE},
        {"[fe80::1%eth0]:80", "*:80", WIDE},
        {"[fe80::1%eth0]:0", "[::]:0", APART},
        {"127.0.0.1:80-89", "127.0.0.1:80-89", SAME},
        {"127.0.0.1:80-89", "127.0.0.1:89", WIDE},
        {"127.0.0.1:80-89", "127.0.0.1:80", WIDE},
        {"127.0.0.1:80-89", "127.0.0.1:79", APART},
        {"127.0.0.1:80-89", "127.0.0.1:90", APART},
        {"127.0.0.1:80-89", "127.0.0.1:85-95", WIDE},
        {"127.0.0.1:80-89", "127.0.0.1:70-99", WIDE},
        {"127.0.0.1:80-89", "127.0.0.2:80-89", APART},
        {"127.0.0.1:80-89", "0.0.0.0:85", WIDE},
        {"127.0.0.1:80-89", "0.0.0.0:90-99", APART},
        {"127.0.0.1:85", "*:80-89", WIDE},
        {"localhost:80-89", "LOCALHOST:89-99", WIDE},
        {"[fe80::1%eth0]:80-89", "[::]:89", WIDE},
        {"unix:/tmp/a", "unix:/tmp/a", SAME},
        {"unix:/tmp/a", "unix:/tmp/ab", APART},
        {"unix:/tmp/a", "unix:/tmp/A", APART},
        {"unix:/tmp/a", "unix://tmp/a", SAME},
        {"unix:/tmp/a", "unix:/./tmp/a", SAME},
        {"unix:/tmp/a", "unix:/proc/../tmp/a", SAME},
        {"unix:/tmp/a", "unix:/proc/self/root/tmp/a", SAME}, /* a symbolic link */
        {"unix:/tmp/a", "unix:@a", APART},
        {"unix:@a", "unix:@a", SAME},
        {"unix:@a", "unix:@b", APART},
        {"unix:@a", "*:80", APART},
#ifdef HAVE_SYSTEMD
        {"systemd:a", "systemd:a", SAME},
        {"systemd:a", "systemd:A", APART},
        {"systemd:a", "*:80", APART}, /* where it is is seen at the start */
#endif
};

/* _i: which case, one way round and then the other. */
START_TEST(addresses_of_two_relays)
{
	const char *a = cases[_i / 2].a, *b = cases[_i / 2].b;
	const char *first = _i % 2 ? b : a, *second = _i % 2 ? a : b;
	char text[256];
	struct config *config;

	snprintf(text, sizeof(text),
	         "[relay a]\nlisten = %s\ntarget = 127.0.0.9:9\n[relay b]\nlisten = %s\ntarget = "
	         "127.0.0.9:9\n",
	         first, second);
	config = load(text);
	ck_assert_int_eq(config != NULL, cases[_i / 2].meaning == APART);
	ck_assert_uint_eq(errors.count, cases[_i / 2].meaning != APART);
	if (cases[_i / 2].meaning == SAME) {
		ck_assert_ptr_nonnull(strstr(errors_text(), "FILE:5: duplicate listening address \""));
		ck_assert_ptr_nonnull(strstr(errors_text(), "the first is in line 2\n"));
	} else if (cases[_i / 2].meaning == WIDE) {
		ck_assert_ptr_nonnull(strstr(errors_text(), "FILE:5: listen: \""));
		ck_assert_ptr_nonnull(
		        strstr(errors_text(), "\" in line 2; expected addresses that do not overlap\n"));
	}
	config_put(config);
}
END_TEST

#define TARGET "target = 127.0.0.9:9\n"
#define OVERLAPS(line, address, other, other_line)                                                           \
	"FILE:" #line ": listen: \"" address "\" takes clients of \"" other "\" in line " #other_line        \
	"; expected addresses that do not overlap\n"

/* Each line is named once, beside the first that it clashes with. */
START_TEST(many_that_overlap)
{
	ck_assert_ptr_null(load("[relay a]\nlisten = 127.0.0.1:80\nlisten = 127.0.0.2:80\nlisten = *:80\n"
	                        "listen = 0.0.0.0:80\nlisten = 127.0.0.2:80\nlisten = *:81\n" TARGET));
	ck_assert_str_eq(
	        errors_text(),
	        OVERLAPS(4, "*:80", "127.0.0.1:80", 2) OVERLAPS(
	                5, "0.0.0.0:80", "127.0.0.1:80",
	                2) "FILE:6: duplicate listening address \"127.0.0.2:80\"; the first is in line 3\n");
}
END_TEST

/* A wide range reaches over those that come after it. */
START_TEST(ranges_within_one_another)
{
	ck_assert_ptr_null(load("[relay a]\nlisten = *:10-99\nlisten = *:20-29\nlisten = 127.0.0.1:30\n"
	                        "listen = 127.0.0.1:100\n" TARGET));
	ck_assert_str_eq(errors_text(),
	                 OVERLAPS(3, "*:20-29", "*:10-99", 2) OVERLAPS(4, "127.0.0.1:30", "*:10-99", 2));
}
END_TEST

START_TEST(overlap_with_the_command_line)
{
	char wide[] = "*:1", one[] = "127.0.0.1:3", any[] = "0.0.0.0:3", target[] = "127.0.0.1:2";

	check_command_line(
	        wide, NULL, target, RELAY,
	        "command line: listen: \"*:1\" takes clients of \"127.0.0.1:1\" in line 2; expected "
	        "addresses that do not overlap\n");
	check_command_line(
	        one, any, target, NULL,
	        "command line: listen: \"0.0.0.0:3\" takes clients of \"127.0.0.1:3\" on the command "
	        "line; expected addresses that do not overlap\n");
}
END_TEST

/* An IPv6 socket that is not for both families cannot be bound to it. */
START_TEST(mapped_address_is_the_address_that_it_is)
{
	struct config *config = load_good("[relay a]\nlisten = [::ffff:127.0.0.1]:80\n" TARGET);
	char *text = print(config);

	ck_assert_int_eq(config->relays[0].listen[0].endpoint.any.sa_family, AF_INET);
	ck_assert_ptr_nonnull(strstr(text, "listen = 127.0.0.1:80\n"));
	free(text);
	config_put(config);
}
END_TEST

START_TEST(out_of_memory)
{
	load_without_memory(
	        "[relay a]\nlisten = 127.0.0.1:80\nlisten = unix:/tmp/a\nlisten = localhost:80\n" TARGET);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clashes");
	TCase *tcase = tcase_create("clashes");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, addresses_of_two_relays, 0, 2 * COUNT(cases));
	tcase_add_test(tcase, many_that_overlap);
	tcase_add_test(tcase, ranges_within_one_another);
	tcase_add_test(tcase, overlap_with_the_command_line);
	tcase_add_test(tcase, mapped_address_is_the_address_that_it_is);
	tcase_add_test(tcase, out_of_memory);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
