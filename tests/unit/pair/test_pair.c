/* Pairs between real sockets: the test is the clients and the targets, and accepts for the worker. */
#include "build_config.h"

#include "base/log.h"
#include "faults.h"
#include "flow/pipe_pool.h"
#include "net/stream.h"
#include "pair/pair.h"
#include "pair/pair_private.h"
#include "relays.h"
#include "unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/un.h>

#define SCRATCH    (32 * 1024)
#define MEMORY_MAX (16 * 1024 * 1024)
#define BULK       (8 * 1024 * 1024)
#define SMALL      16384 /* a kernel buffer */
#define NOTICED_MS 2000

static struct event_base *base;
static struct budget budget;
static struct slots slots, pipe_slots;
static struct pipe_pool pipes;
static struct pair_set set;
static struct relay *relay;
static int gate;   /* where clients come in */
static int target; /* where targets are accepted */
static unsigned ended, fds_before;
static int mine[256]; /* descriptors of the test */
static size_t mine_count;
static size_t fail_after; /* libevent's n-th allocation from now on fails */

static void *failing_malloc(size_t size)
{
	if (fail_after > 0 && --fail_after == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(size);
}

static void *failing_realloc(void *memory, size_t size)
{
	if (fail_after > 0 && --fail_after == 0) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(memory, size);
}

static void note_ended(void *arg, struct relay *from)
{
	(void)from;
	ck_assert_ptr_eq(arg, &set);
	ended++;
}

/* ---- the test's own descriptors ---- */

static int keep(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(mine_count, sizeof(mine) / sizeof(mine[0]));
	mine[mine_count++] = fd;
	return fd;
}

static void forget(int fd)
{
	for (size_t i = 0; i < mine_count; i++)
		if (mine[i] == fd)
			mine[i] = -1;
}

static void reset(int fd)
{
	forget(fd);
	loop_reset(fd);
}

static int listen_here(void)
{
	struct sockaddr_in address;
	int size = SMALL;
	int fd = keep(loop_listen(&address));

	/* Inherited: what a target that does not read can hold is bounded. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	loop_nonblocking(fd);
	return fd;
}

/* Where clients come in: what is accepted there resets when it is closed, as behind socket_listen. */
static int open_gate(void)
{
	static const struct linger none = {.l_onoff = 1};
	int fd = listen_here();

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	return fd;
}

/* A port where nobody listens, and nobody else will. */
static int refusing(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* A target that answers nothing: its backlog is full, so the kernel drops who knocks. */
static int silent(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int fd = keep(loop_listen(&address));

	ck_assert_int_eq(listen(fd, 0), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	for (int i = 0; i < 4; i++) {
		int filler = keep(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

		(void)connect(filler, (struct sockaddr *)&address, length);
		poll(&(struct pollfd){.fd = filler, .events = POLLOUT}, 1, 20);
	}
	return fd;
}

/* ---- fixture ---- */

static void setup(void)
{
	signal(SIGPIPE, SIG_IGN); /* splice(2) knows no MSG_NOSIGNAL */
	capture_begin();
	fds_before = relays_count_fds();
	event_set_mem_functions(failing_malloc, failing_realloc, free);
	base = event_base_new();
	ck_assert_ptr_nonnull(base);
	budget_init(&budget, MEMORY_MAX);
	slots_init(&slots, 0);
	slots_init(&pipe_slots, 0);
	pipe_pool_init(&pipes, &pipe_slots);
	set = (struct pair_set){
	        .io = {.base = base, .budget = &budget, .pipes = &pipes, .scratch_size = SCRATCH},
	        .log_connections = true,
	        .ended = note_ended,
	        .arg = &set,
	};
	set.io.scratch = malloc(SCRATCH);
	ck_assert_int_eq(pair_set_init(&set, 1), 0);
	gate = open_gate();
	target = listen_here();
}

static void open_relay(const char *const *targets, const char *const *options)
{
	relay_put(relay);
	relay = relays_new(LISTEN, targets, options, NULL, 1);
}

/* A relay to the one target. */
static void begin(const char *const *options)
{
	open_relay(TEXTS(relays_address(target)), options);
}

static void teardown(void)
{
	pair_set_deinit(&set);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&relay->slots), 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
	pipe_pool_deinit(&pipes);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	relay_put(relay);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	free(set.io.scratch);
	for (size_t i = 0; i < mine_count; i++)
		if (mine[i] >= 0)
			close(mine[i]);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

/* A client that has come in; *fd is the worker's end, which has a ticket. */
static int come_in(int *fd, struct admission *ticket, union client_address *address)
{
	int client = keep(relays_connect(gate));
	int size = SMALL;

	setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*address = (union client_address){.any = {.sa_family = AF_UNIX}};
	LOOP_UNTIL(base, (*fd = socket_accept(gate, address)) >= 0);
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ck_assert_ptr_null(admission_take(ticket, &slots, relay));
	return client;
}

/* The nth of these calls on the way from an accepted client to a target fails with error. */
static int join_with(enum fault fault, size_t nth, int error)
{
	union client_address address;
	struct admission ticket;
	int fd, client = come_in(&fd, &ticket, &address);

	fault_set(fault, nth, error);
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	return client;
}

/* A client that the worker has just accepted. */
static int join(void)
{
	return join_with(FAULT_SOCKET, 0, 0);
}

static int try_meet(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* The next connection that a target gets. */
static int meet(int listener)
{
	int fd = -1;

	LOOP_UNTIL(base, (fd = try_meet(listener)) >= 0);
	return keep(fd);
}

static struct pair *only_pair(void)
{
	ck_assert_uint_eq(set.count, 1);
	return LIST_FIRST(&set.pairs);
}

/* The next connection that a target gets, once the newest pair knows of it too. */
static int meet_open(int listener)
{
	int fd = meet(listener);

	LOOP_UNTIL(base, pair_is_connected(LIST_FIRST(&set.pairs)));
	return fd;
}

/* As if the last byte of either flow, and every end, had been so long ago. */
static void be_quiet_since(struct pair *pair, uint64_t ms)
{
	uint64_t then = clock_ms() - ms;

	pair->born = then;
	pair->client.from.last_read = pair->client.from.last_progress = pair->client.from.ended = then;
	pair->target.from.last_read = pair->target.from.last_progress = pair->target.from.ended = then;
}

/* Runs the loop for a while without a condition: to see that nothing happens. */
static void run_for(uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	while (clock_ms() < end) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(NULL, 0, 1);
	}
}

/* Receives until the stream ends, and says how; the bytes are counted. */
static enum loop_end drain(int fd, uint64_t *received)
{
	enum loop_end end = LOOP_OPEN;

	LOOP_UNTIL(base, (end = loop_receive(fd, received, BULK)) != LOOP_OPEN);
	return end;
}

static void assert_ends(int fd, enum loop_end how, uint64_t bytes)
{
	uint64_t received = 0;

	ck_assert_int_eq(drain(fd, &received), how);
	ck_assert_uint_eq(received, bytes);
}

static void assert_receives(int fd, uint64_t *received, uint64_t until)
{
	LOOP_UNTIL(base, (loop_receive(fd, received, BULK), *received >= until));
	ck_assert_uint_eq(*received, until);
}

/* Sends until all of it is with the relay's kernel, where a reset cannot take it back. */
static void send_all(int fd, uint64_t offset, uint64_t length)
{
	uint64_t sent = 0;

	LOOP_UNTIL(base, (sent += loop_send(fd, offset + sent, length - sent)) == length &&
	                         stream_unacknowledged(fd) == 0);
}

/* Sends until the flow has paused its source and the kernels in between are full too. */
static uint64_t fill(int fd, const struct flow *flow)
{
	uint64_t sent = 0;

	LOOP_UNTIL(base, (sent += loop_send(fd, sent, BULK), flow->pause));
	return sent;
}

static void assert_over(const char *reason)
{
	char text[64];

	LOOP_UNTIL(base, set.count == 0);
	snprintf(text, sizeof(text), "reason=%s", reason);
	ck_assert_msg(captured(text) == 1, "not closed with %s", text);
	ck_assert_uint_eq(ended, 1);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&relay->slots), 0);
}

/* ---- a normal life ---- */

START_TEST(round_trip_and_clean_end)
{
	uint64_t received = 0;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	ck_assert_uint_eq(slots_used(&slots), 1);
	ck_assert_uint_eq(slots_used(&relay->slots), 1);
	send_all(client, 0, 5000);
	assert_receives(server, &received, 5000);
	send_all(server, 0, 3000);
	received = 0;
	assert_receives(client, &received, 3000);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, loop_receive(server, &received, 1) == LOOP_FIN);
	ck_assert_uint_eq(set.count, 1);
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, loop_receive(client, &received, 1) == LOOP_FIN);
	assert_over("eof");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(relay->counters[0].accepted, 1);
	ck_assert_uint_eq(relay->counters[0].refused, 0);
	ck_assert_uint_eq(relay->counters[0].connect_failed, 0);
	ck_assert_uint_eq(relay->counters[0].bytes[UPLOAD], 5000);
	ck_assert_uint_eq(relay->counters[0].bytes[DOWNLOAD], 3000);
}
END_TEST

/* _i: 0 the client ends first, 1 the target does. */
START_TEST(half_close_leaves_the_other_way_open)
{
	uint64_t received = 0;
	int client, server, first, second;

	begin(NULL);
	client = join();
	server = meet_open(target);
	first = _i ? server : client;
	second = _i ? client : server;
	send_all(first, 0, 1000);
	shutdown(first, SHUT_WR);
	assert_ends(second, LOOP_FIN, 1000);
	for (uint64_t at = 0; at < 10; at++) {
		send_all(second, at * 2000, 2000);
		assert_receives(first, &received, (at + 1) * 2000);
	}
	ck_assert_uint_eq(set.count, 1);
	shutdown(second, SHUT_WR);
	ck_assert_int_eq(drain(first, &received), LOOP_FIN);
	ck_assert_uint_eq(received, 20000);
	assert_over("eof");
	ck_assert_uint_eq(captured(_i ? "ended_first=target" : "ended_first=client"), 1);
}
END_TEST

START_TEST(bulk_arrives_whole_both_ways)
{
	uint64_t up = 0, down = 0, up_seen = 0, down_seen = 0;
	enum loop_end up_end = LOOP_OPEN, down_end = LOOP_OPEN;
	int client, server;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	server = meet_open(target);
	while (up_end == LOOP_OPEN || down_end == LOOP_OPEN) {
		up += loop_send(client, up, BULK / 4 - up);
		down += loop_send(server, down, BULK / 4 - down);
		if (up == BULK / 4)
			shutdown(client, SHUT_WR);
		if (down == BULK / 4)
			shutdown(server, SHUT_WR);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (up_end == LOOP_OPEN)
			up_end = loop_receive(server, &up_seen, 20000);
		if (down_end == LOOP_OPEN)
			down_end = loop_receive(client, &down_seen, 20000);
	}
	ck_assert_int_eq(up_end, LOOP_FIN);
	ck_assert_int_eq(down_end, LOOP_FIN);
	ck_assert_uint_eq(up_seen, BULK / 4);
	ck_assert_uint_eq(down_seen, BULK / 4);
	assert_over("eof");
}
END_TEST

/* ---- connecting ---- */

START_TEST(refused_target_resets_the_client)
{
	int client;

	open_relay(TEXTS(relays_address(refusing())), NULL);
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	ck_assert_uint_eq(relay->counters[0].connect_failed, 1);
	ck_assert_uint_eq(relay->counters[0].refused, 0);
	ck_assert_uint_eq(captured("ended_first=none"), 1);
}
END_TEST

START_TEST(second_target_is_taken_when_the_first_refuses)
{
	uint64_t received = 0;
	int client, server;

	open_relay(TEXTS(relays_address(refusing()), relays_address(target)), NULL);
	client = join();
	server = meet_open(target);
	send_all(client, 0, 100);
	assert_receives(server, &received, 100);
	ck_assert_uint_eq(relay->counters[0].connect_failed, 0);
}
END_TEST

START_TEST(one_attempt_is_one_attempt)
{
	int client;

	open_relay(TEXTS(relays_address(refusing()), relays_address(target)), TEXTS("connect_attempts=1"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	ck_assert_int_lt(try_meet(target), 0);
}
END_TEST

START_TEST(targets_take_turns)
{
	int other = listen_here();

	open_relay(TEXTS(relays_address(target), relays_address(other)), NULL);
	for (int i = 0; i < 6; i++) {
		join();
		meet(i % 2 ? other : target);
	}
	ck_assert_uint_eq(set.count, 6);
}
END_TEST

START_TEST(silent_target_times_out)
{
	uint64_t began;
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=100ms"));
	began = clock_ms();
	client = join();
	assert_ends(client, LOOP_RST, 0);
	ck_assert_uint_ge(clock_ms() - began, 95);
	assert_over("connect_timeout");
	ck_assert_uint_eq(relay->counters[0].connect_failed, 1);
}
END_TEST

START_TEST(next_target_is_taken_when_the_first_is_silent)
{
	open_relay(TEXTS(relays_address(silent()), relays_address(target)), TEXTS("connect_timeout=50ms"));
	join();
	meet(target);
	ck_assert_uint_eq(only_pair()->attempt, 1);
}
END_TEST

START_TEST(every_reason_has_a_word_of_its_own)
{
	for (int one = REASON_NONE; one <= REASON_INTERNAL; one++) {
		ck_assert_ptr_nonnull(reasons[one].name);
		ck_assert_int_eq(reasons[one].clean, one == REASON_EOF);
		for (int other = REASON_NONE; other < one; other++)
			ck_assert_str_ne(reasons[one].name, reasons[other].name);
	}
}
END_TEST

START_TEST(client_that_resets_while_connecting_is_noticed)
{
	uint64_t began;
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=1m"));
	client = join();
	run_for(20);
	began = clock_ms();
	reset(client);
	assert_over("client_reset");
	ck_assert_uint_le(clock_ms() - began, NOTICED_MS);
	ck_assert_uint_eq(relay->counters[0].connect_failed, 0);
}
END_TEST

static int listen_unix(const char *name, int backlog)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = keep(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	socklen_t length =
	        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	                    (size_t)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "%s", name));

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, length), 0);
	ck_assert_int_eq(listen(fd, backlog), 0);
	loop_nonblocking(fd);
	return fd;
}

