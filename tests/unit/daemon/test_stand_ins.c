/* Two or three workers, some of which are stuck: their threads do not run yet. */
#include "build_config.h"

#include "daemon/stand_ins.h"
#include "daemon/workers_stage.h"
#include "relays.h"
#include "unit.h"
#include "worker/handover.h"

#define WORKERS 3
#define CLIENTS 60 /* so that each of three workers gets some, by the kernel's hash */

static struct stand_ins *stand_ins;
static struct relay *relay;
static int target, client[4 * CLIENTS], served_by_target[4 * CLIENTS];
static size_t client_count, served_count;

/* The stand-ins look at the entrances of the relay. */
static void look(void)
{
	ck_assert_int_eq(stand_ins_prepare(stand_ins, relay->generation), 0);
	stand_ins_adopt(stand_ins);
}

static void open_relay(const char *listen, const char *option)
{
	relay = relays_new(TEXTS(listen), TEXTS(relays_address(target)), TEXTS(option), NULL, WORKERS);
	ck_assert_int_eq(relays_listen(relay), 0);
}

static void make_workers(void)
{
	workers_make();
	stand_ins = stand_ins_new(base, &context, worker);
	ck_assert_ptr_nonnull(stand_ins);
}

static void adopt(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		ck_assert_int_eq(worker_prepare(worker[i], relay->generation), 0);
		worker_order(worker[i], WORKER_ADOPT);
	}
}

static void begin(const char *listen, const char *option)
{
	open_relay(listen, option);
	make_workers();
	adopt();
	look();
}

static void setup(void)
{
	struct sockaddr_in address;

	capture_begin();
	target = loop_listen(&address);
	ck_assert_int_eq(listen(target, 1024), 0);
	loop_nonblocking(target);
	workers_begin(WORKERS, NULL);
	client_count = served_count = 0;
}

/* A client that was handed over to a worker that takes nothing any more is still the relay's. */
static void teardown(void)
{
	workers_stop();
	stand_ins_free(stand_ins);
	workers_end();
	relays_free(relay);
	for (size_t i = 0; i < client_count; i++)
		close(client[i]);
	for (size_t i = 0; i < served_count; i++)
		close(served_by_target[i]);
	close(target);
	capture_end();
}

static void come(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		client[client_count++] = relays_connect(entrance_fd(relay->entrances.list[0], 0));
}

/*
 * So many are connected to the target, and stay. Only the target can tell: a client that a worker has
 * accepted, and is about to hand over, waits nowhere.
 */
