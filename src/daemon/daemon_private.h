/*
 * What the files of the daemon itself share: daemon.c (signals, reports, the end), daemon_start.c (from the
 * configuration to workers that accept), daemon_stop.c (draining).
 */
#ifndef WEIR_DAEMON_PRIVATE_H
#define WEIR_DAEMON_PRIVATE_H

#include "base/mailbox.h"
#include "base/slots.h"
#include "config/config.h"
#include "daemon/collector.h"
#include "daemon/dump.h"
#include "daemon/memory.h"
#include "daemon/preparation.h"
#include "daemon/service.h"
#include "daemon/stand_ins.h"
#include "flow/budget.h"
#include "net/local_ports.h"
#include "net/lookups.h"
#include "net/resolver.h"
#include "relay/facade.h"
#include "relay/generation.h"
#include "relay/standing.h"
#include "worker/handover.h"
#include "worker/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct event;
struct event_base;

#define SIGNALS 5

enum daemon_phase { STARTING, RUNNING, DRAINING, STOPPING };

struct daemon {
	struct config *config;
	struct event_base *base;
	struct service service;
	struct budget budget;
	struct slots slots, pipes;
	struct memory memory;
	struct local_ports *ports;
	struct lookups *lookups;
	struct resolver *resolver;
	struct standings *standings;
	struct generation *current; /* the generation that clients come in to */
	struct mailbox gone;        /* generations that nobody holds any more */
	struct facade facade;
	struct preparation *preparation; /* of the relays, while starting */
	struct worker **workers;
	unsigned worker_count;
	struct handover *handover; /* between the workers. This and stand_ins are NULL if there is only one */
	struct stand_ins *stand_ins;  /* for workers that are stuck */
	struct worker_context shared; /* the part of all this that the workers see */
	struct collector *collector;
	struct dump *dump;
	struct event *signals[SIGNALS];
	struct event *drain_timer, *drain_deadline;
	struct mailbox answers; /* from the workers */
	unsigned undrained;     /* workers that may still accept */
	enum daemon_phase phase;
	bool time_is_up;    /* draining has lasted for drain_timeout */
	bool report_wanted; /* as soon as there are workers to ask */
	bool dump_hangs;    /* its thread is left behind */
	int status;         /* exit status */
};

/* Asks for a dump; while starting, as soon as there are workers. */
void daemon_request_report(struct daemon *daemon);
/* Takes over a finished report, or NULL. */
void daemon_take_report(void *arg, struct report *report);
/* The dump of it is written. */
void daemon_report_written(void *arg);

/* daemon_start.c */

/* False if nothing could run within the limits of this machine, which is logged. */
bool daemon_init_limits(struct daemon *daemon);
/*
 * What the main loop needs, but for its signals. The loop does the rest of the start. 0 or -errno. Each step
 * logs the errors that the operator can do something about; daemon_fail_start logs the rest.
 */
int daemon_set_up(struct daemon *daemon);
void daemon_fail_start(struct daemon *daemon, int error);

/* daemon_stop.c */

int daemon_init_stopping(struct daemon *daemon); /* 0 or -errno */
/* Leaves the main loop. */
void daemon_stop(struct daemon *daemon);
/* A signal asks for the end: the first one drains, the next one stops at once. */
void daemon_terminate(struct daemon *daemon, const char *signal_name);
/* A worker no longer accepts. */
void daemon_take_drained(struct daemon *daemon);

#endif
