/*
 * halt TID FILE: stops one thread until FILE exists, at most for 30 seconds. It creates FILE.stopped when the
 * thread has stopped. Exit status 77: this is not allowed here.
 */
#include "build_config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_US 2000
#define POLLS   15000

static int stop(pid_t thread)
{
	int status;

	if (ptrace(PTRACE_SEIZE, thread, NULL, NULL) < 0)
		return -1;
	if (ptrace(PTRACE_INTERRUPT, thread, NULL, NULL) < 0)
		return -1;
	return waitpid(thread, &status, __WALL) == thread && WIFSTOPPED(status) ? 0 : -1;
}

int main(int argc, char **argv)
{
	pid_t thread;
	char stopped[4096];
	int fd;

	if (argc != 3)
		return 64;
	thread = atoi(argv[1]);
	if (stop(thread) < 0)
		return errno == EPERM ? 77 : 1;
	snprintf(stopped, sizeof(stopped), "%s.stopped", argv[2]);
	fd = open(stopped, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	for (int i = 0; i < POLLS && access(argv[2], F_OK) < 0; i++)
		usleep(POLL_US);
	close(fd);
	return ptrace(PTRACE_DETACH, thread, NULL, NULL) < 0;
}
