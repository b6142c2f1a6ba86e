#include "build_config.h"

#include "farm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096, HANDSHAKE_US = 50 };

static int socket_make(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		farm_die("socket");
	return fd;
}

static int socket_bound(const struct endpoint *endpoint)
{
	int fd = socket_make(endpoint);

	if (bind(fd, &endpoint->any, endpoint->length) < 0)
		farm_die("bind");
	return fd;
}

void target_init(struct target *target, const char *name, const struct endpoint *endpoint, uint16_t *same)
{
	target->subject = OF_TARGET;
	snprintf(target->name, sizeof(target->name), "%s", name);
	target->endpoint = *endpoint;
	if (same && *same && endpoint_port(endpoint) == 0)
		endpoint_set_port(&target->endpoint, *same);
	LIST_INIT(&target->visits);
	target->listener = -1;
	for (int i = 0; i < FILLERS; i++)
		target->fillers[i] = -1;
	target->holder = socket_bound(&target->endpoint);
	if (getsockname(target->holder, &target->endpoint.any, &target->endpoint.length) < 0)
		farm_die("getsockname");
	if (same)
		*same = endpoint_port(&target->endpoint);
}

/* The holder has the port all the time: two sockets may be bound to it while only one listens. */
static void target_listen(struct target *target, int backlog)
{
	target->listener = socket_bound(&target->endpoint);
	if (listen(target->listener, backlog) < 0)
		farm_die("listen");
}

static void close_if_any(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Connections of our own fill the queue, so that the kernel drops what comes next. */
static void target_fill(struct target *target)
{
	target_listen(target, 0);
	for (int i = 0; i < FILLERS; i++) {
		target->fillers[i] = socket_make(&target->endpoint);
		if (connect(target->fillers[i], &target->endpoint.any, target->endpoint.length) < 0 &&
		    errno != EINPROGRESS)
			farm_die("connect");
	}
}

/* Closing the socket resets whoever is in its queue, so nobody may come after the last accept. */
static void target_part(struct target *target)
{
	int more_than_any = 255;

	setsockopt(target->listener, IPPROTO_IP, IP_MINTTL, &more_than_any, sizeof(more_than_any));
	usleep(HANDSHAKE_US);
	target_accept(target);
}

void target_behave(struct target *target, enum conduct conduct)
{
	if (target->conduct == SERVES)
		target_part(target);
	target->conduct = conduct;
	close_if_any(&target->listener);
	for (int i = 0; i < FILLERS; i++)
		close_if_any(&target->fillers[i]);
	if (conduct == SILENT)
		target_fill(target);
	else if (conduct != REFUSES)
		target_listen(target, BACKLOG);
	if (conduct == SERVES || conduct == RESETS)
		farm_watch(target->listener, target);
}

static void visit_end(struct visit *visit, bool reset)
{
	struct linger now = {.l_onoff = 1};

	if (reset)
		setsockopt(visit->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(visit->fd);
	visit->target->open--;
	LIST_REMOVE(visit, entry);
	free(visit);
}

void target_drop(struct target *target)
{
	while (!LIST_EMPTY(&target->visits))
		visit_end(LIST_FIRST(&target->visits), true);
}

static struct visit *visit_begin(struct target *target, int fd)
{
	struct visit *visit = calloc(1, sizeof(*visit));

	if (!visit)
		farm_die("calloc");
	visit->subject = OF_VISIT;
	visit->target = target;
	visit->fd = fd;
	LIST_INSERT_HEAD(&target->visits, visit, entry);
	target->accepted++;
	target->open++;
	if (target->open > target->most)
		target->most = target->open;
	return visit;
}

void target_accept(struct target *target)
{
	char greeting[NAME_MAX_BYTES + 1];
	int any = 0; /* a connection that was made while the socket parted has its TTL, and hears nothing */
	int length = snprintf(greeting, sizeof(greeting), "%s\n", target->name);
	int fd;

	while ((fd = accept4(target->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct visit *visit = visit_begin(target, fd);

		setsockopt(fd, IPPROTO_IP, IP_MINTTL, &any, sizeof(any));
		if (target->conduct == RESETS) {
			visit_end(visit, true);
		} else if (send(fd, greeting, (size_t)length, MSG_NOSIGNAL) < 0) {
			target->empty_resets++; /* before it was accepted */
			visit_end(visit, true);
		} else {
			farm_watch(fd, visit);
		}
	}
}

/* What is said is short, so that there is room for it. */
void visit_read(struct visit *visit)
{
	char bytes[4096];
	ssize_t n = recv(visit->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && send(visit->fd, bytes, (size_t)n, MSG_NOSIGNAL) == n) {
		visit->bytes += (uint64_t)n;
		return;
	}
	if (visit->bytes == 0) {
		visit->target->empty_resets += n < 0;
		visit->target->empty_ends += n == 0;
	}
	visit_end(visit, n != 0);
}
