/* Accepting on one worker, at a limit and when descriptors have run out. */
#include "build_config.h"

#include "faults.h"
#include "unit.h"
#include "worker/accepting_stage.h"
#include "worker/asking.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static struct relay *relay;
static int gate;
static unsigned fds_before;

static void note_told(struct slots_waiter *waiter)
{
	(void)waiter;
}

static void setup(void)
{
	capture_begin();
	fds_before = relays_count_fds();
	accepting_begin();
}

/* An acceptor at the relay's entrance. There may be several. */
static struct acceptor *accept_at(struct relay *which)
{
	const struct acceptor_post post = {.relay = which, .entrance = which->entrances.list[0]};

	return acceptor_new(&acceptors, &post, 0);
}

static void close_first(void)
{
	entrance_shut_out(relay->entrances.list[0]);
	acceptor_drain(LIST_FIRST(&acceptors.list));
}

static void begin(const char *const *options)
{
	relay = relays_new(LISTEN, TEXTS(relays_address(target)), options, NULL, 1);
	ck_assert_int_eq(relays_listen(relay), 0);
	gate = entrance_fd(relay->entrances.list[0], 0);
	ck_assert_ptr_nonnull(accept_at(relay));
}

static void begin_unix(const char *const *options)
{
	char name[64];

	snprintf(name, sizeof(name), "unix:@weir-test-acceptor-%d", (int)getpid());
	relay = relays_new(TEXTS(name), TEXTS(relays_address(target)), options, NULL, 1);
	ck_assert_int_eq(relays_listen(relay), 0);
	gate = entrance_fd(relay->entrances.list[0], 0);
	ck_assert_ptr_nonnull(accept_at(relay));
}

static void teardown(void)
{
	accepting_stop();
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	relays_free(relay);
	accepting_end();
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

static size_t knock(void)
{
	ck_assert_uint_lt(client_count, CLIENTS_MAX);
	client[client_count] = relays_connect(gate);
	return client_count++;
}

static void hang_up(size_t which)
{
	loop_reset(client[which]);
	client[which] = -1;
}

/* As if the limit were raised. */
static void lift_limit(void)
{
	slots.max = 0;
	while (slots.waiting > 0)
		slots_pass(&slots);
}

/* _i: whether the client comes over IPv6, or over IPv4 to the same socket. */
START_TEST(loopback_client_of_a_wildcard_is_not_paced)
{
	struct endpoint to = {.length = sizeof(to.in6)};
	char name[16] = "";
	socklen_t length = sizeof(name);
	int fd;

	relay = relays_new(TEXTS("*:0"), TEXTS(relays_address(target)), NULL, NULL, 1);
	ck_assert_int_eq(relays_listen(relay), 0);
	gate = entrance_fd(relay->entrances.list[0], 0);
	(void)setsockopt(gate, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
	ck_assert_ptr_nonnull(accept_at(relay));
	ck_assert_int_eq(getsockname(gate, &to.any, &to.length), 0);
	if (_i)
		to.in6.sin6_addr = in6addr_loopback;
	else
		to = (struct endpoint){.length = sizeof(to.in),
		                       .in = {.sin_family = AF_INET,
		                              .sin_port = to.in6.sin6_port,
		                              .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, &to.any, to.length), 0);
	LOOP_UNTIL(base, set.count == 1);
	ck_assert_int_eq(
	        getsockopt(LIST_FIRST(&set.pairs)->client.fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
	ck_assert_str_eq(name, "reno");
	close(fd);
}
END_TEST

START_TEST(clients_are_accepted)
{
	begin(NULL);
	for (int i = 0; i < 80; i++) /* more than one batch */
		knock();
	LOOP_UNTIL(base, set.count == 80);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, 80);
	ck_assert_uint_eq(slots_used(&slots), 80);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 80);
}
END_TEST

START_TEST(one_batch_does_not_hold_up_others)
{
	begin(NULL);
	for (int i = 0; i < 80; i++)
		knock();
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_gt(set.count, 0);
	ck_assert_uint_lt(set.count, 80);
	LOOP_UNTIL(base, set.count == 80);
}
END_TEST

/* _i: 0 for the limit of the relay, 1 for the limit of all relays. */
START_TEST(limit_pauses_and_resumes)
{
	begin(_i ? NULL : TEXTS("defaults.max_connections=2"));
	if (_i)
		slots.max = 2;
	for (int i = 0; i < 4; i++)
		knock();
	LOOP_UNTIL(base, set.count == 2);
	ck_assert_uint_le(loop_passes_in(base, 350), 4);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(slots_used(&slots), 2);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted,
	                  2); /* the others wait in the backlog */
	ck_assert_uint_eq(captured("max_connections (2) reached, accepting pauses"), 1);
	ck_assert_uint_eq(captured(": its max_connections"), !_i);
	hang_up(0);
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 3);
	hang_up(1);
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 4);
	hang_up(2);
	hang_up(3);
	LOOP_UNTIL(base, set.count == 0);
	knock();
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 5);
	LOOP_UNTIL(base, captured("accepting again") == 1);
	ck_assert_uint_eq(captured("accepting pauses"), 1);
	relay->standing->at_limit.logged = 0; /* as if the last line were long ago */
	knock();
	knock();
	LOOP_UNTIL(base, captured("accepting pauses") == 2);
}
END_TEST

