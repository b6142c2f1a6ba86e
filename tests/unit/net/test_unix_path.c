/* Mode, owner and group of a unix socket in the file system. Run by root, all of it is tested. */
#include "build_config.h"

#include "net/socket_stage.h"
#include "net/unix_path.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>

#define SOMEBODY 65534
#define GROUP    65533

static struct stat made;
static int fd;

static struct stat look(void)
{
	struct stat status;

	ck_assert_int_eq(lstat(path, &status), 0);
	return status;
}

static void expect(mode_t mode, uid_t owner, gid_t group)
{
	struct stat status = look();

	ck_assert_uint_eq(status.st_mode & 07777, mode);
	ck_assert_uint_eq(status.st_uid, owner);
	ck_assert_uint_eq(status.st_gid, group);
}

static int apply(struct unix_access access)
{
	return unix_path_apply(path, &made, &access);
}

static int bind_hidden(void)
{
	const struct unix_access access = {.has_mode = true};
	struct endpoint endpoint = path_endpoint();
	struct socket_tuning tuning = plain;

	tuning.access = &access;
	return socket_bind(&endpoint, &tuning, SOCKET_SOLE, false);
}

/* As the daemon begins. */
static void begin(void)
{
	umask(027);
	unix_path_init();
	fd = bind_hidden();
	ck_assert_int_ge(fd, 0);
	made = look();
}

/* Before anybody has said who may, nobody may but we ourselves, whatever the umask is. */
START_TEST(nobody_may_connect_at_first)
{
	umask(0);
	fd = bind_hidden();
	ck_assert_int_ge(fd, 0);
	assert_flags(fd);
	expect(0200, geteuid(), getegid());
	close(fd);
	fd = bind_hidden(); /* it can be taken over like any other */
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

START_TEST(umask_does_not_reduce_what_is_asked_for)
{
	begin();
	ck_assert_int_eq(apply((struct unix_access){.has_mode = true, .mode = 0666}), 0);
	expect(0666, geteuid(), getegid());
	ck_assert_int_eq(apply((struct unix_access){.has_mode = true}), 0);
	expect(0, geteuid(), getegid());
	close(fd);
}
END_TEST

START_TEST(what_is_not_set_is_as_usual)
{
	begin();
	ck_assert_int_eq(apply((struct unix_access){.has_group = true, .group = getegid()}), 0);
	expect(0750, geteuid(), getegid());
	ck_assert_int_eq(umask(027), 027); /* it was put back */
	close(fd);
}
END_TEST

START_TEST(owner_and_group)
{
	if (geteuid() != 0)
		return;
	begin();
	ck_assert_int_eq(apply((struct unix_access){.has_mode = true,
	                                            .mode = 0660,
	                                            .has_owner = true,
	                                            .owner = SOMEBODY,
	                                            .has_group = true,
	                                            .group = GROUP}),
	                 0);
	expect(0660, SOMEBODY, GROUP);
	ck_assert_int_eq(apply((struct unix_access){.has_owner = true, .owner = SOMEBODY}), 0);
	expect(0750, SOMEBODY, 0);
	ck_assert_int_eq(apply((struct unix_access){.has_mode = false}), 0);
	expect(0750, 0, 0);
	close(fd);
}
END_TEST

/* The user of the service has no capability for it. */
static void become_somebody(gid_t group)
{
	char copy[sizeof(path)];

	ck_assert_int_eq(chmod(path, 0755), 0);
	ck_assert_int_eq(chmod(dirname(strcpy(copy, path)), 0755), 0);
	ck_assert_int_eq(setgroups(1, &group), 0);
	ck_assert_int_eq(setegid(SOMEBODY), 0);
	ck_assert_int_eq(seteuid(SOMEBODY), 0);
}

static void become_root(void)
{
	ck_assert_int_eq(seteuid(0), 0);
	ck_assert_int_eq(setegid(0), 0);
	ck_assert_int_eq(setgroups(0, NULL), 0);
}

/* A socket of somebody who is in GROUP, and who we are from now on. */
static void begin_as_somebody(void)
{
	begin();
	ck_assert_int_eq(chown(path, SOMEBODY, SOMEBODY), 0);
	made = look();
	become_somebody(GROUP);
}

START_TEST(group_that_we_are_in)
{
	if (geteuid() != 0)
		return;
	begin_as_somebody();
	ck_assert_int_eq(apply((struct unix_access){
	                         .has_mode = true, .mode = 0660, .has_group = true, .group = GROUP}),
	                 0);
	expect(0660, SOMEBODY, GROUP);
	become_root();
	close(fd);
}
END_TEST

/* _i: the owner or the group is another's. */
START_TEST(nothing_changes_when_it_may_not)
{
	struct unix_access access = {.has_mode = true,
	                             .mode = 0666,
	                             .has_owner = true,
	                             .owner = _i ? SOMEBODY : 0,
	                             .has_group = true,
	                             .group = _i ? 0 : GROUP};

	if (geteuid() != 0)
		return;
	begin_as_somebody();
	ck_assert_int_eq(apply(access), -EPERM);
	expect(0755, SOMEBODY, SOMEBODY);
	become_root();
	close(fd);
}
END_TEST

/* Another daemon has it by now, or a link leads elsewhere. */
START_TEST(path_of_another_is_left_alone)
{
	struct unix_access access = {.has_mode = true, .mode = 0666};
	char elsewhere[80];

	begin();
	snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", path);
	ck_assert_int_eq(rename(path, elsewhere), 0);
	ck_assert_int_eq(apply(access), -ENOENT);
	ck_assert_int_eq(symlink(elsewhere, path), 0);
	ck_assert_int_eq(apply(access), -ESTALE);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mknod(path, S_IFIFO | 0600, 0), 0);
	ck_assert_int_eq(apply(access), -ESTALE);
	expect(0600, geteuid(), getegid());
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rename(elsewhere, path), 0);
	expect(0200, geteuid(), getegid());
	close(fd);
}
END_TEST

