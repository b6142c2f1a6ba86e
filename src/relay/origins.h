/* Counts the pairs of each origin, if the relay limits them. Any thread. */
#ifndef WEIR_ORIGINS_H
#define WEIR_ORIGINS_H

#include "net/socket.h"

#include <stdbool.h>
#include <stdint.h>

struct origins;

/* NULL when out of memory. */
struct origins *origins_new(uint64_t max_per_origin);
void origins_free(struct origins *origins); /* takes NULL */
/*
 * Counts one more pair for client's origin. False if the origin has as many as it may, or when out of memory;
 * then the pair was not counted.
 */
bool origins_enter(struct origins *origins, const union client_address *client);
void origins_leave(struct origins *origins, const union client_address *client);

#endif
