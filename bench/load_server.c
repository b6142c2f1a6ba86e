/* The server: takes, gives or echoes, as each connection's request asks. */
#include "build_config.h"

#include "load.h"
#include "load_live.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG   4096
#define EVENTS    256
#define ECHO_SIZE 65536

/*
 * Echoes run on a thread of their own, so that time spent on bulk transfers here does not count as the
 * relay's delay. A connection is in one epoll set at a time, and only that set's thread touches it.
 */
struct server {
	const struct endpoint *address;
	int listener;
	int bulk_epoll;
	int echo_epoll;
};

struct connection {
	int fd;
	int epoll;
	uint32_t events;
	size_t request_got; /* bytes of request that have arrived */
	struct load_request request;
	struct stream in, out;
	bool waiting; /* for the byte that asks to give */
	bool wrong;   /* a wrong byte arrived */
	bool ended;   /* the client has sent its last byte */
	uint64_t ack; /* the answer to an upload, once it is known */
	size_t ack_left;
};

static void connection_free(struct connection *connection)
{
	close(connection->fd);
	free(connection);
}

static void connection_watch(struct connection *connection, int epoll, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = connection};

	connection->epoll = epoll;
	connection->events = events;
	if (epoll_ctl(epoll, operation, connection->fd, &event) != 0)
		load_die("epoll_ctl");
}

/*
 * Sends a short answer in one piece. There is always room for the answer to a request and for an echo:
 * only earlier parts of the same message can still be in the socket's buffer.
 */
static int send_whole(int fd, const void *data, size_t length)
{
	ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

	if (sent < 0)
		return -errno;
	return (size_t)sent == length ? 0 : -ENOBUFS;
}

static int serve_echo(struct connection *connection)
{
	static _Thread_local char buf[ECHO_SIZE];
	ssize_t received = recv(connection->fd, buf, sizeof(buf), 0);

	if (received < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (received == 0)
		return -ECONNRESET; /* the client is done and has all its answers */
	return send_whole(connection->fd, buf, (size_t)received);
}

/*
 * Acknowledges an upload behind the last byte given, which may fill the socket. 1 when all is sent, 0 when
 * there is no room, or -errno.
 */
static int send_ack(struct connection *connection)
{
	const char *rest = (const char *)&connection->ack + sizeof(connection->ack) - connection->ack_left;
	ssize_t sent = send(connection->fd, rest, connection->ack_left, MSG_NOSIGNAL);

	if (sent < 0)
		return errno == EAGAIN ? 0 : -errno;
	connection->ack_left -= (size_t)sent;
	return connection->ack_left == 0;
}

/* The client has sent its last byte and been given everything. Returns the same as send_ack. */
static int finish_transfer(struct connection *connection)
{
	if (!(connection->request.flags & LOAD_TAKE))
		return 1;
	if (connection->ack_left == 0) {
		connection->ack = connection->wrong ? LOAD_ACK_WRONG : connection->in.done;
		connection->ack_left = sizeof(connection->ack);
	}
	return send_ack(connection);
}

/*
 * After a wrong byte the rest is only discarded. The acknowledgement reports the error, and it is sent only
 * at the end of the stream.
 */
static int serve_input(struct connection *connection)
{
	bool verify = connection->request.flags & LOAD_VERIFY && !connection->wrong;
	int result = stream_receive(&connection->in, connection->fd, verify);

	if (result == -EILSEQ) {
		connection->wrong = true;
		return 0;
	}
	if (result < 0)
		return result;
	connection->ended = result == 1;
	return 0;
}

static int serve_output(struct connection *connection)
{
	int result = stream_send(&connection->out, connection->fd);

	if (result < 0 || connection->out.done < connection->out.total ||
	    connection->request.flags & LOAD_TAKE)
		return result;
	return shutdown(connection->fd, SHUT_WR) == 0 ? 0 : -errno;
}

/* 0 while there is more to do; anything else ends the connection. */
static int serve_transfer(struct connection *connection, uint32_t events)
{
	uint32_t wanted = 0;
	int result = 0;

	if (!connection->ended && events & ~(uint32_t)EPOLLOUT)
		result = serve_input(connection);
	if (result == 0 && events & ~(uint32_t)EPOLLIN && connection->out.done < connection->out.total)
		result = serve_output(connection);
	if (result < 0)
		return result;

	if (!connection->ended)
		wanted |= EPOLLIN;
	if (connection->out.done < connection->out.total)
		wanted |= EPOLLOUT;
	if (wanted == 0) {
		result = finish_transfer(connection);
		wanted = EPOLLOUT;
	}
	if (result == 0 && wanted != connection->events)
		connection_watch(connection, connection->epoll, EPOLL_CTL_MOD, wanted);
	return result;
}

static int start_request(struct server *server, struct connection *connection)
{
	const struct load_request *request = &connection->request;
	int size = (int)request->send_buffer;

	if (request->magic != LOAD_MAGIC)
		return -EPROTO;
	if (size != 0 && setsockopt(connection->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)) != 0)
		return -errno;
	connection->waiting = request->flags & LOAD_GIVE;
	connection->in = (struct stream){.total = LOAD_FOREVER, .seed = request->seed};
	connection->in.copied = server->address->any.sa_family == AF_UNIX;
	if (send_whole(connection->fd, "!", 1) < 0)
		return -ENOBUFS;
	if (!(request->flags & LOAD_ECHO))
		return 0;

	if (epoll_ctl(connection->epoll, EPOLL_CTL_DEL, connection->fd, NULL) != 0)
		load_die("epoll_ctl");
	connection_watch(connection, server->echo_epoll, EPOLL_CTL_ADD,
	                 EPOLLIN); /* the echo thread's from here on */
	return 0;
}

