/* Settings that are valid but hardly ever meant: they are named, and load all the same. */
#include "build_config.h"

#include "config/config_stage.h"

#include <errno.h>
#include <string.h>

#define LISTEN "[relay r]\nlisten = 127.0.0.1:1\n"
#define DATA   "connect_on = data\n"
#define OTHER  "[relay s]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:2\n"

/* All warnings, one per line, with FILE in place of the path. */
static const char *warnings_text(const struct config *config)
{
	static char text[2048];
	size_t prefix = strlen(file);

	text[0] = '\0';
	for (size_t i = 0; i < config->warning_count; i++) {
		ck_assert_int_eq(strncmp(config->warnings[i], file, prefix), 0);
		strcat(strcat(strcat(text, "FILE"), config->warnings[i] + prefix), "\n");
	}
	return text;
}

/* A file and all its warnings. */
static const struct {
	const char *text, *warnings;
} misfits[] = {
        /* the target speaks first */
        {LISTEN DATA "target = db.example:3306\n",
         "FILE:4: target: \"db.example:3306\" with connect_on data; with MySQL the target speaks first, and "
         "the client waits for that\n"},
        {"[defaults]\n" DATA LISTEN "target = 127.0.0.1:80\nbackup_target = [::1]:25\n",
         "FILE:6: backup_target: \"[::1]:25\" with connect_on data; with SMTP the target speaks first, and "
         "the client waits for that\n"},
        {"[relay r]\nlisten = 127.0.0.1:1-3\n" DATA "target = 127.0.0.1:20-22\n",
         "FILE:4: target: \"127.0.0.1:20-22\" with connect_on data; with FTP the target speaks first, and "
         "the client waits for that\n"},
        {"[relay r]\nlisten = 127.0.0.1:1-2\n" DATA "target = 127.0.0.1:23-24\n", ""},
        {"[relay r]\nlisten = 127.0.0.1:25\n" DATA "target = 127.0.0.1:10025\n",
         "FILE:2: listen: \"127.0.0.1:25\" with connect_on data; with SMTP the target speaks first, and the "
         "client waits for that\n"},
        {"[relay r]\nlisten = 127.0.0.1:25\n" DATA "target = 127.0.0.1:10025\ntarget = 127.0.0.1:587\n",
         "FILE:5: target: \"127.0.0.1:587\" with connect_on data; with SMTP the target speaks first, and "
         "the client waits for that\n"},
        {LISTEN "target = 127.0.0.1:22\n", ""},
        {LISTEN DATA "target = 127.0.0.1:2222\ntarget = unix:/tmp/a\n", ""},
        /* clients that say nothing */
        {"[defaults]\nidle_timeout = 0\n" DATA RELAY OTHER,
         "FILE:3: relay \"r\": connect_on data with idle_timeout 0; clients that say nothing stay for "
         "ever\n"},
        {RELAY DATA "idle_timeout = 0\n", "FILE:5: relay \"r\": connect_on data with idle_timeout 0; clients "
                                          "that say nothing stay for ever\n"},
        {RELAY DATA "idle_timeout = 1ms\n", ""},
        {RELAY "idle_timeout = 0\n", ""},
        /* nobody may come */
        {RELAY "allow = any\ndeny = any\n",
         "FILE:5: relay \"r\": deny any without an allow that is narrower; no client may come\n"},
        {"[defaults]\ndeny = any\n" RELAY OTHER "allow = unix\n",
         "FILE:2: relay \"r\": deny any without an allow that is narrower; no client may come\n"},
        {RELAY "allow = any\ndeny = 10.0.0.0/8\n", ""},
        {RELAY "allow = 10.0.0.0/8\ndeny = any\n", ""},
        /* an address that no connection can come from */
        {RELAY "source_address = ::1\nsource_address = 192.0.2.1\n",
         "FILE:4: source_address: \"::1\" is of no use: relay \"r\" has no IPv6 target\n"},
        {LISTEN "target = unix:/tmp/a\nsource_address = 192.0.2.1\n",
         "FILE:4: source_address: \"192.0.2.1\" is of no use: relay \"r\" has no IPv4 target\n"},
        {LISTEN "target = [fe80::1%eth0]:1\nsource_address = 192.0.2.1\n",
         "FILE:4: source_address: \"192.0.2.1\" is of no use: relay \"r\" has no IPv4 target\n"},
        {LISTEN "target = a.example:1\nsource_address = ::1\nsource_address = 192.0.2.1\n", ""},
        {LISTEN "target = [::ffff:127.0.0.1]:2\nsource_address = 192.0.2.1\n", ""},
        {RELAY "backup_target = [::1]:2\nsource_address = ::1\n", ""},
        {"[defaults]\nsource_address = ::1\n" RELAY, ""},
};

START_TEST(misfits_are_named)
{
	struct config *config = load_good(misfits[_i].text);

	ck_assert_str_eq(warnings_text(config), misfits[_i].warnings);
	config_put(config);
}
END_TEST

/* Whoever has to mend a file first may have no use for warnings about it. */
START_TEST(errors_come_alone)
{
	ck_assert_ptr_null(load(RELAY "deny = any\nallow = x\n"));
	ck_assert_uint_eq(errors.count, 1);
}
END_TEST

/* Whichever allocation fails, no warning is lost. */
START_TEST(without_memory_no_warning_is_lost)
{
	static const char text[] = LISTEN DATA "target = 127.0.0.1:22\nidle_timeout = 0\ndeny = any\n";
	struct config_request request = {.file = file};
	struct config *config = NULL;

	write_file(text, strlen(text));
	for (size_t failed = 1; !config; failed++) {
		fault_set(FAULT_MEMORY, failed, ENOMEM);
		config = config_load(&request, &errors);
		fault_set(FAULT_MEMORY, 0, 0);
		config_errors_deinit(&errors);
	}
	ck_assert_uint_eq(config->warning_count, 3);
	config_put(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("misfits");
	TCase *tcase = tcase_create("misfits");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, misfits_are_named, 0, COUNT(misfits));
	tcase_add_test(tcase, errors_come_alone);
	tcase_add_test(tcase, without_memory_no_warning_is_lost);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
