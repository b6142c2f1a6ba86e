/* Units of memory for all threads: what is resident, what is given back, and that no unit has two owners. */
#include "build_config.h"

#include "base/pool.h"
#include "unit.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#define UNIT  8192
#define UNITS 1000

static struct pool pool;
static unsigned piled;

static void on_piled(void *arg)
{
	(void)arg;
	piled++;
}

static void make(size_t kept)
{
	ck_assert_int_eq(pool_init(&pool, UNIT, UNITS * UNIT, 4 * UNITS * UNIT, kept * UNIT), 0);
	pool.piled = on_piled;
	piled = 0;
}

static void teardown(void)
{
	pool_deinit(&pool);
	pool_deinit(&pool);
}

static void get(void *units[], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		units[i] = pool_get(&pool);
		ck_assert_ptr_nonnull(units[i]);
		memset(units[i], 1, UNIT);
	}
}

static void put(void *units[], unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		pool_put(&pool, units[i]);
}

static unsigned resident(void)
{
	static unsigned char pages[(UNITS + 1000) * UNIT / 4096];
	unsigned count = 0;

	ck_assert_int_eq(mincore(pool.units, UNITS * UNIT, pages), 0);
	for (size_t i = 0; i < UNITS * UNIT / 4096; i++)
		count += pages[i] & 1;
	return count / (UNIT / 4096);
}

START_TEST(units_are_aligned_and_its_own)
{
	void *units[2];

	make(0);
	get(units, 2);
	ck_assert_uint_eq((uintptr_t)units[0] % UNIT, 0);
	ck_assert_ptr_ne(units[0], units[1]);
	ck_assert(pool_owns(&pool, units[0]));
	ck_assert(pool_owns(&pool, (char *)units[1] + UNIT - 1));
	ck_assert(!pool_owns(&pool, units));
	put(units, 2);
}
END_TEST

START_TEST(it_has_what_it_was_made_for_and_an_end)
{
	static void *units[UNITS + 1000];
	unsigned count = 0;

	make(0);
	get(units, UNITS);
	while ((units[UNITS + count] = pool_get(&pool)))
		ck_assert_uint_lt(++count, 1000);
	pool_put(&pool, units[500]);
	ck_assert_ptr_eq(pool_get(&pool), units[500]);
	ck_assert_ptr_null(pool_get(&pool));
}
END_TEST

/* Takes all that there are, and returns how many. */
static unsigned get_all(void)
{
	unsigned count = 0;
	void *unit;

	while ((unit = pool_get(&pool))) {
		memset(unit, 1, UNIT);
		count++;
	}
	return count;
}

START_TEST(it_can_be_extended)
{
	unsigned count;

	make(0);
	ck_assert_int_eq(pool_extend(&pool, UNITS * UNIT / 2), 0); /* never gets smaller */
	count = get_all();
	ck_assert_uint_ge(count, UNITS);
	ck_assert_int_eq(pool_extend(&pool, 3 * UNITS * UNIT), 0);
	ck_assert_uint_eq(get_all(), 3 * UNITS + (count - UNITS) - count);
	ck_assert_int_eq(pool_extend(&pool, 4 * UNITS * UNIT), 0);
	ck_assert_uint_eq(get_all(), UNITS);
	ck_assert_int_eq(pool_extend(&pool, 5 * UNITS * UNIT), -ENOMEM);
	ck_assert_uint_eq(get_all(), 0);
}
END_TEST

/* 4 PiB is more than a process can have addresses for. */
START_TEST(it_does_with_what_addresses_there_are)
{
	const size_t large = 1024 * 1024;

	ck_assert_int_eq(pool_init(&pool, large, large, UINT64_MAX, 0), 0);
	ck_assert_ptr_nonnull(pool_get(&pool));
	ck_assert_int_eq(pool_extend(&pool, 1000 * large), -ENOMEM);
	pool_deinit(&pool);
	ck_assert_int_lt(pool_init(&pool, large, UINT64_MAX, 0, 0), 0);
	ck_assert_ptr_null(pool_get(&pool));
	ck_assert_int_eq(pool_extend(&pool, large), -ENOMEM);
}
END_TEST

/* The numbers that belong to the units are as many, so they must not be touched either. */
START_TEST(addresses_cost_no_memory)
{
	static unsigned char pages[64 * 1024];
	unsigned count = 0;
	void *units[600];

	ck_assert_int_eq(pool_init(&pool, UNIT, UNITS * UNIT, (uint64_t)sizeof(pages) * 1024 * UNIT, 0), 0);
	get(units, 600);
	put(units, 600);
	ck_assert_int_eq(mincore(pool.next, sizeof(pages) * 4096, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		count += pages[i] & 1;
	ck_assert_uint_eq(count, 1); /* 1024 numbers */
}
END_TEST

START_TEST(a_pool_that_was_not_made_has_nothing)
{
	ck_assert_ptr_null(pool_get(&pool));
	ck_assert(!pool_owns(&pool, &pool));
	ck_assert(!pool_look(&pool));
	ck_assert(!pool_give_back(&pool));
}
END_TEST

static void *use_in_turn(void *arg)
{
	static void *units[600];

	(void)arg;
	get(units, 600);
	put(units, 600);
	return NULL;
}

START_TEST(one_thread_after_another_uses_the_same_units)
{
	pthread_t thread;

	make(0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, use_in_turn, NULL), 0);
		pthread_join(thread, NULL);
		ck_assert_uint_eq(resident(), 600);
	}
}
END_TEST

