/*
 * One thread with an event base of its own, that no other thread touches: it accepts, and its pairs live and
 * die on it. The daemon gives it orders through a mailbox; it answers by the callbacks of struct
 * worker_context, which run on its thread.
 */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include "base/slots.h"
#include "flow/budget.h"
#include "relay/relay.h"
#include "report/records.h"

#include <stdbool.h>
#include <stddef.h>

struct worker;

/* What workers share, and where they answer. Borrowed; must outlive them. */
struct worker_context {
	unsigned workers;
	struct relay **relays;
	size_t relay_count;
	struct budget *budget;
	struct slots *slots;
	struct slots *pipes; /* pipes of all workers */
	bool log_connections;
	void (*resume)(
	        void *arg,
	        unsigned bit);      /* of slots_next_waiter: those workers are to be ordered WORKER_RESUME */
	void (*drained)(void *arg); /* no longer accepts: the listening sockets may be closed */
	void (*reported)(void *arg, unsigned worker, struct report_part *part); /* takes what part holds */
	void *arg;
};

/* A worker that accepts once it is started. NULL when out of memory or descriptors. */
struct worker *worker_new(const struct worker_context *context, unsigned number);
/* 0 or -errno */
int worker_start(struct worker *worker);

/* Orders, from any thread. The same order given twice before it was carried out is carried out once. */
enum worker_order {
	WORKER_DRAIN = 1,    /* stop accepting, let pairs end */
	WORKER_SHUTDOWN = 2, /* reset all pairs */
	WORKER_REPORT = 4,   /* one at a time: answered by reported */
	WORKER_RESUME = 8,   /* there is room for a pair that it waits for */
	WORKER_STOP = 16,    /* end the thread; pairs that are left are reset */
};
void worker_order(struct worker *worker, enum worker_order order);

/*
 * Stops the thread, if it was started, and waits for it. Until all are stopped none may be freed: they give
 * orders to each other.
 */
void worker_stop(struct worker *worker);
/* Frees a worker that does not run. Takes NULL. */
void worker_free(struct worker *worker);

#endif
