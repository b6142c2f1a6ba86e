/*
 * The dump: records to text or JSON. Knows no sockets; the records are plain data that others fill in.
 * The words and their order are a contract with users: weir(8), section DUMP.
 */
#ifndef WEIR_DUMP_H
#define WEIR_DUMP_H

#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dump_state { DUMP_CONNECTING, DUMP_OPEN, DUMP_HALF_CLOSED, DUMP_CLOSING };
enum dump_reading { DUMP_READING_WAITING, DUMP_READING_ON, DUMP_READING_PAUSED, DUMP_READING_ENDED };
enum dump_limited { DUMP_LIMITED_NONE, DUMP_LIMITED_CLIENT, DUMP_LIMITED_TARGET, DUMP_LIMITED_RELAY };

struct dump_process {
	const char *version;
	int pid;
	int64_t time; /* seconds since the epoch, written as UTC */
	uint64_t uptime_ms;
	unsigned workers;
	uint64_t pairs;
	uint64_t used, memory_max;
};

struct dump_relay {
	const char *name; /* borrowed */
	uint64_t pairs, accepted, refused, connect_failed;
	uint64_t upload_bytes, download_bytes;
	uint64_t pauses, paused_ms;
};

struct dump_flow {
	uint64_t queued, peak, high, low;
	enum dump_reading reading;
	uint64_t pauses, paused_ms, longest_pause_ms;
	uint64_t bytes; /* written to the sink */
	uint64_t source_queue, sink_queue;
	enum dump_limited limited_by;
};

struct dump_pair {
	uint64_t id;
	const char *relay; /* borrowed */
	unsigned worker;
	enum dump_state state;
	struct endpoint_text {
		char text[56]; /* endpoint_format, cut: "[ipv6]:port" is 47 at most, unix paths may be cut */
	} client, target;
	uint64_t age_ms, idle_ms;
	struct dump_flow flow[DIRECTIONS];
};

struct dump; /* a text being written */

/* A growing text in the given format. NULL when out of memory. */
struct dump *dump_new(enum dump_format format);
/* In this order: process once, every relay, every pair, then dump_finish. */
void dump_process(struct dump *dump, const struct dump_process *process);
void dump_relay(struct dump *dump, const struct dump_relay *relay);
void dump_pair(struct dump *dump, const struct dump_pair *pair);
/*
 * Ends the text (the "end" record counts the pairs that were written) and frees dump. Returns the malloc'd
 * text, NUL-terminated, with its length, or NULL when memory ran out on the way.
 */
char *dump_finish(struct dump *dump, size_t *length);

/*
 * Replaces path by text, atomically: a temporary file beside it, then rename(2). The file's mode is 0640.
 * 0 or -errno; on failure path is as it was and the temporary file is gone.
 */
int dump_write_file(const char *path, const char *text, size_t length);

#endif
