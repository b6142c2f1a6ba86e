/* One section of relay.ini: its settings, and in which line each was set. */
#ifndef WEIR_SECTION_H
#define WEIR_SECTION_H

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

/* settings: for [global] only; other sections have their own. */
void section_init(struct section *section, unsigned kind, unsigned line, void *settings);
void section_deinit(struct section *section);

/* Sets all that has a default. False when out of memory. */
bool section_set_defaults(struct section *section);
/* Sets an option that the section is known to have, or complains. */
void section_set(struct section *section, struct complaints *complaints, const struct option *option,
                 unsigned line, const char *value);
/*
 * A relay takes what it does not set from [defaults]. But if it sets the option that this one follows, its
 * own value is nearer than [defaults]. False when out of memory.
 */
bool section_inherit(struct section *section, const struct section *defaults);

/* Points to the line where section sets option, NO_LINE if it does not. */
unsigned *section_option_line(struct section *section, const struct option *option);

/* The same of one value of an option that repeats. */
unsigned section_value_line(const struct section *section, const char *key, size_t n);

/* Of a target as config_nth_target counts them: the line, and the key that it has there. */
unsigned section_target_line(const struct section *section, size_t n);
const char *section_target_key(const struct section *section, size_t n);

/*
 * The line where section, or else defaults, sets some of the keys. NO_LINE if there is nothing to say: what
 * [defaults] sets wrong is reported once, not for each relay, and a value that was refused causes no further
 * errors.
 */
unsigned section_place(const struct section *section, const struct section *defaults,
                       const char *const keys[], size_t count, bool *reported);

#endif
