/*
 * Shuts the entrances of relays without a target that is up, and opens them again: when_down = refuse. It
 * decides when; the changeover does it. Main thread.
 */
#ifndef WEIR_REFUSALS_H
#define WEIR_REFUSALS_H

#include "relay/generation.h"

#include <stdint.h>

struct event;
struct event_base;

struct refusals {
	/*
	 * Opens and shuts entrances as relay_refuses says. 0 or -errno. -EBUSY: not now; refusals_look is
	 * called when it can be.
	 */
	int (*change)(void *arg);
	void *arg;
	/* private */
	const struct generation *generation; /* in force; NULL: none yet */
	struct event *timer;                 /* for the next look */
	uint64_t changed;                    /* clock_ms of the last change */
};

/* The caller has filled in what is not private. 0 or -errno; refusals_deinit in any case. */
int refusals_init(struct refusals *refusals, struct event_base *base);
void refusals_deinit(struct refusals *refusals); /* also takes a zeroed one */
/* Clients come in to this generation from now on. It is borrowed. */
void refusals_set_generation(struct refusals *refusals, const struct generation *generation);
/*
 * What is known of the targets of a relay has changed. until: as of refusal_note. Several calls in one pass
 * of the event loop lead to one change.
 */
void refusals_note(struct refusals *refusals, struct standing *standing, uint64_t until);
/* The same by the targets' health: an address of the relay has come up or gone down, or there is another. */
void refusals_judge(struct refusals *refusals, const struct relay *relay);
/* Changes what is due. */
void refusals_look(struct refusals *refusals);

#endif
