/* Clients that are held until a target can be connected. */
#include "build_config.h"

#include "pair/pair_stage.h"

static struct gate *line(void)
{
	return &relay->standing->tallies[0].gate;
}

static unsigned count_held(void)
{
	const struct pair *pair;
	unsigned count = 0;

	TAILQ_FOREACH(pair, &line()->line, held_entry)
	count++;
	return count;
}

/* A client that is held because nobody listens at the target, which is returned. */
static int hold(int *client, const char *const *options)
{
	int down = refusing();

	open_relay(TEXTS(relays_address(down)), options);
	*client = join();
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	return down;
}

static void come_back(int down)
{
	ck_assert_int_eq(listen(down, 128), 0);
	loop_nonblocking(down);
}

/* ---- one client ---- */

START_TEST(held_client_is_served_when_the_target_is_back)
{
	uint64_t received = 0;
	int client, down = hold(&client, TEXTS("retry_time=1m"));

	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	run_for(100);
	ck_assert(pair_is_held(only_pair()));
	come_back(down);
	assert_receives(meet(down), &received, 100);
	ck_assert_uint_eq(count_held(), 0);
	ck_assert_uint_eq(captured("no target could be connected"), 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
}
END_TEST

/* It is tried soon, then less often; and then no less often for however long. */
START_TEST(wait_grows_with_the_age_of_the_client)
{
	static const uint64_t ages[][2] = {{0, 20}, {100, 100}, {1000, 400}, {30000, 400}};
	int client;
	struct pair *pair;

	hold(&client, TEXTS("retry_time=1m"));
	pair = only_pair();
	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++) {
		pair_hold_leave(pair);
		pair->sought_since = clock_ms() - ages[i][0];
		ck_assert(pair_hold(pair));
		ck_assert_uint_ge(pair->retry_at, pair->sought_since + ages[i][0] + ages[i][1] / 2);
		ck_assert_uint_le(pair->retry_at, clock_ms() + ages[i][1] * 5 / 4 + 1);
	}
}
END_TEST

/* _i: 0 no client is held, 1 it is held for retry_time */
START_TEST(client_is_reset_when_retry_time_is_over)
{
	uint64_t began = clock_ms();
	int client;

	open_relay(TEXTS(relays_address(refusing())), TEXTS(_i ? "retry_time=300ms" : "retry_time=0"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	if (_i)
		ck_assert_uint_ge(clock_ms() - began, 300);
	assert_over("connect_failed");
	ck_assert_uint_eq(captured("ended_first=none"), 1);
	ck_assert_uint_eq(captured("no target could be connected: Connection refused"), 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 1);
}
END_TEST

/* The whole of retry_time is over long before that of connect_timeout. */
START_TEST(attempt_under_way_ends_with_retry_time)
{
	int client, down = hold(&client, TEXTS("retry_time=400ms", "connect_timeout=1m"));

	silence(down);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_CONNECTING);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
}
END_TEST

START_TEST(timeouts_are_held_too)
{
	uint64_t began = clock_ms();
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("retry_time=300ms", "connect_timeout=20ms"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	ck_assert_uint_ge(clock_ms() - began, 300);
	assert_over("connect_timeout");
}
END_TEST

START_TEST(held_pair_is_connecting_in_the_dump)
{
	struct pair_record *records;
	size_t count;
	int client;

	hold(&client, TEXTS("retry_time=1m"));
	records = begin_survey(&count);
	ck_assert_ptr_nonnull(records);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(records[0].state, STATE_CONNECTING);
	while (pair_survey_measure(&set, 8))
		;
	pair_records_free(records, count);
}
END_TEST

/* _i: the one of five that comes back. All are down then, and only two are tried in a round. */
START_TEST(no_address_is_left_out_for_good)
{
	int down[5], client;

	for (int i = 0; i < 5; i++)
		down[i] = refusing();
	open_relay(TEXTS(relays_address(down[0]), relays_address(down[1]), relays_address(down[2]),
	                 relays_address(down[3]), relays_address(down[4])),
	           TEXTS("retry_time=1m", "connect_attempts=2", "fail_limit=1", "fail_time=1h"));
	client = join();
	LOOP_UNTIL(base, only_pair()->attempts >= 6);
	come_back(down[_i]);
	meet(down[_i]);
	ck_assert_uint_eq(loop_send(client, 0, 10), 10);
}
END_TEST

/* What it would have waited for when it came. */
START_TEST(damper_does_not_delay_the_rounds_of_a_held_client)
{
	int client;

	hold(&client, TEXTS("retry_time=1m"));
	relay->standing->tallies[0].damper.on = true;
	relay->standing->tallies[0].damper.last = clock_ms();
	for (unsigned i = 0; i < 20; i++) {
		only_pair()->retry_at = 0;
		fire_timer(only_pair());
		ck_assert(pair_is_held(only_pair()));
		ck_assert_uint_gt(only_pair()->retry_at, 0);
		line()->opens = 0;
	}
}
END_TEST

/* It waits as any other, in its round; and is not let down. */
START_TEST(shortage_in_a_later_round_is_waited_out)
{
	int client, down = hold(&client, TEXTS("retry_time=1m"));

	come_back(down);
	fault_set(FAULT_SOCKET, 1, EMFILE);
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.shortages == 1);
	ck_assert_uint_eq(count_held(), 0);
	meet(down);
	LOOP_UNTIL(base, pair_is_connected(only_pair()));
}
END_TEST

/* ---- clients that give up ---- */

START_TEST(held_client_that_resets_is_noticed_at_once)
{
	uint64_t began;
	int client;

	hold(&client, TEXTS("retry_time=1m"));
	if (_i)
		ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	run_for(20);
	began = loop_clock_ms();
	reset(client);
	assert_over("client_reset");
	/* pair_watch takes up to 900. Without edge-triggered events, it finds who has sent something. */
	if (_i == 0 || (event_base_get_features(base) & EV_FEATURE_ET))
		ck_assert_uint_lt(loop_clock_ms() - began, 400);
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
}
END_TEST

/* _i: 0 while it is held, 1 before */
START_TEST(held_client_that_ends_without_a_byte_has_given_up)
{
	int client;

	if (_i) {
		open_relay(TEXTS(relays_address(silent())), TEXTS("retry_time=1m", "connect_timeout=100ms"));
		client = join();
	} else {
		hold(&client, TEXTS("retry_time=1m"));
		run_for(20);
	}
	shutdown(client, SHUT_WR);
	if (_i) {
		run_for(20);
		ck_assert(!pair_is_held(only_pair()));
	}
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 1);
}
END_TEST

