/*
 * Reads a file in INI form, line by line. inih splits keys from values. It would silently misread some lines
 * (long lines, indented lines, broken section heads, NUL bytes, "a:b"). Those are refused here before they
 * reach it.
 */
#ifndef WEIR_INI_READER_H
#define WEIR_INI_READER_H

#include <stddef.h>

#define INI_LINE_MAX 1022      /* bytes of a line without its end; fewer if inih was built for fewer */
#define INI_FILE_MAX (1 << 20) /* bytes of a file */

/* What a file says, in its order. Lines count from 1. The strings live until the callback returns. */
struct ini_events {
	/* "[name]". NULL if the head is broken: the section of the keys that follow is unknown. */
	void (*section)(void *arg, unsigned line, const char *name);
	/* "key = value", both without white space around them. value may be empty. */
	void (*setting)(void *arg, unsigned line, const char *key, const char *value);
	/* A line that is neither: what is wrong and what was expected. The line is skipped. */
	void (*problem)(void *arg, unsigned line, const char *what);
};

/*
 * Reads a file to its end. Lines may end in CR LF, and the file may begin with a UTF-8 byte order mark.
 * Returns 0 or -errno: -EISDIR, -EINVAL (not a regular file), -EFBIG (over INI_FILE_MAX), -ENOMEM, or the
 * error of open(2) or read(2).
 */
int ini_read(const char *path, const struct ini_events *events, void *arg);
/* The same of a text, however long it is. 0 or -ENOMEM. */
int ini_read_text(const char *text, size_t size, const struct ini_events *events, void *arg);

#endif
