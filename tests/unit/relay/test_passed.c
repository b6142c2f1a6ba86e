/* Entrances whose sockets the service manager has passed, and keeps. */
#include "build_config.h"

#include "relay/apart.h"
#include "relay/relay_stage.h"

#include <errno.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKERS 2

#ifdef HAVE_SYSTEMD
#define HAS_KEY true
#else
#define HAS_KEY false /* listen = systemd:NAME is an error */
#endif

static struct facade facade;
static struct activation activation;
static unsigned fds_before;

static void setup_passed(void)
{
	setup();
	fds_before = relays_count_fds();
	facade_init(&facade, WORKERS);
	facade.activation = &activation;
}

static void teardown_passed(void)
{
	facade_deinit(&facade);
	activation_deinit(&activation);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	relay = NULL;
	teardown();
}

/* The service manager opens one. All of them share their address if they ask for the same. */
static int pass(const char *text, const char *name)
{
	struct address address;
	int fd, on = 1;

	ck_assert_int_eq(address_parse(text, &address), 0);
	fd = socket(address.endpoint.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (address.endpoint.any.sa_family != AF_UNIX)
		ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, &address.endpoint.any, address.endpoint.length), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(activation_add(&activation, fd, name), 0);
	return fd;
}

static struct relay *bind_relay(const char *const *listen, int expected)
{
	struct relay *bound = relays_new(listen, TEXTS("127.0.0.1:1"), NULL, resolver, WORKERS);

	facade_begin(&facade);
	ck_assert_int_eq(relay_bind(bound, &facade, NULL), expected);
	return bound;
}

static bool somebody_waits(int fd)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

START_TEST(all_sockets_of_a_name)
{
	int one = pass("127.0.0.1:0", "web"), other, unix_socket;
	struct relay *web;

	pass("127.0.0.1:0", "api");
	other = pass("[::]:0", "web");
	unix_socket = pass("unix:@weir-test-passed", "web");
	web = bind_relay(TEXTS("systemd:web"), 0);
	ck_assert_uint_eq(web->entrances.count, 3);
	for (size_t i = 0; i < 3; i++) {
		struct entrance *entrance = web->entrances.list[i];
		int first = entrance_fd(entrance, 0), second = entrance_fd(entrance, 1);

		ck_assert(first < 0 || second < 0); /* one worker accepts */
		ck_assert_int_eq(first < 0 ? second : first, i == 0 ? one : i == 1 ? other : unix_socket);
		ck_assert_int_eq(entrance->key.dual_stack, i == 1);
	}
	ck_assert_int_eq(relay_listen(web), 0);
	ck_assert_uint_eq(captured("listening on"), 3);
	relays_free(web);
}
END_TEST

START_TEST(name_without_a_socket)
{
	pass("127.0.0.1:0", "web");
	pass("127.0.0.1:0", "api");
	relays_free(bind_relay(TEXTS("systemd:wbe"), -EADDRNOTAVAIL));
	ck_assert_uint_eq(
	        captured("cannot listen on systemd:wbe: no socket of that name was passed at the start; "
	                 "there are: web, api"),
	        1);
}
END_TEST

/* _i: a unix socket. */
START_TEST(socket_stays_when_its_relay_goes)
{
	int fd = pass(_i ? "unix:@weir-test-passed" : "127.0.0.1:0", "web"), first, second;
	struct relay *before = bind_relay(TEXTS("systemd:web"), 0), *after;

	facade_commit(&facade);
	first = relays_connect(fd);
	after = bind_relay(TEXTS("127.0.0.1:0"), 0); /* without it, so it is drained */
	ck_assert_uint_eq(facade_commit(&facade).removed, 1);
	second = relays_connect(fd);
	ck_assert(somebody_waits(fd));
	relays_free(before);
	before = bind_relay(TEXTS("systemd:web"), 0);
	ck_assert_uint_eq(facade_commit(&facade).added, 1);
	ck_assert_int_eq(entrance_fd(before->entrances.list[0], 0) < 0
	                         ? entrance_fd(before->entrances.list[0], 1)
	                         : entrance_fd(before->entrances.list[0], 0),
	                 fd);
	ck_assert(somebody_waits(fd));
	close(first);
	close(second);
	relays_free(before);
	relays_free(after);
}
END_TEST

START_TEST(socket_is_kept_by_a_later_generation)
{
	struct relay *before, *after;

	pass("127.0.0.1:0", "web");
	before = bind_relay(TEXTS("systemd:web"), 0);
	facade_commit(&facade);
	after = bind_relay(TEXTS("systemd:web", "127.0.0.1:0"), 0);
	ck_assert_ptr_eq(after->entrances.list[0], before->entrances.list[0]);
	ck_assert_uint_eq(facade_commit(&facade).kept, 1);
	relays_free(before);
	relays_free(after);
}
END_TEST

/* An address of the file is another entrance, even if it is the same address. */
START_TEST(passed_socket_is_not_one_of_ours)
{
	int fd = pass("127.0.0.1:0", "web");
	struct relay *web = bind_relay(TEXTS("systemd:web"), 0), *other;

	facade_commit(&facade);
	other = bind_relay(TEXTS(relays_address(fd)), -EADDRINUSE);
	ck_assert_uint_eq(captured("relay command-line has 127.0.0.1:"), 1);
	relays_free(other);
	relays_free(web);
}
END_TEST

/* Where sockets are is known only at run time, as with host names. */
START_TEST(sockets_that_share_an_address)
{
	int fd = pass("127.0.0.1:0", "one");
	struct relay *one, *other;

	pass(relays_address(fd), "other");
	one = bind_relay(TEXTS("systemd:one"), 0);
	other = bind_relay(TEXTS("systemd:other"), 0);
	ck_assert_int_eq(apart_check(&one, 1), 0);
	ck_assert_int_eq(apart_check((struct relay *[]){one, other}, 2), -EADDRINUSE);
	relays_free(one);
	relays_free(other);
}
END_TEST

/* Its path, mode and owner are what the service manager made them. */
START_TEST(path_is_not_ours)
{
	static const char path[] = "/tmp/weir-test-passed-path";
	struct unix_access access = {.has_mode = true, .mode = 0600};
	struct stat status;
	struct relay *web;

	unlink(path);
	umask(0);
	pass("unix:/tmp/weir-test-passed-path", "web");
	web = bind_relay(TEXTS("systemd:web"), 0);
	facade_commit(&facade);
	ck_assert_int_eq(entrance_set_access(web->entrances.list[0], &access), 0);
	facade_shut(&facade);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0777);
	relays_free(web);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("passed");
	TCase *tcase = tcase_create("passed");

	tcase_add_checked_fixture(tcase, setup_passed, teardown_passed);
	tcase_set_timeout(tcase, 20);
	if (HAS_KEY) {
		tcase_add_test(tcase, all_sockets_of_a_name);
		tcase_add_test(tcase, name_without_a_socket);
		tcase_add_loop_test(tcase, socket_stays_when_its_relay_goes, 0, 2);
		tcase_add_test(tcase, socket_is_kept_by_a_later_generation);
		tcase_add_test(tcase, passed_socket_is_not_one_of_ours);
		tcase_add_test(tcase, sockets_that_share_an_address);
		tcase_add_test(tcase, path_is_not_ours);
	}
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
