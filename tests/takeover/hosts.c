#include "build_config.h"

#include "hosts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Below those that the kernel gives to connections: a port can be closed and taken again. */
enum { FIRST_PORT = 20000 };

struct host {
	struct watch watch; /* first */
	const struct kind *kind;
	uint16_t port;
};

/* Who has connected and not yet said the number of its pair. */
struct guest {
	struct watch watch; /* first */
	const struct kind *kind;
	unsigned char id[SIDE_ID];
	size_t received;
};

static struct host hosts[RELAYS_MAX];

void set_buffers(int fd, int size)
{
	if (size > 0 && (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
	                 setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) < 0))
		die("setsockopt");
}

static struct sockaddr_in loopback(uint32_t host, uint16_t port)
{
	return (struct sockaddr_in){
	        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(host)};
}

void bind_anywhere(int fd, uint32_t number)
{
	struct sockaddr_in own = loopback(0x7f010001u + number % 0xfff0, 0);
	int on = 1;

	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0)
		die("bind");
}

/* ---- who comes ---- */

static void guest_ready(struct watch *watch)
{
	struct guest *guest = (struct guest *)watch;
	ssize_t n = recv(watch->fd, guest->id + guest->received, SIDE_ID - guest->received, 0);
	uint64_t id;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && (guest->received += (size_t)n) < SIDE_ID)
		return;
	watch_for(watch, 0);
	if (n > 0) {
		memcpy(&id, guest->id, SIDE_ID);
		pair_meet(id, guest->kind, watch->fd);
	} else {
		host_failed(guest->kind, n == 0 ? "ended before it said whose it is" : strerror(errno));
		close(watch->fd);
	}
	free(guest);
}

static void host_ready(struct watch *watch)
{
	const struct host *host = (struct host *)watch;
	int fd;

	while ((fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct guest *guest = calloc(1, sizeof(*guest));

		if (!guest)
			die("memory");
		guest->watch = (struct watch){.fd = fd, .ready = guest_ready};
		guest->kind = host->kind;
		watch_for(&guest->watch, EPOLLIN);
	}
}

/* ---- where ---- */

static bool is(const struct host *host, const char *name)
{
	return strcmp(host->kind->name, name) == 0;
}

static void host_bind(struct host *host)
{
	struct sockaddr_in address = loopback(INADDR_LOOPBACK, host->port);
	int on = 1;

	host->watch.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (host->watch.fd < 0 || setsockopt(host->watch.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(host->watch.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	set_buffers(host->watch.fd, host->kind->buffers);
}

/* A queue without room: the next handshake gets no answer. */
static void fill_up(const struct host *host)
{
	struct sockaddr_in address = loopback(INADDR_LOOPBACK, host->port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("connect");
}

static void host_listen(struct host *host, int backlog)
{
	if (listen(host->watch.fd, backlog) < 0)
		die("listen");
}

static void host_set_up(struct host *host, unsigned number)
{
	host->kind = &kinds[number];
	host->port = (uint16_t)(FIRST_PORT + number);
	host->watch.ready = host_ready;
	host_bind(host);
	if (!host->kind->no_target) {
		host_listen(host, 4096);
		watch_for(&host->watch, EPOLLIN);
	} else if (is(host, "late") || is(host, "t_connect")) {
		host_listen(host, 0);
	}
	if (is(host, "t_connect"))
		fill_up(host);
	printf("target %s 127.0.0.1:%u\n", host->kind->name, host->port);
}

void hosts_set_up(void)
{
	for (unsigned i = 0; i < kind_count(); i++)
		host_set_up(&hosts[i], i);
	printf("targets listen\n");
}

/* Without room, handshakes get no answer; with it, each is answered when it is tried again. */
static void host_make_room(struct host *host, bool open)
{
	host_listen(host, open ? 4096 : 0);
	watch_for(&host->watch, open ? EPOLLIN : 0);
}

/* Nobody is on the way to it, or a connection would be reset. */
static void close_and_bind(struct host *host)
{
	watch_for(&host->watch, 0);
	close(host->watch.fd);
	host_bind(host);
}

static void host_come_and_go(struct host *host, bool open)
{
	if (!open) {
		close_and_bind(host);
		return;
	}
	host_listen(host, 4096);
	watch_for(&host->watch, EPOLLIN);
}

void hosts_open(bool open)
{
	for (unsigned i = 0; i < kind_count(); i++) {
		if (is(&hosts[i], "held"))
			host_come_and_go(&hosts[i], open);
		if (is(&hosts[i], "late"))
			host_make_room(&hosts[i], open);
	}
}
