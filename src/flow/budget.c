#include "build_config.h"

#include "flow/budget.h"

#include "base/number.h"

#include <stdatomic.h>

void budget_init(struct budget *budget, uint64_t max)
{
	atomic_init(&budget->max, max);
	atomic_init(&budget->used, 0);
}

uint64_t budget_used(struct budget *budget)
{
	return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

void budget_set_max(struct budget *budget, uint64_t max)
{
	atomic_store_explicit(&budget->max, max, memory_order_relaxed);
}

uint64_t budget_max(const struct budget *budget)
{
	return atomic_load_explicit(&budget->max, memory_order_relaxed);
}

/* After max was lowered, the others alone may have more than that. */
static uint64_t share(const struct budget *budget, uint64_t used, uint64_t held)
{
	uint64_t max = budget_max(budget), others = used - held;

	return max > others ? (max - others) / 2 : 0;
}

uint64_t budget_share(struct budget *budget, uint64_t held)
{
	return share(budget, budget_used(budget), held);
}

uint64_t budget_claim(struct budget *budget, uint64_t held, uint64_t wanted)
{
	uint64_t used = budget_used(budget);
	uint64_t granted;

	do {
		uint64_t limit = share(budget, used, held);

		granted = min_u64(wanted, limit);
		if (granted <= held)
			return held;
	} while (!atomic_compare_exchange_weak_explicit(&budget->used, &used, used + (granted - held),
	                                                memory_order_relaxed, memory_order_relaxed));
	return granted;
}

void budget_return(struct budget *budget, uint64_t bytes)
{
	atomic_fetch_sub_explicit(&budget->used, bytes, memory_order_relaxed);
}

void budget_take_again(struct budget *budget, uint64_t bytes)
{
	atomic_fetch_add_explicit(&budget->used, bytes, memory_order_relaxed);
}
