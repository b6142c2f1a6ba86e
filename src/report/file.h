/* A report in a file. */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <stdio.h>

/* Writes into out, which fails when the file does. 0 or -errno. */
typedef int report_writer(void *arg, FILE *out);

/*
 * Replaces the file at path by what writer writes, atomically: a temporary file next to it, then rename(2).
 * Its mode is 0640. 0 or -errno. On failure path is unchanged and the temporary file is gone.
 */
int report_write_file(const char *path, report_writer *writer, void *arg);

#endif
