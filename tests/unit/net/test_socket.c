/* Creating and tuning sockets. */
#include "build_config.h"

#include "net/socket_stage.h"

#include <errno.h>
#include <libgen.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

static const char *const addresses[] = {"127.0.0.1:0", "[::1]:0", "unix:@weir-test-socket", NULL};

/* _i: which address; the last is a path. */
START_TEST(listen_accept_connect)
{
	struct endpoint endpoint = addresses[_i] ? endpoint_of(addresses[_i]) : path_endpoint();
	union client_address address = {.any = {.sa_family = AF_UNIX}};
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	int client, server;
	char byte = 0;

	assert_flags(listener);
	endpoint = own_endpoint(listener);
	ck_assert_int_eq(socket_accept(listener, &tuned, &address), -EAGAIN);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	assert_flags(client);
	server = accept_one(listener, &address);
	assert_flags(server);
	ck_assert_int_eq(address.any.sa_family, endpoint.any.sa_family);
	wait_for(client, POLLOUT);
	ck_assert_int_eq(socket_connect_result(client), 0);
	ck_assert_int_eq(send(client, "x", 1, 0), 1);
	wait_for(server, POLLIN);
	ck_assert_uint_eq(stream_unread(server), 1);
	ck_assert_int_eq(recv(server, &byte, 1, 0), 1);
	ck_assert_uint_eq(stream_unread(server), 0);
	close(client);
	close(server);
	close(listener);
}
END_TEST

/*
 * Clients that have connected before can be accepted. Later ones are refused: at once, or once it is closed.
 */
START_TEST(shut_out_keeps_who_waits)
{
	struct endpoint endpoint = addresses[_i] ? endpoint_of(addresses[_i]) : path_endpoint();
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	bool is_unix = endpoint.any.sa_family == AF_UNIX;
	union client_address address;
	int early, late, server;

	endpoint = own_endpoint(listener);
	early = socket_connect(&endpoint, &plain, NULL, NULL);
	ck_assert_int_eq(socket_shut_out(listener) == 0, is_unix);
	late = socket_connect(&endpoint, &plain, NULL, NULL);
	server = accept_one(listener, &address);
	ck_assert_int_eq(send(early, "x", 1, 0), 1);
	wait_for(server, POLLIN);
	ck_assert_int_eq(socket_accept(listener, &plain, &address), -EAGAIN);
	ck_assert_int_eq(is_unix ? late : socket_connect_result(late),
	                 is_unix ? -ECONNREFUSED : -EINPROGRESS);
	close(listener);
	if (!is_unix) {
		wait_for(late, POLLERR);
		ck_assert_int_eq(socket_connect_result(late), -ECONNREFUSED);
		close(late);
	}
	close(early);
	close(server);
}
END_TEST

/* A client that was shut out gets in with its next SYN. It never knew. */
START_TEST(let_in_again)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	union client_address address;
	int late, server;

	endpoint = own_endpoint(listener);
	socket_let_in(listener); /* it was not shut out */
	socket_shut_out(listener);
	late = socket_connect(&endpoint, &plain, NULL, NULL);
	ck_assert_int_eq(socket_connect_result(late), -EINPROGRESS);
	socket_let_in(listener);
	close(relays_connect(listener));
	close(accept_one(listener, &address));
	server = accept_one(listener, &address);
	ck_assert_int_eq(socket_connect_result(late), 0);
	close(late);
	close(server);
	close(listener);
}
END_TEST

START_TEST(client_address_is_told)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0"), own;
	union client_address address;
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	int client, server;

	endpoint = own_endpoint(listener);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	server = accept_one(listener, &address);
	own = own_endpoint(client);
	ck_assert_int_eq(address.in.sin_port, own.in.sin_port);
	ck_assert_uint_eq(address.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	close(client);
	close(server);
	close(listener);
}
END_TEST