static int listen_abstract(int backlog)
{
	char name[64];

	snprintf(name, sizeof(name), "weir-test-pair-%d", (int)getpid());
	return listen_unix(name, backlog);
}

START_TEST(unix_target)
{
	uint64_t up = 0, down = 0;
	int client, server, listener = listen_abstract(16);

	open_relay(TEXTS(relays_address(listener)), NULL);
	client = join();
	server = meet(listener);
	send_all(client, 0, 5000);
	assert_receives(server, &up, 5000);
	ck_assert_uint_eq(loop_send(server, 0, 3000), 3000);
	assert_receives(client, &down, 3000);
	shutdown(server, SHUT_WR);
	ck_assert_int_eq(drain(client, &down), LOOP_FIN);
	shutdown(client, SHUT_WR);
	ck_assert_int_eq(drain(server, &up), LOOP_FIN);
	assert_over("eof");
	ck_assert_uint_eq(captured(relays_address(listener)), 1);
}
END_TEST

/* A unix socket says EAGAIN where TCP would wait. */
START_TEST(full_backlog_of_a_unix_target_is_waited_out)
{
	uint64_t received = 0;
	int client, listener = listen_abstract(0);

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	client = join();
	ck_assert_uint_eq(loop_send(client, 0, 700), 700);
	shutdown(client, SHUT_WR);
	run_for(100);
	ck_assert(!pair_is_connected(only_pair()));
	meet(listener);
	LOOP_UNTIL(base, pair_is_connected(only_pair()));
	ck_assert_int_eq(drain(meet(listener), &received), LOOP_FIN);
	ck_assert_uint_eq(received, 700);
}
END_TEST

