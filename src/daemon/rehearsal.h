/*
 * A child of this process runs the program that is to take over, with the state that it would get, to see
 * whether it could. It holds no socket: a reset or an end reaches a peer only when the last process lets go.
 * Whatever the child does, this process goes on. Main thread.
 */
#ifndef WEIR_REHEARSAL_H
#define WEIR_REHEARSAL_H

#include <stddef.h>

struct event_base;
struct rehearsal;

/* How long it may take. Restoring 100,000 pairs takes about a second on an idle machine. */
#define REHEARSAL_MS 10000

/* The last line that one says which has succeeded. Any other program may end with status 0 as well. */
#define REHEARSAL_WORD "weir: rehearsed"

/* What is rehearsed. Borrowed by rehearsal_new. */
struct rehearsal_play {
	int program; /* descriptor */
	char **argv, **environment;
	const int *files; /* descriptors that the child inherits; those below 0 are none */
	size_t file_count;
};

/*
 * why NULL: it has succeeded. Else why not, in words, valid during the call only.
 */
typedef void rehearsal_done(void *arg, const char *why);

/* Begins. done is called once, later, unless rehearsal_free comes first. NULL with errno. */
struct rehearsal *rehearsal_new(struct event_base *base, const struct rehearsal_play *play,
                                unsigned long deadline_ms, rehearsal_done *done, void *arg);
/* Ends the child, if it has not ended. May be called from done. Takes NULL. */
void rehearsal_free(struct rehearsal *rehearsal);

/*
 * In the child: nobody would end it once its parent is gone. Execve(2) of a file with capabilities undoes
 * that, so the program that rehearses calls it too.
 */
void rehearsal_end_with_parent(void);

#endif
