/* Entrances that later generations take over. */
#include "build_config.h"

#include "faults.h"
#include "relay/relay_stage.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>

#define WORKERS 2
#define MOST    5

static struct facade facade;
static struct entrance *taken[MOST];
static size_t taken_count;
static unsigned fds_before;
static const struct socket_tuning plain = {.rcvbuf = UNITS_AUTO,
                                           .sndbuf = UNITS_AUTO,
                                           .notsent_lowat = UNITS_AUTO,
                                           .keepalive_idle = UNITS_AUTO,
                                           .keepalive_interval = UNITS_AUTO,
                                           .keepalive_count = UNITS_AUTO};

static bool no_room; /* tsearch(3) allocates within the C library, where faults.c does not reach */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the names that ld --wrap wants */
void *__real_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));
void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));

void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	return no_room ? NULL : __real_tsearch(key, root, compare);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void setup_facade(void)
{
	setup();
	facade_init(&facade, WORKERS);
	taken_count = 0;
	fds_before = relays_count_fds();
}

static void leave_all(void)
{
	while (taken_count > 0)
		facade_put(taken[--taken_count]);
}

static void teardown_facade(void)
{
	leave_all();
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	facade_deinit(&facade);
	relay = NULL;
	teardown();
}

static struct entrance_key key_of(const char *text)
{
	struct entrance_key key = {.dual_stack = false};
	struct address address;

	ck_assert_int_eq(address_parse(text, &address), 0);
	key.endpoint = address.endpoint;
	return key;
}

static int try_to_take(const char *text, const char *name)
{
	const struct entrance_key key = key_of(text);
	int error = facade_take(&facade, &key, &plain, name, false, &taken[taken_count]);

	if (!error)
		taken_count++;
	return error;
}

static struct entrance *take(const char *text, const char *name)
{
	ck_assert_uint_lt(taken_count, MOST);
	ck_assert_int_eq(try_to_take(text, name), 0);
	ck_assert_int_eq(entrance_listen(taken[taken_count - 1]), 0);
	return taken[taken_count - 1];
}

START_TEST(same_address_is_the_same_entrance)
{
	struct entrance *first = take("127.0.0.1:0", "a"), *same;
	int fd = entrance_fd(first, 1), client = relays_connect(fd);

	facade_begin(&facade);
	same = take("127.0.0.1:0", "a");
	ck_assert_ptr_eq(same, first);
	ck_assert_int_eq(entrance_fd(same, 1), fd);
	facade_put(first);
	taken[0] = taken[--taken_count];
	close(relays_connect(fd));
	close(client);
}
END_TEST

START_TEST(entrance_moves_to_another_relay)
{
	struct entrance *first = take("unix:@weir-test-facade", "a");

	facade_begin(&facade);
	ck_assert_ptr_eq(take("unix:@weir-test-facade", "b"), first);
}
END_TEST

/* Without a new round it is one configuration, which gets each entrance once. */
START_TEST(entrance_is_taken_once)
{
	struct entrance *first = take("127.0.0.1:0", "a"), *second = take("127.0.0.1:0", "a");

	ck_assert_ptr_ne(first, second);
	facade_begin(&facade);
	ck_assert_ptr_eq(take("127.0.0.1:0", "a"), first);
	ck_assert_ptr_eq(take("127.0.0.1:0", "a"), second);
}
END_TEST

/* Of those that are left, the oldest goes first, whichever was closed before. */
START_TEST(entrances_with_one_key)
{
	struct entrance *of_a = take("127.0.0.1:0", "a"), *of_b = take("127.0.0.1:0", "b"),
	                *of_c = take("127.0.0.1:0", "c");
	struct entrance *const order[] = {of_a, of_b, of_c};

	taken[_i] = taken[--taken_count];
	facade_put(order[_i]);
	ck_assert_int_eq(facade_begin(&facade), 0);
	ck_assert_ptr_eq(take("127.0.0.1:0", "d"), _i == 0 ? of_b : of_a);
	ck_assert_ptr_eq(take("127.0.0.1:0", "d"), _i == 2 ? of_b : of_c);
	leave_all();
	ck_assert_int_eq(facade_begin(&facade), 0);
	ck_assert(!facade_has(&facade, "a"));
	take("127.0.0.1:0", "d");
}
END_TEST

