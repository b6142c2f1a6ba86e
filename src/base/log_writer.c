#include "build_config.h"

#include "base/log_writer.h"

#include "base/log.h"
#include "base/number.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	bool torn;          /* an error cut the last line off before its newline */
	uint64_t unwritten; /* lines lost since the last count of them was written */
} writer;

static _Atomic uint64_t dropped; /* lines, since the start */

static bool wait_writable(void)
{
	struct pollfd pollfd = {.fd = STDERR_FILENO, .events = POLLOUT};

	return poll(&pollfd, 1, -1) >= 0 || errno == EINTR;
}

static void advance(struct iovec *parts, size_t count, size_t written)
{
	for (size_t i = 0; i < count; i++) {
		struct iovec *part = &parts[i];
		size_t step = min_u64(written, part->iov_len);

		part->iov_base = (char *)part->iov_base + step;
		part->iov_len -= step;
		written -= step;
	}
}

/* Whether what has been written of part, a newline, a prefix and a text, ends within a line. */
static bool ends_torn(const struct iovec *part, const struct log_prefix *prefix, const char *text)
{
	const char *next = part[2].iov_base;

	return next > text ? next[-1] != '\n' : part[1].iov_len < prefix->length;
}

/*
 * Writes prefix and text, whole lines, however long that takes. Returns how many bytes of the text are left
 * after an error, or 0.
 */
static size_t emit(struct log_prefix *prefix, char *text, size_t length)
{
	char newline = '\n';
	struct iovec part[] = {{&newline, writer.torn}, {prefix->text, prefix->length}, {text, length}};
	const size_t parts = sizeof(part) / sizeof(part[0]);

	while (part[2].iov_len > 0) {
		ssize_t n = writev(STDERR_FILENO, part, (int)parts);

		if (n > 0) {
			advance(part, parts, (size_t)n);
			writer.torn = ends_torn(part, prefix, text);
		} else if (n == 0 || (errno != EINTR && (errno != EAGAIN || !wait_writable()))) {
			break;
		}
	}
	return part[2].iov_len;
}

void log_writer_drop(void)
{
	atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
}

uint64_t log_dropped_lines(void)
{
	return atomic_load_explicit(&dropped, memory_order_relaxed);
}

void log_add_dropped(uint64_t lines)
{
	atomic_fetch_add_explicit(&dropped, lines, memory_order_relaxed);
}

static void drop(void)
{
	log_writer_drop();
	writer.unwritten++;
}

/* Writes how many lines are missing here. If that fails too, the count is kept for the next time. */
static void write_missing(void)
{
	struct log_prefix prefix;
	char text[96];
	int length;

	if (writer.unwritten == 0)
		return;
	log_prefix_make(&prefix, LOG_LEVEL_WARNING);
	length = snprintf(text, sizeof(text), "log: %ju lines dropped, standard error did not take them\n",
	                  (uintmax_t)writer.unwritten);
	if (emit(&prefix, text, (size_t)length) == 0)
		writer.unwritten = 0;
}

void log_writer_line(struct log_prefix *prefix, char *text, size_t length)
{
	write_missing();
	if (emit(prefix, text, length) > 0)
		drop();
}

void log_writer_lines(char *lines, size_t length)
{
	struct log_prefix none = {.length = 0}; /* the lines have their own */
	char *line = lines, *const end = lines + length;

	while (line < end) {
		write_missing();
		line = end - emit(&none, line, (size_t)(end - line));
		if (line == end)
			break;
		drop();
		line = (char *)memchr(line, '\n', (size_t)(end - line)) + 1;
	}
}

void log_writer_missed(uint64_t lines)
{
	writer.unwritten += lines;
	write_missing();
}
