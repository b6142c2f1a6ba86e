/* One listening address at run time. */
#include "build_config.h"

#include "faults.h"
#include "net/socket_stage.h"
#include "net/unix_path.h"
#include "relay/entrance.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static const char *replaced; /* by a file, as soon as it is bound; or NULL */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
int __real_bind(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length);

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
	int result = __real_bind(fd, address, length);

	if (replaced) {
		unlink(replaced);
		close(open(replaced, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	return result;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static int bind_at(struct entrance *entrance, const struct endpoint *endpoint,
                   const struct socket_tuning *tuning, unsigned workers)
{
	return entrance_bind(entrance, &(struct entrance_key){.endpoint = *endpoint}, tuning, workers);
}

static int open_at(struct entrance *entrance, const struct endpoint *endpoint, unsigned workers)
{
	int error = bind_at(entrance, endpoint, &plain, workers);

	return error ? error : entrance_listen(entrance);
}

START_TEST(workers_listen_on_one_port)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance entrance;

	ck_assert_int_eq(bind_at(&entrance, &endpoint, &tuned, 3), 0);
	ck_assert_int_eq(entrance_listen(&entrance), 0);
	ck_assert_uint_eq(entrance.count, 3);
	ck_assert_int_ne(entrance_fd(&entrance, 0), entrance_fd(&entrance, 1));
	ck_assert_int_ne(entrance_fd(&entrance, 1), entrance_fd(&entrance, 2));
	ck_assert_int_ne(entrance_fd(&entrance, 0), entrance_fd(&entrance, 2));
	for (unsigned i = 0; i < 3; i++) {
		assert_tuned(entrance_fd(&entrance, i));
		ck_assert_str_eq(relays_address(entrance_fd(&entrance, i)), entrance.text);
	}
	ck_assert_str_ne(entrance.text, "127.0.0.1:0");
	ck_assert_uint_eq(endpoint.in.sin_port, 0); /* not ours to change */
	endpoint = own_endpoint(entrance_fd(&entrance, 0));
	entrance_close(&entrance);
	entrance_close(&entrance);
	ck_assert_int_eq(open_at(&entrance, &endpoint, 1), 0); /* free again */
	entrance_close(&entrance);
}
END_TEST

START_TEST(unix_name_takes_who_connects_it)
{
	struct endpoint endpoint = endpoint_of("unix:@weir-test-takes"),
	                longer = endpoint_of("unix:@weir-test-takes2");
	struct entrance entrance;

	ck_assert_int_eq(open_at(&entrance, &endpoint, 1), 0);
	ck_assert(entrance_matches(&entrance, &endpoint));
	ck_assert(!entrance_matches(&entrance, &longer));
	entrance_close(&entrance);
	endpoint = path_endpoint();
	ck_assert_int_eq(open_at(&entrance, &endpoint, 1), 0);
	ck_assert(entrance_matches(&entrance, &endpoint));
	ck_assert(!entrance_matches(&entrance, &longer));
	longer = endpoint_of("127.0.0.1:1");
	ck_assert(!entrance_matches(&entrance, &longer));
	entrance_close(&entrance);
}
END_TEST

static void assert_congestion(int fd, const char *expected)
{
	char name[16] = "";
	socklen_t length = sizeof(name);

	ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
	ck_assert_str_eq(name, expected);
}

/* Loopback has no network to pace for; other addresses keep the setting of the system. */
START_TEST(loopback_is_not_paced)
{
	static const char *const texts[] = {"127.0.0.1:0", "[::1]:0", "127.1.2.3:0"};
	struct endpoint endpoint = endpoint_of(texts[_i]), any = endpoint_of("0.0.0.0:0");
	union client_address address;
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	int elsewhere = relays_listen_at(&any, &plain, SOCKET_SOLE, false);
	int untouched = socket(AF_INET, SOCK_STREAM, 0);
	char usual[16] = "";
	socklen_t length = sizeof(usual);
	int client, server;

	endpoint = own_endpoint(listener);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	server = accept_one(listener, &address);
	assert_congestion(client, "reno");
	assert_congestion(server, "reno");
	ck_assert_int_eq(getsockopt(untouched, IPPROTO_TCP, TCP_CONGESTION, usual, &length), 0);
	assert_congestion(elsewhere, usual);
	close(client);
	close(server);
	close(listener);
	close(elsewhere);
	close(untouched);
}
END_TEST

/* A target reached through an address that stands for loopback is reached over loopback. */
START_TEST(target_reached_over_loopback_is_not_paced)
{
	static const char *const texts[] = {"0.0.0.0:0", "[::]:0", "[::ffff:127.0.0.1]:0"};
	struct endpoint endpoint = endpoint_of(texts[_i]);
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, true);
	int client;

	endpoint = own_endpoint(listener);
	client = socket_connect(&endpoint, &plain, NULL, NULL);
	ck_assert_int_ge(client, 0);
	assert_congestion(client, "reno");
	close(client);
	close(listener);
}
END_TEST

/* An entrance for every address cannot let its clients inherit what only some of them need. */
START_TEST(client_is_tuned_by_where_it_comes_from)
{
	static const struct {
		const char *from, *expected;
	} clients[] = {
	        {"127.0.0.1:1", "reno"},          {"127.1.2.3:1", "reno"},  {"[::1]:1", "reno"},
	        {"[::ffff:127.0.0.1]:1", "reno"}, {"10.0.0.1:1", "cubic"},  {"[::ffff:10.0.0.1]:1", "cubic"},
	        {"[2001:db8::1]:1", "cubic"},     {"128.0.0.1:1", "cubic"},
	};
	union client_address address;

	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++) {
		int fd = socket(AF_INET6, SOCK_STREAM, 0);

		if (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5) == 0) {
			struct endpoint from = endpoint_of(clients[i].from);

			memcpy(&address, &from.any, sizeof(address));
			socket_tune_client(fd, &address);
			assert_congestion(fd, clients[i].expected);
		}
		close(fd);
	}
}
END_TEST

