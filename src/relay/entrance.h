/* One listening address at run time: one socket for each worker, or one for all (see relay_socket). */
#ifndef WEIR_ENTRANCE_H
#define WEIR_ENTRANCE_H

#include "net/address.h"
#include "net/socket.h"

#include <stdbool.h>
#include <sys/types.h>

struct entrance {
	struct endpoint endpoint; /* its actual address; kept when it is closed */
	bool dual_stack;
	bool by_name;                /* of a host name, so not known until it was looked up */
	char text[ADDRESS_TEXT_MAX]; /* endpoint as text */
	char *unlink_path;           /* a unix path of ours, removed on close if it is still ours; owned */
	dev_t device;                /* with inode: the socket that we made at that path */
	ino_t inode;
	int *fds;       /* owned, like the descriptors in it */
	unsigned count; /* the number of workers, or 1 if they share */
};

/*
 * Takes endpoint for this many workers, without accepting anybody. TCP gets a socket for each, and the kernel
 * spreads the clients. A unix address gets one for all. dual_stack as in socket_bind. 0 or -errno; on failure
 * nothing is left open.
 */
int entrance_bind(struct entrance *entrance, const struct endpoint *endpoint,
                  const struct socket_tuning *tuning, bool dual_stack, unsigned workers);
/* Lets clients in, at most once. 0 or -errno; entrance_close must follow in any case. */
int entrance_listen(struct entrance *entrance);
/* True if both take clients of the same address. */
bool entrance_overlaps(const struct entrance *a, const struct entrance *b);
/*
 * True if a connection to endpoint comes in here. For a wildcard, system calls find out whether endpoint is
 * on this machine, but only if the ports match.
 */
bool entrance_matches(const struct entrance *entrance, const struct endpoint *endpoint);
/* Closes the sockets and removes a unix path. A zeroed or closed entrance is fine. */
void entrance_close(struct entrance *entrance);
/* The descriptor that a worker waits on. */
int entrance_fd(const struct entrance *entrance, unsigned worker);

#endif
