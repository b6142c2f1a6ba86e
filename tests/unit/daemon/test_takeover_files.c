/* The files that a takeover hands over, and what is read for it first. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/memory_file.h"
#include "daemon/takeover_files.h"
#include "daemon/takeover_reading.h"
#include "unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <unistd.h>

#define WORKERS 3

static struct event_base *base;
static struct takeover_files files;
static struct program program;
static struct jobs *jobs;
static struct takeover_read got;
static unsigned reads;

static void setup(void)
{
	static char name[] = "weir";
	static char *argv[] = {name, NULL};

	base = evloop_new();
	program_init(&program, argv);
	snprintf(program.path, sizeof(program.path), "/bin/sh");
	jobs = jobs_new(base, 1);
	ck_assert_ptr_nonnull(jobs);
	ck_assert_int_eq(takeover_files_init(&files, WORKERS), 0);
}

static void teardown(void)
{
	takeover_files_deinit(&files);
	ck_assert(jobs_free(jobs));
	event_base_free(base);
}

static bool is_open(int fd)
{
	return fd >= 0 && fcntl(fd, F_GETFD) >= 0;
}

START_TEST(state_is_made_anew_beside_the_configuration)
{
	int config = memory_file_new("test");

	files.fds[TAKEOVER_CONFIG] = config;
	for (int times = 0; times < 2; times++) {
		ck_assert_int_eq(takeover_files_make_state(&files), 0);
		for (size_t i = TAKEOVER_MAIN; i < TAKEOVER_FIRST_PART + WORKERS; i++)
			ck_assert_int_eq(write(files.fds[i], "x", 1), 1);
		ck_assert_int_eq(takeover_files_seal_state(&files), 0);
		for (size_t i = TAKEOVER_MAIN; i < TAKEOVER_FIRST_PART + WORKERS; i++)
			ck_assert_int_eq(write(files.fds[i], "x", 1), -1);
		takeover_files_close_state(&files);
		for (size_t i = TAKEOVER_MAIN; i < files.count; i++)
			ck_assert_int_eq(files.fds[i], -1);
		ck_assert(is_open(config));
	}
	takeover_files_close(&files);
	ck_assert(!is_open(config));
	ck_assert_int_eq(files.fds[TAKEOVER_CONFIG], -1);
}
END_TEST

/* Takes the program only. */
static void take(void *arg, const struct takeover_reading *reading, struct takeover_read *read)
{
	ck_assert_ptr_nonnull(arg);
	ck_assert_ptr_nonnull(reading);
	got = *read;
	read->program = -1;
	reads++;
}

static void read_all(const char *file, bool only_if_changed)
{
	const struct takeover_request request = {&program, file, only_if_changed};

	reads = 0;
	ck_assert_ptr_nonnull(takeover_reading_begin(jobs, &request, take, &files));
	while (reads == 0)
		event_base_loop(base, EVLOOP_ONCE);
}

START_TEST(what_is_not_taken_is_closed)
{
	read_all("/etc/passwd", false);
	ck_assert_int_eq(got.error, 0);
	ck_assert(!got.unchanged);
	ck_assert(is_open(got.program));
	ck_assert_int_ge(got.config, 0);
	ck_assert(!is_open(got.config));
	close(got.program);
}
END_TEST

START_TEST(nothing_is_read_without_a_file_or_a_change)
{
	read_all(NULL, false);
	ck_assert_int_eq(got.error, 0);
	ck_assert_int_eq(got.config, -1);
	close(got.program);
	program_init(&program, program.argv);
	read_all("/etc/passwd", true);
	ck_assert(got.unchanged);
	ck_assert_int_eq(got.program, -1);
	ck_assert_int_eq(got.config, -1);
}
END_TEST

START_TEST(error_names_what_failed)
{
	read_all("/nowhere/relay.ini", false);
	ck_assert_int_eq(got.error, -ENOENT);
	ck_assert_str_eq(got.failed, "/nowhere/relay.ini");
	close(got.program);
	snprintf(program.path, sizeof(program.path), "/nowhere/weir");
	read_all("/etc/passwd", false);
	ck_assert_int_eq(got.error, -ENOENT);
	ck_assert_str_eq(got.failed, "/nowhere/weir");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("takeover files");
	TCase *tcase = tcase_create("takeover files");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, state_is_made_anew_beside_the_configuration);
	tcase_add_test(tcase, what_is_not_taken_is_closed);
	tcase_add_test(tcase, nothing_is_read_without_a_file_or_a_change);
	tcase_add_test(tcase, error_names_what_failed);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
