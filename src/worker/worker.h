/*
 * One thread with its own event base, which no other thread touches. It accepts clients and hands some of
 * them over to other workers; see handover.h. A pair stays on the worker that it began on. The daemon gives
 * orders through a mailbox, and the worker answers with messages.
 */
#ifndef WEIR_WORKER_H
#define WEIR_WORKER_H

#include "base/mailbox.h"
#include "base/slots.h"
#include "flow/budget.h"
#include "relay/generation.h"
#include "relay/standing.h"
#include "report/records.h"
#include "report/state.h"

#include <stdbool.h>
#include <stddef.h>

struct handover;
struct facade;
struct generations;
struct local_ports;
struct newcomers_kept;
struct pair_restoring;
struct parking;
struct worker;

/* What workers share. Borrowed; must outlive them. */
struct worker_context {
	unsigned worker_count;
	struct standings *standings;
	struct budget *budget;
	struct handover *handover;    /* NULL: there is one worker only */
	struct slots *slots;          /* pairs of all workers */
	struct slots *pipes;          /* pipes of all workers */
	struct pool *pool;            /* memory of the pairs of all workers; NULL: malloc(3) */
	struct mailbox *answers;      /* where the workers answer */
	_Atomic bool log_connections; /* the main thread may change it */
	_Atomic bool hushed;          /* for WORKER_HUSH */
	struct parking *parking;      /* while another program takes over */
	struct bell *bell;            /* rung when pairs come and go, and when flows are paused and resumed */
	/* For connecting to targets. NULL: the kernel chooses. */
	struct local_ports *ports;
};

/* A worker that accepts once it has adopted a generation. NULL when out of memory or descriptors. */
struct worker *worker_new(const struct worker_context *context, unsigned number);
/* 0 or -errno */
int worker_start(struct worker *worker);

/*
 * Orders, from any thread, carried out in the order in which they are given. An order that is given again
 * before it was carried out is carried out only once.
 */
enum worker_order {
	/*
	 * Take over the generation that worker_prepare was called with: its entrances are open, and whatever
	 * else the worker accepts on is shut out. Answered by WORKER_ADOPTED. Pairs keep what they began
	 * with. Not after WORKER_DRAIN.
	 */
	WORKER_ADOPT,
	/*
	 * All entrances are shut out. Serve those that wait to be accepted, and let pairs end. Answered by
	 * WORKER_DRAINED once nobody waits.
	 */
	WORKER_DRAIN,
	WORKER_HALT,        /* while draining, serve nobody else; WORKER_DRAINED follows */
	WORKER_SHUTDOWN,    /* reset all pairs; while draining, serve nobody else */
	WORKER_REPORT_SUMS, /* only one report at a time; answered by WORKER_REPORTED */
	WORKER_REPORT_PAIRS,
	WORKER_RESUME,   /* there may be room for a pair that an acceptor waits for */
	WORKER_TAKE,     /* there are clients that another worker hands over */
	WORKER_RETRY,    /* clients that are held may get a target now */
	WORKER_STAND_IN, /* look up in handover for whom this worker stands in; not after WORKER_DRAIN */
	WORKER_SAVE,  /* save its part of the state as of parking, and wait there; answered by WORKER_SAVED */
	WORKER_HUSH,  /* read no sources, as context->hushed says, or read them again */
	WORKER_ALIVE, /* do nothing: that it is taken shows that the worker is not stuck */
	WORKER_TIDY,  /* much memory was freed: the thread's allocator gives back the end of its heap */
	WORKER_STOP,  /* end the thread; pairs that are left are reset */
	WORKER_ORDERS,
};
void worker_order(struct worker *worker, enum worker_order order);

/*
 * Allocates what adopting the generation takes. Its entrances are bound. 0 or -ENOMEM. Then WORKER_ADOPT or
 * worker_forget_prepared must follow, before any other call of this.
 */
int worker_prepare(struct worker *worker, struct generation *generation);
void worker_forget_prepared(struct worker *worker);

/* Whether the worker has begun to carry out the last such order. If not, it may be stuck. Any thread. */
bool worker_has_taken(const struct worker *worker, enum worker_order order);

/* How many of its flows are paused. Any thread. */
uint64_t worker_paused(const struct worker *worker);

/* What goes on between the parts that the workers before have saved. */
struct workers_restoring {
	/* The caller fills this in. */
	struct worker *const *workers; /* not started yet */
	unsigned count;                /* of them */
	unsigned parts;                /* how many workers there were before */
	unsigned part;                 /* the next one */
	struct pair_restoring *pairs;
	const struct facade *facade;
	const struct generations *generations;
	/* private */
	unsigned next; /* who gets the next pair, if there were more or fewer workers */
	/* Not private. */
	size_t lost;       /* pairs that could not be restored, and were reset */
	uint64_t left_out; /* bytes that a rehearsal does not have */
};
/*
 * Restores what one of them had. 0 or -errno; if only some pairs were lost, that is 0, but in a rehearsal.
 * Main thread.
 */
int workers_restore(struct workers_restoring *restoring, struct state_reader *reader);
/* After all parts; then the pairs of these clients begin. Not in a rehearsal. */
void workers_restored(struct workers_restoring *restoring, struct newcomers_kept *newcomers);

enum worker_answered {
	WORKER_ADOPTED,  /* accepts for the new generation */
	WORKER_DRAINED,  /* accepts no longer */
	WORKER_REPORTED, /* part is filled in; the receiver owns it */
	WORKER_SAVED,    /* with error, in round */
};

/* Every message in context->answers is the first member of one of these. */
struct worker_answer {
	struct message message;
	enum worker_answered what;
	unsigned worker; /* its number */
	struct report_part part;
	int error;      /* 0 or -errno */
	unsigned round; /* see parking.h */
};

/*
 * Stops the thread, if it was started, and waits for it. No worker may be freed before all are stopped,
 * because they tell each other of free slots.
 */
void worker_stop(struct worker *worker);
/* Frees a worker that is not running. Takes NULL. */
void worker_free(struct worker *worker);

#endif
