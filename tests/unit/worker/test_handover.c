/* Which worker gets a client: counting, newcomers, and workers that are late, stuck or out of memory. */
#include "build_config.h"

#include "base/evloop.h"
#include "faults.h"
#include "handing_over.h"
#include "relays.h"
#include "unit.h"
#include "worker/handover.h"
#include "worker/handover_state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>

#define MANY_WORKERS 40
#define SCRATCH      4096
#define CLIENTS_MAX  300
#define THREADS      4
#define EACH         5000

static struct event_base *base;
static struct budget budget;
static struct slots slots;
static struct pair_set set; /* of worker 0 */
static struct relay *relay;
static struct handover *handover;
static unsigned told[MANY_WORKERS];
static int target, listener;
static int client[CLIENTS_MAX];
static size_t client_count;

static void on_ended(void *arg)
{
	(void)arg;
	handover_pair_ended(handover, set.worker);
}

static void on_told(void *arg)
{
	++*(unsigned *)arg;
}

static void setup(void)
{
	const struct linger linger = {.l_onoff = 1};
	struct sockaddr_in address;

	capture_begin();
	base = event_base_new();
	budget_init(&budget, 1024 * 1024);
	slots_init(&slots, 0);
	set = (struct pair_set){
	        .io = {.base = base, .budget = &budget, .scratch_size = SCRATCH},
	        .ended = on_ended,
	};
	set.io.scratch = malloc(SCRATCH);
	ck_assert_int_eq(pair_set_init(&set, 1), 0);
	target = loop_listen(&address);
	ck_assert_int_eq(listen(target, 1024), 0);
	listener = loop_listen(&address);
	setsockopt(listener, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)); /* as net/socket.c does */
	relay = relays_new(LISTEN, TEXTS(relays_address(target)), NULL, NULL, MANY_WORKERS);
	client_count = 0;
}

static void begin(unsigned workers)
{
	memset(told, 0, sizeof(told));
	handover = handover_new(workers);
	ck_assert_ptr_nonnull(handover);
	for (unsigned i = 0; i < workers; i++)
		handover_join(handover, i, on_told, &told[i]);
}

static void teardown(void)
{
	pair_set_deinit(&set);
	handover_free(handover);
	handover = NULL;
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	relays_free(relay);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	free(set.io.scratch);
	for (size_t i = 0; i < client_count; i++)
		close(client[i]);
	close(target);
	close(listener);
	capture_end();
}

/* Worker 0 has accepted a client. */
static int serve(void)
{
	struct newcomer newcomer = {.address.any.sa_family = AF_UNIX};

	ck_assert_uint_lt(client_count, CLIENTS_MAX);
	client[client_count++] = relays_connect(listener);
	newcomer.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	ck_assert_int_ge(newcomer.fd, 0);
	ck_assert_ptr_null(admission_take(&newcomer.ticket, &slots, relay));
	return handover_serve(handover, &set, &newcomer);
}

/* How many newcomers the worker has; they come to worker 0. */
static uint64_t take(unsigned whose)
{
	uint64_t before = set.count;

	handover_take(handover, &set, whose);
	return set.count - before;
}

static void serve_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		ck_assert_int_eq(serve(), 0);
}

START_TEST(clients_are_spread_evenly)
{
	begin(4);
	serve_many(8);
	ck_assert_uint_eq(set.count, 2);
	for (unsigned i = 1; i < 4; i++) {
		ck_assert_uint_ge(told[i], 1);
		ck_assert_uint_eq(take(i), 2);
	}
}
END_TEST

/* As many pairs as others does not mean last: each client here is the only one of its worker. */
START_TEST(workers_with_as_few_take_turns)
{
	unsigned before[4];

	begin(4);
	serve_many(1);
	for (int i = 0; i < 3; i++) {
		memcpy(before, told, sizeof(before));
		serve_many(1);
		for (unsigned other = 1; other < 4; other++)
			if (told[other] > before[other])
				handover_pair_ended(handover, other);
	}
	for (unsigned other = 1; other < 4; other++)
		ck_assert_uint_eq(told[other], 1);
}
END_TEST

/* Not all others are looked at for one client. */
START_TEST(many_workers_take_turns)
{
	begin(MANY_WORKERS);
	serve_many(MANY_WORKERS);
	ck_assert_uint_eq(set.count, 1);
	for (unsigned i = 1; i < MANY_WORKERS; i++)
		ck_assert_uint_eq(told[i], 1);
	handover_pair_ended(handover, MANY_WORKERS / 2); /* beyond those looked at for the next client */
	serve_many(2);
	ck_assert_uint_eq(told[MANY_WORKERS / 2], 2);
}
END_TEST

/* Nor is anything counted twice, or not at all. */
START_TEST(short_connections_stay)
{
	begin(4);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(serve(), 0);
		ck_assert_uint_eq(set.count, 1);
		pair_set_shutdown(&set);
	}
	for (unsigned i = 1; i < 4; i++)
		ck_assert_uint_eq(told[i], 0);
}
END_TEST

START_TEST(one_worker_counts_nothing)
{
	handover = NULL;
	serve_many(3);
	ck_assert_uint_eq(set.count, 3);
}
END_TEST

