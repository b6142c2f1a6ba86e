/* A pair that lives and ends as it should; limits; memory. */
#include "build_config.h"

#include "pair/pair_stage.h"

#include <sys/resource.h>
#include <sys/un.h>

/* ---- a normal life ---- */

START_TEST(round_trip_and_clean_end)
{
	uint64_t received = 0;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	ck_assert_uint_eq(slots_used(&slots), 1);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
	send_all(client, 0, 5000);
	assert_receives(server, &received, 5000);
	send_all(server, 0, 3000);
	received = 0;
	assert_receives(client, &received, 3000);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, loop_receive(server, &received, 1) == LOOP_FIN);
	ck_assert_uint_eq(set.count, 1);
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, loop_receive(client, &received, 1) == LOOP_FIN);
	assert_over("eof");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.refused, 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.bytes[UPLOAD], 5000);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.bytes[DOWNLOAD], 3000);
}
END_TEST

/* _i: 0 the client ends first, 1 the target does. */
START_TEST(half_close_leaves_the_other_way_open)
{
	uint64_t received = 0;
	int client, server, first, second;

	begin(NULL);
	client = join();
	server = meet_open(target);
	first = _i ? server : client;
	second = _i ? client : server;
	send_all(first, 0, 1000);
	shutdown(first, SHUT_WR);
	assert_ends(second, LOOP_FIN, 1000);
	for (uint64_t at = 0; at < 10; at++) {
		send_all(second, at * 2000, 2000);
		assert_receives(first, &received, (at + 1) * 2000);
	}
	ck_assert_uint_eq(set.count, 1);
	shutdown(second, SHUT_WR);
	ck_assert_int_eq(drain(first, &received), LOOP_FIN);
	ck_assert_uint_eq(received, 20000);
	assert_over("eof");
	ck_assert_uint_eq(captured(_i ? "ended_first=target" : "ended_first=client"), 1);
}
END_TEST

START_TEST(bulk_arrives_whole_both_ways)
{
	uint64_t up = 0, down = 0, up_seen = 0, down_seen = 0;
	enum loop_end up_end = LOOP_OPEN, down_end = LOOP_OPEN;
	int client, server;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	server = meet_open(target);
	while (up_end == LOOP_OPEN || down_end == LOOP_OPEN) {
		up += loop_send(client, up, BULK / 4 - up);
		down += loop_send(server, down, BULK / 4 - down);
		if (up == BULK / 4)
			shutdown(client, SHUT_WR);
		if (down == BULK / 4)
			shutdown(server, SHUT_WR);
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (up_end == LOOP_OPEN)
			up_end = loop_receive(server, &up_seen, 20000);
		if (down_end == LOOP_OPEN)
			down_end = loop_receive(client, &down_seen, 20000);
	}
	ck_assert_int_eq(up_end, LOOP_FIN);
	ck_assert_int_eq(down_end, LOOP_FIN);
	ck_assert_uint_eq(up_seen, BULK / 4);
	ck_assert_uint_eq(down_seen, BULK / 4);
	assert_over("eof");
}
END_TEST

/* ---- limits and the end ---- */

START_TEST(too_many_pairs_of_one_source)
{
	uint64_t received = 0;
	int first, third;

	begin(TEXTS("max_connections_per_source=2"));
	first = join();
	join();
	meet(target);
	meet(target);
	third = join();
	ck_assert_int_eq(drain(third, &received), LOOP_RST);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(slots_used(&slots), 2);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.accepted, 3);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.refused, 1);
	ck_assert_uint_eq(captured("reason=over_limit"), 1);
	reset(first);
	LOOP_UNTIL(base, set.count == 1);
	join();
	meet(target);
	ck_assert_uint_eq(set.count, 2);
}
END_TEST

START_TEST(shutdown_resets_every_pair)
{
	int client[3], server[2];
	uint64_t received = 0;

	begin(TEXTS("high_watermark=64K"));
	for (int i = 0; i < 2; i++) {
		client[i] = join();
		server[i] = meet_open(target);
	}
	fill(client[1], &LIST_FIRST(&set.pairs)->client.from);
	client[2] = join(); /* connecting */
	ck_assert_uint_eq(set.count, 3);
	pair_set_shutdown(&set);
	ck_assert_uint_eq(set.count, 0);
	ck_assert_uint_eq(ended, 3);
	ck_assert_uint_eq(captured("reason=shutdown"), 3);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(drain(client[i], &received), LOOP_RST);
	assert_ends(server[0], LOOP_RST, 0);
	received = 0;
	ck_assert_int_eq(drain(server[1], &received), LOOP_RST);
}
END_TEST

START_TEST(ids_are_apart_between_workers)
{
	begin(NULL);
	set.worker = 0;
	set.id_step = 3;
	join();
	join();
	ck_assert_uint_eq(LIST_FIRST(&set.pairs)->id, 4);
}
END_TEST

