/*
 * A limit that threads share: on all pairs, on the pairs of one relay, or on pipes. Whoever finds no free
 * slot may wait for one.
 *
 * No waiter stays in the list while a slot is free. Whoever gives a slot back or raises the limit looks for
 * waiters, and whoever joins the list looks for free slots afterwards. A waiter that is told and does not
 * take the slot passes it on.
 */
#ifndef WEIR_SLOTS_H
#define WEIR_SLOTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/* Embedded in whatever waits. Must start zeroed, except tell. */
struct slots_waiter {
	/* A slot may be free now. Runs on any thread, under a lock: must not call slots. */
	void (*tell)(struct slots_waiter *waiter);
	/* private */
	_Atomic bool waiting;
	TAILQ_ENTRY(slots_waiter) entry;
};

TAILQ_HEAD(slots_waiters, slots_waiter);

struct slots {
	_Atomic uint64_t max; /* 0 = no limit; see slots_set_max */
	_Atomic uint64_t used;
	/* private: the list is only looked at when somebody waits */
	_Atomic unsigned waiting;
	pthread_mutex_t lock;
	struct slots_waiters waiters;
};

void slots_init(struct slots *slots, uint64_t max);
void slots_deinit(struct slots *slots);

/*
 * Changes the limit, while others take and give. Tells as many waiters as there are free slots now. If more
 * are in use than that, nobody gets one until enough were given back.
 */
void slots_set_max(struct slots *slots, uint64_t max);
static inline uint64_t slots_max(const struct slots *slots)
{
	return atomic_load_explicit(&slots->max, memory_order_relaxed);
}

/* False if all are in use. */
bool slots_take(struct slots *slots);
/* Takes one even if all are in use: whoever had it before this program was started has it still. */
static inline void slots_take_again(struct slots *slots)
{
	atomic_fetch_add(&slots->used, 1);
}
/* Gives one back and tells the first waiter. */
void slots_give(struct slots *slots);

static inline bool slots_full(struct slots *slots)
{
	/* Not relaxed: whoever gives a slot back sees the new limit, or is seen by slots_set_max. */
	uint64_t max = atomic_load(&slots->max);

	return max > 0 && atomic_load(&slots->used) >= max;
}

static inline uint64_t slots_used(struct slots *slots)
{
	return atomic_load_explicit(&slots->used, memory_order_relaxed);
}

/*
 * Joins the list, to be told once, perhaps at once. The waiter must not be in a list already. Everybody calls
 * slots_forget or slots_pass afterwards.
 */
void slots_wait(struct slots *slots, struct slots_waiter *waiter);
/* True while the waiter is in the list. */
static inline bool slots_awaited(struct slots_waiter *waiter)
{
	return atomic_load(&waiter->waiting);
}
/* Leaves the list, told or not. */
void slots_forget(struct slots *slots, struct slots_waiter *waiter);
/* If a slot is free, tells the first waiter. */
void slots_pass(struct slots *slots);

#endif
