/* Files in memory that are sealed and handed on. */
#include "build_config.h"

#include "base/memory_file.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int fd;

static void setup(void)
{
	fd = memory_file_new("test");
	ck_assert_int_ge(fd, 0);
}

static void teardown(void)
{
	close(fd);
}

START_TEST(what_was_written_can_be_read_once_it_is_sealed)
{
	struct memory_text text;

	ck_assert_int_eq(write(fd, "hello", 5), 5);
	ck_assert_int_eq(memory_file_map(fd, &text), -EINVAL);
	ck_assert_int_eq(memory_file_seal(fd), 0);
	ck_assert_int_eq(memory_file_map(fd, &text), 0);
	ck_assert_uint_eq(text.size, 5);
	ck_assert_mem_eq(text.start, "hello", 5);
	memory_file_unmap(&text);
	ck_assert_ptr_null(text.start);
}
END_TEST

START_TEST(nobody_changes_it_any_more)
{
	ck_assert_int_eq(write(fd, "hello", 5), 5);
	ck_assert_int_eq(memory_file_seal(fd), 0);
	ck_assert_int_lt(write(fd, "x", 1), 0);
	ck_assert_int_lt(ftruncate(fd, 0), 0);
	ck_assert_ptr_eq(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
}
END_TEST

START_TEST(an_empty_one_is_fine)
{
	struct memory_text text;

	ck_assert_int_eq(memory_file_seal(fd), 0);
	ck_assert_int_eq(memory_file_map(fd, &text), 0);
	ck_assert_uint_eq(text.size, 0);
	memory_file_unmap(&text);
}
END_TEST

START_TEST(what_is_no_memory_file_is_refused)
{
	struct memory_text text;
	int other = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), pipe[2];

	ck_assert_int_eq(pipe2(pipe, O_CLOEXEC), 0);
	ck_assert_int_eq(memory_file_map(other, &text), -EINVAL);
	ck_assert_int_eq(memory_file_map(pipe[0], &text), -EINVAL);
	ck_assert_int_eq(memory_file_map(1234, &text), -EINVAL);
	close(other);
	close(pipe[0]);
	close(pipe[1]);
}
END_TEST

START_TEST(other_programs_do_not_get_it_unasked)
{
	ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
}
END_TEST

START_TEST(a_file_is_copied_whole)
{
	struct memory_text text;
	char path[UNIT_PATH_MAX];
	FILE *out;

	snprintf(path, sizeof(path), "%s/copied", unit_folder);
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < 100000; i++)
		fputc('a' + i % 26, out);
	fclose(out);
	ck_assert_int_eq(memory_file_append(fd, path, 99999), -EFBIG);
	ck_assert_int_eq(memory_file_append(fd, path, 100000), 0);
	ck_assert_int_eq(memory_file_seal(fd), 0);
	ck_assert_int_eq(memory_file_map(fd, &text), 0);
	ck_assert_uint_eq(text.size, 100000);
	for (int i = 0; i < 100000; i++)
		if (text.start[i] != 'a' + i % 26)
			ck_abort_msg("byte %d is wrong", i);
	memory_file_unmap(&text);
}
END_TEST

START_TEST(what_may_never_end_is_not_copied)
{
	ck_assert_int_eq(memory_file_append(fd, "/dev/zero", 100), -EINVAL);
	ck_assert_int_eq(memory_file_append(fd, "/", 100), -EISDIR);
	ck_assert_int_eq(memory_file_append(fd, "/nowhere/at/all", 100), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory file");
	TCase *tcase = tcase_create("memory file");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_was_written_can_be_read_once_it_is_sealed);
	tcase_add_test(tcase, nobody_changes_it_any_more);
	tcase_add_test(tcase, an_empty_one_is_fine);
	tcase_add_test(tcase, what_is_no_memory_file_is_refused);
	tcase_add_test(tcase, other_programs_do_not_get_it_unasked);
	tcase_add_test(tcase, a_file_is_copied_whole);
	tcase_add_test(tcase, what_may_never_end_is_not_copied);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
