/*
 * What the files of the daemon itself share: daemon.c (signals, reports, the end), daemon_start.c (all that
 * the main loop needs), daemon_reload.c (another configuration), daemon_stop.c (draining), daemon_bulletin.c
 * (what the service manager is told), daemon_health.c (what follows when targets go down or come up).
 */
#ifndef WEIR_DAEMON_PRIVATE_H
#define WEIR_DAEMON_PRIVATE_H

#include "base/mailbox.h"
#include "base/slots.h"
#include "config/config.h"
#include "daemon/bulletin.h"
#include "daemon/changeover.h"
#include "daemon/checks.h"
#include "daemon/collector.h"
#include "daemon/dump.h"
#include "daemon/handed_over.h"
#include "daemon/http.h"
#include "daemon/loading.h"
#include "daemon/memory.h"
#include "daemon/outages.h"
#include "daemon/program.h"
#include "daemon/readers.h"
#include "daemon/refusals.h"
#include "daemon/service.h"
#include "daemon/stand_ins.h"
#include "daemon/takeover.h"
#include "daemon/watchdog.h"
#include "flow/budget.h"
#include "net/activation.h"
#include "net/local_ports.h"
#include "net/lookups.h"
#include "net/resolver.h"
#include "relay/facade.h"
#include "relay/generation.h"
#include "relay/generations.h"
#include "relay/standing.h"
#include "worker/handover.h"
#include "worker/parking.h"
#include "worker/worker.h"

#include <stdbool.h>
#include <stddef.h>

struct event;
struct event_base;

#define SIGNALS 6

enum reload_state {
	RELOAD_NOTHING,
	RELOAD_STARTING,
	RELOAD_TAKING_OVER, /* or looking whether that is called for */
	RELOAD_LOADING,
	RELOAD_WAITING,
	RELOAD_CHANGING,
};

struct daemon {
	struct config *first;  /* what it was started with */
	struct config *config; /* that of current, or first */
	struct event_base *base;
	struct service service;
	struct bulletin *bulletin;
	struct budget budget;
	uint64_t nofile; /* descriptors that the process may have */
	struct slots slots, pipes;
	struct memory memory;
	struct local_ports *ports;
	struct lookups *lookups;
	struct resolver *resolver;
	struct outages *outages; /* of targets */
	struct standings *standings;
	struct generations generations; /* all that live */
	struct generation *current;     /* the generation that clients come in to */
	struct mailbox gone;            /* generations that nobody holds any more */
	struct activation activation;
	struct facade facade;
	struct changeover changeover; /* to the next generation */
	struct refusals refusals;
	bool refusing; /* entrances of the generation in force are being opened and shut */
	struct checks *checks;
	const struct config_request *request;
	struct loading *loading; /* of the request, again */
	enum reload_state reload;
	struct config *loaded;             /* what is waiting */
	struct facade_change change;       /* of the last changeover */
	bool reload_wanted;                /* after the one that is under way */
	bool takeover_wanted;              /* the same */
	uint64_t reloads, reload_failures; /* since the start */
	uint64_t takeovers, takeover_failures;
	struct program *program;
	struct handed_over *handed;      /* by the program before this one, if any */
	bool serves;                     /* a worker's thread has begun */
	struct inheritance *inheritance; /* of descriptors from it, until the workers run */
	struct takeover takeover;        /* by the one after it */
	struct parking parking;
	bool outdated;                       /* the file does not say what this runs by; see handed_over.h */
	bool takes_over;                     /* it has begun with what was handed over */
	uint64_t parked_us;                  /* clock_us at which the workers of the one before parked */
	char before[32];                     /* its version */
	struct lookup_counts lookups_before; /* what it has counted */
	struct worker **workers;
	unsigned worker_count;
	struct handover *handover; /* between the workers. This and stand_ins are NULL if there is only one */
	struct stand_ins *stand_ins;  /* for workers that are stuck */
	struct watchdog *watchdog;    /* from when the workers run */
	struct worker_context shared; /* the part of all this that the workers see */
	struct collector *collector;
	struct dump *dump;
	struct http *http;
	struct readers readers; /* of reports: dump and http */
	struct event *signals[SIGNALS];
	struct event *drain_timer, *drain_deadline;
	struct mailbox answers; /* from the workers */
	unsigned undrained;     /* workers that may still accept */
	enum daemon_phase phase;
	bool time_is_up;      /* draining has lasted for drain_timeout */
	uint64_t drain_until; /* clock_ms at which it will have */
	bool report_wanted;   /* as soon as there are workers to ask */
	bool left_behind;     /* a thread of the dump or of loading, in a call that hangs */
	int status;           /* exit status */
};

