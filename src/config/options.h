/*
 * The option table lists every key of relay.ini(5) once. The parser and --print-config read it, and so does a
 * reload, for what takes effect when. A test checks that conf/relay.ini and the man page agree with it.
 */
#ifndef WEIR_OPTIONS_H
#define WEIR_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_section { SECTION_GLOBAL = 1, SECTION_DEFAULTS = 2, SECTION_RELAY = 4 };
#define SECTION_ANY (SECTION_GLOBAL | SECTION_DEFAULTS | SECTION_RELAY)

/* When a changed value takes effect, once the file is read again. */
enum option_effect {
	APPLIES_AT_ONCE = 1,
	APPLIES_TO_NEW_PAIRS,
	APPLIES_TO_NEW_ENTRANCES, /* an address that weir does not listen on yet */
	APPLIES_BY_TAKEOVER,      /* in [global] only, and not for paths; see option_differs */
};

#define OPTIONS_MAX 80 /* the table has at most this many */

struct option {
	const char *key;
	unsigned sections;        /* bits of enum option_section */
	const char *default_text; /* goes through the same parser; NULL: none (listen, target) */
	const char *expected;     /* what a value looks like, for error messages */
	const char *help;         /* one sentence */
	enum option_effect applies;
	/* private to config/: how the value is stored */
	const struct option_type *type;
	size_t offset;             /* in struct config_global or struct config_relay */
	size_t count_offset;       /* where the number of values is, if the option repeats; otherwise 0 */
	uint64_t minimum, maximum; /* of a size, duration or number; longest text of a path */
	bool allows_auto;
	const char *follows; /* the key whose value "auto" stands for */
};

extern const struct option option_table[];
extern const size_t option_count;

/* The option with this key in one of these sections, or NULL. */
const struct option *option_find(const char *key, unsigned sections);
/* The known key nearest to a misspelt one (by edit distance), or NULL if none is near. */
const char *option_nearest(const char *key, unsigned sections);

/* Sections as relay.ini writes them: "global", "defaults", "relay". 0 if there is none with that name. */
unsigned option_section_find(const char *name);
const char *option_section_name(unsigned section);
/* The section whose name is nearest to a misspelt one, or 0 if none is near. */
unsigned option_section_nearest(const char *name);

/* True if the option can have several values, one a line. */
bool option_repeats(const struct option *option);

/*
 * Parses text and stores its value in settings, a struct config_global or struct config_relay. The value of
 * an option that repeats is appended. Returns NULL, or what is wrong with text. In that case settings is
 * unchanged.
 */
const char *option_set(const struct option *option, void *settings, const char *text);
/* "at once", "to new pairs" and so on: what follows "applies" in a sentence. */
const char *option_effect_name(enum option_effect effect);
/* Whether two settings have other values of it; not for options that repeat or are paths. */
bool option_differs(const struct option *option, const void *one, const void *other);
/* How many values an option that repeats has. */
size_t option_values(const struct option *option, const void *settings);
/* Takes all values of an option that repeats away; only for those that [defaults] may have. */
void option_clear(const struct option *option, void *settings);
/*
 * Copies the value, or all values, from the settings of [defaults] to those of a relay that has none yet.
 * False when out of memory.
 */
bool option_copy(const struct option *option, void *to, const void *from);
/* Writes "key = value", one line for each value. */
void option_print(const struct option *option, const void *settings, FILE *out);

#endif
