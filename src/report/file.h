/* A report in a file. */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <stdio.h>

/* Writes into out, which fails when the file does. 0 or -errno. */
typedef int report_writer(void *arg, FILE *out);

/*
 * Replaces the file at path by what writer writes, atomically: a temporary file next to it (path with
 * ".tmp"), then rename(2). Its mode is 0640. 0 or -errno. On failure path is unchanged and the temporary file
 * is gone. -EBUSY: another process has begun to write there meanwhile, and goes on.
 */
int report_write_file(const char *path, report_writer *writer, void *arg);
/* Removes the temporary file of a process that was killed. Not while report_write_file writes there. */
void report_remove_leftover(const char *path);

#endif
