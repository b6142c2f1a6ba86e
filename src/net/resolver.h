/*
 * Keeps the addresses of host names up to date. A name is looked up when it is added, and again every
 * interval, once for all that use it. After a failure it is looked up sooner (1 s, doubling up to the
 * interval), and the last good answer is kept. Whoever adds a name that is in use already has its addresses
 * at once.
 *
 * It runs on the thread of an event base. Other threads may only call what says so.
 */
#ifndef WEIR_RESOLVER_H
#define WEIR_RESOLVER_H

#include "net/address_list.h"
#include "net/lookups.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;

struct resolver;
struct resolver_name; /* one use of a host name with a port */

/*
 * A name has other addresses than before, which resolver_name_get returns. On the thread of the resolver. 0
 * or -ENOMEM: then it is called again after the next look-up, which comes soon.
 */
typedef int resolver_changed(void *arg);

/* lookups is borrowed. NULL when out of memory or descriptors. */
struct resolver *resolver_new(struct event_base *base, struct lookups *lookups);
/*
 * Adds a name, to be looked up at least every interval_ms, which is at least 1. owner is for log lines
 * ("relay db: target"). owner and host are copied. NULL when out of memory. While the same owner has the same
 * name and port twice, as while settings are replaced, it counts once, with the interval that came last.
 * changed (or NULL) is called for later answers, never before this returns.
 */
struct resolver_name *resolver_add(struct resolver *resolver, const char *owner, const char *host,
                                   uint16_t port, uint64_t interval_ms, resolver_changed *changed, void *arg);
/*
 * Removes what resolver_add returned. No thread may use it any more. The last name of a host ends its
 * look-ups. Takes NULL.
 */
void resolver_name_put(struct resolver_name *name);
/* The last good answer, with a reference for the caller, or NULL if there never was one. Any thread. */
struct address_list *resolver_name_get(struct resolver_name *name);
/* False while it is looked up for the first time, or if there was no memory for that. Any thread. */
bool resolver_name_tried(const struct resolver_name *name);
/*
 * Its addresses may be out of date: looks it up soon, but not within a second of the last time. Any
 * thread.
 */
void resolver_name_hurry(struct resolver_name *name);
/* Removes all names. No thread may use one any more. Takes NULL. */
void resolver_free(struct resolver *resolver);

/* ---- from one program to the next ---- */

/* All that is known of a host. All times are clock_ms(). */
struct known_host {
	const char *name;
	uint64_t interval_ms;
	struct address_list *answer; /* the last good one, without ports, or NULL */
	uint64_t began, ended, due;  /* the last look-up, and the next one */
	uint64_t retry_ms;           /* the wait after the next failure */
	bool tried, slow;
	bool failing;    /* a line of the log has said so */
	uint64_t logged; /* when it did last */
};

typedef void known_host_visit(void *arg, const struct known_host *known);
/* Calls visit for each that has names. What it gets is borrowed. */
void resolver_each_known(struct resolver *resolver, known_host_visit *visit, void *arg);
/*
 * Adds a host of which this is known. It is kept without names until resolver_let_go. It gets references of
 * its own. 0, -EEXIST or -ENOMEM.
 */
int resolver_know(struct resolver *resolver, const struct known_host *known);
/* Hosts without names are forgotten. */
void resolver_let_go(struct resolver *resolver);

#endif