START_TEST(no_memory_to_take_an_entrance)
{
	const unsigned fds = relays_count_fds();
	int error = -ENOMEM;

	for (size_t n = 1; error; n++) {
		fault_set(FAULT_MEMORY, n, ENOMEM);
		error = facade_begin(&facade);
		if (!error)
			error = try_to_take("127.0.0.1:0", "a");
		fault_set(FAULT_MEMORY, 0, 0);
		ck_assert(error == 0 || error == -ENOMEM);
		ck_assert(error == 0 || relays_count_fds() == fds);
	}
	leave_all();
	no_room = true;
	ck_assert_int_eq(try_to_take("127.0.0.1:0", "a"), -ENOMEM);
	ck_assert_uint_eq(relays_count_fds(), fds);
	facade_abandon(&facade);
}
END_TEST

START_TEST(own_entrance_goes_first)
{
	struct entrance *of_a = take("127.0.0.1:0", "a"), *of_b = take("127.0.0.1:0", "b");

	facade_begin(&facade);
	ck_assert(facade_has(&facade, "b"));
	ck_assert(!facade_has(&facade, "c"));
	ck_assert_ptr_eq(take("127.0.0.1:0", "b"), of_b);
	ck_assert_ptr_eq(take("127.0.0.1:0", "c"), of_a);
}
END_TEST

static const char *const others[][2] = {
        {"127.0.0.1:0", "127.0.0.2:0"},
        {"127.0.0.1:0", "[::1]:0"},
        {"unix:@weir-test-facade", "unix:@weir-test-facade2"},
        {"0.0.0.0:0", "127.0.0.1:0"},
};

START_TEST(another_address_is_another_entrance)
{
	struct entrance *first = take(others[_i][0], "a");

	facade_begin(&facade);
	ck_assert_ptr_ne(take(others[_i][1], "a"), first);
}
END_TEST

/* The same port was asked for by number: that is not what port 0 is found again by. */
START_TEST(port_that_was_chosen_is_not_one_that_was_asked_for)
{
	char text[ADDRESS_TEXT_MAX];

	memcpy(text, take("127.0.0.1:0", "a")->text, sizeof(text));
	facade_begin(&facade);
	ck_assert_int_eq(try_to_take(text, "a"), -EADDRINUSE);
	leave_all();
	take(text, "a");
}
END_TEST

START_TEST(both_families_are_another_address_than_one)
{
	struct entrance_key key = key_of("[::]:0");
	struct entrance *first = take("[::]:0", "a");

	key.dual_stack = true;
	facade_begin(&facade);
	ck_assert_int_eq(facade_take(&facade, &key, &plain, "a", false, &taken[taken_count]), 0);
	ck_assert_ptr_ne(taken[taken_count++], first);
}
END_TEST

/* The new one is closed again, and the one that was there goes on. */
START_TEST(generation_that_fails_changes_nothing)
{
	struct entrance *first = take("127.0.0.1:0", "a");
	int fd = entrance_fd(first, 0);
	unsigned fds = relays_count_fds();

	facade_begin(&facade);
	ck_assert_ptr_eq(take("127.0.0.1:0", "b"), first);
	take("127.0.0.2:0", "b");
	facade_put(taken[--taken_count]);
	facade_put(taken[--taken_count]);
	ck_assert_uint_eq(relays_count_fds(), fds);
	close(relays_connect(fd));
	ck_assert(facade_has(&facade, "a"));
	ck_assert(!facade_has(&facade, "b"));
	facade_begin(&facade);
	ck_assert_ptr_eq(take("127.0.0.1:0", "a"), first);
}
END_TEST

