/* The daemon's only clock. It is monotonic, so setting the wall clock times nothing out. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* Milliseconds since an arbitrary point, by CLOCK_MONOTONIC of clock_gettime(2). Never 0. */
static inline uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

/* Microseconds since the same point. Never 0. clock_ms is clock_ms_of(clock_us) at any moment. */
static inline uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 + 1000;
}

static inline uint64_t clock_ms_of(uint64_t us)
{
	return us / 1000;
}

/* Milliseconds in the form that libevent's timers take. */
static inline struct timeval clock_timeval(uint64_t milliseconds)
{
	return (struct timeval){.tv_sec = (time_t)(milliseconds / 1000),
	                        .tv_usec = (suseconds_t)(milliseconds % 1000) * 1000};
}

#endif
