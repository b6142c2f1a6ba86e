/*
 * Clients that were accepted and have no pair yet: a list with room for a few, which any thread may fill and
 * empty, first in, first out. No thread waits for another here. One that is stopped within newcomers_put
 * holds up the newcomers after its own, but never a thread. (The algorithm is Dmitry Vyukov's "bounded MPMC
 * queue".)
 */
#ifndef WEIR_NEWCOMERS_H
#define WEIR_NEWCOMERS_H

#include "net/socket.h"
#include "relay/admission.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>

/*
 * A power of two. Enough for a burst at a single unix socket. When a worker is stuck, so many may have to
 * wait until that is noticed.
 */
#define NEWCOMERS_MAX 64
#define CACHE_LINE    64 /* bytes */

/* A client with its ticket; both are owned. */
struct newcomer {
	int fd;
	union client_address address;
	struct admission ticket;
};

struct newcomers {
	/*
	 * private: in and out count without end. A place may be filled when its sequence is in, and emptied
	 * when that is out + 1.
	 */
	alignas(CACHE_LINE) _Atomic unsigned in;
	alignas(CACHE_LINE) _Atomic unsigned out;
	struct {
		_Atomic unsigned sequence;
		struct newcomer newcomer;
	} places[NEWCOMERS_MAX];
};

void newcomers_init(struct newcomers *newcomers);
/* False if there is no room. Otherwise the newcomer is consumed. */
bool newcomers_put(struct newcomers *newcomers, const struct newcomer *newcomer);
/* False if there is none. The caller owns what it gets. */
bool newcomers_take(struct newcomers *newcomers, struct newcomer *newcomer);
/* The one of this number, the first is 0, among those that wait. Nobody puts or takes any meanwhile. */
bool newcomers_look(const struct newcomers *newcomers, unsigned number, struct newcomer *newcomer);
/* Whether there are any, or some are just being put in. */
static inline bool newcomers_wait(struct newcomers *newcomers)
{
	return atomic_load_explicit(&newcomers->in, memory_order_relaxed) !=
	       atomic_load_explicit(&newcomers->out, memory_order_relaxed);
}

#endif
