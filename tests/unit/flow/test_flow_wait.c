/* Waiting for a sink: one that the kernel calls writable may take nothing, and then nobody spins. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "net/stream.h"
#include "unit.h"

/* A flow that looks after 10, 20, 40, 80 and 160 ms looks five times in so long. */
#define STARVED_MS 350
#define LOOKS_MAX  7

static enum fault writing(void)
{
	return splicing ? FAULT_SPLICE : FAULT_WRITE;
}

/* The kernel takes nothing for a while, although there is room. */
static void starve(enum fault fault)
{
	unsigned passes;

	fault_set_lasting(fault, EAGAIN);
	passes = loop_passes_in(base, STARVED_MS);
	ck_assert_uint_le(fault_count(fault), LOOKS_MAX);
	ck_assert_uint_le(passes, 4 * LOOKS_MAX);
	LOOP_UNTIL(base, fault_count(fault) >= 2); /* by now, unless others had the CPU all the time */
	fault_set(fault, 0, 0);
}

START_TEST(starved_sink_is_left_alone)
{
	uint64_t sent = fill(), received = 0;

	while (stream_unacknowledged(sink[0]) > 0)
		loop_receive(sink[1], &received, BULK);
	ck_assert_uint_gt(flow.queued, LOW);
	starve(writing());
	ck_assert_int_eq(flow.pause, PAUSE_HIGH);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
	ck_assert(!flow.starved);
	ck_assert_uint_eq(flow.starved_times, 0);
	assert_quiet();
}
END_TEST

/* Once it has taken something, it is a sink like any other. */
START_TEST(sink_that_takes_again_is_written_to_at_once)
{
	uint64_t sent = fill(), received = 0;

	while (stream_unacknowledged(sink[0]) > 0)
		loop_receive(sink[1], &received, BULK);
	fault_set(writing(), 1, EAGAIN);
	LOOP_UNTIL(base, flow.starved);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received > LOW && !flow.starved));
	for (; received < sent; ck_assert(!flow.starved)) {
		event_base_loop(base, EVLOOP_NONBLOCK);
		loop_receive(sink[1], &received, BULK);
	}
}
END_TEST

/* What waits is with the source then, so the flow asks it again each time. */
START_TEST(starved_sink_is_left_alone_without_memory_for_a_queue)
{
	uint64_t others = take_all_memory(), received = 0;
	const unsigned char first = loop_byte(0);

	fault_set_lasting(FAULT_SEND, EAGAIN);
	ck_assert_int_eq(write(source[1], &first, 1), 1);
	LOOP_UNTIL(base, flow.pause == PAUSE_MEMORY);
	starve(FAULT_SEND);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == 1));
	budget_return(&budget, others);
}
END_TEST

static void note_end_of_pause(void)
{
	ck_assert(flow.pause == PAUSE_MEMORY || flow.sink != SINK_OPEN);
}

/* A close line was of the opposite side: its pause had seemed to end because the sink took some. */
static void assert_reset_ends_no_pause(bool bulk)
{
	uint64_t sent = 0, others = take_all_memory();

	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause == PAUSE_MEMORY));
	assert_quiet();
	flow.bulk = bulk;
	after_settle = note_end_of_pause;
	loop_reset(sink[1]);
	LOOP_UNTIL(base, flow.sink == SINK_FAILED);
	after_settle = NULL;
	budget_return(&budget, others);
}

START_TEST(reset_of_a_sink_ends_no_pause_for_memory)
{
	assert_reset_ends_no_pause(false);
}
END_TEST

/* It is seen in the flow's turn. */
START_TEST(reset_of_a_sink_ends_no_pause_of_bulk_for_memory)
{
	assert_reset_ends_no_pause(true);
}
END_TEST

static void add_case(Suite *suite, const char *name, void (*setup)(void))
{
	TCase *tcase = tcase_create(name);

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, starved_sink_is_left_alone);
	tcase_add_test(tcase, sink_that_takes_again_is_written_to_at_once);
	tcase_add_test(tcase, starved_sink_is_left_alone_without_memory_for_a_queue);
	tcase_add_test(tcase, reset_of_a_sink_ends_no_pause_for_memory);
	tcase_add_test(tcase, reset_of_a_sink_ends_no_pause_of_bulk_for_memory);
	suite_add_tcase(suite, tcase);
}

int main(void)
{
	Suite *suite = suite_create("flow_wait");

	add_case(suite, "copy", setup_copy);
	add_case(suite, "splice", setup_splice);
	return unit_run(suite);
}
