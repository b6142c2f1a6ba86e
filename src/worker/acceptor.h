/*
 * Accepts for one listening address on one worker. At a limit, or when descriptors or memory have run out,
 * it pauses: the socket has no event, so it costs no CPU, and clients wait in the backlog. It goes on when a
 * pair has ended (one waiting worker after another), or after a while.
 */
#ifndef WEIR_ACCEPTOR_H
#define WEIR_ACCEPTOR_H

#include "pair/pair.h"
#include "relay/relay.h"

#include <sys/queue.h>

struct acceptor;
LIST_HEAD(acceptor_list, acceptor);

/*
 * Accepts on fd (borrowed) for relay into set, as long as there are slots for a pair. Adds itself to list.
 * NULL when out of memory.
 */
struct acceptor *acceptor_new(struct acceptor_list *list, struct pair_set *set, struct slots *slots,
                              struct relay *relay, int fd);
void acceptor_free(struct acceptor *acceptor);
/* A pair has ended somewhere, so acceptors that pause try again. */
void acceptor_resume_all(struct acceptor_list *list);

#endif
