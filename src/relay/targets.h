/*
 * The targets of a relay: which address a pair tries next, and what came of it. Shared by all workers; any
 * thread may call.
 */
#ifndef WEIR_TARGETS_H
#define WEIR_TARGETS_H

#include "config/settings.h"
#include "net/resolver.h"
#include "relay/entrances.h"

#include <stddef.h>
#include <stdint.h>

struct targets;

/* A target address that a pair tries. */
struct target_choice {
	struct address_list *list; /* a reference, ended with target_choice_deinit */
	const struct endpoint *endpoint;
	size_t target; /* which target it belongs to */
};

/*
 * Host names are added to resolver. entrances are those of the relay, to which no target may lead back.
 * config, resolver and entrances are borrowed. NULL when out of memory.
 */
struct targets *targets_new(const struct config_relay *config, struct resolver *resolver,
                            const struct entrances *entrances);
void targets_free(struct targets *targets); /* takes NULL */

/* Where the next pair begins with its attempts; to be passed to targets_choose. */
uint64_t targets_next_start(struct targets *targets);
/* How many attempts make sense: the limit of the relay, but no address twice. */
unsigned targets_attempts(struct targets *targets);
/*
 * Chooses for one attempt (0, 1, …): one target after the other, and the addresses of each likewise.
 * -EDESTADDRREQ: its name has no address yet. -EDEADLK: it was chosen, but leads back to where this relay
 * listens (ELOOP is what connect(2) says of links). On an error too the choice may be noted, and is ended.
 */
int targets_choose(struct targets *targets, uint64_t start, unsigned attempt, struct target_choice *choice);
void target_choice_deinit(struct target_choice *choice);
/* What came of an attempt (0 or -errno); trouble with a target is logged once until it is over. */
void targets_note_attempt(struct targets *targets, const struct target_choice *choice, int error);

#endif
