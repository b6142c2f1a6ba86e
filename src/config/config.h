/*
 * Loads the settings: relay.ini(5) and the command line as one structure. Does not log: what is wrong is
 * handed back as a list of messages.
 */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

#include "config/settings.h"

#include <stddef.h>
#include <stdio.h>

/* What the command line asks for; the strings are borrowed and must outlive config_load. */
struct config_request {
	const char *file; /* NULL: no file is read */
	char **listen;    /* -l: these and target make one more relay, called "command-line" */
	size_t listen_count;
	char **target; /* -T */
	size_t target_count;
	char **option; /* -o KEY=VALUE, or SECTION.KEY=VALUE with SECTION global or defaults; the last of two
	                  same keys counts */
	size_t option_count;
};

/* Every error found, in order, as "FILE:LINE: what and what was expected"; "command line: …" where there is
 * no file. */
struct config_errors {
	char **text;
	size_t count;
};

/*
 * Loads and checks everything, all errors in one run. Returns a configuration with one reference, or NULL:
 * with at least one error, or with none when out of memory. errors must be zeroed before and is freed with
 * config_errors_deinit.
 */
struct config *config_load(const struct config_request *request, struct config_errors *errors);
void config_errors_deinit(struct config_errors *errors);

/* Writes the effective settings in relay.ini form: what it prints loads back to the same settings. */
void config_print(const struct config *config, FILE *out);

#endif
