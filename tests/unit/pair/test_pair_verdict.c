/*
 * How the evidence about a real pair is gathered, and what that costs. test_verdict.c has the rules, and
 * tests/verdict situations of every kind.
 */
#include "build_config.h"

#include "base/clock.h"
#include "pair/life.h"
#include "pair/pair_looks.h"
#include "pair/pair_stage.h"

#define WORTH_A_LOOK 65536
#define LONG_AGO_US  60000000 /* less than any machine has been up */
#define TICK_US      50       /* of struct waits */

static unsigned asked;
static bool gone; /* the client has left unanswered for long what it was sent */

struct tcp_state __real_tcp_state(int fd);
struct tcp_state __wrap_tcp_state(int fd);
struct tcp_state __wrap_tcp_state(int fd)
{
	struct tcp_state state = __real_tcp_state(fd);

	asked += fd >= 0;
	if (gone && fd >= 0) {
		state.tries = 2;
		state.unacknowledged = 1;
		state.heard_ms = 60000;
	}
	return state;
}

static bool is_said(enum blame slow, enum why why, struct pair_record *record)
{
	*record = dump_newest();
	return record->verdict.slow == slow && record->verdict.why == why;
}

/* The next byte makes the window shorter, and that is when the sockets are looked at. */
static void fill_window(struct pair *pair)
{
	pair->waits.length = UINT16_MAX;
}

static void relay_bytes(int client, int server, uint64_t *sent, uint64_t length)
{
	uint64_t received = *sent;

	for (*sent += length; received < *sent;) {
		loop_send(client, received, *sent - received);
		event_base_loop(base, EVLOOP_NONBLOCK);
		loop_receive(server, &received, *sent);
	}
	LOOP_UNTIL(base, only_pair()->client.from.bytes == *sent);
}

START_TEST(new_pair_waits_for_nobody)
{
	struct pair_record record;

	begin(NULL);
	join();
	meet_open(target);
	ck_assert(is_said(BLAME_NONE, WHY_IDLE, &record));
	ck_assert_int_eq(record.last_from, BLAME_NONE);
	ck_assert_uint_eq(record.waited_client + record.waited_target, 0);
	ck_assert_uint_eq(record.flow[UPLOAD].paused + record.flow[UPLOAD].rwnd, 0);
	ck_assert_uint_lt(record.flow[UPLOAD].rtt_us, 1000000);
}
END_TEST

START_TEST(question_without_an_answer)
{
	struct pair_record record;
	int client;

	begin(NULL);
	client = join();
	meet_open(target);
	send_all(client, 0, 10);
	LOOP_UNTIL(base, is_said(BLAME_TARGET, WHY_ANSWER, &record));
	ck_assert_int_eq(record.last_from, BLAME_CLIENT);
	ck_assert_uint_ge(record.waited_target, 500);
	ck_assert_uint_le(record.since_ms, record.age_ms);
}
END_TEST

/* _i: whether it is the client that rests. */
START_TEST(reader_that_rests)
{
	struct pair_record record;
	struct flow_record *to_it, *from_it;
	int client, server;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	server = meet_open(target);
	fill(_i ? server : client, _i ? &only_pair()->target.from : &only_pair()->client.from);
	run_for(20); /* it lags for so long at least */
	LOOP_UNTIL(base, is_said(_i ? BLAME_CLIENT : BLAME_TARGET, WHY_READING, &record));
	to_it = &record.flow[_i ? DOWNLOAD : UPLOAD];
	from_it = &record.flow[_i ? UPLOAD : DOWNLOAD];
	ck_assert_uint_gt(to_it->paused, 0);
	ck_assert_uint_ge(to_it->rwnd, 50);
	ck_assert_uint_gt(to_it->lag_ms, 0);
	ck_assert_uint_ne(to_it->lag_ms, RECORD_UNKNOWN);
	ck_assert_uint_gt(to_it->sink_queue, 0);
	ck_assert_uint_eq(from_it->paused + from_it->rwnd + from_it->lag_ms + from_it->sink_queue, 0);
	ck_assert_uint_gt(_i ? record.waited_client : record.waited_target, 0);
}
END_TEST

