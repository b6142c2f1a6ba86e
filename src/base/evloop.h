/* Event bases that belong to one thread, and their callbacks. */
#ifndef WEIR_EVLOOP_H
#define WEIR_EVLOOP_H

#include <stdint.h>

struct event;
struct event_base;

/* From now on libevent's own messages go to the log. Call once, before there is a base or a thread. */
void evloop_init(void);

/* A base without locks: only the thread that runs it may touch it. NULL when out of memory or descriptors. */
struct event_base *evloop_new(void);
/* Descriptors from this number on cannot be watched: libevent ends the process. UINT64_MAX: no limit. */
uint64_t evloop_max_fds(void);

/* Removes and frees an event of event_new. Takes NULL, as event_free does not. */
void evloop_free_event(struct event *event);

/*
 * Sets an event that is a timer; it may be set already. If there is no memory for that, it fires at once, and
 * so can be set again: what a timer keeps going must not stop for good. (libevent keeps the place of one that
 * has just fired, so that hardly ever happens.)
 */
void evloop_set_timer(struct event *timer, uint64_t milliseconds);
/*
 * Lets libevent keep a place for a timer that is not set, so that event_add finds memory for it later on. 0
 * or -ENOMEM, also where event_new has had none and timer is NULL.
 */
int evloop_reserve_timer(struct event *timer);

/*
 * Runs the base until event_base_loopbreak, or until nothing is left to wait for. Waiting itself may fail
 * when memory runs out (epoll_wait(2), poll(2), select(2)). A thread that ended then would leave its clients
 * hanging, so the wait is retried for some seconds. After that the process ends.
 */
void evloop_run(struct event_base *base);

/*
 * Begins the definition of a libevent callback that needs neither the descriptor nor the kind of event:
 * EVENT_CALLBACK(on_timer, struct pair, pair) { ... }
 */
#define EVENT_CALLBACK(name, type, argument)                                                                 \
	static void name##_of(type *argument);                                                               \
	static void name(int fd, short what, void *arg)                                                      \
	{                                                                                                    \
		(void)fd;                                                                                    \
		(void)what;                                                                                  \
		name##_of(arg);                                                                              \
	}                                                                                                    \
	static void name##_of(type *argument)

#endif