/* Nothing but being told ends a pause at a limit. */
START_TEST(slot_that_another_worker_gives_back_is_told)
{
	begin(NULL);
	slots.max = 1;
	ck_assert(slots_take(&slots)); /* for another worker */
	knock();
	loop_passes_in(base, 150);
	ck_assert_uint_eq(set.count, 0);
	slots_give(&slots);
	LOOP_UNTIL(base, set.count == 1);
}
END_TEST

/* The last slot was taken for a client that had gone, or whose accept(2) failed, while another waited. */
START_TEST(slot_that_is_not_needed_is_passed_on)
{
	struct slots_waiter *first;

	begin(NULL);
	ck_assert_ptr_nonnull(accept_at(relay));
	slots.max = 1;
	ck_assert(slots_take(&slots));
	knock();
	LOOP_UNTIL(base, slots.waiting == 2);
	first = TAILQ_FIRST(&slots.waiters);
	fault_set(FAULT_ACCEPT, 1, EMFILE); /* meets the one who is told first */
	slots_give(&slots);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(!slots_awaited(first));
	LOOP_UNTIL(base, set.count == 1);
	ck_assert_uint_eq(captured("cannot accept"), 0); /* the limit is logged already */
}
END_TEST

/* An acceptor that is told of a slot of its relay finds all workers full. The slot is for the next. */
START_TEST(slot_beyond_another_limit_is_passed_on)
{
	struct slots_waiter other = {.tell = note_told};

	begin(TEXTS("defaults.max_connections=1"));
	ck_assert(slots_take(&relay->standing->slots));
	knock();
	LOOP_UNTIL(base, relay->standing->slots.waiting == 1);
	slots_wait(&relay->standing->slots, &other);
	slots.max = 1;
	ck_assert(slots_take(&slots));
	slots_give(&relay->standing->slots);
	ck_assert(slots_awaited(&other));
	LOOP_UNTIL(base, slots.waiting == 1);
	ck_assert(!slots_awaited(&other));
	slots_give(&slots);
	LOOP_UNTIL(base, set.count == 1);
}
END_TEST

/* Its slot is for the next waiter. */
START_TEST(told_acceptor_can_be_freed)
{
	struct slots_waiter other = {.tell = note_told};

	begin(NULL);
	slots.max = 1;
	ck_assert(slots_take(&slots));
	knock();
	LOOP_UNTIL(base, slots.waiting == 1);
	slots_wait(&slots, &other);
	slots_give(&slots);
	ck_assert(slots_awaited(&other));
	acceptor_free(LIST_FIRST(&acceptors.list));
	ck_assert(!slots_awaited(&other));
}
END_TEST

static rlim_t forbid_descriptors(void)
{
	struct rlimit limit;
	int lowest = dup(STDIN_FILENO);
	rlim_t before;

	ck_assert_int_ge(lowest, 0);
	close(lowest);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)lowest;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	return before;
}