/* Hands the socket to the live source. What is left here ends. A duplicate would stay in the epoll set. */
static int start_live(const struct connection *connection)
{
	int fd = fcntl(connection->fd, F_DUPFD_CLOEXEC, 0);

	if (fd < 0 || epoll_ctl(connection->epoll, EPOLL_CTL_DEL, connection->fd, NULL) != 0)
		load_die("hand a socket over");
	live_give(fd, &connection->request);
	return 1;
}

static int read_word(struct connection *connection)
{
	const struct load_request *request = &connection->request;
	char word;
	ssize_t received = recv(connection->fd, &word, 1, 0);

	if (received < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (received == 0)
		return -ECONNRESET;
	if (request->flags & LOAD_LIVE)
		return start_live(connection);
	connection->waiting = false;
	connection->out =
	        (struct stream){.total = request->give, .seed = request->seed, .piece = request->piece};
	return serve_transfer(connection, EPOLLOUT);
}

static int read_request(struct server *server, struct connection *connection)
{
	char *request = (char *)&connection->request;
	size_t left = sizeof(connection->request) - connection->request_got;
	ssize_t received = recv(connection->fd, request + connection->request_got, left, 0);

	if (received < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (received == 0)
		return -ECONNRESET;
	connection->request_got += (size_t)received;
	return (size_t)received == left ? start_request(server, connection) : 0;
}

static void serve_connection(struct server *server, struct connection *connection, uint32_t events)
{
	int result;

	if (connection->request_got < sizeof(connection->request))
		result = read_request(server, connection);
	else if (connection->waiting)
		result = read_word(connection);
	else if (connection->request.flags & LOAD_ECHO)
		result = serve_echo(connection);
	else
		result = serve_transfer(connection, events);
	if (result != 0)
		connection_free(connection);
}

static void accept_waiting(struct server *server)
{
	while (server->listener >= 0) {
		int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct connection *connection;

		if (fd < 0 && (errno == EAGAIN || errno == ECONNABORTED))
			return;
		if (fd < 0)
			load_die("accept");
		load_set_no_delay(fd, server->address);
		connection = load_alloc(1, sizeof(*connection));
		connection->fd = fd;
		connection_watch(connection, server->bulk_epoll, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static int wait_events(int epoll, struct epoll_event events[EVENTS])
{
	int count = epoll_wait(epoll, events, EVENTS, -1);

	if (count < 0 && errno != EINTR)
		load_die("epoll_wait");
	return count;
}

static void *echo_loop(void *arg)
{
	struct server *server = arg;
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = wait_events(server->echo_epoll, events);

		for (int i = 0; i < count; i++)
			serve_connection(server, events[i].data.ptr, events[i].events);
	}
	return NULL;
}

/* Nobody is accepted any more, and the port refuses. Whoever has come is still served. */
static void stop_listening(struct server *server)
{
	if (server->listener < 0)
		return;
	accept_waiting(server);
	close(server->listener);
	server->listener = -1;
}

/* A line ends listening. False when standard input ends. */
static bool obey_input(struct server *server)
{
	char line[64];

	if (read(STDIN_FILENO, line, sizeof(line)) <= 0)
		return false;
	stop_listening(server);
	return true;
}

/*
 * Standard input and the listener are in the same set as the connections. Standard input is marked by NULL,
 * the listener by the server's address.
 */
static void bulk_loop(struct server *server)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = wait_events(server->bulk_epoll, events);

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr == NULL) {
				if (!obey_input(server))
					return;
			} else if (events[i].data.ptr == server) {
				accept_waiting(server);
			} else {
				serve_connection(server, events[i].data.ptr, events[i].events);
			}
		}
	}
}

/* Writes the address that it got to text. A port may be one that a past run left in TIME_WAIT. */
static int listen_at(const struct endpoint *wanted, char text[ADDRESS_TEXT_MAX])
{
	struct endpoint got = {.length = sizeof(got.un)};
	int fd = socket(wanted->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) != 0 ||
	    bind(fd, &wanted->any, wanted->length) != 0 || listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, &got.any, &got.length) != 0)
		load_die("listen");
	endpoint_format(&got.any, got.length, text);
	return fd;
}

static int new_epoll(void)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0)
		load_die("epoll_create1");
	return epoll;
}

static void watch(int epoll, int fd, void *subject)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = subject};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		load_die("epoll_ctl");
}

int load_serve(const struct endpoint *address)
{
	static struct server server;
	char text[ADDRESS_TEXT_MAX];
	pthread_t thread;

	server.address = address;
	server.listener = listen_at(address, text);
	server.bulk_epoll = new_epoll();
	server.echo_epoll = new_epoll();
	watch(server.bulk_epoll, server.listener, &server);
	watch(server.bulk_epoll, STDIN_FILENO, NULL);
	errno = pthread_create(&thread, NULL, echo_loop, &server);
	if (errno != 0)
		load_die("pthread_create");

	printf("serving %s\n", text);
	if (fflush(stdout) != 0)
		load_die("standard output");
	bulk_loop(&server);
	return EXIT_SUCCESS; /* the kernel closes what is open */
}
