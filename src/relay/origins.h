/*
 * Counts the pairs of each origin while the relay limits them. Any thread. Without a limit there is no lock
 * to take and nothing to remember. So pairs that came without one are not counted when a limit is set later.
 */
#ifndef WEIR_ORIGINS_H
#define WEIR_ORIGINS_H

#include "net/socket.h"

#include <stdbool.h>
#include <stdint.h>

struct origins;

/* max_per_origin: 0 = no limit. NULL when out of memory. */
struct origins *origins_new(uint64_t max_per_origin);
void origins_free(struct origins *origins); /* takes NULL */
/* Changes the limit. An origin that has more pairs than that gets no further one until enough have ended. */
void origins_set_max(struct origins *origins, uint64_t max_per_origin);
uint64_t origins_max(const struct origins *origins);
/* Whether there is a limit, so that a client must be counted. */
bool origins_limited(const struct origins *origins);
/*
 * Counts one more pair for client's origin, which is its network with ipv6_prefix. False if the origin has as
 * many as it may, or when out of memory; then the pair was not counted.
 */
bool origins_enter(struct origins *origins, const union client_address *client, unsigned ipv6_prefix);
/* The same, however many the origin has. False when out of memory. */
bool origins_enter_again(struct origins *origins, const union client_address *client, unsigned ipv6_prefix);
/* With the same prefix. Also after the limit was changed or removed. */
void origins_leave(struct origins *origins, const union client_address *client, unsigned ipv6_prefix);

#endif
