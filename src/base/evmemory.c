#include "build_config.h"

#include "base/evmemory.h"

#include "base/number.h"
#include "base/pool.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

static struct pool *pool;

static void *allocate(size_t size)
{
	void *unit = pool && size == pool->unit ? pool_get(pool) : NULL;

	return unit ? unit : malloc(size);
}

static void release(void *memory)
{
	if (pool && pool_owns(pool, memory))
		pool_put(pool, memory);
	else
		free(memory);
}

/* libevent resizes arrays, never the chains of a buffer. */
static void *resize(void *memory, size_t size)
{
	void *larger;

	if (!pool || !pool_owns(pool, memory))
		return realloc(memory, size);
	larger = malloc(size);
	if (larger) {
		memcpy(larger, memory, min_u64(size, pool->unit));
		pool_put(pool, memory);
	}
	return larger;
}

void evmemory_use(struct pool *chains)
{
	pool = chains;
	event_set_mem_functions(allocate, resize, release);
}
