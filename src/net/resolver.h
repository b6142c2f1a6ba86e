/*
 * Turns host names into address lists, with getaddrinfo(3) on a thread of its own. Each name is looked up
 * when the thread starts, and again every interval. After a failure it is looked up sooner (1 s, doubling up
 * to the interval), and the last good answer is kept. Lists are immutable and reference-counted.
 */
#ifndef WEIR_RESOLVER_H
#define WEIR_RESOLVER_H

#include "base/refcount.h"
#include "net/address.h"

#include <stddef.h>
#include <stdint.h>

/* Immutable once made. References are atomic, so any thread may get and put. */
struct address_list {
	size_t count;
	struct refcount references; /* private */
	struct endpoint endpoint[];
};

/* An empty list with one reference and room for capacity endpoints. NULL when out of memory. */
struct address_list *address_list_new(size_t capacity);
struct address_list *address_list_get(struct address_list *list);
void address_list_put(struct address_list *list); /* takes NULL */
/* A list with one address, for literal addresses. NULL when out of memory. */
struct address_list *address_list_single(const struct endpoint *endpoint);

struct resolver;
struct resolver_name; /* a name that is looked up again and again */

/*
 * How names are looked up. The default is getaddrinfo(3); tests pass their own. Returns a new list of at
 * least one address. On failure it returns NULL and sets *error for resolver_strerror: a negative error of
 * getaddrinfo(3), or a positive errno.
 */
typedef struct address_list *resolver_lookup(const char *host, uint16_t port, void *arg, int *error);
/* The default: getaddrinfo(3), in the calling thread. */
resolver_lookup resolver_lookup_now;
const char *resolver_strerror(int error);

/* interval_ms is as above, at least 1. lookup NULL means the default. Returns NULL when out of memory. */
struct resolver *resolver_new(uint64_t interval_ms, resolver_lookup *lookup, void *arg);
/*
 * Adds a name. Call before resolver_start. owner is for log lines ("relay db: target"). owner and host are
 * copied. NULL when out of memory. The name lives as long as the resolver.
 */
struct resolver_name *resolver_add(struct resolver *resolver, const char *owner, const char *host,
                                   uint16_t port);
/* Starts the thread, unless no names were added. 0 or -errno. */
int resolver_start(struct resolver *resolver);
/* Waits until every name has been tried once, but at most timeout_ms. */
void resolver_wait(struct resolver *resolver, uint64_t timeout_ms);
/* The last good answer, with a reference for the caller, or NULL if there never was one. Any thread. */
struct address_list *resolver_name_get(struct resolver_name *name);
/*
 * Ends the thread and frees everything. Waits at most one second for a lookup in progress. A longer lookup is
 * left to finish by itself, so arg must outlive it. Takes NULL.
 */
void resolver_free(struct resolver *resolver);

#endif
