/*
 * How the daemon is, for the service manager: a status in words, and that a start, a reload or a stop still
 * takes time.
 *
 * There is at most one status a second, and only if it has changed. As long as nothing changes, nothing wakes
 * up: workers ring a bell. Queues have no bell, so while there are any, they are looked at now and then.
 * Without a service manager none of this happens. Main thread.
 */
#ifndef WEIR_BULLETIN_H
#define WEIR_BULLETIN_H

#include "base/bell.h"
#include "daemon/service.h"

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct bulletin;

/* Bytes of what it says of a reload or a takeover that has failed, with NUL; the rest is cut. */
#define BULLETIN_FAILURE_MAX (SERVICE_STATUS_MAX / 2 + 32)

enum daemon_phase { STARTING, RUNNING, DRAINING, STOPPING };

struct bulletin_facts {
	enum daemon_phase phase;
	bool reloading;
	const char *awaited;       /* starting or reloading: a name that is being looked up, or NULL */
	uint64_t pairs;            /* also those that are about to begin */
	uint64_t paused;           /* flows */
	uint64_t used, memory_max; /* bytes for queues */
	size_t targets, targets_down;
	uint64_t left_ms; /* DRAINING: until the pairs that are left are reset */
};

typedef void bulletin_look(void *arg, struct bulletin_facts *facts);

/* All is borrowed. From now on it looks. NULL when out of memory or descriptors. */
struct bulletin *bulletin_new(struct event_base *base, struct service *service, bulletin_look *look,
                              void *arg);
void bulletin_free(struct bulletin *bulletin); /* takes NULL */

/* For the workers: see worker.h. */
struct bell *bulletin_bell(struct bulletin *bulletin);

/*
 * Why a reload has failed, or NULL: one has succeeded. The status says so until then, from bulletin_say on.
 */
void bulletin_note_reload(struct bulletin *bulletin, const char *error);
/* Why no other program has taken over. The status says so until a reload or a takeover has succeeded. */
void bulletin_note_takeover(struct bulletin *bulletin, const char *error);
/* What the status says of that, "" if nothing; and the same, as another program has said it. */
const char *bulletin_failure(const struct bulletin *bulletin);
void bulletin_restore_failure(struct bulletin *bulletin, const char *failure);
/*
 * Something else begins: says the status now, with service_ready, service_reloading, service_stopping or
 * service_status. After a reload that is service_ready, whether or not it has succeeded. Takes NULL.
 */
void bulletin_say(struct bulletin *bulletin, void (*say)(struct service *service, const char *status));

#endif
