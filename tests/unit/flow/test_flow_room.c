/* What a sink holds when the size of its kernel buffer was set, whichever way the bytes take. */
#include "build_config.h"

#include "base/number.h"
#include "flow/one_flow.h"
#include "net/stream.h"
#include "unit.h"

#define ASKED (4 * 1024)
#define SIZE  (2 * ASKED)

static uint64_t most; /* bytes in the sink, of all that were seen */

static void look_into_sink(void)
{
	most = max_u64(most, stream_unacknowledged(sink[0]));
}

/* Without our bound, a receiver with a large window would get packets of several times the size. */
static void set_sizes(void)
{
	int asked = ASKED, large = 64 * 1024;

	setsockopt(sink[1], SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	setsockopt(sink[0], SOL_SOCKET, SO_SNDBUF, &asked, sizeof(asked));
	flow_bound_sink(&flow);
	ck_assert_uint_eq(flow.sink_size, SIZE);
	after_settle = look_into_sink;
	most = 0;
}

static void setup_sizes_copy(void)
{
	setup_copy();
	set_sizes();
}

static void setup_sizes_splice(void)
{
	setup_splice();
	set_sizes();
}

static void teardown_sizes(void)
{
	after_settle = NULL;
	teardown();
}

START_TEST(set_buffer_bounds_what_is_in_the_sink)
{
	uint64_t sent = 0, received = 0;

	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause));
	ck_assert_uint_gt(most, 0);
	ck_assert_uint_le(most, SIZE);
	ck_assert_uint_gt(flow.queued, LOW);
	LOOP_UNTIL(base, (look_into_sink(), loop_receive(sink[1], &received, BULK), received == sent));
	ck_assert_uint_le(most, SIZE);
	ck_assert_uint_eq(flow.bytes, sent);
}
END_TEST

/* The receiver's kernel goes on taking for a while, as its acknowledgements come late. */
static void fill_all(void)
{
	struct pollfd writable = {.fd = sink[0], .events = POLLOUT};
	uint64_t sent = 0;

	do {
		LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause));
		event_base_loop(base, EVLOOP_NONBLOCK);
	} while (poll(&writable, 1, 300) > 0);
}

/* Two thirds are all that an event for each write would lead to, once all was acknowledged together. */
START_TEST(sink_is_filled_up)
{
	const struct flow_limits before = limits;
	int asked = BULK / 8;
	uint64_t received = 0;

	budget.max = 8 * BULK;
	limits = (struct flow_limits){.high = BULK, .low = BULK / 2};
	setsockopt(sink[0], SOL_SOCKET, SO_SNDBUF, &asked, sizeof(asked));
	flow_bound_sink(&flow);
	fill_all();
	most = 0;
	while (stream_unacknowledged(sink[0]) > 0)
		loop_receive(sink[1], &received, BULK);
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_gt(flow.queued, 0);
	ck_assert_uint_le(most, flow.sink_size);
	ck_assert_uint_gt(most, flow.sink_size / 5 * 4);
	limits = before;
}
END_TEST

START_TEST(flow_waits_for_room_without_spinning)
{
	fill_all();
	ck_assert_uint_gt(flow.queued, 0);
	assert_quiet();
	ck_assert_int_eq(describe(clock_ms()).limited_by, BLAME_TARGET);
}
END_TEST

/* What is peeked at is sent too. */
START_TEST(set_buffer_bounds_when_there_is_no_memory)
{
	uint64_t sent = 0, received = 0, others = take_all_memory();

	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause == PAUSE_MEMORY));
	ck_assert_uint_gt(most, 0);
	ck_assert_uint_le(most, SIZE);
	LOOP_UNTIL(base, (look_into_sink(), loop_receive(sink[1], &received, BULK), received == sent));
	ck_assert_uint_le(most, SIZE);
	budget_return(&budget, others);
}
END_TEST

/* Small messages were the worst: the kernel adds each to a packet that it has not sent yet. */
START_TEST(small_messages_are_bounded_too)
{
	uint64_t sent = 0, received = 0;

	be_small();
	while (sent < 16 * SIZE) {
		uint64_t before = flow.bytes + flow.queued;
		size_t piece = loop_send(source[1], sent, SIZE / 16);

		sent += piece;
		LOOP_UNTIL(base, flow.pause || flow.bytes + flow.queued == before + piece);
	}
	ck_assert_uint_gt(flow.queued, 0);
	ck_assert_uint_le(most, SIZE);
	LOOP_UNTIL(base, (look_into_sink(), loop_receive(sink[1], &received, BULK), received == sent));
	ck_assert_uint_le(most, SIZE);
}
END_TEST

START_TEST(room_is_what_the_size_leaves_and_at_most_a_third)
{
	ck_assert_uint_eq(flow_sink_room(&flow), SIZE / 3);
	ck_assert_uint_eq(flow_sink_step(&flow), SIZE / 3);
	stuff_sink();
	ck_assert_uint_ge(stream_unacknowledged(sink[0]), SIZE);
	ck_assert_uint_eq(flow_sink_room(&flow), 0);
	flow.sink_size = stream_unacknowledged(sink[0]) + 1;
	ck_assert_uint_eq(flow_sink_room(&flow), 1);
	flow.sink_size = 0; /* not set */
	ck_assert_uint_eq(flow_sink_room(&flow), SIZE_MAX);
	ck_assert_uint_eq(flow_sink_step(&flow), SIZE_MAX);
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown_sizes);
	tcase_add_test(tcase, set_buffer_bounds_what_is_in_the_sink);
	tcase_add_test(tcase, sink_is_filled_up);
	tcase_add_test(tcase, flow_waits_for_room_without_spinning);
	tcase_add_test(tcase, set_buffer_bounds_when_there_is_no_memory);
	tcase_add_test(tcase, small_messages_are_bounded_too);
	tcase_add_test(tcase, room_is_what_the_size_leaves_and_at_most_a_third);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("flow_room");

	add_case(suite, "copy", setup_sizes_copy);
	add_case(suite, "splice", setup_sizes_splice);
	return unit_run(suite);
}
