/* The addresses of targets change while others choose. */
#include "build_config.h"

#include "base/clock.h"
#include "faults.h"
#include "relay/target_table.h"
#include "relays.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define TARGETS 5
#define CHANGES 2000

static struct config *config;
static struct healths healths;
static struct target_table table;
static struct label *names[TARGETS];

static void setup(void)
{
	config = relays_config(LISTEN, TEXTS("127.0.0.1:1"),
	                       TEXTS("fail_limit=2", "fail_time=1ms", "slow_start=50ms"));
	healths_init(&healths, &config->relays[0], NULL);
	ck_assert_int_eq(target_table_init(&table, &healths, BALANCE_LEAST_CONNECTIONS, 3, TARGETS - 3), 0);
	for (size_t i = 0; i < TARGETS; i++) {
		char text[] = "a.example:80";

		text[0] += (char)i;
		names[i] = label_new(text);
		target_table_describe(&table, i, text, (unsigned)i + 1);
	}
}

static void teardown(void)
{
	target_table_deinit(&table);
	healths_deinit(&healths);
	for (size_t i = 0; i < TARGETS; i++)
		label_put(names[i]);
	config_put(config);
}

/* count addresses, the first of which is 10.0.0.first. */
static int change(size_t target, unsigned first, size_t count)
{
	struct address_list *list = address_list_new(count);
	int error;

	for (; list->count < count; list->count++) {
		struct endpoint *endpoint = &list->endpoint[list->count];

		endpoint->length = sizeof(endpoint->in);
		endpoint->in = (struct sockaddr_in){.sin_family = AF_INET};
		endpoint->in.sin_addr.s_addr = htonl(0x0a000000 + first + (unsigned)list->count);
	}
	error = target_table_change(&table, target, names[target], list);
	address_list_put(list);
	return error;
}

/* What targets_choose does, without its targets. */
static struct health *choose(const struct tried *tried, bool *tries)
{
	struct health *health;
	uint64_t now;
	size_t target;

	healths_lock(&healths);
	now = clock_ms();
	health = target_table_choose(&table, tried, 7, now, &target);
	if (health) {
		health_get(health);
		health_pair_began(health);
		*tries = health_begin_try(health, now);
	}
	healths_unlock(&healths);
	return health;
}

static atomic_bool stop;
static atomic_uint served;

/* Clients, each of which meets failures and shortages. Whatever it has tried stays tried. */
static void *be_clients(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	while (!stop) {
		struct tried *tried = NULL;
		struct health *health;
		bool tries;

		for (int i = 0; i < 3 && (health = choose(tried, &tries)); i++) {
			unsigned chance = (unsigned)rand_r(&seed) % 4;

			if (tried_has(tried, health))
				abort();
			if (chance > 0)
				health_note(health, chance == 1 ? -ECONNREFUSED : 0, tries);
			else if (tries)
				health_end_try(health);
			served += chance > 1;
			if (tried_add(&tried, health) < 0)
				abort();
			health_pair_ended(health);
			health_put(health);
		}
		tried_forget(&tried);
	}
	return NULL;
}

START_TEST(addresses_change_under_clients)
{
	unsigned seeds[THREADS] = {1, 2, 3, 4};
	pthread_t threads[THREADS];

	for (size_t i = 0; i < TARGETS; i++)
		ck_assert_int_eq(change(i, 0, 1 + i), 0);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, be_clients, &seeds[i]), 0);
	for (unsigned i = 0; i < CHANGES || served < 1000; i++)
		ck_assert_int_eq(change(i % TARGETS, i % 7, 1 + i % 4), 0);
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < TARGETS; i++) /* nobody has forgotten to end */
		for (size_t j = 0; j < table.rows[i].addresses->count; j++)
			ck_assert_uint_eq(health_pairs(table.rows[i].addresses->list[j]), 0);
}
END_TEST

/* The same address is known again, in another place and after it was gone. */
START_TEST(what_is_known_outlives_a_change)
{
	bool tries;
	struct health *health;

	ck_assert_int_eq(change(0, 1, 1), 0);
	health = table.rows[0].addresses->list[0];
	for (int i = 0; i < 2; i++)
		health_note(health, -ECONNREFUSED, false);
	ck_assert_int_eq(change(0, 7, 1), 0);
	ck_assert_int_eq(change(0, 0, 3), 0);
	ck_assert_ptr_eq(table.rows[0].addresses->list[1], health);
	ck_assert(!health_is_up(health));
	health = choose(NULL, &tries);
	ck_assert_ptr_eq(health, table.rows[0].addresses->list[0]);
	health_put(health);
}
END_TEST

/* _i: which allocation fails. What was there stays. */
START_TEST(change_without_memory_changes_nothing)
{
	struct health *before;
	bool tries;
	int error;

	ck_assert_int_eq(change(0, 1, 1), 0);
	before = table.rows[0].addresses->list[0];
	fault_set(FAULT_MEMORY, (size_t)_i + 2, ENOMEM); /* the first is the list */
	error = change(0, 11, 2);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_int_eq(error, _i < 5 ? -ENOMEM : 0);
	ck_assert((table.rows[0].addresses->list[0] == before) == (_i < 5));
	health_put(choose(NULL, &tries));
}
END_TEST

/* While an address starts slowly, its target has as much of its weight. */
START_TEST(weight_grows_while_a_target_starts_slowly)
{
	struct health *health;
	unsigned first;
	bool tries;

	ck_assert_int_eq(change(0, 1, 1), 0);
	ck_assert_int_eq(change(1, 1, 1), 0);
	health = table.rows[0].addresses->list[0];
	for (int i = 0; i < 2; i++)
		health_note(health, -ECONNREFUSED, false);
	health_note(health, 0, false); /* up again */
	health_put(choose(NULL, &tries));
	first = table.seats[0].weight;
	ck_assert(first >= 100 && first < 1000);
	ck_assert_uint_eq(table.seats[1].weight, 2000);
	poll(NULL, 0, 110);
	health_put(choose(NULL, &tries));
	ck_assert_uint_eq(table.seats[0].weight, 1000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("target_table");
	TCase *tcase = tcase_create("target_table");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, addresses_change_under_clients);
	tcase_add_test(tcase, what_is_known_outlives_a_change);
	tcase_add_loop_test(tcase, change_without_memory_changes_nothing, 0, 6);
	tcase_add_test(tcase, weight_grows_while_a_target_starts_slowly);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
