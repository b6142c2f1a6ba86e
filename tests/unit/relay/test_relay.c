/* A relay at run time. */
#include "build_config.h"

#include "relay/apart.h"
#include "relay/relay_stage.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

START_TEST(listens_on_every_address)
{
	relay = relays_new(TEXTS("127.0.0.1:0", "*:0", "unix:@weir-test-relay"), TEXTS("127.0.0.1:1"), NULL,
	                   resolver, 2);
	ck_assert_int_eq(relays_listen(relay), 0);
	ck_assert_uint_eq(relay->entrances.count, 3);
	ck_assert_uint_eq(captured("listening on"), 3);
	ck_assert_uint_eq(relay->entrances.list[0]->count, 2);
	close(relays_connect(entrance_fd(relay->entrances.list[0], 1)));
	close(relays_connect(entrance_fd(relay->entrances.list[1], 0)));
	ck_assert_uint_eq(relay->entrances.list[2]->count, 1);
	ck_assert_int_ge(entrance_fd(relay->entrances.list[2], 0), 0);
	ck_assert_int_eq(entrance_fd(relay->entrances.list[2], 1), -1);
}
END_TEST

START_TEST(address_in_use_is_logged)
{
	struct sockaddr_in address;
	int taken = loop_listen(&address);

	relay = relays_new(TEXTS("127.0.0.1:0", relays_address(taken)), TEXTS("127.0.0.1:1"), NULL, resolver,
	                   2);
	ck_assert_int_eq(relays_listen(relay), -EADDRINUSE);
	ck_assert_uint_eq(captured("cannot listen on"), 1);
	close(taken);
}
END_TEST

/* Binds a listening name that stands for these addresses. */
static int bind_name(const char *const *texts)
{
	struct address_list *found = address_list_new(4);
	struct address address;
	int error;

	relay = relays_new(TEXTS("name.example:0"), TEXTS("127.0.0.1:1"), NULL, resolver, 2);
	for (; *texts; texts++) {
		ck_assert_int_eq(address_parse(*texts, &address), 0);
		found->endpoint[found->count++] = address.endpoint;
	}
	error = entrances_bind(&relay->entrances, relays_facade(2), relay->config, &found,
	                       &relay->client_tuning, false);
	address_list_put(found);
	return error;
}

/* One line for each range. */
START_TEST(listens_on_every_port_of_a_range)
{
	const unsigned port = relays_free_ports("127.0.3.5", 7);
	char first[32], second[32], text[64];

	snprintf(first, sizeof(first), "127.0.3.5:%u-%u", port, port + 2);
	snprintf(second, sizeof(second), "127.0.3.5:%u-%u", port + 4, port + 6);
	relay = relays_new(TEXTS(second, first, "127.0.0.1:0"), TEXTS("127.0.0.1:1"), NULL, resolver, 2);
	ck_assert_int_eq(relays_listen(relay), 0);
	ck_assert_uint_eq(relay->entrances.count, 7);
	for (size_t i = 0; i < 7; i++)
		ck_assert_uint_eq(relay->entrances.places[i], i % 3);
	ck_assert_uint_eq(captured("listening on"), 3);
	snprintf(text, sizeof(text), "listening on %s", first);
	ck_assert_uint_eq(captured(text), 1);
	snprintf(text, sizeof(text), "listening on %s", second);
	ck_assert_uint_eq(captured(text), 1);
	close(relays_connect(entrance_fd(relay->entrances.list[5], 1)));
}
END_TEST

START_TEST(port_of_a_range_that_is_in_use)
{
	const unsigned port = relays_free_ports("127.0.3.6", 3);
	struct sockaddr_in taken = {.sin_family = AF_INET, .sin_port = htons((in_port_t)(port + 2))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char range[32], text[64];

	inet_pton(AF_INET, "127.0.3.6", &taken.sin_addr);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&taken, sizeof(taken)), 0);
	snprintf(range, sizeof(range), "127.0.3.6:%u-%u", port, port + 2);
	relay = relays_new(TEXTS(range), TEXTS("127.0.0.1:1"), NULL, resolver, 2);
	ck_assert_int_eq(relays_listen(relay), -EADDRINUSE);
	snprintf(text, sizeof(text), "cannot listen on 127.0.3.6:%u: Address already in use", port + 2);
	ck_assert_uint_eq(captured(text), 1);
	close(fd);
}
END_TEST

