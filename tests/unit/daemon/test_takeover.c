/* How another program takes over. A shell stands for that program; there is no daemon around it. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/log.h"
#include "base/memory_file.h"
#include "daemon/handed_over.h"
#include "daemon/takeover.h"
#include "daemon/takeover_again.h"
#include "loop.h"
#include "unit.h"
#include "workers_stage.h"

#include <signal.h>
#include <sys/wait.h>

/* The linker redirects the calls of our modules. In a child they are as they are. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
int __real_execveat(int fd, const char *path, char *const argv[], char *const environment[], int flags);
int __wrap_execveat(int fd, const char *path, char *const argv[], char *const environment[], int flags);
int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
static pid_t self;
static bool exec_fails;
static unsigned files_left; /* that can still be made */

int __wrap_execveat(int fd, const char *path, char *const argv[], char *const environment[], int flags)
{
	if (getpid() == self && exec_fails) {
		errno = ENOMEM;
		return -1;
	}
	return __real_execveat(fd, path, argv, environment, flags);
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	if (files_left == 0) {
		errno = EMFILE;
		return -1;
	}
	files_left--;
	return __real_memfd_create(name, flags);
}

/* A program that rehearses well, and says by its status that it was told to carry on. */
#define GOOD                                                                                                 \
	"case $WEIR_TAKEOVER in rehearse:*) echo " REHEARSAL_WORD "; exit 0;; carry:*) exit 42;; esac; "     \
	"exit 1"
#define BROKEN "echo it is broken >&2; exit 1"
#define HANGS  "sleep 1000"

static struct takeover takeover;
static struct program program;
static struct parking parking;
static struct budget budget;
static char shell[] = "sh", option[] = "-c";
static char *argv[] = {shell, option, NULL, NULL};
static char file[UNIT_PATH_MAX];

static const char *obstacle;
static unsigned saves, holds, failures, unchanged;
static bool was_unread;
static bool held, saving;
static int handed_over_fd = -1;
static char why[512];

static const char *find_obstacle(void *arg)
{
	(void)arg;
	return obstacle;
}

/* The second time is not for a rehearsal. */
static void save(void *arg, struct state_writer *writer)
{
	(void)arg;
	(void)writer;
	saves++;
	if (saves == 2 && handed_over_fd >= 0)
		ck_assert_int_eq(fcntl(handed_over_fd, F_SETFD, 0), 0);
}

static void take_saving(void *arg, bool begins)
{
	(void)arg;
	ck_assert(saving != begins);
	saving = begins;
}

static bool hold(void *arg)
{
	(void)arg;
	held = true;
	holds++;
	return true;
}

static void go_on(void *arg)
{
	(void)arg;
	ck_assert(held);
	held = false;
}

static void hush(void *arg, bool on)
{
	(void)arg;
	(void)on;
}

static void take_unchanged(void *arg)
{
	(void)arg;
	unchanged++;
}

static void take_failure(void *arg, bool unread, const char *text)
{
	ck_assert_ptr_eq(arg, &base);
	ck_assert(!takeover_is_under_way(&takeover));
	ck_assert(!held);
	failures++;
	was_unread = unread;
	snprintf(why, sizeof(why), "%s", text);
}

static const struct takeover_calls calls = {
        find_obstacle, save, take_saving, hold, go_on, hush, take_unchanged, take_failure,
};

static void write_config(void)
{
	FILE *out;

	snprintf(file, sizeof(file), "%s/relay.ini", unit_folder);
	out = fopen(file, "w");
	ck_assert_ptr_nonnull(out);
	fputs("the file\n", out);
	fclose(out);
}

static void setup_on(struct event_base *own, struct worker *const *workers, unsigned count)
{
	self = getpid();
	files_left = UINT_MAX;
	program_init(&program, argv);
	snprintf(program.path, sizeof(program.path), "/bin/sh");
	write_config();
	budget_init(&budget, 1 << 30);
	takeover = (struct takeover){.parts = {.base = own,
	                                       .workers = workers,
	                                       .worker_count = count,
	                                       .program = &program,
	                                       .file = file,
	                                       .parking = &parking,
	                                       .budget = &budget,
	                                       .rehearsal_ms = LOOP_DEADLINE_MS,
	                                       .save_ms = LOOP_DEADLINE_MS},
	                             .calls = &calls,
	                             .arg = &base};
	ck_assert_int_eq(takeover_init(&takeover), 0);
}

static void setup(void)
{
	base = evloop_new();
	parking_init(&parking);
	setup_on(base, NULL, 0);
}

