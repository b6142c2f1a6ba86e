/*
 * storm CLIENTS ADDRESS...
 *
 * So many clients for each address connect again and again, as fast as they are served, until SIGTERM. Each
 * sends bytes of its own, wants them back, ends, and waits for the other end. An address with "?" before it
 * may refuse; whoever is let in is to be served there, too. Prints a line for each address:
 *
 *   address=127.0.0.1:7 served=812 refused=0 failed=0 retransmitted=0 p50_us=90 p99_us=300 longest_us=900
 *
 * The times are from before connect(2) until the first byte has come back, of those that were served.
 * retransmitted are those whose SYN was not answered at once. The last line, own_delay_us=700, is how late
 * the storm was itself, at most. The exit status is 1 if one has failed; the first few are on standard error.
 */
#include "build_config.h"

#include "../scenario/pattern.h"
#include "net/address.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PLACES_MAX = 16, CLIENTS_MAX = 256, EVENTS = 256, MESSAGE = 64, COMPLAINTS = 20 };

/* A time is counted by its logarithm, 32 steps for each power of two. */
enum { STEPS = 32, BUCKETS = 32 * STEPS };

/* How long an address that refuses is left alone, and how long whoever was let in may wait. */
enum { REST_US = 1000, PATIENCE_US = 20 * 1000000, TICK_MS = 1 };

struct place {
	const char *text;
	struct endpoint endpoint;
	bool may_refuse;
	uint64_t served, refused, failed, retransmitted;
	uint64_t longest_us;
	uint64_t times[BUCKETS];
};

enum step { RESTING, CONNECTING, ASKING, ENDING };

struct client {
	struct place *place;
	enum step step;
	int fd;
	uint64_t since_us; /* it connects; resting: until then */
	uint64_t seed;     /* of what it sends */
	uint64_t took_us;  /* until the first byte has come back */
	size_t received;
};

static struct place places[PLACES_MAX];
static struct client clients[PLACES_MAX * CLIENTS_MAX];
static size_t place_count, client_count;
static uint64_t visits, complaints;
static uint64_t own_delay_us;
static int epoll;
static volatile sig_atomic_t terminated;

static void terminate(int signal)
{
	(void)signal;
	terminated = 1;
}

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

/* ---- times ---- */

static unsigned bucket_of(uint64_t us)
{
	unsigned power = 0;

	while (us >> power >= 2 * STEPS)
		power++;
	return us < STEPS ? (unsigned)us : power * STEPS + (unsigned)(us >> power);
}

static uint64_t bucket_end(unsigned bucket)
{
	unsigned power = bucket < 2 * STEPS ? 0 : bucket / STEPS - 1;

	return ((uint64_t)(bucket - power * STEPS) + 1) << power;
}

static uint64_t percentile(const struct place *place, unsigned permille)
{
	uint64_t rest = place->served * permille / 1000;
	unsigned i;

	for (i = 0; i < BUCKETS - 1 && rest >= place->times[i]; i++)
		rest -= place->times[i];
	return place->served > 0 ? bucket_end(i) : 0;
}

/* ---- one client ---- */

static void rest(struct client *client, uint64_t us)
{
	if (client->fd >= 0)
		close(client->fd);
	client->fd = -1;
	client->step = RESTING;
	client->since_us = now_us() + us;
}

static void fail(struct client *client, const char *what, int error)
{
	client->place->failed++;
	if (complaints++ < COMPLAINTS)
		fprintf(stderr, "storm: %s: %s: %s, after %llu us and %zu bytes\n", client->place->text, what,
		        error ? strerror(error) : "the end of the stream",
		        (unsigned long long)(now_us() - client->since_us), client->received);
	rest(client, REST_US);
}

/* One address would run out of ports, as all these connections are in TIME_WAIT for a minute. */
static int bind_anywhere(int fd)
{
	struct sockaddr_in own = {.sin_family = AF_INET};
	int on = 1;

	own.sin_addr.s_addr = htonl(0x7f010000u | (uint32_t)(visits & 0xffff));
	if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0)
		return -1;
	return bind(fd, (struct sockaddr *)&own, sizeof(own));
}

static void begin(struct client *client)
{
	const struct endpoint *endpoint = &client->place->endpoint;
	struct epoll_event event = {.events = EPOLLOUT, .data.ptr = client};

	client->seed = ++visits;
	client->received = 0;
	client->since_us = now_us();
	client->step = CONNECTING;
	client->fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (client->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, client->fd, &event) < 0)
		die("storm: socket");
	if (endpoint->any.sa_family == AF_INET && bind_anywhere(client->fd) < 0)
		die("storm: bind");
}

static void refused(struct client *client, int error)
{
	if (!client->place->may_refuse) {
		fail(client, "connect", error);
		return;
	}
	client->place->refused++;
	rest(client, REST_US);
}

static bool is_refusal(int error)
{
	return error == ECONNREFUSED || error == ENOENT;
}

static void note_retransmission(struct client *client)
{
	struct tcp_info info = {.tcpi_state = 0};
	socklen_t length = sizeof(info);

	if (client->place->endpoint.any.sa_family != AF_UNIX &&
	    getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_total_retrans > 0)
		client->place->retransmitted++;
}

