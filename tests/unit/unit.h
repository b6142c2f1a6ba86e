/* Shared by all unit test programs: runs one Check suite and reports it as TAP for automake's driver. */
#ifndef WEIR_UNIT_H
#define WEIR_UNIT_H

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_PATH_MAX 48

/* For all files of the program. It is removed in the end, with all in it, also when a test was killed. */
extern char unit_folder[];

/* A new folder in it, made as mkdtemp(3) does. */
void unit_make_folder(char path[UNIT_PATH_MAX]);
/* Runs suite and returns the exit status for main. In TAP, the lines carry the result, not the status. */
int unit_run(Suite *suite);

/* How many threads with this name are alive. Sanitizers have threads of their own. */
static inline unsigned unit_threads(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	ck_assert_ptr_nonnull(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		char path[300], line[32] = "";
		FILE *comm;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		comm = fopen(path, "r");
		if (!comm)
			continue;
		if (fgets(line, sizeof(line), comm))
			line[strcspn(line, "\n")] = '\0';
		count += strcmp(line, name) == 0;
		fclose(comm);
	}
	closedir(tasks);
	return count;
}

#endif
