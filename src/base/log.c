#include "build_config.h"

#include "base/log.h"
#include "base/number.h"
#include "base/printable.h"
#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048         /* of a line's text; a longer one is cut */
#define BATCH_BYTES    (256 * 1024) /* lines that wait for the writer */

/* The start of a line: "<6>" or "2026-01-01T00:00:00.000+00:00 info ". */
struct prefix {
	char text[64];
	size_t length;
};

/*
 * bytes[0 to used) are whole lines. There are two batches: one is being filled, the other is the writer's.
 * The writer swaps them when it has written its own. Once a batch has refused a line, it refuses all later
 * ones. The gap is then always at its end, and the count of missing lines can be written in their place.
 */
struct batch {
	size_t used;
	uint64_t refused;
	char bytes[BATCH_BYTES];
};

/* Guarded by lock, except for the writer's own batch. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* for the thread: there is something to write, or stopping */
	pthread_cond_t ended; /* for log_stop: running is false */
	pthread_t thread;
	bool running; /* the thread writes; otherwise the caller does */
	bool stopping;
	struct batch batches[2];
	struct batch *filling;
	char *block; /* owned; NULL when none is queued */
	size_t block_length;
	struct prefix block_prefix;
} state = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .work = PTHREAD_COND_INITIALIZER,
        .filling = &state.batches[0],
};

/* Belongs to the writer: the thread while it runs, otherwise the holder of the lock. */
static struct {
	bool torn;          /* an error cut the last line off before its newline */
	uint64_t unwritten; /* lines lost since the last count of them was written */
} writer;

static _Atomic int level_max = LOG_LEVEL_INFO;

