/* What TCP_INFO tells of the other end. near is our end, far the other one; kernel_size makes it older. */
#include "build_config.h"

#include "loop.h"
#include "net/tcp_state.h"
#include "unit.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

#define RESTS_MS 100

static int near, far;
static size_t kernel_size; /* bytes of struct tcp_info that the kernel knows; 0: as many as it really does */

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	if (level == IPPROTO_TCP && name == TCP_INFO && kernel_size > 0 && *length > kernel_size)
		*length = (socklen_t)kernel_size;
	return __real_getsockopt(fd, level, name, value, length);
}

static void setup(void)
{
	int both[2];

	loop_tcp_pair(both);
	near = both[0];
	far = both[1];
	kernel_size = 0;
}

static void teardown(void)
{
	close(near);
	close(far);
}

static void pause_ms(int ms)
{
	poll(NULL, 0, ms);
}

START_TEST(nothing_outstanding_at_first)
{
	const struct tcp_state state = tcp_state(near);

	ck_assert(state.known);
	ck_assert_uint_eq(state.unacknowledged, 0);
	ck_assert_uint_eq(state.unsent, 0);
	ck_assert_uint_eq(state.busy, 0);
	ck_assert_uint_eq(state.received, 0);
	ck_assert_uint_eq(state.segments, 0);
	ck_assert_uint_eq(state.tries, 0);
	ck_assert_uint_ne(state.rtt, TCP_UNKNOWN); /* that of its handshake */
	ck_assert_uint_le(state.rtt_min, state.rtt);
	ck_assert_uint_gt(state.room, 0);
	ck_assert_uint_gt(state.receive_window, 0);
	ck_assert_uint_eq(state.receive_rtt, TCP_UNKNOWN);
}
END_TEST

START_TEST(resting_reader_shows_a_shut_window)
{
	struct tcp_state state;
	uint64_t sent = loop_send(near, 0, 10000000), taken = 0;

	pause_ms(RESTS_MS);
	state = tcp_state(near);
	ck_assert_uint_gt(state.unacknowledged, 0);
	ck_assert_uint_lt(state.unacknowledged, sent);
	ck_assert_uint_gt(state.unsent, 0);
	ck_assert_uint_le(state.unsent, state.unacknowledged);
	ck_assert_uint_le(state.room, state.unacknowledged);
	ck_assert_uint_ge(state.busy, RESTS_MS * 1000 / 2);
	ck_assert_uint_ge(state.shut, state.busy / 2);
	ck_assert_uint_le(state.shut, state.busy);
	kernel_size = offsetof(struct tcp_info, tcpi_notsent_bytes); /* then it is not known what is unsent */
	ck_assert_uint_gt(tcp_state(near).unacknowledged, 0);
	kernel_size = 0;
	/* The handshake may count as one more. */
	ck_assert_uint_ge(state.acknowledged, sent - state.unacknowledged);
	ck_assert_uint_le(state.acknowledged, sent - state.unacknowledged + 1);
	while (taken < sent)
		loop_receive(far, &taken, sent);
	while (tcp_state(near).unacknowledged > 0)
		pause_ms(1);
	ck_assert_uint_ge(tcp_state(near).acknowledged, sent);
}
END_TEST

/* Its acknowledgement is delayed, for 40 ms mostly. */
START_TEST(what_is_sent_and_not_acknowledged_is_outstanding)
{
	struct tcp_state state = {.unacknowledged = 0};
	uint64_t sent = 0;
	int off = 0;

	while (state.unacknowledged == 0) {
		ck_assert_int_eq(setsockopt(far, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off)), 0);
		sent += loop_send(near, sent, 10);
		state = tcp_state(near);
	}
	ck_assert_uint_le(state.unacknowledged, sent);
	ck_assert_uint_eq(state.unsent, 0); /* it is on its way */
}
END_TEST

START_TEST(what_it_sends_is_counted)
{
	struct tcp_state state;

	ck_assert_uint_eq(loop_send(far, 0, 10), 10);
	pause_ms(20);
	ck_assert_uint_eq(loop_send(far, 10, 10), 10);
	while ((state = tcp_state(near)).received < 20)
		pause_ms(1);
	ck_assert_uint_eq(state.received, 20);
	ck_assert_uint_eq(state.segments, 2);
	ck_assert_uint_eq(state.reordered, 0);
	ck_assert_uint_gt(state.segment, 0);
	ck_assert_uint_lt(state.heard_ms, LOOP_DEADLINE_MS);
}
END_TEST

/* Linux up to 4.5 (what is known in all), 4.9, 4.17 and 5.3, by the fields that came next. */
START_TEST(older_kernel_leaves_out_what_it_does_not_know)
{
	static const size_t sizes[] = {
	        offsetof(struct tcp_info, tcpi_pacing_rate),
	        offsetof(struct tcp_info, tcpi_notsent_bytes),
	        offsetof(struct tcp_info, tcpi_busy_time),
	        offsetof(struct tcp_info, tcpi_rcv_ooopack),
	};
	struct tcp_state state;

	kernel_size = sizes[_i];
	ck_assert_uint_eq(loop_send(near, 0, 10), 10);
	state = tcp_state(near);
	ck_assert(state.known);
	ck_assert_uint_ne(state.rtt, TCP_UNKNOWN);
	ck_assert_uint_ne(state.resent, TCP_UNKNOWN);
	ck_assert(state.acknowledged == TCP_UNKNOWN ? _i < 1 : _i >= 1);
	ck_assert(state.received == TCP_UNKNOWN ? _i < 1 : _i >= 1);
	ck_assert(state.unsent == TCP_UNKNOWN ? _i < 2 : _i >= 2);
	ck_assert(state.rtt_min == TCP_UNKNOWN ? _i < 2 : _i >= 2);
	ck_assert(state.segments == TCP_UNKNOWN ? _i < 2 : _i >= 2);
	ck_assert(state.busy == TCP_UNKNOWN ? _i < 3 : _i >= 3);
	ck_assert(state.shut == TCP_UNKNOWN ? _i < 3 : _i >= 3);
	ck_assert_uint_eq(state.room, TCP_UNKNOWN);
	ck_assert_uint_eq(state.reordered, TCP_UNKNOWN);
}
END_TEST

START_TEST(unix_socket_tells_nothing)
{
	struct tcp_state state;
	int both[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both), 0);
	ck_assert_uint_eq(loop_send(both[0], 0, 10), 10);
	state = tcp_state(both[0]);
	ck_assert(!state.known);
	ck_assert_uint_eq(state.unacknowledged, TCP_UNKNOWN);
	ck_assert_uint_eq(state.busy, TCP_UNKNOWN);
	ck_assert_uint_eq(state.receive_window, TCP_UNKNOWN);
	close(both[0]);
	close(both[1]);
	ck_assert(!tcp_state(-1).known);
	ck_assert_uint_eq(tcp_state(-1).rtt, TCP_UNKNOWN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tcp_state");
	TCase *tcase = tcase_create("tcp_state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_outstanding_at_first);
	tcase_add_test(tcase, resting_reader_shows_a_shut_window);
	tcase_add_test(tcase, what_is_sent_and_not_acknowledged_is_outstanding);
	tcase_add_test(tcase, what_it_sends_is_counted);
	tcase_add_loop_test(tcase, older_kernel_leaves_out_what_it_does_not_know, 0, 4);
	tcase_add_test(tcase, unix_socket_tells_nothing);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
