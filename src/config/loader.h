/*
 * Reads relay.ini and the command line, section by section. config.c then makes one configuration of it.
 * Single settings and duplicates are checked here. config.c checks what depends on several settings.
 */
#ifndef WEIR_LOADER_H
#define WEIR_LOADER_H

#include "config/complaints.h"
#include "config/config.h"
#include "config/options.h"

#include <sys/queue.h>

/* A section and what it sets. The command line adds to [global] and [defaults], and may add a relay. */
struct section {
	STAILQ_ENTRY(section) link;
	unsigned kind;               /* one bit of enum option_section */
	unsigned line;               /* of its head */
	unsigned lines[OPTIONS_MAX]; /* where each option of the table was set; NO_LINE = it was not */
	/* where each value of an option that repeats was set; NULL for others */
	unsigned *value_lines[OPTIONS_MAX];
	bool refused[OPTIONS_MAX]; /* options of the table that had a wrong value */
	void *settings;            /* struct config_global or config_relay, as option_set takes it */
	struct config_relay relay; /* for [defaults] and [relay NAME] */
};

struct loader {
	const struct config_request *request;
	struct complaints complaints;
	struct section global, defaults;           /* start with the defaults of the option table */
	STAILQ_HEAD(section_list, section) relays; /* hold only what they set themselves */
	size_t relay_count;
	bool lost_head; /* a section head, or the whole file, was not understood; there may be more relays */
	/* private */
	struct section *current; /* the section whose keys come now; NULL: none or unknown */
	bool any_head;
	void *firsts; /* tsearch(3): where each relay name first came up */
};

/* Stores the settings of [global] in global. loader_deinit frees neither complaints nor global. */
void loader_init(struct loader *loader, const struct config_request *request, struct config_global *global);
/* Reads the file, then the command line. Errors are collected in complaints. */
void loader_read(struct loader *loader);
void loader_deinit(struct loader *loader);

/* Points to the line where section sets option, NO_LINE if it does not. */
unsigned *loader_option_line(struct section *section, const struct option *option);

/* The same of one value of an option that repeats. */
unsigned loader_value_line(const struct section *section, const char *key, size_t n);

/* Of a target as config_nth_target counts them: the line, and the key that it has there. */
unsigned loader_target_line(const struct section *section, size_t n);
const char *loader_target_key(const struct section *section, size_t n);

/* Listening addresses of all relays. */
size_t loader_count_listens(const struct loader *loader);

#endif
