#include "build_config.h"

#include "worker/newcomers.h"

void newcomers_init(struct newcomers *newcomers)
{
	atomic_init(&newcomers->in, 0);
	atomic_init(&newcomers->out, 0);
	for (unsigned i = 0; i < NEWCOMERS_MAX; i++)
		atomic_init(&newcomers->places[i].sequence, i);
}

/*
 * Whoever moves *count on has the place that it stood for. The place is ready when its sequence is count +
 * ahead. False if it is not ready yet.
 */
static bool claim(struct newcomers *newcomers, _Atomic unsigned *count, unsigned ahead, unsigned *claimed)
{
	unsigned at = atomic_load_explicit(count, memory_order_relaxed);

	for (;;) {
		unsigned sequence = atomic_load_explicit(&newcomers->places[at % NEWCOMERS_MAX].sequence,
		                                         memory_order_acquire);
		int late = (int)(at + ahead - sequence);

		if (late > 0)
			return false;
		if (late < 0)
			at = atomic_load_explicit(count, memory_order_relaxed);
		else if (atomic_compare_exchange_weak_explicit(count, &at, at + 1, memory_order_relaxed,
		                                               memory_order_relaxed))
			break;
	}
	*claimed = at;
	return true;
}

bool newcomers_put(struct newcomers *newcomers, const struct newcomer *newcomer)
{
	unsigned at;

	if (!claim(newcomers, &newcomers->in, 0, &at))
		return false;
	newcomers->places[at % NEWCOMERS_MAX].newcomer = *newcomer;
	atomic_store_explicit(&newcomers->places[at % NEWCOMERS_MAX].sequence, at + 1, memory_order_release);
	return true;
}

bool newcomers_take(struct newcomers *newcomers, struct newcomer *newcomer)
{
	unsigned at;

	if (!claim(newcomers, &newcomers->out, 1, &at))
		return false;
	*newcomer = newcomers->places[at % NEWCOMERS_MAX].newcomer;
	atomic_store_explicit(&newcomers->places[at % NEWCOMERS_MAX].sequence, at + NEWCOMERS_MAX,
	                      memory_order_release);
	return true;
}

bool newcomers_look(const struct newcomers *newcomers, unsigned number, struct newcomer *newcomer)
{
	unsigned at = atomic_load(&newcomers->out) + number;

	if (atomic_load(&newcomers->places[at % NEWCOMERS_MAX].sequence) != at + 1)
		return false;
	*newcomer = newcomers->places[at % NEWCOMERS_MAX].newcomer;
	return true;
}