START_TEST(full_backlog_of_a_unix_target_times_out)
{
	int client, listener = listen_abstract(0);

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=100ms"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	ck_assert_uint_eq(captured("cannot be connected: its backlog is full"), 1);
}
END_TEST

/* 500 clients that waited for a full backlog took an eighth of a CPU. */
START_TEST(full_backlog_is_tried_ever_less_often)
{
	uint64_t began = clock_ms();
	int client, listener = listen_abstract(0);

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	client = join_with(FAULT_SOCKET, 6, EACCES); /* the end of the wait */
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	/* 20 + 40 + 80 + 160 + 320, less what a busy loop is early */
	ck_assert_uint_ge(clock_ms() - began, 400);
}
END_TEST

START_TEST(pairs_that_wait_for_a_backlog_are_not_in_step)
{
	bool taken[128] = {false};
	int listener = listen_abstract(0);
	struct pair *pair;

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	for (int i = 0; i < 8; i++)
		join();
	LIST_FOREACH (pair, &set.pairs, entry) {
		uint64_t wait;

		ck_assert_int_eq(pair->phase, PHASE_WAITING);
		ck_assert_int_eq(pair->shortage, -EAGAIN);
		pair->postpone.wait = 400;
		wait = pair_connect_wait(pair);
		ck_assert_uint_ge(wait, 400);
		ck_assert_uint_lt(wait, 500);
		ck_assert(!taken[wait - 400]);
		taken[wait - 400] = true;
	}
}
END_TEST

START_TEST(client_speaks_before_the_target_is_connected)
{
	uint64_t received = 0;
	int client;

	open_relay(TEXTS(relays_address(silent()), relays_address(target)), TEXTS("connect_timeout=50ms"));
	client = join();
	ck_assert_uint_eq(loop_send(client, 0, 3000), 3000);
	ck_assert(!pair_is_connected(only_pair()));
	assert_receives(meet(target), &received, 3000);
}
END_TEST

/* Descriptors or memory that have run out are not the target's fault. */
static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

START_TEST(shortage_while_connecting_is_waited_out)
{
	uint64_t received = 0;
	int client;

	begin(TEXTS("connect_attempts=1"));
	client = join_with(FAULT_SOCKET, 1, shortages[_i]);
	ck_assert(!pair_is_connected(only_pair()));
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	assert_receives(meet(target), &received, 100);
	ck_assert_uint_eq(only_pair()->attempt, 0);
}
END_TEST

/* It was called a timeout of the target, which nobody had asked yet. */
START_TEST(shortage_that_lasts_is_told)
{
	union client_address address;
	struct admission ticket;
	struct rlimit limit;
	int fd, client;

	begin(TEXTS("connect_timeout=100ms"));
	client = come_in(&fd, &ticket, &address);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(captured("cannot be connected: Too many open files"), 1);
}
END_TEST

/* What an earlier try of the same attempt failed with is over. */
START_TEST(timeout_after_a_shortage_is_a_timeout)
{
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=1s"));
	client = join_with(FAULT_SOCKET, 1, EMFILE);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	ck_assert_uint_eq(captured("cannot be connected: Connection timed out"), 1);
}
END_TEST

/* _i: 0 its family is not to be had, 1 there is no event to wait for it. */
START_TEST(target_that_cannot_be_tried_is_left_out)
{
	open_relay(TEXTS(relays_address(_i ? silent() : target), relays_address(target)), NULL);
	if (_i == 0)
		join_with(FAULT_SOCKET, 1, EAFNOSUPPORT);
	else
		join_with(FAULT_EVENT_ADD, 1, ENOMEM);
	meet_open(target);
	ck_assert_uint_eq(only_pair()->attempt, 1);
}
END_TEST

START_TEST(look_at_a_pair_that_connects_changes_nothing)
{
	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=1m"));
	join();
	event_active(only_pair()->timer, EV_TIMEOUT, 1);
	run_for(20);
	ck_assert(!pair_is_connected(only_pair()));
	ck_assert_uint_eq(only_pair()->attempt, 0);
}
END_TEST

