/* Operations on connected sockets, over loopback. near is our end, far is the outside world. */
#include "build_config.h"

#include "faults.h"
#include "net/stream.h"
#include "relays.h"
#include "unit.h"

#include <signal.h>
#include <sys/ioctl.h>

static int near, far;
static char data[100];

static void setup(void)
{
	int both[2];

	signal(SIGPIPE, SIG_IGN); /* splice(2) has no MSG_NOSIGNAL */
	loop_tcp_pair(both);
	near = both[0];
	far = both[1];
}

static void teardown(void)
{
	close(near);
	close(far);
}

static void wait_for(int fd, short events)
{
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = events}, 1, LOOP_DEADLINE_MS), 1);
}

static void far_sends(size_t length)
{
	ck_assert_uint_eq(loop_send(far, 0, length), length);
	wait_for(near, POLLIN);
}

static void far_resets(void)
{
	loop_reset(far);
	far = -1;
	wait_for(near, POLLERR);
}

START_TEST(bytes_are_received_once)
{
	ck_assert_int_eq(stream_receive(near, data, sizeof(data)), -EAGAIN);
	far_sends(10);
	ck_assert_int_eq(stream_peek(near, data, 4), 4);
	ck_assert_int_eq(stream_receive(near, data, 4), 4);
	ck_assert_int_eq(data[3], loop_byte(3));
	ck_assert_int_eq(stream_discard(near, data, 4), 4);
	ck_assert_int_eq(stream_receive(near, data, sizeof(data)), 2);
	ck_assert_int_eq(data[0], loop_byte(8));
	ck_assert_int_eq(stream_peek(near, data, sizeof(data)), -EAGAIN);
	ck_assert_int_eq(stream_discard(near, data, sizeof(data)), -EAGAIN);
}
END_TEST

START_TEST(end_is_no_byte)
{
	far_sends(1);
	shutdown(far, SHUT_WR);
	ck_assert_int_eq(stream_receive(near, data, sizeof(data)), 1);
	wait_for(near, POLLIN);
	ck_assert_int_eq(stream_peek(near, data, sizeof(data)), 0);
	ck_assert_int_eq(stream_discard(near, data, sizeof(data)), 0);
	ck_assert_int_eq(stream_receive(near, data, sizeof(data)), 0);
}
END_TEST

START_TEST(failure_is_told_by_its_number)
{
	far_resets();
	ck_assert_int_eq(stream_receive(near, data, sizeof(data)), -ECONNRESET);
	ck_assert_int_eq(stream_send(near, data, 1), -EPIPE);
	ck_assert_int_lt(stream_finish(near), 0);
}
END_TEST

/* An interrupted call counts as one that can move nothing now. */
START_TEST(signal_is_no_failure)
{
	fault_set(FAULT_RECV, 1, EINTR);
	ck_assert_int_eq(stream_receive(near, data, sizeof(data)), -EAGAIN);
	fault_set(FAULT_SPLICE, 1, EINTR);
	ck_assert_int_eq(stream_splice(near, near, 1), -EAGAIN);
}
END_TEST

START_TEST(sending_stops_where_the_kernel_is_full)
{
	ssize_t sent, total = 0;
	uint64_t received = 0;

	memset(data, 0, sizeof(data));
	while ((sent = stream_send(near, data, sizeof(data))) > 0)
		total += sent;
	ck_assert_int_eq(sent, -EAGAIN);
	ck_assert(!stream_is_writable(near));
	ck_assert_uint_gt(stream_unacknowledged(near), 0);
	ck_assert_uint_le(stream_unacknowledged(near), (uint64_t)total);
	while (!stream_is_writable(near))
		received += recv(far, data, sizeof(data), MSG_DONTWAIT) > 0;
	ck_assert_uint_gt(received, 0);
}
END_TEST