/* Asks for a dump; while starting, as soon as there are workers. */
void daemon_request_report(struct daemon *daemon);
/* Also those of the programs before this one. */
struct lookup_counts daemon_lookup_counts(const struct daemon *daemon);
/* Takes over a finished report, or NULL. */
void daemon_take_report(void *arg, struct report *report);
/* The dump of it is written. */
void daemon_report_written(void *arg);

/* daemon_bulletin.c */

int daemon_init_bulletin(struct daemon *daemon); /* 0 or -errno */
void daemon_deinit_bulletin(struct daemon *daemon);

/* daemon_health.c */

/* An address of a target has come up or gone down: see outages_changed. */
void daemon_take_health(void *arg, const struct relay *relay, size_t up);

/* daemon_start.c */

/* False if nothing could run within the limits of this machine, which is logged. */
/* Logs what the configuration may have wrong without an error. */
void daemon_say_warnings(const struct config *config);
bool daemon_init_limits(struct daemon *daemon);
/*
 * What the main loop needs, but for its signals. The loop does the rest of the start. 0 or -errno. Each step
 * logs the errors that the operator can do something about; daemon_fail_start logs the rest.
 */
int daemon_set_up(struct daemon *daemon);
void daemon_fail_start(struct daemon *daemon, int error);
/* All workers accept. */
void daemon_end_start(struct daemon *daemon);

/* daemon_reload.c */

/* SIGHUP */
void daemon_reload(struct daemon *daemon);
/* Begins what SIGHUP or SIGUSR2 has asked for, or does so later. */
void daemon_begin_reload(struct daemon *daemon);
/* It is over. */
void daemon_end_reload(struct daemon *daemon);
/* The file says this now. The reference is consumed. */
void daemon_change_to(struct daemon *daemon, struct config *config);
/* The program is the same, so the file is read. */
void daemon_load_again(void *arg);
/* Unless it is too late for that. */
void daemon_give_up_reload(struct daemon *daemon);
/* No report is under way any more. */
void daemon_go_on_reloading(struct daemon *daemon);
/* Nothing has changed, and why. */
void daemon_fail_reload(struct daemon *daemon, const char *why);
void daemon_take_loaded(void *arg, struct config *config, const struct config_errors *errors);
void daemon_take_commit(void *arg, struct generation *generation, const struct facade_change *change);
void daemon_take_changed(void *arg, int error);
/* Opens and shuts entrances, as of struct refusals. */
int daemon_change_entrances(void *arg);

/* daemon_takeover.c */

int daemon_init_takeover(struct daemon *daemon); /* 0 or -errno */
/* SIGUSR2 */
void daemon_take_over(struct daemon *daemon);
/* Whether what was handed over is wanted. 0 or -errno. */
int daemon_restore(struct daemon *daemon);
/* What was handed over is tried again, if it may be; then this does not return. */
void daemon_start_again(struct daemon *daemon, int error);
/* All workers run, so nothing is tried again. Also if nothing was handed over. */
void daemon_let_go_of_handed_over(struct daemon *daemon);
/* Instead of daemon_end_start. */
void daemon_end_takeover(struct daemon *daemon);

/* daemon_stop.c */

int daemon_init_stopping(struct daemon *daemon); /* 0 or -errno */
/* Leaves the main loop. */
void daemon_stop(struct daemon *daemon);
/* A signal asks for the end: the first one drains, the next one stops at once. */
void daemon_terminate(struct daemon *daemon, const char *signal_name);
void daemon_order_all(struct daemon *daemon, enum worker_order order);
/* A worker no longer accepts. */
void daemon_take_drained(struct daemon *daemon);

#endif
