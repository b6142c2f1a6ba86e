/*
 * Pipes for splice(2), kept for reuse by one worker. A pipe is as good as its size: with the kernel's default
 * of 64 KiB nothing is won over copying, so only pipes of PIPE_SIZE are handed out (pipe(7):
 * /proc/sys/fs/pipe-user-pages-soft bounds them for unprivileged users), and a flow that gets none copies.
 */
#ifndef WEIR_PIPE_POOL_H
#define WEIR_PIPE_POOL_H

#include "base/slots.h"

#include <stddef.h>
#include <stdint.h>

#define PIPE_SIZE (1024 * 1024) /* bytes */

struct pipe {
	int in, out;       /* written to and read from */
	size_t length;     /* bytes in it; kept by whoever moves them */
	struct pipe *next; /* in the pool */
};

struct pipe_pool {
	struct slots *slots; /* pipes of all workers, handed out or not; borrowed */
	struct pipe *idle;   /* empty ones */
	unsigned idle_count;
	uint64_t retry_at; /* clock_ms: not tried before, after none was to be had */
};

void pipe_pool_init(struct pipe_pool *pool, struct slots *slots);
void pipe_pool_deinit(struct pipe_pool *pool);

/* Whether it is worth asking for one. */
bool pipe_pool_has(const struct pipe_pool *pool);
/* An empty pipe, or NULL if none is to be had now. */
struct pipe *pipe_pool_get(struct pipe_pool *pool);
/* Takes a pipe back. One that still holds bytes is closed, and they are dropped. */
void pipe_pool_put(struct pipe_pool *pool, struct pipe *pipe);

#endif
