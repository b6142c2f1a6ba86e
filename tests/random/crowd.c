/*
 * crowd [-h] [-H] [-s SEED] [-t SECONDS] [-n ENDS] [-d SECONDS] [-p PORT] PORT-FILE RELAY-FILE
 *
 * Many clients and their targets, in one process, behave at random through a relay; each pair is held to the
 * closing rules (judge.c). It listens, writes its port to PORT-FILE, waits until RELAY-FILE holds the relay's
 * address, then keeps ENDS clients busy for the SECONDS of -t. After that all may end; an end that has not
 * within the SECONDS of -d hangs. With -h, clients begin with a PROXY header, in two pieces. With -H, targets
 * get one of version 2 first.
 *
 * Prints a line for each pair that must have ended cleanly, and the sums. What is wrong goes to standard
 * error. The exit status is 1 if anything was wrong.
 */
#include "build_config.h"

#include "../scenario/ask_again.h"
#include "end.h"
#include "judge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PASS_MS = 4, STARTS_IN_PASS = 4, EXIT_USAGE = 64 };

struct side {
	struct end **ends;
	size_t count, room;
	size_t begin; /* all before it are over */
};

static struct {
	uint64_t seed, milliseconds, deadline;
	size_t clients;
	uint16_t port;
	bool headers, told;
} options = {.seed = 1, .milliseconds = 5000, .deadline = 30000, .clients = 100};

static struct side clients, targets;
static int listener = -1;
static struct sockaddr_in relay;
static unsigned failures;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- making ends ---- */

static struct end *add_end(struct side *side, int fd, uint16_t port)
{
	struct end *end = malloc(sizeof(*end));

	if (side->count == side->room) {
		side->room = side->room ? 2 * side->room : 256;
		side->ends = reallocarray(side->ends, side->room, sizeof(struct end *));
	}
	if (!end || !side->ends)
		die("memory");
	end_init(end, fd, options.seed, 2 * side->count + (side == &targets));
	end->port = port;
	side->ends[side->count++] = end;
	return end;
}

/* Small kernel buffers for some: queues build up sooner. */
static void choose_buffers(int fd, uint64_t dice)
{
	const int size = 48 * 1024;

	if (dice % 4 == 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (dice % 4 == 1)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static uint16_t own_port(int fd)
{
	struct sockaddr_in own = {.sin_port = 0};
	socklen_t length = sizeof(own);

	if (getsockname(fd, (struct sockaddr *)&own, &length) < 0)
		die("getsockname");
	return ntohs(own.sin_port);
}

/* It says nothing, so the relay still knows clients by their ports. */
static void send_header(int fd)
{
	static const char v1[] = "PROXY UNKNOWN\r\n", v2[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
	const char *header = clients.count % 2 ? v1 : v2;
	size_t size = (clients.count % 2 ? sizeof(v1) : sizeof(v2)) - 1;
	size_t first = clients.count % size;
	struct pollfd writable = {.fd = fd, .events = POLLOUT};

	if (poll(&writable, 1, 10000) <= 0)
		die("a client that is not connected");
	if ((first > 0 && send(fd, header, first, MSG_NOSIGNAL) < 0) ||
	    send(fd, header + first, size - first, MSG_NOSIGNAL) < 0)
		die("send");
}

static void start_client(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die("socket");
	choose_buffers(fd, clients.count);
	ask_again(fd);
	if (connect(fd, (struct sockaddr *)&relay, sizeof(relay)) < 0 && errno != EINPROGRESS)
		die("connect");
	if (options.headers)
		send_header(fd);
	add_end(&clients, fd, own_port(fd));
}

static void accept_targets(void)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		choose_buffers(fd, targets.count);
		add_end(&targets, fd, 0)->proxy_header = options.told ? END_PROXY_HEADER : 0;
	}
}

static void listen_for_targets(void)
{
	const int on = 1;
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};

	address.sin_port = htons(options.port);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 4096) < 0)
		die("listen");
	ask_again(listener);
}

/* ---- joining them ---- */

