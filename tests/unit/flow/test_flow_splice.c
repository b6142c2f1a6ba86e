/* Which flows take a pipe, and what becomes of it. */
#include "build_config.h"

#include "faults.h"
#include "flow/one_flow.h"
#include "unit.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

/* Sends, and reads what comes, until so much has passed. */
static void pass(uint64_t *sent, uint64_t *received, uint64_t length, size_t piece)
{
	uint64_t end = *sent + length;

	LOOP_UNTIL(base, (*sent += loop_send(source[1], *sent, end - *sent < piece ? end - *sent : piece),
	                  loop_receive(sink[1], received, BULK), *received == end));
}

/* One read of so many bytes. */
static void read_at_once(uint64_t *sent, uint64_t *received, size_t length)
{
	uint64_t end = *sent + length, give_up = clock_ms() + LOOP_DEADLINE_MS;
	int unread = 0;

	while (unread < (int)length && clock_ms() < give_up) {
		*sent += loop_send(source[1], *sent, end - *sent);
		ck_assert_int_eq(ioctl(source[0], SIOCINQ, &unread), 0);
	}
	ck_assert_int_eq(unread, (int)length);
	LOOP_UNTIL(base, (loop_receive(sink[1], received, BULK), *received == *sent));
}

/*
 * 32 KiB and more is a large read: four of them more than small ones lead to a pipe, as many small ones back.
 */
