/* The memory law while memory_max changes: what is used, and what is resident, whatever thread used it. */
#include "build_config.h"

#include "base/evloop.h"
#include "capture.h"
#include "daemon/memory.h"
#include "flow/flow_private.h"
#include "loop.h"
#include "unit.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <pthread.h>
#include <sys/mman.h>

#define MIB     (1024 * 1024ull)
#define LITTLE  (16 * MIB)
#define MUCH    (256 * MIB)
#define THREADS 4
#define QUEUES  8 /* of each thread */
#define STEP    (64 * FLOW_CHAIN_PAYLOAD)

/* What memory keeps for the next burst, and what is missing while it is being given back. */
#define KEPT (512 * 1024)

static struct event_base *base;
static struct memory memory;
static struct budget budget;
static unsigned rests;

/* As a flow does it: claims first, and then queues no more than that is enough for. */
struct queue {
	struct evbuffer *bytes;
	uint64_t held;
};
static struct queue queues[THREADS][QUEUES];

static void on_rest(void *arg)
{
	(void)arg;
	rests++;
}

static void setup(void)
{
	capture_begin();
	rests = 0;
	memory = (struct memory){.mailbox.fd = -1, .rested = on_rest};
	memory_reserve(&memory, LITTLE, 100, 1000, 1);
	budget_init(&budget, LITTLE);
	base = evloop_new();
	ck_assert_int_eq(memory_watch(&memory, base), 0);
	for (int i = 0; i < THREADS * QUEUES; i++)
		queues[i / QUEUES][i % QUEUES] = (struct queue){.bytes = evbuffer_new()};
}

static void teardown(void)
{
	for (int i = 0; i < THREADS * QUEUES; i++)
		evbuffer_free(queues[i / QUEUES][i % QUEUES].bytes);
	memory_unwatch(&memory);
	event_base_free(base);
	memory_deinit(&memory);
	capture_end();
}

static bool grow(struct queue *queue)
{
	static const unsigned char data[FLOW_CHAIN_PAYLOAD];
	size_t wanted = evbuffer_get_length(queue->bytes) + STEP;

	queue->held = budget_claim(&budget, queue->held, flow_queue_cost(wanted));
	if (queue->held < flow_queue_cost(wanted))
		return false;
	if (evbuffer_get_length(queue->bytes) == 0)
		evbuffer_expand(queue->bytes, FLOW_CHAIN_PAYLOAD);
	for (size_t i = 0; i < STEP; i += sizeof(data))
		evbuffer_add(queue->bytes, data, sizeof(data));
	return true;
}

/* All queues of a thread in turn, until none gets more. */
static void *fill(void *arg)
{
	struct queue *own = arg;
	bool moved = true;

	while (moved) {
		moved = false;
		for (int i = 0; i < QUEUES; i++)
			moved = grow(&own[i]) || moved;
	}
	return NULL;
}

static void *empty(void *arg)
{
	struct queue *own = arg;

	for (int i = 0; i < QUEUES; i++) {
		evbuffer_drain(own[i].bytes, evbuffer_get_length(own[i].bytes));
		budget_return(&budget, own[i].held);
		own[i].held = 0;
	}
	return NULL;
}

/* Thread i has the queues i + shift, so that others use what one has freed. */
static void in_threads(void *(*run)(void *), int shift)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, run, queues[(i + shift) % THREADS]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

/* Bytes of the pool of queues. 0 in a build without pools. */
static uint64_t resident(void)
{
	static unsigned char pages[(MUCH + 2 * MIB) / 4096];
	uint64_t bytes = 0;

	if (!memory.queues.units)
		return 0;
	ck_assert_int_eq(mincore(memory.queues.units, sizeof(pages) * 4096, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		bytes += pages[i] & 1 ? 4096 : 0;
	return bytes;
}

/* What is queued is in the pool. If it came from anywhere else, there would be less of it there. */
static void assert_law(uint64_t max)
{
	uint64_t used = budget_used(&budget);

	ck_assert_uint_le(used, max);
	ck_assert_uint_ge(used, max * 9 / 10);
	if (!memory.queues.units)
		return;
	ck_assert_uint_le(resident(), max);
	ck_assert_uint_ge(resident(), used * 9 / 10);
}

START_TEST(law_holds_while_memory_max_changes)
{
	in_threads(fill, 0);
	assert_law(LITTLE);
	memory_extend(&memory, MUCH, 100);
	budget_set_max(&budget, MUCH);
	in_threads(fill, 1);
	assert_law(MUCH);
	memory_extend(&memory, LITTLE, 100);
	budget_set_max(&budget, LITTLE);
	in_threads(fill, 2);
	assert_law(MUCH); /* nobody got more, and nobody lost anything */
	in_threads(empty, 3);
	ck_assert_uint_eq(budget_used(&budget), 0);
	LOOP_UNTIL(base, resident() <= KEPT);
	in_threads(fill, 0);
	assert_law(LITTLE);
	ck_assert_int_eq(captured(""), 0);
}
END_TEST

/*
 * Without room the law still holds for what is used. What is resident has no bound then, and the log says so.
 */
START_TEST(lack_of_addresses_is_told)
{
	memory_extend(&memory, UINT64_MAX / 2, 100);
	ck_assert_int_eq(captured("no addresses for "), memory.queues.units ? 1 : 0);
	budget_set_max(&budget, 2 * LITTLE);
	in_threads(fill, 0);
	ck_assert_uint_le(budget_used(&budget), 2 * LITTLE);
	ck_assert_uint_ge(budget_used(&budget), 2 * LITTLE * 9 / 10);
}
END_TEST

START_TEST(threads_are_told_of_a_rest)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(rests, 0);
	memory_tidy(&memory);
	LOOP_UNTIL(base, rests > 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(rests, 1);
}
END_TEST

START_TEST(more_is_tried)
{
	ck_assert_int_eq(memory_try(0), 0);
	ck_assert_int_eq(memory_try(1 << 20), 0);
	ck_assert_int_eq(memory_try(UINT64_MAX / 2), -ENOMEM);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tcase = tcase_create("memory");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, law_holds_while_memory_max_changes);
	tcase_add_test(tcase, lack_of_addresses_is_told);
	tcase_add_test(tcase, threads_are_told_of_a_rest);
	tcase_add_test(tcase, more_is_tried);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
