/*
 * All entrances of the daemon, whichever relay has them. A generation that has an address takes over the
 * entrance that stands there, so its sockets stay, with the clients that wait in them.
 *
 *   taken ─► NEW ── facade_commit ─► OPEN ── the next one does not have it ─► SHUT ─► CLOSED
 *                                      ▲                                       │  nobody accepts
 *                                      └────────── the one after has it ───────┘  on it any more
 *
 * A generation may also take an entrance that refuses: it has it, but lets nobody in there for now. That is
 * shut as if it were removed, and can be taken again when it is closed. Its TCP ports stay bound meanwhile; a
 * unix address is bound anew.
 *
 * Main thread only, but for facade_enter and facade_leave.
 */
#ifndef WEIR_FACADE_H
#define WEIR_FACADE_H

#include "base/mailbox.h"
#include "relay/entrance.h"
#include "relay/entrance_index.h"

#include <stddef.h>

struct event_base;

TAILQ_HEAD(facade_entrances, entrance);

struct facade {
	unsigned workers;
	const struct activation *activation; /* borrowed; set by whoever owns it, before the first is taken */
	/* private */
	struct facade_entrances all; /* oldest first */
	size_t count;                /* of them */
	uint64_t last;               /* the number of the newest one so far */
	struct entrance_index index; /* of them */
	const char **relays;         /* that have them, sorted, from facade_begin on; may be several times */
	size_t relay_count;
	unsigned round;
	unsigned next_worker;
	struct retunings retunings; /* for entrances that were taken since facade_begin */
	struct mailbox mailbox;
	struct message left; /* nobody accepts on some entrance any more */
};

/* What a commit has done, in entrances. */
struct facade_change {
	size_t kept, added, removed;
};

void facade_init(struct facade *facade, unsigned workers);
/*
 * From now on, entrances that are shut are closed once nobody accepts on them. 0 or -errno; facade_deinit
 * must follow in either case.
 */
int facade_watch(struct facade *facade, struct event_base *base);
/* Closes all entrances. Nobody may have or use one any more. */
void facade_deinit(struct facade *facade);

/*
 * A generation begins to take its entrances. It gets each at most once. Relays that facade_has knows should
 * take theirs first: otherwise a new relay may get what was theirs, if both ask for port 0. 0 or -ENOMEM.
 */
int facade_begin(struct facade *facade);
/* Whether an entrance was this relay's, or was last, at facade_begin. Until the round is over. */
bool facade_has(const struct facade *facade, const char *relay);
/*
 * The entrance with this key: one that stands there (one of this relay's, if there are several), or a new one
 * with this tuning. It may be closed, if it was taken to refuse before. 0 or -errno. After success *taken is
 * a reference. Nothing has changed for others that have it; what is new is closed with the last reference.
 */
int facade_take(struct facade *facade, const struct entrance_key *key, const struct socket_tuning *tuning,
                const char *relay, bool refuses, struct entrance **taken);
/*
 * Takes it for a generation that has it already. If it is not to refuse, it is bound if it is closed; but
 * where clients of a unix socket that is shut still wait, that is -EADDRINUSE. 0 or -errno; it is not taken
 * then.
 */
int facade_take_again(struct entrance *entrance, const char *relay, bool refuses);
void facade_put(struct entrance *entrance);
/*
 * What was taken since facade_begin is open, unless it refuses. What else was open lets no new client in, and
 * is closed once the acceptors have served those that wait.
 */
struct facade_change facade_commit(struct facade *facade);
/*
 * Instead: what was taken since facade_begin comes to nothing, and is being put. Those who could connect to
 * unix paths before can do so again; an error is logged.
 */
void facade_abandon(struct facade *facade);
/* Lets no new client in anywhere: commits a generation without entrances. */
void facade_shut(struct facade *facade);

/*
 * From facade_enter to facade_leave somebody may accept on the entrance, so it is not closed. Whoever calls
 * them holds a relay that has the entrance. Any thread.
 */
void facade_enter(struct entrance *entrance);
void facade_leave(struct entrance *entrance);

/* One that was restored, with its number, as the newest. 0 or -ENOMEM. */
int facade_add(struct facade *facade, struct entrance *entrance);

/* An entrance that has the same address as one with this key would, so that it is in the way; or NULL. */
const struct entrance *facade_find_overlap(const struct facade *facade, const struct entrance_key *key);

#endif
