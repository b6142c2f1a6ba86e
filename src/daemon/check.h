/*
 * A check of an address, again and again: when it is due, when it gets its turn among all others, and its
 * connection. None holds up the thread.
 */
#ifndef WEIR_CHECK_H
#define WEIR_CHECK_H

#include "base/backoff.h"
#include "base/timers.h"
#include "net/socket.h"
#include "relay/health.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct event;
struct event_base;
struct local_ports;

/* How an address is checked. Times in ms. */
struct check_rules {
	uint64_t interval; /* at least 1 */
	uint64_t timeout;  /* at least 1 */
	struct socket_tuning tuning;
	enum send_proxy send_proxy;
};

struct check {
	/* private */
	struct timer timer; /* the first member: when the next one is due, or this one has taken too long */
	struct check_turns *turns;
	struct health *health;
	struct check_rules rules;
	uint64_t began;          /* clock_ms */
	int fd;                  /* while it is under way, or -1 */
	bool bound;              /* fd cannot be its own peer */
	struct event *connected; /* while it is under way */
	bool silent;             /* it did not answer last time */
	bool queued;
	bool early;           /* it is the first, and did not wait for its part of the interval */
	bool retries;         /* it is under way, but the backlog of its target was full */
	struct backoff again; /* how long until it is tried again then */
	TAILQ_ENTRY(check) queue_entry;
};

/* What all checks share. */
struct check_turns {
	/* private */
	struct event_base *base;
	struct local_ports *ports;
	struct timers timers;
	TAILQ_HEAD(, check) queue[2]; /* those that are due, first come first served; by silent */
	struct event *more;           /* while there are such that may begin in the next pass */
	unsigned places;              /* how many may be under way */
	unsigned under_way[2];        /* by silent */
	uint64_t spread;              /* how often spread was called */
	uint64_t drawn;               /* the same for chance */
};

/* Zeroed before. ports is borrowed, and may be NULL. 0 or -ENOMEM; check_turns_deinit in any case. */
int check_turns_init(struct check_turns *turns, struct event_base *base, struct local_ports *ports);
/* No check is left. Also takes a zeroed one. */
void check_turns_deinit(struct check_turns *turns);

/* The address is checked from now on. health is borrowed. 0 or -ENOMEM; check_stop in any case. */
int check_start(struct check *check, struct check_turns *turns, struct health *health,
                const struct check_rules *rules);
void check_stop(struct check *check);
void check_set_rules(struct check *check, const struct check_rules *rules);

#endif
