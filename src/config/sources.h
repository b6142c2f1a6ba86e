/* The values of source_address: addresses that connections to targets come from. */
#ifndef WEIR_SOURCES_H
#define WEIR_SOURCES_H

#include "config/loader.h"
#include "net/address.h"

/* Returns NULL, or what is wrong with text. */
const char *sources_parse(const char *text, struct endpoint *source);
/* Writes the text that parses back to the same address. Returns buf. */
char *sources_format(const struct endpoint *source, char *buf);
/* Complains where a section sets two of one family. Before relays inherit. */
void sources_check(struct loader *loader);

#endif
