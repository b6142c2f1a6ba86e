#include "build_config.h"

#include "rawpeer.h"

#include "base/units.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_USAGE = 64,
	DEADLINE_S = 120,
	EVENTS = 256,
	DESCRIPTORS = 20000,
	CONNECTIONS_MAX = 10000,
	SEED_CONNECTED = 1, /* of what the connecting side sends */
	SEED_ACCEPTED = 2,
};

struct process process = {.connections = 1, .listener = -1, .epoll = -1};

static LIST_HEAD(, peer) peers = LIST_HEAD_INITIALIZER(peers);
static unsigned peers_made, peers_failed;
static bool ignore_failures;
static bool accepts;   /* the script has an accept */
static bool no_client; /* the listening socket had none when it was asked last */
static volatile sig_atomic_t terminated;

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static bool script_has(const char *name)
{
	size_t i;

	for (i = 0; i < process.script.count; i++)
		if (strcmp(process.script.words[i].kind->name, name) == 0)
			return true;
	return false;
}

/* Leaves the epoll set too; a word sees a peer without a socket as new. */
void peer_close(struct peer *peer)
{
	if (peer->fd < 0)
		return;
	if (peer->armed)
		epoll_ctl(process.epoll, EPOLL_CTL_DEL, peer->fd, NULL);
	peer->armed = 0;
	close(peer->fd);
	peer->fd = -1;
	peer->fin_seen = false;
	peer->rst_seen = false;
}

static void peer_free(struct peer *peer)
{
	peer_close(peer);
	LIST_REMOVE(peer, entry);
	free(peer->echo);
	free(peer);
}

static struct peer *peer_new(uint64_t start_us)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer) {
		fprintf(stderr, "rawpeer: out of memory\n");
		exit(EXIT_FAILURE);
	}
	peer->number = peers_made++;
	peer->fd = -1;
	peer->end = "none";
	peer->wake_us = start_us;
	peer->out.seed = accepts ? SEED_ACCEPTED : SEED_CONNECTED;
	peer->in.seed = accepts ? SEED_CONNECTED : SEED_ACCEPTED;
	LIST_INSERT_HEAD(&peers, peer, entry);
	return peer;
}

void peer_spawn_next(void)
{
	peer_new(process.now_us);
}

enum step peer_fail(struct peer *peer, const char *format, ...)
{
	char what[256];
	char why[256];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	word_format(&process.script.words[peer->position], what, sizeof(what));
	fprintf(stderr, "rawpeer: connection %u, word %zu '%s': %s\n", peer->number, peer->position + 1, what,
	        why);
	return STEP_FAIL;
}

enum step peer_wait(struct peer *peer, uint32_t events)
{
	return peer_wait_us(peer, events, 0);
}

enum step peer_wait_us(struct peer *peer, uint32_t events, uint64_t wake_us)
{
	peer->want = events;
	peer->wake_us = wake_us;
	return STEP_WAIT;
}

/* A descriptor that nobody waits for leaves the set: epoll reports errors on it whatever was asked for. */
static void peer_arm(struct peer *peer)
{
	struct epoll_event event = {.events = peer->want, .data.ptr = peer};
	int op = peer->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (peer->want == peer->armed)
		return;
	if (!peer->want)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(process.epoll, op, peer->fd, &event) < 0) {
		perror("rawpeer: epoll_ctl");
		exit(EXIT_FAILURE);
	}
	peer->armed = peer->want;
}

static void peer_finish(struct peer *peer, bool failed)
{
	printf("connection=%u sent=%llu received=%llu filled=%llu end=%s%s\n", peer->number,
	       (unsigned long long)peer->out.bytes, (unsigned long long)peer->in.bytes,
	       (unsigned long long)peer->filled, peer->end, failed ? " failed" : "");
	peers_failed += failed;
	peer_free(peer);
}

static void peer_next_word(struct peer *peer)
{
	process.script.words[peer->position].passed++;
	peer->position++;
	peer->progress = 0;
	peer->progress_in = 0;
	peer->since_us = 0;
	peer->events = 0;
}

/* Runs words until one has to wait. May free the peer. */
static void peer_run(struct peer *peer, uint32_t events)
{
	enum step step = STEP_DONE;

	peer->events = events;
	peer->wake_us = 0;
	while (peer->position < process.script.count) {
		struct word *word = &process.script.words[peer->position];

		step = word->kind->step(peer, word);
		if (step != STEP_DONE)
			break;
		peer_next_word(peer);
	}
	if (step == STEP_WAIT)
		peer_arm(peer);
	else
		peer_finish(peer, step == STEP_FAIL);
}