START_TEST(bytes_are_spliced_through_a_pipe)
{
	uint64_t received = 0;
	int pipe_fds[2];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(stream_splice(near, pipe_fds[1], 100), -EAGAIN);
	far_sends(10);
	ck_assert_int_eq(stream_splice(near, pipe_fds[1], 100), 10);
	ck_assert_int_eq(stream_splice(pipe_fds[0], near, 10), 10);
	wait_for(far, POLLIN);
	loop_receive(far, &received, 100);
	ck_assert_uint_eq(received, 10);
	ck_assert_int_eq(stream_splice(near, near, 1), -EINVAL);
	shutdown(far, SHUT_WR);
	wait_for(near, POLLIN);
	ck_assert_int_eq(stream_splice(near, pipe_fds[1], 100), 0);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

START_TEST(finished_stream_ends_behind_its_last_byte)
{
	uint64_t received = 0;

	data[0] = (char)loop_byte(0);
	ck_assert_int_eq(stream_send(near, data, 1), 1);
	ck_assert_int_eq(stream_finish(near), 0);
	wait_for(far, POLLRDHUP);
	ck_assert_int_eq(loop_receive(far, &received, 100), LOOP_FIN);
	ck_assert_uint_eq(received, 1);
}
END_TEST

START_TEST(what_the_kernel_holds_is_told)
{
	ck_assert_uint_eq(stream_unread(near), 0);
	ck_assert(!stream_is_readable(near));
	ck_assert(stream_is_writable(near));
	far_sends(7);
	ck_assert_uint_eq(stream_unread(near), 7);
	ck_assert(stream_is_readable(near));
	ck_assert_uint_eq(stream_unacknowledged(-1), 0);
	ck_assert_uint_eq(stream_unread(-1), 0);
}
END_TEST

START_TEST(failed_ones_are_found_among_others)
{
	bool failed[STREAM_BATCH];
	int other[2], fds[3];

	loop_tcp_pair(other);
	fds[0] = other[0];
	fds[1] = near;
	fds[2] = other[1];
	ck_assert(!stream_failed(fds, 3, failed));
	far_sends(1);
	shutdown(other[1], SHUT_WR); /* not a failure either */
	ck_assert(!stream_failed(fds, 3, failed));
	far_resets();
	ck_assert(stream_failed(fds, 3, failed));
	ck_assert(!failed[0]);
	ck_assert(failed[1]);
	ck_assert(!failed[2]);
	close(other[0]);
	close(other[1]);
}
END_TEST

/*
 * What the other end of a connection sees when end() closes an accepted socket or the connecting one. Returns
 * 0 for an end of stream, or -errno.
 */
static int seen_of(void (*end)(int fd), bool accepted)
{
	static const struct socket_tuning plain = {
	        .rcvbuf = UNITS_AUTO, .sndbuf = UNITS_AUTO, .notsent_lowat = UNITS_AUTO};
	struct endpoint endpoint = {.length = sizeof(endpoint.in)};
	union client_address address;
	int listener, client, server, other, seen;
	char byte;

	endpoint.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_eq(getsockname(listener, &endpoint.any, &endpoint.length), 0);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	wait_for(listener, POLLIN);
	server = socket_accept(listener, &plain, &address);
	other = accepted ? client : server;
	end(accepted ? server : client);
	wait_for(other, POLLIN);
	seen = recv(other, &byte, 1, 0) < 0 ? -errno : 0;
	close(other);
	close(listener);
	return seen;
}

START_TEST(reset_is_seen_as_one)
{
	ck_assert_int_eq(seen_of(stream_reset, true), -ECONNRESET);
	ck_assert_int_eq(seen_of(stream_reset, false), -ECONNRESET);
}
END_TEST

START_TEST(only_stream_close_ends_a_stream)
{
	ck_assert_int_eq(seen_of(stream_close, true), 0);
	ck_assert_int_eq(seen_of(stream_close, false), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *tcase = tcase_create("stream");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, bytes_are_received_once);
	tcase_add_test(tcase, end_is_no_byte);
	tcase_add_test(tcase, failure_is_told_by_its_number);
	tcase_add_test(tcase, signal_is_no_failure);
	tcase_add_test(tcase, sending_stops_where_the_kernel_is_full);
	tcase_add_test(tcase, bytes_are_spliced_through_a_pipe);
	tcase_add_test(tcase, finished_stream_ends_behind_its_last_byte);
	tcase_add_test(tcase, what_the_kernel_holds_is_told);
	tcase_add_test(tcase, failed_ones_are_found_among_others);
	tcase_add_test(tcase, reset_is_seen_as_one);
	tcase_add_test(tcase, only_stream_close_ends_a_stream);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