/* Whichever generation has it. One worker accepts for all, and not always the same. */
START_TEST(unix_entrance_keeps_its_worker)
{
	struct entrance *first = take("unix:@weir-test-facade", "a"),
	                *second = take("unix:@weir-test-facade2", "a");
	int fd = entrance_fd(second, 1);

	ck_assert_int_ge(entrance_fd(first, 0), 0);
	ck_assert_int_eq(entrance_fd(first, 1), -1);
	ck_assert_int_eq(entrance_fd(second, 0), -1);
	ck_assert_int_ge(fd, 0);
	facade_begin(&facade);
	take("unix:@weir-test-facade2", "b");
	ck_assert_int_eq(entrance_fd(second, 1), fd);
}
END_TEST

/* ---- of relays ---- */

static struct relay *bind_relay(const char *const *listen, int expected)
{
	struct relay *bound = relays_new(listen, TEXTS("127.0.0.1:1"), NULL, resolver, WORKERS);

	facade_begin(&facade);
	ck_assert_int_eq(relay_bind(bound, &facade, NULL), expected);
	return bound;
}

START_TEST(relay_listens_on_what_is_new)
{
	struct relay *before = bind_relay(TEXTS("127.0.0.1:0", "*:0"), 0), *after;

	ck_assert_int_eq(relay_listen(before), 0);
	ck_assert_uint_eq(captured("listening on"), 2);
	after = bind_relay(TEXTS("*:0", "127.0.0.2:0"), 0);
	ck_assert_ptr_eq(after->entrances.list[0], before->entrances.list[1]);
	relays_free(before);
	ck_assert_int_eq(relay_listen(after), 0);
	ck_assert_uint_eq(captured("listening on"), 3);
	close(relays_connect(entrance_fd(after->entrances.list[0], 1)));
	close(relays_connect(entrance_fd(after->entrances.list[1], 0)));
	relays_free(after);
}
END_TEST

/* *:80 instead of 127.0.0.1:80 needs two steps. The log says what is in the way. */
START_TEST(what_is_in_the_way_is_named)
{
	struct relay *before = bind_relay(TEXTS("127.0.0.1:0"), 0), *after;
	const struct entrance *first = before->entrances.list[0];
	char all[32], line[2 * ADDRESS_TEXT_MAX];

	ck_assert_int_eq(relay_listen(before), 0);
	snprintf(all, sizeof(all), "*:%u", endpoint_port(&first->endpoint));
	after = bind_relay(TEXTS(all), -EADDRINUSE);
	snprintf(line, sizeof(line), "cannot listen on %s: relay command-line has %s", all, first->text);
	ck_assert_uint_eq(captured(line), 1);
	relays_free(after);
	close(relays_connect(entrance_fd(first, 1)));
	relays_free(before);
}
END_TEST

/* ---- socket options ---- */

/* What is in force now, as clients inherit it. */
static int nodelay_of(const struct entrance *entrance, unsigned worker)
{
	socklen_t length = sizeof(int);
	int value;

	ck_assert_int_eq(getsockopt(entrance_fd(entrance, worker), IPPROTO_TCP, TCP_NODELAY, &value, &length),
	                 0);
	return value;
}

static void take_with_nodelay(struct entrance *before, const char *name)
{
	struct socket_tuning tuning = plain;

	tuning.nodelay = true;
	ck_assert_int_eq(facade_take(&facade, &before->key, &tuning, name, false, &taken[taken_count]), 0);
	ck_assert_ptr_eq(taken[taken_count++], before);
}

/* Takes again what a and b have, with nodelay. */
static void take_both_with_nodelay(struct entrance *const before[2])
{
	facade_begin(&facade);
	take_with_nodelay(before[0], "a");
	take_with_nodelay(before[1], "b");
}

