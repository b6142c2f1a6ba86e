/*
 * How the daemon is, for the service manager: a status in words, and that a start or a stop still takes time.
 *
 * There is at most one status a second, and only if it has changed. As long as nothing changes, nothing wakes
 * up: workers ring a bell. Queues have no bell, so while there are any, they are looked at now and then.
 * Without a service manager none of this happens. Main thread.
 */
#ifndef WEIR_HEALTH_H
#define WEIR_HEALTH_H

#include "base/bell.h"
#include "daemon/service.h"

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct health;

enum daemon_phase { STARTING, RUNNING, DRAINING, STOPPING };

struct health_facts {
	enum daemon_phase phase;
	const char *awaited;       /* STARTING: a name that is being looked up, or NULL */
	uint64_t pairs;            /* also those that are about to begin */
	uint64_t paused;           /* flows */
	uint64_t used, memory_max; /* bytes for queues */
	uint64_t left_ms;          /* DRAINING: until the pairs that are left are reset */
};

typedef void health_look(void *arg, struct health_facts *facts);

/* All is borrowed. From now on it looks. NULL when out of memory or descriptors. */
struct health *health_new(struct event_base *base, struct service *service, health_look *look, void *arg);
void health_free(struct health *health); /* takes NULL */

/* For the workers: see worker.h. */
struct bell *health_bell(struct health *health);

/* Why a reload has failed, or NULL: one has succeeded. The status says so until then, from health_say on. */
void health_note_reload(struct health *health, const char *error);
/*
 * Something else begins: says the status now, with service_ready, service_stopping or service_status. After a
 * reload that is service_ready, whether or not it has succeeded. Takes NULL.
 */
void health_say(struct health *health, void (*say)(struct service *service, const char *status));

#endif
