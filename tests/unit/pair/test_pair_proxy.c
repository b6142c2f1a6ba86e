/* send_proxy: the target is told who the client is, before anything else. */
#include "build_config.h"

#include "net/proxy_header.h"
#include "pair/pair_stage.h"

/* Receives a header, and nothing after it. Returns the port of its client. */
static uint16_t receive_header(int fd)
{
	struct proxy_header header;
	const char *why;
	char bytes[PROXY_HEADER_SENT_MAX];
	int size = 0;

	LOOP_UNTIL(base, (size = (int)recv(fd, bytes, sizeof(bytes), MSG_PEEK | MSG_DONTWAIT)) > 0);
	size = proxy_header_decode(bytes, (size_t)size, &header, &why);
	ck_assert_int_gt(size, 0);
	ck_assert_int_eq(recv(fd, bytes, (size_t)size, 0), size);
	ck_assert(header.has_addresses);
	return endpoint_port(&header.source);
}

static void expect_header_of(int client, int server)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	ck_assert_int_eq(getsockname(client, (struct sockaddr *)&address, &length), 0);
	ck_assert_uint_eq(receive_header(server), ntohs(address.sin_port));
}

/* What the client has sent before the target was there comes after it, and it does not count. */
START_TEST(header_comes_first)
{
	uint64_t up = 0;
	int client, server;

	begin(TEXTS(_i == 0 ? "send_proxy=v1" : "send_proxy=v2"));
	client = join();
	send_all(client, 0, 5000);
	server = meet_open(target);
	expect_header_of(client, server);
	assert_receives(server, &up, 5000);
	ck_assert_uint_eq(only_pair()->client.from.bytes, 5000);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	assert_over("eof");
	ck_assert_uint_eq(captured("upload_bytes=5000"), 1);
}
END_TEST

START_TEST(nobody_is_told_without_it)
{
	int client, server;

	begin(NULL);
	fault_set_lasting(FAULT_SEND, EPIPE);
	client = join();
	server = meet_open(target);
	ck_assert_uint_eq(fault_count(FAULT_SEND), 0);
	fault_set(FAULT_SEND, 0, 0);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
}
END_TEST

/* The next target is told as well, and the one that was not told gets nothing. */
START_TEST(header_that_cannot_be_sent)
{
	static const int errors[] = {ECONNRESET, ENETDOWN};
	int client, server, untold, other = listen_here();
	uint64_t up = 0;

	open_relay(TEXTS(relays_address(target), relays_address(other)), TEXTS("send_proxy=v2"));
	client = join_with(FAULT_SEND, 1, errors[_i]);
	untold = meet(target);
	server = meet_open(other);
	assert_ends(untold, LOOP_RST, 0);
	expect_header_of(client, server);
	send_all(client, 0, 10);
	assert_receives(server, &up, 10);
	ck_assert_uint_eq(only_pair()->attempts, 2);
}
END_TEST

/* That is ours, so the same target is tried again. */
START_TEST(no_memory_for_the_header)
{
	int client, server, untold;

	begin(TEXTS("send_proxy=v2"));
	client = join_with(FAULT_SEND, 1, EAGAIN);
	untold = meet(target);
	server = meet_open(target);
	assert_ends(untold, LOOP_RST, 0);
	expect_header_of(client, server);
	ck_assert_uint_eq(only_pair()->attempts, 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.shortages, 1);
}
END_TEST

static bool are_connected(int near, int far)
{
	struct sockaddr_in ours, theirs;
	socklen_t length = sizeof(ours);

	ck_assert_int_eq(getsockname(near, (struct sockaddr *)&ours, &length), 0);
	ck_assert_int_eq(getpeername(far, (struct sockaddr *)&theirs, &length), 0);
	return ours.sin_port == theirs.sin_port;
}

/*
 * The target was silent, and accepts all that come. The kernel tries again after a second. The pair has seen
 * nothing of it yet.
 */
static int meet_late(int listener, const struct pair *pair)
{
	for (;;) {
		int server;

		ck_assert_int_eq(
		        poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, LOOP_DEADLINE_MS), 1);
		server = keep(try_meet(listener));
		if (are_connected(pair->target.fd, server))
			return server;
	}
}

/* It has spoken although it was not told to whom. That is not relayed: nothing but the header may follow. */
START_TEST(greeting_of_a_target_that_cannot_be_told)
{
	int client, server, untold, listener = silent();
	unsigned char first;

	loop_nonblocking(listener);
	open_relay(TEXTS(relays_address(listener)), TEXTS("send_proxy=v2"));
	client = join();
	run_for(20);
	untold = meet_late(listener, only_pair());
	ck_assert_uint_eq(loop_send(untold, 0, 10), 10);
	ck_assert_int_eq(
	        poll(&(struct pollfd){.fd = only_pair()->target.fd, .events = POLLIN}, 1, LOOP_DEADLINE_MS),
	        1);
	fault_set(FAULT_SEND, 1, EAGAIN);
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.shortages == 1);
	assert_ends(untold, LOOP_RST, 0);
	server = meet_open(listener);
	expect_header_of(client, server);
	ck_assert_uint_eq(loop_send(server, 100, 5), 5);
	LOOP_UNTIL(base, stream_unread(client) > 0);
	ck_assert_int_eq(recv(client, &first, 1, 0), 1);
	ck_assert_uint_eq(first, loop_byte(100));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_proxy");
	TCase *tcase = make_case("pair_proxy");

	tcase_add_loop_test(tcase, header_comes_first, 0, 2);
	tcase_add_test(tcase, nobody_is_told_without_it);
	tcase_add_loop_test(tcase, header_that_cannot_be_sent, 0, 2);
	tcase_add_test(tcase, no_memory_for_the_header);
	tcase_add_test(tcase, greeting_of_a_target_that_cannot_be_told);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
