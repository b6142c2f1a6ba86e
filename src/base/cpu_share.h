/*
 * Whether a thread has CPU to spare. On a busy machine a thread that never sleeps may get a third of a CPU.
 * So the time for which it has waited for one counts as well. All times are microseconds.
 */
#ifndef WEIR_CPU_SHARE_H
#define WEIR_CPU_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define CPU_TIME_UNKNOWN UINT64_MAX

struct cpu_time {
	uint64_t run, ready; /* ready to run, and waiting for a CPU; that may be CPU_TIME_UNKNOWN */
};

/* Two moments, at least a second apart, and what the thread had used by then. Zeroed at first. */
struct cpu_share {
	uint64_t at[2]; /* the later one first */
	struct cpu_time used[2];
};

/* Permille of the time. */
struct cpu_use {
	unsigned wanted; /* it has run, or was ready to */
	unsigned ready;  /* of that, it was only ready to */
};

#define CPU_SHARE_INTERVAL_US 1000000

/* Of the calling thread, since it began. */
struct cpu_time cpu_time_used(void);

/* Time for cpu_share_note: it is not to be called more often. */
static inline bool cpu_share_is_due(const struct cpu_share *share, uint64_t now)
{
	return now - share->at[0] >= CPU_SHARE_INTERVAL_US;
}
void cpu_share_note(struct cpu_share *share, uint64_t now, struct cpu_time used);
/* Between the two moments. Zero if there are none. */
struct cpu_use cpu_share_noted(const struct cpu_share *share);
/* Since a moment that is at least a second ago. Zero if there is none. */
struct cpu_use cpu_share_since(const struct cpu_share *share, uint64_t now, struct cpu_time used);

#endif