/* 192.0.2.0/24 and 2001:db8::/32 are for documents only: no machine has them. */
START_TEST(address_of_a_name_that_is_not_here_is_left_out)
{
	ck_assert_int_eq(bind_name(TEXTS("[2001:db8::1]:0", "127.0.0.1:0", "192.0.2.1:0", "127.0.0.2:0")), 0);
	ck_assert_uint_eq(captured("not listening on [2001:db8::1]:0"), 1);
	ck_assert_uint_eq(captured("not listening on 192.0.2.1:0"), 1);
	ck_assert_uint_eq(relay->entrances.count, 2);
	ck_assert_int_eq(relay_listen(relay), 0);
	close(relays_connect(entrance_fd(relay->entrances.list[1], 0)));
}
END_TEST

START_TEST(name_without_an_address_here)
{
	ck_assert_int_eq(bind_name(TEXTS("192.0.2.1:0", "[2001:db8::1]:0")), -EADDRNOTAVAIL);
	ck_assert_uint_eq(captured("cannot listen on name.example:0: Cannot assign requested address"), 1);
}
END_TEST

/* An address that is here and cannot be had is an error. */
START_TEST(address_of_a_name_that_is_in_use)
{
	struct sockaddr_in address;
	int taken = loop_listen(&address);
	char text[64];

	ck_assert_int_eq(bind_name(TEXTS("127.0.0.1:0", relays_address(taken))), -EADDRINUSE);
	snprintf(text, sizeof(text), "cannot listen on %s: Address already in use", relays_address(taken));
	ck_assert_uint_eq(captured(text), 1);
	close(taken);
}
END_TEST

/* Both can be bound before one listens, so bind(2) does not find it out. */
START_TEST(address_of_a_name_that_another_relay_has)
{
	struct relay *other;

	ck_assert_int_eq(bind_name(TEXTS("127.0.0.1:0", "127.0.0.2:0")), 0);
	ck_assert_int_eq(apart_check(&relay, 1), 0);
	other = relays_new(TEXTS("127.0.0.3:0", relay->entrances.list[1]->text), TEXTS("127.0.0.1:1"), NULL,
	                   resolver, 2);
	ck_assert_int_eq(relay_bind(other, relays_facade(2), NULL), 0);
	ck_assert_int_eq(apart_check(&other, 1), 0);
	ck_assert_int_eq(apart_check((struct relay *[]){relay, other}, 2), -EADDRINUSE);
	ck_assert_int_eq(apart_check((struct relay *[]){other, relay}, 2), -EADDRINUSE);
	ck_assert_uint_eq(captured("cannot listen on 127.0.0.2:"), 2);
	ck_assert_uint_eq(captured("relay command-line does"), 2);
	relays_free(other);
}
END_TEST

static void *get_and_put(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		const union client_address anyone = {.any = {.sa_family = AF_UNIX}};
		struct target_choice choice;

		ck_assert_int_eq(targets_choose(relay->targets, &anyone, 0, NULL, &choice), 0);
		targets_note_attempt(relay->targets, &choice, i % 2 ? -ECONNREFUSED : 0);
		if (i % 16 == 1)
			targets_note_unserved(relay->targets, -ECONNREFUSED);
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
	ck_assert_uint_le(captured("no target could be connected"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("relay");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, listens_on_every_address);
	tcase_add_test(tcase, listens_on_every_port_of_a_range);
	tcase_add_test(tcase, port_of_a_range_that_is_in_use);
	tcase_add_test(tcase, address_in_use_is_logged);
	tcase_add_test(tcase, address_of_a_name_that_is_not_here_is_left_out);
	tcase_add_test(tcase, name_without_an_address_here);
	tcase_add_test(tcase, address_of_a_name_that_is_in_use);
	tcase_add_test(tcase, address_of_a_name_that_another_relay_has);
	tcase_add_test(tcase, relay_of_many_threads);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
