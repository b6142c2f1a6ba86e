/* Where the weir to look at answers: an address as relay.ini(5) writes it, in the form that HTTP takes. */
#ifndef WEIR_PLACE_H
#define WEIR_PLACE_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>

struct place {
	char text[ADDRESS_TEXT_MAX]; /* for the user */
	char host[ADDRESS_TEXT_MAX]; /* for a URL, with the port */
	char path[ADDRESS_TEXT_MAX]; /* of a unix socket, without "unix:" or "@"; empty: TCP */
	bool is_abstract;
};

/*
 * Of what somebody listens on, or of what a user has typed. Returns 0, -EINVAL (not an address) or -ENOTSUP
 * (one that cannot be connected: a range, port 0, or a socket of the service manager) or -ENOMEM.
 */
int place_of(const struct address *address, struct place *place);
int place_parse(const char *text, struct place *place);

/*
 * http_listen of a configuration file, whose errors are printed. Returns 0, -ENOENT (it has none), -EINVAL
 * (not readable or not valid) or as place_of.
 */
int place_load(const char *file, struct place *place);

#endif
