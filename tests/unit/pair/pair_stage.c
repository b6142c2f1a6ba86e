#include "build_config.h"

#include "pair/pair_stage.h"

#include "base/log.h"
#include "flow/pipe_pool.h"

#include <netinet/tcp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/un.h>

struct event_base *base;
struct budget budget;
struct slots slots, pipe_slots;
struct pipe_pool pipes;
struct pair_set set;
_Atomic bool log_connections;
struct relay *relay;
int gate;   /* where clients come in */
int target; /* where targets are accepted */
unsigned ended, fds_before;
int mine[256]; /* descriptors of the test */
size_t mine_count;
size_t fail_after; /* libevent's n-th allocation from now on fails */

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

static void note_ended(void *arg)
{
	ck_assert_ptr_eq(arg, &set);
	ended++;
}

/* ---- the test's own descriptors ---- */

int keep(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(mine_count, sizeof(mine) / sizeof(mine[0]));
	mine[mine_count++] = fd;
	return fd;
}

void forget(int fd)
{
	for (size_t i = 0; i < mine_count; i++)
		if (mine[i] == fd)
			mine[i] = -1;
}

void reset(int fd)
{
	forget(fd);
	loop_reset(fd);
}

int listen_here(void)
{
	struct sockaddr_in address;
	int size = SMALL;
	int fd = keep(loop_listen(&address));

	/* Inherited by accepted sockets: it bounds what a target that does not read can hold. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	loop_nonblocking(fd);
	return fd;
}

int open_gate(void)
{
	static const struct linger none = {.l_onoff = 1};
	int fd = listen_here();

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)), 0);
	return fd;
}

int refusing(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* How many connections wait there. */
static unsigned unaccepted(int listener)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	ck_assert_int_eq(getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	return info.tcpi_unacked;
}

/*
 * One connection fills it. More would be tried again when the pair's own is, after a second. Of those that
 * come together the kernel answers all, with SYN cookies, and remembers one. The others believe for ever
 * that they are connected.
 */
void silence(int listener)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int filler = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	ck_assert_int_eq(listen(listener, 0), 0);
	ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
	ck_assert_int_eq(connect(filler, (struct sockaddr *)&address, length), 0);
	while (unaccepted(listener) == 0)
		poll(NULL, 0, 1);
}

int silent(void)
{
	struct sockaddr_in address;
	int fd = keep(loop_listen(&address));

	silence(fd);
	return fd;
}

int listen_unix(const char *name, int backlog)
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

int listen_abstract(int backlog)
{
	char name[64];

	snprintf(name, sizeof(name), "weir-test-pair-%d", (int)getpid());
	return listen_unix(name, backlog);
}

/* ---- fixture ---- */

static void make_set(unsigned char *scratch, unsigned workers)
{
	set = (struct pair_set){
	        .io = {.base = base, .budget = &budget, .pipes = &pipes, .scratch_size = SCRATCH},
	        .log_connections = &log_connections,
	        .ended = note_ended,
	        .arg = &set,
	};
	set.io.scratch = scratch;
	ck_assert_int_eq(pair_set_init(&set, workers), 0);
}

void setup(void)
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
	log_connections = true;
	make_set(malloc(SCRATCH), 1);
	gate = open_gate();
	target = listen_here();
}

void open_relay(const char *const *targets, const char *const *options)
{
	relays_free(relay);
	relay = relays_new(LISTEN, targets, options, NULL, 1);
}

void begin(const char *const *options)
{
	open_relay(TEXTS(relays_address(target)), options);
}

