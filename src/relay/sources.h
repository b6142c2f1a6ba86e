/* How many pairs each source address has, where a relay limits them. Any thread. */
#ifndef WEIR_SOURCES_H
#define WEIR_SOURCES_H

#include "net/socket.h"

#include <stdbool.h>
#include <stdint.h>

struct sources;

/* NULL when out of memory. */
struct sources *sources_new(uint64_t max_per_source);
void sources_free(struct sources *sources); /* takes NULL */
/* Counts one more pair of client's address. False when it has as many as it may, or out of memory; then it
 * was not counted. */
bool sources_enter(struct sources *sources, const union client_address *client);
void sources_leave(struct sources *sources, const union client_address *client);

#endif