static void ask(struct client *client)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
	unsigned char message[MESSAGE];

	note_retransmission(client);
	pattern_fill(message, sizeof(message), client->seed, 0);
	if (send(client->fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message)) {
		fail(client, "send", errno);
		return;
	}
	client->step = ASKING;
	if (epoll_ctl(epoll, EPOLL_CTL_MOD, client->fd, &event) < 0)
		die("storm: epoll_ctl");
}

static int outcome(const struct client *client)
{
	int error = 0;
	socklen_t length = sizeof(error);

	return getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

/* A unix socket whose backlog is full says EAGAIN. It is connected at once or not at all. */
static void connect_to_place(struct client *client)
{
	const struct endpoint *endpoint = &client->place->endpoint;

	if (connect(client->fd, &endpoint->any, endpoint->length) == 0)
		ask(client);
	else if (is_refusal(errno))
		refused(client, errno);
	else if (errno != EINPROGRESS)
		fail(client, "connect", errno);
}

static void connected(struct client *client)
{
	int error = outcome(client);

	if (error == 0)
		ask(client);
	else if (is_refusal(error))
		refused(client, error);
	else
		fail(client, "connect", error);
}

static void serve(struct client *client)
{
	struct place *place = client->place;

	place->served++;
	place->times[bucket_of(client->took_us)]++;
	if (client->took_us > place->longest_us)
		place->longest_us = client->took_us;
	rest(client, 0);
}

static void take(struct client *client, const unsigned char *bytes, size_t length)
{
	if (client->received == 0)
		client->took_us = now_us() - client->since_us;
	if (pattern_match(bytes, length, client->seed, client->received) < length) {
		fail(client, "these are another's bytes", EPROTO);
		return;
	}
	client->received += length;
	if (client->received < MESSAGE)
		return;
	client->step = ENDING;
	if (shutdown(client->fd, SHUT_WR) < 0)
		fail(client, "shutdown", errno);
}

static void receive(struct client *client)
{
	unsigned char bytes[MESSAGE];
	ssize_t n = recv(client->fd, bytes, sizeof(bytes), 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && client->step == ASKING)
		take(client, bytes, (size_t)n);
	else if (n == 0 && client->step == ENDING)
		serve(client);
	else
		fail(client, n > 0 ? "too many bytes" : "recv", n < 0 ? errno : 0);
}

static void go_on(struct client *client)
{
	if (client->step == CONNECTING)
		connected(client);
	else if (client->step != RESTING)
		receive(client);
}

/* ---- all of them ---- */

static void look_after(struct client *client, uint64_t now)
{
	if (client->step == RESTING && !terminated && now >= client->since_us) {
		begin(client);
		connect_to_place(client);
	} else if (client->step != RESTING && now >= client->since_us + PATIENCE_US) {
		fail(client, "too long", ETIMEDOUT);
	}
}

static bool somebody_is_there(void)
{
	for (size_t i = 0; i < client_count; i++)
		if (clients[i].step != RESTING)
			return true;
	return false;
}

static void note_own_delay(uint64_t turn_us)
{
	if (turn_us > own_delay_us + TICK_MS * 1000)
		own_delay_us = turn_us - TICK_MS * 1000;
}

static void run(void)
{
	struct epoll_event events[EVENTS];
	uint64_t before = now_us();

	while (!terminated || somebody_is_there()) {
		uint64_t now = now_us();
		int count;

		note_own_delay(now - before);
		before = now;
		for (size_t i = 0; i < client_count; i++)
			look_after(&clients[i], now);
		count = epoll_wait(epoll, events, EVENTS, TICK_MS);
		for (int i = 0; i < count; i++)
			go_on(events[i].data.ptr);
	}
}

static void add_place(const char *text, size_t count)
{
	struct place *place = &places[place_count++];
	struct address address;

	place->may_refuse = *text == '?';
	place->text = text + place->may_refuse;
	if (address_parse(place->text, &address) < 0 || address.kind != ADDRESS_LITERAL) {
		fprintf(stderr, "storm: '%s' is not an address\n", place->text);
		exit(EXIT_FAILURE);
	}
	place->endpoint = address.endpoint;
	for (size_t i = 0; i < count; i++)
		clients[client_count++] = (struct client){.place = place, .fd = -1, .step = RESTING};
}

static bool print_place(const struct place *place)
{
	printf("address=%s served=%llu refused=%llu failed=%llu retransmitted=%llu p50_us=%llu p99_us=%llu "
	       "longest_us=%llu\n",
	       place->text, (unsigned long long)place->served, (unsigned long long)place->refused,
	       (unsigned long long)place->failed, (unsigned long long)place->retransmitted,
	       (unsigned long long)percentile(place, 500), (unsigned long long)percentile(place, 990),
	       (unsigned long long)place->longest_us);
	return place->failed == 0;
}

int main(int argc, char **argv)
{
	size_t count = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	bool good = true;

	if (count == 0 || count > CLIENTS_MAX || argc - 2 > PLACES_MAX)
		return EXIT_FAILURE;
	signal(SIGTERM, terminate);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("storm: epoll_create1");
	for (int i = 2; i < argc; i++)
		add_place(argv[i], count);
	run();
	for (size_t i = 0; i < place_count; i++)
		good &= print_place(&places[i]);
	printf("own_delay_us=%llu\n", (unsigned long long)own_delay_us);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
