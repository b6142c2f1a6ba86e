/*
 * Calls that may block, such as a look-up or writing to a hung file system. They are made on a few threads of
 * their own, and their end is reported on the thread of an event base.
 */
#ifndef WEIR_JOBS_H
#define WEIR_JOBS_H

#include <stdbool.h>
#include <sys/queue.h>

struct event_base;

/* Embedded in whatever the call works on. From jobs_submit until done or drop, only run may touch that. */
struct job {
	STAILQ_ENTRY(job) next;       /* private */
	void (*run)(struct job *job); /* makes the call, on a thread of jobs */
	void (*done)(
	        struct job *job); /* run has returned. On the base's thread; may free or submit the job */
	/*
	 * Frees the job. Called instead of done, on any thread, if jobs_free came first. After a call that
	 * blocks for long this may be much later.
	 */
	void (*drop)(struct job *job);
};

struct jobs;

/* At most this many calls at a time. Starts threads as needed. NULL when out of memory or descriptors. */
struct jobs *jobs_new(struct event_base *base, unsigned threads);
/*
 * Queues a job. Calls begin in the order of submission. On the base's thread. Returns 0, or -errno if there
 * is no thread and none can be started. The job then stays the caller's.
 */
int jobs_submit(struct jobs *jobs, struct job *job);
/* Whether no call is under way or waits for a thread. On the base's thread. */
bool jobs_are_idle(struct jobs *jobs);
/*
 * Drops all jobs that are not done. Waits a tenth of a second for calls under way. After that it leaves them
 * alone: they end by themselves, and it returns false. Takes NULL.
 */
bool jobs_free(struct jobs *jobs);

#endif
