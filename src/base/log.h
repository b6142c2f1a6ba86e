/*
 * The log: one line per message on standard error, with the journal's priority prefix (sd-daemon(3)) when
 * standard error is the journal, with the time otherwise.
 *
 * Between log_start and log_stop lines go through a bounded buffer to a thread of their own, so a log that
 * cannot be written (a full pipe, a full disk) never stalls the caller: lines that find it full are
 * dropped, counted, and the count is written once there is room. Before log_start and after log_stop lines
 * are written directly. A line that standard error refuses (no space left, nobody reading) is dropped and
 * counted likewise, never tried again. All functions may be called from any thread, but log_start and
 * log_stop from one at a time.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are not written. The default is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
bool log_wants(enum log_level level);
const char *log_level_name(enum log_level level);
/* The level called name, or -EINVAL. */
int log_level_parse(const char *name, enum log_level *level);

/* Starts the writing thread. 0 or -errno; on failure lines are still written directly. */
int log_start(void);
/*
 * Writes what is queued, waiting at most timeout_ms for it, and ends the thread. If that is not enough the
 * thread goes on by itself, and lines are queued for it as before: nothing that runs afterwards waits for
 * standard error either.
 */
void log_stop(uint64_t timeout_ms);

/* One line; control characters become '?', what is longer than 2 KiB is cut. errno is left alone. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * A text of many lines (a dump), queued whole whatever its size. One that waits is replaced by a newer one;
 * one that is being written is written to its end. Takes text, which was malloc'd. Each line is written at
 * notice level.
 */
void log_block(char *text, size_t length);

/* Lines dropped so far. */
uint64_t log_dropped(void);

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