static void open_unix_gate(void)
{
	char name[64];

	snprintf(name, sizeof(name), "weir-test-gate-%d", (int)getpid());
	gate = listen_unix(name, 16);
}

/* A unix socket used to take the urgent byte out of the stream. _i: 0 the client sends it, 1 the target. */
START_TEST(urgent_byte_of_a_unix_peer_passes_in_line)
{
	unsigned char data[8];
	int client, server, listener = listen_abstract(16);

	open_unix_gate();
	open_relay(TEXTS(relays_address(listener)), NULL);
	client = join();
	server = meet_open(listener);
	ck_assert_int_eq(send(_i ? server : client, "ab", 2, 0), 2);
	if (send(_i ? server : client, "!", 1, MSG_OOB) < 0)
		return; /* not with this kernel */
	ck_assert_int_eq(send(_i ? server : client, "cd", 2, 0), 2);
	LOOP_UNTIL(base, (_i ? only_pair()->target.from.bytes : only_pair()->client.from.bytes) == 5);
	ck_assert_int_eq(recv(_i ? client : server, data, sizeof(data), 0), 5);
	ck_assert_mem_eq(data, "ab!cd", 5);
}
END_TEST

START_TEST(unix_client_has_no_name)
{
	int client;

	open_unix_gate();
	begin(NULL);
	client = join();
	shutdown(meet_open(target), SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	shutdown(client, SHUT_WR);
	assert_over("eof");
	ck_assert_uint_eq(captured(" client=unix: "), 1);
}
END_TEST

/* What was sent without memory for a queue must also be taken from the source. */
START_TEST(bytes_that_cannot_be_taken_back_end_the_pair)
{
	uint64_t received = 0;
	int client, server;

	budget_init(&budget, 1);
	begin(NULL);
	client = join();
	server = meet_open(target);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	fault_set(FAULT_RECV, 2, EAGAIN); /* the first one only looks */
	LOOP_UNTIL(base, set.count == 0);
	assert_over("internal");
	ck_assert_int_eq(drain(client, &received), LOOP_RST);
	ck_assert_int_eq(drain(server, &received), LOOP_RST);
}
END_TEST

static bool both_are(bool steady)
{
	return only_pair()->client.steady == steady && only_pair()->target.steady == steady;
}

static void say(int from, int to, uint64_t *said)
{
	uint64_t received = *said;

	send_all(from, (*said)++, 1);
	assert_receives(to, &received, *said);
}

/* What a pair is settled for comes to notice even so. */
START_TEST(messages_of_a_pair_that_runs_change_nothing_else)
{
	uint64_t up = 0, down = 0, queued = 0;
	int client, server;

	begin(TEXTS("vanish_timeout=0"));
	client = join();
	server = meet_open(target);
	say(client, server, &up);
	ck_assert(only_pair()->client.steady);
	ck_assert(!only_pair()->target.steady); /* its relay must learn of its first byte */
	ck_assert(!only_pair()->answered);
	say(server, client, &down);
	ck_assert(both_are(true));
	ck_assert(only_pair()->answered);
	for (int i = 0; i < 10; i++) {
		say(client, server, &up);
		say(server, client, &down);
	}
	ck_assert(both_are(true));
	ck_assert_double_eq(waits_window(&only_pair()->waits, clock_us()).turns[SIDE_TARGET], 11);
	LOOP_UNTIL(base, (queued += loop_send(server, queued, 65536), only_pair()->target.from.queued > 0));
	ck_assert_int_eq(only_pair()->target.from.pause, PAUSE_NONE);
	ck_assert(both_are(false));
	assert_receives(client, &(uint64_t){0}, queued);
	LOOP_UNTIL(base, both_are(true));
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, both_are(false));
	shutdown(server, SHUT_WR);
	LOOP_UNTIL(base, set.count == 0);
}
END_TEST

/*
 * An idle pair takes 1 KiB: its part of a unit, and libevent's records of two descriptors. A pair that grew
 * would show as one less in each unit.
 */
START_TEST(thirty_three_pairs_fit_into_a_unit)
{
	begin(NULL);
	ck_assert_uint_eq((PAIR_UNIT_SIZE - 32) / set.slab.size, 33);
}
END_TEST

/* What a pair takes for its verdict at most: all of it, and what it has from its first look on. */
START_TEST(verdict_takes_few_bytes)
{
	begin(NULL);
	ck_assert_uint_le(sizeof(struct waits), 120);
	ck_assert_uint_le(pair_looks_cost(), 112);
}
END_TEST

START_TEST(set_without_memory_is_refused)
{
	struct pair_set other = {.io = {.base = base}};

	begin(NULL);
	fault_set(FAULT_EVENT_NEW, (size_t)_i, ENOMEM);
	ck_assert_int_eq(pair_set_init(&other, 1), -ENOMEM);
	pair_set_deinit(&other);
}
END_TEST

