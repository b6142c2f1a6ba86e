/* Workers with a real relay. The test plays the daemon, the clients and the target. */
#include "build_config.h"

#include "base/evloop.h"
#include "relays.h"
#include "unit.h"
#include "worker/handover.h"
#include "worker/worker.h"

#include <pthread.h>
#include <signal.h>

#define WORKERS    2
#define MANY       80 /* pairs; a survey of one worker takes more than one pass */
#define MEMORY_MAX (16 * 1024 * 1024)

static struct worker_context context;
static struct worker *worker[WORKERS];
static struct handover *handover;
static struct relay *relay, *before[32]; /* before: of earlier generations; held until the end */
static size_t before_count;
static struct budget budget;
static struct slots slots, pipes;
static int target;
static int mine[8 * MANY];
static size_t mine_count;
static unsigned fds_before;

static struct event_base *base; /* the test's own; gets the workers' answers */
static struct mailbox mailbox;
static struct {
	unsigned adopted, drained, reported;
	uint64_t accepted;
	size_t pairs, states[4];
} answers;

static void take_part(const struct report_part *part)
{
	answers.reported++;
	answers.accepted += part->relays[0].counters.accepted;
	answers.pairs += part->pair_count;
	for (size_t i = 0; i < part->pair_count; i++)
		answers.states[part->pairs[i].state]++;
	free(part->relays);
	pair_records_free(part->pairs, part->pair_count);
}

static void take_answer(void *arg, struct message *message)
{
	struct worker_answer *answer = (struct worker_answer *)message;

	ck_assert_ptr_eq(arg, &answers);
	ck_assert_uint_lt(answer->worker, WORKERS);
	if (answer->what == WORKER_ADOPTED) {
		answers.adopted++;
		return;
	}
	if (answer->what == WORKER_DRAINED) {
		answers.drained++;
		return;
	}
	take_part(&answer->part);
	answer->part = (struct report_part){.relays = NULL}; /* consumed */
}

/* Waits until a counter of answers has reached least. */
static void wait_for(const unsigned *counter, unsigned least)
{
	LOOP_UNTIL(base, *counter >= least);
}

/* The last worker has left the entrance. */
static void wait_closed(void)
{
	LOOP_UNTIL(base, relay->entrances.list[0]->count == 0);
}

static int keep(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_lt(mine_count, sizeof(mine) / sizeof(mine[0]));
	mine[mine_count++] = fd;
	return fd;
}

static void order_all(enum worker_order order)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_order(worker[i], order);
}

/* As the daemon does. */
static void drain(void)
{
	facade_shut(relays_facade(WORKERS));
	order_all(WORKER_DRAIN);
}

static void setup(void)
{
	struct sockaddr_in address;

	signal(SIGPIPE, SIG_IGN); /* splice(2) has no MSG_NOSIGNAL */
	capture_begin();
	fds_before = relays_count_fds();
	budget_init(&budget, MEMORY_MAX);
	slots_init(&slots, 0);
	slots_init(&pipes, 4);
	target = keep(loop_listen(&address));
	ck_assert_int_eq(listen(target, 1024), 0);
	relay = relays_new(LISTEN, TEXTS(relays_address(target)), NULL, NULL, WORKERS);
	ck_assert_int_eq(relays_listen(relay), 0);
	base = evloop_new();
	ck_assert_int_eq(mailbox_open(&mailbox, base, take_answer, &answers), 0);
	ck_assert_int_eq(facade_watch(relays_facade(WORKERS), base), 0);
	(void)facade_commit(relays_facade(WORKERS));
	handover = handover_new(WORKERS);
	ck_assert_ptr_nonnull(handover);
	context = (struct worker_context){
	        .worker_count = WORKERS,
	        .standings = relay->standing->standings,
	        .budget = &budget,
	        .handover = handover,
	        .slots = &slots,
	        .pipes = &pipes,
	        .log_connections = true,
	        .answers = &mailbox,
	};
	for (unsigned i = 0; i < WORKERS; i++) {
		worker[i] = worker_new(&context, i);
		ck_assert_ptr_nonnull(worker[i]);
		ck_assert_int_eq(worker_prepare(worker[i], relay->generation), 0);
	}
	order_all(WORKER_ADOPT);
}

static void stop(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		worker_stop(worker[i]);
	for (unsigned i = 0; i < WORKERS; i++) {
		worker_free(worker[i]);
		worker[i] = NULL;
	}
	handover_free(handover);
	handover = NULL;
}

