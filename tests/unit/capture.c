#include "build_config.h"

#include "capture.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int capture_log, capture_stderr;

void capture_begin(void)
{
	unsetenv("JOURNAL_STREAM");
	capture_stderr = dup(STDERR_FILENO);
	capture_log = memfd_create("log", MFD_CLOEXEC);
	ck_assert_int_ge(capture_log, 0);
	dup2(capture_log, STDERR_FILENO);
}

void capture_end(void)
{
	dup2(capture_stderr, STDERR_FILENO);
	close(capture_stderr);
	close(capture_log);
}

unsigned captured(const char *text)
{
	static char all[262144];
	ssize_t length = pread(capture_log, all, sizeof(all) - 1, 0);
	unsigned lines = 0;
	char *rest = NULL;

	ck_assert_int_ge(length, 0);
	all[length] = '\0';
	for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		lines += strstr(line, text) != NULL;
	return lines;
}
