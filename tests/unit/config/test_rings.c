/* Relays that lead to each other. */
#include "build_config.h"

#include "config/config_stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RING(line, target, relay)                                                                            \
	"FILE:" #line ": target: \"" target "\" leads back to relay \"" relay                                \
	"\"; expected targets that make no ring\n"

#define BACKUP_RING(line, target, relay)                                                                     \
	"FILE:" #line ": backup_target: \"" target "\" leads back to relay \"" relay                         \
	"\"; expected targets that make no ring\n"

/* Where a relay listens, where its target leads, and whether that is the same place. */
static const struct {
	const char *listen, *target;
	bool ring;
} places[] = {
        {"127.0.0.1:80", "127.0.0.1:80", true},
        {"127.0.0.1:80", "127.0.0.1:81", false},
        {"127.0.0.1:80", "127.0.0.2:80", false},
        {"127.0.0.1:80", "0.0.0.0:80", true},
        {"127.0.0.1:80", "[::ffff:127.0.0.1]:80", true},
        {"127.0.0.1:80", "[::1]:80", false},
        {"127.0.0.1:80", "localhost:80", false}, /* not looked up here */
        {"127.0.0.2:80", "0.0.0.0:80", false},
        {"192.0.2.1:80", "192.0.2.1:80", true},
        {"192.0.2.1:80", "0.0.0.0:80", false},
        {"0.0.0.0:80", "0.0.0.0:80", true},
        {"0.0.0.0:80", "127.255.0.9:80", true},
        {"0.0.0.0:80", "127.0.0.1:81", false},
        {"0.0.0.0:80", "126.0.0.1:80", false},
        {"0.0.0.0:80", "192.0.2.1:80", false},
        {"0.0.0.0:80", "[::1]:80", false},
        {"0.0.0.0:80", "[::ffff:127.0.0.1]:80", true},
        {"0.0.0.0:0", "127.0.0.1:80", false},
        {"[0::1]:80", "[::1]:80", true},
        {"[::1]:80", "[::]:80", true},
        {"[::1]:80", "[::2]:80", false},
        {"[::1]:80", "127.0.0.1:80", false},
        {"[::]:80", "[::]:80", true},
        {"[::]:80", "[::1]:80", true},
        {"[::]:80", "[2001:db8::1]:80", false},
        {"[::]:80", "127.0.0.1:80", false},
        {"[2001:db8::1]:80", "[2001:db8::1]:80", true},
        {"*:80", "127.0.0.1:80", true},
        {"*:80", "[::1]:80", true},
        {"*:80", "0.0.0.0:80", true},
        {"*:80", "[::]:80", true},
        {"*:80", "127.0.0.1:81", false},
        {"*:80", "192.0.2.1:80", false},
        {"*:0", "127.0.0.1:80", false},
        {"localhost:80", "localhost:80", false},
        {"localhost:80", "127.0.0.1:80", false},
        {"[fe80::1%eth0]:80", "[fe80::1%eth0]:80", true},
        {"[fe80::1%eth0]:80", "[fe80::1%eth0]:81", false},
        {"[fe80::1%eth0]:80", "[fe80::2%eth0]:80", false},
        {"[fe80::1%eth0]:80", "[fe80::1%Eth0]:80", false},
        {"localhost:80", "[fe80::1%eth0]:80", false},
        {"*:80", "[fe80::1%eth0]:80", false}, /* whose it is is seen at the start */
        {"127.0.0.1:80-89", "127.0.0.1:89-98", true},
        {"127.0.0.1:80-89", "127.0.0.1:71-80", true},
        {"127.0.0.1:80-89", "127.0.0.1:90-99", false},
        {"127.0.0.1:80-89", "127.0.0.2:80-89", false},
        {"127.0.0.1:80-89", "127.0.0.1:85", true},
        {"*:80-89", "127.0.0.1:89", true},
        {"0.0.0.0:80-89", "127.0.0.1:89-98", true},
        {"*:80-89", "127.0.0.1:79", false},
        {"unix:/tmp/a", "unix:/tmp/a", true},
        {"unix:/tmp/a", "unix:/tmp/../tmp/a", true},
        {"unix:/tmp/a", "unix:/tmp/ab", false},
        {"unix:/tmp/a", "unix:@run/a", false},
        {"unix:@a", "unix:@a", true},
        {"unix:@a", "unix:@b", false},
        {"unix:@a", "unix:@ab", false},
        {"unix:@ab", "unix:@a", false},
        {"*:80", "unix:@a", false},
};