static void allow_descriptors(rlim_t count)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = count;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(shortage_of_descriptors_pauses_and_resumes)
{
	uint64_t began;
	rlim_t before;

	begin(NULL);
	knock();
	knock();
	before = forbid_descriptors();
	ck_assert_uint_le(loop_passes_in(base, 800), 20);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(captured("cannot accept: Too many open files; accepting pauses"), 1);
	ck_assert_uint_eq(captured("accepting"), 1);
	allow_descriptors(before);
	began = loop_clock_ms();
	LOOP_UNTIL(base, set.count == 2);
	ck_assert_uint_le(loop_clock_ms() - began, 1500);
	LOOP_UNTIL(base, captured("accepting again") == 1);
	ck_assert_uint_eq(captured("accepting pauses"), 1);
}
END_TEST

/* Even when the pause is at its longest, the end of a pair ends it at once. */
START_TEST(shortage_ends_with_a_pair)
{
	size_t first;
	rlim_t before;
	uint64_t began;

	begin(NULL);
	first = knock();
	LOOP_UNTIL(base, set.count == 1);
	knock();
	before = forbid_descriptors();
	ck_assert_uint_le(loop_passes_in(base, 1000), 14); /* two per try, and tries become rarer */
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, 1);
	allow_descriptors(before);
	began = loop_clock_ms();
	hang_up(first);
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 2);
	ck_assert_uint_le(loop_clock_ms() - began, 500);
}
END_TEST

/* Errors of accept(2) caused by one client or its network. The next client is accepted at once. */
static const int errors_of_clients[] = {EINTR,        ECONNABORTED, EPERM,       EPROTO,
                                        ENOPROTOOPT,  ENETDOWN,     ENETUNREACH, EHOSTDOWN,
                                        EHOSTUNREACH, ENONET,       EOPNOTSUPP,  ETIMEDOUT};

START_TEST(error_of_one_client_leaves_the_next_alone)
{
	begin(NULL);
	knock();
	fault_set(FAULT_ACCEPT, 1, errors_of_clients[_i]);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_eq(slots_used(&slots), 1);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
	ck_assert_uint_eq(captured("accept"), 0);
}
END_TEST

/*
 * An error that comes back again and again is not a client's, whatever its number. It is tried ever less
 * often, once in each pass. _i: 0 it is over by itself, 1 the acceptor is being closed.
 */
START_TEST(error_that_lasts_pauses_and_is_told)
{
	size_t calls;

	begin(NULL);
	knock();
	fault_set_lasting(FAULT_ACCEPT, EPERM);
	event_base_loop(base, EVLOOP_ONCE);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(captured("cannot accept: Operation not permitted; accepting pauses"), 1);
	calls = fault_count(FAULT_ACCEPT);
	ck_assert_uint_le(calls, 40);
	loop_passes_in(base, 800);
	ck_assert_uint_le(fault_count(FAULT_ACCEPT) - calls, 5);
	ck_assert_uint_eq(captured("accepting"), 1);
	if (_i == 1) {
		close_first();
		LOOP_UNTIL(base, drained == 1);
		fault_set(FAULT_ACCEPT, 0, 0);
		return;
	}
	fault_set(FAULT_ACCEPT, 0, 0);
	LOOP_UNTIL(base, set.count == 1);
	LOOP_UNTIL(base, captured("accepting again") == 1);
}
END_TEST

/* With a client in between they are as before. */
START_TEST(errors_of_many_clients_hold_up_nobody)
{
	begin(NULL);
	for (unsigned i = 0; i < 50; i++) {
		knock();
		fault_set(FAULT_ACCEPT, 1, EPERM);
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_eq(set.count, i + 1);
	}
	ck_assert_uint_eq(captured("accept"), 0);
}
END_TEST

static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM};

START_TEST(shortage_pauses_and_is_told)
{
	char text[128];

	begin(NULL);
	knock();
	fault_set(FAULT_ACCEPT, 1, shortages[_i]);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(set.count, 0);
	snprintf(text, sizeof(text), "cannot accept: %s; accepting pauses", strerror(shortages[_i]));
	ck_assert_uint_eq(captured(text), 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(set.count, 0);
	LOOP_UNTIL(base, set.count == 1);
	LOOP_UNTIL(base, captured("accepting again") == 1);
}
END_TEST

START_TEST(client_without_memory_for_its_pair_is_reset)
{
	uint64_t received = 0;
	size_t first;

	begin(NULL);
	first = knock();
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	event_base_loop(base, EVLOOP_ONCE);
	LOOP_UNTIL(base, loop_receive(client[first], &received, 1) == LOOP_RST);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.refused, 1);
	ck_assert_uint_eq(captured("cannot accept: Cannot allocate memory; accepting pauses"), 1);
	knock();
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(set.count, 0);
	LOOP_UNTIL(base, set.count == 1);
}
END_TEST

