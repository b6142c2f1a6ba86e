#include "build_config.h"

#include "base/slots.h"

void slots_init(struct slots *slots, uint64_t max)
{
	slots->max = max;
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
		if (slots->max > 0 && used >= slots->max)
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

void slots_pass(struct slots *slots)
{
	struct slots_waiter *first;

	if (atomic_load(&slots->waiting) == 0 || slots_full(slots))
		return;
	pthread_mutex_lock(&slots->lock);
	first = TAILQ_FIRST(&slots->waiters);
	if (first) {
		leave(slots, first);
		first->tell(first);
	}
	pthread_mutex_unlock(&slots->lock);
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
