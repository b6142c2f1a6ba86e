#include "build_config.h"

#include "daemon/lookout.h"

#include "base/evloop.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static int wanted_fd(const struct watched *socket)
{
	const struct entrance *entrance = socket->entrance;

	return entrance->refuses || socket->number >= entrance->count ? -1 : entrance->fds[socket->number];
}

static void add_relay(struct lookout *lookout, struct relay *relay)
{
	for (size_t i = 0; i < relay->entrances.count; i++) {
		const struct entrance *entrance = relay->entrances.list[i];

		for (unsigned number = 0; number < entrance_most(entrance); number++)
			lookout->sockets[lookout->socket_count++] =
			        (struct watched){relay, entrance, number, -1};
	}
}

static size_t count_sockets(const struct generation *generation)
{
	size_t count = 0;

	for (size_t i = 0; i < generation->relay_count; i++) {
		const struct entrances *entrances = &generation->relays[i]->entrances;

		for (size_t j = 0; j < entrances->count; j++)
			count += entrance_most(entrances->list[j]);
	}
	return count;
}

/* Those that are wanted and not watched yet. */
static int watch_more(struct lookout *lookout)
{
	for (size_t i = 0; i < lookout->socket_count; i++) {
		struct watched *socket = &lookout->sockets[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = socket};
		int fd = wanted_fd(socket);

		if (fd >= 0 && socket->fd < 0 && epoll_ctl(lookout->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
			return -errno;
	}
	return 0;
}

static void watch_no_more(const struct lookout *lookout, int fd)
{
	(void)epoll_ctl(lookout->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int lookout_extend(struct lookout *lookout)
{
	int error = watch_more(lookout);

	lookout->extended = true;
	if (error)
		lookout_retract(lookout);
	return error;
}

void lookout_retract(struct lookout *lookout)
{
	for (size_t i = 0; lookout->extended && i < lookout->socket_count; i++)
		if (lookout->sockets[i].fd < 0 && wanted_fd(&lookout->sockets[i]) >= 0)
			watch_no_more(lookout, wanted_fd(&lookout->sockets[i]));
	lookout->extended = false;
}

void lookout_settle(struct lookout *lookout)
{
	for (size_t i = 0; i < lookout->socket_count; i++) {
		struct watched *socket = &lookout->sockets[i];
		int fd = wanted_fd(socket);

		if (fd < 0 && socket->fd >= 0)
			watch_no_more(lookout, socket->fd);
		socket->fd = fd;
	}
	lookout->extended = false;
}

unsigned lookout_look(const struct lookout *lookout, const struct watched *waiting[LOOKOUT_BATCH])
{
	struct epoll_event events[LOOKOUT_BATCH];
	int count = epoll_wait(lookout->epoll, events, LOOKOUT_BATCH, 0);

	for (int i = 0; i < count; i++)
		waiting[i] = events[i].data.ptr;
	return count > 0 ? (unsigned)count : 0;
}

static int watch_all(struct lookout *lookout, const struct generation *generation)
{
	int error;

	lookout->generation = generation;
	lookout->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (lookout->epoll < 0)
		return -errno;
	lookout->sockets = calloc(count_sockets(generation), sizeof(*lookout->sockets));
	if (!lookout->sockets)
		return -ENOMEM;
	for (size_t i = 0; i < generation->relay_count; i++)
		add_relay(lookout, generation->relays[i]);
	error = watch_more(lookout);
	lookout_settle(lookout);
	return error;
}

int lookout_new(const struct generation *generation, struct lookout **made)
{
	struct lookout *lookout = calloc(1, sizeof(*lookout));
	int error = lookout ? watch_all(lookout, generation) : -ENOMEM;

	if (error)
		lookout_free(lookout);
	else
		*made = lookout;
	return error;
}

void lookout_free(struct lookout *lookout)
{
	if (!lookout)
		return;
	evloop_free_event(lookout->arrival);
	if (lookout->epoll >= 0)
		close(lookout->epoll);
	free(lookout->sockets);
	free(lookout);
}
