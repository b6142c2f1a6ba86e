#include "build_config.h"

#include "base/log.h"
#include "base/log_batch.h"
#include "base/log_line.h"
#include "base/log_prefix.h"
#include "base/log_writer.h"
#include "base/number.h"
#include "base/printable.h"
#include "base/thread.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_LINE_MAX (16 * 1024) /* bytes of a line in a block; the rest is cut */
/*
 * After a write the thread rests for this long. Then it writes what has come meanwhile with one call. Waking
 * it for each line would cost the caller more than the line itself.
 */
#define REST_MS    5
#define REST_BYTES (128 * 1024) /* with this much to write it does not rest */

/*
 * One is being filled, the other is the writer's. The writer swaps them when it has written its own. Together
 * they have LOG_BYTES_MAX, in whatever parts: when the writer gets stuck, it may have taken one line, or all
 * there were. What a batch keeps anyway it may always fill, so none refuses its first line.
 *
 * They are not a part of state, which does not begin as zeros and is therefore in the program's file.
 */
static struct log_batch batches[2];

/*
 * Guarded by lock, except for the writer's own batch. The writer is the thread, or whoever writes a block,
 * or, without a thread, whoever logs.
 */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t work;  /* for the thread, while it listens or has to hurry */
	pthread_cond_t idle;  /* writing is false */
	pthread_cond_t ended; /* for log_stop: running is false */
	pthread_t thread;
	bool running; /* the thread writes; otherwise the caller does */
	bool stopping;
	bool listens;         /* the thread waits for the next line, however long that takes */
	bool hurry;           /* it does not rest before the next write */
	uint64_t rests_until; /* clock_ms */
	bool writing;         /* there is a writer */
	unsigned waiting;     /* how many more want to become the writer */
	struct log_batch *filling;
	size_t unwritten; /* bytes of the writer's batch */
} state = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .work = PTHREAD_COND_INITIALIZER,
        .idle = PTHREAD_COND_INITIALIZER,
        .filling = &batches[0],
};

static _Thread_local char last_error[512]; /* the rest is cut */

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

/* Exchanges the writer's empty batch for the filled one. */
static struct log_batch *batch_swap(void)
{
	struct log_batch *filled = state.filling;

	state.filling = filled == &batches[0] ? &batches[1] : &batches[0];
	return filled;
}

/* The thread is woken if it has nothing to do. While it rests or writes, only what is urgent hurries it. */
static void call_thread(bool urgent)
{
	if (urgent && !state.listens)
		state.hurry = true;
	if (urgent || state.listens)
		pthread_cond_signal(&state.work);
	state.listens = false;
}

/* A warning may be the last line before the process crashes, so it does not wait. */
static void batch_add(enum log_level level, const struct log_prefix *prefix, const char *text, size_t length)
{
	struct log_batch *batch = state.filling;
	size_t most = max_u64(LOG_BYTES_MAX - state.unwritten, LOG_BATCH_KEPT);

	if (log_batch_add(batch, most, prefix, text, length))
		call_thread(level < LOG_LEVEL_INFO || batch->used > REST_BYTES);
}

/* Becomes the writer, once there is no other. The lock is held. */
static void begin_writing(void)
{
	state.waiting++;
	while (state.writing)
		pthread_cond_wait(&state.idle, &state.lock);
	state.waiting--;
	state.writing = true;
}

static void end_writing(void)
{
	state.writing = false;
	pthread_cond_broadcast(&state.idle);
	pthread_cond_signal(&state.work);
}

/* The writer writes what waits. The lock is free meanwhile, so no caller waits for standard error. */
static void write_pending(void)
{
	struct log_batch *batch = batch_swap();

	state.unwritten = batch->used;
	pthread_mutex_unlock(&state.lock);
	log_batch_write(batch);
	pthread_mutex_lock(&state.lock);
	state.unwritten = 0;
}

static bool rests(void)
{
	return !state.hurry && !state.stopping && clock_ms() < state.rests_until;
}

/* Until the rest is over, or something comes that does not wait for that. */
static void rest(void)
{
	while (rests())
		(void)thread_cond_wait(&state.work, &state.lock, state.rests_until);
	state.hurry = false;
}

static void listen_for_work(void)
{
	state.listens = true;
	pthread_cond_wait(&state.work, &state.lock);
	state.listens = false;
}