START_TEST(entrance_knows_whether_clients_need_tuning)
{
	static const struct {
		const char *listen;
		bool both;
	} entrances[] = {{"0.0.0.0:0", true},    {"[::]:0", true},
	                 {"[::1]:0", false},     {"[::ffff:127.0.0.1]:0", false},
	                 {"127.0.0.1:0", false}, {"unix:@weir-test-both", false}};

	for (size_t i = 0; i < sizeof(entrances) / sizeof(entrances[0]); i++) {
		const struct entrance entrance = {.endpoint = endpoint_of(entrances[i].listen)};

		ck_assert_int_eq(entrance_has_clients_of_both(&entrance), entrances[i].both);
	}
}
END_TEST

/* With SO_REUSEPORT alone a second daemon would silently get half of the clients. */
START_TEST(second_daemon_is_refused)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance first, second;

	ck_assert_int_eq(open_at(&first, &endpoint, 2), 0);
	endpoint = own_endpoint(entrance_fd(&first, 0));
	ck_assert_int_eq(open_at(&second, &endpoint, 2), -EADDRINUSE);
	ck_assert_uint_eq(second.count, 0);
	entrance_close(&first);
}
END_TEST

/* Both have bound before one of them listens. */
START_TEST(second_of_two_at_once_is_refused)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance first, second;

	ck_assert_int_eq(bind_at(&first, &endpoint, &plain, 2), 0);
	endpoint = first.endpoint;
	ck_assert_int_eq(bind_at(&second, &endpoint, &plain, 2), 0);
	ck_assert_int_eq(entrance_listen(&second), 0);
	ck_assert_int_eq(entrance_listen(&first), -EADDRINUSE);
	entrance_close(&first);
	close(relays_connect(entrance_fd(&second, 0)));
	entrance_close(&second);
}
END_TEST

/* A client that is let in and then lost would be reset. */
START_TEST(bound_entrance_lets_nobody_in)
{
	struct endpoint endpoint = _i ? path_endpoint() : endpoint_of("127.0.0.1:0");
	struct entrance entrance;
	int client;

	ck_assert_int_eq(bind_at(&entrance, &endpoint, &plain, 3), 0);
	client = socket(endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(client, &entrance.endpoint.any, entrance.endpoint.length), -1);
	ck_assert_int_eq(errno, ECONNREFUSED);
	close(client);
	ck_assert_int_eq(entrance_listen(&entrance), 0);
	close(relays_connect(entrance_fd(&entrance, 0)));
	entrance_close(&entrance);
}
END_TEST

