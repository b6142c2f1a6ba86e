/* The values of listen, target and the like: an address, and words that may come after it. */
#ifndef WEIR_ADDRESSES_H
#define WEIR_ADDRESSES_H

#include "config/access.h"
#include "config/settings.h"

#define ADDRESSES_TEXT_MAX (ADDRESS_TEXT_MAX + ACCESS_TEXT_MAX) /* of a value, in bytes with NUL */

/* Return NULL, or what is wrong with text. In that case there is nothing to free. */
const char *addresses_parse_listen(const char *text, struct address *address);
/* One of listen that needs no look-up and is no range. */
const char *addresses_parse_http(const char *text, struct address *address);
const char *addresses_parse_target(const char *text, struct config_target *target);

/* Write the text that parses back to the same value. Return buf. */
char *addresses_format_listen(const struct address *address, char buf[ADDRESSES_TEXT_MAX]);
char *addresses_format_target(const struct config_target *target, char buf[ADDRESSES_TEXT_MAX]);

#endif