/* The thread lets all others write first, because it is never out of work while lines come fast. */
static void *thread_main(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&state.lock);
	for (;;) {
		bool may_write = !state.writing && state.waiting == 0;

		if (may_write && state.filling->used > 0) {
			state.writing = true;
			write_pending();
			end_writing();
			state.rests_until = clock_ms() + REST_MS;
			rest();
		} else if (may_write && state.stopping) {
			break;
		} else {
			listen_for_work();
		}
	}
	log_prefix_release();
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
		r = thread_cond_init(&state.work);
	if (r == 0)
		r = thread_cond_init(&state.ended);
	if (r == 0)
		r = thread_cond_init(&state.idle);
	if (r == 0) {
		state.stopping = false;
		log_batch_init(&batches[0]);
		log_batch_init(&batches[1]);
		log_prefix_hold();
		r = thread_start(&state.thread, "weir-log", thread_main, NULL);
		state.running = r == 0;
	}
	pthread_mutex_unlock(&state.lock);
	return r;
}

bool log_flush(uint64_t timeout_ms)
{
	uint64_t deadline = clock_ms() + timeout_ms;
	bool more = true, in_time = true;

	pthread_mutex_lock(&state.lock);
	while (more && in_time) {
		state.hurry = true;
		pthread_cond_signal(&state.work);
		more = state.running && (state.filling->used > 0 || state.writing);
		in_time = !more || thread_cond_wait(&state.idle, &state.lock, deadline);
	}
	pthread_mutex_unlock(&state.lock);
	return !more;
}

bool log_is_behind(void)
{
	bool behind;

	pthread_mutex_lock(&state.lock);
	behind = state.filling->used + state.unwritten > LOG_BATCH_KEPT;
	pthread_mutex_unlock(&state.lock);
	return behind;
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

void log_line_write(struct log_line *line, enum log_level level)
{
	struct log_prefix prefix;
	int saved = errno;

	printable_line(line->text, line->length);
	line->text[line->length++] = '\n';
	log_prefix_make(&prefix, level);

	pthread_mutex_lock(&state.lock);
	if (state.running) {
		batch_add(level, &prefix, line->text, line->length);
	} else {
		begin_writing();
		log_writer_line(&prefix, line->text, line->length);
		end_writing();
	}
	pthread_mutex_unlock(&state.lock);
	errno = saved; /* so a log line between a failure and its check is harmless */
}

static void note_error(const struct log_line *line)
{
	size_t length = min_u64(line->length, sizeof(last_error) - 1);

	memcpy(last_error, line->text, length);
	last_error[length] = '\0';
}

const char *log_last_error(void)
{
	return last_error[0] ? last_error : NULL;
}

void log_forget_error(void)
{
	last_error[0] = '\0';
}

void log_write(enum log_level level, const char *format, ...)
{
	struct log_line line;
	int saved = errno;
	va_list args;
	int n;

	if (!log_wants(level))
		return;
	va_start(args, format);
	n = vsnprintf(line.text, sizeof(line.text), format, args);
	va_end(args);
	line.length = min_u64(n < 0 ? 0 : (uint64_t)n, LOG_LINE_MAX);
	if (level == LOG_LEVEL_ERROR)
		note_error(&line);
	errno = saved;
	log_line_write(&line, level);
}

/* A block that is being written, and its last line, which has no end yet. */
struct block {
	struct log_prefix prefix;
	size_t used;
	char line[BLOCK_LINE_MAX + sizeof("\n")];
};

static void block_end_line(struct block *block)
{
	printable_line(block->line, block->used);
	block->line[block->used++] = '\n';
	log_writer_line(&block->prefix, block->line, block->used);
	block->used = 0;
}

/* For fopencookie(3). Lines that standard error refuses are dropped and counted, so this does not fail. */
static ssize_t block_take(void *cookie, const char *text, size_t size)
{
	struct block *block = cookie;
	const char *const end = text + size;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t length = (size_t)((newline ? newline : end) - text);
		size_t kept = min_u64(length, BLOCK_LINE_MAX - block->used);

		memcpy(block->line + block->used, text, kept);
		block->used += kept;
		if (newline)
			block_end_line(block);
		text += length + (newline != NULL);
	}
	return (ssize_t)size;
}

int log_block(int (*write)(void *arg, FILE *out), void *arg)
{
	struct block block = {.used = 0};
	FILE *out = fopencookie(&block, "w", (cookie_io_functions_t){.write = block_take});
	int r;

	if (!out)
		return -ENOMEM;
	log_prefix_make(&block.prefix, LOG_LEVEL_NOTICE);
	pthread_mutex_lock(&state.lock);
	begin_writing();
	write_pending();
	pthread_mutex_unlock(&state.lock);
	r = write(arg, out);
	fclose(out);
	pthread_mutex_lock(&state.lock);
	end_writing();
	pthread_mutex_unlock(&state.lock);
	return r;
}