/* _i: whether IPv4 clients are accepted too. */
START_TEST(dual_stack)
{
	struct endpoint endpoint = endpoint_of("[::]:0"), four = endpoint_of("127.0.0.1:0");
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, _i);
	union client_address address;
	int client, server;

	ck_assert_int_ge(listener, 0);
	four.in.sin_port = own_endpoint(listener).in6.sin6_port;
	client = socket_connect(&four, &plain, NULL, NULL);
	ck_assert_int_ge(client, 0);
	wait_for(client, POLLOUT);
	ck_assert_int_eq(socket_connect_result(client), _i ? 0 : -ECONNREFUSED);
	if (_i) {
		server = accept_one(listener, &address);
		ck_assert_int_eq(address.any.sa_family, AF_INET6);
		ck_assert(IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr));
		close(server);
	}
	close(client);
	close(listener);
}
END_TEST

START_TEST(refused)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client;

	ck_assert_int_eq(bind(holder, &endpoint.any, endpoint.length), 0);
	endpoint = own_endpoint(holder);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	ck_assert_int_ge(client, 0);
	wait_for(client, POLLOUT);
	ck_assert_int_eq(socket_connect_result(client), -ECONNREFUSED);
	ck_assert_int_eq(socket_connect_result(client), 0); /* reading clears it */
	close(client);
	close(holder);
	endpoint = path_endpoint();
	ck_assert_int_eq(socket_connect(&endpoint, &plain, NULL, NULL), -ENOENT);
}
END_TEST

/* _i: which address. */
START_TEST(connection_of_a_socket_to_itself)
{
	struct endpoint endpoint = endpoint_of(addresses[_i]);
	int fd = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(bind(fd, &endpoint.any, endpoint.length), 0);
	endpoint = own_endpoint(fd);
	ck_assert_int_eq(connect(fd, &endpoint.any, endpoint.length), 0);
	ck_assert(socket_is_its_own_peer(fd, &endpoint));
	close(fd);
}
END_TEST

/* The same port at both ends is not the same address. */
START_TEST(connection_to_another_is_none_to_itself)
{
	struct endpoint endpoint = endpoint_of(addresses[_i]), own;
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	int client = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	endpoint = own_endpoint(listener);
	if (endpoint.any.sa_family == AF_INET) {
		own = endpoint_of("127.0.0.2:0");
		own.in.sin_port = endpoint.in.sin_port;
		ck_assert_int_eq(bind(client, &own.any, own.length), 0);
	}
	ck_assert_int_eq(connect(client, &endpoint.any, endpoint.length), 0);
	ck_assert(!socket_is_its_own_peer(client, &endpoint));
	close(client);
	close(listener);
}
END_TEST

START_TEST(tuning_is_applied_and_inherited)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int listener = relays_listen_at(&endpoint, &tuned, SOCKET_SOLE, false);
	union client_address address;
	int client, server;

	endpoint = own_endpoint(listener);
	client = socket_connect(&endpoint, &tuned, NULL, NULL);
	server = accept_one(listener, &address);
	assert_tuned(client);
	assert_tuned(server);
	close(client);
	close(server);
	close(listener);
}
END_TEST

