/* Generations: how long they live, and what of their relays outlives them. */
#include "build_config.h"

#include "base/evloop.h"
#include "relay/generation.h"
#include "relays.h"
#include "unit.h"

#include <pthread.h>

#define THREADS 4
#define ROUNDS  2000

static struct standings *standings;
static struct event_base *base;
static struct mailbox mailbox;
static unsigned freed;

static void take_gone(void *arg, struct message *message)
{
	freed++;
	generation_take_gone(arg, message);
}

static void setup(void)
{
	capture_begin();
	standings = standings_new(2, NULL);
	base = evloop_new();
	ck_assert_ptr_nonnull(standings);
	ck_assert_int_eq(mailbox_open(&mailbox, base, take_gone, NULL), 0);
}

static void teardown(void)
{
	mailbox_take(&mailbox);
	mailbox_close(&mailbox);
	event_base_free(base);
	standings_free(standings);
	capture_end();
}

static struct generation *make(struct mailbox *gone)
{
	struct config *config = relays_config(LISTEN, TEXTS("127.0.0.1:1"), NULL);
	struct generation *generation = generation_new(config, standings, NULL, gone);

	ck_assert_ptr_nonnull(generation);
	ck_assert_ptr_eq(generation->config, config);
	ck_assert_uint_eq(generation->workers, 2);
	config_put(config);
	return generation;
}

START_TEST(relay_keeps_its_generation)
{
	struct generation *generation = make(&mailbox);
	struct relay *relay = relay_get(generation->relays[0]);

	ck_assert_ptr_eq(relay->generation, generation);
	generation_put(generation);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(freed, 0);
	ck_assert_str_eq(relay->config->name, "command-line");
	relay_put(relay);
	relay_put(NULL);
	ck_assert_uint_eq(freed, 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(freed, 1);
}
END_TEST

START_TEST(without_a_mailbox_the_last_put_frees)
{
	generation_put(make(NULL));
	ck_assert_ptr_null(standings->list[0]);
	generation_put(NULL);
}
END_TEST

/* As when a worker's last pair ends while the main loop no longer runs. */
START_TEST(what_is_gone_when_the_loop_has_ended_is_freed)
{
	generation_put(make(&mailbox));
	mailbox_take(&mailbox);
	ck_assert_uint_eq(freed, 1);
}
END_TEST

START_TEST(relay_of_the_same_name_keeps_its_standing)
{
	struct generation *old = make(&mailbox), *new = make(&mailbox);

	ck_assert_ptr_ne(old->relays[0], new->relays[0]);
	ck_assert_ptr_eq(old->relays[0]->standing, new->relays[0]->standing);
	old->relays[0]->standing->tallies[1].counters.accepted = 3;
	generation_put(old);
	mailbox_take(&mailbox);
	ck_assert_uint_eq(new->relays[0]->standing->tallies[1].counters.accepted, 3);
	generation_put(new);
}
END_TEST

START_TEST(entrances_of_all_relays_open)
{
	struct generation *generation = make(NULL);

	ck_assert_int_eq(relay_bind(generation->relays[0], relays_facade(generation->workers), NULL), 0);
	ck_assert_int_eq(generation_find_loops(generation), 0);
	ck_assert_int_eq(generation_listen(generation), 0);
	ck_assert_uint_eq(captured("listening on"), 1);
	close(relays_connect(entrance_fd(generation->relays[0]->entrances.list[0], 0)));
	generation_put(generation);
}
END_TEST

static void *put_in_thread(void *arg)
{
	struct relay *relay = arg;

	for (int i = 0; i < ROUNDS; i++)
		relay_put(relay_get(relay));
	relay_put(relay);
	return NULL;
}

START_TEST(generation_of_many_threads_is_freed_once_on_ours)
{
	struct generation *generation = make(&mailbox);
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(
		        pthread_create(&threads[i], NULL, put_in_thread, relay_get(generation->relays[0])),
		        0);
	generation_put(generation);
	LOOP_UNTIL(base, freed > 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(freed, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("generation");
	TCase *tcase = tcase_create("generation");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, relay_keeps_its_generation);
	tcase_add_test(tcase, without_a_mailbox_the_last_put_frees);
	tcase_add_test(tcase, what_is_gone_when_the_loop_has_ended_is_freed);
	tcase_add_test(tcase, relay_of_the_same_name_keeps_its_standing);
	tcase_add_test(tcase, entrances_of_all_relays_open);
	tcase_add_test(tcase, generation_of_many_threads_is_freed_once_on_ours);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