/* The timer of a shortage cannot be added. */
START_TEST(shortage_ends_even_without_a_timer)
{
	rlim_t before;

	begin(NULL);
	knock();
	before = forbid_descriptors();
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	allow_descriptors(before);
	LOOP_UNTIL(base, set.count == 1);
}
END_TEST

/* Some event cannot be added after a pause, of the first pair or of the acceptor. */
START_TEST(pause_ends_even_if_events_fail)
{
	begin(TEXTS("defaults.max_connections=1"));
	ck_assert(slots_take(&relay->standing->slots));
	knock();
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	relay->standing->slots.max = 3;
	fault_set(FAULT_EVENT_ADD, (size_t)_i, ENOMEM);
	slots_give(&relay->standing->slots);
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 1);
	knock();
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 2);
}
END_TEST

START_TEST(acceptor_without_memory_is_not_there)
{
	static const struct {
		enum fault fault;
		size_t nth;
	} missing[] = {{FAULT_MEMORY, 1}, {FAULT_EVENT_NEW, 1}};

	begin(NULL);
	fault_set(missing[_i].fault, missing[_i].nth, ENOMEM);
	ck_assert_ptr_null(accept_at(relay));
	ck_assert_ptr_nonnull(accept_at(relay));
	knock();
	LOOP_UNTIL(base, set.count == 1);
}
END_TEST

/* It has to begin, because the generation is in force. It tries again, like after any shortage. */
START_TEST(acceptor_begins_even_if_its_event_fails)
{
	begin(NULL);
	acceptor_free(LIST_FIRST(&acceptors.list));
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	ck_assert_ptr_nonnull(accept_at(relay));
	knock();
	LOOP_UNTIL(base, set.count == 1);
	ck_assert_uint_eq(captured("accept"), 0);
}
END_TEST

START_TEST(acceptors_of_a_relay_tell_of_their_trouble_once)
{
	struct acceptor *second;

	begin(NULL);
	second = accept_at(relay);
	ck_assert_ptr_nonnull(second);
	ck_assert_ptr_nonnull(accept_at(relay));
	slots.max = 1;
	knock();
	knock();
	LOOP_UNTIL(base, set.count == 1);
	loop_passes_in(base, 50);
	lift_limit();
	LOOP_UNTIL(base, captured("accepting again") == 1);
	knock();
	LOOP_UNTIL(base, set.count == 3);
	loop_passes_in(base, 150); /* the others see that no client waits any more */
	ck_assert_uint_eq(captured("accepting pauses"), 1);
	ck_assert_uint_eq(captured("accepting again"), 1);
	acceptor_free(second);
}
END_TEST

/* One client more than the limit. */
static void knock_beyond_the_limit(void)
{
	knock();
	knock();
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
}

/* As if the last line about a limit were ms milliseconds old. */
static void log_was(uint64_t ms)
{
	relay->standing->at_limit.logged = clock_ms() - ms;
}

/*
 * Right after the line of another episode, this one is not logged. It is logged later, if the limit still
 * holds then.
 */
START_TEST(episode_that_lasts_is_told_in_the_end)
{
	begin(NULL);
	slots.max = 1;
	log_was(0);
	knock();
	knock();
	LOOP_UNTIL(base, set.count == 1);
	loop_passes_in(base, 250);
	ck_assert_uint_eq(captured("accepting"), 0);
	log_was(10000);
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	lift_limit();
	LOOP_UNTIL(base, captured("accepting again") == 1);
	ck_assert_uint_eq(captured("accepting"), 2);
}
END_TEST

START_TEST(end_of_an_episode_that_was_not_told_is_not_told)
{
	begin(NULL);
	slots.max = 1;
	log_was(0);
	knock();
	knock();
	LOOP_UNTIL(base, set.count == 1);
	loop_passes_in(base, 50);
	lift_limit();
	LOOP_UNTIL(base, set.count == 2);
	loop_passes_in(base, 150);
	ck_assert_uint_eq(captured("accepting"), 0);
}
END_TEST

