/* Every key that tunes sockets reaches its own option, on its own side, and no other. */
#include "build_config.h"

#include "pair/pair_stage.h"

#include <netinet/tcp.h>

static const struct {
	int level, name;
} tuned[] = {
        {SOL_SOCKET, SO_RCVBUF},      {SOL_SOCKET, SO_SNDBUF},          {SOL_SOCKET, SO_KEEPALIVE},
        {IPPROTO_TCP, TCP_NODELAY},   {IPPROTO_TCP, TCP_NOTSENT_LOWAT}, {IPPROTO_TCP, TCP_KEEPIDLE},
        {IPPROTO_TCP, TCP_KEEPINTVL}, {IPPROTO_TCP, TCP_KEEPCNT},
};
#define TUNED (sizeof(tuned) / sizeof(tuned[0]))

/* What a key changes, and to what. No value is a default. Buffers are doubled, see socket(7). */
static const struct {
	const char *setting;
	int name;
	int value[SIDES]; /* -1: as without the key */
} keys[] = {
        {"client_rcvbuf=50000", SO_RCVBUF, {100000, -1}},
        {"client_sndbuf=40000", SO_SNDBUF, {40000, -1}},
        {"target_rcvbuf=30000", SO_RCVBUF, {-1, 60000}},
        {"target_sndbuf=20000", SO_SNDBUF, {-1, 20000}},
        {"tcp_nodelay=off", TCP_NODELAY, {0, 0}},
        {"notsent_lowat=16K", TCP_NOTSENT_LOWAT, {16384, 16384}},
        {"keepalive_idle=1234s", TCP_KEEPIDLE, {1234, 1234}},
        {"keepalive_idle=1500ms", TCP_KEEPIDLE, {2, 2}},
        {"keepalive_interval=32767s", TCP_KEEPINTVL, {32767, 32767}},
        {"keepalive_count=127", TCP_KEEPCNT, {127, 127}},
        {"tcp_keepalive=off", SO_KEEPALIVE, {0, 0}},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void read_options(int fd, int values[TUNED])
{
	for (size_t i = 0; i < TUNED; i++) {
		socklen_t length = sizeof(values[i]);

		values[i] = -1;
		ck_assert_int_eq(getsockopt(fd, tuned[i].level, tuned[i].name, &values[i], &length), 0);
	}
}

/* Of both sockets of a pair that came in through the relay's own entrance. */
static void read_pair(const char *const *options, int values[SIDES][TUNED])
{
	union client_address address = {.any = {.sa_family = AF_UNIX}};
	struct admission ticket;
	int entrance, fd = -1;

	begin(options);
	ck_assert_int_eq(relays_listen(relay), 0);
	entrance = entrance_fd(relay->entrances.list[0], 0);
	keep(relays_connect(entrance));
	LOOP_UNTIL(base, (fd = socket_accept(entrance, &relay->client_tuning, &address)) >= 0);
	ck_assert_ptr_null(admission_take(&ticket, &slots, relay));
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	meet_open(target);
	read_options(only_pair()->client.fd, values[SIDE_CLIENT]);
	read_options(only_pair()->target.fd, values[SIDE_TARGET]);
	pair_set_shutdown(&set);
	entrance_close(relay->entrances.list[0]);
}

START_TEST(key_reaches_its_option_on_its_side)
{
	int without[SIDES][TUNED], with[SIDES][TUNED];

	read_pair(NULL, without);
	read_pair(TEXTS(keys[_i].setting), with);
	for (int side = SIDE_CLIENT; side < SIDES; side++) {
		for (size_t i = 0; i < TUNED; i++) {
			bool its_own = tuned[i].name == keys[_i].name && keys[_i].value[side] >= 0;
			int expected = its_own ? keys[_i].value[side] : without[side][i];

			ck_assert_msg(!its_own || expected != without[side][i], "%s: the default",
			              keys[_i].setting);
			ck_assert_msg(with[side][i] == expected, "%s, %s: option %d is %d, expected %d",
			              keys[_i].setting, side == SIDE_CLIENT ? "client" : "target",
			              tuned[i].name, with[side][i], expected);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_tuning");
	TCase *tcase = make_case("tuning");

	tcase_add_loop_test(tcase, key_reaches_its_option_on_its_side, 0, (int)KEYS);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