/* The next client gets the descriptor of the one that was reset. */
START_TEST(descriptor_of_a_held_client_is_used_again)
{
	int client, fd;

	hold(&client, TEXTS("retry_time=1m"));
	fd = only_pair()->client.fd;
	reset(client);
	assert_over("client_reset");
	client = join();
	ck_assert_int_eq(only_pair()->client.fd, fd);
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, ended == 2);
	ck_assert_uint_eq(captured("reason=connect_failed"), 1);
}
END_TEST

START_TEST(client_that_gives_up_during_a_later_round)
{
	int client, filler, listener = silent();

	open_relay(TEXTS(relays_address(listener)), TEXTS("retry_time=1m", "connect_timeout=50ms"));
	client = join();
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	LOOP_UNTIL(base, only_pair()->phase == PHASE_CONNECTING);
	filler = only_pair()->target.fd;
	ck_assert_int_ge(filler, 0);
	shutdown(client, SHUT_WR);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
}
END_TEST

START_TEST(held_client_that_has_sent_and_ended_is_served)
{
	uint64_t received = 0;
	int client, server, down = hold(&client, TEXTS("retry_time=1m"));

	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	shutdown(client, SHUT_WR);
	run_for(50);
	ck_assert(pair_is_held(only_pair()));
	come_back(down);
	server = meet(down);
	ck_assert_int_eq(drain(server, &received), LOOP_FIN);
	ck_assert_uint_eq(received, 100);
	ck_assert_uint_eq(loop_send(server, 0, 50), 50);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 50);
	assert_over("eof");
}
END_TEST

/* What it has sent stays unread, so its socket is readable all the time. */
START_TEST(held_client_that_has_sent_is_no_spin)
{
	int client;

	hold(&client, TEXTS("retry_time=1m"));
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	if (_i)
		shutdown(client, SHUT_WR);
	run_for(50);
	line()->opens = UINT64_MAX;
	ck_assert_uint_le(loop_passes_in(base, 300), 3);
	line()->opens = 0;
}
END_TEST

/* ---- many ---- */

#define MANY 40

static int hold_many(int clients[MANY], const char *const *options)
{
	int down = hold(&clients[0], options);

	for (int i = 1; i < MANY; i++)
		clients[i] = join();
	LOOP_UNTIL(base, count_held() == MANY);
	return down;
}

static unsigned count_connected(void)
{
	const struct pair *pair;
	unsigned count = 0;

	LIST_FOREACH (pair, &set.pairs, entry)
		count += pair_is_connected(pair);
	return count;
}

