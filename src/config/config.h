/*
 * Loads the settings: relay.ini(5) and the command line as one structure. Does not log. Errors are returned
 * as a list of messages.
 */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include "config/settings.h"

#include <stddef.h>
#include <stdio.h>

/* What the command line asks for. The strings are borrowed and must outlive config_load. */
struct config_request {
	const char *file; /* NULL: no file is read */
	/* What the file says, if it was read before; file is only its name then. NULL: it is read. */
	const char *text;
	size_t text_size;
	char **listen; /* -l; listen and target make one more relay, called "command-line" */
	size_t listen_count;
	char **target; /* -T */
	size_t target_count;
	char **option; /* -o [SECTION.]KEY=VALUE, SECTION global or defaults; the last value counts, or all */
	size_t option_count;
	bool only_looks; /* nothing will be made there: not asked whether this user could make it */
	int louder; /* how many -v, less how many -q; counts from the level that the configuration asks for */
};

/*
 * Every error found, in the order of the file: "FILE:LINE: …", "FILE: …" or "command line: …". Each message
 * says what is wrong, and most say what was expected.
 */
struct config_errors {
	char **text;
	size_t count;
	bool may_pass; /* none is in the file: a folder is not there, perhaps not yet */
};

/*
 * Loads and checks everything, and reports all errors in one run. Returns a configuration with one reference,
 * or NULL with at least one error. NULL without an error means out of memory. errors must be zeroed before.
 * Free it with config_errors_deinit.
 */
struct config *config_load(const struct config_request *request, struct config_errors *errors);
void config_errors_deinit(struct config_errors *errors);

/* Writes the effective settings in relay.ini form. The output loads back to the same settings. */
void config_print(const struct config *config, FILE *out);
/* The same, with a comment before each key that says when a change of it takes effect. */
void config_explain(const struct config *config, FILE *out);
/*
 * The settings as text that loads back to the same ones, also by a program with other defaults. It is much
 * shorter than what config_print writes, and the same for the same settings. The caller frees it. NULL when
 * out of memory.
 */
char *config_text(const struct config *config, size_t *size);
/*
 * The settings of such a text; name is what it is called in messages. Nothing is made or looked up for it: it
 * loads whatever has become of paths and users since then. As config_load.
 */
struct config *config_load_text(const char *name, const char *text, size_t size,
                                struct config_errors *errors);

/*
 * The keys that have another value in after than in before, and take effect by taking over only, with commas
 * between them. Returns text, or NULL if there is none.
 */
char *config_needs_takeover(const struct config *before, const struct config *after, char *text, size_t size);

#endif