static void complain(const struct end *end, const char *what)
{
	const struct end *other = end->opposite;

	failures++;
	fprintf(stderr,
	        "%s %" PRIu64 " (client port %u) %s: sent %" PRIu64 ", received %" PRIu64
	        ", did %s%s, saw %s",
	        end->id % 2 ? "target" : "client", end->id / 2,
	        end->id % 2 && other ? other->port : end->port, what, end->sent, end->received,
	        end->fin ? "fin " : "", end->reset ? "reset" : "",
	        end->seen == SEEN_RST   ? "rst"
	        : end->seen == SEEN_FIN ? "fin"
	                                : "nothing");
	if (other)
		fprintf(stderr,
		        "; the other sent %" PRIu64 " (%" PRIu64 " acknowledged), received %" PRIu64
		        ", did %s%s",
		        other->sent, other->acknowledged, other->received, other->fin ? "fin " : "",
		        other->reset ? "reset" : "");
	fprintf(stderr, "\n");
}

static void join(struct end *end)
{
	const struct side *others = end->id % 2 ? &clients : &targets;
	struct end *other;
	uint64_t id;

	if (!end_knows_opposite(end, &id))
		return;
	if (id % 2 == end->id % 2 || id / 2 >= others->count) {
		end->fault = "an id that nobody has";
		return;
	}
	other = others->ends[id / 2];
	if ((end->opposite && end->opposite != other) || (other->opposite && other->opposite != end)) {
		end->fault = "bytes of somebody else";
		return;
	}
	end->opposite = other;
	other->opposite = end;
}

/* ---- the loop ---- */

static size_t collect(const struct side *side, struct pollfd *fds, uint64_t now)
{
	size_t n = 0;

	for (size_t i = side->begin; i < side->count; i++) {
		const struct end *end = side->ends[i];
		short events = 0;

		if (end->fd >= 0)
			events = end_events(end, now);
		/* An end that waits for nothing is left out: an error would be reported again and again. */
		fds[n++] = (struct pollfd){.fd = events ? end->fd : -1, .events = events};
	}
	return n;
}

static void act(struct side *side, const struct pollfd *fds, size_t n, uint64_t now, bool winding_down)
{
	size_t begin = side->begin;

	for (size_t i = 0; i < n; i++) {
		struct end *end = side->ends[begin + i];

		if (end->fd < 0)
			continue;
		end_act(end, fds[i].revents, now, winding_down);
		if (!end->opposite)
			join(end);
	}
	while (side->begin < side->count && side->ends[side->begin]->fd < 0)
		side->begin++;
}

/* A pass: everything that is due, for all ends that exist at its start. */
static void pass(bool winding_down)
{
	size_t room = clients.count - clients.begin + targets.count - targets.begin + 1;
	struct pollfd *fds = reallocarray(NULL, room, sizeof(*fds));
	uint64_t now = end_clock();
	size_t of_clients, of_targets;

	if (!fds)
		die("memory");
	of_clients = collect(&clients, fds, now);
	of_targets = collect(&targets, fds + of_clients, now);
	fds[room - 1] = (struct pollfd){.fd = listener, .events = POLLIN};
	if (poll(fds, room, PASS_MS) < 0 && errno != EINTR)
		die("poll");
	act(&clients, fds, of_clients, now, winding_down);
	act(&targets, fds + of_clients, of_targets, now, winding_down);
	if (fds[room - 1].revents)
		accept_targets();
	free(fds);
}

static size_t at_work(const struct side *side)
{
	size_t n = 0;

	for (size_t i = side->begin; i < side->count; i++)
		n += side->ends[i]->fd >= 0;
	return n;
}

static void run(void)
{
	uint64_t start = end_clock();
	uint64_t end;

	while (end_clock() - start < options.milliseconds) {
		for (int i = 0; i < STARTS_IN_PASS && at_work(&clients) < options.clients; i++)
			start_client();
		pass(false);
	}
	/* A few more passes: a client that reset at once may still get a target. */
	end = end_clock();
	while ((at_work(&clients) || at_work(&targets) || end_clock() - end < 200) &&
	       end_clock() - end < options.deadline)
		pass(true);
}

/* ---- judging ---- */

static uint64_t judge_side(const struct side *side)
{
	uint64_t lonely = 0;

	for (size_t i = 0; i < side->count; i++) {
		const struct end *end = side->ends[i];
		const char *wrong = end->opposite ? judge_end(end) : judge_lonely(end);

		if (wrong)
			complain(end, wrong);
		lonely += !end->opposite;
	}
	return lonely;
}

