#include "build_config.h"

#include "base/evmemory.h"

#include "base/number.h"
#include "base/pool.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/*
 * glibc looks at the end of a heap when a block becomes free that, with what is free around it, has at least
 * so many bytes.
 */
#define LOOK_BYTES (64 * 1024)

static struct pool *chains, *records;

static void *allocate(size_t size)
{
	void *unit = NULL;

	if (chains && size == chains->unit)
		unit = pool_get(chains);
	else if (records && size <= EVMEMORY_RECORD_SIZE)
		unit = pool_get(records);
	return unit ? unit : malloc(size);
}

static struct pool *owner_of(const void *memory)
{
	if (chains && pool_owns(chains, memory))
		return chains;
	return records && pool_owns(records, memory) ? records : NULL;
}

static void release(void *memory)
{
	struct pool *owner = owner_of(memory);

	if (owner)
		pool_put(owner, memory);
	else
		free(memory);
}

/* libevent resizes arrays, never the chains of a buffer. */
static void *resize(void *memory, size_t size)
{
	struct pool *owner = owner_of(memory);
	void *larger;

	if (!owner)
		return realloc(memory, size);
	larger = malloc(size);
	if (larger) {
		memcpy(larger, memory, min_u64(size, owner->unit));
		pool_put(owner, memory);
	}
	return larger;
}

void evmemory_use(struct pool *of_chains, struct pool *of_records)
{
	chains = of_chains;
	records = of_records;
	event_set_mem_functions(allocate, resize, release);
}

void evmemory_tidy(void)
{
	void *volatile block = malloc(LOOK_BYTES);

	free(block);
}
