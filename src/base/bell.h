/*
 * Wakes a thread when something happens that it waits for. Where things happen often, others ring a bell each
 * time. As long as nobody waits for it, that takes two loads and a branch.
 */
#ifndef WEIR_BELL_H
#define WEIR_BELL_H

#include "base/mailbox.h"

#include <stdatomic.h>
#include <stdbool.h>

struct event_base;

/* Zeroed, and with a mailbox whose fd is -1, it may be rung and closed, but not awaited. */
struct bell {
	/* private */
	_Atomic bool awaited;
	struct mailbox mailbox;
	struct message message;
	void (*heard)(void *arg);
	void *arg;
};

/* heard is called on the base's thread. 0 or -errno; call bell_close in either case. */
int bell_open(struct bell *bell, struct event_base *base, void (*heard)(void *arg), void *arg);
/* Nobody may ring any more. */
void bell_close(struct bell *bell);

/*
 * Calls heard once, after the next ring. Something that happened just before may still go unnoticed, as
 * neither side waits for the other: look once more some time later, and rely on the bell from then on.
 */
void bell_await(struct bell *bell);
/* It has not been rung since then. */
bool bell_is_awaited(const struct bell *bell);

/* private */
void bell_ring_awaited(struct bell *bell);

/* Call after what has happened can be seen. Any thread. Takes NULL. */
static inline void bell_ring(struct bell *bell)
{
	if (bell && atomic_load_explicit(&bell->awaited, memory_order_relaxed))
		bell_ring_awaited(bell);
}

#endif
