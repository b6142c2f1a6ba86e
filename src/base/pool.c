#include "build_config.h"

#include "base/pool.h"

#include "base/number.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Units that are given back at a time. Those that are next to each other cost one system call. */
#define BATCH 256

/* The top of a stack: 1 + the number of a unit, or 0, and above it a count of changes (the ABA problem). */
#define TOP_BITS 32

static uint32_t top_of(uint64_t stack)
{
	return (uint32_t)stack;
}

static uint64_t with_top(uint64_t stack, uint32_t top)
{
	return ((stack >> TOP_BITS) + 1) << TOP_BITS | top;
}

static void push(struct pool *pool, _Atomic uint64_t *stack, uint32_t unit)
{
	uint64_t before = atomic_load_explicit(stack, memory_order_relaxed);

	do {
		atomic_store_explicit(&pool->next[unit], top_of(before), memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(stack, &before, with_top(before, unit + 1),
	                                                memory_order_release, memory_order_relaxed));
}

/*
 * False if the stack is empty. If another thread takes the unit meanwhile, what was read from it is not used.
 */
static bool pop(struct pool *pool, _Atomic uint64_t *stack, uint32_t *unit)
{
	uint64_t before = atomic_load_explicit(stack, memory_order_acquire);
	uint32_t below;

	do {
		if (top_of(before) == 0)
			return false;
		*unit = top_of(before) - 1;
		below = atomic_load_explicit(&pool->next[*unit], memory_order_relaxed);
	} while (!atomic_compare_exchange_weak_explicit(stack, &before, with_top(before, below),
	                                                memory_order_acquire, memory_order_acquire));
	return true;
}

static bool pop_spare(struct pool *pool, uint32_t *unit, uint32_t *left)
{
	if (!pop(pool, &pool->spare, unit))
		return false;
	*left = atomic_fetch_sub_explicit(&pool->spares, 1, memory_order_relaxed) - 1;
	return true;
}

/*
 * When several threads do this at once, the number left may be too large. A unit is then given back too
 * early.
 */
static void note_least(struct pool *pool, uint32_t least)
{
	if (least < atomic_load_explicit(&pool->least, memory_order_relaxed))
		atomic_store_explicit(&pool->least, least, memory_order_relaxed);
}

static bool take_fresh(struct pool *pool, uint32_t *unit)
{
	*unit = atomic_load_explicit(&pool->fresh, memory_order_relaxed);
	do {
		if (*unit >= atomic_load_explicit(&pool->count, memory_order_acquire))
			return false;
	} while (!atomic_compare_exchange_weak_explicit(&pool->fresh, unit, *unit + 1, memory_order_relaxed,
	                                                memory_order_relaxed));
	return true;
}

void *pool_get(struct pool *pool)
{
	uint32_t unit, left;

	if (pop_spare(pool, &unit, &left))
		note_least(pool, left);
	else if (!pop(pool, &pool->gone, &unit) && !take_fresh(pool, &unit))
		return NULL;
	return pool->units + unit * pool->unit;
}

static void tell(struct pool *pool, uint32_t spares)
{
	if (spares <= pool->keep || atomic_load_explicit(&pool->told, memory_order_relaxed))
		return;
	if (!atomic_exchange(&pool->told, true) && pool->piled)
		pool->piled(pool->arg);
}

void pool_put(struct pool *pool, void *unit)
{
	size_t offset = (size_t)((unsigned char *)unit - pool->units);
	/* Counted first, so that whoever takes the unit does not count below 0. */
	uint32_t spares = atomic_fetch_add_explicit(&pool->spares, 1, memory_order_relaxed) + 1;

	push(pool, &pool->spare, (uint32_t)(offset / pool->unit));
	tell(pool, spares);
}

bool pool_owns(const struct pool *pool, const void *address)
{
	return pool->units && (uintptr_t)address - (uintptr_t)pool->units < pool->most * pool->unit;
}

static int ascending(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return left < right ? -1 : left > right;
}

/* Nobody else uses these units, so no thread has to wait for this. */
static void give_back(struct pool *pool, uint32_t units[], uint32_t count)
{
	uint32_t first = 0;

	qsort(units, count, sizeof(units[0]), ascending);
	for (uint32_t i = 0; i < count; i++) {
		if (i + 1 < count && units[i + 1] == units[i] + 1)
			continue;
		(void)madvise(pool->units + units[first] * pool->unit, (i + 1 - first) * pool->unit,
		              MADV_DONTNEED);
		first = i + 1;
	}
	for (uint32_t i = count; i > 0; i--)
		push(pool, &pool->gone, units[i - 1]);
}

bool pool_give_back(struct pool *pool)
{
	uint32_t least = atomic_load_explicit(&pool->least, memory_order_relaxed);
	uint32_t units[BATCH], count = 0, left;

	if (least <= pool->keep)
		return false;
	while (count < min_u64(least - pool->keep, BATCH) && pop_spare(pool, &units[count], &left))
		count++;
	give_back(pool, units, count);
	note_least(pool, least - count);
	return count == BATCH;
}

bool pool_look(struct pool *pool)
{
	uint32_t spares = atomic_load_explicit(&pool->spares, memory_order_relaxed);

	atomic_store_explicit(&pool->least, spares, memory_order_relaxed);
	return spares > pool->keep;
}

void pool_rest(struct pool *pool)
{
	atomic_store(&pool->told, false);
	tell(pool, atomic_load(&pool->spares)); /* some may have piled up before that */
}

/* While a batch is being given back, its units are missing, so there is one batch more. */
static uint32_t units_for(const struct pool *pool, uint64_t bytes)
{
	return (uint32_t)min_u64(bytes / pool->unit + BATCH, UINT32_MAX - 1);
}

/* Nothing may be read or written there yet. Huge pages would make a unit cost as much as hundreds of them. */
static int reserve(struct pool *pool, uint32_t most)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t bytes = (most * pool->unit + page - 1) / page * page;

	pool->range_size = bytes + pool->unit + most * sizeof(pool->next[0]);
	pool->range =
	        mmap(NULL, pool->range_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (pool->range == MAP_FAILED)
		return -errno;
	(void)madvise(pool->range, pool->range_size, MADV_NOHUGEPAGE);
	pool->units = pool->range;
	pool->units += -(uintptr_t)pool->range % pool->unit;
	pool->next = (_Atomic uint32_t *)(void *)(pool->units + bytes);
	pool->most = most;
	return 0;
}

static int allow(void *start, size_t bytes)
{
	return mprotect(start, bytes, PROT_READ | PROT_WRITE) < 0 ? -errno : 0;
}

int pool_extend(struct pool *pool, uint64_t bytes)
{
	uint32_t count;
	int error;

	if (!pool->units)
		return -ENOMEM;
	count = units_for(pool, bytes);
	if (count <= atomic_load_explicit(&pool->count, memory_order_relaxed))
		return 0;
	if (count > pool->most)
		return -ENOMEM;
	error = allow(pool->next, count * sizeof(pool->next[0]));
	if (!error)
		error = allow(pool->units, count * pool->unit);
	if (!error)
		atomic_store_explicit(&pool->count, count, memory_order_release);
	return error;
}

int pool_init(struct pool *pool, size_t unit, uint64_t bytes, uint64_t most, size_t keep)
{
	int error;

	*pool = (struct pool){.unit = unit, .keep = (uint32_t)(keep / unit)};
	error = reserve(pool, units_for(pool, max_u64(bytes, most)));
	if (error)
		error = reserve(pool, units_for(pool, bytes));
	if (!error)
		error = pool_extend(pool, bytes);
	if (error && pool->units)
		pool_deinit(pool);
	else if (error)
		*pool = (struct pool){.units = NULL};
	return error;
}

void pool_deinit(struct pool *pool)
{
	if (pool->units)
		(void)munmap(pool->range, pool->range_size);
	*pool = (struct pool){.units = NULL};
}
