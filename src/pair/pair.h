/*
 * Pairs: from an accepted client to the close line.
 *
 * A pair is two peers, each of which is the source of one flow. A pair stays on one worker all its life.
 * Every callback of a pair or of its flows ends in one settle function, which closes the pair when it is
 * time.
 */
#ifndef WEIR_PAIR_H
#define WEIR_PAIR_H

#include "base/cpu_share.h"
#include "base/slab.h"
#include "base/timers.h"
#include "flow/flow.h"
#include "relay/admission.h"
#include "relay/relay.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct local_ports;
struct pair;
struct pair_survey;

LIST_HEAD(pair_list, pair);

/* Pairs are from a pool with units of this size, in bytes: 33 fit into each, and nothing is left over. */
#define PAIR_UNIT_SIZE 32768

/* All pairs of one worker, and what they share. */
struct pair_set {
	struct flow_io io;
	unsigned worker;   /* number of the worker */
	struct pool *pool; /* memory of pairs; NULL: malloc(3) */
	/* One line per closed pair. Of all workers; may change while pairs live. NULL: none. */
	const _Atomic bool *log_connections;
	void (*ended)(void *arg); /* a pair has ended and given back all that it held */
	void *arg;
	/* Of all workers, for connecting. NULL: the kernel chooses. */
	struct local_ports *ports;
	/* private */
	struct flow_turns turns;
	struct timers rates;
	_Atomic uint64_t paused; /* flows */
	struct slab slab;
	struct cpu_share cpu; /* of the worker; noted while pairs move bytes */
	struct timers timers;
	struct pair_list pairs;
	struct pair_list blind;    /* pairs with a peer from which nothing is read: see pair_watch.c */
	struct event *watch_timer; /* while there are any */
	LIST_HEAD(, gate) gates;   /* those with clients in line */
	LIST_HEAD(, tally) untold; /* of relays about which something is to be told later */
	struct event *recap_timer; /* until it is */
	uint64_t count, made;
	uint64_t id_step;
	struct pair_survey *survey; /* under way, or NULL */
};

/*
 * The caller fills in set->io (except settle, turns, rates and paused), worker, pool, ports, log_connections,
 * ended and arg first. workers is the number of workers. 0 or -errno.
 */
int pair_set_init(struct pair_set *set, unsigned workers);
/* Resets the pairs that are left. Also takes a zeroed set, or one whose init failed or that was ended. */
void pair_set_deinit(struct pair_set *set);
/* Looks now whether pairs that wait for nothing but acknowledgements have them. */
void pair_set_hurry(struct pair_set *set);
/* Something has become known that may help clients that are held, or wait for a target's first address. */
void pair_set_retry(struct pair_set *set);
/* The limits on the rates of relays have changed. */
void pair_set_limit_rates(struct pair_set *set);
/* No source is read for now, so that queues get shorter; or they are read again. */
void pair_set_hush(struct pair_set *set, bool on);
/* Closes every pair with the reason shutdown: both peers are reset. */
void pair_set_shutdown(struct pair_set *set);

/*
 * Bytes that a pair costs besides its queues, at most: its own memory, and either libevent's for two flows
 * with something queued, or before that a PROXY header that is not complete. headers: some clients send one.
 */
size_t pair_cost(bool headers);

/*
 * Takes over a client and its ticket. Both are given back when the pair ends. If the client's origin has too
 * many pairs, that is at once, and the client is reset. 0, or -ENOMEM if there was no memory for a pair. Then
 * the client was reset, and the ticket is still the caller's.
 */
int pair_new(struct pair_set *set, struct admission *ticket, int client_fd,
             const union client_address *client);

/* The relay denies this client, which gets no pair, or loses it. Counts that, and logs it once for many. */
void pair_note_denied(struct pair_set *set, struct relay *relay, const union client_address *client);

/*
 * Adds what all pairs of the set count, as of now (clock_ms), to part->relays, which is by the numbers of
 * their standings; and to part their records, if these are asked for. 0, or -ENOMEM and part is as before.
 * The part stays where it is until pair_survey_measure has finished. Only one survey at a time.
 */
int pair_survey_begin(struct pair_set *set, uint64_t now, enum report_depth depth, struct report_part *part);
/*
 * Asks the kernel about at most this many pairs. That costs system calls, so the caller lets others run
 * between calls. False when done.
 */
bool pair_survey_measure(struct pair_set *set, size_t most);

#endif