/*
 * Clients connect while it is changed. The group is changed between two calls of chmod(2). At each, the group
 * in force may do no more than it could before or can afterwards.
 */
static mode_t modes[8];
static gid_t groups[8];
static unsigned steps;

int __real_chmod(const char *name, mode_t mode);
int __wrap_chmod(const char *name, mode_t mode);

int __wrap_chmod(const char *name, mode_t mode)
{
	int r = __real_chmod(name, mode);

	if (strncmp(name, "/proc/", 6) == 0 && steps < 8) {
		struct stat status = look();

		modes[steps] = status.st_mode & 07777;
		groups[steps++] = status.st_gid;
	}
	return r;
}

START_TEST(never_more_open_than_before_or_after)
{
	if (geteuid() != 0)
		return;
	begin();
	ck_assert_int_eq(apply((struct unix_access){.has_mode = true, .mode = 0606}), 0);
	steps = 0;
	ck_assert_int_eq(apply((struct unix_access){
	                         .has_mode = true, .mode = 0660, .has_group = true, .group = GROUP}),
	                 0);
	ck_assert_uint_eq(steps, 2);
	ck_assert_uint_eq(modes[0], 0600);
	ck_assert_uint_eq(groups[0], 0);
	ck_assert_uint_eq(modes[1], 0660);
	ck_assert_uint_eq(groups[1], GROUP);
	steps = 0;
	ck_assert_int_eq(apply((struct unix_access){
	                         .has_mode = true, .mode = 0660, .has_group = true, .group = GROUP}),
	                 0);
	ck_assert_uint_eq(steps, 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unix_path");
	TCase *tcase = tcase_create("unix_path");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nobody_may_connect_at_first);
	tcase_add_test(tcase, umask_does_not_reduce_what_is_asked_for);
	tcase_add_test(tcase, what_is_not_set_is_as_usual);
	tcase_add_test(tcase, owner_and_group);
	tcase_add_test(tcase, group_that_we_are_in);
	tcase_add_loop_test(tcase, nothing_changes_when_it_may_not, 0, 2);
	tcase_add_test(tcase, path_of_another_is_left_alone);
	tcase_add_test(tcase, never_more_open_than_before_or_after);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