/* Accepts who else is there until the pair's target is; the loop does not run meanwhile. */
static int meet_unseen(int listener)
{
	struct sockaddr_in mine_is = {.sin_port = 0}, address = mine_is;
	socklen_t length = sizeof(mine_is);

	ck_assert_int_eq(getsockname(only_pair()->target.fd, (struct sockaddr *)&mine_is, &length), 0);
	for (;;) {
		int fd;

		poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, LOOP_DEADLINE_MS);
		length = sizeof(address);
		fd = keep(accept4(listener, (struct sockaddr *)&address, &length,
		                  SOCK_NONBLOCK | SOCK_CLOEXEC));
		if (address.sin_port == mine_is.sin_port)
			return fd;
	}
}

/* The connection that came about, the answer and the reset are all seen in one look. */
START_TEST(answer_of_a_target_that_has_reset_before_it_was_looked_at)
{
	int client, server, listener = silent();

	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	client = join();
	ck_assert(!pair_is_connected(only_pair()));
	server = meet_unseen(listener);
	ck_assert_uint_eq(loop_send(server, 0, 3000), 3000);
	for (int i = 0; i < 1000 && stream_unacknowledged(server) > 0; i++)
		poll(NULL, 0, 1);
	ck_assert_uint_eq(stream_unacknowledged(server), 0);
	reset(server);
	assert_ends(client, LOOP_RST, 3000);
	assert_over("target_reset");
}
END_TEST

START_TEST(target_that_refuses_after_a_while)
{
	uint64_t received = 0;
	int client, listener = silent();

	open_relay(TEXTS(relays_address(listener), relays_address(target)), TEXTS("connect_timeout=1m"));
	client = join();
	ck_assert(!pair_is_connected(only_pair()));
	forget(listener);
	close(listener);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	assert_receives(meet(target), &received, 100);
	ck_assert_uint_eq(only_pair()->attempt, 1);
}
END_TEST

/* ---- resets ---- */

START_TEST(client_reset_reaches_the_target_behind_the_bytes)
{
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	send_all(client, 0, 200000);
	reset(client);
	run_for(50);
	ck_assert_uint_eq(set.count, 1); /* the target has not taken all of it */
	assert_ends(server, LOOP_RST, 200000);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
}
END_TEST

START_TEST(early_answer_arrives_whole_before_the_reset)
{
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	fill(client, &only_pair()->client.from);
	send_all(server, 0, 300000);
	reset(server);
	run_for(300);
	ck_assert_uint_eq(set.count, 1);
	assert_ends(client, LOOP_RST, 300000);
	assert_over("target_reset");
	ck_assert_uint_eq(captured("ended_first=target"), 1);
}
END_TEST

/*
 * All is with the client's kernel or ours, nothing is queued: only the acknowledgement is missing, of more
 * than the client's kernel has room for. How much was sent.
 */
static uint64_t leave_unacknowledged(int server)
{
	struct pair *pair = only_pair();
	uint64_t sent = 0;

	while (stream_unacknowledged(pair->client.fd) < 150000) {
		send_all(server, sent, 1000);
		sent += 1000;
		LOOP_UNTIL(base, pair->target.from.bytes + pair->target.from.queued == sent);
	}
	ck_assert_uint_eq(pair->target.from.queued, 0);
	return sent;
}

START_TEST(closing_waits_for_the_acknowledgement)
{
	uint64_t sent;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	sent = leave_unacknowledged(server);
	reset(server);
	run_for(100);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(only_pair()->phase, PHASE_ENDING);
	assert_ends(client, LOOP_RST, sent);
	assert_over("target_reset");
}
END_TEST

/* on_reset = close is for resets. It made a stream that a deadline had cut off end as if it were complete. */
START_TEST(deadline_of_a_pair_that_is_ending_is_no_end)
{
	uint64_t received = 0;
	int client, server;

	begin(TEXTS("on_reset=close", "half_close_timeout=300ms"));
	client = join();
	server = meet_open(target);
	leave_unacknowledged(server);
	reset(server);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_ENDING);
	assert_over("half_close_timeout");
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
}
END_TEST

/* A client that has sent until it was paused, and then resets. */
static struct pair *reset_while_paused(int *server)
{
	struct pair *pair;
	int client;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	*server = meet_open(target);
	pair = only_pair();
	fill(client, &pair->client.from);
	reset(client);
	return pair;
}

START_TEST(target_that_resets_too_ends_the_wait_for_it)
{
	struct pair *pair;
	int server;

	pair = reset_while_paused(&server);
	LOOP_UNTIL(base, pair_peer_failed(&pair->client));
	ck_assert_uint_eq(set.count, 1);
	reset(server);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(captured(" dropped=0 "), 0);
}
END_TEST

START_TEST(closing_is_bounded_by_half_close_timeout)
{
	int client, server;

	begin(TEXTS("half_close_timeout=150ms"));
	client = join();
	server = meet_open(target);
	send_all(server, 0, 300000);
	reset(server);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_eq(captured("reason=half_close_timeout"), 1);
	(void)client;
}
END_TEST

