/* The ports that weir chooses, and connecting from them. */
#include "build_config.h"

#include "net/socket_stage.h"

#include "net/local_ports.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Any range will do where nothing is bound. */
#define HUNDRED      "1000\t1199\n"
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static time_t ahead; /* seconds by which the clock is */

/* NOLINTBEGIN(bugprone-reserved-identifier): the linker wants these names */
int __real_clock_gettime(clockid_t id, struct timespec *time);
int __wrap_clock_gettime(clockid_t id, struct timespec *time);
int __wrap_clock_gettime(clockid_t id, struct timespec *time)
{
	int result = __real_clock_gettime(id, time);

	time->tv_sec += ahead;
	return result;
}
/* NOLINTEND(bugprone-reserved-identifier) */

/* ---- which ports ---- */

static void take_round(struct local_ports *ports)
{
	size_t count = local_ports_in_use(ports);

	for (size_t i = 0; i < count; i++)
		local_ports_next(ports);
}

/*
 * Those of many rings, which are made at random and have three quarters of the ports each. Sorted, as text.
 */
static const char *all_ports(const char *range, const char *reserved)
{
	static char text[8192];
	static bool seen[65536];
	size_t length = 0;

	for (int i = 0; i < 100; i++) {
		struct local_ports *ports = local_ports_new(range, reserved);

		ck_assert_ptr_nonnull(ports);
		for (size_t n = 0; n < local_ports_in_use(ports); n++)
			seen[local_ports_next(ports)] = true;
		local_ports_free(ports);
	}
	text[0] = '\0';
	for (int port = 0; port < 65536; port++)
		if (seen[port])
			length += (size_t)snprintf(text + length, sizeof(text) - length, " %d", port);
	return text;
}

static const struct {
	const char *range, *reserved, *ports;
} ranges[] = {
        {"100\t109\n", "\n", " 101 103 105 107 109"},
        {"100 108", "", " 101 103 105 107"},
        {"101 110", "", " 102 104 106 108 110"}, /* never those that connect(2) tries first */
        {"100 109", "101,105-107\n", " 103 109"},
        {"100 109", "1,50-102,109-65535", " 103 105 107"},
        {"100 101", "", " 101"},
        {"65534 65535", "0", " 65535"},
};

START_TEST(every_second_port_that_is_not_reserved)
{
	ck_assert_str_eq(all_ports(ranges[_i].range, ranges[_i].reserved), ranges[_i].ports);
}
END_TEST

/* Each comes once in a round. A quarter is never taken. */
START_TEST(ports_take_turns)
{
	struct local_ports *ports = local_ports_new(HUNDRED, "");
	unsigned times[65536] = {0}, different = 0;

	ck_assert_uint_eq(local_ports_most(ports), 75);
	for (int i = 0; i < 75 * 3; i++)
		times[local_ports_next(ports)]++;
	for (int port = 0; port < 65536; port++) {
		ck_assert(times[port] == 0 || times[port] == 3);
		different += times[port] > 0;
	}
	ck_assert_uint_eq(different, 75);
	local_ports_free(ports);
}
END_TEST

static const struct {
	const char *range, *reserved;
} odd[] = {
        {"", ""},
        {"x", ""},
        {"100", ""},
        {"100 x", ""},
        {"100 99", ""},
        {"0 99", ""},
        {"100 65536", ""},
        {"100 109 1", ""},
        {"-100 109", ""},
        {"100 100", ""},
        {"100 109", "x"},
        {"100 109", "1-"},
        {"100 109", "1;2"},
        {"100 109", "1,,2"},
        {"100 109", "65536"},
        {"100 109", "5 6"},
        {"100 109", "1-2-3"},
        {"100 109", "100-109"},
        {"100 99999999999999999999", ""},
};

START_TEST(kernel_chooses_if_there_are_none)
{
	ck_assert_ptr_null(local_ports_new(odd[_i].range, odd[_i].reserved));
}
END_TEST

START_TEST(settings_of_this_machine)
{
	struct local_ports *ports = local_ports_read();

	ck_assert_ptr_nonnull(ports);
	ck_assert_uint_gt(local_ports_most(ports), 0);
	local_ports_free(ports);
}
END_TEST