static void give_back_all(void)
{
	while (pool_give_back(&pool))
		;
}

START_TEST(what_was_not_needed_is_given_back)
{
	static void *units[600];

	make(10);
	get(units, 600);
	put(units, 600);
	ck_assert(pool_look(&pool));
	get(units, 50);
	put(units, 50);
	give_back_all();
	ck_assert_uint_eq(resident(), 60); /* 50 were needed, 10 are kept */
	ck_assert(pool_look(&pool));
	give_back_all();
	ck_assert_uint_eq(resident(), 10);
	ck_assert(!pool_look(&pool));
	get(units, 600); /* what was given back can be used again */
	put(units, 600);
}
END_TEST

/* However slow the decline is, and however short the burst was. */
START_TEST(it_tells_once_that_units_pile_up)
{
	static void *units[600];

	make(100);
	get(units, 600);
	put(units, 100);
	ck_assert_uint_eq(piled, 0);
	put(units + 100, 1);
	ck_assert_uint_eq(piled, 1);
	put(units + 101, 499);
	ck_assert_uint_eq(piled, 1);
	pool_rest(&pool); /* too early */
	ck_assert_uint_eq(piled, 2);
	pool_look(&pool);
	give_back_all();
	pool_rest(&pool);
	ck_assert_uint_eq(piled, 2);
	get(units, 200);
	put(units, 200);
	ck_assert_uint_eq(piled, 3);
}
END_TEST

#define THREADS 4

/* Finds whether another owner has written into a unit, or the system has taken it away. */
static void *get_and_put(void *arg)
{
	unsigned char *units[20];

	for (int round = 0; round < 5000; round++) {
		int count = round % 20 + 1;

		for (int i = 0; i < count; i++) {
			units[i] = pool_get(&pool);
			if (!units[i])
				return arg;
			memcpy(units[i], &arg, sizeof(arg));
		}
		for (int i = 0; i < count; i++) {
			if (memcmp(units[i], &arg, sizeof(arg)) != 0)
				return arg;
			pool_put(&pool, units[i]);
		}
	}
	return NULL;
}

START_TEST(no_unit_has_two_owners)
{
	static char names[THREADS];
	pthread_t threads[THREADS];
	void *broken;

	make(0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, get_and_put, &names[i]), 0);
	for (int i = 0; i < 2000; i++) {
		pool_give_back(&pool);
		pool_look(&pool);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &broken);
		ck_assert_ptr_null(broken);
	}
	pool_look(&pool);
	give_back_all();
	ck_assert_uint_eq(resident(), 0);
}
END_TEST

/* Takes 500 units, as they come, and marks each as its own. */
static void *collect(void *arg)
{
	unsigned char *units[500];

	for (int i = 0; i < 500;) {
		units[i] = pool_get(&pool);
		if (units[i])
			memcpy(units[i++], &arg, sizeof(arg));
		else
			sched_yield();
	}
	for (int i = 0; i < 500; i++)
		if (memcmp(units[i], &arg, sizeof(arg)) != 0 || !pool_owns(&pool, units[i]))
			return arg;
	for (int i = 0; i < 500; i++)
		pool_put(&pool, units[i]);
	return NULL;
}

START_TEST(it_is_extended_while_threads_use_it)
{
	static char names[THREADS];
	pthread_t threads[THREADS];
	void *broken;

	make(0);
	for (int i = 0; i < UNITS; i++)
		pool_get(&pool);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, collect, &names[i]), 0);
	for (unsigned units = UNITS; units <= 3 * UNITS; units += 10) {
		ck_assert_int_eq(pool_extend(&pool, units * UNIT), 0);
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &broken);
		ck_assert_ptr_null(broken);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pool");
	TCase *tcase = tcase_create("pool");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, units_are_aligned_and_its_own);
	tcase_add_test(tcase, it_has_what_it_was_made_for_and_an_end);
	tcase_add_test(tcase, it_can_be_extended);
	tcase_add_test(tcase, it_does_with_what_addresses_there_are);
	tcase_add_test(tcase, addresses_cost_no_memory);
	tcase_add_test(tcase, it_is_extended_while_threads_use_it);
	tcase_add_test(tcase, a_pool_that_was_not_made_has_nothing);
	tcase_add_test(tcase, one_thread_after_another_uses_the_same_units);
	tcase_add_test(tcase, what_was_not_needed_is_given_back);
	tcase_add_test(tcase, it_tells_once_that_units_pile_up);
	tcase_add_test(tcase, no_unit_has_two_owners);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