static void take_both(struct entrance *before[2])
{
	facade_begin(&facade);
	before[0] = take("127.0.0.1:0", "a");
	before[1] = take("127.0.0.2:0", "b");
	(void)facade_commit(&facade);
}

static void close_facade(void)
{
	leave_all();
	facade_shut(&facade);
}

START_TEST(kept_entrance_gets_other_socket_options_at_the_commit)
{
	struct entrance *both[2];
	unsigned fds;

	take_both(both);
	fds = relays_count_fds();
	take_both_with_nodelay(both);
	ck_assert_uint_eq(relays_count_fds(), fds + 1); /* one pattern for both */
	ck_assert_int_eq(nodelay_of(both[0], 0), 0);
	(void)facade_commit(&facade);
	for (unsigned i = 0; i < 2 * WORKERS; i++)
		ck_assert_int_eq(nodelay_of(both[i % 2], i / 2), 1);
	ck_assert_uint_eq(relays_count_fds(), fds);
	leave_all();
	take_both_with_nodelay(both);
	ck_assert_uint_eq(relays_count_fds(), fds); /* it has them already */
	(void)facade_commit(&facade);
	close_facade();
}
END_TEST

/* Its clients inherit nothing. */
START_TEST(unix_entrance_gets_no_other_socket_options)
{
	struct entrance *first;
	unsigned fds;

	facade_begin(&facade);
	first = take("unix:@weir-test-facade", "a");
	(void)facade_commit(&facade);
	fds = relays_count_fds();
	facade_begin(&facade);
	take_with_nodelay(first, "a");
	ck_assert_uint_eq(relays_count_fds(), fds); /* no pattern */
	(void)facade_commit(&facade);
	ck_assert_uint_eq(captured("some socket options stay as they were"), 0);
	close_facade();
}
END_TEST

START_TEST(abandoned_entrance_keeps_its_socket_options)
{
	struct entrance *both[2];
	unsigned fds;

	take_both(both);
	fds = relays_count_fds();
	take_both_with_nodelay(both);
	facade_abandon(&facade);
	ck_assert_uint_eq(relays_count_fds(), fds);
	facade_put(taken[--taken_count]);
	facade_put(taken[--taken_count]);
	leave_all();
	take_both(both);
	ck_assert_int_eq(nodelay_of(both[0], 0), 0);
	close_facade();
}
END_TEST

/* ---- who may connect to a unix path ---- */

static const char path[] = "/tmp/weir-test-facade-path";

static mode_t mode_of_path(void)
{
	struct stat status;

	ck_assert_int_eq(lstat(path, &status), 0);
	return status.st_mode & 07777;
}

/* The generation in force has the path with mode=600; the next one, which is returned, with these words. */
static struct relay *keep_path(const char *listen, bool gone, int expected)
{
	struct relay *after;

	unlink(path);
	relay = bind_relay(TEXTS("unix:/tmp/weir-test-facade-path mode=600"), 0);
	ck_assert_int_eq(relay_listen(relay), 0);
	(void)facade_commit(&facade);
	if (gone)
		ck_assert_int_eq(unlink(path), 0);
	after = bind_relay(TEXTS(listen), expected);
	ck_assert_ptr_eq(after->entrances.list[0], relay->entrances.list[0]);
	return after;
}

static void close_path(struct relay *after)
{
	relays_free(after);
	relays_free(relay);
	facade_shut(&facade);
}

/* _i: the generation is committed, or comes to nothing. What comes to nothing later gives back the newest. */
START_TEST(access_to_a_kept_path_is_as_the_generation_in_force_has_it)
{
	struct relay *after = keep_path("unix:/tmp/weir-test-facade-path mode=640", false, 0), *later;
	const mode_t lasting = _i ? 0640 : 0600;

	ck_assert_uint_eq(mode_of_path(), 0640);
	if (_i)
		(void)facade_commit(&facade);
	else
		facade_abandon(&facade);
	ck_assert_uint_eq(mode_of_path(), lasting);
	later = bind_relay(TEXTS("unix:/tmp/weir-test-facade-path"), 0);
	ck_assert_uint_ne(mode_of_path(), lasting);
	facade_abandon(&facade);
	ck_assert_uint_eq(mode_of_path(), lasting);
	relays_free(later);
	close_path(after);
}
END_TEST