void teardown(void)
{
	pair_set_deinit(&set);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
	pipe_pool_deinit(&pipes);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	relays_free(relay);
	relay = NULL;
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	free(set.io.scratch);
	for (size_t i = 0; i < mine_count; i++)
		if (mine[i] >= 0)
			close(mine[i]);
	mine_count = 0;
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

int come_in(int *fd, struct admission *ticket, union client_address *address)
{
	int client = keep(relays_connect(gate));
	int size = SMALL;

	setsockopt(client, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*address = (union client_address){.any = {.sa_family = AF_UNIX}};
	LOOP_UNTIL(base, (*fd = socket_accept(gate, &relay->client_tuning, address)) >= 0);
	setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	ck_assert_ptr_null(admission_take(ticket, &slots, relay));
	return client;
}

int join_with(enum fault fault, size_t nth, int error)
{
	union client_address address;
	struct admission ticket;
	int fd, client = come_in(&fd, &ticket, &address);

	fault_set(fault, nth, error);
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	return client;
}

int join(void)
{
	return join_with(FAULT_SOCKET, 0, 0);
}

int try_meet(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

int meet(int listener)
{
	int fd = -1;

	LOOP_UNTIL(base, (fd = try_meet(listener)) >= 0);
	return keep(fd);
}

struct pair *only_pair(void)
{
	ck_assert_uint_eq(set.count, 1);
	return LIST_FIRST(&set.pairs);
}

int meet_open(int listener)
{
	int fd = meet(listener);

	LOOP_UNTIL(base, pair_is_connected(LIST_FIRST(&set.pairs)));
	return fd;
}

void be_quiet_since(struct pair *pair, uint64_t ms)
{
	uint64_t then = clock_ms() - ms;

	pair->born = then;
	pair->client.from.last_read_us = pair->target.from.last_read_us = then * 1000;
	pair->client.from.last_progress = pair->client.from.ended = then;
	pair->target.from.last_progress = pair->target.from.ended = then;
}

void fire_timer(struct pair *pair)
{
	timers_stop(&set.timers, &pair->timer);
	set.timers.fire(&pair->timer);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

void run_for(uint64_t ms)
{
	uint64_t end = clock_ms() + ms;

	while (clock_ms() < end) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		poll(NULL, 0, 1);
	}
}

enum loop_end drain(int fd, uint64_t *received)
{
	enum loop_end end = LOOP_OPEN;

	LOOP_UNTIL(base, (end = loop_receive(fd, received, BULK)) != LOOP_OPEN);
	return end;
}

void assert_ends(int fd, enum loop_end how, uint64_t bytes)
{
	uint64_t received = 0;

	ck_assert_int_eq(drain(fd, &received), how);
	ck_assert_uint_eq(received, bytes);
}

void assert_receives(int fd, uint64_t *received, uint64_t until)
{
	LOOP_UNTIL(base, (loop_receive(fd, received, BULK), *received >= until));
	ck_assert_uint_eq(*received, until);
}

void send_all(int fd, uint64_t offset, uint64_t length)
{
	uint64_t sent = 0;

	LOOP_UNTIL(base, (sent += loop_send(fd, offset + sent, length - sent)) == length &&
	                         stream_unacknowledged(fd) == 0);
}

uint64_t fill(int fd, const struct flow *flow)
{
	uint64_t sent = 0;

	LOOP_UNTIL(base, (sent += loop_send(fd, sent, BULK), flow->pause));
	return sent;
}

void end_with_answer(int client, int server, size_t answer)
{
	const struct pair *pair = only_pair();
	int size = 4 * (int)answer;
	uint64_t sent = 0;

	setsockopt(pair->client.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	LOOP_UNTIL(base, (sent += loop_send(server, sent, answer - sent), sent == answer));
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, pair->target.from.sink == SINK_ENDED);
	ck_assert_int_eq(pair->client.from.sink, SINK_ENDED);
	ck_assert_uint_eq(pair->target.from.bytes, answer);
}

/* The relay has counted all pairs that have ended: one for this reason. */
static void assert_counted(const char *reason)
{
	const struct counters *counters = &relay->standing->tallies[0].counters;
	uint64_t sum = 0;

	for (size_t i = 0; i < REASONS; i++) {
		sum += counters->closed[i];
		if (strcmp(reasons[i].name, reason) == 0)
			ck_assert_uint_eq(counters->closed[i], 1);
	}
	ck_assert_uint_eq(sum, counters->accepted);
}

void assert_over(const char *reason)
{
	char text[64];

	LOOP_UNTIL(base, set.count == 0);
	snprintf(text, sizeof(text), "reason=%s", reason);
	ck_assert_msg(captured(text) == 1, "not closed with %s", text);
	ck_assert_uint_eq(ended, 1);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	assert_counted(reason);
}

struct relay_record survey_sums[8];

struct pair_record *begin_survey(size_t *count)
{
	static struct report_part part;
	int error;

	memset(survey_sums, 0, sizeof(survey_sums));
	part = (struct report_part){.relays = survey_sums};
	error = pair_survey_begin(&set, clock_ms(), REPORT_PAIRS, &part);
	*count = part.pair_count;
	return error ? NULL : part.pairs;
}

void add_pairs(uint64_t now, struct relay_record *relays)
{
	struct report_part part = {.relays = relays};

	ck_assert_int_eq(pair_survey_begin(&set, now, REPORT_SUMS, &part), 0);
	ck_assert_uint_eq(part.pair_count, set.count);
	ck_assert_ptr_null(part.pairs);
	while (pair_survey_measure(&set, 1))
		;
}

struct pair_record dump_newest(void)
{
	struct pair_record *records, newest;
	size_t count = 0;

	records = begin_survey(&count);
	ck_assert_uint_ge(count, 1);
	ck_assert(!pair_survey_measure(&set, count));
	newest = records[0];
	pair_records_free(records, count);
	return newest;
}

/* ---- taking over ---- */

char restore_error[160];
size_t restore_fails, restore_event_fails;

int save_pairs(enum state_purpose purpose)
{
	int file = memfd_create("pairs", MFD_CLOEXEC);
	struct state_writer writer;

	ck_assert_int_eq(state_writer_init(&writer, file, purpose), 0);
	pair_set_save(&set, &writer);
	ck_assert_int_eq(state_writer_finish(&writer), 0);
	return file;
}

static void hold_open(int *fd)
{
	if (*fd >= 0)
		*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 3);
}

/* Its descriptors stay open when it is closed, as in execve(2), and nobody is told. */
static void hold_pair(struct pair *pair)
{
	struct flow *flows[] = {&pair->client.from, &pair->target.from};

	for (size_t i = 0; i < 2; i++)
		for (struct pipe *pipe = flows[i]->pipes; pipe; pipe = pipe->next) {
			hold_open(&pipe->in);
			hold_open(&pipe->out);
		}
	hold_open(&pair->client.fd);
	hold_open(&pair->target.fd);
	pair->choice.tries = false;
	pair->answered = true;
	pair->client.over = pair->target.over = true; /* so it is reset, and that is not for the socket */
}

void lose_pairs(unsigned workers)
{
	struct tally *tally = &relay->standing->tallies[0];
	const struct counters counters = tally->counters;
	int64_t lines[] = {rate_line(&relay->standing->rates[0].all),
	                   rate_line(&relay->standing->rates[1].all)};
	unsigned ended_before = ended;
	bool logs = log_connections;
	struct pair *pair;

	log_connections = false;
	LIST_FOREACH (pair, &set.pairs, entry)
		hold_pair(pair);
	pair_set_deinit(&set);
	make_set(set.io.scratch, workers);
	log_connections = logs;
	ended = ended_before;
	tally->counters = counters;
	tally->gate.opens = tally->gate.heard = 0;
	for (size_t i = 0; i < DIRECTIONS; i++)
		rate_restore(&relay->standing->rates[i].all, lines[i]);
}

void end_rehearsal(void)
{
	bool logs = log_connections;

	log_connections = false;
	pair_set_deinit(&set);
	make_set(set.io.scratch, 1);
	log_connections = logs;
}

static struct relay *find_relay(void *arg, uint64_t generation, const char *name)
{
	bool found = generation == relay->generation->number && strcmp(name, relay->config->name) == 0;

	(void)arg;
	return found ? relay : NULL;
}

static int restore_all(struct state_reader *reader)
{
	struct pair_restoring restoring = {.all = &slots, .find_relay = find_relay, .arg = &set};
	int error = pair_set_restore(&set, &restoring, reader);

	while (pair_is_next(reader)) {
		int one;

		fail_after = restore_event_fails;
		fault_set(FAULT_MEMORY, restore_fails, ENOMEM);
		one = pair_restore(&set, &restoring, reader);
		fault_set(FAULT_MEMORY, 0, 0);
		fail_after = 0;
		error = one ? one : error;
	}
	pair_set_continue(&set, &restoring);
	snprintf(restore_error, sizeof(restore_error), "%s", state_error(reader) ? state_error(reader) : "");
	return error;
}

int restore_pairs(int file, bool rehearsal)
{
	struct inheritance *inheritance = inheritance_new(rehearsal);
	off_t size = lseek(file, 0, SEEK_END);
	void *text = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, file, 0);
	struct state_reader reader;
	int error;

	if (!rehearsal) /* it needs no memory for lower ones then */
		(void)inheritance_claim(inheritance, 4000, INHERITED_SOCKET);
	state_reader_init(&reader, inheritance, text, (size_t)size);
	error = restore_all(&reader);
	munmap(text, (size_t)size);
	inheritance_free(inheritance);
	close(file);
	return error;
}

void take_over(void)
{
	uint64_t count = set.count;
	int file = save_pairs(STATE_CARRY);

	lose_pairs(1);
	ck_assert_msg(restore_pairs(file, false) == 0, "%s", restore_error);
	ck_assert_uint_eq(set.count, count);
}

TCase *make_case(const char *name)
{
	TCase *tcase = tcase_create(name);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	return tcase;
}