/* A lonely end that saw a reset needs a lonely one on the other side that did reset. */
static void judge_loneliness(const struct side *side, const struct side *other)
{
	uint64_t was_reset = 0, did_reset = 0;

	for (size_t i = 0; i < side->count; i++)
		was_reset += !side->ends[i]->opposite && side->ends[i]->seen == SEEN_RST;
	for (size_t i = 0; i < other->count; i++)
		did_reset += !other->ends[i]->opposite && other->ends[i]->reset;
	if (was_reset <= did_reset)
		return;
	failures++;
	fprintf(stderr, "%" PRIu64 " %s were reset unheard, and only %" PRIu64 " of the others reset\n",
	        was_reset, side == &clients ? "clients" : "targets", did_reset);
}

static uint64_t print_clean(void)
{
	uint64_t clean = 0;

	for (size_t i = 0; i < clients.count; i++) {
		const struct end *client = clients.ends[i];

		if (!client->opposite || !judge_clean(client))
			continue;
		clean++;
		printf("pair client=127.0.0.1:%u upload_bytes=%" PRIu64 " download_bytes=%" PRIu64 "\n",
		       client->port, client->sent, client->opposite->sent);
	}
	return clean;
}

static uint64_t sum(const struct side *side, size_t offset)
{
	uint64_t total = 0;

	for (size_t i = 0; i < side->count; i++)
		total += *(const uint64_t *)(const void *)((const char *)side->ends[i] + offset);
	return total;
}

static void report(void)
{
	uint64_t lonely = judge_side(&clients) + judge_side(&targets);
	uint64_t clean = print_clean();

	judge_loneliness(&clients, &targets);
	judge_loneliness(&targets, &clients);
	printf("sum seed=%" PRIu64 " clients=%zu targets=%zu clean=%" PRIu64 " lonely=%" PRIu64
	       " upload_sent=%" PRIu64 " upload_received=%" PRIu64 " download_sent=%" PRIu64
	       " download_received=%" PRIu64 " failures=%u\n",
	       options.seed, clients.count, targets.count, clean, lonely,
	       sum(&clients, offsetof(struct end, sent)), sum(&targets, offsetof(struct end, received)),
	       sum(&targets, offsetof(struct end, sent)), sum(&clients, offsetof(struct end, received)),
	       failures);
}

/* ---- the start ---- */

static void write_port(const char *path)
{
	char temporary[4096];
	FILE *file;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	if (!file)
		die(path);
	fprintf(file, "%u\n", own_port(listener));
	if (fclose(file) != 0 || rename(temporary, path) < 0)
		die(path);
}

static void await_relay(const char *path)
{
	char host[64];
	unsigned port;
	FILE *file;

	while (!(file = fopen(path, "r")))
		usleep(10000);
	if (fscanf(file, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &relay.sin_addr) != 1)
		die(path);
	relay.sin_family = AF_INET;
	relay.sin_port = htons((uint16_t)port);
	fclose(file);
}

static void parse(int argc, char *argv[])
{
	int option;

	while ((option = getopt(argc, argv, "hHs:t:n:d:p:")) != -1) {
		uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;

		if (option == 'h')
			options.headers = true;
		else if (option == 'H')
			options.told = true;
		else if (option == 's')
			options.seed = number;
		else if (option == 't')
			options.milliseconds = 1000 * number;
		else if (option == 'n')
			options.clients = number;
		else if (option == 'd')
			options.deadline = 1000 * number;
		else if (option == 'p')
			options.port = (uint16_t)number;
		else
			exit(EXIT_USAGE);
	}
	if (argc - optind != 2)
		exit(EXIT_USAGE);
}

static void free_side(struct side *side)
{
	for (size_t i = 0; i < side->count; i++) {
		end_deinit(side->ends[i]);
		free(side->ends[i]);
	}
	free(side->ends);
}

int main(int argc, char *argv[])
{
	parse(argc, argv);
	listen_for_targets();
	write_port(argv[optind]);
	await_relay(argv[optind + 1]);
	run();
	report();
	free_side(&clients);
	free_side(&targets);
	return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
