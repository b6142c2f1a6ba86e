/* The addresses of a host name, or the one of a literal address. */
#ifndef WEIR_ADDRESS_LIST_H
#define WEIR_ADDRESS_LIST_H

#include "base/refcount.h"
#include "net/address.h"

#include <stdbool.h>
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
/* The same IPv4 and IPv6 addresses with this port. NULL when out of memory. */
struct address_list *address_list_with_port(const struct address_list *list, uint16_t port);

bool address_list_has(const struct address_list *list, const struct endpoint *endpoint);
/* True for the same addresses in any order: name servers rotate theirs from answer to answer. */
bool address_list_equal(const struct address_list *one, const struct address_list *other);

#endif
