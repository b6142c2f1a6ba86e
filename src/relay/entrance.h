/* One listening address at run time: a socket per worker, or one that the workers share. */
#ifndef WEIR_ENTRANCE_H
#define WEIR_ENTRANCE_H

#include "net/address.h"
#include "net/socket.h"

#include <stdbool.h>
#include <sys/types.h>

struct entrance {
	struct endpoint endpoint; /* the address that it really has; stays when it is closed */
	bool dual_stack;
	char text[ADDRESS_TEXT_MAX]; /* endpoint as text */
	char *unlink_path;           /* a unix path of ours, removed at the end if it still is; owned */
	dev_t device;                /* of what is ours there */
	ino_t inode;
	int *fds;       /* owned, with the descriptors in it */
	unsigned count; /* number of workers, or 1 where they share */
};

/*
 * Opens endpoint for so many workers. TCP gets a socket for each (the kernel spreads the clients), a unix
 * address one for all. dual_stack as in socket_listen. 0 or -errno, with nothing left open.
 */
int entrance_open(struct entrance *entrance, const struct endpoint *endpoint,
                  const struct socket_tuning *tuning, bool dual_stack, unsigned workers);
/*
 * True if a connection to endpoint comes in here. For a wildcard, system calls tell whether endpoint is this
 * machine's, but only where the ports match.
 */
bool entrance_matches(const struct entrance *entrance, const struct endpoint *endpoint);
/* Closes the sockets and removes a unix path. Takes a zeroed or closed one. */
void entrance_close(struct entrance *entrance);
/* The descriptor that a worker waits on. */
int entrance_fd(const struct entrance *entrance, unsigned worker);

#endif