START_TEST(order_is_random)
{
	struct local_ports *a = local_ports_new(HUNDRED, ""), *b = local_ports_new(HUNDRED, "");
	unsigned same = 0;

	for (int i = 0; i < 75; i++)
		same += local_ports_next(a) == local_ports_next(b);
	ck_assert_uint_lt(same, 20); /* one, on the average */
	local_ports_free(a);
	local_ports_free(b);
}
END_TEST

static atomic_uint taken[65536];

static void *take_ports(void *ports)
{
	for (int i = 0; i < 75 * 8000; i++)
		taken[local_ports_next(ports)]++;
	return NULL;
}

START_TEST(workers_take_turns)
{
	struct local_ports *ports = local_ports_new(HUNDRED, "");
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_ports, ports), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	for (int port = 0; port < 65536; port++)
		ck_assert(taken[port] == 0 || taken[port] == 32000);
	local_ports_free(ports);
}
END_TEST

/* Other programs are to feel as little as possible of them. */
START_TEST(few_ports_are_in_use_while_few_connections_come)
{
	struct local_ports *ports = local_ports_new("32768 60999", "");
	size_t few = local_ports_in_use(ports);

	ck_assert_uint_eq(local_ports_most(ports), 14116 * 3 / 4);
	ck_assert_uint_lt(few, 1000);
	for (int i = 0; i < 10; i++) {
		ahead += 10; /* a round takes this long */
		take_round(ports);
		ck_assert_uint_eq(local_ports_in_use(ports), few);
	}
	take_round(ports); /* at once, so a port would not rest */
	ck_assert_uint_eq(local_ports_in_use(ports), 2 * few);
	for (int i = 0; i < 100000; i++)
		local_ports_next(ports);
	ck_assert_uint_eq(local_ports_in_use(ports), local_ports_most(ports));
	for (int i = 0; i < 100000; i++) {
		if (i % 1000 == 0)
			ahead += 10; /* 100 a second */
		local_ports_next(ports);
	}
	ck_assert_uint_ge(local_ports_in_use(ports), few);
	ck_assert_uint_le(local_ports_in_use(ports), 8 * few);
	local_ports_free(ports);
}
END_TEST

/* ---- connecting ---- */

static const char *const addresses[] = {"127.0.0.1:0", "[::1]:0"};

static bool is_free(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is = bind(fd, &endpoint->any, endpoint->length) == 0;

	close(fd);
	return is;
}

/* Below those that the kernel gives to other programs, so that nobody else takes it meanwhile. */
static void free_port(const struct endpoint *endpoint, struct endpoint *own)
{
	*own = *endpoint;
	do
		endpoint_set_port(own, (uint16_t)(20000 + arc4random_uniform(12000)));
	while (!is_free(own));
}

static struct local_ports *one_port(const struct endpoint *endpoint, struct endpoint *own)
{
	struct local_ports *ports;
	char range[32];

	free_port(endpoint, own);
	snprintf(range, sizeof(range), "%d %d", endpoint_port(own) - 1, endpoint_port(own));
	ports = local_ports_new(range, "");
	ck_assert_ptr_nonnull(ports);
	return ports;
}

static int listen_at(const struct endpoint *endpoint, struct endpoint *own)
{
	int fd = relays_listen_at(endpoint, &plain, SOCKET_SOLE, false);

	ck_assert_int_ge(fd, 0);
	*own = own_endpoint(fd);
	return fd;
}

static bool is_bound; /* the last one of these got one of the ports */

