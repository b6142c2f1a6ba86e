/* Connecting targets. */
#include "build_config.h"

#include "pair/pair_stage.h"

#include <sys/resource.h>
#include <sys/un.h>

/* ---- connecting ---- */

START_TEST(refused_target_resets_the_client)
{
	int client;

	open_relay(TEXTS(relays_address(refusing())), NULL);
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.refused, 0);
	ck_assert_uint_eq(captured("ended_first=none"), 1);
	ck_assert_uint_eq(captured("reason=connect_failed attempts=1"), 1);
}
END_TEST

START_TEST(second_target_is_taken_when_the_first_refuses)
{
	uint64_t received = 0;
	int client, server;

	open_relay(TEXTS(relays_address(refusing()), relays_address(target)), NULL);
	client = join();
	server = meet_open(target);
	send_all(client, 0, 100);
	assert_receives(server, &received, 100);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
	pair_set_shutdown(&set);
	ck_assert_uint_eq(captured("reason=shutdown attempts=2"), 1);
}
END_TEST

START_TEST(one_attempt_is_one_attempt)
{
	int client;

	open_relay(TEXTS(relays_address(refusing()), relays_address(target)), TEXTS("connect_attempts=1"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	ck_assert_int_lt(try_meet(target), 0);
}
END_TEST

START_TEST(targets_take_turns)
{
	int other = listen_here();

	open_relay(TEXTS(relays_address(target), relays_address(other)), NULL);
	for (int i = 0; i < 6; i++) {
		join();
		meet(i % 2 ? other : target);
	}
	ck_assert_uint_eq(set.count, 6);
}
END_TEST

START_TEST(silent_target_times_out)
{
	uint64_t began;
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=100ms"));
	began = clock_ms();
	client = join();
	assert_ends(client, LOOP_RST, 0);
	ck_assert_uint_ge(clock_ms() - began, 95);
	assert_over("connect_timeout");
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 1);
}
END_TEST

START_TEST(next_target_is_taken_when_the_first_is_silent)
{
	open_relay(TEXTS(relays_address(silent()), relays_address(target)), TEXTS("connect_timeout=50ms"));
	join();
	meet(target);
	ck_assert_uint_eq(only_pair()->attempts, 2);
}
END_TEST

START_TEST(client_that_resets_while_connecting_is_noticed)
{
	uint64_t began;
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=1m"));
	client = join();
	run_for(20);
	began = loop_clock_ms();
	reset(client);
	assert_over("client_reset attempts=1");
	ck_assert_uint_le(loop_clock_ms() - began, NOTICED_MS);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
}
END_TEST

START_TEST(unix_target)
{
	uint64_t up = 0, down = 0;
	int client, server, listener = listen_abstract(16);

	open_relay(TEXTS(relays_address(listener)), NULL);
	client = join();
	server = meet(listener);
	send_all(client, 0, 5000);
	assert_receives(server, &up, 5000);
	ck_assert_uint_eq(loop_send(server, 0, 3000), 3000);
	assert_receives(client, &down, 3000);
	shutdown(server, SHUT_WR);
	ck_assert_int_eq(drain(client, &down), LOOP_FIN);
	shutdown(client, SHUT_WR);
	ck_assert_int_eq(drain(server, &up), LOOP_FIN);
	assert_over("eof");
	ck_assert_uint_eq(captured(relays_address(listener)), 1);
}
END_TEST

/* With splice, two peers on unix sockets moved 0.6 times as much. */
START_TEST(only_pairs_of_two_unix_sockets_are_not_spliced)
{
	bool client_is_unix = _i & 1, target_is_unix = _i & 2;
	int fd, listener = target_is_unix ? listen_abstract(16) : target;
	union client_address address;
	struct admission ticket;

	open_relay(TEXTS(relays_address(listener)), NULL);
	come_in(&fd, &ticket, &address);
	if (client_is_unix)
		address.any.sa_family = AF_UNIX;
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	meet_open(listener);
	ck_assert_int_eq(only_pair()->client.from.may_splice, !(client_is_unix && target_is_unix));
	ck_assert_int_eq(only_pair()->target.from.may_splice, !(client_is_unix && target_is_unix));
	pair_set_shutdown(&set);
}
END_TEST

/* A unix socket says EAGAIN where TCP would wait. */
START_TEST(full_backlog_of_a_unix_target_is_waited_out)
{
	uint64_t received = 0;
	int client, listener = listen_abstract(0);

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	client = join();
	ck_assert_uint_eq(loop_send(client, 0, 700), 700);
	shutdown(client, SHUT_WR);
	run_for(100);
	ck_assert(!pair_is_connected(only_pair()));
	meet(listener);
	LOOP_UNTIL(base, pair_is_connected(only_pair()));
	ck_assert_int_eq(drain(meet(listener), &received), LOOP_FIN);
	ck_assert_uint_eq(received, 700);
}
END_TEST

START_TEST(full_backlog_of_a_unix_target_times_out)
{
	int client, listener = listen_abstract(0);

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=100ms"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	ck_assert_uint_eq(captured(": its backlog is full"), 1);
}
END_TEST

/* 500 clients that waited for a full backlog used to take an eighth of a CPU. */
START_TEST(full_backlog_is_tried_ever_less_often)
{
	uint64_t began = clock_ms();
	int client, listener = listen_abstract(0);

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	client = join_with(FAULT_SOCKET, 6, EACCES); /* the end of the wait */
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed");
	/* half of 20 + 40 + 80 + 160 + 320, less what a busy loop is early */
	ck_assert_uint_ge(clock_ms() - began, 250);
}
END_TEST

/* Of 300 waits that there may be; how many are new. */
static unsigned note_wait(struct pair *pair, bool taken[300])
{
	uint64_t wait;
	bool is_new;

	pair->postpone.wait = 400;
	wait = pair_connect_wait(pair);
	ck_assert_uint_ge(wait, 200);
	ck_assert_uint_lt(wait, 500);
	is_new = !taken[wait - 200];
	taken[wait - 200] = true;
	return is_new;
}

START_TEST(pairs_that_wait_for_a_backlog_are_not_in_step)
{
	bool taken[300] = {false};
	int listener = listen_abstract(0);
	unsigned different = 0;
	struct pair *pair;

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	for (int i = 0; i < 8; i++)
		join();
	LIST_FOREACH (pair, &set.pairs, entry) {
		ck_assert_int_eq(pair->phase, PHASE_WAITING);
		ck_assert_int_eq(pair->wait_reason, -EAGAIN);
		different += note_wait(pair, taken);
	}
	ck_assert_uint_ge(different, 5); /* chance */
}
END_TEST

/* Such a target may come and go in step with the pair's retries. */
START_TEST(pair_does_not_wait_for_the_same_time_again)
{
	bool taken[300] = {false};
	int listener = listen_abstract(0);
	unsigned different = 0;

	keep(relays_connect(listener));
	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	join();
	for (int i = 0; i < 8; i++) {
		uint64_t now = clock_ms();

		different += note_wait(only_pair(), taken);
		LOOP_UNTIL(base, clock_ms() > now);
	}
	ck_assert_uint_ge(different, 5);
}
END_TEST

START_TEST(client_speaks_before_the_target_is_connected)
{
	uint64_t received = 0;
	int client;

	open_relay(TEXTS(relays_address(silent()), relays_address(target)), TEXTS("connect_timeout=50ms"));
	client = join();
	ck_assert_uint_eq(loop_send(client, 0, 3000), 3000);
	ck_assert(!pair_is_connected(only_pair()));
	assert_receives(meet(target), &received, 3000);
}
END_TEST

/* Descriptors or memory that have run out are not the target's fault. */
static const int shortages[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRINUSE};

START_TEST(shortage_while_connecting_is_waited_out)
{
	uint64_t received = 0;
	int client;

	begin(TEXTS("connect_attempts=1"));
	client = join_with(FAULT_SOCKET, 1, shortages[_i]);
	ck_assert(!pair_is_connected(only_pair()));
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	assert_receives(meet(target), &received, 100);
	ck_assert_uint_eq(only_pair()->attempts, 1);
}
END_TEST

/* This used to be reported as a timeout of the target, which had not been tried yet. */
START_TEST(shortage_that_lasts_is_told)
{
	union client_address address;
	struct admission ticket;
	struct rlimit limit;
	int fd, client;

	begin(TEXTS("connect_timeout=100ms"));
	client = come_in(&fd, &ticket, &address);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 3;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(pair_new(&set, &ticket, fd, &address), 0);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_uint_eq(captured("relay command-line: connecting has to wait: Too many open files"), 1);
	ck_assert_uint_eq(captured("no target could be connected"), 0); /* which would blame the target */
	ck_assert_uint_ge(relay->standing->tallies[0].counters.shortages, 1);
	while (captured("relay command-line: connecting goes on") == 0) {
		if (set.count == 0) /* it may also time out where the machine is slow */
			join();
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
}
END_TEST

/* _i: the address, or the interface. What is not there is ours to wait for; the target is not to blame. */
static const struct local_address not_there[] = {
        {.ipv4 = {.sin_family = AF_INET, .sin_addr = {0x070200c0}}}, /* 192.0.2.7 */
        {.interface = "none0"},
};
static const char *const not_there_texts[] = {"the machine does not have 192.0.2.7 (source_address)",
                                              "there is no interface none0 (source_interface)"};

START_TEST(local_address_that_is_not_there_is_waited_for)
{
	begin(TEXTS("connect_timeout=1m", "fail_limit=1"));
	relay->target_tuning.local_address = not_there[_i];
	join();
	LOOP_UNTIL(base, relay->standing->tallies[0].counters.shortages == 3);
	ck_assert_int_eq(only_pair()->phase, PHASE_WAITING);
	ck_assert_uint_eq(captured("relay command-line: connecting has to wait: "), 1);
	ck_assert_uint_eq(captured(not_there_texts[_i]), 1);
	relay->target_tuning.local_address = (struct local_address){0}; /* it comes */
	meet_open(target);
	ck_assert_uint_eq(only_pair()->attempts, 1);
	ck_assert_uint_eq(captured("relay command-line: connecting goes on"), 1);
	ck_assert_uint_eq(captured("is down"), 0);
}
END_TEST

START_TEST(local_address_that_never_comes_is_no_failure_of_the_target)
{
	int client;

	begin(TEXTS("connect_timeout=1s", "fail_limit=1"));
	relay->target_tuning.local_address = not_there[_i];
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	ck_assert_uint_eq(captured("no target could be connected") + captured("is down"), 0);
	relay->target_tuning.local_address = (struct local_address){0};
	join();
	meet_open(target);
}
END_TEST

/* Finding out that no port is free costs milliseconds. A thousand pairs that wait try one at a time. */
START_TEST(shortage_is_met_by_one_pair_at_a_time)
{
	begin(TEXTS("connect_timeout=1m"));
	join_with(FAULT_SOCKET, 1, EMFILE);
	for (int i = 0; i < 20; i++)
		join();
	ck_assert_uint_eq(relay->standing->tallies[0].counters.shortages, 1);
	for (int i = 0; i < 21; i++)
		meet(target);
	LOOP_UNTIL(base, pair_is_connected(LIST_FIRST(&set.pairs)));
	ck_assert_uint_eq(relay->standing->tallies[0].counters.shortages, 1);
}
END_TEST

static void damp(void)
{
	relay->standing->tallies[0].damper.on = true;
	relay->standing->tallies[0].damper.last = clock_ms();
}

START_TEST(pair_of_a_damped_relay_waits)
{
	uint64_t began, received = 0;
	int client, peer;

	begin(NULL);
	damp();
	began = clock_ms();
	client = join();
	ck_assert_int_eq(only_pair()->phase, PHASE_WAITING);
	peer = meet(target);
	ck_assert_uint_ge(clock_ms() - began, DAMPER_WAIT_MS / 2 - 2);
	ck_assert(relay->standing->tallies[0].damper.on); /* connecting alone is no answer */
	ck_assert_uint_eq(loop_send(peer, 0, 10), 10);
	assert_receives(client, &received, 10);
	ck_assert(!relay->standing->tallies[0].damper.on);
	join();
	ck_assert(LIST_FIRST(&set.pairs)->phase != PHASE_WAITING);
}
END_TEST

/* A service that only reads ends its stream after the client. A ring never does. */
START_TEST(end_of_the_target_is_an_answer)
{
	int client, peer;

	begin(NULL);
	damp();
	client = join();
	peer = meet(target);
	ck_assert_uint_eq(loop_send(client, 0, 10), 10);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, only_pair()->client.from.sink == SINK_ENDED);
	ck_assert(relay->standing->tallies[0].damper.on);
	shutdown(peer, SHUT_WR);
	LOOP_UNTIL(base, !relay->standing->tallies[0].damper.on);
}
END_TEST

START_TEST(pair_of_a_damped_relay_may_time_out)
{
	begin(TEXTS("connect_timeout=1ms"));
	damp();
	join();
	LOOP_UNTIL(base, ended == 1 || pair_is_connected(only_pair()));
	ck_assert_uint_eq(captured("target is connected again"), 0);
}
END_TEST

START_TEST(close_lines_of_a_damped_relay_are_counted)
{
	open_relay(TEXTS("127.0.0.1:1"), TEXTS("connect_timeout=4ms"));
	damp();
	for (int i = 0; i < 30; i++)
		join();
	LOOP_UNTIL(base, ended == 30);
	ck_assert_uint_lt(captured("closed pair="), 30);
	ck_assert_uint_eq(captured("more pairs have ended"), 0);
	LOOP_UNTIL(base, captured("relay command-line: ") > 0 && captured("more pairs have ended") > 0);
	damp();
	join();
	LOOP_UNTIL(base, ended == 31);
}
END_TEST

/* The error of an earlier try within the same attempt no longer counts. */
START_TEST(timeout_after_a_shortage_is_a_timeout)
{
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=1s"));
	client = join_with(FAULT_SOCKET, 1, EMFILE);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_timeout");
	ck_assert_uint_eq(captured(": Connection timed out"), 1);
}
END_TEST

/* _i: 0 its address family is not supported, 1 there is no event to wait for it. */
START_TEST(target_that_cannot_be_tried_is_left_out)
{
	open_relay(TEXTS(relays_address(_i ? silent() : listen_here()), relays_address(target)), NULL);
	if (_i == 0)
		join_with(FAULT_SOCKET, 1, EAFNOSUPPORT);
	else
		join_with(FAULT_EVENT_ADD, 1, ENOMEM);
	meet_open(target);
	ck_assert_uint_eq(only_pair()->attempts, 2);
}
END_TEST

START_TEST(look_at_a_pair_that_connects_changes_nothing)
{
	open_relay(TEXTS(relays_address(silent())), TEXTS("connect_timeout=1m"));
	join();
	fire_timer(only_pair());
	run_for(20);
	ck_assert(!pair_is_connected(only_pair()));
	ck_assert_uint_eq(only_pair()->attempt, 0);
}
END_TEST

/* Accepts other connections until the pair's own comes. The loop does not run meanwhile. */
static int meet_unseen(int listener)
{
	struct sockaddr_in mine_is = {.sin_port = 0}, address = mine_is;
	socklen_t length = sizeof(mine_is);

	ck_assert_int_eq(getsockname(only_pair()->target.fd, (struct sockaddr *)&mine_is, &length), 0);
	for (;;) {
		int fd;

		poll(&(struct pollfd){.fd = listener, .events = POLLIN}, 1, LOOP_DEADLINE_MS);
		length = sizeof(address);
		fd = keep(accept4(listener, (struct sockaddr *)&address, &length,
		                  SOCK_NONBLOCK | SOCK_CLOEXEC));
		if (address.sin_port == mine_is.sin_port)
			return fd;
	}
}

/* The new connection, the answer and the reset are all seen in one look. */
START_TEST(answer_of_a_target_that_has_reset_before_it_was_looked_at)
{
	int client, server, listener = silent();

	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=1m"));
	client = join();
	ck_assert(!pair_is_connected(only_pair()));
	server = meet_unseen(listener);
	ck_assert_uint_eq(loop_send(server, 0, 3000), 3000);
	for (int i = 0; i < 1000 && stream_unacknowledged(server) > 0; i++)
		poll(NULL, 0, 1);
	ck_assert_uint_eq(stream_unacknowledged(server), 0);
	reset(server);
	assert_ends(client, LOOP_RST, 3000);
	assert_over("target_reset");
}
END_TEST

START_TEST(target_that_refuses_after_a_while)
{
	uint64_t received = 0;
	int client, listener = silent();

	open_relay(TEXTS(relays_address(listener), relays_address(target)), TEXTS("connect_timeout=1m"));
	client = join();
	ck_assert(!pair_is_connected(only_pair()));
	forget(listener);
	close(listener);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	assert_receives(meet(target), &received, 100);
	ck_assert_uint_eq(only_pair()->attempts, 2);
}
END_TEST

START_TEST(attempts_are_limited)
{
	int client;

	open_relay(TEXTS(relays_address(refusing()), relays_address(refusing()), relays_address(target)),
	           TEXTS("connect_attempts=2"));
	client = join();
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed attempts=2");
	ck_assert_int_lt(try_meet(target), 0);
	ck_assert_uint_eq(captured("no target could be connected: Connection refused"), 1);
}
END_TEST

/* A port may be free for another address, and there may be a source_address for it. That is no attempt. */
static const int of_address[] = {EADDRINUSE, ENXIO, ENODEV};

START_TEST(address_without_a_port_for_it_is_passed_over)
{
	open_relay(TEXTS(relays_address(listen_here()), relays_address(target)), TEXTS("connect_attempts=1"));
	join_with(FAULT_SOCKET, 1, of_address[_i]);
	meet_open(target);
	ck_assert_uint_eq(only_pair()->attempts, 1);
}
END_TEST

static void fail_other(void *arg, const struct config_target *config, bool backup, struct health *health)
{
	(void)config;
	(void)backup;
	if (!endpoint_equal(health_endpoint(health), arg))
		health_note(health, -ECONNREFUSED, false);
}

/* It used to be passed over for one that refuses, and the client was lost for a port of ours. */
START_TEST(port_is_waited_for_while_nothing_else_is_up)
{
	struct address own;

	ck_assert_int_eq(address_parse(relays_address(target), &own), 0);
	open_relay(TEXTS(relays_address(target), relays_address(refusing())), TEXTS("fail_limit=1"));
	targets_each_health(relay->targets, fail_other, &own.endpoint);
	join_with(FAULT_SOCKET, 1, of_address[_i]);
	ck_assert_int_eq(only_pair()->phase, PHASE_WAITING);
	meet_open(target);
	ck_assert_uint_eq(only_pair()->attempts, 1);
}
END_TEST

/* Like one of TCP that answers nothing. It used to be unclear whether that counts. */
START_TEST(backlog_that_stays_full_is_a_failure)
{
	int full = listen_abstract(0);

	keep(relays_connect(full));
	open_relay(TEXTS(relays_address(full), relays_address(target)),
	           TEXTS("connect_timeout=100ms", "fail_limit=1", "fail_time=1m"));
	join();
	ck_assert_int_eq(only_pair()->phase, PHASE_WAITING);
	meet_open(target);
	for (int i = 0; i < 4; i++) {
		join();
		ck_assert(pair_is_connected(LIST_FIRST(&set.pairs)));
	}
}
END_TEST

/* It must not try the same address again, so it is over. */
START_TEST(client_without_memory_for_what_it_has_tried)
{
	int client;

	open_relay(TEXTS(relays_address(refusing()), relays_address(target)), NULL);
	client = join_with(FAULT_MEMORY, 2, ENOMEM);
	assert_ends(client, LOOP_RST, 0);
	assert_over("connect_failed attempts=1");
	join();
	meet_open(target);
}
END_TEST

static enum health_state state_of(struct health *health)
{
	struct health_view view;

	health_look(health, &view);
	return view.state;
}

static void take_health(void *arg, const struct config_target *config, bool backup, struct health *health)
{
	(void)config;
	(void)backup;
	*(struct health **)arg = health;
}

/* However it ends: _i: 0 its client resets, 1 weir stops, 2 and 3 there is no event for it or its timer. */
START_TEST(pair_that_ends_while_it_tries_a_target_lets_another_try)
{
	struct health *health;
	int client;

	open_relay(TEXTS(relays_address(silent())),
	           TEXTS("connect_timeout=1m", "fail_limit=1", "fail_time=1ms"));
	targets_each_health(relay->targets, take_health, &health);
	health_note(health, -ECONNREFUSED, false);
	ck_assert_int_eq(state_of(health), HEALTH_DOWN);
	run_for(5);
	client = _i < 2 ? join() : join_with(FAULT_EVENT_ADD, _i == 2 ? 1 : 3, ENOMEM);
	if (_i < 2)
		ck_assert_int_eq(state_of(health), HEALTH_TRYING);
	if (_i == 0)
		reset(client);
	if (_i == 1)
		pair_set_shutdown(&set);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_int_eq(state_of(health), HEALTH_DOWN);
	ck_assert_uint_eq(health_pairs(health), 0);
	join();
	ck_assert_int_eq(state_of(health), HEALTH_TRYING);
	ck_assert(only_pair()->choice.tries);
}
END_TEST

/* A black hole used to cost every second client of a name connect_timeout. */
START_TEST(silent_address_costs_only_the_first_clients)
{
	open_relay(TEXTS(relays_address(silent()), relays_address(target)),
	           TEXTS("connect_timeout=20ms", "fail_limit=2"));
	for (int i = 0; i < 20; i++) {
		join();
		meet(target);
	}
	LOOP_UNTIL(base, pair_is_connected(LIST_FIRST(&set.pairs)));
	ck_assert_uint_eq(captured("Connection timed out"), 0); /* every client was served */
	pair_set_shutdown(&set);
	ck_assert_uint_eq(captured("attempts=2"), 2);
	ck_assert_uint_eq(captured("attempts=1"), 18);
}
END_TEST

static TCase *connect_case(void)
{
	TCase *tcase = make_case("connect");

	tcase_add_test(tcase, refused_target_resets_the_client);
	tcase_add_test(tcase, second_target_is_taken_when_the_first_refuses);
	tcase_add_test(tcase, one_attempt_is_one_attempt);
	tcase_add_test(tcase, targets_take_turns);
	tcase_add_test(tcase, silent_target_times_out);
	tcase_add_test(tcase, next_target_is_taken_when_the_first_is_silent);
	tcase_add_test(tcase, client_that_resets_while_connecting_is_noticed);
	tcase_add_test(tcase, unix_target);
	tcase_add_loop_test(tcase, only_pairs_of_two_unix_sockets_are_not_spliced, 0, 4);
	tcase_add_test(tcase, full_backlog_of_a_unix_target_is_waited_out);
	tcase_add_test(tcase, full_backlog_of_a_unix_target_times_out);
	tcase_add_test(tcase, full_backlog_is_tried_ever_less_often);
	tcase_add_test(tcase, pairs_that_wait_for_a_backlog_are_not_in_step);
	tcase_add_test(tcase, pair_does_not_wait_for_the_same_time_again);
	tcase_add_test(tcase, client_speaks_before_the_target_is_connected);
	tcase_add_loop_test(tcase, shortage_while_connecting_is_waited_out, 0, 5);
	tcase_add_test(tcase, shortage_that_lasts_is_told);
	tcase_add_test(tcase, shortage_is_met_by_one_pair_at_a_time);
	tcase_add_loop_test(tcase, local_address_that_is_not_there_is_waited_for, 0, 2);
	tcase_add_loop_test(tcase, local_address_that_never_comes_is_no_failure_of_the_target, 0, 2);
	tcase_add_test(tcase, pair_of_a_damped_relay_waits);
	tcase_add_test(tcase, end_of_the_target_is_an_answer);
	tcase_add_test(tcase, pair_of_a_damped_relay_may_time_out);
	tcase_add_test(tcase, close_lines_of_a_damped_relay_are_counted);
	tcase_add_test(tcase, timeout_after_a_shortage_is_a_timeout);
	tcase_add_loop_test(tcase, target_that_cannot_be_tried_is_left_out, 0, 2);
	tcase_add_test(tcase, look_at_a_pair_that_connects_changes_nothing);
	tcase_add_test(tcase, answer_of_a_target_that_has_reset_before_it_was_looked_at);
	tcase_add_test(tcase, target_that_refuses_after_a_while);
	tcase_add_test(tcase, attempts_are_limited);
	tcase_add_loop_test(tcase, address_without_a_port_for_it_is_passed_over, 0, 3);
	tcase_add_loop_test(tcase, port_is_waited_for_while_nothing_else_is_up, 0, 3);
	tcase_add_test(tcase, backlog_that_stays_full_is_a_failure);
	tcase_add_test(tcase, client_without_memory_for_what_it_has_tried);
	tcase_add_loop_test(tcase, pair_that_ends_while_it_tries_a_target_lets_another_try, 0, 4);
	tcase_add_test(tcase, silent_address_costs_only_the_first_clients);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_connect");

	suite_add_tcase(suite, connect_case());
	return unit_run(suite);
}