/* A few dozen would try each of 400 ms. With thousands it is the same. */
START_TEST(gate_lets_a_hundred_through_in_a_second)
{
	int clients[MANY];
	uint64_t began, rounds;

	hold_many(clients, TEXTS("retry_time=1m"));
	began = clock_ms();
	fault_set_lasting(FAULT_SOCKET, EACCES);
	for (int i = 0; i < 10; i++) {
		run_for(50);
		for (struct pair *pair = TAILQ_FIRST(&line()->line); pair;
		     pair = TAILQ_NEXT(pair, held_entry))
			pair->retry_at = 0; /* as if each had waited for long enough */
		(void)pair_arm_timer(TAILQ_FIRST(&line()->line));
	}
	rounds = fault_count(FAULT_SOCKET);
	ck_assert_uint_le(rounds, (clock_ms() - began) / 10 + 1);
	ck_assert_uint_ge(rounds, 20);
	fault_set(FAULT_SOCKET, 0, 0);
}
END_TEST

/* Nobody else would get through the gate. */
START_TEST(all_follow_one_that_is_connected)
{
	int clients[MANY];
	int down = hold_many(clients, TEXTS("retry_time=1m"));

	line()->opens = clock_ms() + 60000;
	come_back(down);
	join();
	LOOP_UNTIL(base, count_held() < MANY);
	ck_assert_uint_le(count_held(), MANY - 4); /* with one at a time it would take as many round trips */
	LOOP_UNTIL(base, count_connected() == MANY + 1);
	ck_assert_uint_eq(count_held(), 0);
}
END_TEST

/* With 1,000 relays, something is news for one of them all the time. */
START_TEST(news_of_another_relay_sends_nobody)
{
	int clients[MANY];

	hold_many(clients, TEXTS("retry_time=1m"));
	line()->opens = clock_ms() + 60000;
	fault_set_lasting(FAULT_SOCKET, EACCES);
	relay->standing->news++;
	pair_set_retry(&set);
	run_for(50);
	ck_assert_uint_eq(fault_count(FAULT_SOCKET), 16);
	for (int i = 0; i < 10; i++)
		pair_set_retry(&set);
	run_for(50);
	ck_assert_uint_eq(fault_count(FAULT_SOCKET), 16);
	fault_set(FAULT_SOCKET, 0, 0);
}
END_TEST

/* _i: 0 with the target down, 1 with the target back */
START_TEST(news_sends_a_few_scouts)
{
	int clients[MANY];
	int down = hold_many(clients, TEXTS("retry_time=1m"));

	line()->opens = clock_ms() + 60000;
	if (_i)
		come_back(down);
	else
		fault_set_lasting(FAULT_SOCKET, EACCES);
	relay->standing->news++;
	pair_set_retry(&set);
	if (_i) {
		LOOP_UNTIL(base, count_connected() == MANY);
		return;
	}
	run_for(100);
	ck_assert_uint_eq(count_held(), MANY);
	ck_assert_uint_eq(fault_count(FAULT_SOCKET), 16);
	fault_set(FAULT_SOCKET, 0, 0);
}
END_TEST

/* Whoever is behind the first is next when that ends. */
START_TEST(first_in_line_gives_up)
{
	int clients[MANY];
	int down = hold_many(clients, TEXTS("retry_time=1m"));

	come_back(down);
	line()->opens = clock_ms() + 100;
	for (int i = 0; i < MANY - 1; i++)
		reset(clients[i]);
	LOOP_UNTIL(base, ended == MANY - 1);
	LOOP_UNTIL(base, count_connected() == 1);
}
END_TEST

START_TEST(retry_time_of_those_behind_the_first)
{
	int clients[MANY];

	hold_many(clients, TEXTS("retry_time=500ms"));
	line()->opens = clock_ms() + 60000;
	LOOP_UNTIL(base, ended == MANY);
	ck_assert_uint_eq(captured("reason=connect_failed"), MANY);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, MANY);
}
END_TEST

START_TEST(held_pairs_are_reset_when_weir_stops)
{
	int clients[MANY];

	hold_many(clients, TEXTS("retry_time=1m"));
	pair_set_shutdown(&set);
	ck_assert_uint_eq(captured("reason=shutdown"), MANY);
	ck_assert(LIST_EMPTY(&set.gates));
	assert_ends(clients[0], LOOP_RST, 0);
}
END_TEST

/* ---- names ---- */

static _Atomic bool answered;

/* 127.0.0.1, as soon as the test wants it. */
static struct address_list *look_up(const char *host, void *arg, int *error)
{
	struct endpoint here = {.length = sizeof(here.in), .in = {.sin_family = AF_INET}};

