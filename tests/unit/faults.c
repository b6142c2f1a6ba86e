#include "build_config.h"

#include "faults.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
struct event *__real_event_new(struct event_base *base, evutil_socket_t fd, short what,
                               event_callback_fn call, void *arg);
struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd, short what,
                               event_callback_fn call, void *arg);
int __real_event_add(struct event *event, const struct timeval *timeout);
int __wrap_event_add(struct event *event, const struct timeval *timeout);
int __real_evbuffer_write_atmost(struct evbuffer *buffer, evutil_socket_t fd, ev_ssize_t most);
int __wrap_evbuffer_write_atmost(struct evbuffer *buffer, evutil_socket_t fd, ev_ssize_t most);
int __real_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
ssize_t __real_recv(int fd, void *data, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t length, int flags);
ssize_t __real_send(int fd, const void *data, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t length, int flags);
ssize_t __real_splice(int in, off_t *in_at, int out, off_t *out_at, size_t length, unsigned flags);
ssize_t __wrap_splice(int in, off_t *in_at, int out, off_t *out_at, size_t length, unsigned flags);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Each thread has its own. */
static _Thread_local struct {
	size_t left; /* calls until one fails; 0 = none fails */
	int error;
	bool lasting;
	size_t count; /* of failures, if lasting */
} faults[FAULTS];

void fault_set(enum fault fault, size_t nth, int error)
{
	faults[fault].left = nth;
	faults[fault].error = error;
	faults[fault].lasting = false;
}

void fault_set_lasting(enum fault fault, int error)
{
	faults[fault].error = error;
	faults[fault].lasting = true;
	faults[fault].count = 0;
}

size_t fault_count(enum fault fault)
{
	return faults[fault].count;
}

static bool fails(enum fault fault)
{
	if (faults[fault].lasting) {
		faults[fault].count++;
		errno = faults[fault].error;
		return true;
	}
	if (faults[fault].left == 0 || --faults[fault].left > 0)
		return false;
	errno = faults[fault].error;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __real_reallocarray(memory, count, size);
}

char *__wrap_strdup(const char *text)
{
	return fails(FAULT_MEMORY) ? NULL : __real_strdup(text);
}

struct event *__wrap_event_new(struct event_base *base, evutil_socket_t fd, short what,
                               event_callback_fn call, void *arg)
{
	return fails(FAULT_EVENT_NEW) ? NULL : __real_event_new(base, fd, what, call, arg);
}

int __wrap_event_add(struct event *event, const struct timeval *timeout)
{
	return fails(FAULT_EVENT_ADD) ? -1 : __real_event_add(event, timeout);
}

int __wrap_evbuffer_write_atmost(struct evbuffer *buffer, evutil_socket_t fd, ev_ssize_t most)
{
	return fails(FAULT_WRITE) ? -1 : __real_evbuffer_write_atmost(buffer, fd, most);
}

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return fails(FAULT_ACCEPT) ? -1 : __real_accept4(fd, address, length, flags);
}

int __wrap_socket(int domain, int type, int protocol)
{
	return fails(FAULT_SOCKET) ? -1 : __real_socket(domain, type, protocol);
}

ssize_t __wrap_recv(int fd, void *data, size_t length, int flags)
{
	return fails(FAULT_RECV) ? -1 : __real_recv(fd, data, length, flags);
}

ssize_t __wrap_send(int fd, const void *data, size_t length, int flags)
{
	return fails(FAULT_SEND) ? -1 : __real_send(fd, data, length, flags);
}

ssize_t __wrap_splice(int in, off_t *in_at, int out, off_t *out_at, size_t length, unsigned flags)
{
	return fails(FAULT_SPLICE) ? -1 : __real_splice(in, in_at, out, out_at, length, flags);
}
