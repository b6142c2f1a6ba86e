/*
 * Accepts for one listening address on one worker. At a limit, or when descriptors or memory have run out, it
 * pauses: no event on the socket, so no CPU, and clients wait in the backlog. It goes on when a pair has
 * ended, in turn with other workers, or after a while.
 */
#ifndef WEIR_LISTENER_H
#define WEIR_LISTENER_H

#include "pair/pair.h"
#include "relay/relay.h"

#include <sys/queue.h>

struct listener;
LIST_HEAD(listener_list, listener);

/*
 * Accepts on fd (borrowed) for relay into set, as long as there are slots for a pair, and adds itself to
 * list. NULL when out of memory.
 */
struct listener *listener_new(struct listener_list *list, struct pair_set *set, struct slots *slots,
                              struct relay *relay, int fd);
void listener_free(struct listener *listener);
/* A pair has ended somewhere: listeners that pause try again. */
void listener_resume_all(struct listener_list *list);

#endif