START_TEST(full_queue_costs_nobody)
{
	begin(2);
	serve_many(200);
	ck_assert_uint_eq(set.count, 200 - NEWCOMERS_MAX);
	ck_assert_uint_eq(take(1), NEWCOMERS_MAX);
	pair_set_shutdown(&set);
	serve_many(2); /* nothing that did not go in counts */
	ck_assert_uint_eq(take(1), 1);
}
END_TEST

START_TEST(stuck_worker_gets_none)
{
	begin(2);
	ck_assert_uint_eq(handover_stand_in(handover, 1), HANDOVER_NOBODY);
	handover_set_stand_in(handover, 1, 0);
	ck_assert_uint_eq(handover_stand_in(handover, 1), 0);
	serve_many(4);
	ck_assert_uint_eq(set.count, 4);
	handover_set_stand_in(handover, 1, HANDOVER_NOBODY);
	serve_many(4);
	ck_assert_uint_eq(take(1), 4);
}
END_TEST

/* Its newcomers count where they are taken to. */
START_TEST(newcomers_of_a_stuck_worker_are_taken)
{
	begin(3);
	serve_many(6);
	ck_assert_uint_eq(take(1), 2);
	ck_assert_uint_eq(set.count, 4); /* 4, 0, 2 */
	serve_many(6);
	ck_assert_uint_eq(take(1), 4);
	ck_assert_uint_eq(take(2), 4);
}
END_TEST

static uint64_t count_resets(void)
{
	uint64_t resets = 0;

	for (size_t i = 0; i < client_count; i++) {
		struct pollfd reset = {.fd = client[i]};

		resets += poll(&reset, 1, 0) == 1 && reset.revents & POLLERR;
	}
	return resets;
}

/* Some still find a place beside other pairs. The others are reset, and count no more. */
START_TEST(newcomers_without_memory_for_their_pairs_are_reset)
{
	uint64_t handed, taken, refused;

	begin(2);
	serve_many(80);
	handed = 80 - set.count;
	fault_set_lasting(FAULT_MEMORY, ENOMEM);
	taken = take(1);
	fault_set(FAULT_MEMORY, 0, 0);
	refused = relay->standing->tallies[0].counters.refused;
	ck_assert_uint_gt(refused, 0);
	ck_assert_uint_eq(taken + refused, handed);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.shortages, refused);
	ck_assert_uint_eq(slots_used(&slots), 80 - refused);
	ck_assert_uint_eq(captured("cannot accept: Cannot allocate memory"), 1);
	LOOP_UNTIL(base, count_resets() == refused);
	pair_set_shutdown(&set);
	serve_many(1);
	ck_assert_uint_eq(set.count, 1);
	serve_many(1);
	ck_assert_uint_eq(take(1), 1);
}
END_TEST

/* Whoever hands over must not wait for the one that ended: see worker_stop. */
START_TEST(newcomers_that_are_left_are_reset)
{
	uint64_t received = 0;

	begin(2);
	serve_many(2);
	handover_free(handover);
	LOOP_UNTIL(base, loop_receive(client[1], &received, 1) == LOOP_RST);
	ck_assert_uint_eq(slots_used(&slots), 1);
	begin(2);
}
END_TEST

/* ---- newcomers ---- */

static struct newcomers newcomers;
static _Atomic uint64_t sum, taken;

static void *put_and_take(void *arg)
{
	int first = (int)(intptr_t)arg * EACH, put = 0;
	struct newcomer newcomer;

	while (atomic_load(&taken) < THREADS * EACH) {
		newcomer.fd = first + put;
		if (put < EACH && newcomers_put(&newcomers, &newcomer))
			put++;
		if (newcomers_take(&newcomers, &newcomer)) {
			atomic_fetch_add(&sum, (uint64_t)newcomer.fd);
			atomic_fetch_add(&taken, 1);
		}
	}
	return NULL;
}

START_TEST(threads_lose_no_newcomer)
{
	const uint64_t count = THREADS * EACH;
	pthread_t thread[THREADS];

	newcomers_init(&newcomers);
	for (intptr_t i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, put_and_take, (void *)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(taken, count);
	ck_assert_uint_eq(sum, count * (count - 1) / 2);
	ck_assert(!newcomers_wait(&newcomers));
}
END_TEST

START_TEST(newcomers_are_first_in_first_out_and_bounded)
{
	struct newcomer newcomer;

	newcomers_init(&newcomers);
	for (int round = 0; round < 3; round++) {
		ck_assert(!newcomers_wait(&newcomers));
		for (newcomer.fd = 0; newcomer.fd < NEWCOMERS_MAX; newcomer.fd++)
			ck_assert(newcomers_put(&newcomers, &newcomer));
		ck_assert(!newcomers_put(&newcomers, &newcomer));
		for (int i = 0; i < NEWCOMERS_MAX; i++) {
			ck_assert(newcomers_wait(&newcomers));
			ck_assert(newcomers_take(&newcomers, &newcomer));
			ck_assert_int_eq(newcomer.fd, i);
		}
		ck_assert(!newcomers_take(&newcomers, &newcomer));
	}
}
END_TEST

/* ---- taking over ---- */

#define WAITING 6

static struct pair_set *set_of(void *arg, unsigned worker)
{
	++*(unsigned *)arg;
	set.worker = worker;
	return &set;
}

/* The clients stay connected while the program before ends. */
static void end_before(void)
{
	int number[WAITING], copy[WAITING];
	struct newcomer newcomer;
	size_t count = 0;

	for (unsigned worker = 0; worker < 4; worker++)
		for (unsigned i = 0; handover_look(handover, worker, i, &newcomer); i++) {
			ck_assert_uint_lt(count, WAITING);
			number[count] = newcomer.fd;
			copy[count++] = fcntl(newcomer.fd, F_DUPFD_CLOEXEC, 0);
		}
	ck_assert_uint_eq(count, WAITING);
	handover_free(handover);
	handover = NULL;
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(dup2(copy[i], number[i]), number[i]);
		close(copy[i]);
	}
}