static void teardown(void)
{
	stop();
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&pipes), 0);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
	while (before_count > 0)
		relay_put(before[--before_count]);
	relays_free(relay);
	facade_deinit(relays_facade(WORKERS));
	mailbox_close(&mailbox);
	event_base_free(base);
	for (size_t i = 0; i < mine_count; i++)
		close(mine[i]);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

static void start(void)
{
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(worker_start(worker[i]), 0);
}

static void readable(int fd)
{
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000), 1);
}

static int accept_target(void)
{
	int fd;

	readable(target);
	fd = keep(accept4(target, NULL, NULL, SOCK_CLOEXEC));
	loop_nonblocking(fd);
	return fd;
}

/* A client whose pair is known to be open, because a byte went through. */
static int join(int *server)
{
	int fd = keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
	uint64_t received = 0;

	*server = accept_target();
	ck_assert_uint_eq(loop_send(fd, 0, 1), 1);
	readable(*server);
	ck_assert_int_eq(loop_receive(*server, &received, 1), LOOP_OPEN);
	ck_assert_uint_eq(received, 1);
	return fd;
}

static void assert_ends(int fd, enum loop_end how)
{
	uint64_t received = 0;

	readable(fd);
	ck_assert_int_eq(loop_receive(fd, &received, 1), how);
}

/* Fills answers from a report of all workers. Returns the number of pairs. */
static uint64_t report(void)
{
	unsigned reported = answers.reported;

	memset(answers.states, 0, sizeof(answers.states));
	answers.accepted = answers.pairs = 0;
	order_all(WORKER_REPORT_PAIRS);
	wait_for(&answers.reported, reported + WORKERS);
	return answers.pairs;
}

START_TEST(never_started)
{
	worker_free(NULL);
}
END_TEST

START_TEST(started_and_stopped)
{
	start();
}
END_TEST

START_TEST(bytes_pass_and_the_end_too)
{
	uint64_t received = 0;
	int client, server;

	start();
	client = join(&server);
	ck_assert_uint_eq(loop_send(server, 0, 5000), 5000);
	while (received < 5000) {
		readable(client);
		ck_assert_int_eq(loop_receive(client, &received, 5000 - received), LOOP_OPEN);
	}
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN);
}
END_TEST

START_TEST(workers_share_the_clients)
{
	int server;

	start();
	for (int i = 0; i < MANY; i++)
		join(&server);
	ck_assert_uint_eq(slots_used(&slots), MANY);
	ck_assert_uint_eq(report(), MANY);
	ck_assert_uint_eq(answers.accepted, MANY);
	ck_assert_uint_eq(answers.states[STATE_OPEN], MANY);
	stop();
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, MANY / 2);
	ck_assert_uint_eq(relay->standing->tallies[1].counters.accepted, MANY / 2);
	ck_assert_uint_eq(captured("reason=shutdown"), MANY);
}
END_TEST

START_TEST(dump_of_an_idle_worker)
{
	start();
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(report(), 0);
}
END_TEST

START_TEST(dumps_beside_coming_and_going_clients)
{
	int client, server;

	start();
	for (int i = 0; i < MANY / 2; i++)
		join(&server);
	for (int i = 0; i < MANY / 4; i++) {
		unsigned reported = answers.reported;

		client = join(&server);
		order_all(WORKER_REPORT_PAIRS);
		shutdown(client, SHUT_WR);
		shutdown(server, SHUT_WR);
		wait_for(&answers.reported, reported + WORKERS);
	}
}
END_TEST

/* A connect(2) that does not wait. */
static int knock(void)
{
	const struct endpoint *entrance = &relay->entrances.list[0]->endpoint;
	int fd = keep(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));

	ck_assert_int_lt(connect(fd, &entrance->any, entrance->length), 0);
	ck_assert_int_eq(errno, EINPROGRESS);
	return fd;
}

static int result_of(int fd)
{
	socklen_t length = sizeof(int);
	int error = -1;

	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 10000), 1);
	ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	return error;
}

START_TEST(draining_keeps_pairs_and_takes_no_clients)
{
	uint64_t received = 0;
	int client, server, late;

	start();
	client = join(&server);
	drain();
	wait_for(&answers.drained, WORKERS);
	late = knock();
	ck_assert_uint_eq(loop_send(server, 0, 100), 100);
	while (received < 100) {
		readable(client);
		ck_assert_int_eq(loop_receive(client, &received, 100 - received), LOOP_OPEN);
	}
	ck_assert_uint_eq(report(), 1);
	wait_closed();
	ck_assert_int_eq(result_of(late), ECONNREFUSED);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN);
}
END_TEST