START_TEST(pair_without_a_target_waits_for_one)
{
	struct pair_record record;

	open_relay(TEXTS(relays_address(silent())), NULL);
	join();
	ck_assert(is_said(BLAME_TARGET, WHY_CONNECTING, &record));
	ck_assert_uint_eq(record.waited_target, 1000);
	ck_assert_uint_eq(record.flow[UPLOAD].sink_queue, 0);
	ck_assert_uint_eq(record.flow[UPLOAD].rtt_us, RECORD_UNKNOWN);
	run_for(5);
	ck_assert_uint_ge(dump_newest().since_ms, 5);
}
END_TEST

START_TEST(unix_target_leaves_out_what_nobody_knows)
{
	struct pair_record record;
	int client, listener = listen_abstract(16);

	open_relay(TEXTS(relays_address(listener)), TEXTS("high_watermark=64K"));
	client = join();
	meet(listener);
	fill(client, &only_pair()->client.from);
	LOOP_UNTIL(base, is_said(BLAME_TARGET, WHY_READING, &record));
	ck_assert_uint_eq(record.flow[UPLOAD].rtt_us, RECORD_UNKNOWN);
	ck_assert_uint_eq(record.flow[UPLOAD].lag_ms, RECORD_UNKNOWN);
	ck_assert_uint_eq(record.flow[UPLOAD].rwnd, RECORD_UNKNOWN);
	ck_assert_uint_eq(record.flow[UPLOAD].retrans, RECORD_UNKNOWN);
	ck_assert_uint_gt(record.flow[UPLOAD].paused, 0);
	ck_assert_uint_ne(record.flow[DOWNLOAD].rtt_us, RECORD_UNKNOWN); /* the client came over TCP */
}
END_TEST