START_TEST(target_that_is_the_own_listener_is_refused)
{
	char text[256], expected[256];
	struct config *config;

	snprintf(text, sizeof(text), "[relay r]\nlisten = %s\ntarget = %s\n", places[_i].listen,
	         places[_i].target);
	snprintf(expected, sizeof(expected), RING(3, "%s", "r"), places[_i].target);
	config = load(text);
	ck_assert_str_eq(errors_text(), places[_i].ring ? expected : "");
	ck_assert(!config == places[_i].ring);
	config_put(config);
}
END_TEST

/* Short forms for a relay that listens on 127.0.0.1:PORT, and for its targets. */
#define AT(name, port) "[relay " name "]\nlisten = 127.0.0.1:" #port "\n"
#define TO(port)       "target = 127.0.0.1:" #port "\n"
#define LEADS(port)    "127.0.0.1:" #port

/* If each relay has one target, the targets are in lines 3, 6, 9... */
static const struct {
	const char *text, *errors;
} rings[] = {
        {AT("a", 1) TO(2) AT("b", 2) TO(3) AT("c", 3) TO(4), ""},
        {AT("a", 1) TO(3) AT("b", 2) TO(3) AT("c", 3) TO(4), ""},
        {AT("a", 1) TO(2) TO(3) TO(4) AT("b", 2) TO(4) AT("c", 3) TO(2) AT("d", 4) TO(5), ""},
        {AT("a", 1) TO(2) AT("b", 2) TO(1), RING(6, LEADS(1), "a")},
        {AT("a", 1) TO(2) AT("b", 2) TO(3) AT("c", 3) TO(1), RING(9, LEADS(1), "a")},
        /* one of several targets; the error names its line, not another's */
        {AT("a", 1) TO(7) TO(2) TO(8) AT("b", 2) TO(9) TO(1) TO(6), RING(9, LEADS(1), "a")},
        {AT("a", 1) TO(7) "idle_timeout = 1s\n" TO(1) TO(8), RING(5, LEADS(1), "a")},
        /* a relay that leads to a ring is not in it */
        {AT("a", 1) TO(2) AT("b", 2) TO(3) AT("c", 3) TO(2), RING(9, LEADS(2), "b")},
        {AT("c", 3) TO(2) AT("b", 2) TO(3) AT("a", 1) TO(2), RING(6, LEADS(3), "c")},
        /* one run reports every ring once, and every other error */
        {AT("a", 1) TO(1) AT("b", 2) TO(3) AT("c", 3) TO(2) TO(3),
         RING(3, LEADS(1), "a") RING(9, LEADS(2), "b") RING(10, LEADS(3), "c")},
        {"[relay a]\nlisten = *:1\nlisten = 127.0.0.1:2\nlisten = [::1]:2\n" TO(1) "splice = on\n",
         RING(5, LEADS(1), "a") "FILE:6: splice: \"on\" is not valid; expected auto or off\n"},
        /* a refused target does not change the line numbers of the others */
        {AT("a", 1) "target = x\n" TO(1),
         "FILE:3: target: \"x\" is not an address; expected " EXPECT_TARGET "\n" RING(4, LEADS(1), "a")},
        {"[relay a]\nlisten = *:1\ntarget = unix:@b\n[relay b]\nlisten = unix:@b\ntarget = [::1]:1\n",
         RING(6, "[::1]:1", "a")},
        /* a range that leads to several relays, of which only the first leads back */
        {"[relay a]\nlisten = 127.0.0.1:10-13\ntarget = 127.0.0.1:20-23\n" AT("b", 20) TO(13) AT("c", 21)
                 TO(30) AT("d", 23) TO(31),
         RING(6, LEADS(13), "a")},
        {"[relay a]\nlisten = 127.0.0.1:10-13\ntarget = 127.0.0.1:20-23\n" AT("b", 20) TO(30) AT("c", 21)
                 TO(31) AT("d", 23) TO(10),
         RING(12, LEADS(10), "a")},
        /* by way of a backup target */
        {AT("a", 1) TO(7) TO(8) "backup_target = 127.0.0.1:9\nbackup_" TO(2) AT("b", 2) TO(1),
         RING(9, LEADS(1), "a")},
        {AT("a", 1) TO(7) "backup_" TO(9) "backup_" TO(1) TO(8), BACKUP_RING(5, LEADS(1), "a")},
        {AT("a", 1) TO(7) "backup_" TO(2) AT("b", 2) TO(3) "backup_" TO(4), ""},
};

