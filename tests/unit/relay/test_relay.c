/* A relay at run time. */
#include "build_config.h"

#include "relay/relay_stage.h"

#include <pthread.h>

START_TEST(reached_limit_is_logged_at_most_once_in_ten_seconds)
{
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert(relay_begin_limit(relay));
	relay_end_limit(relay);
	ck_assert(!relay_begin_limit(relay));
	relay->at_limit.logged = clock_ms() - 10000;
	ck_assert(relay_begin_limit(relay));
}
END_TEST

START_TEST(limit_that_stands_is_not_logged_again)
{
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert(relay_begin_limit(relay));
	relay->at_limit.logged = clock_ms() - 10000;
	ck_assert(!relay_begin_limit(relay));
	relay_end_limit(relay);
	ck_assert(relay_begin_limit(relay));
}
END_TEST

START_TEST(listens_on_every_address)
{
	resolver = resolver_new(1000, fake_lookup, NULL);
	relay = relays_new(TEXTS("127.0.0.1:0", "*:0", "unix:@weir-test-relay"), TEXTS("127.0.0.1:1"), NULL,
	                   resolver, 2);
	ck_assert_int_eq(relays_listen(relay), 0);
	ck_assert_uint_eq(relay->entrances.count, 3);
	ck_assert_uint_eq(captured("listening on"), 3);
	ck_assert_uint_eq(relay->entrances.list[0].count, 2);
	close(relays_connect(entrance_fd(&relay->entrances.list[0], 1)));
	close(relays_connect(entrance_fd(&relay->entrances.list[1], 0)));
	ck_assert_uint_eq(relay->entrances.list[2].count, 1);
	relay_unlisten(relay);
	for (size_t i = 0; i < relay->entrances.count; i++)
		ck_assert_uint_eq(relay->entrances.list[i].count, 0);
	relay_unlisten(relay);
}
END_TEST

START_TEST(address_in_use_is_logged)
{
	struct sockaddr_in address;
	int taken = loop_listen(&address);

	resolver = resolver_new(1000, fake_lookup, NULL);
	relay = relays_new(TEXTS("127.0.0.1:0", relays_address(taken)), TEXTS("127.0.0.1:1"), NULL, resolver,
	                   2);
	ck_assert_int_eq(relays_listen(relay), -EADDRINUSE);
	ck_assert_uint_eq(captured("cannot listen on"), 1);
	close(taken);
}
END_TEST

static void *get_and_put(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct target_choice choice = {.list = NULL};

		ck_assert_int_eq(
		        targets_choose(relay->targets, targets_next_start(relay->targets), 0, &choice), 0);
		targets_note_attempt(relay->targets, &choice, i % 2 ? -ECONNREFUSED : 0);
		target_choice_deinit(&choice);
		relay_put(relay_get(relay));
	}
	return NULL;
}

START_TEST(relay_of_many_threads)
{
	pthread_t thread[THREADS];

	begin(TEXTS("127.0.0.1:1", "three.example:80"), NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, get_and_put, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(targets_next_start(relay->targets), THREADS * ROUNDS);
	ck_assert_uint_le(captured("cannot be connected"), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("relay");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, reached_limit_is_logged_at_most_once_in_ten_seconds);
	tcase_add_test(tcase, limit_that_stands_is_not_logged_again);
	tcase_add_test(tcase, listens_on_every_address);
	tcase_add_test(tcase, address_in_use_is_logged);
	tcase_add_test(tcase, relay_of_many_threads);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