/* They are in the backlog of all workers before the workers start. */
START_TEST(draining_serves_those_who_wait)
{
	int client[MANY];

	for (int i = 0; i < MANY; i++) {
		client[i] = keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
		ck_assert_uint_eq(loop_send(client[i], 0, 1), 1);
	}
	drain();
	start();
	for (int i = 0; i < MANY; i++)
		readable(accept_target());
	wait_for(&answers.drained, WORKERS);
	wait_closed();
	ck_assert_uint_eq(report(), MANY);
}
END_TEST

/* At a limit it lasts as long as it takes: each of them is served when the one before has gone. */
START_TEST(draining_at_a_limit_serves_one_after_the_other)
{
	int server;

	slots.max = 1;
	for (int i = 0; i < MANY / 4; i++)
		keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
	drain();
	start();
	for (int i = 0; i < MANY / 4; i++) {
		readable(target);
		ck_assert_uint_eq(answers.drained, 0);
		server = accept_target();
		loop_reset(server);
		mine[--mine_count] = -1; /* it was the last that was kept */
	}
	wait_for(&answers.drained, WORKERS);
}
END_TEST

/* Clients that still wait are reset when the listening sockets are closed. Each worker answers once. */
START_TEST(shutdown_ends_draining)
{
	int first, second, server;

	slots.max = 1;
	first = keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
	second = keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
	drain();
	start();
	server = accept_target();
	order_all(WORKER_SHUTDOWN);
	wait_for(&answers.drained, WORKERS);
	assert_ends(server, LOOP_RST);
	ck_assert_uint_eq(report(), 0);
	order_all(WORKER_SHUTDOWN);
	ck_assert_uint_eq(report(), 0);
	ck_assert_uint_eq(answers.drained, WORKERS);
	wait_closed();
	assert_ends(first, LOOP_RST);
	assert_ends(second, LOOP_RST);
}
END_TEST

START_TEST(shutdown_resets_and_goes_on)
{
	int client, server;

	start();
	client = join(&server);
	order_all(WORKER_SHUTDOWN);
	assert_ends(client, LOOP_RST);
	assert_ends(server, LOOP_RST);
	ck_assert_uint_eq(report(), 0);
	join(&server); /* WORKER_SHUTDOWN does not stop accepting */
	ck_assert_uint_eq(report(), 1);
}
END_TEST

START_TEST(stopping_resets_what_is_left)
{
	int client, server;

	start();
	client = join(&server);
	stop();
	assert_ends(client, LOOP_RST);
	assert_ends(server, LOOP_RST);
	ck_assert_uint_eq(slots_used(&slots), 0);
}
END_TEST

START_TEST(orders_before_the_start_are_carried_out)
{
	drain();
	order_all(WORKER_REPORT_PAIRS);
	start();
	wait_for(&answers.drained, WORKERS);
	wait_for(&answers.reported, WORKERS);
}
END_TEST

/* Worker 1 is not running yet: clients of its own, and some that worker 0 has handed over to it. */
static void crowd(void)
{
	uint64_t end = clock_ms() + LOOP_DEADLINE_MS;

	ck_assert_int_eq(worker_start(worker[0]), 0);
	for (int i = 0; i < MANY; i++)
		keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
	while (!handover_waits(handover, 1))
		ck_assert_uint_lt(clock_ms(), end);
}

START_TEST(draining_serves_newcomers)
{
	crowd();
	drain();
	ck_assert_int_eq(worker_start(worker[1]), 0);
	for (int i = 0; i < MANY; i++)
		accept_target();
	wait_for(&answers.drained, WORKERS);
	ck_assert_uint_eq(report(), MANY);
}
END_TEST

/* As the daemon does at the drain deadline. Each has its line, as if its pair had begun before. */
START_TEST(shutdown_resets_newcomers)
{
	crowd();
	drain();
	order_all(WORKER_HALT);
	wait_for(&answers.drained, 1);
	ck_assert(handover_waits(handover, 1));
	ck_assert_int_eq(worker_start(worker[1]), 0);
	wait_for(&answers.drained, WORKERS);
	order_all(WORKER_SHUTDOWN);
	ck_assert_uint_eq(report(), 0);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_gt(answers.accepted, 0);
	ck_assert_uint_eq(captured("reason=shutdown"), answers.accepted);
}
END_TEST

