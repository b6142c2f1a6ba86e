#include "build_config.h"

#include "daemon/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN_FILE "/proc/self/exe"

/* ---- which file it is ---- */

static struct program_file describe(const struct stat *status)
{
	return (struct program_file){status->st_dev, status->st_ino, status->st_size, status->st_mtim};
}

static bool is_same(const struct program_file *a, const struct program_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

/* The kernel says " (deleted)" after the path of a file that is gone already. */
static void cut_mark(char *path)
{
	static const char mark[] = " (deleted)";
	size_t length = strlen(path), mark_length = sizeof(mark) - 1;

	if (length > mark_length && strcmp(path + length - mark_length, mark) == 0)
		path[length - mark_length] = '\0';
}

static void find_path(struct program *program)
{
	ssize_t length = readlink(OWN_FILE, program->path, sizeof(program->path) - 1);

	program->path[length < 0 ? 0 : length] = '\0';
	cut_mark(program->path);
}

/* Whoever switches a link from one version to the next means what it leads to then. */
static void keep_links(struct program *program, const char *name)
{
	struct program_file file;
	struct stat status;

	if (!name || name[0] != '/' || strlen(name) >= sizeof(program->path) || stat(name, &status) < 0)
		return;
	file = describe(&status);
	if (is_same(&program->started, &file))
		memcpy(program->path, name, strlen(name) + 1);
}

void program_init(struct program *program, char **argv)
{
	struct stat status;

	program->argv = argv;
	find_path(program);
	if (stat(OWN_FILE, &status) == 0) {
		program->started = describe(&status);
		keep_links(program, argv[0]);
	}
	(void)prctl(PR_SET_NAME, PROGRAM_NAME);
}

/* One that is gone is none that could take over. */
bool program_has_changed(const struct program *program)
{
	struct program_file now;
	struct stat status;

	if (stat(program->path, &status) < 0)
		return false;
	now = describe(&status);
	return !is_same(&program->started, &now);
}

int program_open(const struct program *program)
{
	int fd = open(program->path, O_PATH | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* ---- its environment ---- */

static bool is_passed_on(const char *variable)
{
	return strncmp(variable, PROGRAM_VARIABLE "=", sizeof(PROGRAM_VARIABLE)) != 0 &&
	       strncmp(variable, "LISTEN_", strlen("LISTEN_")) != 0;
}

char **program_environment(const char *value)
{
	size_t count = 0, size = sizeof(PROGRAM_VARIABLE "=") + strlen(value);
	char **environment, *own;

	while (environ[count])
		count++;
	environment = calloc(count + 2, sizeof(*environment));
	own = malloc(size);
	if (!environment || !own) {
		free(environment);
		free(own);
		return NULL;
	}
	snprintf(own, size, "%s=%s", PROGRAM_VARIABLE, value);
	environment[0] = own;
	count = 1;
	for (char **variable = environ; *variable; variable++)
		if (is_passed_on(*variable))
			environment[count++] = *variable;
	return environment;
}

void program_free_environment(char **environment)
{
	if (environment)
		free(environment[0]);
	free(environment);
}

int program_execute(const struct program *program, int fd, const char *value)
{
	char **environment = program_environment(value);
	int error;

	if (!environment)
		return -ENOMEM;
	execveat(fd, "", program->argv, environment, AT_EMPTY_PATH);
	error = -errno;
	program_free_environment(environment);
	return error;
}

void program_close_all_on_exec(void)
{
	if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0)
		return;
	for (int fd = STDERR_FILENO + 1; fd < getdtablesize(); fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}