START_TEST(small_messages_are_never_looked_at)
{
	uint64_t sent = 0;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	asked = 0;
	for (int i = 0; i < 10; i++) {
		fill_window(only_pair());
		relay_bytes(client, server, &sent, 10);
	}
	ck_assert_ptr_null(only_pair()->looks);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(bulk_is_looked_at_once_in_a_window)
{
	uint64_t sent = 0;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	asked = 0;
	relay_bytes(client, server, &sent, WORTH_A_LOOK);
	ck_assert_uint_eq(asked, 0);
	fill_window(only_pair());
	relay_bytes(client, server, &sent, 10);
	ck_assert_uint_eq(asked, 2);
	ck_assert_ptr_nonnull(only_pair()->looks);
	fill_window(only_pair());
	relay_bytes(client, server, &sent, 10); /* too little since then */
	ck_assert_uint_eq(asked, 2);
	relay_bytes(client, server, &sent, WORTH_A_LOOK);
	fill_window(only_pair());
	relay_bytes(client, server, &sent, 10);
	ck_assert_uint_eq(asked, 4);
}
END_TEST

/* Otherwise a report that comes right after the look would have nothing to compare with. */
START_TEST(look_keeps_what_was_counted_a_while_before)
{
	const uint64_t length = 4 * WORTH_A_LOOK;
	const struct pair_looks *looks;
	uint64_t sent = 0, received;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	relay_bytes(client, server, &sent, length);
	only_pair()->born -= 3000;
	fill_window(only_pair());
	relay_bytes(client, server, &sent, 10);
	looks = only_pair()->looks;
	ck_assert_uint_ge((uint32_t)clock_ms() - looks->at, 1500);
	ck_assert_uint_lt((uint32_t)clock_ms() - looks->at, 3000);
	received = looks->side[SIDE_CLIENT].received * 16ULL;
	ck_assert_uint_ge(received, length * 49 / 100);
	ck_assert_uint_le(received, length * 70 / 100); /* the pair may be older */
	ck_assert_uint_eq(looks->moved, sent);
}
END_TEST

START_TEST(look_without_memory_costs_nothing)
{
	struct pair_record record;
	uint64_t sent = 0;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	relay_bytes(client, server, &sent, WORTH_A_LOOK);
	fill_window(only_pair());
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	relay_bytes(client, server, &sent, 10);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_ptr_null(only_pair()->looks);
	record = dump_newest();
	ck_assert_uint_ne(record.flow[UPLOAD].lag_ms, RECORD_UNKNOWN);
}
END_TEST

/* At the end of a pair TCP is asked about whom was waited for, if that was long enough to be of a path. */
START_TEST(end_asks_tcp_only_where_it_can_tell_more)
{
	struct wait_totals totals = {.length = 2999999};
	struct verdict verdict;
	struct life life;
	int client;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	meet_open(target);
	fill(client, &only_pair()->client.from);
	run_for(20);
	asked = 0;
	totals.time[WAIT_CONNECTING] = 2999999;
	totals.time[WAIT_TURN + SIDE_CLIENT] = 999;
	(void)pair_judge_life(only_pair(), clock_us(), &totals);
	totals.time[WAIT_CONNECTING] = 0;
	(void)pair_judge_life(only_pair(), clock_us(), &totals);
	ck_assert_uint_eq(asked, 0);
	totals.time[WAIT_TURN + SIDE_CLIENT] = 1000;
	(void)pair_judge_life(only_pair(), clock_us(), &totals);
	ck_assert_uint_eq(asked, 1);
	totals.time[WAIT_SINK + SIDE_TARGET] = 1600000;
	life = pair_judge_life(only_pair(), clock_us(), &totals);
	verdict = life_verdict(&life);
	ck_assert_int_eq(verdict.slow, BLAME_TARGET);
	ck_assert_int_eq(verdict.why, WHY_READING);
	ck_assert_uint_eq(asked, 2);
	totals.length = 3000000; /* so long that one may have vanished */
	(void)pair_judge_life(only_pair(), clock_us(), &totals);
	ck_assert_uint_eq(asked, 4);
}
END_TEST

static struct life life_now(void)
{
	uint64_t now = clock_us();
	const struct wait_totals totals = pair_waits_totals(only_pair(), now, true);

	return pair_judge_life(only_pair(), now, &totals);
}

/* A look judges the stretch before it, and the next one what has come since. */
START_TEST(life_is_judged_at_each_look)
{
	const uint64_t *waited;
	uint64_t sent = 0, before;
	int client, server;
	struct life life;

	begin(NULL);
	client = join();
	server = meet_open(target);
	waited = relay->standing->tallies[0].counters.waited_us;
	relay_bytes(client, server, &sent, WORTH_A_LOOK);
	only_pair()->waits.life[WAIT_SENDING + SIDE_CLIENT].ms = 2000;
	before = pair_waits_totals(only_pair(), clock_us(), false).time[WAIT_SENDING + SIDE_CLIENT];
	fill_window(only_pair());
	relay_bytes(client, server, &sent, 10);
	ck_assert_ptr_nonnull(only_pair()->looks);
	ck_assert_uint_ge(waited[SIDE_CLIENT], 2000000);
	ck_assert_uint_lt(pair_waits_totals(only_pair(), clock_us(), false).time[WAIT_SENDING + SIDE_CLIENT],
	                  before);
	ck_assert_uint_lt(waited[SIDE_TARGET], 1000000);
	only_pair()->waits.life[WAIT_TURN + SIDE_TARGET].ms = 1500;
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).slow, BLAME_CLIENT);
	ck_assert_int_eq(life_verdict(&life).why, WHY_SENDING);
	only_pair()->waits.life[WAIT_TURN + SIDE_TARGET].ms = 3500;
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).slow, BLAME_TARGET);
	ck_assert_int_eq(life_verdict(&life).why, WHY_ANSWER);
	ck_assert_uint_ge(life_waited(&life, SIDE_CLIENT), 2000000);
	loop_reset(client);
	LOOP_UNTIL(base, ended == 1);
	ck_assert_uint_ge(waited[SIDE_CLIENT], 2000000);
	ck_assert_uint_ge(waited[SIDE_TARGET], 3500000);
}
END_TEST

