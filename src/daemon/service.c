/*
 * libsystemd is not used. Its sd_notify(3) blocks: with a manager that did not read, the twelfth message
 * never returned.
 */
#include "build_config.h"

#include "daemon/service.h"

#include "base/evloop.h"
#include "base/printable.h"
#include "base/units.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Less than the 4096 bytes that systemd reads. */
#define MESSAGE_MAX (SERVICE_STATUS_MAX + 256)

/* ---- sending ---- */

static bool has_news(const struct service *service)
{
	return service->state[0] || service->extend_ms > 0 || service->pet || service->has_status;
}

static size_t compose(const struct service *service, char message[MESSAGE_MAX])
{
	char extend[64] = "";

	if (service->extend_ms > 0)
		snprintf(extend, sizeof(extend), "EXTEND_TIMEOUT_USEC=%" PRIu64 "\n",
		         service->extend_ms * 1000);
	return (size_t)snprintf(message, MESSAGE_MAX, "%s%s%s%s%s%s", service->state, extend,
	                        service->pet ? "WATCHDOG=1\n" : "", service->has_status ? "STATUS=" : "",
	                        service->has_status ? service->status : "", service->has_status ? "\n" : "");
}

/* A manager that was started anew has another socket at the same place. 0 or -errno. */
static int join(struct service *service)
{
	return connect(service->fd, &service->manager.any, service->manager.length) == 0 ? 0 : -errno;
}

/* 0 or -errno */
static int send_news(struct service *service)
{
	char message[MESSAGE_MAX];
	size_t length = compose(service, message);
	int error = join(service);

	if (!error && send(service->fd, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		error = -errno;
	if (error)
		return error;
	service->state[0] = '\0';
	service->extend_ms = 0;
	service->pet = service->has_status = false;
	return 0;
}

/* The socket is writable once the manager's has room. After other errors, the next message tries again. */
static void tell(struct service *service)
{
	if (service_is_managed(service) && has_news(service) && send_news(service) == -EAGAIN)
		(void)event_add(service->writable, NULL);
}

EVENT_CALLBACK(on_writable, struct service, service)
{
	tell(service);
}

/* ---- what there is to say ---- */

static void set_state(struct service *service, const char *state)
{
	snprintf(service->state, sizeof(service->state), "%s", state);
}

static void set_status(struct service *service, const char *status)
{
	snprintf(service->status, sizeof(service->status), "%s", status);
	printable_line(service->status, strlen(service->status));
	service->has_status = true;
}

void service_ready(struct service *service, const char *status)
{
	set_state(service, "READY=1\n");
	service_status(service, status);
}

void service_stopping(struct service *service, const char *status)
{
	set_state(service, "STOPPING=1\n");
	service_status(service, status);
}

/* From systemd 253 on, the time tells this reload from an earlier one. */
void service_reloading(struct service *service, const char *status)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(service->state, sizeof(service->state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
	         (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
	service_status(service, status);
}

void service_status(struct service *service, const char *status)
{
	set_status(service, status);
	tell(service);
}

void service_extend(struct service *service, uint64_t milliseconds)
{
	service->extend_ms = milliseconds;
	tell(service);
}

void service_pet(struct service *service)
{
	service->pet = true;
	tell(service);
}

/* ---- the environment ---- */

/* Of the variables that the manager sets, WATCHDOG_PID says which process is meant, if it is there. */
static uint64_t read_watchdog(void)
{
	const char *interval = getenv("WATCHDOG_USEC"), *process = getenv("WATCHDOG_PID");
	uint64_t microseconds, pid;

	if (!interval || units_parse_number(interval, &microseconds) < 0)
		return 0;
	if (process && (units_parse_number(process, &pid) < 0 || pid != (uint64_t)getpid()))
		return 0;
	return microseconds / 1000;
}

/* An absolute path, or @ and an abstract name, with any bytes. 0 or -errno. */
static int find_manager(struct service *service, const char *name)
{
	struct sockaddr_un *un = &service->manager.un;
	bool abstract = name[0] == '@';
	size_t length = strlen(name);

	if ((name[0] != '/' && !abstract) || length == 1)
		return -EINVAL;
	if (length + !abstract > sizeof(un->sun_path))
		return -ENAMETOOLONG;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, name, length);
	if (abstract)
		un->sun_path[0] = '\0';
	service->manager.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
	return 0;
}

int service_open(struct service *service, struct event_base *base)
{
	const char *name = getenv("NOTIFY_SOCKET");
	int error;

	*service = (struct service){.fd = -1};
	if (!name)
		return 0;
	error = find_manager(service, name);
	if (error)
		return error;
	service->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (service->fd < 0)
		return -errno;
	service->watchdog_ms = read_watchdog();
	service->writable = event_new(base, service->fd, EV_WRITE, on_writable, service);
	if (service->writable)
		return join(service);
	service_close(service);
	return -ENOMEM;
}

void service_close(struct service *service)
{
	tell(service);
	evloop_free_event(service->writable);
	service->writable = NULL;
	if (service->fd >= 0)
		close(service->fd);
	service->fd = -1;
}

uint64_t service_watchdog_ms(const struct service *service)
{
	return service->watchdog_ms;
}
