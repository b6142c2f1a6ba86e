/* A child that runs another program with what would be handed over. A shell stands for that program. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/memory_file.h"
#include "capture.h"
#include "daemon/rehearsal.h"
#include "loop.h"
#include "unit.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static struct event_base *base;
static struct rehearsal *rehearsal;
static int program, file;
static bool done, succeeded;
static char why[512];

static void on_done(void *arg, const char *text)
{
	ck_assert_ptr_eq(arg, &done);
	ck_assert(!done);
	done = true;
	succeeded = !text;
	snprintf(why, sizeof(why), "%s", text ? text : "");
	rehearsal_free(rehearsal);
	rehearsal = NULL;
}

static void setup(void)
{
	base = evloop_new();
	program = open("/bin/sh", O_PATH | O_CLOEXEC);
	file = memory_file_new("test");
	ck_assert_int_ge(program, 0);
	done = false;
}

static void teardown(void)
{
	rehearsal_free(rehearsal);
	event_base_free(base);
	close(program);
	close(file);
}

static void begin(const char *script, unsigned long deadline_ms)
{
	char shell[] = "sh", option[] = "-c", variable[] = "PLAY=1";
	char *argv[] = {shell, option, (char *)(uintptr_t)script, NULL}, *environment[] = {variable, NULL};
	const int files[] = {-1, file};
	const struct rehearsal_play play = {program, argv, environment, files, 2};

	rehearsal = rehearsal_new(base, &play, deadline_ms, on_done, &done);
	ck_assert_ptr_nonnull(rehearsal);
}

static void rehearse(const char *script)
{
	begin(script, LOOP_DEADLINE_MS);
	LOOP_UNTIL(base, done);
}

/* What the child must not have any more when it is about to become another program. */
static int of_parent = -1;

int execveat(int folder, const char *path, char *const argv[], char *const environment[], int flags)
{
	if (of_parent >= 0 && fcntl(of_parent, F_GETFD) >= 0)
		_exit(4);
	return (int)syscall(SYS_execveat, folder, path, argv, environment, flags);
}

START_TEST(it_succeeds)
{
	rehearse("echo " REHEARSAL_WORD " >&2");
	ck_assert(succeeded);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left */
}
END_TEST

static const struct {
	const char *script, *why;
} failures[] = {
        {"exit 0", "it is no program that can take over"},
        {"echo what is this?", "it is no program that can take over"},
        {"echo " REHEARSAL_WORD "; kill -9 $$", "it was killed by signal 9"},
        {"echo " REHEARSAL_WORD "; exit 3", "it has ended with status 3"},
        {"echo a warning; kill -9 $$", "it was killed by signal 9, after it had said: a warning"},
        {"exit 3", "it has ended with status 3"},
        {"kill -9 $$", "it was killed by signal 9"},
        {"echo first >&2; echo the last line >&2; exit 1", "the last line"},
        {"printf 'no end\\n\\n' >&2; exit 1", "no end"},
        {"printf 'without newline' >&2; exit 1", "without newline"},
        {"printf 'two\\033words\\n' >&2; exit 1", "two?words"},
        {"i=0; while [ $i -lt 3000 ]; do echo a line that is not the last >&2; i=$((i + 1)); done; "
         "echo last >&2; exit 1",
         "last"},
        {"echo to standard output; exit 1", "to standard output"},
};

START_TEST(it_says_why_it_has_failed)
{
	rehearse(failures[_i].script);
	ck_assert(!succeeded);
	ck_assert_str_eq(why, failures[_i].why);
}
END_TEST

/* A file may have many mistakes. What came before as much as is kept is left out, to whole lines. */
START_TEST(it_says_all_mistakes)
{
	capture_begin();
	rehearse("i=0; while [ $i -lt 500 ]; do echo begin $i and end; i=$((i + 1)); done; "
	         "printf 'relay.ini:7: one\n\nrelay.ini:9: t\033wo\nrelay.ini:9: three\n' >&2; exit 78");
	ck_assert_str_eq(why, "relay.ini:9: three");
	ck_assert_uint_eq(captured("the rehearsal has said: relay.ini:7: one"), 1);
	ck_assert_uint_eq(captured("the rehearsal has said: relay.ini:9: t?wo"), 1);
	ck_assert_uint_eq(captured("three"), 0);
	ck_assert_uint_eq(captured("the rehearsal has said: begin 499 and end"), 1);
	ck_assert_uint_gt(captured("and end"), 100);
	ck_assert_uint_lt(captured("and end"), 400);
	ck_assert_uint_eq(captured("and end"), captured("the rehearsal has said: begin"));
	capture_end();
}
END_TEST

