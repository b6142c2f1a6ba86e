/* Whose turn it is among bulk flows. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "unit.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#define TURNS 5

static uint64_t turn_bytes; /* not 0: what a flow moves in its turn, instead of really doing so */
static unsigned turns_taken;
static struct flow takers[TURNS];

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): ld --wrap wants it */
void __real_flow_take_turn(struct flow *which, unsigned turn);
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): ld --wrap wants it */
void __wrap_flow_take_turn(struct flow *which, unsigned turn);

void __wrap_flow_take_turn(struct flow *which, unsigned turn)
{
	if (turn_bytes == 0) {
		__real_flow_take_turn(which, turn);
		return;
	}
	ck_assert_ptr_eq(which, &takers[turns_taken++]); /* in the order in which they came */
	ck_assert_uint_eq(turn, TURN_READ | TURN_WRITE);
	which->bytes += turn_bytes / 2;
	which->queued += turn_bytes / 2;
}

static void settle_nothing(struct flow *which)
{
	(void)which;
}

static void wait_for_turns(uint64_t bytes)
{
	static struct flow_io takers_io;

	takers_io = io;
	takers_io.settle = settle_nothing;
	turn_bytes = bytes;
	turns_taken = 0;
	for (int i = 0; i < TURNS; i++) {
		takers[i] = (struct flow){.io = &takers_io};
		ck_assert(flow_turn_defer(&takers[i], TURN_READ));
		ck_assert(flow_turn_defer(&takers[i], TURN_WRITE));
	}
}

START_TEST(bulk_of_one_pass_is_bounded)
{
	wait_for_turns(600 * 1024); /* two of them are more than 1 MiB */
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 2);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 4);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 5);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

START_TEST(without_memory_for_the_next_pass_all_turns_are_taken_in_one)
{
	wait_for_turns(2 * 1024 * 1024);
	for (int i = 1; i < TURNS; i++) {
		fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		ck_assert_uint_ge(turns_taken, (unsigned)i + 1);
	}
	ck_assert_uint_eq(turns_taken, TURNS);
}
END_TEST

START_TEST(turn_of_the_middle_can_be_given_up)
{
	wait_for_turns(1);
	for (int i = 1; i < TURNS; i++)
		flow_turn_leave(&takers[i]);
	event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(turns_taken, 1);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

/* Each of hundreds of flows would otherwise move as much as its turn allows in one pass. */
START_TEST(bulk_that_had_no_memory_waits_for_its_turn)
{
	uint64_t sent = 0, received = 0, others = take_all_memory();

	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause == PAUSE_MEMORY));
	flow.bulk = true;
	while (loop_receive(sink[1], &received, BULK), !flow.turn)
		event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
	ck_assert_uint_eq(flow.turn, TURN_WRITE);
	ck_assert_int_eq(flow.pause, PAUSE_MEMORY); /* nothing has shown yet that the sink takes any */
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
	budget_return(&budget, others);
}
END_TEST

START_TEST(turns_without_memory_are_refused)
{
	struct flow_turns none;

	fault_set(FAULT_EVENT_NEW, 1, ENOMEM);
	ck_assert_int_eq(flow_turns_init(&none, base), -ENOMEM);
	flow_turns_deinit(&none);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_turns");
	TCase *tcase = tcase_create("flow_turns");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup_copy, teardown);
	tcase_add_test(tcase, bulk_of_one_pass_is_bounded);
	tcase_add_test(tcase, without_memory_for_the_next_pass_all_turns_are_taken_in_one);
	tcase_add_test(tcase, turn_of_the_middle_can_be_given_up);
	tcase_add_test(tcase, bulk_that_had_no_memory_waits_for_its_turn);
	tcase_add_test(tcase, turns_without_memory_are_refused);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