START_TEST(stopping_resets_newcomers)
{
	crowd();
	stop();
	ck_assert_uint_eq(slots_used(&slots), 0);
	entrance_close(relay->entrances.list[0]);
	for (int i = 1; i <= MANY; i++)
		assert_ends(mine[i], LOOP_RST);
}
END_TEST

/* Worker 1 is stuck, as it is not running. Nobody is left behind. Once it runs, it is as before. */
START_TEST(another_stands_in)
{
	int server;

	crowd();
	handover_set_stand_in(handover, 1, 0);
	worker_order(worker[0], WORKER_STAND_IN);
	for (int i = 0; i < MANY; i++)
		accept_target();
	join(&server);
	ck_assert_uint_eq(relay->standing->tallies[1].counters.accepted, 0);
	ck_assert(!worker_has_taken(worker[1], WORKER_TAKE));
	handover_set_stand_in(handover, 1, HANDOVER_NOBODY);
	worker_order(worker[0], WORKER_STAND_IN);
	ck_assert_int_eq(worker_start(worker[1]), 0);
	for (int i = 0; i < MANY / 2; i++)
		join(&server);
	ck_assert_uint_eq(report(), MANY + 1 + MANY / 2);
	stop();
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, MANY + 1);
	ck_assert_uint_eq(relay->standing->tallies[1].counters.accepted, MANY / 2);
}
END_TEST

/* Worker 0 has carried out all orders, and has looked at all its sockets, several times. */
static void pass_often(void)
{
	for (unsigned i = 0; i < MANY; i++) {
		unsigned reported = answers.reported;

		worker_order(worker[0], WORKER_REPORT_PAIRS);
		wait_for(&answers.reported, reported + 1);
	}
}

static void order_stand_in(unsigned stand_in)
{
	handover_set_stand_in(handover, 1, stand_in);
	worker_order(worker[0], WORKER_STAND_IN);
	pass_often();
}

/* However often it was asked to, and however often worker 1 was stuck. */
START_TEST(relieved_stand_in_accepts_no_longer)
{
	ck_assert_int_eq(worker_start(worker[0]), 0);
	for (int round = 0; round < 2; round++) {
		order_stand_in(0);
		order_stand_in(0);
		for (int i = 0; i < MANY / 2; i++)
			keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
		for (int i = 0; i < MANY / 2; i++)
			accept_target();
		order_stand_in(HANDOVER_NOBODY);
	}
	for (int i = 0; i < MANY / 2; i++)
		keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
	pass_often();
	readable(entrance_fd(relay->entrances.list[0], 1));
}
END_TEST

START_TEST(draining_includes_the_one_stood_in_for)
{
	crowd();
	handover_set_stand_in(handover, 1, 0);
	worker_order(worker[0], WORKER_STAND_IN);
	facade_shut(relays_facade(WORKERS));
	worker_order(worker[0], WORKER_DRAIN);
	for (int i = 0; i < MANY; i++)
		accept_target();
	wait_for(&answers.drained, 1);
	worker_order(worker[1], WORKER_DRAIN);
	ck_assert_int_eq(worker_start(worker[1]), 0);
	wait_for(&answers.drained, WORKERS);
}
END_TEST

