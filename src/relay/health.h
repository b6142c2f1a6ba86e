/*
 * What is known of one address of one target: whether it can be connected, and how often it was. It is kept
 * by the standing of the relay, so it outlives look-ups and generations.
 *
 *   up ── fail_limit connects have failed in a row ──► down ── fail_time is over: one pair tries ──► trying
 *   ▲                                                  ▲                                               │
 *   └── connected ─────────────────────────────────────┴───────────── failed ─────────────────────────┘
 *
 * With checks, these alone bring it up. They also take it down. Nobody else knows how an address is, and what
 * to make of that is for others: targets chooses, the daemon logs.
 */
#ifndef WEIR_HEALTH_H
#define WEIR_HEALTH_H

#include "base/episode.h"
#include "base/label.h"
#include "base/mailbox.h"
#include "config/settings.h"
#include "net/address_list.h"
#include "report/records.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct health;

enum health_state { HEALTH_UP, HEALTH_DOWN, HEALTH_TRYING };

/* What a pair may do with an address. */
enum health_use {
	USE_UP,   /* connect it */
	USE_TRY,  /* connect it after health_begin_try, as the one that tries it */
	USE_DOWN, /* connect it only if nothing else is left */
};

/*
 * Posted when an address of any relay has come up or gone down, was tried in vain, or others were found; then
 * healths_take_changed tells of which.
 */
struct health_news {
	struct message message; /* the first member */
	struct mailbox *mailbox;
};

/* Those of one relay. */
struct healths {
	pthread_mutex_t lock; /* see healths_lock */
	/* Changes with whatever health_use and the like say, unless only time has passed. */
	_Atomic unsigned epoch;
	/* private */
	uint64_t fail_limit, fail_time, check_rise, check_fall, slow_start;
	bool checked;
	uint64_t places; /* that were given out; with the lock held */
	_Atomic bool changed;
	struct health_news *news;
	void *tree;                           /* tsearch(3); this and the rest: main thread */
	void *groups;                         /* tsearch(3): struct health_group, by target */
	TAILQ_HEAD(health_list, health) list; /* those that were got last come last */
	size_t count, sweep_at;
};

/* news is borrowed. */
void healths_init(struct healths *healths, const struct config_relay *config, struct health_news *news);
/* Frees all. Nobody has any. */
void healths_deinit(struct healths *healths);
/* The rules in these settings hold from now on, for all. Main thread. */
void healths_configure(struct healths *healths, const struct config_relay *config);
/* True if there was such news since this was asked, or healths_tell_changed was called. */
bool healths_take_changed(struct healths *healths);
/* A target has other addresses, so clients that wait for one may go on. */
void healths_tell_changed(struct healths *healths);

/*
 * A reference to what is known of this address of this target. Another target may have the same address; that
 * is another health. NULL when out of memory. Main thread.
 *
 * A health that nobody has is kept, in case its address comes back. It is forgotten by a later healths_get if
 * there is nothing to be known, after an hour, or when there are more than 4,096 of them.
 */
struct health *healths_get(struct healths *healths, struct label *target, const struct endpoint *endpoint);
/* Calls visit for each, also for those that nobody has. Main thread. */
typedef void health_visit(void *arg, struct health *health);
void healths_each(struct healths *healths, health_visit *visit, void *arg);
/*
 * What all addresses of this target have counted, also those that were forgotten. It does not go back while
 * the target has one. Main thread.
 */
struct target_totals healths_totals(const struct healths *healths, struct label *target);

/* Mere counting. Any thread. Get is for those who have it already. Put takes NULL. */
struct health *health_get(struct health *health);
void health_put(struct health *health);

/* What never changes. They live as long as the health. */
struct label *health_target(const struct health *health);
/* A list of this address alone, for those who outlive the health. */
struct address_list *health_address(const struct health *health);
const struct endpoint *health_endpoint(const struct health *health);

/* ---- choosing: with the lock held ---- */

void healths_lock(struct healths *healths);
void healths_unlock(struct healths *healths);
/*
 * What a pair may do now (clock_ms). *until: when time alone will change that; UINT64_MAX: never. The caller
 * looks again after that, or when the epoch has changed.
 */
enum health_use health_use(const struct health *health, uint64_t now, uint64_t *until);
/* The caller tries it, and nobody else meanwhile. False unless health_use says USE_TRY. */
bool health_begin_try(struct health *health, uint64_t now);
/* Its place in the line of those that are down or being tried. Low ones come first. 0 if it is up. */
uint64_t health_place(const struct health *health);
/* It is connected though it is down, so others come first next time. */
void health_to_the_end(struct health *health);
/* How much of its weight it has while it starts slowly: 100 to 999, or 1000 if it does not. */
unsigned health_start_permille(const struct health *health, uint64_t now);

/* Whether it is up, perhaps a moment ago. Any thread, without the lock. */
bool health_is_up(const struct health *health);

/* ---- what happened: any thread, without the lock ---- */

/*
 * How an attempt went: 0 or -errno. A shortage of ours says nothing about the address and is not noted, nor
 * is a full backlog (EAGAIN) that a client or a check still waits for. tries: after health_begin_try. One
 * that goes well on an address without trouble takes no lock.
 */
void health_note(struct health *health, int error, bool tries);
/* The one that tries it has ended without knowing. The next one may try at once. */
void health_end_try(struct health *health);
/* How a check went. */
void health_note_check(struct health *health, int error);
/* For whoever checks it: when the next check is due (clock_ms), or 0. Main thread. */
void health_set_next_check(struct health *health, uint64_t due);
uint64_t health_next_check(const struct health *health);
/* The one that has tried it, before another program took over, goes on. */
void health_go_on_trying(struct health *health);
/* A pair uses it, from when it was chosen until the pair's end or another choice. */
void health_pair_began(struct health *health);
void health_pair_ended(struct health *health);
uint64_t health_pairs(const struct health *health);

/* ---- looking ---- */

struct health_view {
	enum health_state state;
	uint64_t since; /* clock_ms since when it is up, or not */
	uint64_t down;  /* clock_ms when it went down last; 0 if it never was */
	uint64_t pairs;
	uint64_t connects, failures; /* connections that were made, or failed */
	uint64_t checks, check_failures;
	int last_error; /* of the last that has failed, -errno; 0 if none ever has */
	/* Why it went down last. */
	int why;           /* -errno */
	uint64_t in_a_row; /* so many have failed */
	bool by_checks;    /* checks, not connects */
};

/* All of it from one moment. Any thread, without the lock. */
void health_look(struct health *health, struct health_view *view);
/* For lines about it, of whoever logs them. */
struct episode *health_outage(struct health *health);

#endif
