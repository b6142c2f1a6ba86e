/* Where connections to targets come from. */
#include "build_config.h"

#include "net/socket_stage.h"

#include "net/local_address.h"
#include "net/local_ports.h"

#include <errno.h>
#include <netinet/tcp.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Loopback has all of 127.0.0.0/8, but only one address of IPv6. */
static const char *const targets[] = {"127.0.0.1:0", "[::1]:0"};
static const char *const ours[] = {"127.0.0.7:0", "[::1]:0"};
static const char *const missing[] = {"192.0.2.7:0", "[2001:db8::7]:0"};

static struct socket_tuning tuning;
static int listener;
static struct endpoint to;

static void listen_at(const char *text)
{
	const struct endpoint any = endpoint_of(text);

	listener = relays_listen_at(&any, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(listener, 0);
	to = own_endpoint(listener);
}

static void set_local(const char *address, const char *interface)
{
	struct endpoint own;

	tuning = plain;
	if (address)
		own = endpoint_of(address);
	local_address_init(&tuning.local_address, &own, address != NULL, interface);
}

/* More than are taken into use at first. */
static struct local_ports *some_ports(void)
{
	struct local_ports *ports = local_ports_new("20001 24000", "");

	ck_assert_ptr_nonnull(ports);
	return ports;
}

static int connect_from(struct local_ports *ports)
{
	int fd = socket_connect(&to, &tuning, ports, NULL);

	ck_assert_int_ge(fd, 0);
	wait_for(fd, POLLOUT);
	ck_assert_int_eq(socket_connect_result(fd), 0);
	return fd;
}

static void assert_comes_from(int fd, const char *address)
{
	union client_address client;
	struct endpoint wanted = endpoint_of(address), seen = {.length = wanted.length};
	int accepted = accept_one(listener, &client);

	ck_assert_int_ge(accepted, 0);
	memcpy(&seen.any, &client, wanted.length);
	endpoint_set_port(&seen, 0);
	ck_assert(endpoint_equal(&seen, &wanted));
	close(accepted);
	close(fd);
}

START_TEST(an_address_of_each_family)
{
	const struct endpoint addresses[] = {endpoint_of(ours[1]), endpoint_of(ours[0])};
	struct local_address local;
	struct endpoint from;

	local_address_init(&local, addresses, 2, "lo");
	ck_assert_str_eq(local.interface, "lo");
	for (int i = 0; i < 2; i++) {
		to = endpoint_of(targets[i]);
		ck_assert(local_address_for(&local, &to, &from));
		ck_assert(endpoint_equal(&from, &addresses[1 - i]));
	}
	local_address_init(&local, addresses, 1, NULL);
	ck_assert_str_eq(local.interface, "");
	to = endpoint_of(targets[0]);
	ck_assert(!local_address_for(&local, &to, &from));
}
END_TEST

/* _i: which family, and whether weir chooses the port. */
START_TEST(connection_comes_from_its_address)
{
	struct local_ports *ports = _i < 2 ? some_ports() : NULL;
	int fd;

	listen_at(targets[_i % 2]);
	set_local(ours[_i % 2], "lo");
	fd = connect_from(ports);
	ck_assert_int_eq(option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), !ports);
	assert_comes_from(fd, ours[_i % 2]);
	close(listener);
	local_ports_free(ports);
}
END_TEST

START_TEST(target_of_the_other_family_is_connected_as_ever)
{
	listen_at(targets[_i]);
	set_local(missing[1 - _i], NULL);
	assert_comes_from(connect_from(NULL), targets[_i]);
	close(listener);
}
END_TEST

START_TEST(target_mapped_into_ipv6_is_one_of_ipv4)
{
	char text[32];

	listen_at(targets[0]);
	snprintf(text, sizeof(text), "[::ffff:127.0.0.1]:%d", endpoint_port(&to));
	to = endpoint_of(text);
	set_local(ours[0], NULL);
	assert_comes_from(connect_from(NULL), ours[0]);
	close(listener);
}
END_TEST

START_TEST(unix_target_knows_none)
{
	to = endpoint_of("unix:@weir-test-local");
	listener = relays_listen_at(&to, &plain, SOCKET_SOLE, false);
	set_local(missing[0], "none0");
	close(connect_from(NULL));
	close(listener);
}
END_TEST

/* A port is never taken for that: a ring that grows would take it from other programs. */
START_TEST(what_is_not_there_is_a_shortage)
{
	struct local_ports *ports = _i < 2 ? some_ports() : NULL;
	size_t in_use = ports ? local_ports_in_use(ports) : 0;
	int error;

	to = endpoint_of(targets[_i % 2]);
	endpoint_set_port(&to, 9);
	set_local(missing[_i % 2], NULL);
	error = socket_connect(&to, &tuning, ports, NULL);
	ck_assert_int_eq(error, -ENXIO);
	ck_assert(local_address_failed(error) && socket_error_is_shortage(error));
	set_local(ours[_i % 2], "none0");
	error = socket_connect(&to, &tuning, ports, NULL);
	ck_assert_int_eq(error, -ENODEV);
	ck_assert(local_address_failed(error) && socket_error_is_shortage(error));
	if (ports)
		ck_assert_uint_eq(local_ports_in_use(ports), in_use);
	local_ports_free(ports);
}
END_TEST

START_TEST(text_names_what_is_not_there)
{
	static const char *const texts[] = {"the machine does not have 192.0.2.7 (source_address)",
	                                    "the machine does not have 2001:db8::7 (source_address)"};
	char buf[LOCAL_ADDRESS_TEXT_MAX];

	to = endpoint_of(targets[_i]);
	set_local(missing[_i], "none0");
	ck_assert_str_eq(local_address_error_text(&tuning.local_address, &to, -ENXIO, buf), texts[_i]);
	ck_assert_str_eq(local_address_error_text(&tuning.local_address, &to, -ENODEV, buf),
	                 "there is no interface none0 (source_interface)");
}
END_TEST

/* Anything longer has no room for its NUL. */
START_TEST(longest_texts_fit)
{
	char buf[LOCAL_ADDRESS_TEXT_MAX];

	to = endpoint_of(targets[1]);
	set_local("[2001:db80:1000:1000:1000:1000:1000:1000]:0", "fifteen-letters-and-more");
	ck_assert_str_eq(local_address_error_text(&tuning.local_address, &to, -ENODEV, buf),
	                 "there is no interface fifteen-letters (source_interface)");
	ck_assert_str_eq(
	        local_address_error_text(&tuning.local_address, &to, -ENXIO, buf),
	        "the machine does not have 2001:db80:1000:1000:1000:1000:1000:1000 (source_address)");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("local address");
	TCase *tcase = tcase_create("local address");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, an_address_of_each_family);
	tcase_add_loop_test(tcase, connection_comes_from_its_address, 0, 2 * COUNT(targets));
	tcase_add_loop_test(tcase, target_of_the_other_family_is_connected_as_ever, 0, COUNT(targets));
	tcase_add_test(tcase, target_mapped_into_ipv6_is_one_of_ipv4);
	tcase_add_test(tcase, unix_target_knows_none);
	tcase_add_loop_test(tcase, what_is_not_there_is_a_shortage, 0, 2 * COUNT(targets));
	tcase_add_loop_test(tcase, text_names_what_is_not_there, 0, COUNT(targets));
	tcase_add_test(tcase, longest_texts_fit);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
