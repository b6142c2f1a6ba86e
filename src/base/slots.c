#include "build_config.h"

#include "base/slots.h"

void slots_init(struct slots *slots, uint64_t max)
{
	atomic_init(&slots->max, max);
	atomic_init(&slots->used, 0);
	atomic_init(&slots->waiting, 0);
	pthread_mutex_init(&slots->lock, NULL);
	TAILQ_INIT(&slots->waiters);
}

void slots_deinit(struct slots *slots)
{
	pthread_mutex_destroy(&slots->lock);
}

/* Never takes a slot only to give it back: another thread could find the slots full in between. */
bool slots_take(struct slots *slots)
{
	uint64_t used = atomic_load_explicit(&slots->used, memory_order_relaxed);

	do {
		uint64_t max = slots_max(slots);

		if (max > 0 && used >= max)
			return false;
	} while (!atomic_compare_exchange_weak(&slots->used, &used, used + 1));
	return true;
}

/* With the lock held. */
static void leave(struct slots *slots, struct slots_waiter *waiter)
{
	TAILQ_REMOVE(&slots->waiters, waiter, entry);
	atomic_fetch_sub(&slots->waiting, 1);
	atomic_store(&waiter->waiting, false);
}

static void tell_first(struct slots *slots, uint64_t most)
{
	struct slots_waiter *first;

	pthread_mutex_lock(&slots->lock);
	for (; most > 0 && (first = TAILQ_FIRST(&slots->waiters)); most--) {
		leave(slots, first);
		first->tell(first);
	}
	pthread_mutex_unlock(&slots->lock);
}

void slots_pass(struct slots *slots)
{
	if (atomic_load(&slots->waiting) > 0 && !slots_full(slots))
		tell_first(slots, 1);
}

/*
 * The lock is taken even if nobody seems to wait. Whoever joins the list after that finds the new limit. One
 * told too many, because others give slots back meanwhile, joins the list again.
 */
void slots_set_max(struct slots *slots, uint64_t max)
{
	uint64_t used;

	atomic_store(&slots->max, max);
	used = atomic_load(&slots->used);
	if (max == 0)
		tell_first(slots, UINT64_MAX);
	else
		tell_first(slots, max > used ? max - used : 0);
}

void slots_give(struct slots *slots)
{
	atomic_fetch_sub(&slots->used, 1);
	slots_pass(slots);
}

void slots_wait(struct slots *slots, struct slots_waiter *waiter)
{
	pthread_mutex_lock(&slots->lock);
	TAILQ_INSERT_TAIL(&slots->waiters, waiter, entry);
	atomic_store(&waiter->waiting, true);
	atomic_fetch_add(&slots->waiting, 1);
	pthread_mutex_unlock(&slots->lock);
	slots_pass(slots);
}

void slots_forget(struct slots *slots, struct slots_waiter *waiter)
{
	pthread_mutex_lock(&slots->lock);
	if (atomic_load(&waiter->waiting))
		leave(slots, waiter);
	pthread_mutex_unlock(&slots->lock);
	slots_pass(slots);
}
