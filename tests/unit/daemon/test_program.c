/* The program that this process runs, and what one hands over to the next. */
#include "build_config.h"

#include "daemon/handed_over.h"
#include "daemon/program.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct program program;
static char path[UNIT_PATH_MAX];

static void write_file(const char *to, const char *text)
{
	FILE *out = fopen(to, "w");

	ck_assert_ptr_nonnull(out);
	fputs(text, out);
	fclose(out);
}

static void setup(void)
{
	static char name[] = "weir", *argv[] = {name, NULL};

	snprintf(path, sizeof(path), "%s/program", unit_folder);
	write_file(path, "one");
	program_init(&program, argv);
}

/* ---- the program ---- */

START_TEST(it_knows_its_own_file)
{
	char own[PATH_MAX] = "";

	ck_assert_int_gt(readlink("/proc/self/exe", own, sizeof(own) - 1), 0);
	ck_assert_str_eq(program.path, own);
	ck_assert(!program_has_changed(&program));
}
END_TEST

START_TEST(links_in_the_path_that_it_was_started_by_count_later)
{
	char own[PATH_MAX] = "", link[UNIT_PATH_MAX], *argv[] = {link, NULL};

	ck_assert_int_gt(readlink("/proc/self/exe", own, sizeof(own) - 1), 0);
	snprintf(link, sizeof(link), "%s/link", unit_folder);
	ck_assert_int_eq(symlink(own, link), 0);
	program_init(&program, argv);
	ck_assert_str_eq(program.path, link);
	ck_assert(!program_has_changed(&program));
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert(program_has_changed(&program));
	program_init(&program, argv);
	ck_assert_str_eq(program.path, own);
}
END_TEST

START_TEST(it_has_its_name_however_it_was_started)
{
	char name[17] = "";

	ck_assert_int_eq(prctl(PR_GET_NAME, name), 0);
	ck_assert_str_eq(name, "weir");
}
END_TEST

START_TEST(another_file_at_its_place_is_another_program)
{
	snprintf(program.path, sizeof(program.path), "%s", path);
	ck_assert(program_has_changed(&program));
}
END_TEST

START_TEST(one_that_is_gone_is_none_that_could_take_over)
{
	snprintf(program.path, sizeof(program.path), "%s/gone", unit_folder);
	ck_assert(!program_has_changed(&program));
	ck_assert_int_eq(program_open(&program), -ENOENT);
}
END_TEST

START_TEST(what_was_opened_stays_what_it_is)
{
	char other[UNIT_PATH_MAX];
	struct stat before, after;
	int fd;

	snprintf(program.path, sizeof(program.path), "%s", path);
	snprintf(other, sizeof(other), "%s/other", unit_folder);
	write_file(other, "two");
	ck_assert_int_eq(stat(path, &before), 0);
	fd = program_open(&program);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(rename(other, path), 0);
	ck_assert_int_eq(fstat(fd, &after), 0);
	ck_assert_uint_eq(before.st_ino, after.st_ino);
	close(fd);
}
END_TEST

