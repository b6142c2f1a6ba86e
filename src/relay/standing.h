/*
 * What is known about a relay by its name, over all generations that have a relay of that name: counters,
 * limits in use, rates, health of targets, episodes of trouble. It is kept as long as there is such a
 * generation.
 *
 * Standings are made, found and freed on the main thread. Others reach one through a relay, which they hold.
 */
#ifndef WEIR_STANDING_H
#define WEIR_STANDING_H

#include "base/episode.h"
#include "base/label.h"
#include "base/rate.h"
#include "base/slots.h"
#include "config/settings.h"
#include "relay/damper.h"
#include "relay/denials.h"
#include "relay/gate.h"
#include "relay/health.h"
#include "relay/origins.h"
#include "relay/refusal.h"
#include "relay/shortage.h"
#include "report/records.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

struct relay;

/*
 * What one worker knows, which only that worker writes and reads. This keeps a report consistent, and nothing
 * is shared on the path that bytes take. What flows have moved is added when their pair ends.
 */
struct tally {
	struct counters counters;
	struct shortage shortage;
	struct damper damper;
	struct gate gate;
	/* While something is to be told about the relay later: a reference; its place among those. */
	struct relay *owner;
	LIST_ENTRY(tally) entry;
};

/* How fast bytes may go in one direction: bytes a second, 0 for no limit. Any thread. */
struct standing_rate {
	_Atomic uint64_t of_pair, of_all;
	struct rate all; /* what all pairs share; limited by of_all */
};

struct standing {
	const char *name; /* the text of label */
	struct label *label;
	size_t number;           /* its place in standings; stays the same */
	struct slots slots;      /* its pairs; limited by max_connections of the relay */
	struct origins *origins; /* count their pairs while that is limited; never another one */
	struct healths healths;  /* of its targets' addresses */
	struct standing_rate rates[DIRECTIONS];
	struct damping damping;
	struct denials denials;
	struct episode is_short; /* of something that connecting needs */
	struct episode unserved; /* clients get no target */
	struct refusal refusal;
	bool readdressed;      /* a target has other addresses than before; main thread */
	_Atomic unsigned news; /* so often has something changed for clients that are held */
	/* private */
	struct episode at_limit;
	struct standings *standings;
	unsigned references;
	struct tally tallies[]; /* one for each worker; not private */
};

struct standings {
	unsigned workers;
	struct standing **list; /* by their numbers; NULL where there is none */
	size_t count;           /* length of list */
	struct health_news news;
	/* private */
	void *by_name; /* tsearch(3) */
	size_t lowest; /* no smaller number is free */
	unsigned holds;
};

/*
 * For this many workers. When the address of a target has come up or gone down, news is posted to mailbox; it
 * is borrowed, and may be NULL. NULL when out of memory.
 */
struct standings *standings_new(unsigned workers, struct mailbox *mailbox);
/* All must have been put. Takes NULL. */
void standings_free(struct standings *standings);
/*
 * From now on the list stays as it is, so that other threads may read it, until it is released as often. No
 * standing may be made meanwhile.
 */
void standings_hold(struct standings *standings);
void standings_release(struct standings *standings);

/* The one of this name, without a reference, or NULL. */
struct standing *standings_find(struct standings *standings, const char *name);
/* A reference to the standing of this relay. It is made if there is none. NULL when out of memory. */
struct standing *standing_get(struct standings *standings, const struct config_relay *config);
void standing_put(struct standing *standing); /* takes NULL */
/*
 * The limits and rules in these settings of the relay hold from now on. Until then, what is found and not
 * made keeps those that it has.
 */
void standing_configure(struct standing *standing, const struct config_relay *config);

/*
 * A limit of the relay was reached. True if the caller must log that: once per episode, and at most once in
 * ten seconds. If true, standing_end_limit must follow. Any thread, like all below.
 */
bool standing_begin_limit(struct standing *standing);
void standing_end_limit(struct standing *standing);
/* Whether a line has said so, and no line yet that it is over. */
bool standing_logged_limit(const struct standing *standing);

#endif
