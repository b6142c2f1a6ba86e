/*
 * The targets of a relay: which address a pair tries next, and how that went. Shared by all workers. Any
 * thread.
 */
#ifndef WEIR_TARGETS_H
#define WEIR_TARGETS_H

#include "config/settings.h"
#include "net/resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct targets;
struct loops;

/* One target address for a pair to try. */
struct target_choice {
	struct address_list *list; /* a reference, given back by target_choice_deinit */
	const struct endpoint *endpoint;
	size_t target; /* which target it belongs to */
};

/*
 * Adds host names to resolver, to be looked up every resolve_interval (ms). config and resolver are borrowed.
 * NULL when out of memory.
 */
struct targets *targets_new(const struct config_relay *config, struct resolver *resolver,
                            uint64_t resolve_interval);
/* Takes NULL. On the thread of the resolver, if a target has a name. */
void targets_free(struct targets *targets);
/* From now on no address is chosen that leads back to the relay, number self among those of loops. */
void targets_avoid(struct targets *targets, const struct loops *loops, size_t self);
/* True if visit returns true for any address that a target has at present. */
typedef bool targets_visit(void *arg, const struct endpoint *endpoint);
bool targets_any_address(struct targets *targets, targets_visit *visit, void *arg);

/* Where the next pair begins its attempts. To be passed to targets_choose. */
uint64_t targets_next_start(struct targets *targets);
/*
 * How many attempts make sense: up to the relay's limit, but no address twice. At least 1, except that it is
 * 0 while there is no address because names are looked up for the first time.
 */
unsigned targets_attempts(struct targets *targets);
/*
 * Chooses for one attempt (0, 1, …): one target after another, and one address of each after another.
 * -EDESTADDRREQ: no address is left; names may not have one yet. -EDEADLK: the address leads back to this
 * relay (connect(2) uses ELOOP for links). Even after an error, the choice may be passed to
 * targets_note_attempt and must be ended.
 */
int targets_choose(struct targets *targets, uint64_t start, unsigned attempt, struct target_choice *choice);
void target_choice_deinit(struct target_choice *choice);
/*
 * Notes how an attempt went (0 or -errno). If all addresses of a target have failed, that is logged once
 * until it is over. A shortage of ours is not trouble with the target.
 */
void targets_note_attempt(struct targets *targets, const struct target_choice *choice, int error);
/* That was a client's last attempt, so it is logged even if the target has other addresses. */
void targets_note_unserved(struct targets *targets, const struct target_choice *choice, int error);

#endif
