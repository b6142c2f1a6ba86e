/*
 * Targets that have gone down or come up: says so in the log, and tells whoever has to do something about it.
 * Main thread.
 *
 * Of one address there are at most two lines in ten seconds, however often it comes and goes. A line that was
 * left out follows if the address stays down.
 */
#ifndef WEIR_OUTAGES_H
#define WEIR_OUTAGES_H

#include "relay/generation.h"

#include <stddef.h>

struct event_base;
struct outages;

/*
 * An address of a target of the relay has come up or gone down, or a look-up has found others. up: targets,
 * and backups, that are up now.
 */
typedef void outages_changed(void *arg, const struct relay *relay, size_t up);

/* NULL when out of memory or descriptors. */
struct outages *outages_new(struct event_base *base, outages_changed *changed, void *arg);
/* Nobody may post any more. Takes NULL. */
void outages_free(struct outages *outages);
/* For standings_new. */
struct mailbox *outages_mailbox(struct outages *outages);
/* From now on the relays of this generation are looked after (borrowed). */
void outages_set_generation(struct outages *outages, const struct generation *generation);
/* How many targets, and backups, there are, and how many of them are not up. Takes NULL. */
void outages_count(const struct outages *outages, size_t *count, size_t *down);

#endif
