/*
 * Looks host names up without holding up the thread that asks, with getaddrinfo(3) on a few threads. A name
 * server that does not answer holds a thread for many seconds. So slow names get threads of their own, and
 * quick ones never wait for them.
 */
#ifndef WEIR_LOOKUPS_H
#define WEIR_LOOKUPS_H

#include "net/address_list.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;

/* At most this many quick look-ups run at a time, and this many slow ones besides. */
#define LOOKUPS_QUICK 4
#define LOOKUPS_SLOW  60
/* A look-up that takes longer than this many milliseconds is slow. */
#define LOOKUPS_SLOW_MS 500

/*
 * How a name is looked up, in the calling thread. The default is getaddrinfo(3); tests pass their own.
 * Returns a new list of at least one address, without ports. On failure it returns NULL and sets *error
 * for lookup_strerror: a negative error of getaddrinfo(3), or a positive errno.
 */
typedef struct address_list *lookup_call(const char *host, void *arg, int *error);
lookup_call lookup_now;
const char *lookup_strerror(int error);

struct lookups;
struct lookup; /* one that has begun and has not ended */

struct lookup_answer {
	struct address_list *list; /* the receiver's; NULL after a failure */
	int error;
	bool slow; /* to be passed to the next look-up of the name */
};
/* On the base's thread, never from within lookups_begin. */
typedef void lookup_done(void *arg, const struct lookup_answer *answer);

/* call NULL means the default. NULL when out of memory or descriptors. */
struct lookups *lookups_new(struct event_base *base, lookup_call *call, void *arg);
/*
 * Begins a look-up of host, which is copied. slow is what the last answer said, or false if there was none.
 * NULL when out of memory.
 */
struct lookup *lookups_begin(struct lookups *lookups, const char *host, bool slow, lookup_done *done,
                             void *arg);
/* The answer is no longer wanted; done is not called. Takes NULL. */
void lookup_cancel(struct lookup *lookup);
/* Those that have ended, and of these those that found nothing. */
struct lookup_counts {
	uint64_t made, failed;
};
struct lookup_counts lookups_counts(const struct lookups *lookups);
/*
 * Cancels all. Waits a tenth of a second for calls under way. Longer ones end by themselves, so the arg of
 * call must outlive them. Takes NULL.
 */
void lookups_free(struct lookups *lookups);

#endif
