#include "build_config.h"

#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t loop_lost_ms;
char unit_folder[] = "/tmp/weir-unit-XXXXXX";

/*
 * Seconds that a test may take which does not say: of use against one that hangs. Check's own 4 are too few
 * where other programs have the CPUs, and fewer than LOOP_DEADLINE_MS, after which a test tells what it
 * has waited for.
 */
#define TIMEOUT_S "60"

static pid_t tests;

/* Before main makes the cases, as each takes it over then. */
__attribute__((constructor)) static void set_timeout(void)
{
	setenv("CK_DEFAULT_TIMEOUT", TIMEOUT_S, 0);
}

void unit_make_folder(char path[UNIT_PATH_MAX])
{
	snprintf(path, UNIT_PATH_MAX, "%s/XXXXXX", unit_folder);
	ck_assert_ptr_nonnull(mkdtemp(path));
}

static int run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);

	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	srunner_free(runner);
	return EXIT_SUCCESS;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

/* Check then ends the test that is running. */
static void pass_on(int number)
{
	kill(tests, number);
}

static void pass_on_signals(void)
{
	const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], pass_on);
}

/*
 * Some tests listen by names that all programs on the machine share, such as unix:@weir-test-relay. Each name
 * is used by one test program, so whoever runs the same program too, such as another build's tests, waits
 * until this run is over. Returns what holds the turn.
 */
static int take_turn(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int length = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "weir-unit-%s",
	                      program_invocation_short_name);
	int turn = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	length += (int)offsetof(struct sockaddr_un, sun_path) + 1;
	while (turn >= 0 && bind(turn, (struct sockaddr *)&name, (socklen_t)length) < 0 &&
	       errno == EADDRINUSE)
		poll(NULL, 0, 50);
	return turn;
}

/* The parent does nothing but wait and remove, so it does not have to look for leaks. */
int unit_run(Suite *suite)
{
	int status = EXIT_FAILURE, turn = take_turn();

	/* Some tests become another user for a while. */
	if (!mkdtemp(unit_folder) || chmod(unit_folder, 0711) < 0)
		abort();
	tests = fork();
	if (tests == 0) {
		close(turn);   /* tests count descriptors */
		setpgid(0, 0); /* Check may signal its whole group */
		return run(suite);
	}
	pass_on_signals();
	while (waitpid(tests, &status, 0) < 0 && errno == EINTR)
		;
	nftw(unit_folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}