/* What an accepted socket has, in the order of inherited[]. */
static const struct {
	int level, name;
} inherited[] = {
        {SOL_SOCKET, SO_KEEPALIVE},  {IPPROTO_TCP, TCP_NODELAY},   {IPPROTO_TCP, TCP_NOTSENT_LOWAT},
        {IPPROTO_TCP, TCP_KEEPIDLE}, {IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
        {SOL_SOCKET, SO_RCVBUF},     {SOL_SOCKET, SO_SNDBUF},      {SOL_SOCKET, SO_BUF_LOCK},
        {SOL_SOCKET, SO_OOBINLINE},
};
#define INHERITED (sizeof(inherited) / sizeof(inherited[0]))

static void read_accepted(int listener, int values[INHERITED])
{
	struct endpoint endpoint = own_endpoint(listener);
	int client = socket_connect(&endpoint, &plain, NULL, NULL);
	union client_address address;
	int accepted = accept_one(listener, &address);

	for (size_t i = 0; i < INHERITED; i++)
		values[i] = option(accepted, inherited[i].level, inherited[i].name);
	close(client);
	close(accepted);
}

static void retune(int listener, const struct socket_tuning *tuning)
{
	int pattern = socket_pattern(tuning);

	ck_assert_int_ge(pattern, 0);
	ck_assert_int_eq(socket_retune(listener, pattern), 0);
	close(pattern);
}

static void assert_same(const int values[INHERITED], const int expected[INHERITED])
{
	for (size_t i = 0; i < INHERITED; i++)
		ck_assert_msg(values[i] == expected[i], "option %d is %d, expected %d", inherited[i].name,
		              values[i], expected[i]);
}

/*
 * A socket that already listens, from one tuning to another and back. What it hands on is then the same as
 * what one hands on that was made like that.
 */
START_TEST(listening_socket_is_retuned)
{
	struct endpoint endpoint = endpoint_of(_i ? "[::1]:0" : "127.0.0.1:0");
	int first = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	int second = relays_listen_at(&endpoint, &tuned, SOCKET_SOLE, false);
	int of_plain[INHERITED], of_tuned[INHERITED], values[INHERITED];

	ck_assert_int_ge(first, 0);
	read_accepted(first, of_plain);
	read_accepted(second, of_tuned);
	for (size_t i = 0; i < INHERITED - 1; i++)
		ck_assert_msg(of_plain[i] != of_tuned[i], "option %d shows nothing", inherited[i].name);
	for (int round = 0; round < 2; round++) {
		retune(first, &tuned);
		read_accepted(first, values);
		assert_same(values, of_tuned);
		retune(first, &plain);
		read_accepted(first, values);
		assert_same(values, of_plain);
	}
	retune(second, &plain);
	read_accepted(second, values);
	assert_same(values, of_plain);
	close(first);
	close(second);
}
END_TEST

/* A buffer that was set once, and is left to the kernel again, is tuned by the kernel like any other. */
START_TEST(buffer_that_is_left_to_the_kernel_again_grows)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int listener = relays_listen_at(&endpoint, &tuned, SOCKET_SOLE, false), before, client, accepted;
	static char data[256 * 1024];
	union client_address address;

	retune(listener, &plain);
	endpoint = own_endpoint(listener);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	accepted = accept_one(listener, &address);
	before = option(accepted, SOL_SOCKET, SO_RCVBUF);
	for (int i = 0; i < 1000 && option(accepted, SOL_SOCKET, SO_RCVBUF) <= before; i++) {
		wait_for(client, POLLOUT);
		ck_assert_int_gt(send(client, data, sizeof(data), MSG_NOSIGNAL), 0);
		wait_for(accepted, POLLIN);
		while (recv(accepted, data, sizeof(data), 0) > 0)
			;
	}
	ck_assert_int_gt(option(accepted, SOL_SOCKET, SO_RCVBUF), before);
	close(client);
	close(accepted);
	close(listener);
}
END_TEST

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
static bool kernel_is_old;

int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	if (kernel_is_old && level == SOL_SOCKET && name == SO_BUF_LOCK) {
		errno = ENOPROTOOPT;
		return -1;
	}
	return __real_getsockopt(fd, level, name, value, length);
}

/* Only where it matters is that an error, and all else is done. */
START_TEST(kernel_that_cannot_leave_a_buffer_to_itself_again)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int listener = relays_listen_at(&endpoint, &tuned, SOCKET_SOLE, false), pattern;
	struct socket_tuning other = tuned;

	kernel_is_old = true;
	other.nodelay = other.keepalive = false;
	retune(listener, &other);
	ck_assert_int_eq(option(listener, IPPROTO_TCP, TCP_NODELAY), 0);
	pattern = socket_pattern(&plain);
	ck_assert_int_eq(socket_retune(listener, pattern), -ENOPROTOOPT);
	ck_assert_int_eq(option(listener, SOL_SOCKET, SO_RCVBUF), option(pattern, SOL_SOCKET, SO_RCVBUF));
	close(pattern);
	close(listener);
}
END_TEST