	here.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	(void)host;
	(void)arg;
	(void)error;
	while (!answered)
		poll(NULL, 0, 1);
	return address_list_single(&here);
}

/* However long they would have waited for their next look. None of them is a scout, or follows one. */
START_TEST(clients_of_a_name_all_go_on_with_its_first_address)
{
	struct lookups *lookups = lookups_new(base, look_up, NULL);
	struct resolver *resolver = resolver_new(base, lookups);
	struct pair *pair;
	char name[64];

	snprintf(name, sizeof(name), "some.test%s", strrchr(relays_address(target), ':'));
	relay = relays_new(LISTEN, TEXTS(name), TEXTS("connect_timeout=1m"), resolver, 1);
	for (int i = 0; i < 18; i++)
		join();
	LIST_FOREACH (pair, &set.pairs, entry) {
		ck_assert(pair_is_held(pair));
		timers_stop(&set.timers, &pair->timer);
		pair->retry_at = clock_ms() + 60000;
	}
	answered = true;
	LOOP_UNTIL(base, !targets_are_unknown(relay->targets));
	run_for(20);
	ck_assert_uint_eq(count_held(), 18);
	fault_set_lasting(FAULT_SOCKET, EACCES);
	relay->standing->news++;
	pair_set_retry(&set);
	LOOP_UNTIL(base, count_held() == 0);
	run_for(20);
	ck_assert_uint_eq(fault_count(FAULT_SOCKET), 18);
	fault_set(FAULT_SOCKET, 0, 0);
	ck_assert_uint_eq(captured("reason=connect_failed"), 18);
	relays_free(relay);
	relay = NULL;
	resolver_free(resolver);
	lookups_free(lookups);
	open_relay(TEXTS("127.0.0.1:1"), NULL); /* for the teardown */
}
END_TEST

/* Without an event, pair_watch finds it. */
START_TEST(no_memory_to_listen_to_a_held_client)
{
	int client;

	open_relay(TEXTS(relays_address(refusing())), TEXTS("retry_time=1m"));
	client = join_with(FAULT_EVENT_ADD, 1, ENOMEM);
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	run_for(20);
	reset(client);
	assert_over("client_reset");
}
END_TEST

static TCase *one_case(void)
{
	TCase *tcase = make_case("one");

	tcase_add_test(tcase, held_client_is_served_when_the_target_is_back);
	tcase_add_test(tcase, wait_grows_with_the_age_of_the_client);
	tcase_add_loop_test(tcase, client_is_reset_when_retry_time_is_over, 0, 2);
	tcase_add_test(tcase, attempt_under_way_ends_with_retry_time);
	tcase_add_test(tcase, timeouts_are_held_too);
	tcase_add_test(tcase, held_pair_is_connecting_in_the_dump);
	tcase_add_loop_test(tcase, no_address_is_left_out_for_good, 0, 5);
	tcase_add_test(tcase, damper_does_not_delay_the_rounds_of_a_held_client);
	tcase_add_test(tcase, shortage_in_a_later_round_is_waited_out);
	tcase_add_loop_test(tcase, held_client_that_resets_is_noticed_at_once, 0, 2);
	tcase_add_loop_test(tcase, held_client_that_ends_without_a_byte_has_given_up, 0, 2);
	tcase_add_test(tcase, descriptor_of_a_held_client_is_used_again);
	tcase_add_test(tcase, client_that_gives_up_during_a_later_round);
	tcase_add_test(tcase, held_client_that_has_sent_and_ended_is_served);
	tcase_add_loop_test(tcase, held_client_that_has_sent_is_no_spin, 0, 2);
	tcase_add_test(tcase, no_memory_to_listen_to_a_held_client);
	return tcase;
}

static TCase *many_case(void)
{
	TCase *tcase = make_case("many");

	tcase_add_test(tcase, gate_lets_a_hundred_through_in_a_second);
	tcase_add_test(tcase, all_follow_one_that_is_connected);
	tcase_add_test(tcase, news_of_another_relay_sends_nobody);
	tcase_add_loop_test(tcase, news_sends_a_few_scouts, 0, 2);
	tcase_add_test(tcase, first_in_line_gives_up);
	tcase_add_test(tcase, retry_time_of_those_behind_the_first);
	tcase_add_test(tcase, held_pairs_are_reset_when_weir_stops);
	tcase_add_test(tcase, clients_of_a_name_all_go_on_with_its_first_address);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_hold");

	suite_add_tcase(suite, one_case());
	suite_add_tcase(suite, many_case());
	return unit_run(suite);
}
