/*
 * Pipes for splice(2), kept for reuse by one worker. At the kernel's default size of 64 KiB a pipe is no
 * faster than copying, so only pipes of PIPE_SIZE are handed out. For unprivileged users
 * /proc/sys/fs/pipe-user-pages-soft limits how many there can be: see pipe(7). A flow that gets no pipe
 * copies.
 */
#ifndef WEIR_PIPE_POOL_H
#define WEIR_PIPE_POOL_H

#include "base/slots.h"

#include <stddef.h>
#include <stdint.h>

#define PIPE_SIZE (1024 * 1024) /* bytes */

struct pipe {
	int in, out;       /* in is written to, out is read from */
	size_t length;     /* bytes in it; kept up to date by whoever moves them */
	struct pipe *next; /* in the pool, or in a queue: the one that holds newer bytes */
};

struct pipe_pool {
	struct slots *slots; /* pipes of all workers, handed out or not; borrowed */
	struct pipe *idle;   /* empty ones */
	unsigned idle_count;
	uint64_t possible; /* how many there were when one could not be made; UINT64_MAX: that has not been */
	uint64_t retry_at; /* clock_ms: no new pipe is tried before this, after one could not be made */
};

void pipe_pool_init(struct pipe_pool *pool, struct slots *slots);
void pipe_pool_deinit(struct pipe_pool *pool);

/* Whether it is worth asking for a pipe. */
bool pipe_pool_has(const struct pipe_pool *pool);
/* Whether a flow that has a pipe may ask for another. Half of all pipes are for flows that have none. */
bool pipe_pool_has_plenty(const struct pipe_pool *pool);
/* An empty pipe with no next, or NULL if none is available now. */
struct pipe *pipe_pool_get(struct pipe_pool *pool);
/*
 * A pipe of the program before this one, with length bytes in it. NULL when out of memory: the descriptors
 * are closed then.
 */
struct pipe *pipe_pool_adopt(struct pipe_pool *pool, int in, int out, size_t length);
/* Takes a pipe back. If it still holds bytes, it is closed and they are dropped. */
void pipe_pool_put(struct pipe_pool *pool, struct pipe *pipe);

#endif