static void look(int client, int server, uint64_t *sent)
{
	relay_bytes(client, server, sent, WORTH_A_LOOK);
	fill_window(only_pair());
	relay_bytes(client, server, sent, 10);
}

/* It may come again, and then it was the path. */
START_TEST(life_is_not_judged_while_a_peer_may_be_gone)
{
	uint64_t sent = 0;
	int client, server;
	struct life life;

	begin(NULL);
	client = join();
	server = meet_open(target);
	gone = true;
	only_pair()->waits.life[WAIT_SENDING + SIDE_CLIENT].ms = 2000;
	only_pair()->born -= 10000;
	look(client, server, &sent);
	ck_assert_uint_ge(only_pair()->waits.life[WAIT_SENDING + SIDE_CLIENT].ms, 2000);
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).why, WHY_UNANSWERED);
	ck_assert_uint_ge(life_waited(&life, SIDE_CLIENT), 10000000);
	gone = false;
	look(client, server, &sent);
	ck_assert_uint_lt(only_pair()->waits.life[WAIT_SENDING + SIDE_CLIENT].ms, 2000);
	gone = true; /* no longer than since that look */
	life = life_now();
	gone = false;
	ck_assert_int_eq(life_verdict(&life).why, WHY_IDLE);
	ck_assert_uint_lt(life_waited(&life, SIDE_CLIENT), 10000000);
}
END_TEST

/* What it was a while ago tells nothing of the last stretch. */
START_TEST(worker_without_cpu_to_spare_was_waited_for)
{
	uint64_t now, sent = 0;
	int client, server;
	struct life life;

	begin(NULL);
	client = join();
	server = meet_open(target);
	relay_bytes(client, server, &sent, 10);
	only_pair()->born -= 10000;
	now = clock_us();
	set.cpu = (struct cpu_share){.at = {now - 1000000, now - 3000000}, .used = {{2000000, 0}, {0, 0}}};
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).why, WHY_CPU);
	only_pair()->client.from.cut = true;
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).why, WHY_MEMORY);
	set.cpu.at[0] = now - 6000000;
	set.cpu.at[1] = now - 8000000;
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).why, WHY_IDLE);
	set.cpu.at[0] = now - 500000;
	set.cpu.at[1] = now - 2500000;
	look(client, server, &sent);
	set.cpu.at[0] = now - 6000000;
	life = life_now();
	ck_assert_int_eq(life_verdict(&life).slow, BLAME_RELAY);
}
END_TEST

/* A reset has dropped what was unacknowledged, so nothing shows that it was taken at once. */
START_TEST(reset_tells_nothing_of_what_was_on_its_way)
{
	struct pair_record record;
	int client;

	begin(TEXTS("high_watermark=64K"));
	client = join();
	meet_open(target);
	fill(client, &only_pair()->client.from);
	run_for(20);
	ck_assert_uint_ne(dump_newest().flow[UPLOAD].sink_queue, RECORD_UNKNOWN);
	only_pair()->client.from.sink = SINK_FAILED;
	record = dump_newest();
	only_pair()->client.from.sink = SINK_OPEN;
	ck_assert_uint_eq(record.flow[UPLOAD].sink_queue, RECORD_UNKNOWN);
	ck_assert_uint_eq(record.flow[UPLOAD].lag_ms, RECORD_UNKNOWN);
}
END_TEST

static struct verdict brief_verdict(struct pair *pair)
{
	return pair_verdict(pair, (struct cpu_use){0});
}