START_TEST(other_acceptors_do_not_tell_it_again)
{
	begin(NULL);
	ck_assert_ptr_nonnull(accept_at(relay));
	slots.max = 1;
	knock_beyond_the_limit();
	log_was(10000);
	loop_passes_in(base, 350);
	ck_assert_uint_eq(captured("accepting"), 1);
}
END_TEST

/* The acceptor that logged the limit may get no further client that would show it that the limit is over. */
START_TEST(later_episode_of_another_acceptor_is_told)
{
	begin(NULL);
	slots.max = 1;
	knock();
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	lift_limit();
	log_was(10000);
	ck_assert(!standing_begin_limit(relay->standing));
	acceptors_resume(&acceptors);
	ck_assert(standing_begin_limit(relay->standing));
}
END_TEST

START_TEST(episode_ends_with_its_acceptor)
{
	begin(TEXTS("defaults.max_connections=1"));
	knock_beyond_the_limit();
	acceptor_free(LIST_FIRST(&acceptors.list));
	log_was(10000);
	ck_assert_ptr_nonnull(accept_at(relay));
	LOOP_UNTIL(base, captured("accepting pauses") == 2);
}
END_TEST

/* More than one batch of them. */
START_TEST(closing_acceptor_serves_who_waits)
{
	begin(NULL);
	for (int i = 0; i < 80; i++)
		knock();
	close_first();
	LOOP_UNTIL(base, drained == 1);
	ck_assert(LIST_EMPTY(&acceptors.list));
	ck_assert_uint_eq(set.count, 80);
}
END_TEST

static void demand_ttl(int fd, int least)
{
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MINTTL, &least, sizeof(least)), 0);
}

/*
 * A client that does not hear the first answer to its SYN. When it hears the second one, the entrance shuts
 * out everybody else. That must not make weir deaf to what this client sends. _i: 0 the acceptor is closing,
 * 1 the entrance lets clients in again.
 */
START_TEST(client_that_is_late_is_heard)
{
	struct pollfd answered = {.events = POLLOUT};
	struct entrance *entrance;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	begin(NULL);
	entrance = relay->entrances.list[0];
	demand_ttl(fd, 255);
	ck_assert_int_lt(connect(fd, &entrance->endpoint.any, entrance->endpoint.length), 0);
	client[client_count++] = fd;
	if (_i)
		entrance_shut_out(entrance);
	else
		close_first();
	demand_ttl(fd, 0);
	answered.fd = fd;
	ck_assert_int_eq(poll(&answered, 1, LOOP_DEADLINE_MS), 1);
	if (_i)
		entrance_let_in(entrance);
	LOOP_UNTIL(base, set.count == 1);
	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	LOOP_UNTIL(base, LIST_FIRST(&set.pairs)->client.from.bytes == 1);
}
END_TEST

static void knock_in_vain(void)
{
	const struct endpoint *entrance = &relay->entrances.list[0]->endpoint;
	int fd = socket(entrance->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_lt(connect(fd, &entrance->any, entrance->length), 0);
	client[client_count++] = fd;
}

/* Those that waited are served as slots become free; later ones are not. */
START_TEST(closing_acceptor_waits_at_a_limit)
{
	begin(TEXTS("defaults.max_connections=1"));
	knock();
	knock();
	knock();
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	close_first();
	knock_in_vain();
	for (size_t i = 0; i < 2; i++) {
		LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == i + 1);
		loop_passes_in(base, 50);
		ck_assert_uint_eq(drained, 0);
		hang_up(i);
	}
	LOOP_UNTIL(base, drained == 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, 3);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
}
END_TEST

/* Clients that came later had to wait until a pair ended, only to be refused then. */
START_TEST(closing_acceptor_needs_no_slot_when_nobody_waits)
{
	begin(TEXTS("defaults.max_connections=1"));
	knock();
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.accepted == 1);
	close_first();
	LOOP_UNTIL(base, drained == 1);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
}
END_TEST

/* The same for one that has paused, and whose clients another acceptor has taken since. */
START_TEST(closing_acceptor_leaves_the_line_when_nobody_waits)
{
	begin(TEXTS("defaults.max_connections=1"));
	knock();
	knock();
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	close(accept(gate, NULL, NULL));
	close_first();
	LOOP_UNTIL(base, drained == 1);
}
END_TEST

