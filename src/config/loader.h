/*
 * Reads relay.ini and the command line, section by section. config.c then makes one configuration of it.
 * Single settings and duplicates are checked here. config.c checks what depends on several settings.
 */
#ifndef WEIR_LOADER_H
#define WEIR_LOADER_H

#include "config/complaints.h"
#include "config/config.h"
#include "config/section.h"

#include <sys/queue.h>

struct loader {
	const struct config_request *request;
	struct complaints complaints; /* with any, there is no configuration */
	struct complaints warnings;
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

/* Listening addresses of all relays. */
size_t loader_count_listens(const struct loader *loader);
/* Where http_listen is set, or NO_LINE. */
unsigned loader_http_line(const struct loader *loader);

#endif