START_TEST(large_reads_lead_to_a_pipe_and_small_ones_back)
{
	uint64_t sent = 0, received = 0;
	int size = 4 * SCRATCH;

	setsockopt(source[0], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(source[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	be_small();
	for (int i = 0; i < 3; i++)
		read_at_once(&sent, &received, SCRATCH);
	read_at_once(&sent, &received, 1);
	read_at_once(&sent, &received, SCRATCH);
	ck_assert(!flow.bulk);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	read_at_once(&sent, &received, SCRATCH);
	ck_assert(flow.bulk);
	read_at_once(&sent, &received, SCRATCH);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1);
	for (int i = 0; i < 3; i++)
		read_at_once(&sent, &received, SCRATCH - 1);
	ck_assert(flow.bulk);
	read_at_once(&sent, &received, SCRATCH - 1);
	ck_assert(!flow.bulk);
	ck_assert_ptr_null(flow.pipes);
}
END_TEST

/* Bytes count. Otherwise a connection of a few MiB would be half over before it is worth a pipe. */
START_TEST(one_read_of_128K_leads_to_a_pipe)
{
	be_small();
	flow_bulk_note(&flow, 128 * 1024 - 1);
	ck_assert(!flow.bulk);
	be_small();
	flow_bulk_note(&flow, 128 * 1024);
	ck_assert(flow.bulk);
	flow_bulk_note(&flow, 1024 * 1024);
	for (int i = 0; i < 3; i++)
		flow_bulk_note(&flow, 1);
	ck_assert(flow.bulk);
	flow_bulk_note(&flow, 1); /* however much came before */
	ck_assert(!flow.bulk);
}
END_TEST

START_TEST(empty_pipe_goes_back_to_the_pool)
{
	uint64_t sent = 0, received = 0;

	pass(&sent, &received, BULK, BULK);
	ck_assert_ptr_null(flow.pipes);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1);
	ck_assert_uint_eq(pipes.idle_count, 1);
}
END_TEST

START_TEST(pipe_with_bytes_is_not_used_again)
{
	fill();
	ck_assert_ptr_nonnull(flow.pipes);
	flow_sink_failed(&flow, -ECONNRESET);
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	ck_assert_uint_eq(pipes.idle_count, 0);
}
END_TEST

/* Lets the process have no more descriptors, so that no pipe can be made, or as many as before. */
static void allow_descriptors(bool more)
{
	struct rlimit limit;
	int next = dup(source[0]);

	close(next);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = more ? limit.rlim_max : (rlim_t)next;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* There may be fewer than the limit says: pipe-user-pages-soft allows a user 64. */
START_TEST(half_of_the_pipes_that_can_be_are_for_flows_without_one)
{
	struct pipe *taken[4];

	slots_init(&pipe_slots, 100);
	for (unsigned i = 0; i < 4; i++)
		ck_assert_ptr_nonnull(taken[i] = pipe_pool_get(&pipes));
	ck_assert(pipe_pool_has_plenty(&pipes));
	allow_descriptors(false);
	ck_assert_ptr_null(pipe_pool_get(&pipes));
	allow_descriptors(true);
	pipes.retry_at = clock_ms(); /* one may be tried again */
	ck_assert(pipe_pool_has(&pipes));
	ck_assert(!pipe_pool_has_plenty(&pipes));
	pipes.retry_at = clock_ms() - 60000; /* a minute later there may be as many as ever */
	ck_assert(pipe_pool_has_plenty(&pipes));
	for (unsigned i = 0; i < 4; i++)
		pipe_pool_put(&pipes, taken[i]);
}
END_TEST

START_TEST(without_a_pipe_the_flow_copies)
{
	uint64_t sent = 0, received = 0;

	slots_init(&pipe_slots, 1);
	ck_assert(slots_take(&pipe_slots));
	pass(&sent, &received, BULK, BULK);
	ck_assert_uint_eq(pipes.idle_count, 0);
	slots_give(&pipe_slots);
}
END_TEST

START_TEST(bulk_flow_waits_for_its_turn)
{
	run_until_its_turn();
	ck_assert_uint_eq(flow.bytes, 0);
	ck_assert(!flow.readable_added);
	ck_assert_ptr_eq(TAILQ_FIRST(&turns.waiting), &flow);
	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.bytes, 1);
	ck_assert(flow.readable_added);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

START_TEST(ended_flow_gives_up_its_turn)
{
	run_until_its_turn();
	flow_deinit(&flow);
	ck_assert(TAILQ_EMPTY(&turns.waiting));
}
END_TEST

/* Where splice(2) does not work, recv(2) is used. */
START_TEST(what_cannot_be_spliced_is_copied)
{
	static const int errors[] = {EINVAL, ENOMEM, EAGAIN, EINTR};
	uint64_t sent = 0, received = 0;

	fault_set(FAULT_SPLICE, 1, errors[_i]);
	pass(&sent, &received, 1, 1);
	ck_assert_uint_eq(slots_used(&pipe_slots), 1); /* it was tried */
	ck_assert(!flow.bulk);
	ck_assert_int_eq(flow.may_splice, errors[_i] != EINVAL);
	pass(&sent, &received, BULK, BULK);
	ck_assert_int_eq(flow.source, SOURCE_OPEN);
}
END_TEST

START_TEST(without_memory_for_a_pipe_the_flow_copies)
{
	uint64_t sent = 1, received = 0;

	run_until_its_turn();
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(!pipe_pool_has(&pipes)); /* for a while */
	ck_assert_uint_eq(slots_used(&pipe_slots), 0);
	LOOP_UNTIL(base, (loop_receive(sink[1], &received, 1), received == 1));
	pass(&sent, &received, BULK, BULK);
}
END_TEST

/* Nothing would come back to the flow later. */
START_TEST(without_memory_for_a_turn_it_is_taken_at_once)
{
	uint64_t sent = 1, received = 0;

	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	ck_assert_uint_eq(loop_send(source[1], 0, 1), 1);
	while (flow.bytes == 0) {
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_eq(flow.turn, 0);
	}
	LOOP_UNTIL(base, (sent += loop_send(source[1], sent, BULK), flow.pause));
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	while (flow.queued == HIGH) {
		loop_receive(sink[1], &received, BULK);
		event_base_loop(base, EVLOOP_ONCE);
		ck_assert_uint_eq(flow.turn, 0);
	}
	pass(&sent, &received, BULK, BULK);
}
END_TEST

START_TEST(failed_sink_gives_up_its_turn_to_read)
{
	run_until_its_turn();
	flow_sink_failed(&flow, -ECONNRESET);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(flow.turn, 0);
	ck_assert_uint_eq(flow.bytes, 0);
	ck_assert_uint_eq(flow.dropped, 0); /* it was not even read */
}
END_TEST

/* splice(2) never gets past an urgent byte; recv(2) does. */
START_TEST(urgent_byte_passes_in_line)
{
	int one = 1;
	unsigned char data[8];

	setsockopt(source[0], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	ck_assert_int_eq(send(source[1], "ab", 2, 0), 2);
	ck_assert_int_eq(send(source[1], "!", 1, MSG_OOB), 1);
	ck_assert_int_eq(send(source[1], "cd", 2, 0), 2);
	LOOP_UNTIL(base, flow.bytes == 5);
	ck_assert_int_eq(recv(sink[1], data, sizeof(data), 0), 5);
	ck_assert_mem_eq(data, "ab!cd", 5);
}
END_TEST

/* A pump that emptied the pipe used to leave its write event set. The event spun and outlived the flow. */
START_TEST(no_event_is_left_when_memory_runs_out_beside_a_pipe)
{
	uint64_t sent = fill(), received = 0, others = take_all_memory();

	LOOP_UNTIL(base, (loop_receive(sink[1], &received, BULK), received == sent));
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_ptr_null(flow.writable);
	assert_quiet();
	budget_return(&budget, others);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("flow_splice");
	TCase *tcase = tcase_create("flow_splice");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup_splice, teardown);
	tcase_add_test(tcase, large_reads_lead_to_a_pipe_and_small_ones_back);
	tcase_add_test(tcase, one_read_of_128K_leads_to_a_pipe);
	tcase_add_test(tcase, empty_pipe_goes_back_to_the_pool);
	tcase_add_test(tcase, pipe_with_bytes_is_not_used_again);
	tcase_add_test(tcase, half_of_the_pipes_that_can_be_are_for_flows_without_one);
	tcase_add_test(tcase, without_a_pipe_the_flow_copies);
	tcase_add_test(tcase, bulk_flow_waits_for_its_turn);
	tcase_add_test(tcase, ended_flow_gives_up_its_turn);
	tcase_add_loop_test(tcase, what_cannot_be_spliced_is_copied, 0, 4);
	tcase_add_test(tcase, without_memory_for_a_pipe_the_flow_copies);
	tcase_add_test(tcase, without_memory_for_a_turn_it_is_taken_at_once);
	tcase_add_test(tcase, failed_sink_gives_up_its_turn_to_read);
	tcase_add_test(tcase, urgent_byte_passes_in_line);
	tcase_add_test(tcase, no_event_is_left_when_memory_runs_out_beside_a_pipe);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