/* Two wait. */
static void save_newcomers(struct generations *generations, struct handing_over *over)
{
	begin(4);
	serve_many(8);
	generations_init(generations);
	generations_add(generations, relay->generation);
	ck_assert_int_eq(generation_index(relay->generation), 0);
	handing_over_begin(over, false);
	newcomers_save(handover, &over->writer);
}

/* _i: the workers that there are then; with one there is no handover */
START_TEST(newcomers_are_taken_over)
{
	struct newcomers_kept kept = STAILQ_HEAD_INITIALIZER(kept);
	struct generations generations;
	struct handing_over over;
	unsigned begun = 0;

	save_newcomers(&generations, &over);
	newcomers_save(NULL, &over.writer);
	handing_over_read(&over);
	end_before();
	ck_assert_uint_eq(slots_used(&slots), 2);
	ck_assert_int_eq(newcomers_restore(&kept, &generations, &slots, &over.reader), 0);
	ck_assert_ptr_null(state_peek(&over.reader));
	ck_assert_uint_eq(slots_used(&slots), 8);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 8);
	if (_i > 1)
		begin((unsigned)_i);
	newcomers_begin(&kept, handover, (unsigned)_i, set_of, &begun);
	ck_assert_uint_eq(begun, WAITING);
	ck_assert_uint_eq(set.count, 8);
	ck_assert_uint_lt(set.worker, _i);
	ck_assert(STAILQ_EMPTY(&kept));
	handing_over_end(&over);
	for (unsigned i = 0; i < 8; i++) /* for those that have begun before it, and are elsewhere */
		handover_pair_restored(handover, set.worker);
}
END_TEST

/* Others may hand clients over meanwhile. */
START_TEST(newcomers_are_not_rehearsed)
{
	struct handing_over over;

	begin(4);
	serve_many(8);
	handing_over_begin(&over, true);
	newcomers_save(handover, &over.writer);
	handing_over_read(&over);
	ck_assert_ptr_null(state_peek(&over.reader));
	handing_over_end(&over);
}
END_TEST

/* The client is reset, and all that it held is given back. */
START_TEST(newcomer_without_memory)
{
	struct newcomers_kept kept = STAILQ_HEAD_INITIALIZER(kept);
	struct generations generations;
	struct handing_over over;
	unsigned begun = 0;

	save_newcomers(&generations, &over);
	handing_over_read(&over);
	end_before();
	fault_set(FAULT_MEMORY, 2, ENOMEM); /* the first one is of what is inherited */
	ck_assert_int_eq(newcomers_restore(&kept, &generations, &slots, &over.reader), -ENOMEM);
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	newcomers_begin(&kept, NULL, 1, set_of, &begun);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_uint_eq(begun, WAITING - 1);
	ck_assert_uint_eq(set.count, 6);
	ck_assert_uint_eq(slots_used(&slots), 6);
	ck_assert_uint_eq(captured("cannot accept"), 1);
	handing_over_end(&over);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("handover");
	TCase *tcase = tcase_create("handover"), *queue = tcase_create("newcomers");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, clients_are_spread_evenly);
	tcase_add_test(tcase, workers_with_as_few_take_turns);
	tcase_add_test(tcase, many_workers_take_turns);
	tcase_add_test(tcase, short_connections_stay);
	tcase_add_test(tcase, one_worker_counts_nothing);
	tcase_add_test(tcase, full_queue_costs_nobody);
	tcase_add_test(tcase, stuck_worker_gets_none);
	tcase_add_test(tcase, newcomers_of_a_stuck_worker_are_taken);
	tcase_add_test(tcase, newcomers_without_memory_for_their_pairs_are_reset);
	tcase_add_test(tcase, newcomers_that_are_left_are_reset);
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(queue, 60);
	tcase_add_test(queue, newcomers_are_first_in_first_out_and_bounded);
	tcase_add_test(queue, threads_lose_no_newcomer);
	tcase_add_loop_test(tcase, newcomers_are_taken_over, 1, 4);
	tcase_add_test(tcase, newcomers_are_not_rehearsed);
	tcase_add_test(tcase, newcomer_without_memory);
	suite_add_tcase(suite, queue);
	return unit_run(suite);
}