/* Whoever still acknowledges is waited for: nothing else tells that it takes what the kernel has. */
START_TEST(closing_waits_for_a_slow_reader)
{
	struct pair *pair;
	uint64_t sent, received = 0, before;
	int client, server;

	begin(TEXTS("half_close_timeout=10s"));
	client = join();
	server = meet_open(target);
	pair = only_pair();
	sent = leave_unacknowledged(server);
	reset(server);
	LOOP_UNTIL(base, pair->phase == PHASE_ENDING);
	before = pair->acknowledged_at = clock_ms() - 5000;
	loop_receive(client, &received, 100000);
	LOOP_UNTIL(base, pair->acknowledged_at > before);
	ck_assert_uint_lt(received, sent);
	be_quiet_since(pair, 20000);
	event_active(pair->timer, EV_TIMEOUT, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_eq(received, sent);
	assert_over("target_reset");
}
END_TEST

/* Nothing is read from it any more, and nobody takes what was. */
START_TEST(failed_client_that_is_paused_is_bounded_by_half_close_timeout)
{
	int client;

	begin(TEXTS("high_watermark=64K", "half_close_timeout=200ms"));
	client = join();
	meet_open(target);
	fill(client, &only_pair()->client.from);
	reset(client);
	assert_over("half_close_timeout");
}
END_TEST

START_TEST(paused_client_that_resets_is_noticed)
{
	struct pair *pair;
	uint64_t began, received = 0;
	int server;

	pair = reset_while_paused(&server);
	began = clock_ms();
	LOOP_UNTIL(base, pair_peer_failed(&pair->client));
	ck_assert_uint_le(clock_ms() - began, NOTICED_MS);
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
	ck_assert_uint_ge(received, 64 * 1024);
	assert_over("client_reset");
}
END_TEST

/*
 * While nothing is read from a client that has ended, and nothing is written to it either. _i: 1 it takes its
 * time.
 */
START_TEST(half_closed_client_that_resets_is_noticed)
{
	uint64_t began;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	run_for(_i ? 1000 : 0);
	began = clock_ms();
	reset(client);
	assert_over("client_reset");
	ck_assert_uint_le(clock_ms() - began, NOTICED_MS);
}
END_TEST

/* One question is for all peers that nothing is read from. */
START_TEST(resets_noticed_at_once_leave_the_others_alone)
{
	uint64_t received = 0;
	int client[3], server[3];

	begin(NULL);
	for (int i = 0; i < 3; i++) {
		client[i] = join();
		server[i] = meet_open(target);
		shutdown(client[i], SHUT_WR);
		assert_ends(server[i], LOOP_FIN, 0);
	}
	reset(client[0]);
	reset(client[2]);
	LOOP_UNTIL(base, set.count < 3);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_eq(captured("reason=client_reset"), 2);
	ck_assert_uint_eq(loop_send(server[1], 0, 100), 100);
	assert_receives(client[1], &received, 100);
}
END_TEST

/* One poll(2) does not ask that many: the first and the last to come are in different ones. */
START_TEST(resets_among_many_silent_peers_are_noticed)
{
	enum { PAIRS = 100 };
	int client[PAIRS];

	begin(NULL);
	for (int i = 0; i < PAIRS; i++) {
		client[i] = join();
		shutdown(client[i], SHUT_WR);
		assert_ends(meet_open(target), LOOP_FIN, 0);
	}
	reset(client[0]);
	reset(client[PAIRS - 1]);
	LOOP_UNTIL(base, set.count == PAIRS - 2);
	ck_assert_uint_eq(captured("reason=client_reset"), 2);
}
END_TEST

START_TEST(paused_pairs_cost_no_events)
{
	unsigned passes = 0;
	uint64_t end;
	int client;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	meet(target);
	fill(client, &only_pair()->client.from);
	run_for(20);
	for (end = clock_ms() + 300; clock_ms() < end; passes++) {
		event_base_loopexit(base, &(struct timeval){.tv_usec = 50000});
		event_base_loop(base, EVLOOP_ONCE);
	}
	ck_assert_uint_le(passes, 20);
}
END_TEST

/* _i: 0 the client resets, 1 the target. */
START_TEST(on_reset_close_passes_on_an_end)
{
	int client, server;

	begin(TEXTS("on_reset=close"));
	client = join();
	server = meet_open(target);
	send_all(_i ? server : client, 0, 5000);
	reset(_i ? server : client);
	assert_ends(_i ? client : server, LOOP_FIN, 5000);
	assert_over(_i ? "target_reset" : "client_reset");
}
END_TEST

/* ---- time ---- */

START_TEST(idle_timeout_resets_both)
{
	uint64_t last;
	int client, server;

	begin(TEXTS("idle_timeout=150ms"));
	client = join();
	server = meet_open(target);
	for (int i = 0; i < 4; i++) {
		run_for(75);
		ck_assert_uint_eq(set.count, 1);
		loop_send(i % 2 ? client : server, (uint64_t)(i / 2), 1);
	}
	last = clock_ms();
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_ge(clock_ms() - last, 145);
	assert_ends(client, LOOP_RST, 2);
	assert_ends(server, LOOP_RST, 2);
	assert_over("idle_timeout");
	ck_assert_uint_eq(captured("ended_first=relay"), 1);
}
END_TEST

START_TEST(half_close_timeout_begins_anew_with_each_byte)
{
	uint64_t last, received = 0;
	int client, server;

	begin(TEXTS("half_close_timeout=200ms"));
	client = join();
	server = meet_open(target);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	for (uint64_t i = 0; i < 6; i++) {
		run_for(80);
		ck_assert_uint_eq(loop_send(server, i, 1), 1);
		assert_receives(client, &received, i + 1);
	}
	last = clock_ms();
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_ge(clock_ms() - last, 190);
	assert_over("half_close_timeout");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
}
END_TEST

/* Silence before the end does not count: a pair that was idle for long ends as cleanly as any. */
START_TEST(half_close_timeout_begins_with_the_end)
{
	uint64_t last, received = 0;
	int client, server;

	begin(TEXTS("half_close_timeout=200ms"));
	client = join();
	server = meet_open(target);
	run_for(300);
	ck_assert_uint_eq(set.count, 1); /* nobody has ended */
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	last = clock_ms();
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_uint_ge(clock_ms() - last, 150);
	assert_over("half_close_timeout");
}
END_TEST

START_TEST(stall_timeout_resets_both)
{
	uint64_t began, received = 0;
	int client, server;

	begin(TEXTS("high_watermark=64K", "stall_timeout=150ms"));
	client = join();
	server = meet_open(target);
	run_for(250);
	fill(client, &only_pair()->client.from);
	began = clock_ms();
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_ge(clock_ms() - began, 100);
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
	assert_over("stall_timeout");
	ck_assert_uint_eq(relay->counters[0].pauses, 1);
	ck_assert_uint_ge(relay->counters[0].paused_ms, 100);
}
END_TEST

/* What the other flow does is no progress of the one that is stuck. */
START_TEST(stalled_flow_times_out_beside_a_busy_one)
{
	uint64_t sent = 0, received = 0, began;
	int client, server, size = 1024 * 1024;

	begin(TEXTS("upload_high_watermark=64K", "stall_timeout=150ms"));
	client = join();
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	server = meet_open(target);
	fill(client, &only_pair()->client.from);
	began = clock_ms();
	while (set.count > 0) {
		sent += loop_send(server, sent, 1024 * 1024);
		event_base_loop(base, EVLOOP_NONBLOCK);
		loop_receive(client, &received, BULK);
		ck_assert_msg(clock_ms() - began < 3000, "still there after 3 s");
	}
	assert_over("stall_timeout");
}
END_TEST

/* Nor is what it still reads itself. */
START_TEST(flow_that_only_reads_is_stalled)
{
	struct pair *pair;
	uint64_t sent = 0, end;
	int client;

	begin(TEXTS("stall_timeout=300ms"));
	client = join();
	meet_open(target);
	pair = only_pair();
	while (loop_send(pair->target.fd, 0, BULK) > 0)
		;
	for (end = clock_ms() + 3000; set.count > 0 && clock_ms() < end; run_for(20))
		sent += loop_send(client, sent, 1);
	assert_over("stall_timeout");
	ck_assert_uint_lt(clock_ms(), end);
}
END_TEST

/* Without memory to queue, a flow waits for its sink without a queue: that wait begins when it begins. */
START_TEST(stall_without_memory_is_counted_from_the_first_wait)
{
	struct flow *upload;
	uint64_t sent = 0;
	int client;

	budget_init(&budget, 1);
	begin(TEXTS("stall_timeout=1s"));
	client = join();
	meet_open(target);
	upload = &only_pair()->client.from;
	while (!upload->writable) {
		upload->last_progress = clock_ms() - 2000; /* as if the byte before had come long ago */
		sent += loop_send(client, sent, 100);
		event_base_loop(base, EVLOOP_NONBLOCK);
		ck_assert_msg(set.count == 1, "timed out before it had waited: %u",
		              captured("reason=stall_timeout"));
	}
	run_for(300);
	ck_assert_msg(set.count == 1, "timed out before it had waited");
}
END_TEST

/*
 * A client that has ended and was told the end of the target is hung up: that is no news, and no reason to
 * wait on.
 */
START_TEST(hung_up_client_does_not_keep_a_pair)
{
	int client, server;

	begin(TEXTS("half_close_timeout=200ms", "target_sndbuf=16K"));
	client = join();
	server = meet_open(target);
	send_all(client, 0, 300000);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, only_pair()->client.from.source == SOURCE_ENDED);
	ck_assert_uint_gt(only_pair()->client.from.queued, 0);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	assert_over("half_close_timeout");
}
END_TEST

