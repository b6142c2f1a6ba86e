#include "build_config.h"

#include "net/activation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

/* ---- what a descriptor is ---- */

static int get_option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, level, name, &value, &length) < 0 ? -1 : value;
}

static const char *flaw_of_file(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode) ? "is a FIFO" : "is no socket";
}

static const char *flaw_of_type(int type)
{
	switch (type) {
	case SOCK_STREAM:
		return NULL;
	case SOCK_DGRAM:
		return "is a datagram socket";
	case SOCK_SEQPACKET:
		return "is a sequential packet socket";
	default:
		return "is no stream socket";
	}
}

static const char *find_flaw(int fd)
{
	int type = get_option(fd, SOL_SOCKET, SO_TYPE), domain = get_option(fd, SOL_SOCKET, SO_DOMAIN);
	bool tcp = (domain == AF_INET || domain == AF_INET6) &&
	           get_option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP;

	if (type < 0)
		return flaw_of_file(fd);
	if (flaw_of_type(type))
		return flaw_of_type(type);
	if (!tcp && domain != AF_UNIX)
		return "is a stream socket of another protocol";
	return get_option(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1 ? NULL : "does not listen, as with Accept=yes";
}

/* ---- taking them ---- */

/* Whoever shares the socket with us only waits for clients, and does not mind. */
static void look_at(struct passed_socket *socket)
{
	int flags = fcntl(socket->fd, F_GETFL);

	socket->flaw = find_flaw(socket->fd);
	if (socket->flaw)
		return;
	(void)fcntl(socket->fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(socket->fd, F_SETFL, flags | O_NONBLOCK);
	socket->endpoint.length = sizeof(socket->endpoint.un);
	if (getsockname(socket->fd, &socket->endpoint.any, &socket->endpoint.length) < 0)
		socket->flaw = "has no address";
	socket->dual_stack = socket->endpoint.any.sa_family == AF_INET6 &&
	                     get_option(socket->fd, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
}

int activation_add_known(struct activation *activation, const struct passed_socket *known, const char *name)
{
	struct passed_socket *grown =
	        reallocarray(activation->sockets, activation->count + 1, sizeof(*activation->sockets));
	char *copy = strdup(name);

	if (grown)
		activation->sockets = grown;
	if (!grown || !copy) {
		free(copy);
		close(known->fd);
		return -ENOMEM;
	}
	grown[activation->count] = *known;
	grown[activation->count++].name = copy;
	return 0;
}

int activation_add(struct activation *activation, int fd, const char *name)
{
	struct passed_socket socket = {.fd = fd};

	look_at(&socket);
	return activation_add_known(activation, &socket, name);
}

void activation_take(struct activation *activation)
{
#ifdef HAVE_SYSTEMD
	char **names = NULL;
	int count = sd_listen_fds_with_names(true, &names);

	activation->error = count < 0 ? count : 0;
	for (int i = 0; i < count; i++) {
		if (!activation->error)
			activation->error = activation_add(activation, SD_LISTEN_FDS_START + i, names[i]);
		free(names[i]);
	}
	free(names);
#else
	(void)activation;
#endif
}

void activation_deinit(struct activation *activation)
{
	for (size_t i = 0; i < activation->count; i++) {
		close(activation->sockets[i].fd);
		free(activation->sockets[i].name);
	}
	free(activation->sockets);
	*activation = (struct activation){.sockets = NULL};
}

/* ---- finding them ---- */

const struct passed_socket *activation_find(const struct activation *activation, const char *name,
                                            const struct passed_socket *before)
{
	size_t i = before ? (size_t)(before - activation->sockets) + 1 : 0;

	for (; i < activation->count; i++)
		if (strcmp(activation->sockets[i].name, name) == 0)
			return &activation->sockets[i];
	return NULL;
}

/* Several sockets may have one name. */
static bool is_first(const struct activation *activation, size_t i)
{
	return activation_find(activation, activation->sockets[i].name, NULL) == &activation->sockets[i];
}

char *activation_names(const struct activation *activation, char *buf, size_t size)
{
	size_t length = 0;

	snprintf(buf, size, "none");
	for (size_t i = 0; i < activation->count && length < size; i++)
		if (is_first(activation, i))
			length += (size_t)snprintf(buf + length, size - length, "%s%s", i > 0 ? ", " : "",
			                           activation->sockets[i].name);
	return buf;
}
