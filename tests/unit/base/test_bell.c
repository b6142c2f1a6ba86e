/* A bell is heard once, after it was awaited. */
#include "build_config.h"

#include "base/bell.h"
#include "base/evloop.h"
#include "loop.h"
#include "unit.h"

#include <pthread.h>

#define THREADS 4
#define RINGS   20000

static struct event_base *base;
static struct bell bell;
static unsigned heard;

static void on_heard(void *arg)
{
	ck_assert_ptr_eq(arg, &heard);
	heard++;
}

static void setup(void)
{
	heard = 0;
	base = evloop_new();
	ck_assert_ptr_nonnull(base);
	ck_assert_int_eq(bell_open(&bell, base, on_heard, &heard), 0);
}

static void teardown(void)
{
	bell_close(&bell);
	event_base_free(base);
}

static void pass(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

START_TEST(nobody_hears_a_bell_that_is_not_awaited)
{
	bell_ring(&bell);
	pass();
	ck_assert_uint_eq(heard, 0);
	bell_await(&bell); /* only what comes from now on */
	pass();
	ck_assert_uint_eq(heard, 0);
}
END_TEST

START_TEST(a_bell_is_heard_once)
{
	bell_await(&bell);
	ck_assert(bell_is_awaited(&bell));
	bell_ring(&bell);
	ck_assert(!bell_is_awaited(&bell));
	bell_ring(&bell);
	pass();
	ck_assert_uint_eq(heard, 1);
	bell_ring(&bell);
	pass();
	ck_assert_uint_eq(heard, 1);
	bell_await(&bell);
	bell_ring(&bell);
	pass();
	ck_assert_uint_eq(heard, 2);
}
END_TEST

START_TEST(a_bell_that_was_not_opened_may_be_rung)
{
	struct bell closed = {.mailbox = {.fd = -1}};

	bell_ring(NULL);
	bell_ring(&closed);
	bell_close(&closed);
}
END_TEST

static void *ring(void *arg)
{
	for (unsigned i = 0; i < RINGS; i++)
		bell_ring(arg);
	return NULL;
}

/* Each time that it is awaited, one of them is heard. */
START_TEST(many_threads_ring)
{
	pthread_t threads[THREADS];
	unsigned awaited = 0;

	for (unsigned i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, ring, &bell), 0);
	for (unsigned i = 0; i < 200; i++) {
		if (!bell_is_awaited(&bell)) {
			bell_await(&bell);
			awaited++;
		}
		pass();
	}
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	bell_ring(&bell);
	pass();
	ck_assert_uint_ge(heard, 1);
	ck_assert_uint_le(heard, awaited);
	ck_assert(!bell_is_awaited(&bell));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bell");
	TCase *tcase = tcase_create("bell");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nobody_hears_a_bell_that_is_not_awaited);
	tcase_add_test(tcase, a_bell_is_heard_once);
	tcase_add_test(tcase, a_bell_that_was_not_opened_may_be_rung);
	tcase_add_test(tcase, many_threads_ring);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
