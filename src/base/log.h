/*
 * The log: one line per message on standard error. A line starts with the journal's priority prefix
 * (sd-daemon(3)) if standard error is the journal, and with the time and the level otherwise.
 *
 * Between log_start and log_stop, lines go through a bounded buffer to a separate thread. A log that cannot
 * be written (a full pipe, a full disk) therefore never stalls the caller. Lines that find the buffer full
 * are dropped and counted. The count is written once there is room. Before log_start and after log_stop,
 * lines are written directly. A line that standard error refuses (no space left, no reader) is also dropped
 * and counted, and never tried again.
 *
 * The thread writes a line at once if its last write is 5 ms ago or more. Otherwise it waits until then, and
 * writes all lines that have come meanwhile together. Notices and worse do not wait, nor does log_stop.
 *
 * All functions may be called from any thread, but log_start and log_stop from one thread at a time.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are not written. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);
const char *log_level_name(enum log_level level);
/* The level called name, or -EINVAL. */
int log_level_parse(const char *name, enum log_level *level);

/*
 * How many bytes of lines may wait for standard error. When a target restarts, all its pairs end at once with
 * a line of some 430 bytes each, while the journal rests or the log's thread gets no CPU. There is room for
 * the lines of 19,000 pairs. Memory is taken as lines come, and given back when they are written.
 */
#define LOG_BYTES_MAX (8 * 1024 * 1024)

/* Starts the writing thread. 0 or -errno; on failure lines are still written directly. */
int log_start(void);
/*
 * Writes what is queued, waits for a block to be written, and ends the thread, all within timeout_ms. If that
 * is too short, the thread goes on by itself and lines are still queued for it. Nothing that runs afterwards
 * waits for standard error either.
 */
void log_stop(uint64_t timeout_ms);

/* Waits until all lines so far are written, for at most timeout_ms. False if some are not. */
bool log_flush(uint64_t timeout_ms);

/* Whether so much waits to be written that log_flush may take long. */
bool log_is_behind(void);

/* Writes one line. Control characters become '?', and anything over 2 KiB is cut. errno is preserved. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* How many lines were dropped since the start. */
uint64_t log_dropped_lines(void);
/* So many were dropped before this program took over. */
void log_add_dropped(uint64_t lines);

/*
 * Writes a text of many lines (a dump), whatever its size. write puts it into out and returns 0 or -errno. No
 * other line comes in between; others wait in the buffer. Each line is marked as a notice, and log_set_level
 * does not filter it. Lines are written as they come, so the whole text is never in memory. This takes as
 * long as standard error does, so call it on a thread of its own. write must not log. Returns what write
 * returned, or -ENOMEM.
 */
int log_block(int (*write)(void *arg, FILE *out), void *arg);

/*
 * The last error that this thread has logged since log_forget_error, without time and level, or NULL. So
 * whoever hears of an error that was logged can also say it elsewhere. It is valid until the next one.
 */
const char *log_last_error(void);
void log_forget_error(void);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
