#include "build_config.h"

#include "base/jobs.h"

#include "base/mailbox.h"
#include "base/refcount.h"
#include "base/thread.h"

#include <stdlib.h>

/* How long jobs_free waits for calls under way. */
#define STUCK_MS 100

STAILQ_HEAD(job_list, job);

/* Shared by its creator and its threads, because a call may outlast jobs_free. The last to leave frees it. */
struct jobs {
	struct mailbox mailbox;
	struct message finished_some;
	unsigned threads; /* at most */
	struct refcount references;

	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t queued, left;
	struct job_list queue, finished;
	unsigned waiting; /* jobs that no thread has yet */
	unsigned started, idle;
	bool stopping;
};

static struct job *take_first(struct job_list *list)
{
	struct job *job = STAILQ_FIRST(list);

	if (job)
		STAILQ_REMOVE_HEAD(list, next);
	return job;
}

static void drop_all(struct job_list *list)
{
	struct job *job;

	while ((job = take_first(list)))
		job->drop(job);
}

/* Gives up one reference. The lock is held on entry and is released. */
static void release(struct jobs *jobs)
{
	bool is_last = refcount_put(&jobs->references);

	pthread_mutex_unlock(&jobs->lock);
	if (!is_last)
		return;
	pthread_cond_destroy(&jobs->queued);
	pthread_cond_destroy(&jobs->left);
	pthread_mutex_destroy(&jobs->lock);
	free(jobs);
}

/* Makes the call, with the lock released meanwhile. */
static void run(struct jobs *jobs, struct job *job)
{
	pthread_mutex_unlock(&jobs->lock);
	job->run(job);
	pthread_mutex_lock(&jobs->lock);
	STAILQ_INSERT_TAIL(&jobs->finished, job, next);
	if (jobs->stopping)
		drop_all(&jobs->finished);
	else
		mailbox_post(&jobs->mailbox, &jobs->finished_some);
}

static void *thread_main(void *arg)
{
	struct jobs *jobs = arg;
	struct job *job;

	pthread_mutex_lock(&jobs->lock);
	while (!jobs->stopping) {
		job = take_first(&jobs->queue);
		if (job) {
			jobs->waiting--;
			run(jobs, job);
			continue;
		}
		jobs->idle++;
		pthread_cond_wait(&jobs->queued, &jobs->lock);
		jobs->idle--;
	}
	jobs->started--;
	pthread_cond_signal(&jobs->left);
	release(jobs);
	return NULL;
}

/* On the base's thread. done may submit, so it is called without the lock. */
static void deliver(void *arg, struct message *message)
{
	struct jobs *jobs = arg;
	struct job_list finished = STAILQ_HEAD_INITIALIZER(finished);
	struct job *job;

	(void)message;
	pthread_mutex_lock(&jobs->lock);
	STAILQ_CONCAT(&finished, &jobs->finished);
	pthread_mutex_unlock(&jobs->lock);
	while ((job = take_first(&finished)))
		job->done(job);
}

struct jobs *jobs_new(struct event_base *base, unsigned threads)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));

	if (!jobs)
		return NULL;
	jobs->mailbox.fd = -1;
	jobs->threads = threads;
	STAILQ_INIT(&jobs->queue);
	STAILQ_INIT(&jobs->finished);
	refcount_init(&jobs->references);
	pthread_mutex_init(&jobs->lock, NULL);
	pthread_cond_init(&jobs->queued, NULL);
	if (thread_cond_init(&jobs->left) == 0 && mailbox_open(&jobs->mailbox, base, deliver, jobs) == 0)
		return jobs;
	jobs_free(jobs);
	return NULL;
}

static int start_thread(struct jobs *jobs)
{
	pthread_t thread;
	int error;

	refcount_get(&jobs->references); /* for the thread */
	error = thread_start(&thread, "weir-jobs", thread_main, jobs);
	if (error) {
		(void)refcount_put(&jobs->references);
		return error;
	}
	pthread_detach(thread);
	jobs->started++;
	return 0;
}

int jobs_submit(struct jobs *jobs, struct job *job)
{
	int error = 0;

	pthread_mutex_lock(&jobs->lock);
	/* A thread that was woken for an earlier job may still count as idle. */
	if (jobs->waiting >= jobs->idle && jobs->started < jobs->threads)
		error = start_thread(jobs);
	if (jobs->started > 0) {
		STAILQ_INSERT_TAIL(&jobs->queue, job, next);
		jobs->waiting++;
		pthread_cond_signal(&jobs->queued);
		error = 0;
	}
	pthread_mutex_unlock(&jobs->lock);
	return error;
}

bool jobs_are_idle(struct jobs *jobs)
{
	bool idle;

	pthread_mutex_lock(&jobs->lock);
	idle = jobs->waiting == 0 && jobs->idle == jobs->started;
	pthread_mutex_unlock(&jobs->lock);
	return idle;
}

bool jobs_free(struct jobs *jobs)
{
	uint64_t deadline = clock_ms() + STUCK_MS;
	bool all_ended;

	if (!jobs)
		return true;
	pthread_mutex_lock(&jobs->lock);
	jobs->stopping = true;
	drop_all(&jobs->queue);
	pthread_cond_broadcast(&jobs->queued);
	while (jobs->started > 0 && thread_cond_wait(&jobs->left, &jobs->lock, deadline))
		;
	drop_all(&jobs->finished);
	mailbox_close(&jobs->mailbox); /* nothing is posted once stopping is set */
	all_ended = jobs->started == 0;
	release(jobs);
	return all_ended;
}