static void teardown(void)
{
	takeover_deinit(&takeover);
	parking_deinit(&parking);
	event_base_free(base);
}

static void set_script(const char *script)
{
	argv[2] = (char *)(uintptr_t)script;
}

static void begin(const char *script)
{
	set_script(script);
	takeover_begin(&takeover, false);
	ck_assert(takeover_is_under_way(&takeover));
}

static void fail_with(const char *script)
{
	begin(script);
	LOOP_UNTIL(base, failures > 0);
	ck_assert_uint_eq(failures, 1);
}

/* The process becomes another program, so it is a child of the test. */
static int carry(const char *script)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		event_reinit(base);
		begin(script);
		event_base_loop(base, 0);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

START_TEST(a_program_that_rehearses_well_takes_over)
{
	ck_assert_int_eq(carry(GOOD), 42);
}
END_TEST

/* What is in files 1 and 2: the configuration as it was read, and the main part, both sealed. */
START_TEST(it_gets_the_file_and_the_state)
{
	static const char script[] = "files=${WEIR_TAKEOVER#*:}; config=${files%,*}; main=${files#*,}; "
	                             "[ \"$(cat /proc/self/fd/$config)\" = 'the file' ] || exit 7; "
	                             "grep -q '^state ' /proc/self/fd/$main || exit 8; " GOOD;

	ck_assert_int_eq(carry(script), 42);
}
END_TEST

/* This program as the next one: a shell would let signals through. */
static int play(void)
{
	const char *value = getenv("WEIR_TAKEOVER");
	sigset_t mask;

	if (value && strncmp(value, "rehearse:", 9) == 0)
		puts(REHEARSAL_WORD);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	return sigismember(&mask, SIGUSR2) && sigismember(&mask, SIGTERM) ? 0 : 1;
}

/* The same as one that never succeeds, and takes a socket over each time. How often it was tried again. */
static int try_in_vain(char **words)
{
	struct handed_over handed;
	struct inheritance *inheritance = inheritance_new(false);
	int fd = (int)strtol(words[2], NULL, 10);

	if (handed_over_take(&handed) < 0 || inheritance_claim(inheritance, fd, INHERITED_SOCKET) != fd)
		return 100;
	program_init(&program, words);
	takeover_again(&handed, &program, inheritance);
	return (int)handed.attempt;
}

static int sealed(const char *text)
{
	int fd = memory_file_new("test");

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(memory_file_seal(fd), 0);
	ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
	return fd;
}

START_TEST(what_was_handed_over_is_tried_again)
{
	const int files[] = {-1, sealed("main"), sealed("first")};
	static char name[] = "test", mode[] = "again";
	char number[16], *words[] = {name, mode, number, NULL}, *value;
	int status;

	snprintf(number, sizeof(number), "%d", socket(AF_UNIX, SOCK_STREAM, 0));
	value = handed_over_describe(false, files, 3);
	setenv("WEIR_TAKEOVER", value, 1);
	if (fork() == 0) {
		execv("/proc/self/exe", words);
		_exit(101);
	}
	ck_assert_int_gt(wait(&status), 0);
	ck_assert_int_eq(status, TAKEOVER_ATTEMPTS << 8);
	free(value);
}
END_TEST

START_TEST(signals_are_held_for_it)
{
	static char name[] = "test", mode[] = "play", *words[] = {name, mode, NULL};

	program_init(&program, words);
	ck_assert_int_eq(carry(GOOD), 0);
}
END_TEST

START_TEST(one_that_is_broken_does_not)
{
	fail_with(BROKEN);
	ck_assert_str_eq(why, "the rehearsal failed: it is broken");
	ck_assert_uint_eq(saves, 1);
	ck_assert_uint_eq(holds, 0); /* nobody noticed */
}
END_TEST

START_TEST(one_that_hangs_does_not)
{
	takeover.parts.rehearsal_ms = 50;
	fail_with(HANGS);
	ck_assert_str_eq(why, "the rehearsal failed: it has not ended within 50 ms");
}
END_TEST

START_TEST(one_that_is_not_there_does_not)
{
	snprintf(program.path, sizeof(program.path), "/nowhere/weir");
	fail_with(GOOD);
	ck_assert_str_eq(why, "/nowhere/weir: No such file or directory");
}
END_TEST

START_TEST(a_file_that_is_gone_keeps_all_as_it_is)
{
	char expected[128];

	unlink(file);
	fail_with(GOOD);
	snprintf(expected, sizeof(expected), "%s: No such file or directory", file);
	ck_assert_str_eq(why, expected);
}
END_TEST

