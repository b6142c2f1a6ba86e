/* One listening address at run time. */
#include "build_config.h"

#include "net/socket_stage.h"
#include "relay/entrance.h"

#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

START_TEST(workers_listen_on_one_port)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance entrance;

	ck_assert_int_eq(entrance_open(&entrance, &endpoint, &tuned, false, 3), 0);
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
	ck_assert_int_eq(entrance_open(&entrance, &endpoint, &plain, false, 1), 0); /* free again */
	entrance_close(&entrance);
}
END_TEST

START_TEST(unix_name_takes_who_connects_it)
{
	struct endpoint endpoint = endpoint_of("unix:@weir-test-takes"),
	                longer = endpoint_of("unix:@weir-test-takes2");
	struct entrance entrance;

	ck_assert_int_eq(entrance_open(&entrance, &endpoint, &plain, false, 1), 0);
	ck_assert(entrance_matches(&entrance, &endpoint));
	ck_assert(!entrance_matches(&entrance, &longer));
	entrance_close(&entrance);
	endpoint = path_endpoint();
	ck_assert_int_eq(entrance_open(&entrance, &endpoint, &plain, false, 1), 0);
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
	int listener = socket_listen(&endpoint, &plain, SOCKET_SOLE, false);
	int elsewhere = socket_listen(&any, &plain, SOCKET_SOLE, false);
	int untouched = socket(AF_INET, SOCK_STREAM, 0);
	char usual[16] = "";
	socklen_t length = sizeof(usual);
	int client, server;

	endpoint = own_endpoint(listener);
	client = socket_connect(&endpoint, &plain);
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

/* With SO_REUSEPORT alone a second daemon would silently get half of the clients. */
START_TEST(second_daemon_is_refused)
{
	struct endpoint endpoint = endpoint_of("127.0.0.1:0");
	struct entrance first, second;

	ck_assert_int_eq(entrance_open(&first, &endpoint, &plain, false, 2), 0);
	endpoint = own_endpoint(entrance_fd(&first, 0));
	ck_assert_int_eq(entrance_open(&second, &endpoint, &plain, false, 2), -EADDRINUSE);
	ck_assert_uint_eq(second.count, 0);
	entrance_close(&first);
}
END_TEST

START_TEST(unix_path_is_shared_and_removed)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance entrance;

	ck_assert_int_eq(entrance_open(&entrance, &endpoint, &plain, false, 3), 0);
	ck_assert_uint_eq(entrance.count, 1);
	ck_assert_int_eq(entrance_fd(&entrance, 0), entrance_fd(&entrance, 2));
	ck_assert_str_eq(entrance.text + strlen("unix:"), path);
	ck_assert_int_eq(access(path, F_OK), 0);
	entrance_close(&entrance);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(path_in_use_is_not_removed)
{
	struct endpoint endpoint = path_endpoint();
	struct entrance first, second;

	ck_assert_int_eq(entrance_open(&first, &endpoint, &plain, false, 1), 0);
	ck_assert_int_eq(entrance_open(&second, &endpoint, &plain, false, 1), -EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
	close(relays_connect(entrance_fd(&first, 0)));
	entrance_close(&first);
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
	tcase_add_test(tcase, second_daemon_is_refused);
	tcase_add_test(tcase, unix_path_is_shared_and_removed);
	tcase_add_test(tcase, path_in_use_is_not_removed);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
