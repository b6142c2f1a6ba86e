/* What the files of the resolver share: resolver.c (hosts and their names), resolving.c (looking up). */
#ifndef WEIR_RESOLVER_PRIVATE_H
#define WEIR_RESOLVER_PRIVATE_H

#include "base/backoff.h"
#include "base/episode.h"
#include "base/mailbox.h"
#include "net/resolver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct resolver_name {
	TAILQ_ENTRY(resolver_name) next, next_current;
	struct host *host;
	char *owner;
	uint16_t port;
	uint64_t interval_ms;
	struct resolver_name *before, *after; /* the same owner's, for the same host and port, or NULL */
	struct address_list *answer;          /* the host's, with this port; guarded by the resolver's lock */
	resolver_changed *changed;
	void *arg;
};

/* What is looked up: once for all names with this host. Without names it is not found any more. */
struct host {
	struct message hurry; /* from any thread */
	STAILQ_ENTRY(host) next;
	struct resolver *resolver;
	char *name;
	TAILQ_HEAD(resolver_names, resolver_name) names; /* none: it is freed once hurry was delivered */
	bool kept;                     /* until resolver_let_go, though it may have no names */
	struct resolver_names current; /* those of them with nothing after them, however many are before */
	uint64_t interval_ms;          /* the shortest that a name asks for */
	struct address_list *answer;   /* the last good one, without ports, or NULL */
	struct lookup *lookup;         /* under way, or NULL */
	struct event *timer;           /* until the next */
	uint64_t began, ended, due;    /* clock_ms() of the last one, and of the next one */
	struct backoff retry;          /* the wait after the next failure */
	_Atomic bool tried;
	bool slow;
	bool shared; /* all names have the answer; without memory some have it, and others the one before */
	struct episode failing;
};

struct resolver {
	struct event_base *base;
	struct lookups *lookups;
	struct mailbox mailbox;
	STAILQ_HEAD(, host) hosts;
	pthread_mutex_t lock;
};

#define HURRY_GAP_MS 1000 /* from one look-up of a name to the next, however many ask for it */

/* Without a look-up. NULL when out of memory. */
struct host *host_new(struct resolver *resolver, const char *name);
void host_free(struct host *host);
/* NULL if there is none with names, or kept. */
struct host *host_find(struct resolver *resolver, const char *name);
/* It has no names any more. */
void host_retire(struct host *host);

/* Looks the host up now, for the first time. 0 or -ENOMEM. */
int resolving_begin(struct host *host);
/* Looks it up at due (clock_ms), and goes on from there. 0 or -ENOMEM. */
int resolving_go_on(struct host *host, uint64_t due);
/* Looks it up by due (clock_ms), unless that is under way: there is a next one only after it. */
void resolving_look_up_by(struct host *host, uint64_t due);
/* The next failure is the first of a row. */
void resolving_reset_retry(struct host *host);

#endif
