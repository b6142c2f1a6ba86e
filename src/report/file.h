/* A report in a file. */
#ifndef WEIR_FILE_H
#define WEIR_FILE_H

#include <stddef.h>

/*
 * Replaces the file at path by text, atomically: a temporary file next to it, then rename(2). Its mode is
 * 0640. 0 or -errno. On failure path is unchanged and the temporary file is gone.
 */
int report_write_file(const char *path, const char *text, size_t length);

#endif
