/*
 * Where the held clients of one relay wait on one worker: see pair/pair_hold.c. Only that worker writes and
 * reads it. Must start zeroed.
 */
#ifndef WEIR_GATE_H
#define WEIR_GATE_H

#include <stdint.h>
#include <sys/queue.h>

struct pair;

struct gate {
	TAILQ_HEAD(, pair) line; /* in the order in which they were held */
	uint64_t opens;          /* clock_ms at which the first of them may try */
	unsigned heard;          /* of the news of the standing, so many */
	LIST_ENTRY(gate) entry;  /* while somebody is in line */
};

#endif
