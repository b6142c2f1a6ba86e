#include "build_config.h"

#include "config/ini_reader.h"

#include "base/printable.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct reader {
	FILE *file;
	const struct ini_events *events;
	void *arg;
	unsigned line;
	size_t total, limit; /* bytes read so far; how many there may be */
	char *text;          /* the line, without its end; owned, like getline(3)'s */
	size_t length;
	size_t allocated;
	bool handed; /* inih has the line and has not yet made a setting of it */
	int error;
};

__attribute__((format(printf, 2, 3))) static void problem(const struct reader *reader, const char *format,
                                                          ...)
{
	char what[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(what, sizeof(what), format, arguments);
	va_end(arguments);
	reader->events->problem(reader->arg, reader->line, what);
}

static void drop_byte_order_mark(struct reader *reader)
{
	size_t size = sizeof(BYTE_ORDER_MARK) - 1;

	if (reader->length < size || memcmp(reader->text, BYTE_ORDER_MARK, size) != 0)
		return;
	reader->length -= size;
	memmove(reader->text, reader->text + size, reader->length);
}

static void drop_line_end(struct reader *reader)
{
	if (reader->length > 0 && reader->text[reader->length - 1] == '\n')
		reader->length--;
	if (reader->length > 0 && reader->text[reader->length - 1] == '\r')
		reader->length--;
	reader->text[reader->length] = '\0';
}

/* The next line of the file; false at its end or after an error. */
static bool read_line(struct reader *reader)
{
	ssize_t length;

	errno = 0;
	length = getline(&reader->text, &reader->allocated, reader->file);
	if (length < 0) {
		reader->error = feof(reader->file) ? 0 : -errno;
		return false;
	}
	reader->total += (size_t)length;
	if (reader->total > reader->limit) { /* it has grown since fstat(2) */
		reader->error = -EFBIG;
		return false;
	}
	reader->length = (size_t)length;
	if (reader->line++ == 0)
		drop_byte_order_mark(reader);
	drop_line_end(reader);
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool check_bytes(const struct reader *reader)
{
	unsigned code;

	if (printable_find_control(reader->text, reader->length, &code) == reader->length)
		return true;
	problem(reader, "%s 0x%02x; expected text", code == 0 ? "NUL byte" : "control character", code);
	return false;
}

static bool check_length(const struct reader *reader, size_t limit)
{
	if (reader->length > limit)
		problem(reader, "line of %zu bytes; expected at most %zu", reader->length, limit);
	return reader->length <= limit;
}

/* start is the first byte that is not blank. */
static bool check_indent(const struct reader *reader, const char *start)
{
	bool indented = start != reader->text && *start;

	if (indented)
		problem(reader, "white space before the text; expected it to start in column one");
	return !indented;
}

static void take_head(struct reader *reader)
{
	char *name = reader->text + 1;
	char *end = strchr(name, ']');

	if (!end) {
		problem(reader, "section head without \"]\"; expected [global], [defaults] or [relay NAME]");
		reader->events->section(reader->arg, reader->line, NULL);
		return;
	}
	if (end[1 + strspn(end + 1, " \t")] != '\0')
		problem(reader, "text after a section head; expected nothing after \"]\"");
	*end = '\0';
	reader->events->section(reader->arg, reader->line, name);
}

/* An inih built to allow comments after values would cut the value there. */
static bool has_inline_comment(const char *value)
{
	for (const char *c = value; *c; c++)
		if ((*c == ';' || *c == '#') && is_blank(c[-1]))
			return true;
	return false;
}

/* True if the line is "key = value" for inih too. */
static bool check_setting(const struct reader *reader)
{
	const char *text = reader->text;
	size_t key = strcspn(text, "=:;#");

	if (key == 0 || text[key] != '=')
		problem(reader, "not a setting; expected KEY = VALUE, [SECTION] or # COMMENT");
	else if (has_inline_comment(text + key + 1))
		problem(reader, "comment after a value; expected it on a line of its own");
	else
		return true;
	return false;
}

/* True if the line is for inih. Any other line is dealt with here. */
static bool is_for_inih(struct reader *reader, size_t limit)
{
	const char *start = reader->text + strspn(reader->text, " \t");

	if (!check_bytes(reader) || !check_length(reader, limit) || !check_indent(reader, start)) {
		if (*start == '[')
			reader->events->section(reader->arg, reader->line, NULL);
		return false;
	}
	if (*start == '\0' || *start == '#' || *start == ';')
		return false;
	if (*start == '[') {
		take_head(reader);
		return false;
	}
	return check_setting(reader);
}

/*
 * The reader that inih calls, in the manner of fgets(3). size is that of inih's buffer, so no line is ever
 * cut.
 */
static char *hand_line(char *buf, int size, void *stream)
{
	struct reader *reader = stream;
	size_t limit = (size_t)size - sizeof("\n");

	if (limit > INI_LINE_MAX)
		limit = INI_LINE_MAX;
	if (reader->handed)
		problem(reader, "not understood; expected KEY = VALUE");
	reader->handed = false;
	while (read_line(reader)) {
		if (is_for_inih(reader, limit)) {
			memcpy(buf, reader->text, reader->length);
			strcpy(buf + reader->length, "\n");
			reader->handed = true;
			return buf;
		}
	}
	return NULL;
}

static int take_setting(void *arg, const char *section, const char *key, const char *value)
{
	struct reader *reader = arg;

	(void)section; /* inih would cut the names of heads, so it never gets them */
	reader->handed = false;
	reader->events->setting(reader->arg, reader->line, key, value);
	return 1;
}

/*
 * Debian's inih 55 has its limits as variables. Nothing here relies on them: see hand_line and check_setting.
 */
static void tune_inih(void)
{
#if HAVE_DECL_INI_MAX_LINE
	ini_max_line = INI_LINE_MAX + sizeof("\n");
#endif
#if HAVE_DECL_INI_USE_STACK
	ini_use_stack = true;
#endif
#if HAVE_DECL_INI_ALLOW_MULTILINE
	ini_allow_multiline = false;
#endif
#if HAVE_DECL_INI_ALLOW_INLINE_COMMENTS
	ini_allow_inline_comments = false;
#endif
#if HAVE_DECL_INI_ALLOW_BOM
	ini_allow_bom = false;
#endif
#if HAVE_DECL_INI_ALLOW_NO_VALUE
	ini_allow_no_value = false;
#endif
#if HAVE_DECL_INI_STOP_ON_FIRST_ERROR
	ini_stop_on_first_error = false;
#endif
}

static int parse(struct reader *reader)
{
	int r;

	tune_inih();
	r = ini_parse_stream(hand_line, reader, take_setting, reader);
	free(reader->text);
	if (reader->error < 0)
		return reader->error;
	return r == -2 ? -ENOMEM : 0; /* positive: hand_line has reported the line */
}

/* Accepts only a regular file. A directory reads as empty, and a terminal or a pipe may never end. */
static int check_file(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return st.st_size > INI_FILE_MAX ? -EFBIG : 0;
}

/* Returns 0 with a stream that owns fd, or -errno with fd closed. */
static int open_stream(int fd, FILE **file)
{
	int r = check_file(fd);

	if (r == 0) {
		*file = fdopen(fd, "r");
		if (*file)
			return 0; /* fd consumed */
		r = -errno;
	}
	close(fd);
	return r;
}

int ini_read(const char *path, const struct ini_events *events, void *arg)
{
	struct reader reader = {.events = events, .arg = arg, .limit = INI_FILE_MAX};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r;

	if (fd < 0)
		return -errno;
	r = open_stream(fd, &reader.file);
	if (r < 0)
		return r;
	r = parse(&reader);
	fclose(reader.file);
	return r;
}

int ini_read_text(const char *text, size_t size, const struct ini_events *events, void *arg)
{
	struct reader reader = {.events = events, .arg = arg, .limit = SIZE_MAX};
	void *start;
	int r;

	if (size == 0)
		return 0;                     /* fmemopen(3) may refuse that */
	memcpy(&start, &text, sizeof(start)); /* it takes no const, but only reads */
	reader.file = fmemopen(start, size, "r");
	if (!reader.file)
		return -errno;
	r = parse(&reader);
	fclose(reader.file);
	return r;
}