static int connect_from(struct local_ports *ports, const struct endpoint *to)
{
	int fd = socket_connect(to, &plain, ports, &is_bound);

	ck_assert_int_ge(fd, 0);
	wait_for(fd, POLLOUT);
	ck_assert_int_eq(socket_connect_result(fd), 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct endpoint own = own_endpoint(fd);

	return endpoint_port(&own);
}

/* _i: which address. A port is in use for one target, and free for another. */
START_TEST(port_serves_each_target_once)
{
	struct endpoint any = endpoint_of(addresses[_i]), ours, first, second;
	struct local_ports *ports = one_port(&any, &ours);
	int listeners[2] = {listen_at(&any, &first), listen_at(&any, &second)};
	int fds[3];

	fds[0] = connect_from(ports, &first);
	ck_assert(is_bound);
	fds[1] = connect_from(ports, &first);
	ck_assert(!is_bound);
	fds[2] = connect_from(ports, &second);
	ck_assert(is_bound);
	ck_assert_uint_eq(port_of(fds[0]), endpoint_port(&ours));
	ck_assert_uint_ne(port_of(fds[1]), endpoint_port(&ours)); /* the kernel's choice */
	ck_assert_uint_eq(port_of(fds[2]), endpoint_port(&ours));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(listeners[0]);
	close(listeners[1]);
	local_ports_free(ports);
}
END_TEST

/* _i: which address. */
START_TEST(next_port_is_tried)
{
	struct endpoint any = endpoint_of(addresses[_i]), taken_one, free_one, target;
	int listener = listen_at(&any, &target), holder;
	struct local_ports *ports;
	char range[32];

	do {
		free_port(&any, &taken_one);
		free_one = taken_one;
		endpoint_set_port(&free_one, endpoint_port(&taken_one) + 2);
	} while (!is_free(&free_one));
	holder = listen_at(&taken_one, &taken_one);
	snprintf(range, sizeof(range), "%d %d", endpoint_port(&taken_one) - 1, endpoint_port(&free_one));
	ports = local_ports_new(range, "");
	for (int i = 0; i < 10; i++) {
		int fd = connect_from(ports, &target);

		ck_assert_uint_eq(port_of(fd), endpoint_port(&free_one));
		close(fd);
	}
	close(holder);
	close(listener);
	local_ports_free(ports);
}
END_TEST

START_TEST(unix_target_takes_no_port)
{
	struct endpoint endpoint = endpoint_of("unix:@weir-test-local-ports");
	int listener = relays_listen_at(&endpoint, &plain, SOCKET_SOLE, false);
	struct local_ports *ports = local_ports_new("1000 1003", "");
	uint16_t first = local_ports_next(ports), second = local_ports_next(ports);

	close(socket_connect(&endpoint, &plain, ports, NULL));
	ck_assert_uint_eq(local_ports_next(ports), first);
	ck_assert_uint_eq(local_ports_next(ports), second);
	close(listener);
	local_ports_free(ports);
}
END_TEST

/* Pairs that last can take all that are in use. */
START_TEST(more_ports_are_in_use_when_none_is_found)
{
	struct endpoint to = endpoint_of("127.0.0.1:80");
	struct local_ports *ports = local_ports_new("32768 60999", "");
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t few = local_ports_in_use(ports);
	unsigned tries = 0;

	ck_assert_int_eq(local_ports_bind(ports, fd, NULL, &to, &tries), -EADDRINUSE);
	ck_assert_uint_eq(local_ports_in_use(ports), 2 * few);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 1); /* the kernel's choice is shared too */
	close(fd);
	local_ports_free(ports);
}
END_TEST

/* _i: from which address; none is the wildcard. */
START_TEST(bound_to_an_address_and_a_port)
{
	struct endpoint to = endpoint_of(addresses[_i % 2]), own = to;
	struct local_ports *ports = one_port(&to, &own);
	int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned tries = LOCAL_PORTS_TRIES;
	struct endpoint bound;

	ck_assert_int_eq(local_ports_bind(ports, fd, _i < 2 ? &to : NULL, &to, &tries), 0);
	ck_assert_uint_eq(tries, LOCAL_PORTS_TRIES - 1);
	bound = own_endpoint(fd);
	ck_assert_uint_eq(endpoint_port(&bound), endpoint_port(&own));
	ck_assert_int_eq(endpoint_equal(&bound, &own), _i < 2);
	ck_assert_int_eq(local_ports_bind(ports, fd, NULL, &to, &tries), -EINVAL);
	ck_assert_uint_eq(tries, LOCAL_PORTS_TRIES - 2); /* another one is pointless */
	close(fd);
	local_ports_free(ports);
}
END_TEST

/* _i: which address. Our end has sent the first FIN, so the connection stays in TIME_WAIT. */
START_TEST(port_in_time_wait_serves_again)
{
	struct endpoint any = endpoint_of(addresses[_i]), ours, target;
	struct local_ports *ports = one_port(&any, &ours);
	int listener = listen_at(&any, &target);
	union client_address address;

	for (int i = 0; i < 5; i++) {
		int fd = connect_from(ports, &target), accepted = accept_one(listener, &address);
		char byte;

		ck_assert_uint_eq(port_of(fd), endpoint_port(&ours));
		ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
		wait_for(accepted, POLLIN);
		stream_close(accepted);
		wait_for(fd, POLLIN);
		ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
		stream_close(fd);
	}
	close(listener);
	local_ports_free(ports);
}
END_TEST