START_TEST(every_socket_of_an_entrance_gets_clients)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance entrance;
	int clients[100];
	unsigned served = 0;

	ck_assert_int_eq(open_at(&entrance, &endpoint, 2), 0);
	for (int i = 0; i < 100; i++)
		clients[i] = relays_connect(entrance_fd(&entrance, 0));
	for (unsigned i = 0; i < 2; i++) {
		struct pollfd waiting = {.fd = entrance_fd(&entrance, i), .events = POLLIN};

		served += poll(&waiting, 1, 0) == 1;
	}
	ck_assert_uint_eq(served, 2);
	for (int i = 0; i < 100; i++)
		close(clients[i]);
	entrance_close(&entrance);
}
END_TEST

/* As any program may choose where a connection comes from. */
static int come_from(const struct endpoint *endpoint)
{
	const int on = 1;
	int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	error = bind(fd, &endpoint->any, endpoint->length) < 0 ? -errno : 0;
	close(fd);
	return error;
}

static int knock_at(const struct endpoint *endpoint)
{
	const struct endpoint to = endpoint_reached(endpoint);
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = connect(fd, &to.any, to.length) < 0 ? -errno : 0;

	close(fd);
	return error;
}

static int count_served(const struct entrance *entrance)
{
	int count = 0;

	for (unsigned i = 0; i < entrance->count; i++) {
		struct pollfd waiting = {.fd = entrance_fd(entrance, i), .events = POLLIN};

		count += poll(&waiting, 1, 0) == 1;
	}
	return count;
}

static const struct refusing {
	const char *listen;
	unsigned workers;
	bool dual_stack;
} refusing[] = {{"127.0.0.1:0", 1, false}, {"127.0.0.1:0", 4, false}, {"0.0.0.0:0", 4, false},
                {"[::1]:0", 1, false},     {"[::]:0", 1, true},       {"[::]:0", 4, true}};

/* Nobody else can have it, no connection and no second daemon, although a client is still served there. */
START_TEST(port_stays_ours_while_clients_are_refused)
{
	const struct refusing *row = &refusing[_i];
	const struct entrance_key key = {endpoint_of(row->listen), row->dual_stack, NULL};
	struct entrance entrance, second;
	struct endpoint own;
	int client;

	ck_assert_int_eq(entrance_bind(&entrance, &key, &tuned, row->workers), 0);
	ck_assert_int_eq(entrance_listen(&entrance), 0);
	own = entrance.endpoint;
	client = relays_connect(entrance_fd(&entrance, 0));
	for (int i = 0; i < 2; i++) {
		entrance_shut_out(&entrance);
		entrance_refuse(&entrance);
		ck_assert_int_eq(knock_at(&own), -ECONNREFUSED);
		ck_assert_int_eq(come_from(&own), -EADDRINUSE);
		ck_assert_int_eq(open_at(&second, &own, row->workers), -EADDRINUSE);
		ck_assert_int_eq(entrance_bind_again(&entrance, row->workers), 0);
		ck_assert_int_eq(knock_at(&own), -ECONNREFUSED);
		ck_assert_int_eq(entrance_listen(&entrance), 0);
		ck_assert_int_eq(open_at(&second, &own, row->workers), -EADDRINUSE);
		for (int knocks = 0; knocks < 100; knocks++)
			ck_assert_int_eq(knock_at(&own), 0);
		ck_assert_int_eq(count_served(&entrance), (int)row->workers);
		for (unsigned worker = 0; worker < row->workers; worker++)
			assert_tuned(entrance_fd(&entrance, worker));
	}
	ck_assert(endpoint_equal(&entrance.endpoint, &own));
	close(client);
	entrance_close(&entrance);
	ck_assert_int_eq(come_from(&own), 0);
}
END_TEST

static struct entrance entrance_of(const char *text)
{
	bool everything = text[0] == '*';
	char six[32];

	snprintf(six, sizeof(six), "[::]%s", text + 1);
	return (struct entrance){.endpoint = endpoint_of(everything ? six : text),
	                         .key.dual_stack = everything};
}

