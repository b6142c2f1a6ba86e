/*
 * Who wants a report: the dump, and HTTP. One is made for all that want one, as deep as any of them needs.
 * While it is under way any number of requests leads to only one more. None waits for another: a dump that
 * hangs holds up the next dump only. Main thread.
 */
#ifndef WEIR_READERS_H
#define WEIR_READERS_H

#include "daemon/collector.h"
#include "daemon/dump.h"
#include "daemon/http.h"

#include <stdbool.h>

struct readers {
	/* All is borrowed. The caller fills it in before the first request. */
	struct collector *collector;
	struct worker **workers;
	struct dump *dump;
	struct http *http;
	/* private */
	bool dump_wants, http_wants[REPORT_DEPTHS]; /* one that is asked for from now on */
	bool for_dump, for_http;                    /* the one under way */
	bool under_way, dumping;
	bool paused; /* none is asked for */
};

void readers_want_dump(struct readers *readers);
void readers_want_http(struct readers *readers, enum report_depth depth);
/* Takes over the report that is under way, or NULL, and hands it out. readers_go_on must follow. */
void readers_take(struct readers *readers, struct report *report);
void readers_go_on(struct readers *readers);
/* Until readers_resume no report is asked for. */
void readers_pause(struct readers *readers);
void readers_resume(struct readers *readers);
/* What the dump was given is written. */
void readers_end_dump(struct readers *readers);

#endif