/* Who else has the port: SO_REUSEADDR, SO_REUSEPORT, whether it listens. */
static const struct {
	int reuse_address, reuse_port;
	bool listens;
} holders[] = {{0, 0, false}, {0, 0, true}, {1, 0, true}, {0, 1, false}, {0, 1, true}, {1, 1, true}};

START_TEST(port_of_another_program_is_left_alone)
{
	struct endpoint any = endpoint_of(addresses[_i % 2]), ours, target;
	struct local_ports *ports = one_port(&any, &ours);
	int holder = socket(any.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int listener = listen_at(&any, &target);
	int reuse_address = holders[_i / 2].reuse_address, reuse_port = holders[_i / 2].reuse_port;

	setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &reuse_address, sizeof(int));
	setsockopt(holder, SOL_SOCKET, SO_REUSEPORT, &reuse_port, sizeof(int));
	ck_assert_int_eq(bind(holder, &ours.any, ours.length), 0);
	if (holders[_i / 2].listens)
		ck_assert_int_eq(listen(holder, 1), 0);
	for (int i = 0; i < 10; i++) {
		int fd = connect_from(ports, &target);

		ck_assert_uint_ne(port_of(fd), endpoint_port(&ours));
		close(fd);
	}
	close(holder);
	close(listener);
	local_ports_free(ports);
}
END_TEST

/* A program that starts to listen later, as services do, is not kept from a port that we connect from. */
START_TEST(port_is_free_for_a_service_that_starts)
{
	struct endpoint any = endpoint_of(addresses[_i]), ours, target;
	struct local_ports *ports = one_port(&any, &ours);
	int listener = listen_at(&any, &target);
	int fd = connect_from(ports, &target);
	int service = listen_at(&ours, &ours);

	ck_assert_uint_eq(port_of(fd), endpoint_port(&ours));
	close(service);
	close(fd);
	close(listener);
	local_ports_free(ports);
}
END_TEST

/* Nobody listens there. From the same port, we would be connected to ourselves. */
START_TEST(own_port_of_the_target_is_not_used)
{
	struct endpoint any = endpoint_of(addresses[_i]), ours;
	struct local_ports *ports = one_port(&any, &ours);

	for (int i = 0; i < 10; i++) {
		int fd = socket_connect(&ours, &plain, ports, &is_bound);

		ck_assert_int_ge(fd, 0);
		ck_assert(!is_bound); /* so it is looked whether the kernel has chosen that port after all */
		wait_for(fd, POLLOUT);
		ck_assert_int_eq(socket_connect_result(fd), -ECONNREFUSED);
		close(fd);
	}
	local_ports_free(ports);
}
END_TEST

static void connecting_cases(TCase *tcase)
{
	tcase_add_loop_test(tcase, port_serves_each_target_once, 0, COUNT(addresses));
	tcase_add_loop_test(tcase, next_port_is_tried, 0, COUNT(addresses));
	tcase_add_test(tcase, unix_target_takes_no_port);
	tcase_add_loop_test(tcase, bound_to_an_address_and_a_port, 0, 2 * COUNT(addresses));
	tcase_add_test(tcase, more_ports_are_in_use_when_none_is_found);
	tcase_add_loop_test(tcase, port_in_time_wait_serves_again, 0, COUNT(addresses));
	tcase_add_loop_test(tcase, port_of_another_program_is_left_alone, 0,
	                    COUNT(addresses) * COUNT(holders));
	tcase_add_loop_test(tcase, port_is_free_for_a_service_that_starts, 0, COUNT(addresses));
	tcase_add_loop_test(tcase, own_port_of_the_target_is_not_used, 0, COUNT(addresses));
}

int main(void)
{
	Suite *suite = suite_create("local ports");
	TCase *tcase = tcase_create("local ports");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_loop_test(tcase, every_second_port_that_is_not_reserved, 0, COUNT(ranges));
	tcase_add_loop_test(tcase, kernel_chooses_if_there_are_none, 0, COUNT(odd));
	tcase_add_test(tcase, ports_take_turns);
	tcase_add_test(tcase, settings_of_this_machine);
	tcase_add_test(tcase, order_is_random);
	tcase_add_test(tcase, workers_take_turns);
	tcase_add_test(tcase, few_ports_are_in_use_while_few_connections_come);
	connecting_cases(tcase);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
