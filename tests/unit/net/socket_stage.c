#include "build_config.h"

#include "net/socket_stage.h"

#include <netinet/tcp.h>

static char folder[UNIT_PATH_MAX];
char path[UNIT_PATH_MAX + 8];
static unsigned fds_before;
const struct socket_tuning plain = {
        .rcvbuf = UNITS_AUTO,
        .sndbuf = UNITS_AUTO,
        .notsent_lowat = UNITS_AUTO,
        .keepalive_idle = UNITS_AUTO,
        .keepalive_interval = UNITS_AUTO,
        .keepalive_count = UNITS_AUTO,
};
const struct socket_tuning tuned = {
        .nodelay = true,
        .keepalive = true,
        .rcvbuf = 50000,
        .sndbuf = 40000,
        .notsent_lowat = 30000,
        .keepalive_idle = 20000,
        .keepalive_interval = 1500,
        .keepalive_count = 5,
};

void setup(void)
{
	unit_make_folder(folder);
	snprintf(path, sizeof(path), "%s/socket", folder);
	fds_before = relays_count_fds();
}

void teardown(void)
{
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	unlink(path);
	ck_assert_int_eq(rmdir(folder), 0);
}

struct endpoint endpoint_of(const char *text)
{
	struct address address;
	struct endpoint endpoint;

	ck_assert_int_eq(address_parse(text, &address), 0);
	endpoint = address.endpoint;
	address_deinit(&address);
	return endpoint;
}

struct endpoint path_endpoint(void)
{
	char text[sizeof(path) + 8];

	snprintf(text, sizeof(text), "unix:%s", path);
	return endpoint_of(text);
}

struct endpoint own_endpoint(int fd)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.un)};

	ck_assert_int_eq(getsockname(fd, &endpoint.any, &endpoint.length), 0);
	return endpoint;
}

int option(int fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
	return value;
}

void wait_for(int fd, short events)
{
	ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = events}, 1, LOOP_DEADLINE_MS), 1);
}

int accept_one(int listener, union client_address *client)
{
	wait_for(listener, POLLIN);
	return socket_accept(listener, &tuned, client);
}

void assert_flags(int fd)
{
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

void assert_tuned(int fd)
{
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_OOBINLINE), 1);
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_RCVBUF), 2 * 50000); /* doubled, see socket(7) */
	ck_assert_int_eq(option(fd, SOL_SOCKET, SO_SNDBUF), 40000);     /* asked for half of it */
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 30000);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 20);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 2);
	ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT), 5);
}