/* Another configuration is in force: it listens there. */
static void reload(const char *listen)
{
	struct facade *facade = relays_facade(WORKERS);
	struct config *config = relays_config(TEXTS(listen), TEXTS(relays_address(target)), NULL);
	struct generation *next = generation_new(config, relay->standing->standings, NULL, NULL);

	ck_assert_ptr_nonnull(next);
	config_put(config);
	facade_begin(facade);
	ck_assert_int_eq(relay_bind(next->relays[0], facade, NULL), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		ck_assert_int_eq(worker_prepare(worker[i], next), 0);
	ck_assert_int_eq(generation_listen(next), 0);
	(void)facade_commit(facade);
	order_all(WORKER_ADOPT);
	before[before_count++] = relay;
	relay = next->relays[0];
}

static void come(int count)
{
	for (int i = 0; i < count; i++)
		keep(relays_connect(entrance_fd(relay->entrances.list[0], 0)));
}

/* Those that wait meanwhile are served, by whichever. */
START_TEST(workers_adopt_another_generation)
{
	struct entrance *entrance = relay->entrances.list[0];

	start();
	wait_for(&answers.adopted, WORKERS);
	come(MANY / 2);
	reload("127.0.0.1:0");
	come(MANY / 2);
	wait_for(&answers.adopted, 2 * WORKERS);
	ck_assert_ptr_eq(relay->entrances.list[0], entrance);
	for (int i = 0; i < MANY; i++)
		accept_target();
	ck_assert_uint_eq(report(), MANY);
	ck_assert_uint_eq(captured("listening on"), 1);
}
END_TEST

/* The other worker is not stuck, which makes no difference for the one that stands in. */
START_TEST(stand_in_adopts_for_the_other_as_well)
{
	struct entrance *first = relay->entrances.list[0], *second;

	start();
	wait_for(&answers.adopted, WORKERS);
	ck_assert_uint_eq(atomic_load(&first->users), 2 * WORKERS); /* and once for each generation */
	order_stand_in(0);
	ck_assert_uint_eq(atomic_load(&first->users), 2 * WORKERS + 1);
	reload("127.0.0.2:0");
	wait_for(&answers.adopted, 2 * WORKERS);
	second = relay->entrances.list[0];
	ck_assert_ptr_ne(first, second);
	ck_assert_uint_eq(atomic_load(&second->users), 2 * WORKERS + 1);
	LOOP_UNTIL(base, first->count == 0);
	order_stand_in(HANDOVER_NOBODY);
	ck_assert_uint_eq(atomic_load(&second->users), 2 * WORKERS);
}
END_TEST

/* Clients come all the time, to addresses that come and go. */
START_TEST(many_generations_under_clients)
{
	static const char *const listen[] = {"127.0.0.1:0", "127.0.0.2:0"};
	unsigned came = 0;

	start();
	wait_for(&answers.adopted, WORKERS);
	for (unsigned i = 1; i <= 20; i++) {
		come(4);
		reload(listen[i / 2 % 2]);
		come(4);
		came += 8;
		wait_for(&answers.adopted, (i + 1) * WORKERS);
	}
	for (unsigned i = 0; i < came; i++)
		accept_target();
	ck_assert_uint_eq(report(), came);
}
END_TEST

static void *order_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++)
		order_all(WORKER_SHUTDOWN);
	return NULL;
}

START_TEST(orders_of_many_threads)
{
	pthread_t thread[3];

	start();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, order_often, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	order_all(WORKER_DRAIN); /* after all of them */
	wait_for(&answers.drained, WORKERS);
	ck_assert_uint_eq(report(), 0);
}
END_TEST

/*
 * Both orders are in the mailbox when it is opened. The dump is begun, and the thread ends before its next
 * pass.
 */
START_TEST(stop_with_a_dump_under_way)
{
	order_all(WORKER_REPORT_PAIRS);
	order_all(WORKER_STOP);
	start();
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("worker");
	TCase *tcase = tcase_create("worker");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, never_started);
	tcase_add_test(tcase, started_and_stopped);
	tcase_add_test(tcase, bytes_pass_and_the_end_too);
	tcase_add_test(tcase, workers_share_the_clients);
	tcase_add_test(tcase, dump_of_an_idle_worker);
	tcase_add_test(tcase, dumps_beside_coming_and_going_clients);
	tcase_add_test(tcase, draining_keeps_pairs_and_takes_no_clients);
	tcase_add_test(tcase, draining_serves_those_who_wait);
	tcase_add_test(tcase, draining_serves_newcomers);
	tcase_add_test(tcase, shutdown_resets_newcomers);
	tcase_add_test(tcase, stopping_resets_newcomers);
	tcase_add_test(tcase, another_stands_in);
	tcase_add_test(tcase, relieved_stand_in_accepts_no_longer);
	tcase_add_test(tcase, draining_includes_the_one_stood_in_for);
	tcase_add_test(tcase, draining_at_a_limit_serves_one_after_the_other);
	tcase_add_test(tcase, shutdown_ends_draining);
	tcase_add_test(tcase, shutdown_resets_and_goes_on);
	tcase_add_test(tcase, stopping_resets_what_is_left);
	tcase_add_test(tcase, orders_before_the_start_are_carried_out);
	tcase_add_test(tcase, workers_adopt_another_generation);
	tcase_add_test(tcase, stand_in_adopts_for_the_other_as_well);
	tcase_add_test(tcase, many_generations_under_clients);
	tcase_add_test(tcase, orders_of_many_threads);
	tcase_add_test(tcase, stop_with_a_dump_under_way);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