START_TEST(rings_are_refused_and_chains_are_not)
{
	struct config *config = load(rings[_i].text);

	ck_assert_str_eq(errors_text(), rings[_i].errors);
	ck_assert(!config == (errors.count > 0));
	config_put(config);
}
END_TEST

START_TEST(ring_of_the_command_line_is_refused)
{
	char one[] = "127.0.0.1:1", two[] = "127.0.0.1:2";

	check_command_line(one, NULL, one, NULL,
	                   "command line: target: \"127.0.0.1:1\" leads back to relay \"command-line\"; "
	                   "expected targets that make no ring\n");
	check_command_line(two, NULL, one, RELAY,
	                   "command line: target: \"127.0.0.1:1\" leads back to relay \"r\"; "
	                   "expected targets that make no ring\n");
}
END_TEST

/* One allocation after another fails, until the last round, in which all succeed. */
START_TEST(ring_without_memory_is_survived)
{
	static const char text[] = AT("a", 1) TO(7) TO(8) TO(1) "splice = on\n";
	struct config_request request = {.file = file};
	size_t failed = 0;

	write_file(text, strlen(text));
	while (errors.count < 2 || strstr(errors_text(), "out of memory")) {
		config_errors_deinit(&errors);
		fault_set(FAULT_MEMORY, ++failed, ENOMEM);
		ck_assert_ptr_null(config_load(&request, &errors));
		fault_set(FAULT_MEMORY, 0, 0);
	}
	ck_assert_uint_gt(failed, 15);
	ck_assert_str_eq(
	        errors_text(),
	        RING(5, LEADS(1), "a") "FILE:6: splice: \"on\" is not valid; expected auto or off\n");
}
END_TEST

/* As many relays as fit in a file, each leading to the next, and then a ring of all of them. */
START_TEST(long_ways_are_judged_quickly)
{
	char *text = malloc(INI_FILE_MAX);
	size_t length = 0, count = 0;

	while (length + 64 < INI_FILE_MAX) {
		length += (size_t)sprintf(text + length, "[relay %zx]\nlisten=unix:@%zx\ntarget=unix:@%zx\n",
		                          count, count, count + 1);
		count++;
	}
	config_put(load_good(text));
	sprintf(text + length, "target=unix:@0\n");
	ck_assert_ptr_null(load(text));
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_ptr_nonnull(strstr(errors.text[0], "\"unix:@0\" leads back to relay \"0\""));
	free(text);
}
END_TEST

/* 1000 relays with 40 targets each, about as many as fit in a file. Each leads to the next 40 ports. */
START_TEST(many_ways_are_judged_quickly)
{
	char *text = malloc(INI_FILE_MAX);
	size_t length = 0;

	for (unsigned i = 1; i <= 1000; i++) {
		length += (size_t)sprintf(text + length, "[relay %u]\nlisten=*:%u\n", i, i);
		for (unsigned j = 1; j <= 40; j++)
			length += (size_t)sprintf(text + length, "target=127.0.0.1:%u\n", i + j);
	}
	ck_assert_uint_lt(length, INI_FILE_MAX);
	config_put(load_good(text));
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rings");
	TCase *tcase = tcase_create("rings");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30); /* quickly is far less, but other programs may have the CPUs */
	tcase_add_loop_test(tcase, target_that_is_the_own_listener_is_refused, 0, COUNT(places));
	tcase_add_loop_test(tcase, rings_are_refused_and_chains_are_not, 0, COUNT(rings));
	tcase_add_test(tcase, ring_of_the_command_line_is_refused);
	tcase_add_test(tcase, ring_without_memory_is_survived);
	tcase_add_test(tcase, long_ways_are_judged_quickly);
	tcase_add_test(tcase, many_ways_are_judged_quickly);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