/* What is not there cannot be changed, but stays as it is without a word. */
START_TEST(access_to_a_kept_path_that_is_gone)
{
	char words[80];

	snprintf(words, sizeof(words), "unix:%s mode=6%d0", path, _i * 4);
	close_path(keep_path(words, true, _i ? -ENOENT : 0));
	ck_assert_uint_eq(
	        captured("cannot set \"mode=640\" on unix:/tmp/weir-test-facade-path: No such file"), _i);
}
END_TEST

START_TEST(access_that_cannot_be_restored)
{
	struct relay *after = keep_path("unix:/tmp/weir-test-facade-path mode=640", false, 0);

	ck_assert_int_eq(unlink(path), 0);
	facade_abandon(&facade);
	ck_assert_uint_eq(captured("relay command-line: cannot restore who may connect to unix:/tmp/"), 1);
	close_path(after);
}
END_TEST

/* ---- refusing ---- */

/* Takes again the one that is taken, and commits. */
static struct facade_change change_to(bool refuses)
{
	facade_begin(&facade);
	ck_assert_int_eq(facade_take_again(taken[0], "a", refuses), 0);
	ck_assert_int_eq(refuses ? 0 : entrance_listen(taken[0]), 0);
	return facade_commit(&facade);
}

static struct entrance *open_one(const char *text)
{
	struct entrance *entrance;

	facade_begin(&facade);
	entrance = take(text, "a");
	(void)facade_commit(&facade);
	return entrance;
}

static int knock_at(const struct endpoint *endpoint)
{
	int fd = socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error = connect(fd, &endpoint->any, endpoint->length) < 0 ? -errno : 0;

	close(fd);
	return error;
}

/* At the same port, although any would do, and nobody else gets it meanwhile. */
START_TEST(refusing_entrance_keeps_its_port)
{
	struct entrance *entrance = open_one("127.0.0.1:0");
	const struct endpoint endpoint = entrance->endpoint;

	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(change_to(true).removed, 1);
		ck_assert_int_eq(entrance->state, ENTRANCE_CLOSED);
		ck_assert_int_eq(knock_at(&endpoint), -ECONNREFUSED);
		ck_assert_int_eq(socket_bind(&endpoint, &plain, SOCKET_SOLE, false), -EADDRINUSE);
		ck_assert_uint_eq(change_to(true).removed, 0);
		ck_assert_uint_eq(change_to(false).added, 1);
		ck_assert_int_eq(knock_at(&endpoint), 0);
		ck_assert_uint_eq(change_to(false).kept, 1);
	}
	ck_assert(endpoint_equal(&entrance->endpoint, &endpoint));
	close_facade();
}
END_TEST

START_TEST(refusing_path_is_made_again_with_its_access)
{
	const struct unix_access access = {.has_mode = true, .mode = 0640};
	char text[128];
	struct entrance *entrance;
	struct stat status;

	snprintf(text, sizeof(text), "unix:/tmp/weir-facade-%d", (int)getpid());
	entrance = open_one(text);
	(void)change_to(true);
	ck_assert_int_eq(lstat(text + strlen("unix:"), &status), -1);
	ck_assert_int_eq(entrance_set_access(entrance, &access), 0);
	(void)change_to(false);
	ck_assert_int_eq(lstat(text + strlen("unix:"), &status), 0);
	ck_assert_uint_eq(status.st_mode & 0777, 0640);
	ck_assert_int_eq(knock_at(&entrance->endpoint), 0);
	close_facade();
	ck_assert_int_eq(lstat(text + strlen("unix:"), &status), -1);
}
END_TEST