static const char *const level_names[] = {
        [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
        [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",
};

void log_set_level(enum log_level level)
{
	level_max = (int)level;
}

bool log_wants(enum log_level level)
{
	return (int)level <= level_max;
}

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(name, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

/*
 * JOURNAL_STREAM may have been inherited across a redirection. systemd.exec(5) says to compare it with the
 * file.
 */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct stat st;
	char own[64];

	if (!stream || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(stream, own) == 0;
}

/* The local time in ISO 8601. Its offset has a colon, which strftime(3) cannot write. */
static size_t format_time(char *buf, size_t size)
{
	struct timespec now;
	struct tm local = {0};
	char seconds[32];
	long offset;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	offset = labs(local.tm_gmtoff) / 60;
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &local);
	return (size_t)snprintf(buf, size, "%s.%03ld%c%02ld:%02ld", seconds, now.tv_nsec / 1000000,
	                        local.tm_gmtoff < 0 ? '-' : '+', offset / 60, offset % 60);
}

static void prefix_make(struct prefix *prefix, enum log_level level)
{
	size_t length = 0;

	if (stderr_is_journal()) {
		/* sd-daemon(3) uses syslog's numbers, in which an error is 3. */
		prefix->length = (size_t)snprintf(prefix->text, sizeof(prefix->text), "<%d>", (int)level + 3);
		return;
	}
	length = format_time(prefix->text, sizeof(prefix->text));
	prefix->length = length + (size_t)snprintf(prefix->text + length, sizeof(prefix->text) - length,
	                                           " %s ", log_level_name(level));
}

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

/* Writes prefix and text, which ends with a newline, however long that takes. False on an error. */
static bool emit(struct prefix *prefix, char *text, size_t length)
{
	char newline = '\n';
	struct iovec part[] = {{&newline, writer.torn}, {prefix->text, prefix->length}, {text, length}};
	const size_t parts = sizeof(part) / sizeof(part[0]);
	size_t left = writer.torn + prefix->length + length;

	while (left > 0) {
		ssize_t n = writev(STDERR_FILENO, part, (int)parts);

		if (n > 0) {
			advance(part, parts, (size_t)n);
			left -= (size_t)n;
			writer.torn = left > 0;
		} else if (n == 0 || (errno != EINTR && (errno != EAGAIN || !wait_writable()))) {
			return false;
		}
	}
	return true;
}

/* Writes how many lines are missing here. If that fails too, the count is kept for the next time. */
static void write_missing(void)
{
	struct prefix prefix;
	char text[96];
	int length;

	if (writer.unwritten == 0)
		return;
	prefix_make(&prefix, LOG_LEVEL_WARNING);
	length = snprintf(text, sizeof(text), "log: %ju lines dropped, standard error did not take them\n",
	                  (uintmax_t)writer.unwritten);
	if (emit(&prefix, text, (size_t)length))
		writer.unwritten = 0;
}

static void write_line(struct prefix *prefix, char *text, size_t length)
{
	write_missing();
	if (!emit(prefix, text, length))
		writer.unwritten++;
}

/* Writes every line of text. Anything after the last newline is ignored. */
static void write_lines(struct prefix *prefix, char *text, size_t length)
{
	char *end;

	for (; (end = memchr(text, '\n', length)) != NULL; text = end + 1) {
		printable_line(text, (size_t)(end - text));
		write_line(prefix, text, (size_t)(end + 1 - text));
		length -= (size_t)(end + 1 - text);
	}
}

static void write_batch(struct batch *batch)
{
	struct prefix none = {.length = 0}; /* the lines of a batch have their own */

	write_lines(&none, batch->bytes, batch->used);
	writer.unwritten += batch->refused;
	write_missing();
	batch->used = 0;
	batch->refused = 0;
}

/* Exchanges the writer's empty batch for the filled one. */
static struct batch *batch_swap(void)
{
	struct batch *filled = state.filling;

	state.filling = filled == &state.batches[0] ? &state.batches[1] : &state.batches[0];
	return filled;
}

static void batch_add(const struct prefix *prefix, const char *text, size_t length)
{
	struct batch *batch = state.filling;

	if (batch->refused > 0 || prefix->length + length > sizeof(batch->bytes) - batch->used) {
		batch->refused++;
		return;
	}
	memcpy(batch->bytes + batch->used, prefix->text, prefix->length);
	memcpy(batch->bytes + batch->used + prefix->length, text, length);
	batch->used += prefix->length + length;
	pthread_cond_signal(&state.work);
}

/* Writes what is there now. The lock is free meanwhile, so no caller waits for standard error. */
static void write_pending(void)
{
	struct batch *batch = batch_swap();
	char *block = state.block; /* ours: the next one may be queued while it is written */
	size_t length = state.block_length;
	struct prefix prefix = state.block_prefix;

	state.block = NULL;
	pthread_mutex_unlock(&state.lock);
	write_batch(batch);
	if (block)
		write_lines(&prefix, block, length);
	pthread_mutex_lock(&state.lock);
	free(block);
}

static void *thread_main(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&state.lock);
	for (;;) {
		if (state.filling->used > 0 || state.block)
			write_pending();
		else if (state.stopping)
			break;
		else
			pthread_cond_wait(&state.work, &state.lock);
	}
	state.running = false;
	pthread_cond_signal(&state.ended);
	pthread_mutex_unlock(&state.lock);
	return NULL;
}

int log_start(void)
{
	int r = 0;

	pthread_mutex_lock(&state.lock);
	if (state.running)
		r = -EBUSY;
	if (r == 0)
		r = thread_cond_init(&state.ended);
	if (r == 0) {
		state.stopping = false;
		r = thread_start(&state.thread, "weir-log", thread_main, NULL);
		state.running = r == 0;
	}
	pthread_mutex_unlock(&state.lock);
	return r;
}

/* Asks the thread to end and waits for it. False if it is still writing at deadline. */
static bool thread_ended(uint64_t deadline)
{
	state.stopping = true;
	pthread_cond_signal(&state.work);
	while (state.running && thread_cond_wait(&state.ended, &state.lock, deadline))
		;
	return !state.running;
}

void log_stop(uint64_t timeout_ms)
{
	uint64_t deadline = clock_ms() + timeout_ms;
	bool ended = false;

	pthread_mutex_lock(&state.lock);
	if (!state.running || state.stopping) {
		pthread_mutex_unlock(&state.lock);
		return;
	}
	ended = thread_ended(deadline);
	pthread_mutex_unlock(&state.lock);
	/*
	 * A thread stuck in write(2) is left alone. Only a reader can free it, and a stop does not wait for a
	 * reader.
	 */
	if (ended)
		pthread_join(state.thread, NULL);
	else
		pthread_detach(state.thread);
}

void log_write(enum log_level level, const char *format, ...)
{
	char text[LINE_MAX_BYTES + 1];
	struct prefix prefix;
	int saved = errno;
	va_list args;
	size_t length;
	int n;

	if (!log_wants(level))
		return;
	va_start(args, format);
	n = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	length = n < 0 ? 0 : (size_t)n;
	if (length > LINE_MAX_BYTES)
		length = LINE_MAX_BYTES;
	printable_line(text, length);
	text[length++] = '\n';
	prefix_make(&prefix, level);

	pthread_mutex_lock(&state.lock);
	if (state.running)
		batch_add(&prefix, text, length);
	else
		write_line(&prefix, text, length);
	pthread_mutex_unlock(&state.lock);
	errno = saved; /* so a log line between a failure and its check is harmless */
}

/* Hands text over to the thread, which frees it. A text that still waits is replaced. */
static void block_keep(const struct prefix *prefix, char *text, size_t length)
{
	free(state.block);
	state.block = text;
	state.block_length = length;
	state.block_prefix = *prefix;
	pthread_cond_signal(&state.work);
}

void log_block(char *text, size_t length)
{
	struct prefix prefix;

	prefix_make(&prefix, LOG_LEVEL_NOTICE);

	pthread_mutex_lock(&state.lock);
	if (state.running) {
		block_keep(&prefix, text, length);
		text = NULL; /* handed over */
	} else {
		write_lines(&prefix, text, length);
	}
	pthread_mutex_unlock(&state.lock);
	free(text);
}
