/* Where clients wait, while entrances refuse them and let them in again. */
#include "build_config.h"

#include "daemon/lookout.h"
#include "relays.h"
#include "unit.h"

#define WORKERS 2

static struct relay *relay;
static struct lookout *lookout;
static struct entrance *first, *second;
static int client[2];

static void setup(void)
{
	relay = relays_new(TEXTS("127.0.0.1:0", "127.0.0.1:0", "unix:@weir-test-lookout"),
	                   TEXTS("127.0.0.1:1"), NULL, NULL, WORKERS);
	ck_assert_int_eq(relays_listen(relay), 0);
	ck_assert_uint_eq(relay->entrances.count, 3);
	first = relay->entrances.list[0];
	second = relay->entrances.list[1];
	client[0] = client[1] = -1;
	ck_assert_int_eq(lookout_new(relay->generation, &lookout), 0);
}

static void teardown(void)
{
	lookout_free(lookout);
	lookout_free(NULL);
	for (int i = 0; i < 2; i++)
		if (client[i] >= 0)
			close(client[i]);
	relays_free(relay);
}

/* In how many sockets of the entrance clients wait. */
static unsigned waits_at(const struct entrance *entrance)
{
	const struct watched *waiting[LOOKOUT_BATCH];
	unsigned count = lookout_look(lookout, waiting), found = 0;

	for (unsigned i = 0; i < count; i++) {
		ck_assert_ptr_eq(waiting[i]->relay, relay);
		found += waiting[i]->entrance == entrance;
	}
	return found;
}

/* How many sockets it watches. */
static unsigned count_watched(void)
{
	char path[64], line[256];
	unsigned count = 0;
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", lookout->epoll);
	info = fopen(path, "r");
	ck_assert_ptr_nonnull(info);
	while (fgets(line, sizeof(line), info))
		count += strncmp(line, "tfd:", 4) == 0;
	fclose(info);
	return count;
}

START_TEST(clients_are_seen_where_they_wait)
{
	ck_assert_uint_eq(count_watched(), 2 * WORKERS + 1); /* a unix socket is one for all */
	ck_assert_uint_eq(waits_at(first), 0);
	client[0] = relays_connect(entrance_fd(second, 0));
	ck_assert_uint_eq(waits_at(first), 0);
	ck_assert_uint_eq(waits_at(second), 1);
}
END_TEST

START_TEST(entrance_that_refuses_is_not_watched)
{
	client[0] = relays_connect(entrance_fd(first, 0));
	client[1] = relays_connect(entrance_fd(second, 0));
	first->refuses = true;
	ck_assert_int_eq(lookout_extend(lookout), 0);
	lookout_settle(lookout);
	ck_assert_uint_eq(count_watched(), WORKERS + 1);
	ck_assert_uint_eq(waits_at(first), 0);
	ck_assert_uint_eq(waits_at(second), 1);
	first->refuses = false;
	ck_assert_int_eq(lookout_extend(lookout), 0);
	lookout_settle(lookout);
	ck_assert_uint_eq(count_watched(), 2 * WORKERS + 1);
	ck_assert_uint_eq(waits_at(first), 1);
	ck_assert_uint_eq(waits_at(second), 1);
}
END_TEST

/* _i: 0 the first does not open after all; 1 nothing was prepared */
START_TEST(what_was_added_is_undone)
{
	first->refuses = true;
	ck_assert_int_eq(lookout_extend(lookout), 0);
	lookout_settle(lookout);
	first->refuses = false;
	if (_i == 0)
		ck_assert_int_eq(lookout_extend(lookout), 0);
	lookout_retract(lookout);
	first->refuses = true;
	ck_assert_uint_eq(count_watched(), WORKERS + 1);
	lookout_retract(lookout);
	ck_assert_uint_eq(count_watched(), WORKERS + 1);
}
END_TEST

/* The second socket of the first cannot be watched. */
START_TEST(failure_changes_nothing)
{
	int fd;

	first->refuses = second->refuses = true;
	ck_assert_int_eq(lookout_extend(lookout), 0);
	lookout_settle(lookout);
	fd = first->fds[1];
	first->fds[1] = 1000000;
	first->refuses = second->refuses = false;
	ck_assert_int_eq(lookout_extend(lookout), -EBADF);
	first->fds[1] = fd;
	ck_assert_uint_eq(count_watched(), 1);
}
END_TEST

/* As if another program with more workers had made them. */
START_TEST(all_sockets_are_watched)
{
	lookout_free(lookout);
	relays_free(relay);
	relay = relays_new(LISTEN, TEXTS("127.0.0.1:1"), NULL, NULL, 5);
	ck_assert_int_eq(relays_listen(relay), 0);
	first = relay->entrances.list[0];
	first->workers = WORKERS;
	ck_assert_int_eq(lookout_new(relay->generation, &lookout), 0);
	ck_assert_uint_eq(count_watched(), 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lookout");
	TCase *tcase = tcase_create("lookout");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, clients_are_seen_where_they_wait);
	tcase_add_test(tcase, entrance_that_refuses_is_not_watched);
	tcase_add_loop_test(tcase, what_was_added_is_undone, 0, 2);
	tcase_add_test(tcase, failure_changes_nothing);
	tcase_add_test(tcase, all_sockets_are_watched);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
