/*
 * The option table: every key of relay.ini(5), once. The parser, --print-config and the test that holds conf/relay.ini
 * and the man page complete all read it.
 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_section { SECTION_GLOBAL = 1, SECTION_DEFAULTS = 2, SECTION_RELAY = 4 };

struct option {
	const char *key;
	unsigned sections;          /* bits of enum option_section */
	const char *default_text;   /* goes through the same parser; NULL: has none (listen, target) */
	const char *expected;       /* what a value looks like, for error messages */
	const char *help;           /* one sentence */
	/* private: how options.c and config.c store it */
	int type;
	size_t offset;
	uint64_t minimum, maximum;
	unsigned flags;
};

extern const struct option option_table[];
extern const size_t option_count;

/* The option called key that is known in one of these sections, or NULL. */
const struct option *option_find(const char *key, unsigned sections);
/* The known key nearest to a misspelt one (edit distance), or NULL when none is near. */
const char *option_nearest(const char *key, unsigned sections);

#endif