static const char *find(char **environment, const char *variable)
{
	size_t length = strlen(variable);

	for (; *environment; environment++)
		if (strncmp(*environment, variable, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

START_TEST(its_environment_says_what_is_handed_over)
{
	char **environment;

	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTENER", "kept", 1);
	setenv("WEIR_TAKEOVER", "old", 1);
	environment = program_environment("new");
	ck_assert_str_eq(find(environment, "WEIR_TAKEOVER"), "new");
	ck_assert_str_eq(find(environment, "LISTENER"), "kept");
	ck_assert_ptr_null(find(environment, "LISTEN_FDS"));
	ck_assert_ptr_null(find(environment, "LISTEN_PID"));
	program_free_environment(environment);
	program_free_environment(NULL);
}
END_TEST

/* ---- what is handed over ---- */

static int sealed(const char *text)
{
	int fd = memory_file_new("test");

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(memory_file_seal(fd), 0);
	return fd;
}

static int take(const char *value, struct handed_over *handed)
{
	setenv("WEIR_TAKEOVER", value, 1);
	return handed_over_take(handed);
}

START_TEST(nothing_is_handed_over_to_a_start)
{
	struct handed_over handed;

	unsetenv("WEIR_TAKEOVER");
	ck_assert_int_eq(handed_over_take(&handed), 0);
	ck_assert(!handed_over_any(&handed));
	handed_over_deinit(&handed);
}
END_TEST

START_TEST(what_is_handed_over_arrives)
{
	const int files[] = {sealed("config"), sealed("main"), sealed("first"), sealed("second")};
	char *value = handed_over_describe(_i == 0, files, 4);
	struct handed_over handed;

	ck_assert_int_eq(take(value, &handed), 0);
	ck_assert_ptr_null(getenv("WEIR_TAKEOVER"));
	ck_assert(handed.rehearsal == (_i == 0));
	ck_assert(handed.has_config);
	ck_assert_mem_eq(handed.config.start, "config", handed.config.size);
	ck_assert_mem_eq(handed.main.start, "main", handed.main.size);
	ck_assert_uint_eq(handed.count, 2);
	ck_assert_uint_eq(handed_over_size(&handed), strlen("mainfirstsecond"));
	ck_assert_mem_eq(handed.parts[0].start, "first", handed.parts[0].size);
	ck_assert_mem_eq(handed.parts[1].start, "second", handed.parts[1].size);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fcntl(files[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	handed_over_deinit(&handed);
	handed_over_deinit(&handed);
	for (int i = 0; i < 4; i++)
		ck_assert_int_lt(fcntl(files[i], F_GETFD), 0);
	free(value);
}
END_TEST

START_TEST(another_attempt_is_counted)
{
	const int files[] = {-1, sealed("main"), sealed("first")};
	char *value = handed_over_describe(false, files, 3), *again;
	struct handed_over handed;

	ck_assert_int_eq(take(value, &handed), 0);
	ck_assert_uint_eq(handed.attempt, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(handed.files[i], files[i]);
	again = handed_over_describe_again(&handed);
	ck_assert_int_eq(strncmp(again, "carry1:0,", 9), 0);
	ck_assert_int_eq(take(again, &handed), 0);
	ck_assert_uint_eq(handed.attempt, 1);
	handed_over_deinit(&handed);
	free(value);
	free(again);
}
END_TEST

START_TEST(there_need_not_be_a_file)
{
	const int files[] = {-1, sealed("main"), sealed("first")};
	char *value = handed_over_describe(false, files, 3);
	struct handed_over handed;

	ck_assert_int_eq(take(value, &handed), 0);
	ck_assert(!handed.has_config);
	ck_assert_uint_eq(handed.count, 1);
	handed_over_deinit(&handed);
	free(value);
}
END_TEST

static const char *const garbage[] = {
        "",
        "carry",
        "carryx:0,3,4",
        ":0,3,4",
        "carry:",
        "rehearse:0,1",
        "carry:0",
        "carry:0,3",
        "carry:0,x,5",
        "carry:0,3,99999999999",
        "carry:0,3,4,",
        "carry:3,0,4",
        "carry:0,1234,1235",
        "walk:0,3,4",
        "carry:-1,3,4",
        "carry:0,2,3",
};

START_TEST(garbage_is_refused)
{
	struct handed_over handed;

	ck_assert_int_eq(take(garbage[_i], &handed), -EINVAL);
	ck_assert_ptr_null(getenv("WEIR_TAKEOVER"));
	handed_over_deinit(&handed);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("program");
	TCase *tcase = tcase_create("program"), *handed = tcase_create("handed over");

	tcase_add_checked_fixture(tcase, setup, NULL);
	tcase_add_test(tcase, it_knows_its_own_file);
	tcase_add_test(tcase, links_in_the_path_that_it_was_started_by_count_later);
	tcase_add_test(tcase, it_has_its_name_however_it_was_started);
	tcase_add_test(tcase, another_file_at_its_place_is_another_program);
	tcase_add_test(tcase, one_that_is_gone_is_none_that_could_take_over);
	tcase_add_test(tcase, what_was_opened_stays_what_it_is);
	tcase_add_test(tcase, its_environment_says_what_is_handed_over);
	suite_add_tcase(suite, tcase);
	tcase_add_test(handed, nothing_is_handed_over_to_a_start);
	tcase_add_loop_test(handed, what_is_handed_over_arrives, 0, 2);
	tcase_add_test(handed, another_attempt_is_counted);
	tcase_add_test(handed, there_need_not_be_a_file);
	tcase_add_loop_test(handed, garbage_is_refused, 0, sizeof(garbage) / sizeof(garbage[0]));
	suite_add_tcase(suite, handed);
	return unit_run(suite);
}