static unsigned count_open(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static unsigned count_handed_over(void)
{
	unsigned count = 0;

	for (int fd = 3; fd < 256; fd++) {
		int flags = fcntl(fd, F_GETFD);

		count += flags >= 0 && !(flags & FD_CLOEXEC);
	}
	return count;
}

START_TEST(if_it_cannot_be_executed_all_goes_on)
{
	unsigned before;
	sigset_t mask;

	handed_over_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	before = count_open();

	exec_fails = true;
	fail_with(GOOD);
	ck_assert_str_eq(why, "the program cannot be executed: Cannot allocate memory");
	ck_assert_uint_eq(saves, 2);
	ck_assert_uint_gt(holds, 0);
	ck_assert_uint_eq(count_open(), before);
	ck_assert_uint_eq(count_handed_over(), 0);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ck_assert(!sigismember(&mask, SIGTERM));
}
END_TEST

/* Of the file, the main part for the rehearsal, and that for the takeover. */
START_TEST(without_memory_files_nothing_happens)
{
	unsigned before = count_open();

	files_left = (unsigned)_i;
	fail_with(GOOD);
	ck_assert_ptr_nonnull(strstr(why, "Too many open files"));
	ck_assert_uint_eq(count_open(), before);
}
END_TEST

START_TEST(it_waits_until_nothing_is_in_its_way)
{
	obstacle = "something is under way";
	begin(BROKEN);
	ck_assert_uint_gt(loop_passes_in(base, 100), 0);
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_eq(saves, 0);
	obstacle = NULL;
	LOOP_UNTIL(base, failures > 0);
	ck_assert_uint_eq(saves, 1);
}
END_TEST

/* Reads what is there. */
static bool drain(int fd)
{
	char bytes[4096];

	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	return true;
}

/* Thousands of close lines wait for the log's reader: the pairs need not wait with them. */
START_TEST(it_waits_until_most_of_the_log_is_written)
{
	int ends[2], saved = dup(STDERR_FILENO);

	ck_assert_int_eq(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	ck_assert_int_eq(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(log_start(), 0);
	for (int i = 0; i < 500; i++)
		log_info("%01000d", 0);
	begin(BROKEN);
	ck_assert_uint_gt(loop_passes_in(base, 100), 0);
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_eq(saves, 0);
	LOOP_UNTIL(base, drain(ends[0]) && failures > 0);
	ck_assert_uint_eq(saves, 1);
	log_stop(10000);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(it_can_be_given_up)
{
	unsigned before = count_open();

	begin(HANGS);
	LOOP_UNTIL(base, takeover.step == TAKEOVER_REHEARSING);
	takeover_give_up(&takeover);
	ck_assert(!takeover_is_under_way(&takeover));
	ck_assert_uint_eq(failures, 0);
	ck_assert_uint_eq(count_open(), before);
	ck_assert_int_gt(waitpid(-1, NULL, 0), 0);
}
END_TEST

START_TEST(the_same_program_is_told_from_another)
{
	program_init(&program, argv);
	takeover_begin(&takeover, true);
	LOOP_UNTIL(base, unchanged > 0);
	ck_assert(!takeover_is_under_way(&takeover));
	snprintf(program.path, sizeof(program.path), "/bin/sh");
	set_script(BROKEN);
	takeover_begin(&takeover, true);
	LOOP_UNTIL(base, failures > 0);
	ck_assert(!was_unread); /* it is known to be another one */
}
END_TEST

/* ---- workers ---- */

static void take_answer(void *arg, struct message *message)
{
	const struct worker_answer *answer = (const struct worker_answer *)message;

	(void)arg;
	if (answer->what == WORKER_SAVED)
		takeover_take_saved(&takeover, answer);
}

/* The main base is that of the workers' stage. */
static void setup_workers(void)
{
	workers_begin(2, take_answer);
	parking_init(&parking);
	context.parking = &parking;
	context.standings = standings_new(2, NULL);
	workers_make();
	setup_on(base, worker, 2);
}

static void teardown_workers(void)
{
	takeover_deinit(&takeover);
	workers_stop();
	standings_free(context.standings);
	parking_deinit(&parking);
	workers_end();
}

START_TEST(workers_save_and_go_on)
{
	workers_start(0);
	workers_start(1);
	exec_fails = true;
	fail_with(GOOD);
	ck_assert_str_eq(why, "the program cannot be executed: Cannot allocate memory");
	ck_assert_uint_eq(saves, 2);
	ck_assert(!saving);
	worker_order(worker[0], WORKER_ALIVE);
	LOOP_UNTIL(base, worker_has_taken(worker[0], WORKER_ALIVE));
}
END_TEST

START_TEST(a_worker_that_is_stuck_holds_up_nobody)
{
	takeover.parts.save_ms = 50;
	workers_start(0);
	fail_with(GOOD);
	ck_assert_str_eq(why, "worker 1 has not saved its state within 50 ms");
	takeover.parts.save_ms = LOOP_DEADLINE_MS;
	workers_start(1);
	failures = 0;
	fail_with(BROKEN);
	ck_assert_str_eq(why, "the rehearsal failed: it is broken");
	ck_assert(!saving);
}
END_TEST

/* What it reads is held for it until it has done so. */
START_TEST(one_that_is_late_is_still_reading)
{
	struct worker_answer answer = {.what = WORKER_SAVED};
	struct parking_place place;

	takeover.parts.save_ms = 50;
	begin(GOOD);
	LOOP_UNTIL(base, takeover.step == TAKEOVER_SAVING);
	ck_assert_int_eq(parking_enter(&parking, 1, &place), 1);
	LOOP_UNTIL(base, failures > 0);
	ck_assert(saving);
	close(place.file);
	parking_leave(&parking);
	answer.round = place.round;
	takeover_take_saved(&takeover, &answer);
	ck_assert(!saving);
}
END_TEST

/* ---- parking ---- */

START_TEST(whoever_is_late_finds_nothing_to_do)
{
	int own = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct parking_place place;

	ck_assert_int_eq(parking_enter(&parking, 0, &place), 0);
	parking_begin(&parking, STATE_CARRY, &own);
	ck_assert_int_eq(parking_enter(&parking, 0, &place), 1);
	ck_assert_int_ne(place.file, own);
	ck_assert(parking_is_in(&parking, place.round));
	close(place.file);
	parking_end(&parking);
	ck_assert(!parking_is_in(&parking, place.round));
	parking_wait(&parking, place.round); /* does not wait */
	ck_assert_int_eq(parking_enter(&parking, 0, &place), 0);
	parking_begin(&parking, STATE_CARRY, &own);
	parking_wait(&parking, place.round); /* nor for another round */
	parking_end(&parking);
	close(own);
}
END_TEST

/* As another program: what it has made is nobody's concern. */
static void leave_with(int status)
{
	fflush(stdout);
	_exit(status);
}

int main(int argc, char **argv_of_main)
{
	Suite *suite;
	TCase *tcase, *workers;

	if (argc > 1 && strcmp(argv_of_main[1], "play") == 0)
		leave_with(play());
	if (argc > 2)
		leave_with(try_in_vain(argv_of_main));
	suite = suite_create("takeover");
	tcase = tcase_create("takeover");
	workers = tcase_create("workers");
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_program_that_rehearses_well_takes_over);
	tcase_add_test(tcase, it_gets_the_file_and_the_state);
	tcase_add_test(tcase, signals_are_held_for_it);
	tcase_add_test(tcase, what_was_handed_over_is_tried_again);
	tcase_add_test(tcase, one_that_is_broken_does_not);
	tcase_add_test(tcase, one_that_hangs_does_not);
	tcase_add_test(tcase, one_that_is_not_there_does_not);
	tcase_add_test(tcase, a_file_that_is_gone_keeps_all_as_it_is);
	tcase_add_test(tcase, if_it_cannot_be_executed_all_goes_on);
	tcase_add_loop_test(tcase, without_memory_files_nothing_happens, 0, 3);
	tcase_add_test(tcase, it_waits_until_nothing_is_in_its_way);
	tcase_add_test(tcase, it_waits_until_most_of_the_log_is_written);
	tcase_add_test(tcase, it_can_be_given_up);
	tcase_add_test(tcase, the_same_program_is_told_from_another);
	tcase_add_test(tcase, whoever_is_late_finds_nothing_to_do);
	suite_add_tcase(suite, tcase);
	tcase_add_checked_fixture(workers, setup_workers, teardown_workers);
	tcase_add_test(workers, workers_save_and_go_on);
	tcase_add_test(workers, a_worker_that_is_stuck_holds_up_nobody);
	tcase_add_test(workers, one_that_is_late_is_still_reading);
	suite_add_tcase(suite, workers);
	return unit_run(suite);
}
