/* Paths that something is to be made at. The folder of the test has them all. */
#include "build_config.h"

#include "config/config_stage.h"

#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPECTED "; expected a path in a folder that can be written to\n"

static char *in_folder(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void make_socket(const char *path)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(un.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd);
}

static void make_all(void)
{
	ck_assert_int_eq(mkdir(in_folder("d"), 0755), 0);
	ck_assert_int_eq(mkfifo(in_folder("fifo"), 0600), 0);
	ck_assert_int_eq(symlink("nowhere", in_folder("link")), 0);
	make_socket(in_folder("socket"));
	write_file("", 0); /* the configuration, which is a regular file */
}

static void remove_all(void)
{
	rmdir(in_folder("d"));
	unlink(in_folder("fifo"));
	unlink(in_folder("link"));
	unlink(in_folder("socket"));
}

static const struct {
	const char *key, *name, *problem; /* NULL: good */
} cases[] = {
        {"dump_file", "dump", NULL},
        {"dump_file", "d/dump", NULL},
        {"dump_file", "relay.ini", NULL}, /* a regular file is replaced */
        {"dump_file", "link", NULL},
        {"dump_file", "none/dump", "is in a folder that does not exist"},
        {"dump_file", "relay.ini/dump", "is in a folder that does not exist"},
        {"dump_file", "d", "is there and is no regular file"},
        {"dump_file", "fifo", "is there and is no regular file"},
        {"dump_file", "socket", "is there and is no regular file"},
        {"listen", "l", NULL},
        {"listen", "socket", NULL}, /* perhaps stale */
        {"listen", "none/l", "is in a folder that does not exist"},
        {"listen", "relay.ini", "is there and is no socket"},
        {"listen", "link", "is there and is no socket"},
        {"listen", "d", "is there and is no socket"},
};

START_TEST(what_is_in_the_way)
{
	bool listens = strcmp(cases[_i].key, "listen") == 0;
	char text[512], expected[512], value[192];
	struct config *config;

	make_all();
	snprintf(value, sizeof(value), "%s%s", listens ? "unix:" : "", in_folder(cases[_i].name));
	snprintf(text, sizeof(text), "[global]\n%s%s%s" RELAY "%s%s%s",
	         listens ? "" : "dump_file = ", listens ? "" : value, "\n", listens ? "listen = " : "",
	         listens ? value : "", "\n");
	snprintf(expected, sizeof(expected), "FILE:%d: %s: \"%s\" %s" EXPECTED, listens ? 6 : 2,
	         cases[_i].key, value, cases[_i].problem ? cases[_i].problem : "");
	config = load(text);
	ck_assert_str_eq(errors_text(), cases[_i].problem ? expected : "");
	ck_assert_int_eq(config == NULL, cases[_i].problem != NULL);
	config_put(config);
	remove_all();
}
END_TEST

/* Root may write everywhere. */
START_TEST(folder_of_somebody_else)
{
	char text[256], expected[256];

	snprintf(text, sizeof(text), "[global]\ndump_file = %s\n" RELAY, in_folder("dump"));
	snprintf(expected, sizeof(expected),
	         "FILE:2: dump_file: \"%s\" is in a folder that this user cannot write to" EXPECTED,
	         in_folder("dump"));
	write_file(text, strlen(text));
	ck_assert_int_eq(chmod(file, 0644), 0);
	ck_assert_int_eq(chmod(folder, 0555), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	ck_assert_ptr_null(config_load(&(struct config_request){.file = file}, &errors));
	ck_assert_str_eq(errors_text(), expected);
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(chmod(folder, 0755), 0);
}
END_TEST

/* Whoever only looks need not be able to do what weir does with its paths. */
START_TEST(paths_do_not_matter_to_who_only_looks)
{
	static const char text[] =
	        "[global]\ndump_file = /none/dump\n" RELAY "listen = unix:/none/l owner=nobody-at-all\n";
	const struct config_request request = {.file = file, .only_looks = true};
	struct config *config;

	write_file(text, strlen(text));
	config = config_load(&request, &errors);
	ck_assert_ptr_nonnull(config);
	config_put(config);
}
END_TEST

START_TEST(path_without_a_folder_is_in_the_working_one)
{
	ck_assert_int_eq(chdir(folder), 0);
	config_put(load_good("[global]\ndump_file = dump\n" RELAY));
}
END_TEST

START_TEST(path_on_the_command_line)
{
	ck_assert_ptr_null(load_with(RELAY, "dump_file=/none/dump", NULL));
	ck_assert_str_eq(
	        errors_text(),
	        "command line: dump_file: \"/none/dump\" is in a folder that does not exist" EXPECTED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("paths");
	TCase *tcase = tcase_create("paths");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, what_is_in_the_way, 0, COUNT(cases));
	tcase_add_test(tcase, folder_of_somebody_else);
	tcase_add_test(tcase, path_without_a_folder_is_in_the_working_one);
	tcase_add_test(tcase, paths_do_not_matter_to_who_only_looks);
	tcase_add_test(tcase, path_on_the_command_line);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
