/*
 * The option table: every key of relay.ini(5), once. The parser, --print-config and the test that holds
 * conf/relay.ini and the man page complete all read it.
 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_section { SECTION_GLOBAL = 1, SECTION_DEFAULTS = 2, SECTION_RELAY = 4 };
#define SECTION_ANY (SECTION_GLOBAL | SECTION_DEFAULTS | SECTION_RELAY)

#define OPTIONS_MAX 64 /* the table is not longer */

struct option {
	const char *key;
	unsigned sections;        /* bits of enum option_section */
	const char *default_text; /* goes through the same parser; NULL: has none (listen, target) */
	const char *expected;     /* what a value looks like, for error messages */
	const char *help;         /* one sentence */
	/* private: how options.c and config.c store it */
	const struct option_type *type;
	size_t offset;             /* in struct config_global or struct config_relay */
	size_t count_offset;       /* of one that repeats: where its number of values is */
	uint64_t minimum, maximum; /* of a size, duration or number; longest text of a path */
	bool allows_auto;
	const char *follows; /* the key whose value "auto" stands for */
};

extern const struct option option_table[];
extern const size_t option_count;

/* The option called key that is known in one of these sections, or NULL. */
const struct option *option_find(const char *key, unsigned sections);
/* The known key nearest to a misspelt one (edit distance), or NULL when none is near. */
const char *option_nearest(const char *key, unsigned sections);

/* Sections as relay.ini writes them: "global", "defaults", "relay". 0 when there is none of that name. */
unsigned option_section_find(const char *name);
const char *option_section_name(unsigned section);
/* The section whose name is nearest to a misspelt one, or 0. */
unsigned option_section_nearest(const char *name);

/* Can take several values, one a line. */
bool option_repeats(const struct option *option);

/*
 * Stores what text means in settings, which is a struct config_global or struct config_relay; one that
 * repeats is appended. Returns NULL, or what is wrong with text and leaves settings alone.
 */
const char *option_set(const struct option *option, void *settings, const char *text);
/* Copies the value from one struct config_relay to another; not for options that repeat. */
void option_copy(const struct option *option, void *to, const void *from);
/* Writes "key = value", one line for each value. */
void option_print(const struct option *option, const void *settings, FILE *out);

#endif