/* All is acknowledged after a moment. Then nothing changes that the kernel could tell of. */
START_TEST(pair_that_rests_is_asked_about_once)
{
	struct verdict verdict;
	struct pair *pair;
	uint64_t sent = 0;
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	pair = only_pair();
	relay_bytes(client, server, &sent, 10);
	asked = 0;
	brief_verdict(pair); /* the target owes an answer */
	ck_assert_uint_eq(asked, 2);
	pair->waits.noted -= LONG_AGO_US / TICK_US;
	be_quiet_since(pair, LONG_AGO_US / 1000);
	pair->target.owing_since = pair->client.from.last_progress;
	LOOP_UNTIL(base, stream_unacknowledged(pair->target.fd) == 0);
	asked = 0;
	verdict = brief_verdict(pair);
	ck_assert_int_eq(verdict.slow, BLAME_NONE);
	ck_assert_uint_eq(asked, 2); /* it might have left something unanswered */
	verdict = brief_verdict(pair);
	ck_assert_int_eq(verdict.slow, BLAME_NONE);
	ck_assert_uint_eq(asked, 2);
	relay_bytes(client, server, &sent, 10);
	brief_verdict(pair);
	ck_assert_uint_eq(asked, 4);
}
END_TEST

START_TEST(pair_without_a_target_is_not_asked_about)
{
	struct verdict verdict;

	open_relay(TEXTS(relays_address(silent())), NULL);
	join();
	asked = 0;
	verdict = brief_verdict(only_pair());
	ck_assert_int_eq(verdict.slow, BLAME_TARGET);
	ck_assert_int_eq(verdict.why, WHY_CONNECTING);
	ck_assert_uint_eq(asked, 0);
}
END_TEST

/* It rests, but what it was sent is still on its way. */
START_TEST(kernel_holds_something_for_a_pair_that_rests)
{
	struct verdict brief, full;
	struct pair *pair;
	int client;

	begin(TEXTS("high_watermark=16M"));
	client = join();
	meet_open(target);
	pair = only_pair();
	for (uint64_t i = 0; pair->client.from.queued == 0; i++) {
		loop_send(client, i * 1000, 1000);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	LOOP_UNTIL(base, pair_verdict(pair, (struct cpu_use){0}).why == WHY_READING);
	pair->waits = (struct waits){.noted = pair->waits.noted - LONG_AGO_US / TICK_US};
	asked = 0;
	brief = brief_verdict(pair);
	ck_assert_uint_eq(asked, 2);
	full = dump_newest().verdict;
	ck_assert_int_eq(brief.slow, full.slow);
	ck_assert_int_eq(brief.why, full.why);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pair_verdict");
	TCase *tcase = make_case("verdict");

	tcase_add_test(tcase, new_pair_waits_for_nobody);
	tcase_add_test(tcase, question_without_an_answer);
	tcase_add_loop_test(tcase, reader_that_rests, 0, 2);
	tcase_add_test(tcase, pair_without_a_target_waits_for_one);
	tcase_add_test(tcase, unix_target_leaves_out_what_nobody_knows);
	tcase_add_test(tcase, small_messages_are_never_looked_at);
	tcase_add_test(tcase, bulk_is_looked_at_once_in_a_window);
	tcase_add_test(tcase, look_keeps_what_was_counted_a_while_before);
	tcase_add_test(tcase, look_without_memory_costs_nothing);
	tcase_add_test(tcase, end_asks_tcp_only_where_it_can_tell_more);
	tcase_add_test(tcase, life_is_judged_at_each_look);
	tcase_add_test(tcase, life_is_not_judged_while_a_peer_may_be_gone);
	tcase_add_test(tcase, worker_without_cpu_to_spare_was_waited_for);
	tcase_add_test(tcase, reset_tells_nothing_of_what_was_on_its_way);
	tcase_add_test(tcase, pair_that_rests_is_asked_about_once);
	tcase_add_test(tcase, pair_without_a_target_is_not_asked_about);
	tcase_add_test(tcase, kernel_holds_something_for_a_pair_that_rests);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