/* TCP lets those in again at once; a unix socket cannot, until it is closed. */
START_TEST(refusing_entrance_where_clients_wait)
{
	struct entrance *entrance = open_one(_i ? "unix:@weir-test-facade" : "127.0.0.1:0");

	facade_enter(entrance);
	(void)change_to(true);
	ck_assert_int_eq(entrance->state, ENTRANCE_SHUT);
	facade_begin(&facade);
	ck_assert_int_eq(facade_take_again(entrance, "a", false), _i ? -EADDRINUSE : 0);
	if (_i)
		ck_assert_int_eq(facade_take_again(entrance, "a", true), 0);
	(void)facade_commit(&facade);
	ck_assert_int_eq(knock_at(&entrance->endpoint), _i ? -ECONNREFUSED : 0);
	facade_begin(&facade); /* a generation that is to refuse there has no need of another one */
	ck_assert_int_eq(facade_take(&facade, &entrance->key, &plain, "a", true, &taken[1]), 0);
	ck_assert_ptr_eq(taken[1], entrance);
	taken_count = 2;
	(void)facade_commit(&facade);
	facade_leave(entrance);
	close_facade();
}
END_TEST

/* What is new there is bound, so that all is known to be in order, but nobody gets in. */
START_TEST(generation_that_refuses_takes_what_is_new)
{
	struct entrance *entrance;
	const struct entrance_key key = key_of("127.0.0.1:0");

	facade_begin(&facade);
	ck_assert_int_eq(facade_take(&facade, &key, &plain, "a", true, &entrance), 0);
	taken[taken_count++] = entrance;
	ck_assert_uint_eq(facade_commit(&facade).added, 0);
	ck_assert_int_eq(knock_at(&entrance->endpoint), -ECONNREFUSED);
	ck_assert_ptr_eq(facade_find_overlap(&facade, &(struct entrance_key){.endpoint = entrance->endpoint}),
	                 entrance);
	ck_assert_uint_eq(change_to(false).added, 1);
	ck_assert_int_eq(knock_at(&entrance->endpoint), 0);
	close_facade();
}
END_TEST

/* The next generation finds it, closed or not, with other socket options. */
START_TEST(refusing_entrance_is_found_by_the_next_generation)
{
	struct entrance *entrance = open_one("127.0.0.1:0");
	struct socket_tuning tuning = plain;

	(void)change_to(true);
	tuning.nodelay = true;
	for (int i = 0; i < 2; i++) {
		facade_begin(&facade);
		ck_assert_int_eq(facade_take(&facade, &entrance->key, &tuning, "a", i == 0, &taken[1]), 0);
		ck_assert_ptr_eq(taken[1], entrance);
		facade_put(taken[0]);
		if (i == 1)
			ck_assert_int_eq(facade_take_again(entrance, "a", false), 0);
		(void)facade_commit(&facade);
	}
	ck_assert_int_eq(nodelay_of(entrance, 0), 1);
	close_facade();
}
END_TEST

