/* libevent's records of descriptors have a pool of their own. */
#include "build_config.h"

#include "base/evloop.h"
#include "base/evmemory.h"
#include "base/pool.h"
#include "unit.h"

#include <event2/event.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FDS 300

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

int main(void)
{
	Suite *suite = suite_create("evmemory");
	TCase *tcase = tcase_create("evmemory");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, records_are_in_their_pool);
	tcase_add_test(tcase, small_units_can_be_more);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
