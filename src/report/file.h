/* A report in a file. */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <stddef.h>

/*
 * Replaces path by text, atomically: a temporary file beside it, then rename(2). The file's mode is 0640.
 * 0 or -errno; on failure path is as it was and the temporary file is gone.
 */
int report_write_file(const char *path, const char *text, size_t length);

#endif