/* _i: it has succeeded, or is another program, or was killed. */
START_TEST(its_other_lines_are_only_for_mistakes)
{
	static const char *const scripts[] = {("echo other; echo " REHEARSAL_WORD), "echo other; echo last",
	                                      "echo other; echo last; kill -9 $$"};

	capture_begin();
	rehearse(scripts[_i]);
	ck_assert_uint_eq(captured("other"), 0);
	capture_end();
}
END_TEST

START_TEST(one_that_hangs_is_killed)
{
	begin("sleep 1000", 50);
	LOOP_UNTIL(base, done);
	ck_assert_str_eq(why, "it has not ended within 50 ms");
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
}
END_TEST

START_TEST(a_program_that_is_none_cannot_be_executed)
{
	close(program);
	program = open("/proc/self/status", O_PATH | O_CLOEXEC);
	rehearse("");
	ck_assert_str_eq(why, "cannot be executed: Permission denied");
}
END_TEST

START_TEST(it_may_be_given_up)
{
	begin("sleep 1000", LOOP_DEADLINE_MS);
	rehearsal_free(rehearsal);
	rehearsal = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(!done);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
}
END_TEST

/* The program may take long to be read. */
START_TEST(it_holds_no_socket_before_it_is_executed)
{
	for (of_parent = 3; fcntl(of_parent, F_GETFD) >= 0; of_parent++)
		;
	ck_assert_int_eq(fcntl(file, F_DUPFD_CLOEXEC, of_parent), of_parent);
	rehearse("echo '" REHEARSAL_WORD "'");
	close(of_parent);
	of_parent = -1;
	ck_assert_str_eq(why, "");
}
END_TEST

/* A socket that it held would stay open when this process closes it. */
START_TEST(it_inherits_nothing_but_the_files)
{
	char script[256];
	int leaked = dup(STDIN_FILENO); /* as from whoever started this process */

	snprintf(script, sizeof(script),
	         "[ -e /proc/self/fd/%d ] || exit 2; [ ! -e /proc/self/fd/%d ] || exit 3; [ $PLAY = 1 ] && "
	         "echo '" REHEARSAL_WORD "'",
	         file, leaked);
	rehearse(script);
	ck_assert_str_eq(why, "");
	close(leaked);
}
END_TEST

START_TEST(it_goes_first_when_memory_runs_out)
{
	rehearse("[ $(cat /proc/self/oom_score_adj) = 1000 ] && echo '" REHEARSAL_WORD "'");
	ck_assert_str_eq(why, "");
}
END_TEST

/* Of a process whose file has capabilities, and which is not root's, the files below /proc are root's. */
START_TEST(it_goes_first_if_its_program_has_capabilities)
{
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
	ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 0), 0);
	rehearse("[ $(cat /proc/self/oom_score_adj) = 1000 ] && echo '" REHEARSAL_WORD "'");
	ck_assert_str_eq(why, "");
}
END_TEST

/* Whoever has started weir may ignore it, and then a child's end is never told. */
START_TEST(sigchld_may_be_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	rehearse("echo " REHEARSAL_WORD);
	ck_assert(succeeded);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rehearsal");
	TCase *tcase = tcase_create("rehearsal");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, it_succeeds);
	tcase_add_loop_test(tcase, it_says_why_it_has_failed, 0, sizeof(failures) / sizeof(failures[0]));
	tcase_add_test(tcase, it_says_all_mistakes);
	tcase_add_loop_test(tcase, its_other_lines_are_only_for_mistakes, 0, 3);
	tcase_add_test(tcase, one_that_hangs_is_killed);
	tcase_add_test(tcase, a_program_that_is_none_cannot_be_executed);
	tcase_add_test(tcase, it_may_be_given_up);
	tcase_add_test(tcase, it_holds_no_socket_before_it_is_executed);
	tcase_add_test(tcase, it_inherits_nothing_but_the_files);
	tcase_add_test(tcase, it_goes_first_when_memory_runs_out);
	tcase_add_test(tcase, it_goes_first_if_its_program_has_capabilities);
	tcase_add_test(tcase, sigchld_may_be_ignored);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
