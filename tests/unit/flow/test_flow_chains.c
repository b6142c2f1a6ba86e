/* All that a queue keeps in its output buffer is in chains of the pool that libevent's memory comes from. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/evmemory.h"
#include "base/pool.h"
#include "flow/flow_private.h"
#include "unit.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pool pool;
static struct event_base *base;
static struct bufferevent *buffer;
static int fds[2];
static unsigned char data[3 * FLOW_CHAIN_SIZE];

static void setup(void)
{
	ck_assert_int_eq(pool_init(&pool, FLOW_CHAIN_SIZE, 0, 0, 0), 0);
	evmemory_use(&pool, NULL);
	base = evloop_new();
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	buffer = flow_buffer_open(base, fds[0]);
	ck_assert_ptr_nonnull(buffer);
}

static void teardown(void)
{
	flow_buffer_close(buffer);
	event_base_loop(base, EVLOOP_NONBLOCK);
	event_base_free(base);
	evmemory_use(NULL, NULL);
	pool_deinit(&pool);
	close(fds[0]);
	close(fds[1]);
}

/* Units in use. */
static unsigned chains(void)
{
	return pool.fresh - pool.spares;
}

START_TEST(a_small_queue_is_one_chain)
{
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(flow_buffer_append(buffer, false, data, 100), 0);
	ck_assert_uint_eq(chains(), 1);
	ck_assert_int_eq(flow_buffer_append(buffer, false, data, 100), 0);
	ck_assert_uint_eq(chains(), 2);
}
END_TEST

START_TEST(every_chain_is_full)
{
	ck_assert_int_eq(flow_buffer_append(buffer, false, data, 3 * FLOW_CHAIN_PAYLOAD), 0);
	ck_assert_uint_eq(chains(), 3);
	flow_buffer_close(buffer);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(chains(), 0);
	buffer = NULL;
}
END_TEST

/* A pool that has nothing left is no reason to lose a pair. */
START_TEST(more_than_the_pool_has_is_from_malloc)
{
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(flow_buffer_append(buffer, false, data, FLOW_CHAIN_PAYLOAD), 0);
	ck_assert_uint_eq(chains(), pool.count);
	ck_assert_uint_eq(flow_buffer_head(buffer), 1000 * FLOW_CHAIN_PAYLOAD);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_chains");
	TCase *tcase = tcase_create("flow_chains");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_small_queue_is_one_chain);
	tcase_add_test(tcase, every_chain_is_full);
	tcase_add_test(tcase, more_than_the_pool_has_is_from_malloc);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
