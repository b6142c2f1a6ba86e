#include "build_config.h"

#include "base/inheritance.h"
#include "faults.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static struct inheritance *inheritance;

static void start(bool rehearsal)
{
	inheritance = inheritance_new(rehearsal);
	ck_assert_ptr_nonnull(inheritance);
}

static void teardown(void)
{
	inheritance_free(inheritance);
	inheritance = NULL;
}

/* As the program before this one leaves them. */
static int inherited_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_ge(fd, 3);
	return fd;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(a_descriptor_is_claimed_once)
{
	int fd = inherited_socket();

	start(false);
	ck_assert_int_eq(inheritance_claim(inheritance, fd, INHERITED_SOCKET), fd);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(inheritance_claim(inheritance, fd, INHERITED_SOCKET), -EEXIST);
	close(fd);
}
END_TEST

/* Or all later pairs of a worker would be lost for lack of a few bytes. */
START_TEST(claiming_needs_no_memory)
{
	int fd = inherited_socket(), high = fcntl(fd, F_DUPFD, 900), claimed;

	start(false);
	fault_set_lasting(FAULT_MEMORY, ENOMEM);
	claimed = inheritance_claim(inheritance, high, INHERITED_SOCKET);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_int_eq(claimed, high);
	close(fd);
	close(high);
}
END_TEST

START_TEST(one_that_is_not_what_it_should_be_is_refused)
{
	int fd = inherited_socket(), own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), ends[2];
	int file = memfd_create("file", 0);

	ck_assert_int_eq(pipe2(ends, 0), 0);
	start(false);
	ck_assert_int_eq(inheritance_claim(inheritance, fd, INHERITED_PIPE), -EBADF);
	ck_assert_int_eq(inheritance_claim(inheritance, fd, INHERITED_FILE), -EBADF);
	ck_assert_int_eq(inheritance_claim(inheritance, ends[0], INHERITED_SOCKET), -EBADF);
	ck_assert_int_eq(inheritance_claim(inheritance, own, INHERITED_SOCKET), -EBADF);
	ck_assert_int_eq(inheritance_claim(inheritance, -1, INHERITED_SOCKET), -EBADF);
	ck_assert_int_eq(inheritance_claim(inheritance, 0, INHERITED_FILE), -EBADF);
	ck_assert_int_eq(inheritance_claim(inheritance, 2147483647, INHERITED_SOCKET), -EBADF);
	close(own);
	ck_assert_int_eq(inheritance_claim(inheritance, own, INHERITED_SOCKET), -EBADF);
	/* It was not claimed by that. */
	ck_assert_int_eq(inheritance_claim(inheritance, fd, INHERITED_SOCKET), fd);
	ck_assert_int_eq(inheritance_claim(inheritance, ends[1], INHERITED_PIPE), ends[1]);
	ck_assert_int_eq(inheritance_claim(inheritance, ends[0], INHERITED_PIPE), ends[0]);
	ck_assert_int_eq(inheritance_claim(inheritance, file, INHERITED_FILE), file);
	close(fd);
	close(file);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(what_nobody_has_claimed_is_closed)
{
	int claimed, rest, high, own;

	/* What the program that runs the tests has left open. */
	for (int fd = 3; fd < 1024; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	claimed = inherited_socket();
	rest = inherited_socket();
	high = fcntl(rest, F_DUPFD, 200);
	own = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	start(false);
	ck_assert_int_eq(inheritance_claim(inheritance, claimed, INHERITED_SOCKET), claimed);
	ck_assert_int_eq(fcntl(claimed, F_SETFD, 0), 0); /* whatever becomes of it, it has an owner */
	ck_assert_uint_eq(inheritance_close_rest(inheritance), 2);
	ck_assert(is_open(claimed) && is_open(own) && is_open(1));
	ck_assert(!is_open(rest) && !is_open(high));
	close(claimed);
	close(own);
}
END_TEST

static void expect_stand_in(int number, enum inheritance_kind kind, mode_t type, int *fd)
{
	struct stat status;

	*fd = inheritance_claim(inheritance, number, kind);
	ck_assert_int_ge(*fd, 3);
	ck_assert_int_eq(fcntl(*fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(*fd, &status), 0);
	ck_assert_uint_eq(status.st_mode & S_IFMT, type);
}

START_TEST(a_rehearsal_has_stand_ins)
{
	int other = inherited_socket(), fds[4];

	start(true);
	expect_stand_in(other, INHERITED_SOCKET, S_IFSOCK, &fds[0]);
	expect_stand_in(5000, INHERITED_PIPE, S_IFIFO, &fds[1]);
	expect_stand_in(5001, INHERITED_PIPE, S_IFIFO, &fds[2]);
	expect_stand_in(5002, INHERITED_FILE, S_IFREG, &fds[3]);
	ck_assert_int_ne(fds[0], other);
	ck_assert_int_eq(write(fds[2], "x", 1), 1);
	ck_assert_int_eq(read(fds[1], &(char){0}, 1), 1);
	ck_assert_int_eq(inheritance_claim(inheritance, 5001, INHERITED_SOCKET), -EEXIST);
	ck_assert_int_eq(inheritance_claim(inheritance, -1, INHERITED_SOCKET), -EBADF);
	ck_assert_uint_eq(inheritance_close_rest(inheritance), 0);
	ck_assert(is_open(other));
	close(other);
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("inheritance");
	TCase *tcase = tcase_create("inheritance");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, a_descriptor_is_claimed_once);
	tcase_add_test(tcase, claiming_needs_no_memory);
	tcase_add_test(tcase, one_that_is_not_what_it_should_be_is_refused);
	tcase_add_test(tcase, what_nobody_has_claimed_is_closed);
	tcase_add_test(tcase, a_rehearsal_has_stand_ins);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
