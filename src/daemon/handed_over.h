/*
 * What the program before this one has left in the same process: memory files whose descriptors are in the
 * environment (PROGRAM_VARIABLE). In a rehearsal the same, but the program before goes on.
 */
#ifndef WEIR_HANDED_OVER_H
#define WEIR_HANDED_OVER_H

#include "base/memory_file.h"

#include <stdbool.h>
#include <stddef.h>

/* How many workers there can have been. */
#define HANDED_OVER_PARTS_MAX 256

/* The order of the files; those of the workers come last. */
enum { TAKEOVER_CONFIG, TAKEOVER_MAIN, TAKEOVER_FIRST_PART };

struct config;

struct handed_over {
	bool rehearsal;
	bool has_config;           /* there is a file, and config is what it says */
	bool outdated;             /* that does not load any more, so it is not what this program runs by */
	struct memory_text config; /* may be empty */
	struct memory_text main;   /* the state but for what the workers have */
	struct memory_text parts[HANDED_OVER_PARTS_MAX]; /* of each worker */
	size_t count;     /* of parts; 0: nothing was handed over, and this is a start */
	unsigned attempt; /* how often this was tried before; see takeover_again.h */
	int files[HANDED_OVER_PARTS_MAX + TAKEOVER_FIRST_PART]; /* all of these; -1: none */
};

/*
 * Takes it out of the environment, without asking for memory. 0, also if there is nothing, or -errno: -EINVAL
 * if that is nothing that weir has made. handed_over_deinit must follow in either case.
 */
int handed_over_take(struct handed_over *handed);
/* Also takes a zeroed one. Twice is fine. */
void handed_over_deinit(struct handed_over *handed);

static inline bool handed_over_any(const struct handed_over *handed)
{
	return handed->count > 0;
}

/* The settings that were in force, for when those in config do not load. A reference, or NULL. */
struct config *handed_over_config(const struct handed_over *handed);
/* Bytes of the state. */
size_t handed_over_size(const struct handed_over *handed);

/*
 * The value for PROGRAM_VARIABLE, for files in that order; the one of the configuration may be below 0. The
 * caller frees it. NULL when out of memory.
 */
char *handed_over_describe(bool rehearsal, const int *files, size_t count);
/* The same for another attempt at what was handed over to this program. */
char *handed_over_describe_again(const struct handed_over *handed);
/* Lets execve(2) keep these descriptors. -1: none. Safe between fork(2) and execve(2). */
void handed_over_pass_on(const int *files, size_t count);
void handed_over_pass_on_again(const struct handed_over *handed);

#endif