START_TEST(closing_acceptor_needs_no_descriptor_when_nobody_waits)
{
	rlim_t before;

	begin(NULL);
	before = forbid_descriptors();
	close_first();
	LOOP_UNTIL(base, drained == 1);
	allow_descriptors(before);
	ck_assert_uint_eq(captured("cannot accept"), 0);
}
END_TEST

START_TEST(closing_acceptor_waits_out_a_shortage)
{
	rlim_t before;

	begin(NULL);
	knock();
	before = forbid_descriptors();
	close_first();
	loop_passes_in(base, 150);
	ck_assert_uint_eq(drained, 0);
	allow_descriptors(before);
	LOOP_UNTIL(base, drained == 1);
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

/* A unix client is refused at once, and the queue is complete then. */
START_TEST(closing_acceptor_of_a_unix_entrance)
{
	begin_unix(NULL);
	for (int i = 0; i < 40; i++)
		knock();
	close_first();
	knock_in_vain();
	ck_assert_int_eq(errno, ECONNREFUSED);
	LOOP_UNTIL(base, drained == 1);
	ck_assert_uint_eq(set.count, 40);
	ck_assert_uint_eq(captured("cannot accept"), 0);
}
END_TEST

/*
 * Its socket is always readable from then on, whether or not somebody waits. _i: how many wait; all of them
 * are served before it ends, none beyond the limit.
 */
START_TEST(unix_acceptor_that_closes_at_its_limit)
{
	begin_unix(TEXTS("defaults.max_connections=2"));
	for (int i = 0; i < 2 + _i; i++)
		knock();
	LOOP_UNTIL(base, set.count == 2);
	loop_passes_in(base, 20);
	close_first();
	loop_passes_in(base, 20);
	ck_assert_uint_eq(set.count, 2);
	for (int i = 0; i < _i; i++) {
		ck_assert_uint_eq(drained, 0);
		slots_set_max(&relay->standing->slots, 3 + i);
		LOOP_UNTIL(base, set.count == 3 + (size_t)i);
	}
	ck_assert_uint_eq(drained, 1);
}
END_TEST

/* Whoever is accepted early is reset with those that wait. */
START_TEST(unix_acceptor_that_is_freed_at_its_limit)
{
	begin_unix(TEXTS("defaults.max_connections=1"));
	for (int i = 0; i < 3; i++)
		knock();
	LOOP_UNTIL(base, set.count == 1);
	close_first();
	loop_passes_in(base, 20);
	acceptor_free(LIST_FIRST(&acceptors.list));
}
END_TEST

/* A stand-in takes nobody whom it cannot serve at once. */
START_TEST(unix_stand_in_at_the_limit_accepts_nobody_early)
{
	unsigned fds;

	begin_unix(TEXTS("defaults.max_connections=1"));
	knock();
	LOOP_UNTIL(base, set.count == 1);
	knock();
	loop_passes_in(base, 20);
	set.worker = 1;
	fds = relays_count_fds();
	close_first();
	loop_passes_in(base, 20);
	ck_assert_uint_eq(relays_count_fds(), fds);
	set.worker = 0;
}
END_TEST

START_TEST(acceptors_close_one_after_the_other)
{
	begin(NULL);
	ck_assert_ptr_nonnull(accept_at(relay));
	knock();
	entrance_shut_out(relay->entrances.list[0]);
	acceptors_drain(&acceptors);
	LOOP_UNTIL(base, drained == 2);
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

START_TEST(freed_acceptor_does_not_accept)
{
	begin(NULL);
	knock();
	acceptor_free(LIST_FIRST(&acceptors.list));
	ck_assert(LIST_EMPTY(&acceptors.list));
	loop_passes_in(base, 50);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

START_TEST(paused_listener_can_be_freed)
{
	begin(TEXTS("defaults.max_connections=1"));
	knock_beyond_the_limit();
	acceptor_free(LIST_FIRST(&acceptors.list));
	loop_passes_in(base, 200);
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

/* To find nobody costs as much as a message. It used to be done after each client. */
START_TEST(clients_one_by_one_are_hardly_asked_for)
{
	begin(NULL);
	fault_set(FAULT_ACCEPT, 32 + 32 / 4, EMFILE);
	for (int i = 0; i < 32; i++) {
		knock();
		while (set.made <= (uint64_t)i)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	fault_set(FAULT_ACCEPT, 0, 0);
	ck_assert_uint_eq(captured("cannot accept"), 0);
}
END_TEST

/* After clients that came one by one, a crowd is soon taken in by the dozen. */
START_TEST(crowd_is_soon_noticed)
{
	unsigned passes = 0;

	begin(NULL);
	for (int i = 0; i < 20; i++) {
		knock();
		while (set.made <= (uint64_t)i)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	for (int i = 0; i < 80; i++)
		knock();
	for (; set.made < 100; passes++)
		event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_le(passes, ASKING_SKIPS_MAX + 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("acceptor");
	TCase *tcase = tcase_create("acceptor");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_loop_test(tcase, loopback_client_of_a_wildcard_is_not_paced, 0, 2);
	tcase_add_test(tcase, clients_are_accepted);
	tcase_add_test(tcase, one_batch_does_not_hold_up_others);
	tcase_add_loop_test(tcase, limit_pauses_and_resumes, 0, 2);
	tcase_add_test(tcase, slot_that_another_worker_gives_back_is_told);
	tcase_add_test(tcase, slot_that_is_not_needed_is_passed_on);
	tcase_add_test(tcase, slot_beyond_another_limit_is_passed_on);
	tcase_add_test(tcase, told_acceptor_can_be_freed);
	tcase_add_test(tcase, shortage_of_descriptors_pauses_and_resumes);
	tcase_add_test(tcase, shortage_ends_with_a_pair);
	tcase_add_loop_test(tcase, error_of_one_client_leaves_the_next_alone, 0, COUNT(errors_of_clients));
	tcase_add_loop_test(tcase, error_that_lasts_pauses_and_is_told, 0, 2);
	tcase_add_test(tcase, errors_of_many_clients_hold_up_nobody);
	tcase_add_loop_test(tcase, shortage_pauses_and_is_told, 0, COUNT(shortages));
	tcase_add_test(tcase, client_without_memory_for_its_pair_is_reset);
	tcase_add_test(tcase, shortage_ends_even_without_a_timer);
	tcase_add_loop_test(tcase, pause_ends_even_if_events_fail, 1, 5);
	tcase_add_loop_test(tcase, acceptor_without_memory_is_not_there, 0, 2);
	tcase_add_test(tcase, acceptor_begins_even_if_its_event_fails);
	tcase_add_test(tcase, acceptors_of_a_relay_tell_of_their_trouble_once);
	tcase_add_test(tcase, episode_that_lasts_is_told_in_the_end);
	tcase_add_test(tcase, end_of_an_episode_that_was_not_told_is_not_told);
	tcase_add_test(tcase, other_acceptors_do_not_tell_it_again);
	tcase_add_test(tcase, later_episode_of_another_acceptor_is_told);
	tcase_add_test(tcase, episode_ends_with_its_acceptor);
	tcase_add_test(tcase, closing_acceptor_serves_who_waits);
	tcase_add_loop_test(tcase, client_that_is_late_is_heard, 0, 2);
	tcase_add_test(tcase, closing_acceptor_waits_at_a_limit);
	tcase_add_test(tcase, closing_acceptor_needs_no_slot_when_nobody_waits);
	tcase_add_test(tcase, closing_acceptor_leaves_the_line_when_nobody_waits);
	tcase_add_test(tcase, closing_acceptor_needs_no_descriptor_when_nobody_waits);
	tcase_add_test(tcase, closing_acceptor_waits_out_a_shortage);
	tcase_add_test(tcase, closing_acceptor_of_a_unix_entrance);
	tcase_add_loop_test(tcase, unix_acceptor_that_closes_at_its_limit, 0, 4);
	tcase_add_test(tcase, unix_acceptor_that_is_freed_at_its_limit);
	tcase_add_test(tcase, unix_stand_in_at_the_limit_accepts_nobody_early);
	tcase_add_test(tcase, acceptors_close_one_after_the_other);
	tcase_add_test(tcase, freed_acceptor_does_not_accept);
	tcase_add_test(tcase, paused_listener_can_be_freed);
	tcase_add_test(tcase, clients_one_by_one_are_hardly_asked_for);
	tcase_add_test(tcase, crowd_is_soon_noticed);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