START_TEST(quiet_log_has_no_close_lines)
{
	int client;

	log_set_level(LOG_LEVEL_NOTICE);
	begin(NULL);
	client = join();
	send_all(client, 0, 100);
	shutdown(meet_open(target), SHUT_WR);
	shutdown(client, SHUT_WR);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_eq(captured("closed"), 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.bytes[UPLOAD], 100);
}
END_TEST

/* One pair after the other, while the setting changes. */
START_TEST(close_lines_come_and_go)
{
	static const bool wanted[] = {true, false, true};

	begin(NULL);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int client = join();

		shutdown(client, SHUT_WR);
		shutdown(meet_open(target), SHUT_WR);
		ck_assert_uint_eq(set.count, 1);
		log_connections = wanted[i];
		LOOP_UNTIL(base, set.count == 0);
	}
	ck_assert_uint_eq(captured("closed pair="), 2);
	ck_assert_uint_eq(captured("closed pair=2 "), 0);
}
END_TEST

/* ---- memory ---- */

#define FAILING_BYTES 250000

/*
 * Sends what can be sent, then the end. A socket that was reset is left alone: sending would take the error,
 * and reading would then see an end.
 */
static void send_some(int fd, uint64_t *sent)
{
	struct pollfd state = {.fd = fd};

	poll(&state, 1, 0);
	if (fd < 0 || *sent == FAILING_BYTES || (state.revents & POLLERR))
		return;
	*sent += loop_send(fd, *sent, FAILING_BYTES - *sent);
	if (*sent == FAILING_BYTES)
		shutdown(fd, SHUT_WR);
}

/* Both ways queue, then all is read. True once both sides have ended. */
static bool exchange(int client, int *server, uint64_t up[2], uint64_t down[2], enum loop_end how[2])
{
	if (*server < 0 && (*server = try_meet(target)) >= 0)
		keep(*server);
	send_some(client, &up[0]);
	send_some(*server, &down[0]);
	event_base_loop(base, EVLOOP_NONBLOCK);
	if (how[0] == LOOP_OPEN)
		how[0] = loop_receive(client, &down[1], 10000);
	if (*server >= 0 && how[1] == LOOP_OPEN)
		how[1] = loop_receive(*server, &up[1], 10000);
	return how[0] != LOOP_OPEN && (*server < 0 || how[1] != LOOP_OPEN) && set.count == 0;
}

/*
 * Whichever allocation fails, either all bytes arrive and the pair ends well, or it ends with a reset. A
 * short stream never looks complete. The fixture checks that nothing leaks.
 */
START_TEST(failing_allocation_costs_one_pair_at_most)
{
	uint64_t up[2] = {0}, down[2] = {0};
	enum loop_end how[2] = {LOOP_OPEN, LOOP_OPEN};
	int client, server = -1;

	begin(TEXTS("high_watermark=64K"));
	fail_after = (size_t)_i;
	client = join();
	LOOP_UNTIL(base, exchange(client, &server, up, down, how));
	fail_after = 0;
	if (how[0] == LOOP_FIN)
		ck_assert_uint_eq(down[1], FAILING_BYTES);
	if (how[1] == LOOP_FIN && relay->standing->tallies[0].counters.connect_failed == 0)
		ck_assert_uint_eq(up[1], FAILING_BYTES);
	ck_assert_uint_eq(ended, 1);
	ck_assert_uint_eq(slots_used(&slots), 0);
}
END_TEST

static TCase *life_case(void)
{
	TCase *tcase = make_case("life");

	tcase_add_test(tcase, round_trip_and_clean_end);
	tcase_add_loop_test(tcase, half_close_leaves_the_other_way_open, 0, 2);
	tcase_add_test(tcase, bulk_arrives_whole_both_ways);
	tcase_add_test(tcase, too_many_pairs_of_one_source);
	tcase_add_test(tcase, shutdown_resets_every_pair);
	tcase_add_test(tcase, ids_are_apart_between_workers);
	tcase_add_loop_test(tcase, urgent_byte_of_a_unix_peer_passes_in_line, 0, 2);
	tcase_add_test(tcase, unix_client_has_no_name);
	tcase_add_test(tcase, bytes_that_cannot_be_taken_back_end_the_pair);
	tcase_add_test(tcase, messages_of_a_pair_that_runs_change_nothing_else);
	tcase_add_test(tcase, thirty_three_pairs_fit_into_a_unit);
	tcase_add_test(tcase, verdict_takes_few_bytes);
	tcase_add_loop_test(tcase, set_without_memory_is_refused, 1, 5);
	tcase_add_test(tcase, quiet_log_has_no_close_lines);
	tcase_add_test(tcase, close_lines_come_and_go);
	tcase_add_loop_test(tcase, failing_allocation_costs_one_pair_at_most, 1, 41);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_life");

	suite_add_tcase(suite, life_case());
	return unit_run(suite);
}
