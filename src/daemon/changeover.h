/*
 * The way from a configuration to clients that come in by it. The start and every reload take it.
 *
 *   begin ─► generation ─► names of listen, entrances bound ─► all that adopting takes ─► listen
 *      │          │                     │                               │                   │
 *      └──────────┴─────────────────────┴─────────── error ─────────────┴───────────────────┤
 *                                                      │                                    │ commit:
 *                                                      ▼                                    │ nothing can
 *                                         nothing has changed: done                         │ fail any more
 *                                                                                           ▼
 *                                                        all workers have adopted it: done
 */
#ifndef WEIR_CHANGEOVER_H
#define WEIR_CHANGEOVER_H

#include "daemon/http.h"
#include "daemon/preparation.h"
#include "daemon/stand_ins.h"
#include "net/lookups.h"
#include "net/resolver.h"
#include "relay/facade.h"
#include "relay/generation.h"
#include "relay/generations.h"
#include "worker/worker.h"

#include <stdbool.h>

/* What takes part in it. All is borrowed. */
struct changeover_parts {
	struct event_base *base;
	struct lookups *lookups;
	struct resolver *resolver;
	struct standings *standings;
	struct generations *generations;
	struct facade *facade;
	struct mailbox *gone; /* for generations that nobody holds any more */
	struct worker *const *workers;
	unsigned worker_count;
	struct stand_ins *stand_ins; /* or NULL */
	struct http *http;           /* or NULL */
};

struct changeover {
	struct changeover_parts parts;
	/*
	 * The generation is in force, and a reference to it is the callee's. What had to be done with
	 * entrances is done.
	 */
	void (*commit)(void *arg, struct generation *generation, const struct facade_change *change);
	/*
	 * It is over. error is 0, or -errno if there was no commit. What was wrong is logged, unless
	 * something has run out.
	 */
	void (*done)(void *arg, int error);
	void *arg;
	/* private */
	struct generation *next; /* until the commit, or NULL */
	struct preparation *preparation;
	unsigned adopting; /* workers that have not adopted yet */
};

/*
 * The caller has filled in everything that is not private. Neither another changeover nor a report may be
 * under way. 0 or -errno; then nothing is under way. Otherwise done is called later.
 */
int changeover_begin(struct changeover *changeover, struct config *config);
/*
 * The same for the generation that is in force: its entrances are opened and shut as relay_refuses says. The
 * commit comes before this returns. 0 or -errno; then nothing has changed, and done is not called.
 */
int changeover_begin_again(struct changeover *changeover, struct generation *current);
/* A worker has answered WORKER_ADOPTED. */
void changeover_take_adopted(struct changeover *changeover);
/* Gives up what is under way, unless it was committed. True if it did. Then done is not called. */
bool changeover_give_up(struct changeover *changeover);

#endif
