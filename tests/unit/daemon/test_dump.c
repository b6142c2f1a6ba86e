/* Writing dumps. What is in one is tested with report/. */
#include "build_config.h"

#include "base/evloop.h"
#include "daemon/dump.h"
#include "relays.h"
#include "unit.h"

#include <pthread.h>
#include <semaphore.h>
#include <sys/stat.h>

static struct event_base *base;
static struct config *config;
static struct dump *dump;
static unsigned written;
static char folder[UNIT_PATH_MAX], path[64], temporary[64];

/* The last step of a dump. The linker redirects the calls of our modules. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
static _Atomic bool hangs;
static _Atomic unsigned renames;
static sem_t gate;
static pthread_t renamed_on;

int __wrap_rename(const char *from, const char *to)
{
	renamed_on = pthread_self();
	renames++;
	while (hangs && sem_wait(&gate) != 0)
		;
	return __real_rename(from, to);
}

static void on_written(void *arg)
{
	ck_assert_ptr_eq(arg, &written);
	written++;
}

static void setup(void)
{
	char option[128];

	unit_make_folder(folder);
	snprintf(path, sizeof(path), "%s/dump", folder);
	snprintf(temporary, sizeof(temporary), "%s/dump.tmp", folder);
	snprintf(option, sizeof(option), "dump_file=%s", path);
	sem_init(&gate, 0, 0);
	capture_begin();
	base = evloop_new();
	config = relays_config(LISTEN, TEXTS("127.0.0.1:1"), TEXTS(option));
	dump = dump_new(base, config, on_written, &written);
	ck_assert_ptr_nonnull(dump);
}

static void teardown(void)
{
	dump_free(dump);
	config_put(config);
	event_base_free(base);
	capture_end();
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct report *make_report(void)
{
	struct report *report = report_new(1, 1);

	ck_assert_ptr_nonnull(report);
	return report;
}

START_TEST(report_is_written_on_another_thread)
{
	dump_write(dump, make_report());
	LOOP_UNTIL(base, written == 1);
	ck_assert(!pthread_equal(renamed_on, pthread_self()));
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_uint_eq(captured("cannot write"), 0);
}
END_TEST

START_TEST(lack_of_memory_is_told)
{
	dump_write(dump, NULL);
	ck_assert_uint_eq(written, 1);
	ck_assert_uint_eq(captured("cannot write the dump to "), 1);
	dump_write(dump, make_report());
	LOOP_UNTIL(base, written == 2);
}
END_TEST

START_TEST(failure_is_told)
{
	ck_assert_int_eq(mkdir(path, 0700), 0);
	dump_write(dump, make_report());
	LOOP_UNTIL(base, written == 1);
	ck_assert_uint_eq(captured("cannot write the dump to "), 1);
	ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* The report and the settings are its own, so it may end when all else has gone. */
START_TEST(dump_that_hangs_is_left_behind)
{
	hangs = true;
	dump_write(dump, make_report());
	while (renames == 0)
		sched_yield();
	dump_free(dump);
	dump = NULL;
	config_put(config);
	config = NULL;
	ck_assert_int_ne(access(path, F_OK), 0);
	sem_post(&gate);
	while (access(path, F_OK) != 0)
		sched_yield();
	ck_assert_uint_eq(written, 0);
}
END_TEST

/* The same with another file and form. */
static struct config *other_settings(const char *name, char file[128])
{
	char option[160];
	struct config *other;

	snprintf(file, 128, "%s/%s", folder, name);
	snprintf(option, sizeof(option), "dump_file=%s", file);
	other = relays_config(LISTEN, TEXTS("127.0.0.1:1"), TEXTS(option, "dump_format=json"));
	ck_assert_ptr_nonnull(other);
	return other;
}

static char first_byte(const char *file)
{
	FILE *in = fopen(file, "r");
	int byte;

	ck_assert_msg(in, "no %s", file);
	byte = fgetc(in);
	fclose(in);
	return (char)byte;
}

/* One that is being written ends as it began. */
START_TEST(next_dump_has_the_new_settings)
{
	char file[128];
	struct config *other = other_settings("other", file);

	hangs = true;
	dump_write(dump, make_report());
	while (renames == 0)
		sched_yield();
	dump_configure(dump, other);
	config_put(other); /* it has a reference of its own */
	ck_assert_int_ne(access(path, F_OK), 0);
	hangs = false;
	sem_post(&gate);
	LOOP_UNTIL(base, written == 1);
	ck_assert_int_eq(first_byte(path), 'w');
	ck_assert_int_ne(access(file, F_OK), 0);
	dump_write(dump, make_report());
	LOOP_UNTIL(base, written == 2);
	ck_assert_int_eq(first_byte(file), '{');
	unlink(file);
}
END_TEST

/* Where there was another file before. */
START_TEST(leftover_of_a_new_file_is_swept)
{
	char file[128], leftover[128 + 8];
	struct config *other = other_settings("other", file);

	snprintf(leftover, sizeof(leftover), "%s.tmp", file);
	fclose(fopen(leftover, "w"));
	fclose(fopen(temporary, "w"));
	dump_configure(dump, config); /* no other file */
	dump_configure(dump, other);
	config_put(other);
	while (access(leftover, F_OK) == 0)
		sched_yield();
	ck_assert_int_eq(access(temporary, F_OK), 0);
	unlink(temporary);
}
END_TEST

START_TEST(leftover_is_swept)
{
	fclose(fopen(temporary, "w"));
	dump_sweep(dump);
	while (access(temporary, F_OK) == 0)
		sched_yield();
	dump_write(dump, make_report()); /* not at the same time */
	LOOP_UNTIL(base, written == 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dump");
	TCase *tcase = tcase_create("dump");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, report_is_written_on_another_thread);
	tcase_add_test(tcase, lack_of_memory_is_told);
	tcase_add_test(tcase, failure_is_told);
	tcase_add_test(tcase, dump_that_hangs_is_left_behind);
	tcase_add_test(tcase, leftover_is_swept);
	tcase_add_test(tcase, next_dump_has_the_new_settings);
	tcase_add_test(tcase, leftover_of_a_new_file_is_swept);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
