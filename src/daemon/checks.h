/*
 * Finds out whether target addresses can be connected, by connecting to them now and then. What came of it is
 * for health to judge. A connection is reset at once, so it leaves nothing behind, here or at the target.
 * With send_proxy, a header that tells of no client is sent before that.
 *
 * Checks are spread over their interval, and only so many are under way at a time. None holds up the main
 * thread, on which all this runs.
 */
#ifndef WEIR_CHECKS_H
#define WEIR_CHECKS_H

#include "daemon/check.h"
#include "relay/generation.h"

struct checks;

/* ports is borrowed, and may be NULL. NULL when out of memory. */
struct checks *checks_new(struct event_base *base, struct local_ports *ports);
void checks_free(struct checks *checks); /* takes NULL */

/*
 * Between checks_begin and checks_end, all addresses that are to be checked are told again. One that was
 * checked before goes on, by other rules perhaps; one that is not told is checked no more.
 */
void checks_begin(struct checks *checks);
/* Keeps a reference. 0 or -ENOMEM: it is not checked. Telling it twice is fine. */
int checks_want(struct checks *checks, struct health *health, const struct check_rules *rules);
void checks_end(struct checks *checks);
/*
 * All of that for the generation in force, and again when a target has other addresses. An address that leads
 * back to its relay is not checked. What there is no memory for is tried again. generation is borrowed until
 * the next one.
 */
void checks_follow(struct checks *checks, const struct generation *generation);

#endif
