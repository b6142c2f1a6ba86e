/* The one clock of the daemon: monotonic, so that a wall clock set back or forth times nobody out. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds since an arbitrary point, CLOCK_MONOTONIC of clock_gettime(2). Never 0. */
static inline uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + 1;
}

#endif
