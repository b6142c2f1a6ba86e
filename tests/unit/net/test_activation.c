/* Sockets of the service manager. */
#include "build_config.h"

#include "net/activation.h"
#include "net/socket_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct activation activation;

static int bound(int domain, int type, const struct endpoint *endpoint)
{
	int fd = socket(domain, type, 0);

	ck_assert_int_eq(bind(fd, &endpoint->any, endpoint->length), 0);
	return fd;
}

static int listening(const char *text)
{
	struct endpoint endpoint = endpoint_of(text);
	int fd = bound(endpoint.any.sa_family, SOCK_STREAM, &endpoint);

	ck_assert_int_eq(listen(fd, 5), 0);
	return fd;
}

static const struct passed_socket *add(int fd, const char *name)
{
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(activation_add(&activation, fd, name), 0);
	return &activation.sockets[activation.count - 1];
}

static void expect_flaw(int fd, const char *flaw)
{
	ck_assert_str_eq(add(fd, "x")->flaw, flaw);
}

START_TEST(what_no_relay_can_accept_on)
{
	struct endpoint any = endpoint_of("127.0.0.1:0"), there;
	int fds[2], listener = listening("127.0.0.1:0"), connected = socket(AF_INET, SOCK_STREAM, 0);

	there = own_endpoint(listener);
	ck_assert_int_eq(connect(connected, &there.any, there.length), 0);
	ck_assert_int_eq(pipe(fds), 0);
	expect_flaw(fds[0], "is a FIFO");
	close(fds[1]);
	expect_flaw(open("/dev/null", O_RDONLY), "is no socket");
	expect_flaw(bound(AF_INET, SOCK_DGRAM, &any), "is a datagram socket");
	expect_flaw(socket(AF_UNIX, SOCK_SEQPACKET, 0), "is a sequential packet socket");
	expect_flaw(bound(AF_INET, SOCK_STREAM, &any), "does not listen, as with Accept=yes");
	expect_flaw(connected, "does not listen, as with Accept=yes");
	close(listener);
	activation_deinit(&activation);
}
END_TEST

START_TEST(what_a_relay_can_accept_on)
{
	static const struct {
		const char *text;
		bool dual_stack;
	} cases[] = {{"127.0.0.1:0", false},
	             {"[::]:0", true},
	             {"[::1]:0", false},
	             {"unix:@weir-test-activation", false}};

	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd = listening(cases[i].text);
		const struct passed_socket *passed = add(fd, "x");
		struct endpoint own = own_endpoint(fd);

		ck_assert_ptr_null(passed->flaw);
		ck_assert(endpoint_equal(&passed->endpoint, &own));
		ck_assert_int_eq(passed->dual_stack, cases[i].dual_stack);
		assert_flags(fd);
	}
	activation_deinit(&activation);
}
END_TEST

START_TEST(ipv6_only)
{
	struct endpoint any = endpoint_of("[::]:0");
	int fd = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

	ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, &any.any, any.length), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert(!add(fd, "x")->dual_stack);
	activation_deinit(&activation);
}
END_TEST

START_TEST(found_by_name)
{
	static const char *const names[] = {"web", "api", "web", "w"};
	const struct passed_socket *first, *second;
	char text[64], few[8];

	ck_assert_str_eq(activation_names(&activation, text, sizeof(text)), "none");
	ck_assert_ptr_null(activation_find(&activation, "web", NULL));
	for (size_t i = 0; i < COUNT(names); i++)
		add(listening("127.0.0.1:0"), names[i]);
	first = activation_find(&activation, "web", NULL);
	second = activation_find(&activation, "web", first);
	ck_assert_ptr_eq(first, &activation.sockets[0]);
	ck_assert_ptr_eq(second, &activation.sockets[2]);
	ck_assert_ptr_null(activation_find(&activation, "web", second));
	ck_assert_ptr_null(activation_find(&activation, "we", NULL));
	ck_assert_str_eq(activation_names(&activation, text, sizeof(text)), "web, api, w");
	ck_assert_str_eq(activation_names(&activation, few, sizeof(few)), "web, ap");
	activation_deinit(&activation);
}
END_TEST

/* In a process of its own, where descriptor 3 is free to be had. Its exit status says what was wrong. */
static int take(const char *pid, const char *count)
{
	int fd = listening("127.0.0.1:0"), status = 0;
	pid_t child = fork();

	if (child == 0) {
		char own[16];

		snprintf(own, sizeof(own), "%d", (int)getpid());
		dup2(fd, 3);
		setenv("LISTEN_PID", pid ? pid : own, 1);
		setenv("LISTEN_FDS", count, 1);
		setenv("LISTEN_FDNAMES", "web", 1);
		activation_take(&activation);
		if (getenv("LISTEN_PID") || getenv("LISTEN_FDS") || getenv("LISTEN_FDNAMES"))
			_exit(100);
		if (activation.count == 1 && (activation.sockets[0].fd != 3 || activation.sockets[0].flaw ||
		                              strcmp(activation.sockets[0].name, "web") != 0))
			_exit(101);
		_exit(activation.error ? 102 : (int)activation.count);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	close(fd);
	return WEXITSTATUS(status);
}

START_TEST(taken_from_the_environment)
{
#ifdef HAVE_SYSTEMD
	ck_assert_int_eq(take(NULL, "1"), 1);
	ck_assert_int_eq(take("1", "1"), 0); /* another's */
	ck_assert_int_eq(take(NULL, "nonsense"), 102);
	ck_assert_int_eq(take(NULL, "1000"), 102); /* they are not there */
#else
	(void)take;
#endif
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("activation");
	TCase *tcase = tcase_create("activation");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, what_no_relay_can_accept_on);
	tcase_add_test(tcase, what_a_relay_can_accept_on);
	tcase_add_test(tcase, ipv6_only);
	tcase_add_test(tcase, found_by_name);
	tcase_add_test(tcase, taken_from_the_environment);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