void process_await_client(void)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = NULL};

	no_client = true;
	epoll_ctl(process.epoll, EPOLL_CTL_MOD, process.listener, &event);
}

/* One client for each peer that waits for one, until there are no more clients. */
static void process_accept(void)
{
	struct peer *peer, *next;

	no_client = false;
	for (peer = LIST_FIRST(&peers); peer; peer = next) {
		next = LIST_NEXT(peer, entry);
		if (peer->accepting)
			peer_run(peer, 0);
		if (no_client)
			return;
	}
}

static int process_timeout_ms(void)
{
	uint64_t wake = process.deadline_us;
	struct peer *peer;

	LIST_FOREACH (peer, &peers, entry)
		if (peer->wake_us && peer->wake_us < wake)
			wake = peer->wake_us;
	if (wake <= process.now_us)
		return 0;
	return (int)((wake - process.now_us + 999) / 1000);
}

static void process_wake(void)
{
	struct peer *peer, *next;

	for (peer = LIST_FIRST(&peers); peer; peer = next) {
		next = LIST_NEXT(peer, entry);
		if (peer->wake_us && peer->wake_us <= process.now_us)
			peer_run(peer, 0);
	}
}

static void process_expire(void)
{
	struct peer *peer, *next;

	for (peer = LIST_FIRST(&peers); peer; peer = next) {
		next = LIST_NEXT(peer, entry);
		peer_fail(peer, "not done within the deadline, after sending %llu and receiving %llu bytes",
		          (unsigned long long)peer->out.bytes, (unsigned long long)peer->in.bytes);
		peer_finish(peer, true);
	}
}

static void process_events(int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int count, i;

	count = epoll_wait(process.epoll, events, EVENTS, timeout_ms);
	process.now_us = clock_us();
	for (i = 0; i < count; i++) {
		if (events[i].data.ptr)
			peer_run(events[i].data.ptr, events[i].events);
		else
			process_accept();
	}
}

/* Runs until every connection is done; with serve, until SIGTERM. */
static void process_loop(void)
{
	while (!LIST_EMPTY(&peers) && !terminated) {
		process_events(process_timeout_ms());
		process_wake();
		if (process.now_us >= process.deadline_us && !process.serve)
			process_expire();
	}
}

static void process_start(uint64_t jitter_ms)
{
	unsigned i;

	process.now_us = clock_us();
	process.deadline_us = process.now_us + DEADLINE_S * 1000000;
	for (i = 0; i < (process.serve ? 1 : process.connections); i++) {
		uint64_t late = jitter_ms ? (uint64_t)random() % (jitter_ms * 1000) : 0;

		peer_new(process.now_us + late);
	}
}

static void process_terminate(int signal)
{
	(void)signal;
	terminated = 1;
}

static void process_prepare(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS ? limit.rlim_max : DESCRIPTORS;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, process_terminate);
	setlinebuf(stdout);
	process.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (process.epoll < 0) {
		perror("rawpeer: epoll_create1");
		exit(EXIT_FAILURE);
	}
}

static void usage(void)
{
	fprintf(stderr, "usage: rawpeer [-n CONNECTIONS | -s] [-i] [-j JITTER_MS] WORD...\n"
	                "  -n  this many connections run the words, 1 by default\n"
	                "  -s  serve: one more connection for each that is accepted, until SIGTERM\n"
	                "  -i  connections may fail\n"
	                "  -j  each begins up to so many milliseconds late\n");
	exit(EXIT_USAGE);
}

static uint64_t option_number(const char *text, uint64_t most)
{
	uint64_t number;

	if (units_parse_number(text, &number) < 0 || number > most)
		usage();
	return number;
}

int main(int argc, char **argv)
{
	uint64_t jitter_ms = 0;
	int option;

	while ((option = getopt(argc, argv, "+n:sij:")) != -1) {
		if (option == 'n')
			process.connections = (unsigned)option_number(optarg, CONNECTIONS_MAX);
		else if (option == 's')
			process.serve = true;
		else if (option == 'i')
			ignore_failures = true;
		else if (option == 'j')
			jitter_ms = option_number(optarg, 3600 * 1000);
		else
			usage();
	}
	if (optind == argc || script_parse(argv + optind, &process.script) < 0)
		usage();
	accepts = script_has("accept");
	process_prepare();
	process_start(jitter_ms);
	process_loop();
	while (!LIST_EMPTY(&peers))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): this takes it off the list */
		peer_free(LIST_FIRST(&peers));
	script_free(&process.script);
	return peers_failed && !ignore_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
