/* libevent's records of descriptors have a pool of their own. A thread gives back the end of its heap. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/evmemory.h"
#include "base/pool.h"
#include "unit.h"

#include <event2/event.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#define FDS    300
#define BLOCKS 1000
#define BLOCK  4112
#define PAGE   4096
/* More than a cache of free blocks of one size has room for. */
#define SMALL        40
#define SMALL_BLOCKS 8
/* glibc keeps 128 KiB, and one page more if that does not end with a page. */
#define KEPT_PAGES 33

static struct pool records;

static void setup(void)
{
	ck_assert_int_eq(pool_init(&records, EVMEMORY_RECORD_SIZE, 1, FDS * EVMEMORY_RECORD_SIZE, 0), 0);
	evmemory_use(NULL, &records);
}

static void teardown(void)
{
	evmemory_use(NULL, NULL);
	pool_deinit(&records);
}

/* Units in use. */
static unsigned used(void)
{
	return records.fresh - records.spares;
}

EVENT_CALLBACK(on_nothing, void, arg)
{
	(void)arg;
}

static void watch_and_forget(struct event_base *base, int fd)
{
	struct event *event = event_new(base, fd, EV_READ, on_nothing, NULL);

	ck_assert_int_eq(event_add(event, NULL), 0);
	event_free(event);
}

/* There are 256 units, and malloc(3) for the others. */
START_TEST(records_are_in_their_pool)
{
	struct event_base *base = evloop_new();
	unsigned before = used();
	int fds[FDS];

	for (int i = 0; i < FDS; i++) {
		fds[i] = eventfd(0, 0);
		watch_and_forget(base, fds[i]);
		if (i < 200)
			ck_assert_uint_eq(used(), before + (unsigned)i + 1);
	}
	ck_assert_uint_eq(used(), records.count);
	event_base_free(base);
	ck_assert_uint_eq(used(), 0);
	for (int i = 0; i < FDS; i++)
		close(fds[i]);
}
END_TEST

START_TEST(small_units_can_be_more)
{
	unsigned char *units[FDS + 256];

	ck_assert_int_eq(pool_extend(&records, FDS * EVMEMORY_RECORD_SIZE), 0);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		units[i] = pool_get(&records);
		ck_assert_ptr_nonnull(units[i]);
		memset(units[i], 1, EVMEMORY_RECORD_SIZE);
	}
	ck_assert_ptr_null(pool_get(&records));
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		pool_put(&records, units[i]);
}
END_TEST

#ifndef WITH_SANITIZERS
static unsigned resident(uintptr_t first, uintptr_t last)
{
	unsigned char page;
	unsigned count = 0;

	for (first = (first + PAGE - 1) & -(uintptr_t)PAGE; first + PAGE <= last; first += PAGE)
		/* NOLINTNEXTLINE(performance-no-int-to-ptr): what was there is freed */
		count += mincore((void *)first, PAGE, &page) == 0 && (page & 1);
	return count;
}

/*
 * A small block above all others keeps these from being the end of the heap until malloc_trim(3), which joins
 * it with what is next to it. Those before have filled the cache that it would go to.
 */
static void *use_a_heap(void *arg)
{
	static void *volatile small[SMALL_BLOCKS], *volatile blocks[BLOCKS];
	uintptr_t first, last;

	(void)arg;
	for (int i = 0; i < SMALL_BLOCKS - 1; i++)
		small[i] = malloc(SMALL);
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = memset(malloc(BLOCK), 1, BLOCK);
	small[SMALL_BLOCKS - 1] = malloc(SMALL);
	first = (uintptr_t)blocks[0];
	last = (uintptr_t)blocks[BLOCKS - 1];
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	for (int i = 0; i < SMALL_BLOCKS; i++)
		free(small[i]);
	malloc_trim(0);
	evmemory_tidy();
	ck_assert_uint_le(resident(first, last), KEPT_PAGES);
	return NULL;
}

START_TEST(end_of_a_heap_is_given_back)
{
	pthread_t thread;

	ck_assert_int_eq(pthread_create(&thread, NULL, use_a_heap, NULL), 0);
	pthread_join(thread, NULL);
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("evmemory");
	TCase *tcase = tcase_create("evmemory");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, records_are_in_their_pool);
	tcase_add_test(tcase, small_units_can_be_more);
#ifndef WITH_SANITIZERS
	tcase_add_test(tcase, end_of_a_heap_is_given_back); /* sanitizers keep what is freed */
#endif
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
