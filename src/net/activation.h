/*
 * Sockets that the service manager has opened and passes at the start (sd_listen_fds(3)). They stay its own:
 * it goes on listening when weir ends. So weir changes nothing about them but O_NONBLOCK, and never closes
 * one that it could want again.
 */
#ifndef WEIR_ACTIVATION_H
#define WEIR_ACTIVATION_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>

struct passed_socket {
	char *name;
	int fd;
	/* NULL if it is a TCP or unix stream socket that listens; otherwise what it is: "is a FIFO" */
	const char *flaw;
	struct endpoint endpoint; /* where it listens; valid if there is no flaw, like dual_stack */
	bool dual_stack;
};

struct activation {
	struct passed_socket *sockets;
	size_t count;
	int error; /* 0, or -errno: they could not be taken */
};

/* Takes all that were passed, also out of the environment. Once, while there is no other thread. */
void activation_take(struct activation *activation);
/* Adds fd, which activation_deinit closes. 0 or -ENOMEM. */
int activation_add(struct activation *activation, int fd, const char *name);
/* The same of which all but the name is known. */
int activation_add_known(struct activation *activation, const struct passed_socket *known, const char *name);
void activation_deinit(struct activation *activation);

/* The next socket with this name after the one before; NULL: the first, and no more. */
const struct passed_socket *activation_find(const struct activation *activation, const char *name,
                                            const struct passed_socket *before);
/* The names of all, for a log line; "none" if there are none. Returns buf. */
char *activation_names(const struct activation *activation, char *buf, size_t size);

#endif