START_TEST(without_tuning_the_kernel_decides)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	int fresh = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_eq(option(listener, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(option(listener, SOL_SOCKET, SO_KEEPALIVE), 0);
	ck_assert_int_eq(option(listener, SOL_SOCKET, SO_OOBINLINE), 1);
	ck_assert_int_eq(option(listener, SOL_SOCKET, SO_RCVBUF), option(fresh, SOL_SOCKET, SO_RCVBUF));
	ck_assert_int_eq(option(listener, SOL_SOCKET, SO_SNDBUF), option(fresh, SOL_SOCKET, SO_SNDBUF));
	close(fresh);
	close(listener);
}
END_TEST

START_TEST(tuning_of_a_unix_socket)
{
	struct endpoint endpoint = path_endpoint();
	int listener = relays_listen_at(&endpoint, &tuned, SOCKET_SOLE, false);
	int client = socket_connect(&endpoint, &tuned, NULL, NULL);
	union client_address address = {.any = {.sa_family = AF_UNIX}};
	int accepted = accept_one(listener, &address);

	ck_assert_int_ge(client, 0);
	ck_assert_int_ge(accepted, 0);
	ck_assert_int_eq(option(client, SOL_SOCKET, SO_SNDBUF), 40000);
	ck_assert_int_eq(option(accepted, SOL_SOCKET, SO_SNDBUF), 40000);
	close(client);
	close(accepted);
	close(listener);
}
END_TEST

START_TEST(shared_twice_sole_once)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	int first = relays_listen_at(&endpoint, &plain, SOCKET_SHARED, false);
	int second;

	endpoint = own_endpoint(first);
	second = relays_listen_at(&endpoint, &plain, SOCKET_SHARED, false);
	ck_assert_int_ge(second, 0);
	ck_assert_int_eq(relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	close(first);
	close(second);
	first = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(first, 0);
	ck_assert_int_eq(relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	ck_assert_int_eq(relays_listen_at(&endpoint, &plain, SOCKET_SHARED, false), -EADDRINUSE);
	close(first);
}
END_TEST

START_TEST(stale_path_is_taken_over)
{
	struct endpoint endpoint = path_endpoint();
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	close(listener);
	ck_assert_int_eq(access(path, F_OK), 0);
	listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(listener, 0);
	close(relays_connect(listener));
	close(listener);
}
END_TEST

/* No machine has these addresses, which are reserved for documents. _i: whether binding is free. */
START_TEST(address_that_is_not_there)
{
	static const char *const texts[] = {"192.0.2.1:0", "[2001:db8::1]:0"};
	struct socket_tuning tuning = plain;

	tuning.free_bind = _i;
	for (size_t i = 0; i < 2; i++) {
		struct endpoint endpoint = endpoint_of(texts[i]);
		int fd = relays_listen_at(&endpoint, &tuning, SOCKET_SOLE, false);

		ck_assert_int_eq(fd >= 0 ? 0 : fd, _i ? 0 : -EADDRNOTAVAIL);
		if (fd >= 0)
			close(fd);
	}
}
END_TEST

START_TEST(unix_path_is_always_there)
{
	struct endpoint endpoint = path_endpoint();
	struct socket_tuning tuning = plain;
	int fd;

	tuning.free_bind = true;
	fd = relays_listen_at(&endpoint, &tuning, SOCKET_SOLE, false);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

/* A socket that is bound has an owner, whether it listens yet or not, and the owner's clients are its own. */
START_TEST(path_of_a_socket_that_does_not_listen_yet)
{
	struct endpoint endpoint = path_endpoint();
	int first = socket_bind(&endpoint, &plain, SOCKET_SOLE, false);
	struct pollfd waiting = {.fd = first, .events = POLLIN};

	ck_assert_int_ge(first, 0);
	ck_assert_int_eq(socket_bind(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	ck_assert_int_eq(socket_listen(first), 0);
	ck_assert_int_eq(socket_bind(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	ck_assert_int_eq(poll(&waiting, 1, 0), 0); /* finding out brought no client */
	close(first);
}
END_TEST

static int open_folder(void)
{
	char copy[sizeof(path)];

	strcpy(copy, path);
	return open(dirname(copy), O_RDONLY | O_CLOEXEC);
}

static int unlinks, unlinks_unlocked;

int __real_unlink(const char *name);
int __wrap_unlink(const char *name);

int __wrap_unlink(const char *name)
{
	int other = open_folder();

	unlinks++;
	unlinks_unlocked += flock(other, LOCK_EX | LOCK_NB) == 0;
	close(other);
	return __real_unlink(name);
}

/* Otherwise two daemons would remove each other's path. */
START_TEST(stale_path_is_removed_under_a_lock)
{
	struct endpoint endpoint = path_endpoint();

	close(socket_bind(&endpoint, &plain, SOCKET_SOLE, false));
	unlinks = unlinks_unlocked = 0;
	close(socket_bind(&endpoint, &plain, SOCKET_SOLE, false));
	ck_assert_int_eq(unlinks, 1);
	ck_assert_int_eq(unlinks_unlocked, 0);
}
END_TEST

static int taken_over_meanwhile = -1;

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);

/* Another daemon had the lock until now, and has taken over the path. */
int __wrap_flock(int fd, int operation)
{
	if (taken_over_meanwhile == 0) {
		struct endpoint endpoint = path_endpoint();

		__real_unlink(path);
		taken_over_meanwhile = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		ck_assert_int_eq(bind(taken_over_meanwhile, &endpoint.any, endpoint.length), 0);
	}
	return __real_flock(fd, operation);
}

START_TEST(stale_path_that_another_was_faster_to_take_over)
{
	struct endpoint endpoint = path_endpoint();

	close(socket_bind(&endpoint, &plain, SOCKET_SOLE, false));
	taken_over_meanwhile = 0;
	ck_assert_int_eq(socket_bind(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	ck_assert_int_gt(taken_over_meanwhile, 0);
	ck_assert_int_eq(listen(taken_over_meanwhile, 1), 0);
	close(relays_connect(taken_over_meanwhile));
	close(taken_over_meanwhile);
	taken_over_meanwhile = -1;
}
END_TEST

/* systemd-tmpfiles(8) asks others to hold such a lock for as long as they please. */
START_TEST(folder_that_stays_locked_holds_up_for_a_while_only)
{
	struct endpoint endpoint = path_endpoint();
	int folder, fd;

	close(socket_bind(&endpoint, &plain, SOCKET_SOLE, false));
	folder = open_folder();
	ck_assert_int_eq(flock(folder, LOCK_SH), 0);
	fd = socket_bind(&endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(folder);
}
END_TEST

/* connect(2) also fails with ECONNREFUSED if the file is not a socket at all. */
START_TEST(file_that_is_no_socket_is_left_alone)
{
	struct endpoint endpoint = path_endpoint();
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct stat st;

	ck_assert_int_eq(write(file, "precious", 8), 8);
	close(file);
	ck_assert_int_eq(relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
	ck_assert_int_eq(st.st_size, 8);
}
END_TEST

START_TEST(abstract_name_in_use)
{
	struct endpoint endpoint = endpoint_of("unix:@weir-test-in-use");
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);

	ck_assert_int_ge(listener, 0);
	ck_assert_int_eq(relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
	close(listener);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("socket");
	TCase *tcase = tcase_create("socket");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_loop_test(tcase, listen_accept_connect, 0, 4);
	tcase_add_loop_test(tcase, shut_out_keeps_who_waits, 0, 4);
	tcase_add_test(tcase, let_in_again);
	tcase_add_test(tcase, client_address_is_told);
	tcase_add_loop_test(tcase, dual_stack, 0, 2);
	tcase_add_test(tcase, refused);
	tcase_add_loop_test(tcase, connection_of_a_socket_to_itself, 0, 2);
	tcase_add_loop_test(tcase, connection_to_another_is_none_to_itself, 0, 3);
	tcase_add_test(tcase, tuning_is_applied_and_inherited);
	tcase_add_loop_test(tcase, listening_socket_is_retuned, 0, 2);
	tcase_add_test(tcase, buffer_that_is_left_to_the_kernel_again_grows);
	tcase_add_test(tcase, kernel_that_cannot_leave_a_buffer_to_itself_again);
	tcase_add_test(tcase, without_tuning_the_kernel_decides);
	tcase_add_test(tcase, tuning_of_a_unix_socket);
	tcase_add_test(tcase, shared_twice_sole_once);
	tcase_add_test(tcase, stale_path_is_taken_over);
	tcase_add_loop_test(tcase, address_that_is_not_there, 0, 2);
	tcase_add_test(tcase, unix_path_is_always_there);
	tcase_add_test(tcase, path_of_a_socket_that_does_not_listen_yet);
	tcase_add_test(tcase, stale_path_is_removed_under_a_lock);
	tcase_add_test(tcase, stale_path_that_another_was_faster_to_take_over);
	tcase_add_test(tcase, folder_that_stays_locked_holds_up_for_a_while_only);
	tcase_add_test(tcase, file_that_is_no_socket_is_left_alone);
	tcase_add_test(tcase, abstract_name_in_use);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
