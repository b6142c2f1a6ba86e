/*
 * Whether a thread has CPU to spare. On a busy machine a thread that never sleeps may get a third of a CPU.
 * So the time for which it has waited for one counts as well. All times are microseconds.
 */
#ifndef WEIR_CPU_SHARE_H
#define WEIR_CPU_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Two moments, at least a second apart, and what the thread had wanted by then. Zeroed at first. */
struct cpu_share {
	uint64_t at[2], wanted[2]; /* the later one first */
};

#define CPU_SHARE_INTERVAL_US 1000000

/* For how long the calling thread has run, or was ready to run, since it began. */
uint64_t cpu_wanted_us(void);

/* Time for cpu_share_note: it is not to be called more often. */
static inline bool cpu_share_is_due(const struct cpu_share *share, uint64_t now)
{
	return now - share->at[0] >= CPU_SHARE_INTERVAL_US;
}
void cpu_share_note(struct cpu_share *share, uint64_t now, uint64_t wanted);
/* Permille of a CPU that it has wanted since a moment that is at least a second ago. 0 if there is none. */
unsigned cpu_share_wanted(const struct cpu_share *share, uint64_t now, uint64_t wanted);

#endif
