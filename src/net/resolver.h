/*
 * Host names to address lists, by getaddrinfo(3) on one thread of its own. Each name is looked up when it is
 * added and again every interval; after a failure sooner (1 s, doubling up to the interval). The last good
 * answer is kept on failure. Lists are immutable and reference-counted.
 */
#ifndef WEIR_RESOLVER_H
#define WEIR_RESOLVER_H

#include "base/refcount.h"
#include "net/address.h"

#include <stddef.h>
#include <stdint.h>

/* Immutable once made. References are atomic: any thread may get and put. */
struct address_list {
	size_t count;
	struct refcount references; /* private */
	struct endpoint endpoint[];
};

/* An empty list with one reference and room for capacity endpoints. NULL when out of memory. */
struct address_list *address_list_new(size_t capacity);
struct address_list *address_list_get(struct address_list *list);
void address_list_put(struct address_list *list); /* takes NULL */
/* A list of one, for literal addresses. NULL when out of memory. */
struct address_list *address_list_single(const struct endpoint *endpoint);

struct resolver;
struct resolver_name; /* one name that is kept looked up */

/*
 * How names are looked up; the default is getaddrinfo(3). Tests pass their own. Returns a new list of at
 * least one, or NULL with *error as resolver_strerror takes it: negative of getaddrinfo(3), or a positive
 * errno.
 */
typedef struct address_list *resolver_lookup(const char *host, uint16_t port, void *arg, int *error);
/* The default: getaddrinfo(3), in the calling thread. */
resolver_lookup resolver_lookup_now;
const char *resolver_strerror(int error);

/* interval_ms as above, at least 1. lookup NULL: the default. NULL when out of memory. */
struct resolver *resolver_new(uint64_t interval_ms, resolver_lookup *lookup, void *arg);
/*
 * Adds a name before resolver_start. owner is for log lines ("relay db: target"); it and host are copied.
 * NULL when out of memory. The name lives as long as the resolver.
 */
struct resolver_name *resolver_add(struct resolver *resolver, const char *owner, const char *host,
                                   uint16_t port);
/* Starts the thread (none if no names were added). 0 or -errno. */
int resolver_start(struct resolver *resolver);
/* Waits until every name was tried once, at most timeout_ms. */
void resolver_wait(struct resolver *resolver, uint64_t timeout_ms);
/* The last good answer, with a reference for the caller, or NULL if there never was one. Any thread. */
struct address_list *resolver_name_get(struct resolver_name *name);
/*
 * Ends the thread, waiting at most a second for a lookup that is under way, and frees. A lookup that takes
 * longer is left to itself: arg must outlive it. Takes NULL.
 */
void resolver_free(struct resolver *resolver);

#endif
