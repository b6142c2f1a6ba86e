/* Threads that take no signals, and conditions that are timed by clock.h. */
#ifndef WEIR_THREAD_H
#define WEIR_THREAD_H

#include "base/clock.h"
#include "base/signals.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Starts a joinable thread with every signal blocked except those for its own faults. Signals then go to the
 * main thread only. name has at most 15 bytes. Returns 0 or -errno.
 */
static inline int thread_start(pthread_t *thread, const char *name, void *(*run)(void *), void *arg)
{
	sigset_t blocked, before;
	int r;

	signals_fill(&blocked);
	/* A thread inherits the mask of its creator. Set here, it is in force from the start. */
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	r = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0)
		(void)pthread_setname_np(*thread, name);
	return -r;
}

/* Makes a condition timed by CLOCK_MONOTONIC, so that setting the wall clock has no effect. 0 or -errno. */
static inline int thread_cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attributes;
	int r = pthread_condattr_init(&attributes);

	if (r != 0)
		return -r;
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	r = pthread_cond_init(cond, &attributes);
	pthread_condattr_destroy(&attributes);
	return -r;
}

/*
 * Waits for cond (from thread_cond_init) until clock_ms() reaches deadline. False once it has. May wake
 * early.
 */
static inline bool thread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex, uint64_t deadline)
{
	struct timespec until = {(time_t)(deadline / 1000), (long)(deadline % 1000) * 1000000};

	return pthread_cond_timedwait(cond, mutex, &until) == 0;
}

#endif