static bool served(unsigned count)
{
	int fd;

	while (served_count < 4 * CLIENTS && (fd = accept4(target, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		served_by_target[served_count++] = fd;
	return served_count == count && slots_used(&slots) == count;
}

static unsigned stand_in(unsigned number)
{
	return handover_stand_in(context.handover, number);
}

START_TEST(clients_of_stuck_workers_are_served)
{
	begin("127.0.0.1:0", NULL);
	workers_start(2);
	come(CLIENTS);
	LOOP_UNTIL(base, served(CLIENTS));
	ck_assert_uint_eq(stand_in(0), 2);
	ck_assert_uint_eq(stand_in(1), 2);
	ck_assert_uint_eq(stand_in(2), HANDOVER_NOBODY);
	come(CLIENTS);
	LOOP_UNTIL(base, served(2 * CLIENTS));
	workers_start(0);
	workers_start(1);
	LOOP_UNTIL(base, stand_in(0) == HANDOVER_NOBODY && stand_in(1) == HANDOVER_NOBODY);
	come(CLIENTS);
	LOOP_UNTIL(base, served(3 * CLIENTS));
}
END_TEST

/* What was prepared in vain changes nothing. */
START_TEST(clients_of_another_generation_are_served)
{
	struct relay *before;

	open_relay("127.0.0.1:0", NULL);
	make_workers();
	look();
	before = relay;
	open_relay("127.0.0.2:0", NULL);
	adopt();
	ck_assert_int_eq(stand_ins_prepare(stand_ins, before->generation), 0);
	stand_ins_forget_prepared(stand_ins);
	look();
	relays_free(before);
	workers_start(2);
	come(CLIENTS);
	LOOP_UNTIL(base, served(CLIENTS));
	ck_assert_uint_eq(stand_in(0), 2);
	ck_assert_uint_eq(stand_in(1), 2);
}
END_TEST

/* Its one worker is number 0. */
START_TEST(unix_clients_of_a_stuck_worker_are_served)
{
	char listen[64];

	snprintf(listen, sizeof(listen), "unix:@weir-stand_ins-%d", getpid());
	begin(listen, NULL);
	ck_assert_int_ge(entrance_fd(relay->entrances.list[0], 0), 0);
	ck_assert_int_eq(entrance_fd(relay->entrances.list[0], 1), -1);
	workers_start(1);
	come(CLIENTS);
	LOOP_UNTIL(base, served(CLIENTS));
	ck_assert_uint_eq(stand_in(0), 1);
}
END_TEST

/* Whoever stands in may get stuck as well. With all of them stuck there is nobody, until one is back. */
START_TEST(nobody_is_left_to_stand_in)
{
	begin("127.0.0.1:0", NULL);
	handover_set_stand_in(context.handover, 0, 1);
	come(CLIENTS);
	for (uint64_t end = clock_ms() + 300; clock_ms() < end;)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(stand_in(0), HANDOVER_NOBODY);
	workers_start(2);
	LOOP_UNTIL(base, served(CLIENTS));
	ck_assert_uint_eq(stand_in(0), 2);
}
END_TEST

/* At a limit no worker is asked. */
START_TEST(clients_that_wait_at_a_limit_are_left_alone)
{
	begin("127.0.0.1:0", "defaults.max_connections=1");
	ck_assert(slots_take(&relay->standing->slots));
	workers_start(2);
	come(CLIENTS);
	for (uint64_t end = clock_ms() + 300; clock_ms() < end;)
		event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_eq(stand_in(0), HANDOVER_NOBODY);
	ck_assert(worker_has_taken(worker[0], WORKER_STAND_IN));
	slots_give(&relay->standing->slots);
}
END_TEST

/* They may wait for hours. A look every 50 ms would be 18 passes. */
START_TEST(looks_at_a_limit_become_rare)
{
	begin("127.0.0.1:0", "defaults.max_connections=1");
	ck_assert(slots_take(&relay->standing->slots));
	come(CLIENTS);
	loop_passes_in(base, 700);
	ck_assert_uint_le(loop_passes_in(base, 900), 5);
	slots_give(&relay->standing->slots);
	workers_start(2);
	LOOP_UNTIL(base, served(1));
}
END_TEST

static void note_told(struct slots_waiter *waiter)
{
	(void)waiter;
}

/* The first of those that wait for a slot was told of one, and does nothing. The next is told as well. */
START_TEST(slot_that_is_left_alone_is_passed_on)
{
	struct slots_waiter stuck = {.tell = note_told}, other = {.tell = note_told};

	begin("127.0.0.1:0", "defaults.max_connections=1");
	ck_assert(slots_take(&relay->standing->slots));
	slots_wait(&relay->standing->slots, &stuck);
	slots_wait(&relay->standing->slots, &other);
	come(1);
	slots_give(&relay->standing->slots);
	ck_assert(!slots_awaited(&stuck));
	ck_assert(slots_awaited(&other));
	LOOP_UNTIL(base, !slots_awaited(&other));
}
END_TEST

/* A look every 50 ms would be six passes. */
static bool is_quiet(void)
{
	return loop_passes_in(base, 300) <= 2;
}

START_TEST(it_looks_only_while_clients_wait)
{
	begin("127.0.0.1:0", NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		workers_start(i);
	LOOP_UNTIL(base, is_quiet());
	come(CLIENTS);
	LOOP_UNTIL(base, served(CLIENTS));
	LOOP_UNTIL(base, is_quiet());
	stand_ins_stop(stand_ins);
	come(CLIENTS);
	ck_assert(is_quiet());
}
END_TEST

/*
 * A worker has taken the client out of the socket before the main thread saw it there, and has handed it over
 * to one that is stuck, although nobody else comes.
 */
START_TEST(newcomer_of_a_stuck_worker_is_served)
{
	char listen[64];

	snprintf(listen, sizeof(listen), "unix:@weir-stand_ins-%d", getpid());
	begin(listen, NULL);
	workers_start(0);
	LOOP_UNTIL(base, is_quiet());
	come(1);
	while (slots_used(&slots) < 1) /* the main thread has not looked */
		usleep(1000);
	come(1);
	while (slots_used(&slots) < 2)
		usleep(1000);
	LOOP_UNTIL(base, served(2));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stand_ins");
	TCase *tcase = tcase_create("stand_ins");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, clients_of_stuck_workers_are_served);
	tcase_add_test(tcase, clients_of_another_generation_are_served);
	tcase_add_test(tcase, unix_clients_of_a_stuck_worker_are_served);
	tcase_add_test(tcase, nobody_is_left_to_stand_in);
	tcase_add_test(tcase, clients_that_wait_at_a_limit_are_left_alone);
	tcase_add_test(tcase, looks_at_a_limit_become_rare);
	tcase_add_test(tcase, slot_that_is_left_alone_is_passed_on);
	tcase_add_test(tcase, it_looks_only_while_clients_wait);
	tcase_add_test(tcase, newcomer_of_a_stuck_worker_is_served);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