START_TEST(entrances_that_overlap)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
	        {"127.0.0.1:80", "127.0.0.1:80", true},
	        {"127.0.0.1:80", "127.0.0.1:81", false},
	        {"127.0.0.1:80", "127.0.0.2:80", false},
	        {"127.0.0.1:80", "0.0.0.0:80", true},
	        {"127.0.0.1:80", "0.0.0.0:81", false},
	        {"127.0.0.1:80", "*:80", true},
	        {"127.0.0.1:80", "*:81", false},
	        {"127.0.0.1:80", "[::]:80", false},
	        {"[::1]:80", "[::1]:80", true},
	        {"[::1]:80", "[::]:80", true},
	        {"[::1]:80", "*:80", true},
	        {"[::1]:80", "0.0.0.0:80", false},
	        {"0.0.0.0:80", "*:80", true},
	        {"0.0.0.0:80", "[::]:80", false},
	        {"unix:/a", "*:80", false},
	        {"unix:/a", "unix:/a", true},
	};
	struct entrance a = entrance_of(cases[_i].a), b = entrance_of(cases[_i].b);

	ck_assert_int_eq(entrance_overlaps(&a, &b), cases[_i].overlap);
	ck_assert_int_eq(entrance_overlaps(&b, &a), cases[_i].overlap);
}
END_TEST

START_TEST(unix_path_is_shared_and_removed)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance entrance;

	ck_assert_int_eq(open_at(&entrance, &endpoint, 3), 0);
	ck_assert_uint_eq(entrance.count, 1);
	ck_assert_int_ge(entrance_fd(&entrance, 0), 0);
	ck_assert_int_eq(entrance_fd(&entrance, 2), -1);
	entrance.worker = 2;
	ck_assert_int_eq(entrance_fd(&entrance, 0), -1);
	ck_assert_int_ge(entrance_fd(&entrance, 2), 0);
	ck_assert_str_eq(entrance.text + strlen("unix:"), path);
	ck_assert_int_eq(access(path, F_OK), 0);
	entrance_close(&entrance);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* Nobody gets in before, and a path that cannot be had like that is not left behind. */
START_TEST(access_to_a_path_is_set_before_it_listens)
{
	struct unix_access access = {.has_mode = true, .mode = 0642};
	struct endpoint endpoint = path_endpoint();
	struct socket_tuning tuning = plain;
	struct entrance entrance;
	struct stat status;

	tuning.access = &access;
	ck_assert_int_eq(bind_at(&entrance, &endpoint, &tuning, 2), 0);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0200);
	ck_assert_int_eq(entrance_set_access(&entrance, &access), 0);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 07777, 0642);
	entrance_close(&entrance);
	ck_assert_int_eq(lstat(path, &status), -1);
}
END_TEST

static int set_access_and_look(struct entrance *entrance, struct unix_access access)
{
	struct stat status;

	ck_assert_int_eq(entrance_set_access(entrance, &access), 0);
	ck_assert_int_eq(lstat(path, &status), 0);
	return status.st_mode & 07777;
}

/* What nobody has asked for stays as it is, and what is no longer asked for is as usual again. */
START_TEST(access_that_is_no_longer_set)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance entrance;

	ck_assert_int_eq(open_at(&entrance, &endpoint, 1), 0);
	ck_assert_int_eq(chmod(path, 0722), 0); /* by the operator */
	ck_assert_int_eq(set_access_and_look(&entrance, (struct unix_access){.has_mode = false}), 0722);
	umask(026);
	unix_path_init();
	ck_assert_int_eq(set_access_and_look(&entrance, (struct unix_access){.has_mode = true, .mode = 6}),
	                 6);
	ck_assert_int_eq(set_access_and_look(&entrance, (struct unix_access){.has_mode = false}), 0751);
	entrance_close(&entrance);
}
END_TEST

/* It is not ours, so neither is its mode. */
START_TEST(path_that_is_no_socket_once_it_is_bound)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance entrance;
	struct stat status;

	replaced = path;
	ck_assert_int_eq(bind_at(&entrance, &endpoint, &plain, 1), -EADDRINUSE);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert(S_ISREG(status.st_mode));
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(path_in_use_is_not_removed)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance first, second;

	ck_assert_int_eq(open_at(&first, &endpoint, 1), 0);
	ck_assert_int_eq(open_at(&second, &endpoint, 1), -EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(relays_connect(entrance_fd(&first, 0)));
	entrance_close(&first);
}
END_TEST

/* It stayed behind where there was no memory to remember it. */
START_TEST(unix_path_is_removed_without_memory)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance entrance;
	int error = -ENOMEM;

	for (size_t nth = 1; error == -ENOMEM; nth++) {
		fault_set(FAULT_MEMORY, nth, ENOMEM);
		error = bind_at(&entrance, &endpoint, &plain, 1);
		fault_set(FAULT_MEMORY, 0, 0);
		ck_assert_int_eq(access(path, F_OK), error ? -1 : 0);
	}
	entrance_close(&entrance);
}
END_TEST

