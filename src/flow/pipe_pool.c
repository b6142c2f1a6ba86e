#include "build_config.h"

#include "flow/pipe_pool.h"

#include "base/clock.h"
#include "base/number.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Empty pipes that a worker keeps. While sinks keep up, one pipe serves all its flows one by one. */
#define IDLE_MAX 8
/* How long no new pipe is tried after one could not be made. */
#define RETRY_MS 1000
/* After that, for how long there are taken to be no more possible than there were then. */
#define REMEMBER_MS 60000

void pipe_pool_init(struct pipe_pool *pool, struct slots *slots)
{
	*pool = (struct pipe_pool){.slots = slots, .possible = UINT64_MAX};
}

static void close_pipe(struct pipe_pool *pool, struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	slots_give(pool->slots);
}

void pipe_pool_deinit(struct pipe_pool *pool)
{
	while (pool->idle) {
		struct pipe *pipe = pool->idle;

		pool->idle = pipe->next;
		close_pipe(pool, pipe);
	}
	pool->idle_count = 0;
}

static struct pipe *open_pipe(void)
{
	struct pipe *pipe = malloc(sizeof(*pipe));
	int fds[2];

	if (!pipe)
		return NULL;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		free(pipe);
		return NULL;
	}
	if (fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) < PIPE_SIZE) {
		close(fds[0]);
		close(fds[1]);
		free(pipe);
		return NULL;
	}
	*pipe = (struct pipe){.in = fds[1], .out = fds[0]};
	return pipe;
}

static struct pipe *make_pipe(struct pipe_pool *pool)
{
	struct pipe *pipe;

	if (!slots_take(pool->slots))
		return NULL;
	pipe = open_pipe();
	if (!pipe) {
		slots_give(pool->slots);
		pool->possible = slots_used(pool->slots);
		pool->retry_at = clock_ms() + RETRY_MS;
	}
	return pipe;
}

bool pipe_pool_has(const struct pipe_pool *pool)
{
	return pool->idle || (!slots_full(pool->slots) && clock_ms() >= pool->retry_at);
}

static uint64_t most_pipes(const struct pipe_pool *pool)
{
	uint64_t max = slots_max(pool->slots), most = max == 0 ? UINT64_MAX : max;

	return clock_ms() < pool->retry_at + REMEMBER_MS ? min_u64(most, pool->possible) : most;
}

bool pipe_pool_has_plenty(const struct pipe_pool *pool)
{
	return pipe_pool_has(pool) && slots_used(pool->slots) < most_pipes(pool) / 2;
}

struct pipe *pipe_pool_get(struct pipe_pool *pool)
{
	struct pipe *pipe = pool->idle;

	if (!pipe)
		return make_pipe(pool);
	pool->idle = pipe->next;
	pool->idle_count--;
	pipe->next = NULL;
	return pipe;
}

struct pipe *pipe_pool_adopt(struct pipe_pool *pool, int in, int out, size_t length)
{
	struct pipe *pipe = malloc(sizeof(*pipe));

	if (!pipe) {
		close(in);
		close(out);
		return NULL;
	}
	slots_take_again(pool->slots);
	*pipe = (struct pipe){.in = in, .out = out, .length = length};
	return pipe;
}

void pipe_pool_put(struct pipe_pool *pool, struct pipe *pipe)
{
	if (pipe->length > 0 || pool->idle_count >= IDLE_MAX) {
		close_pipe(pool, pipe);
		return;
	}
	pipe->next = pool->idle;
	pool->idle = pipe;
	pool->idle_count++;
}
