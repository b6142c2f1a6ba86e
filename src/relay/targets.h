/*
 * The targets of a relay: which address a pair tries next, and how that went. Shared by all workers. Any
 * thread, unless something else is said.
 */
#ifndef WEIR_TARGETS_H
#define WEIR_TARGETS_H

#include "config/settings.h"
#include "net/resolver.h"
#include "net/socket.h"
#include "relay/health.h"
#include "relay/tried.h"

#include <stdbool.h>
#include <stddef.h>

struct targets;
struct loops;
struct standing;

/* One target address for a pair to try, or that it has connected. */
struct target_choice {
	struct health *health; /* a reference; NULL: none */
	unsigned target;       /* which target it belongs to */
	uint16_t place;        /* in the target's range of ports; 0 if it has none */
	bool tries;            /* it was down, and this pair finds out whether it still is */
};

/*
 * Adds host names to resolver, to be looked up every resolve_interval (ms). The others are borrowed. NULL
 * when out of memory. Main thread, as targets_free, which takes NULL.
 */
struct targets *targets_new(const struct config_relay *config, struct standing *standing,
                            struct resolver *resolver, uint64_t resolve_interval);
void targets_free(struct targets *targets);
/* From now on no address is chosen that leads back to the relay, number self among those of loops. */
void targets_avoid(struct targets *targets, const struct loops *loops, size_t self);
/*
 * True if visit returns true for any address that a target or backup has at present, for clients with this
 * place. It must not lock.
 */
typedef bool targets_visit(void *arg, const struct endpoint *endpoint);
bool targets_any_address(struct targets *targets, uint16_t place, targets_visit *visit, void *arg);
/*
 * Calls visit for every address at present, all of a target one after the other, and once, with NULL, for a
 * name that has none yet. Main thread.
 */
typedef void targets_visit_health(void *arg, const struct config_target *target, bool backup,
                                  struct health *health);
void targets_each_health(struct targets *targets, targets_visit_health *visit, void *arg);
/* True if it is a name that is looked up for the first time. */
bool targets_is_unknown(const struct targets *targets, const struct config_target *target, bool backup);

/*
 * True while clients have to wait: no target has an address yet, and a name is looked up for the first time.
 * Backups do not count for as long as a target may get one.
 */
bool targets_are_unknown(struct targets *targets);
/*
 * Chooses for one attempt of a client that has tried those, and has come in by the entrance with this place
 * in its range of ports. The choice must be ended. -EDEADLK: it leads back
 * to this relay (connect(2) uses ELOOP for links); it was chosen all the same. Without a choice:
 * -EDESTADDRREQ: there is no address; -ENOENT: all were tried.
 */
int targets_choose(struct targets *targets, const union client_address *origin, uint16_t place,
                   const struct tried *tried, struct target_choice *choice);
/* The address of a choice, which is not empty, with the port of its place. */
struct endpoint target_choice_endpoint(const struct target_choice *choice);
/* Whether there is an address that is up besides this choice, and was not tried either. */
bool targets_have_other(struct targets *targets, const struct tried *tried,
                        const struct target_choice *choice);
/*
 * What is known of this address of the target with this text, which may have another one by now. *number is
 * where that target may be found, and becomes the right one. 0 with a reference; -EPROTO: there is no such
 * target; -ENOMEM. Main thread.
 */
int targets_find_health(struct targets *targets, unsigned *number, const char *text,
                        const struct endpoint *endpoint, struct health **health);
/* Also takes one that is empty or was ended. If the pair tries it, that has come to nothing. */
void target_choice_deinit(struct target_choice *choice);
/*
 * Notes how the attempt went (0 or -errno). A shortage of ours says nothing about the target. Neither does a
 * port of a range where nobody listens.
 */
void targets_note_attempt(struct targets *targets, struct target_choice *choice, int error);
/* A client has got no target, at last for this reason. That is logged once until one is connected. */
void targets_note_unserved(struct targets *targets, int error);
/* Why an attempt failed (-errno), in words. */
const char *targets_error_text(int error);

#endif