/* _i: whether it listens already. What came in before stays; what comes later is spread over all. */
START_TEST(entrance_gets_more_sockets)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance entrance;
	int clients[64], first;
	unsigned used = 0;

	ck_assert_int_eq(bind_at(&entrance, &endpoint, &tuned, 1), 0);
	if (_i)
		ck_assert_int_eq(entrance_listen(&entrance), 0);
	first = _i ? relays_connect(entrance.fds[0]) : -1;
	entrance.workers = 4;
	entrance_widen(&entrance);
	ck_assert_uint_eq(entrance.count, 4);
	ck_assert_int_eq(entrance_listen(&entrance), 0);
	entrance_widen(&entrance);
	ck_assert_uint_eq(entrance.count, 4);
	for (unsigned i = 0; i < 4; i++) {
		assert_tuned(entrance.fds[i]);
		ck_assert_str_eq(relays_address(entrance.fds[i]), entrance.text);
		ck_assert_uint_eq(entrance_whose(&entrance, i), i);
	}
	for (int i = 0; i < 64; i++)
		clients[i] = relays_connect(entrance.fds[0]);
	for (unsigned i = 0; i < 4; i++)
		used += poll(&(struct pollfd){.fd = entrance.fds[i], .events = POLLIN}, 1, 1000) == 1;
	ck_assert_uint_eq(used, 4);
	for (int i = 0; i < 64; i++)
		close(clients[i]);
	if (first >= 0)
		close(first);
	entrance_close(&entrance);
}
END_TEST

/* What there is goes on. */
START_TEST(entrance_without_more_sockets)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance entrance;

	capture_begin();
	ck_assert_int_eq(bind_at(&entrance, &endpoint, &tuned, 1), 0);
	ck_assert_int_eq(entrance_listen(&entrance), 0);
	entrance.workers = 4;
	fault_set_lasting(FAULT_SOCKET, EMFILE);
	entrance_widen(&entrance);
	fault_set(FAULT_SOCKET, 0, 0);
	ck_assert_uint_eq(entrance.count, 1);
	ck_assert_uint_eq(captured("1 listening sockets for 4 workers: "), 1);
	close(relays_connect(entrance.fds[0]));
	ck_assert_uint_eq(entrance_first(&entrance, 0), 0);
	ck_assert_uint_ge(entrance_first(&entrance, 1), entrance.count);
	entrance_close(&entrance);
	capture_end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("entrance");
	TCase *tcase = tcase_create("entrance");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, workers_listen_on_one_port);
	tcase_add_test(tcase, unix_name_takes_who_connects_it);
	tcase_add_loop_test(tcase, loopback_is_not_paced, 0, 3);
	tcase_add_loop_test(tcase, target_reached_over_loopback_is_not_paced, 0, 3);
	tcase_add_test(tcase, client_is_tuned_by_where_it_comes_from);
	tcase_add_test(tcase, entrance_knows_whether_clients_need_tuning);
	tcase_add_test(tcase, second_daemon_is_refused);
	tcase_add_test(tcase, second_of_two_at_once_is_refused);
	tcase_add_loop_test(tcase, bound_entrance_lets_nobody_in, 0, 2);
	tcase_add_test(tcase, every_socket_of_an_entrance_gets_clients);
	tcase_add_loop_test(tcase, port_stays_ours_while_clients_are_refused, 0,
	                    sizeof(refusing) / sizeof(refusing[0]));
	tcase_add_loop_test(tcase, entrances_that_overlap, 0, 16);
	tcase_add_test(tcase, unix_path_is_shared_and_removed);
	tcase_add_test(tcase, access_to_a_path_is_set_before_it_listens);
	tcase_add_test(tcase, access_that_is_no_longer_set);
	tcase_add_test(tcase, path_that_is_no_socket_once_it_is_bound);
	tcase_add_test(tcase, path_in_use_is_not_removed);
	tcase_add_test(tcase, unix_path_is_removed_without_memory);
	tcase_add_loop_test(tcase, entrance_gets_more_sockets, 0, 2);
	tcase_add_test(tcase, entrance_without_more_sockets);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
