/* Headers on their way, over loopback. near is our end of a connection to a target, far is the target. */
#include "build_config.h"

#include "faults.h"
#include "net/proxy_send.h"
#include "relays.h"
#include "unit.h"

#include <arpa/inet.h>
#include <stdio.h>

#define V2_START "\r\n\r\n\0\r\nQUIT\n"

static int target[2], client[2]; /* ours, and the outside world's */
static struct sockaddr_in from, to;

static void setup(void)
{
	socklen_t length = sizeof(from);

	loop_tcp_pair(target);
	loop_tcp_pair(client);
	ck_assert_int_eq(getpeername(client[0], (struct sockaddr *)&from, &length), 0);
	ck_assert_int_eq(getsockname(client[0], (struct sockaddr *)&to, &length), 0);
}

static void teardown(void)
{
	for (int i = 0; i < 2; i++) {
		close(target[i]);
		close(client[i]);
	}
}

/* The target has got this, and nothing else. */
static void expect(const void *bytes, size_t size)
{
	char got[256];

	ck_assert_int_eq(poll(&(struct pollfd){.fd = target[1], .events = POLLIN}, 1, LOOP_DEADLINE_MS), 1);
	ck_assert_int_eq(recv(target[1], got, sizeof(got), 0), (ssize_t)size);
	ck_assert_mem_eq(got, bytes, size);
}

static void expect_line(const char *family, const char *hosts, struct sockaddr_in a, struct sockaddr_in b)
{
	char line[128];
	int size = snprintf(line, sizeof(line), "PROXY %s %s %u %u\r\n", family, hosts, ntohs(a.sin_port),
	                    ntohs(b.sin_port));

	expect(line, (size_t)size);
}

START_TEST(client_and_what_it_connected_to)
{
	union client_address address = {.in = from};
	char header[28] = V2_START "\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1";

	ck_assert_int_eq(proxy_send_client(target[0], PROXY_V1, &address, client[0]), 0);
	expect_line("TCP4", "127.0.0.1 127.0.0.1", from, to);
	memcpy(header + 24, &from.sin_port, 2);
	memcpy(header + 26, &to.sin_port, 2);
	ck_assert_int_eq(proxy_send_client(target[0], PROXY_V2, &address, client[0]), 0);
	expect(header, sizeof(header));
}
END_TEST

/* At an entrance for both families, an IPv4 client has an IPv6 address. */
START_TEST(client_of_both_families)
{
	union client_address address = {.in6 = {.sin6_family = AF_INET6, .sin6_port = from.sin_port}};

	inet_pton(AF_INET6, "::ffff:10.1.2.3", &address.in6.sin6_addr);
	ck_assert_int_eq(proxy_send_client(target[0], PROXY_V1, &address, client[0]), 0);
	expect_line("TCP4", "10.1.2.3 127.0.0.1", from, to);
	inet_pton(AF_INET6, "2001:db8::1", &address.in6.sin6_addr);
	ck_assert_int_eq(proxy_send_client(target[0], PROXY_V1, &address, client[0]), 0);
	expect_line("TCP6", "2001:db8::1 ::ffff:127.0.0.1", from, to);
}
END_TEST

START_TEST(unix_client)
{
	union client_address address = {.any = {.sa_family = AF_UNIX}};
	int both[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, both), 0);
	ck_assert_int_eq(proxy_send_client(target[0], PROXY_V1, &address, both[0]), 0);
	expect("PROXY UNKNOWN\r\n", 15);
	ck_assert_int_eq(proxy_send_client(target[0], PROXY_V2, &address, both[0]), 0);
	expect(V2_START "\x20\0\0\0", 16);
	close(both[0]);
	close(both[1]);
}
END_TEST

START_TEST(one_of_our_own)
{
	struct sockaddr_in ours, theirs;
	socklen_t length = sizeof(ours);

	ck_assert_int_eq(getsockname(target[0], (struct sockaddr *)&ours, &length), 0);
	ck_assert_int_eq(getpeername(target[0], (struct sockaddr *)&theirs, &length), 0);
	ck_assert_int_eq(proxy_send_own(target[0], PROXY_V1), 0);
	expect_line("TCP4", "127.0.0.1 127.0.0.1", ours, theirs);
	ck_assert_int_eq(proxy_send_own(target[0], PROXY_V2), 0);
	expect(V2_START "\x20\0\0\0", 16);
}
END_TEST

START_TEST(told_by_another)
{
	struct endpoint source = {.length = sizeof(from), .in = from};
	struct endpoint destination = {.length = sizeof(to), .in = to};

	inet_pton(AF_INET, "10.0.0.1", &source.in.sin_addr);
	inet_pton(AF_INET, "10.0.0.2", &destination.in.sin_addr);
	ck_assert_int_eq(proxy_send(target[0], PROXY_V1, &source, &destination), 0);
	expect_line("TCP4", "10.0.0.1 10.0.0.2", from, to);
}
END_TEST

START_TEST(no_memory_in_the_kernel)
{
	while (loop_send(target[0], 0, 1) > 0)
		;
	ck_assert_int_eq(proxy_send_own(target[0], PROXY_V2), -ENOBUFS);
}
END_TEST

START_TEST(failed_target)
{
	fault_set(FAULT_SEND, 1, ENETDOWN);
	ck_assert_int_eq(proxy_send_own(target[0], PROXY_V2), -ENETDOWN);
	loop_reset(target[1]);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = target[0]}, 1, LOOP_DEADLINE_MS), 1);
	ck_assert_int_lt(proxy_send_own(target[0], PROXY_V1), 0);
	target[1] = -1;
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("proxy_send");
	TCase *tcase = tcase_create("proxy_send");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, client_and_what_it_connected_to);
	tcase_add_test(tcase, client_of_both_families);
	tcase_add_test(tcase, unix_client);
	tcase_add_test(tcase, one_of_our_own);
	tcase_add_test(tcase, told_by_another);
	tcase_add_test(tcase, no_memory_in_the_kernel);
	tcase_add_test(tcase, failed_target);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
