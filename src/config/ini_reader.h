/*
 * A file in INI form, line by line. inih splits keys from values; everything that inih would take silently
 * for something else (long lines, indented lines, broken section heads, NUL bytes, "a:b") is refused here
 * before it gets there.
 */
#ifndef WEIR_INI_READER_H
#define WEIR_INI_READER_H

#define INI_LINE_MAX 1022      /* bytes of a line without its end; fewer where inih was built for fewer */
#define INI_FILE_MAX (1 << 20) /* bytes of a file */

/* What a file says, in its order; lines count from 1. The strings live until the function returns. */
struct ini_events {
	/* "[name]"; NULL when the head is broken, so that nobody knows whose keys follow. */
	void (*section)(void *arg, unsigned line, const char *name);
	/* "key = value", both without white space around them; value may be empty. */
	void (*setting)(void *arg, unsigned line, const char *key, const char *value);
	/* A line that is neither, and what was expected. The line is left out. */
	void (*problem)(void *arg, unsigned line, const char *what);
};

/*
 * Reads a file to its end. Lines may end in CR LF, and the file may begin with a UTF-8 byte order mark. 0, or
 * -errno: -EISDIR, -EINVAL (not a regular file), -EFBIG (over INI_FILE_MAX), or what open(2) or read(2) said.
 */
int ini_read(const char *path, const struct ini_events *events, void *arg);

#endif