/*
 * As after a stop of the daemon: the deadline is over, and so is the wait. _i: 0 the client has spoken, 1 the
 * target.
 */
START_TEST(deadline_that_is_late_itself_ends_nobody)
{
	uint64_t received = 0;
	struct pair *pair;
	int client, server, fd;

	begin(TEXTS("idle_timeout=10s"));
	client = join();
	server = meet_open(target);
	pair = only_pair();
	fd = _i ? pair->target.fd : pair->client.fd;
	ck_assert_uint_eq(loop_send(_i ? server : client, 0, 1), 1);
	poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, LOOP_DEADLINE_MS);
	be_quiet_since(pair, 20000);
	event_active(pair->timer, EV_TIMEOUT, 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(set.count, 1);
	assert_receives(_i ? client : server, &received, 1);
}
END_TEST

START_TEST(timeouts_of_zero_never_come)
{
	int client;

	begin(TEXTS("high_watermark=64K", "idle_timeout=0", "half_close_timeout=0", "stall_timeout=0"));
	client = join();
	shutdown(meet_open(target), SHUT_WR);
	fill(client, &only_pair()->client.from);
	assert_ends(client, LOOP_FIN, 0);
	ck_assert(!event_pending(only_pair()->timer, EV_TIMEOUT, NULL));
}
END_TEST

/* ---- limits and the end ---- */

START_TEST(too_many_pairs_of_one_source)
{
	uint64_t received = 0;
	int first, third;

	begin(TEXTS("max_connections_per_source=2"));
	first = join();
	join();
	meet(target);
	meet(target);
	third = join();
	ck_assert_int_eq(drain(third, &received), LOOP_RST);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(slots_used(&slots), 2);
	ck_assert_uint_eq(relay->counters[0].accepted, 3);
	ck_assert_uint_eq(relay->counters[0].refused, 1);
	ck_assert_uint_eq(captured("reason=over_limit"), 1);
	reset(first);
	LOOP_UNTIL(base, set.count == 1);
	join();
	meet(target);
	ck_assert_uint_eq(set.count, 2);
}
END_TEST

