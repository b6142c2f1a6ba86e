/* Who may connect to a unix path: the words mode=, owner= and group= after it in listen and http_listen. */
#ifndef WEIR_ACCESS_H
#define WEIR_ACCESS_H

#include "config/loader.h"
#include "net/address.h"

#define ACCESS_NAME_MAX 256 /* bytes of the name of a user or group, without its NUL */
#define ACCESS_TEXT_MAX (2 * ACCESS_NAME_MAX + 64)

/*
 * Takes one of the words into address, a unix path. Returns NULL, or what is wrong with it. address_deinit
 * frees what was taken.
 */
const char *access_take(const char *key, const char *text, struct address *address);
/* Writes them as they are parsed; an empty text if there are none. Returns buf. */
char *access_format(const struct address *address, char buf[ACCESS_TEXT_MAX]);
/* Finds the numbers of the users and groups that listening addresses name, and complains where it cannot. */
void access_check(struct loader *loader);

#endif
