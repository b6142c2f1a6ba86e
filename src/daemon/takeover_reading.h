/*
 * Reads, as a job, what a takeover begins with: the program that is to take over, and the file of the
 * configuration. Main thread.
 */
#ifndef WEIR_TAKEOVER_READING_H
#define WEIR_TAKEOVER_READING_H

#include "base/jobs.h"
#include "daemon/program.h"

#include <stdbool.h>

/* What is borrowed must outlive the jobs. */
struct takeover_request {
	const struct program *program;
	const char *file;     /* of the configuration, or NULL */
	bool only_if_changed; /* nothing is opened if the program is still the same */
};

struct takeover_read {
	bool unchanged;
	int error;           /* 0 or -errno */
	const char *failed;  /* what error is about */
	int program, config; /* descriptors, or -1; whoever takes one leaves -1 here */
};

struct takeover_reading;

/* Called once, on the thread that made jobs, wanted or not. arg must live until jobs_free. */
typedef void takeover_reading_done(void *arg, const struct takeover_reading *reading,
                                   struct takeover_read *read);

/* NULL when out of memory or threads: errno says which. */
struct takeover_reading *takeover_reading_begin(struct jobs *jobs, const struct takeover_request *request,
                                                takeover_reading_done *done, void *arg);

#endif