START_TEST(shutdown_resets_every_pair)
{
	int client[3], server[2];
	uint64_t received = 0;

	begin(TEXTS("high_watermark=64K"));
	for (int i = 0; i < 2; i++) {
		client[i] = join();
		server[i] = meet_open(target);
	}
	fill(client[1], &LIST_FIRST(&set.pairs)->client.from);
	client[2] = join(); /* connecting */
	ck_assert_uint_eq(set.count, 3);
	pair_set_shutdown(&set);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_eq(ended, 3);
	ck_assert_uint_eq(captured("reason=shutdown"), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(drain(client[i], &received), LOOP_RST);
	assert_ends(server[0], LOOP_RST, 0);
	received = 0;
	ck_assert_int_eq(drain(server[1], &received), LOOP_RST);
}
END_TEST

START_TEST(ids_are_apart_between_workers)
{
	begin(NULL);
	set.worker = 0;
	set.id_step = 3;
	join();
	join();
	ck_assert_uint_eq(LIST_FIRST(&set.pairs)->id, 4);
}
END_TEST

static void open_unix_gate(void)
{
	char name[64];

	snprintf(name, sizeof(name), "weir-test-gate-%d", (int)getpid());
	gate = listen_unix(name, 16);
}

/* A unix socket took the urgent byte out of the stream. _i: 0 the client sends it, 1 the target. */
START_TEST(urgent_byte_of_a_unix_peer_passes_in_line)
{
	unsigned char data[8];
	int client, server, listener = listen_abstract(16);

	open_unix_gate();
	open_relay(TEXTS(relays_address(listener)), NULL);
	client = join();
	server = meet_open(listener);
	ck_assert_int_eq(send(_i ? server : client, "ab", 2, 0), 2);
	if (send(_i ? server : client, "!", 1, MSG_OOB) < 0)
		return; /* not with this kernel */
	ck_assert_int_eq(send(_i ? server : client, "cd", 2, 0), 2);
	LOOP_UNTIL(base, (_i ? only_pair()->target.from.bytes : only_pair()->client.from.bytes) == 5);
	ck_assert_int_eq(recv(_i ? client : server, data, sizeof(data), 0), 5);
	ck_assert_mem_eq(data, "ab!cd", 5);
}
END_TEST

START_TEST(unix_client_has_no_name)
{
	int client;

	open_unix_gate();
	begin(NULL);
	client = join();
	shutdown(meet_open(target), SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	shutdown(client, SHUT_WR);
	assert_over("eof");
	ck_assert_uint_eq(captured(" client=unix: "), 1);
}
END_TEST

/* What was sent without memory for a queue must also be taken from the source. */
START_TEST(bytes_that_cannot_be_taken_back_end_the_pair)
{
	uint64_t received = 0;
	int client, server;

	budget_init(&budget, 1);
	begin(NULL);
	client = join();
	server = meet_open(target);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	fault_set(FAULT_RECV, 2, EAGAIN); /* the first one only looks */
	LOOP_UNTIL(base, set.count == 0);
	assert_over("internal");
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
}
END_TEST

START_TEST(set_without_memory_is_refused)
{
	struct pair_set other = {.io = {.base = base}};

	begin(NULL);
	fault_set(FAULT_EVENT_NEW, (size_t)_i, ENOMEM);
	ck_assert_int_eq(pair_set_init(&other, 1), -ENOMEM);
	pair_set_deinit(&other);
}
END_TEST

START_TEST(quiet_log_has_no_close_lines)
{
	int client;

	log_set_level(LOG_LEVEL_NOTICE);
	begin(NULL);
	client = join();
	send_all(client, 0, 100);
	shutdown(meet_open(target), SHUT_WR);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_eq(captured("closed"), 0);
	ck_assert_uint_eq(relay->counters[0].bytes[UPLOAD], 100);
}
END_TEST

/* ---- dump ---- */

START_TEST(dump_outlives_the_pairs_in_it)
{
	struct pair_record *records;
	int client[4];
	size_t count = 0;

	begin(NULL);
	for (int i = 0; i < 4; i++) {
		client[i] = join();
		meet_open(target);
	}
	records = pair_survey_begin(&set, &count);
	ck_assert_ptr_nonnull(records);
	ck_assert_uint_eq(count, 4);
	ck_assert_uint_eq(records[0].id, 4);
	ck_assert_int_eq(records[0].state, STATE_OPEN);
	ck_assert_str_eq(records[0].target.text, relays_address(target));
	ck_assert(pair_survey_measure(&set, 1));
	reset(client[3]); /* measured already */
	reset(client[1]); /* not yet */
	LOOP_UNTIL(base, set.count == 2);
	join(); /* comes too late */
	ck_assert(pair_survey_measure(&set, 1));
	ck_assert(!pair_survey_measure(&set, 100));
	ck_assert_ptr_null(set.survey);
	free(records);
	for (int i = 0; i < 2; i++) { /* and once more */
		records = pair_survey_begin(&set, &count);
		ck_assert_uint_eq(count, 3);
		ck_assert(!pair_survey_measure(&set, 3));
		free(records);
	}
}
END_TEST

START_TEST(dump_tells_queues_and_states)
{
	struct pair_record *records;
	size_t count = 0;
	int client, server;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	server = meet_open(target);
	fill(client, &only_pair()->client.from);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	records = pair_survey_begin(&set, &count);
	ck_assert_uint_eq(count, 1);
	ck_assert(!pair_survey_measure(&set, 1));
	ck_assert_int_eq(records->state, STATE_HALF_CLOSED);
	ck_assert_uint_eq(records->flow[UPLOAD].queued, only_pair()->client.from.queued);
	ck_assert_int_eq(records->flow[UPLOAD].reading, READING_PAUSED);
	ck_assert_int_eq(records->flow[UPLOAD].limited_by, LIMITED_BY_TARGET);
	ck_assert_int_eq(records->flow[DOWNLOAD].reading, READING_ENDED);
	ck_assert_uint_gt(records->flow[UPLOAD].source_queue, 0);
	ck_assert_uint_gt(records->flow[UPLOAD].sink_queue, 0);
	free(records);
}
END_TEST

static struct pair_record dump_newest(void)
{
	struct pair_record *records, newest;
	size_t count = 0;

	records = pair_survey_begin(&set, &count);
	ck_assert_uint_ge(count, 1);
	newest = records[0];
	ck_assert(!pair_survey_measure(&set, count));
	free(records);
	return newest;
}

START_TEST(dump_tells_each_state)
{
	struct pair_record record;
	int client;

	open_relay(TEXTS(relays_address(silent())), NULL);
	join();
	record = dump_newest();
	ck_assert_int_eq(record.state, STATE_CONNECTING);
	ck_assert_int_eq(record.flow[UPLOAD].reading, READING_WAITING);
	ck_assert_int_eq(record.flow[DOWNLOAD].reading, READING_WAITING);
	ck_assert_uint_eq(record.flow[DOWNLOAD].source_queue + record.flow[UPLOAD].sink_queue, 0);
	pair_set_shutdown(&set);
	begin(TEXTS("high_watermark=64K"));
	client = join();
	shutdown(client, SHUT_WR);
	assert_ends(meet_open(target), LOOP_FIN, 0);
	ck_assert_int_eq(dump_newest().state, STATE_HALF_CLOSED);
	client = join();
	meet_open(target);
	ck_assert_int_eq(dump_newest().state, STATE_OPEN);
	fill(client, &LIST_FIRST(&set.pairs)->client.from);
	reset(client);
	LOOP_UNTIL(base, pair_peer_failed(&LIST_FIRST(&set.pairs)->client));
	ck_assert_int_eq(dump_newest().state, STATE_CLOSING);
}
END_TEST

START_TEST(dump_without_memory)
{
	struct pair_record *records;
	size_t count = 0;

	begin(NULL);
	join();
	fault_set(FAULT_MEMORY, (size_t)_i, ENOMEM);
	records = pair_survey_begin(&set, &count);
	ck_assert_ptr_null(records);
	ck_assert_ptr_null(set.survey);
	dump_newest();
}
END_TEST

START_TEST(dump_of_nothing)
{
	struct pair_record *records;
	size_t count = 1;

	begin(NULL);
	records = pair_survey_begin(&set, &count);
	ck_assert_ptr_nonnull(records);
	ck_assert_uint_eq(count, 0);
	ck_assert(!pair_survey_measure(&set, 64));
	free(records);
}
END_TEST

START_TEST(dump_is_given_up_with_the_set)
{
	struct pair_record *records;
	size_t count = 0;

	begin(NULL);
	join();
	records = pair_survey_begin(&set, &count);
	ck_assert_uint_eq(count, 1);
	free(records);
}
END_TEST

/* ---- memory ---- */

#define FAILING_BYTES 250000

/* Sends what can be sent, and the end. A socket that was reset is left alone: sending would take the error,
 * and reading would then see an end. */
static void send_some(int fd, uint64_t *sent)
{
	struct pollfd state = {.fd = fd};

	poll(&state, 1, 0);
	if (fd < 0 || *sent == FAILING_BYTES || (state.revents & POLLERR))
		return;
	*sent += loop_send(fd, *sent, FAILING_BYTES - *sent);
	if (*sent == FAILING_BYTES)
		shutdown(fd, SHUT_WR);
}

/* Both ways queue, then all is read. True once both sides have ended. */
static bool exchange(int client, int *server, uint64_t up[2], uint64_t down[2], enum loop_end how[2])
{
	if (*server < 0 && (*server = try_meet(target)) >= 0)
		keep(*server);
	send_some(client, &up[0]);
	send_some(*server, &down[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (how[0] == LOOP_OPEN)
		how[0] = loop_receive(client, &down[1], 10000);
	if (*server >= 0 && how[1] == LOOP_OPEN)
		how[1] = loop_receive(*server, &up[1], 10000);
	return how[0] != LOOP_OPEN && (*server < 0 || how[1] != LOOP_OPEN) && set.count == 0;
}

/* Whichever allocation fails: all arrives and ends well, or it ends with a reset, never with a short stream
 * that looks complete. The fixture sees that nothing leaks. */
START_TEST(failing_allocation_costs_one_pair_at_most)
{
	uint64_t up[2] = {0}, down[2] = {0};
	enum loop_end how[2] = {LOOP_OPEN, LOOP_OPEN};
	int client, server = -1;

	begin(TEXTS("high_watermark=64K"));
	fail_after = (size_t)_i;
	client = join();
	LOOP_UNTIL(base, exchange(client, &server, up, down, how));
	fail_after = 0;
	if (how[0] == LOOP_FIN)
		ck_assert_uint_eq(down[1], FAILING_BYTES);
	if (how[1] == LOOP_FIN && relay->counters[0].connect_failed == 0)
		ck_assert_uint_eq(up[1], FAILING_BYTES);
	ck_assert_uint_eq(ended, 1);
	ck_assert_uint_eq(slots_used(&slots), 0);
}
END_TEST

static TCase *make_case(const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	return tcase;
}

static TCase *life_case(void)
{
	TCase *tcase = make_case("life");

	tcase_add_test(tcase, round_trip_and_clean_end);
	tcase_add_loop_test(tcase, half_close_leaves_the_other_way_open, 0, 2);
	tcase_add_test(tcase, bulk_arrives_whole_both_ways);
	tcase_add_test(tcase, too_many_pairs_of_one_source);
	tcase_add_test(tcase, shutdown_resets_every_pair);
	tcase_add_test(tcase, ids_are_apart_between_workers);
	tcase_add_loop_test(tcase, urgent_byte_of_a_unix_peer_passes_in_line, 0, 2);
	tcase_add_test(tcase, unix_client_has_no_name);
	tcase_add_test(tcase, bytes_that_cannot_be_taken_back_end_the_pair);
	tcase_add_loop_test(tcase, set_without_memory_is_refused, 1, 3);
	tcase_add_test(tcase, quiet_log_has_no_close_lines);
	tcase_add_loop_test(tcase, failing_allocation_costs_one_pair_at_most, 1, 41);
	return tcase;
}

static TCase *connect_case(void)
{
	TCase *tcase = make_case("connect");

	tcase_add_test(tcase, refused_target_resets_the_client);
	tcase_add_test(tcase, second_target_is_taken_when_the_first_refuses);
	tcase_add_test(tcase, one_attempt_is_one_attempt);
	tcase_add_test(tcase, targets_take_turns);
	tcase_add_test(tcase, silent_target_times_out);
	tcase_add_test(tcase, next_target_is_taken_when_the_first_is_silent);
	tcase_add_test(tcase, client_that_resets_while_connecting_is_noticed);
	tcase_add_test(tcase, unix_target);
	tcase_add_test(tcase, full_backlog_of_a_unix_target_is_waited_out);
	tcase_add_test(tcase, full_backlog_of_a_unix_target_times_out);
	tcase_add_test(tcase, full_backlog_is_tried_ever_less_often);
	tcase_add_test(tcase, pairs_that_wait_for_a_backlog_are_not_in_step);
	tcase_add_test(tcase, client_speaks_before_the_target_is_connected);
	tcase_add_loop_test(tcase, shortage_while_connecting_is_waited_out, 0, 4);
	tcase_add_test(tcase, shortage_that_lasts_is_told);
	tcase_add_test(tcase, timeout_after_a_shortage_is_a_timeout);
	tcase_add_loop_test(tcase, target_that_cannot_be_tried_is_left_out, 0, 2);
	tcase_add_test(tcase, look_at_a_pair_that_connects_changes_nothing);
	tcase_add_test(tcase, answer_of_a_target_that_has_reset_before_it_was_looked_at);
	tcase_add_test(tcase, target_that_refuses_after_a_while);
	return tcase;
}

static TCase *reset_case(void)
{
	TCase *tcase = make_case("reset");

	tcase_add_test(tcase, client_reset_reaches_the_target_behind_the_bytes);
	tcase_add_test(tcase, early_answer_arrives_whole_before_the_reset);
	tcase_add_test(tcase, closing_waits_for_the_acknowledgement);
	tcase_add_test(tcase, deadline_of_a_pair_that_is_ending_is_no_end);
	tcase_add_test(tcase, target_that_resets_too_ends_the_wait_for_it);
	tcase_add_test(tcase, closing_is_bounded_by_half_close_timeout);
	tcase_add_test(tcase, closing_waits_for_a_slow_reader);
	tcase_add_test(tcase, failed_client_that_is_paused_is_bounded_by_half_close_timeout);
	tcase_add_test(tcase, paused_client_that_resets_is_noticed);
	tcase_add_loop_test(tcase, half_closed_client_that_resets_is_noticed, 0, 2);
	tcase_add_test(tcase, resets_noticed_at_once_leave_the_others_alone);
	tcase_add_test(tcase, resets_among_many_silent_peers_are_noticed);
	tcase_add_test(tcase, paused_pairs_cost_no_events);
	tcase_add_loop_test(tcase, on_reset_close_passes_on_an_end, 0, 2);
	return tcase;
}

static TCase *time_case(void)
{
	TCase *tcase = make_case("time");

	tcase_add_test(tcase, idle_timeout_resets_both);
	tcase_add_test(tcase, half_close_timeout_begins_anew_with_each_byte);
	tcase_add_test(tcase, half_close_timeout_begins_with_the_end);
	tcase_add_test(tcase, stall_timeout_resets_both);
	tcase_add_test(tcase, stalled_flow_times_out_beside_a_busy_one);
	tcase_add_test(tcase, flow_that_only_reads_is_stalled);
	tcase_add_test(tcase, stall_without_memory_is_counted_from_the_first_wait);
	tcase_add_test(tcase, hung_up_client_does_not_keep_a_pair);
	tcase_add_loop_test(tcase, deadline_that_is_late_itself_ends_nobody, 0, 2);
	tcase_add_test(tcase, timeouts_of_zero_never_come);
	return tcase;
}

static TCase *dump_case(void)
{
	TCase *tcase = make_case("dump");

	tcase_add_test(tcase, dump_outlives_the_pairs_in_it);
	tcase_add_test(tcase, dump_tells_queues_and_states);
	tcase_add_test(tcase, dump_tells_each_state);
	tcase_add_loop_test(tcase, dump_without_memory, 1, 4);
	tcase_add_test(tcase, dump_of_nothing);
	tcase_add_test(tcase, dump_is_given_up_with_the_set);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair");
	TCase *words;

	suite_add_tcase(suite, life_case());
	suite_add_tcase(suite, connect_case());
	suite_add_tcase(suite, reset_case());
	suite_add_tcase(suite, time_case());
	suite_add_tcase(suite, dump_case());
	words = tcase_create("reasons");
	tcase_add_test(words, every_reason_has_a_word_of_its_own);
	suite_add_tcase(suite, words);
	return unit_run(suite);
}
