/*
 * Messages to the service manager, in the form of sd_notify(3). That function itself waits for as long as the
 * manager does not read. None of these waits: what cannot be sent is sent once there is room, as one message
 * with the newest of each kind. Without a service manager nothing is sent. Main thread.
 */
#ifndef WEIR_SERVICE_H
#define WEIR_SERVICE_H

#include "net/address.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct event_base;

#define SERVICE_STATUS_MAX 1024 /* bytes of a status with NUL; the rest is cut */

struct service {
	/* private */
	struct endpoint manager;
	int fd;                 /* -1: there is no service manager */
	struct event *writable; /* waits until there is room for what could not be sent */
	uint64_t watchdog_ms;
	/* what is still to be sent; each may be empty */
	char state[64];
	uint64_t extend_ms;
	bool pet;
	bool has_status;
	char status[SERVICE_STATUS_MAX];
};

/*
 * Looks in the environment whether there is a service manager. 0, or -errno if there is one that cannot be
 * reached: that is tried again with each message. Call service_close in any case.
 */
int service_open(struct service *service, struct event_base *base);
/* Tries for a last time to send what waits. Also takes a service that was never opened, with an fd of -1. */
void service_close(struct service *service);

/* Whether anybody is told anything. */
static inline bool service_is_managed(const struct service *service)
{
	return service->fd >= 0;
}

/*
 * A status is a line for people. Of text from outside, whatever is not printable becomes '?'.
 *
 * service_reloading must be followed by service_ready, also if the reload has failed: otherwise the manager
 * takes the service to be reloading for ever.
 */
void service_ready(struct service *service, const char *status);
void service_reloading(struct service *service, const char *status);
void service_stopping(struct service *service, const char *status);
void service_status(struct service *service, const char *status);

/* A start, a reload or a stop may take this many milliseconds more, whatever its timeout is. */
void service_extend(struct service *service, uint64_t milliseconds);

/*
 * In how many milliseconds the manager takes the process to be stuck, unless service_pet is called again. 0:
 * it does not care.
 */
uint64_t service_watchdog_ms(const struct service *service);
void service_pet(struct service *service);

#endif