/* Somebody else listens there, or what follows fails: it stays as it was, and is opened another time. */
START_TEST(refusing_entrance_that_cannot_be_opened)
{
	struct entrance *entrance = open_one("unix:@weir-test-refusing");
	unsigned fds;
	int other;

	(void)change_to(true);
	fds = relays_count_fds();
	other = relays_listen_at(&entrance->endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(other, 0);
	facade_begin(&facade);
	ck_assert_int_eq(facade_take_again(entrance, "a", false), -EADDRINUSE);
	ck_assert_int_eq(facade_take_again(entrance, "a", true), 0);
	ck_assert_uint_eq(facade_commit(&facade).added, 0);
	close(other);
	facade_begin(&facade);
	ck_assert_int_eq(facade_take_again(entrance, "a", false), 0);
	facade_abandon(&facade);
	ck_assert_uint_eq(relays_count_fds(), fds);
	ck_assert_uint_eq(change_to(false).added, 1);
	ck_assert_int_eq(knock_at(&entrance->endpoint), 0);
	close_facade();
}
END_TEST

/* A generation that was to let clients in there has come to nothing. */
START_TEST(refusing_entrance_is_found_after_a_generation_that_fails)
{
	struct entrance *entrance = open_one("127.0.0.1:0");

	(void)change_to(true);
	for (int i = 0; i < 2; i++) {
		facade_begin(&facade);
		ck_assert_int_eq(try_to_take("127.0.0.1:0", "a"), 0);
		ck_assert_ptr_eq(taken[--taken_count], entrance);
		facade_put(entrance);
		facade_abandon(&facade);
	}
	ck_assert_uint_eq(change_to(false).added, 1);
	close_facade();
}
END_TEST

/* It is no longer found then, and its port is free. */
START_TEST(refusing_entrance_is_removed)
{
	struct entrance *entrance = open_one("127.0.0.1:0");
	char text[ADDRESS_TEXT_MAX];

	(void)change_to(true);
	facade_shut(&facade);
	facade_begin(&facade);
	snprintf(text, sizeof(text), "127.0.0.1:%u", endpoint_port(&entrance->endpoint));
	ck_assert_uint_eq(entrance->count, 0);
	ck_assert_ptr_ne(take("127.0.0.1:0", "a"), entrance);
	take(text, "a");
	(void)facade_commit(&facade);
	close_facade();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("facade");
	TCase *tcase = tcase_create("facade");

	tcase_add_checked_fixture(tcase, setup_facade, teardown_facade);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, same_address_is_the_same_entrance);
	tcase_add_test(tcase, entrance_moves_to_another_relay);
	tcase_add_test(tcase, entrance_is_taken_once);
	tcase_add_loop_test(tcase, entrances_with_one_key, 0, 3);
	tcase_add_test(tcase, no_memory_to_take_an_entrance);
	tcase_add_test(tcase, own_entrance_goes_first);
	tcase_add_loop_test(tcase, another_address_is_another_entrance, 0,
	                    sizeof(others) / sizeof(others[0]));
	tcase_add_test(tcase, port_that_was_chosen_is_not_one_that_was_asked_for);
	tcase_add_test(tcase, both_families_are_another_address_than_one);
	tcase_add_test(tcase, generation_that_fails_changes_nothing);
	tcase_add_test(tcase, unix_entrance_keeps_its_worker);
	tcase_add_test(tcase, relay_listens_on_what_is_new);
	tcase_add_test(tcase, what_is_in_the_way_is_named);
	tcase_add_test(tcase, kept_entrance_gets_other_socket_options_at_the_commit);
	tcase_add_test(tcase, unix_entrance_gets_no_other_socket_options);
	tcase_add_test(tcase, abandoned_entrance_keeps_its_socket_options);
	tcase_add_loop_test(tcase, access_to_a_kept_path_is_as_the_generation_in_force_has_it, 0, 2);
	tcase_add_loop_test(tcase, access_to_a_kept_path_that_is_gone, 0, 2);
	tcase_add_test(tcase, access_that_cannot_be_restored);
	tcase_add_test(tcase, refusing_entrance_keeps_its_port);
	tcase_add_test(tcase, refusing_path_is_made_again_with_its_access);
	tcase_add_loop_test(tcase, refusing_entrance_where_clients_wait, 0, 2);
	tcase_add_test(tcase, generation_that_refuses_takes_what_is_new);
	tcase_add_test(tcase, refusing_entrance_is_found_by_the_next_generation);
	tcase_add_test(tcase, refusing_entrance_that_cannot_be_opened);
	tcase_add_test(tcase, refusing_entrance_is_found_after_a_generation_that_fails);
	tcase_add_test(tcase, refusing_entrance_is_removed);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
