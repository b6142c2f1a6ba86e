/*
 * How another program takes over from this one, which goes on if anything fails:
 *
 *   reading ─► waiting ─► saving ─► rehearsing ─► waiting ─► hushing ─► parking ─► leaving ─► execveat
 *      │          │          │          │            │          │          │          │          │
 *      └──────────┴──────────┴──────────┴── failed ──┴──────────┴──────────┴──────────┴──────────┘
 *
 *   reading     the program is opened and the file of the configuration read, as a job
 *   waiting     until nothing is under way that cannot be handed over
 *   saving      each worker writes its part for the rehearsal, and goes on
 *   hushing     nothing is read from sources, so that there is less in queues
 *   parking     each worker writes its part, and waits
 *   leaving     signals that were taken before they were held are handled
 *
 * Each step has a deadline. A thread that hangs in a call would hang execve(2) too, so that is never made
 * while one might. Main thread.
 */
#ifndef WEIR_TAKEOVER_H
#define WEIR_TAKEOVER_H

#include "base/jobs.h"
#include "daemon/program.h"
#include "daemon/rehearsal.h"
#include "daemon/takeover_files.h"
#include "flow/budget.h"
#include "report/state.h"
#include "worker/parking.h"
#include "worker/worker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;
struct takeover_reading;

/* All is borrowed. */
struct takeover_parts {
	struct event_base *base;
	const struct program *program;
	const char *file; /* of the configuration, or NULL */
	struct worker *const *workers;
	unsigned worker_count;
	struct parking *parking;
	struct budget *budget;
	/* How long the rehearsal may take, and a worker to save its part: REHEARSAL_MS, TAKEOVER_SAVE_MS. */
	unsigned long rehearsal_ms, save_ms;
};

/* Most of it is the turn that the worker is in. */
#define TAKEOVER_SAVE_MS 2000

/* What whoever owns it does. */
struct takeover_calls {
	/* Why it has to wait, in words, or NULL. */
	const char *(*obstacle)(void *arg);
	/* Writes all of the state but what the workers have. */
	void (*save)(void *arg, struct state_writer *writer);
	/* The workers begin to save their parts, or have done so. The latter may come after failed. */
	void (*saving)(void *arg, bool begins);
	/* From now on nobody else may begin anything; true once all that would be lost has ended. */
	bool (*hold)(void *arg);
	/* It has failed after hold: all goes on. */
	void (*go_on)(void *arg);
	/* Sources are not read any more, or are read again. */
	void (*hush)(void *arg, bool on);
	/* It was only to be done if the program is another one, and it is the same. */
	void (*unchanged)(void *arg);
	/*
	 * It has come to nothing, and why, in words. unread: it was only to be done if the program is another
	 * one, and that is not even known.
	 */
	void (*failed)(void *arg, bool unread, const char *why);
};

enum takeover_step {
	TAKEOVER_NOTHING,
	TAKEOVER_READING,
	TAKEOVER_WAITING,
	TAKEOVER_SAVING,
	TAKEOVER_REHEARSING,
	TAKEOVER_REHEARSED, /* waiting again */
	TAKEOVER_HUSHING,
	TAKEOVER_PARKING,
	TAKEOVER_LEAVING,
};

struct takeover {
	struct takeover_parts parts;
	const struct takeover_calls *calls;
	void *arg;
	uint64_t parked_us;               /* clock_us at which the workers were told to park */
	uint64_t rehearsal_ms, hushed_ms; /* how long that took */
	bool saving;                      /* workers are; see calls->saving */
	bool only_if_changed;             /* and whether it has is not known yet */
	/* private */
	enum takeover_step step;
	struct event *timer;
	uint64_t deadline; /* clock_ms of the step */
	struct jobs *jobs;
	struct takeover_reading *reading; /* whose result is wanted, or NULL */
	int program;                      /* descriptor, or -1 */
	struct takeover_files files;
	unsigned unsaved; /* workers that have not answered */
	uint64_t queued;  /* bytes, when it was looked last */
	struct rehearsal *rehearsal;
	bool held, hushed;
};

/* The caller has filled in parts, calls and arg. 0 or -ENOMEM; takeover_deinit must follow in any case. */
int takeover_init(struct takeover *takeover);
/* False if a job is left behind, as of jobs_free. Also takes a zeroed one. */
bool takeover_deinit(struct takeover *takeover);

/* Begins. only_if_changed: the program must be another one than this. */
void takeover_begin(struct takeover *takeover, bool only_if_changed);
/* A worker has answered WORKER_SAVED. */
void takeover_take_saved(struct takeover *takeover, const struct worker_answer *answer);
/* Gives up what is under way, if anything: failed is not called. */
void takeover_give_up(struct takeover *takeover);

static inline bool takeover_is_under_way(const struct takeover *takeover)
{
	return takeover->step > TAKEOVER_NOTHING;
}

#endif
