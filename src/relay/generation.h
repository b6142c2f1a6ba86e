/*
 * One configuration and the relays made of it. It does not change once clients come in. Every client's ticket
 * and every acceptor hold it through a relay of it (relay_get), so what they began with stays as it is. The
 * relays of a generation die together, because some lead to others.
 *
 * Generations are made and freed on the main thread.
 */
#ifndef WEIR_GENERATION_H
#define WEIR_GENERATION_H

#include "base/mailbox.h"
#include "base/refcount.h"
#include "config/settings.h"
#include "net/resolver.h"
#include "relay/loops.h"
#include "relay/relay.h"
#include "relay/standing.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct generation;

TAILQ_HEAD(generation_list, generation);

struct generation {
	/* private, the first member: posted once nobody holds it any more */
	struct message gone;
	struct mailbox *mailbox;
	struct refcount references;
	struct generation_list *all; /* which has it; or NULL. See struct generations */
	TAILQ_ENTRY(generation) entry;
	/* not private */
	uint64_t number; /* among all that there have been, from 1; 0: it is in no list */
	unsigned workers;
	struct config *config; /* a reference */
	struct relay **relays; /* owned, in the order of the configuration */
	size_t relay_count;
	struct relay **by_name; /* the same, sorted; NULL until generation_index */
	struct loops *loops;    /* among the relays; see generation_find_loops */
};

/*
 * A generation with one reference. Finds the standings of its relays or makes them, and adds its host names
 * to resolver. Whoever puts it last posts it to mailbox, whose messages go to generation_take_gone. Without a
 * mailbox it is then freed at once. NULL when out of memory.
 */
struct generation *generation_new(struct config *config, struct standings *standings,
                                  struct resolver *resolver, struct mailbox *mailbox);
/* Any thread. The last put may be on any thread too. Put takes NULL. */
struct generation *generation_get(struct generation *generation);
void generation_put(struct generation *generation);
/* Frees a generation that is gone. For mailbox_open. */
void generation_take_gone(void *arg, struct message *message);

/* From now on no target leads a client back to its relay. The entrances are bound. 0 or -ENOMEM. */
int generation_find_loops(struct generation *generation);
/* For generation_find_relay. 0 or -ENOMEM. */
int generation_index(struct generation *generation);
/* Its relay with this name, or NULL. */
struct relay *generation_find_relay(const struct generation *generation, const char *name);
/* Those of all its relays. */
size_t generation_count_entrances(const struct generation *generation);
/* As relay_take_again, for all relays. */
void generation_take_again(const struct generation *generation);
/* As relay_listen, for all relays. */
int generation_listen(struct generation *generation);

#endif
