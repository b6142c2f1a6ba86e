/* One worker's pairs and acceptors on a base of the test's own, a target, and clients. */
#ifndef WEIR_ACCEPTING_STAGE_H
#define WEIR_ACCEPTING_STAGE_H

#include "pair/pair_private.h"
#include "relays.h"
#include "worker/acceptor.h"

#define CLIENTS_MAX 300

extern struct event_base *base;
extern struct slots slots;
extern struct pair_set set;
extern struct acceptors acceptors;
extern unsigned drained; /* acceptors that have come to their end */
extern int target;       /* nobody needs to accept there */
extern int client[CLIENTS_MAX];
extern size_t client_count;

void accepting_begin(void);
/* Pairs and acceptors. */
void accepting_stop(void);
/* All else; -1 in client is fine. */
void accepting_end(void);

/* For the acceptors of another worker. */
void accepting_told(void *arg);
void accepting_drained(void *arg);

#endif
