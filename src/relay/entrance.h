/*
 * One listening address at run time: one socket for each worker, or one for all. It outlives the generation
 * that it was made for if a later one has the same address; see facade.h.
 */
#ifndef WEIR_ENTRANCE_H
#define WEIR_ENTRANCE_H

#include "config/settings.h"
#include "net/activation.h"
#include "net/address.h"
#include "net/socket.h"
#include "relay/retuning.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>

struct facade;

/* What an entrance is found again by: its address as it was configured. */
struct entrance_key {
	struct endpoint endpoint;           /* with port 0, any entrance that was asked for like that */
	bool dual_stack;                    /* as in socket_bind */
	const struct passed_socket *passed; /* the service manager listens there, rather than we; or NULL */
};

enum entrance_state {
	ENTRANCE_NEW,    /* taken, by a generation that may still come to nothing */
	ENTRANCE_OPEN,   /* the generation that is in force has it */
	ENTRANCE_SHUT,   /* it does not any more; clients that wait are served */
	ENTRANCE_CLOSED, /* or refuses */
};

struct entrance {
	struct entrance_key key;
	struct endpoint endpoint;    /* its actual address; kept when it is closed */
	char text[ADDRESS_TEXT_MAX]; /* endpoint as text */
	const char *unlink_path;   /* a unix path of ours in endpoint, removed on close if it is still ours */
	struct stat made;          /* the socket that we made at that path */
	struct unix_access access; /* to that path, as it was asked for and set */
	int *fds;                  /* owned, like the descriptors in it */
	unsigned count;            /* of them; another program may have had more or fewer workers */
	unsigned workers;          /* that accept on them: see entrance_whose */
	bool shared;               /* all workers share the only one */
	unsigned worker;           /* then: the one that accepts for all */
	bool listens;
	struct socket_tuning tuning; /* what its sockets have now */
	atomic_bool was_shut;        /* what is accepted from then on may be deaf until socket_let_in */
	uint64_t linger_until;       /* shut out: clock_ms at which no handshake can be under way any more */
	struct entrance *alike;      /* the next newer one with the same key; private to entrance_index.c */
	/* private to facade.c */
	struct facade *facade;
	uint64_t number; /* among all that there have been, from 1; one place for each */
	enum entrance_state state;
	unsigned references, round;
	bool refuses; /* whoever took it in that round has it, but lets nobody in there for now */
	bool refused; /* the same of the generation in force */
	struct retuning *retuning;      /* to what it gets when it is open; or NULL */
	struct unix_access committed;   /* the access that the generation in force asks for */
	char relay[RELAY_NAME_MAX + 1]; /* which has it, or had it last */
	const char *taker;              /* which took it in this round */
	_Atomic unsigned users;         /* who may accept on it */
	TAILQ_ENTRY(entrance) entry;
};

/* It belongs to the service manager, and so do its clients until they are accepted. */
static inline bool entrance_is_passed(const struct entrance *entrance)
{
	return entrance->key.passed;
}

/* It has TCP sockets that are ours. */
static inline bool entrance_is_tcp(const struct entrance *entrance)
{
	return !entrance_is_passed(entrance) && entrance->endpoint.any.sa_family != AF_UNIX;
}

/*
 * It has clients of loopback and of other networks. What loopback needs cannot be inherited then:
 * socket_tune_client must follow socket_accept.
 */
static inline bool entrance_has_clients_of_both(const struct entrance *entrance)
{
	return entrance->endpoint.any.sa_family != AF_UNIX && !endpoint_is_loopback(&entrance->endpoint);
}

/*
 * Takes the address of key for this many workers, without accepting anybody. TCP gets a socket for each, and
 * the kernel spreads the clients. A unix address gets one for all. A socket of the service manager is one for
 * all too, and stays open when the entrance is closed. A unix path for which the tuning has access is ours
 * alone until entrance_set_access. 0 or -errno; on failure nothing is left open.
 */
int entrance_bind(struct entrance *entrance, const struct entrance_key *key,
                  const struct socket_tuning *tuning, unsigned workers);
/*
 * As entrance_bind, for one that was closed or refuses, at the address that it had, with the same access.
 * What other threads may read of it stays as it is.
 */
int entrance_bind_again(struct entrance *entrance, unsigned workers);
/*
 * Who may connect from now on. It does nothing without a unix path, or if that was set before. As
 * unix_path_apply. While the entrance is closed it is for when it is bound again.
 */
int entrance_set_access(struct entrance *entrance, const struct unix_access *access);
/*
 * Lets clients in. Does nothing if it has done so before. 0 or -errno; entrance_close must follow in any
 * case.
 */
int entrance_listen(struct entrance *entrance);
/* True if both take clients of the same address. */
bool entrance_overlaps(const struct entrance *a, const struct entrance *b);
/*
 * True if a connection to endpoint comes in here. For a wildcard, system calls find out whether endpoint is
 * on this machine, but only if the ports match.
 */
bool entrance_matches(const struct entrance *entrance, const struct endpoint *endpoint);
/*
 * Lets no new client in. Those that wait can still be accepted, and are meant to be until linger_until at
 * least. A unix path is removed, so that it can be bound again. A socket of the service manager stays as it
 * is: those that we do not accept wait for whoever comes after us.
 */
void entrance_shut_out(struct entrance *entrance);
/* Undoes that, if entrance_may_let_in. A unix socket stays shut. */
void entrance_let_in(struct entrance *entrance);
static inline bool entrance_may_let_in(const struct entrance *entrance)
{
	return entrance_is_passed(entrance) || entrance->endpoint.any.sa_family != AF_UNIX;
}
/* Gives its sockets another tuning, for clients that come from now on. Logs if that fails. */
void entrance_retune(struct entrance *entrance, const struct retuning *retuning);
/*
 * Closes it until entrance_bind_again. A TCP port stays ours: nobody else can have it. Clients that wait are
 * reset.
 */
void entrance_refuse(struct entrance *entrance);
/* Closes the sockets and removes a unix path. A zeroed or closed entrance is fine. */
void entrance_close(struct entrance *entrance);
/*
 * What to bind for an address that is literal or a wildcard, in the order in which it is tried: the next one
 * if this machine does not have the one before. Returns how many there are.
 */
#define ENTRANCE_KEYS 2
size_t entrance_keys(const struct address *address, struct entrance_key keys[ENTRANCE_KEYS]);
/* This machine does not have the address (-errno), or not its whole family. */
bool entrance_is_not_here(int error);
/* An order of some kind, as strcmp(3) returns it. */
int entrance_key_compare(const struct entrance_key *a, const struct entrance_key *b);
/*
 * Sockets are numbered from 0, and each is one worker's. If the workers share one, it is that of one of them,
 * so that one client wakes one worker.
 */
static inline unsigned entrance_whose(const struct entrance *entrance, unsigned number)
{
	return entrance->shared ? entrance->worker : number % entrance->workers;
}

/* The worker's first one, if it is below count. The next ones are as many further as there are workers. */
static inline unsigned entrance_first(const struct entrance *entrance, unsigned worker)
{
	if (!entrance->shared)
		return worker;
	return worker == entrance->worker ? 0 : entrance->count;
}

/* How many sockets it may come to have. */
static inline unsigned entrance_most(const struct entrance *entrance)
{
	if (entrance->shared)
		return 1;
	return entrance->count > entrance->workers ? entrance->count : entrance->workers;
}

/*
 * Makes more sockets if there are fewer than workers, before any of these accepts there. Logs if there cannot
 * be so many: then some of them only get clients that others hand over.
 */
void entrance_widen(struct entrance *entrance);

#endif
