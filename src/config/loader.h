/*
 * What relay.ini and the command line say, section by section, before config.c makes one configuration of it.
 * Each setting is judged by itself here, and what comes twice; what depends on several settings is left to
 * config.c.
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
	unsigned *target_lines;      /* where each target of relay was set */
	bool marks_broken;           /* a watermark was refused: do not judge the others by it */
	void *settings;              /* struct config_global or config_relay, as options.h takes them */
	struct config_relay relay;   /* of [defaults] and [relay NAME] */
};

struct loader {
	const struct config_request *request;
	struct complaints complaints;
	struct section global, defaults;           /* start with the defaults of the option table */
	STAILQ_HEAD(section_list, section) relays; /* hold only what they set themselves */
	size_t relay_count;
	bool lost_head; /* a section head, or the whole file, was not understood: there may be more relays */
	/* private */
	struct section *current; /* whose keys come now; NULL: nobody's that is known */
	bool any_head;
	void *firsts; /* tsearch(3): where each relay name and each listening address was first */
};

/*
 * The settings of [global] are stored in global. loader_deinit leaves complaints and global to their owners.
 */
void loader_init(struct loader *loader, const struct config_request *request, struct config_global *global);
/* Reads the file, then the command line. What is wrong is in complaints. */
void loader_read(struct loader *loader);
void loader_deinit(struct loader *loader);

/* Where a section sets an option, or NO_LINE. */
unsigned *loader_option_line(struct section *section, const struct option *option);

#endif
