/* Pairs that another program takes over, in each phase. */
#include "build_config.h"

#include "base/log.h"
#include "pair/pair_looks.h"
#include "pair/pair_stage.h"

#include <sys/mman.h>

/* ---- fields ---- */

/* What belongs to one program only, or is found out again. */
static void clear_peer(struct peer *peer)
{
	peer->pair = NULL;
	peer->pace = NULL;
	peer->steady = false;
	memset(&peer->from.io, 0, offsetof(struct flow, source_fd) - offsetof(struct flow, io));
	memset(&peer->from.turn_entry, 0, sizeof(peer->from.turn_entry));
	peer->from.pauses = NULL;
}

static struct pair without_pointers(const struct pair *any)
{
	struct pair pair = *any;

	clear_peer(&pair.client);
	clear_peer(&pair.target);
	pair.arrival = NULL;
	pair.tried = NULL;
	if (pair_is_connected(&pair)) {
		pair.looks = NULL;
		pair.postpone.wait = pair.sought_since = 0; /* left over */
	}
	memset(&pair.timer, 0, sizeof(pair.timer));
	memset(&pair.entry, 0, sizeof(pair.entry));
	memset(&pair.watch_entry, 0, sizeof(pair.watch_entry));
	return pair;
}

static void assert_same(const struct pair *before)
{
	const struct pair left = without_pointers(before), right = without_pointers(only_pair());

	for (size_t i = 0; i < sizeof(left); i++)
		ck_assert_msg(((const char *)&left)[i] == ((const char *)&right)[i], "byte %zu of the pair",
		              i);
}

static void scribble(void *memory, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((unsigned char *)memory)[i] = (unsigned char)(1 + i % 100);
}

static void scribble_peer(struct peer *peer, uint64_t number)
{
	peer->owing_since = clock_ms() + number;
	peer->look_at = clock_ms() + 100000 + number;
	peer->ended_first = peer->over = peer->owes = true;
}

static void clear_between(void *memory, size_t from, size_t until)
{
	memset((char *)memory + from, 0, until - from);
}

/* What is between fields is not saved. */
static void scribble_waits(struct waits *waits)
{
	struct waits all;

	scribble(&all, sizeof(all));
	*waits = all;
	waits->typical_gap[0] = 4000;
	waits->typical_gap[1] = 5000;
	clear_between(waits, offsetof(struct waits, life) + sizeof(waits->life),
	              offsetof(struct waits, life_turns));
	waits->hold[UPLOAD] = HOLD_RATE;
	waits->hold[DOWNLOAD] = HOLD_SINK;
	waits->spoke_last = waits->more = waits->ended = 3;
	waits->blocks.likely = waits->blocks.taker = 3;
	waits->blocks.usual = 15;
	waits->blocks.were_free = true;
	waits->blocks.ended = -2 * (int)BLOCK_MAX;
	waits->blocks.running = BLOCK_MAX;
}

START_TEST(each_field_of_a_connected_pair_comes_back)
{
	struct pair *pair, before;
	struct pair_looks looks;

	begin(NULL);
	join();
	meet_open(target);
	pair = only_pair();
	scribble_peer(&pair->client, 1);
	scribble_peer(&pair->target, 2);
	scribble_waits(&pair->waits);
	pair->looks = calloc(1, sizeof(looks));
	scribble(pair->looks, sizeof(looks));
	looks = *pair->looks;
	pair->phase = PHASE_ENDING;
	pair->look.wait = 1234;
	pair->unacknowledged = 77;
	pair->acknowledged_at = clock_ms();
	pair->choice.place = 3;
	pair->ticket.place = 4;
	pair->attempts = 5;
	pair->answered = pair->bound = pair->retries = true;
	pair->blind = false;
	pair_watch(pair);
	timers_stop(&set.timers, &pair->timer);
	before = *pair;
	take_over();
	pair = only_pair();
	assert_same(&before);
	ck_assert_mem_eq(pair->looks, &looks, sizeof(looks));
	pair->client.over = pair->target.over = false;
}
END_TEST

START_TEST(each_field_of_a_seeking_pair_comes_back)
{
	struct pair *pair, before;

	open_relay(TEXTS(relays_address(silent())), TEXTS("accept_proxy=127.0.0.0/8", "send_proxy=v2"));
	ck_assert_int_eq(send(join(), "PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\r\n", 38, MSG_NOSIGNAL), 38);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_CONNECTING);
	pair = only_pair();
	scribble_peer(&pair->client, 1);
	pair->attempt_began += 1;
	pair->attempt = 3;
	pair->attempt_error = -EHOSTUNREACH;
	pair->wait_reason = -EAGAIN;
	pair->postpone.wait = 55;
	pair->sought_since -= 1;
	pair->attempts = 6;
	pair->bound = !pair->bound;
	ck_assert_int_eq(tried_add(&pair->tried, pair->choice.health), 0);
	before = *pair;
	take_over();
	pair = only_pair();
	assert_same(&before);
	ck_assert_uint_eq(pair->tried->count, 1);
	ck_assert_ptr_eq(pair->tried->health[0], pair->choice.health);
	ck_assert_int_eq(pair->arrival->via.any.sa_family, AF_INET);
	ck_assert_uint_eq(endpoint_port(&pair->arrival->told->source), 4711);
	ck_assert_uint_eq(endpoint_port(&pair->arrival->told->destination), 80);
	ck_assert(pair->arrival->heard);
}
END_TEST

/* ---- connected ---- */

/* A pair that has relayed so much. */
static void relay_some(int *client, int *server, uint64_t up, uint64_t down)
{
	uint64_t received = 0;

	*client = join();
	*server = meet_open(target);
	send_all(*client, 0, up);
	assert_receives(*server, &received, up);
	send_all(*server, 0, received = down);
	received = 0;
	assert_receives(*client, &received, down);
}

START_TEST(open_pair_goes_on_as_if_nothing_had_happened)
{
	int client, server;
	uint64_t up = 1000, down = 2000, id, born;

	begin(NULL);
	relay_some(&client, &server, up, down);
	id = only_pair()->id;
	born = only_pair()->born;
	for (int i = 0; i < 3; i++) {
		take_over();
		ck_assert_uint_eq(only_pair()->id, id);
		ck_assert_uint_eq(only_pair()->born, born);
		ck_assert_uint_eq(slots_used(&slots), 1);
		ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
		ck_assert_uint_eq(health_pairs(only_pair()->choice.health), 1);
		up += loop_send(client, up, 500);
		assert_receives(server, (uint64_t[]){up - 500}, up);
		down += loop_send(server, down, 700);
		assert_receives(client, (uint64_t[]){down - 700}, down);
	}
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	take_over();
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	assert_over("eof");
	ck_assert_uint_eq(captured("closed pair=1 "), 1);
	ck_assert_uint_eq(captured("upload_bytes=2500 download_bytes=4100"), 1);
	ck_assert_uint_eq(captured("ended_first=client"), 1);
	ck_assert_uint_eq(captured("attempts=1"), 1);
}
END_TEST

/* Takes over in each pass of the loop, so in each state that there is. */
static uint64_t move(int from, int to, uint64_t length)
{
	uint64_t sent = 0, received = 0, end = clock_ms() + LOOP_DEADLINE_MS;

	for (unsigned pass = 0; received < length && clock_ms() < end; pass++) {
		sent += loop_send(from, sent, length - sent);
		if (pass % 3 != 1)
			loop_receive(to, &received, 20000);
		event_base_loop(base, EVLOOP_NONBLOCK);
		take_over();
	}
	ck_assert_uint_eq(received, length);
	return received;
}

static const char *const *const forms[] = {
        (const char *const[]){"splice=auto", NULL},
        (const char *const[]){"splice=off", NULL},
        (const char *const[]){"splice=auto", "high_watermark=64K", "low_watermark=16K", NULL},
        (const char *const[]){"splice=off", "upload_rate=20M", "relay_download_rate=20M", NULL},
        (const char *const[]){"splice=auto", "client_sndbuf=64K", "target_sndbuf=64K", "min_rate=1", NULL},
};
#define FORMS (sizeof(forms) / sizeof(forms[0]))

START_TEST(bytes_are_moved_while_programs_take_over)
{
	int client, server;

	begin(forms[_i]);
	client = join();
	server = meet_open(target);
	move(client, server, BULK / 2);
	move(server, client, BULK / 2);
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	shutdown(server, SHUT_WR);
	assert_ends(client, LOOP_FIN, 0);
	assert_over("eof");
	ck_assert_uint_eq(captured("dropped=0"), 1);
	ck_assert_uint_eq(captured("upload_bytes=4194304 download_bytes=4194304"), 1);
}
END_TEST

/* Both queues are at high, and nobody reads. _i: which form */
START_TEST(paused_flows_stay_paused)
{
	int client, server;
	uint64_t sent[2], received[2] = {0, 0}, since;
	struct pair *pair;

	begin(forms[_i]);
	client = join();
	server = meet_open(target);
	sent[0] = fill(client, &only_pair()->client.from);
	sent[1] = fill(server, &only_pair()->target.from);
	since = only_pair()->client.from.pauses->since;
	run_for(20);
	take_over();
	pair = only_pair();
	ck_assert_int_ne(pair->client.from.pause, PAUSE_NONE);
	ck_assert_int_ne(pair->target.from.pause, PAUSE_NONE);
	ck_assert(pair->blind);
	ck_assert_uint_eq(set.paused, 2);
	ck_assert_uint_eq(pair->client.from.pauses->since, since);
	ck_assert_uint_ge(budget_used(&budget), flow_queue_cost(pair->client.from.queued));
	LOOP_UNTIL(base, (loop_receive(server, &received[0], BULK), loop_receive(client, &received[1], BULK),
	                  received[0] == sent[0] && received[1] == sent[1]));
	ck_assert_uint_eq(only_pair()->client.from.bytes, sent[0]);
	ck_assert_uint_eq(set.paused, 0);
}
END_TEST

START_TEST(failing_pair_delivers_what_it_has)
{
	int client, server;

	begin(NULL);
	client = join();
	server = meet_open(target);
	send_all(client, 0, 200000);
	reset(client);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_FAILING || only_pair()->phase == PHASE_ENDING);
	for (int i = 0; i < 5; i++) {
		take_over();
		run_for(5);
	}
	assert_ends(server, LOOP_RST, 200000);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("ended_first=client"), 1);
}
END_TEST

/* With what the kernel holds for a client that has read nothing, until it has. */
START_TEST(ending_pair_waits_for_the_acknowledgement)
{
	int client, server;
	const uint64_t answer = 130000;
	uint64_t since;

	begin(NULL);
	client = join();
	server = meet_open(target);
	end_with_answer(client, server, answer);
	LOOP_UNTIL(base, only_pair()->phase == PHASE_ENDING && only_pair()->look.wait > 1);
	since = only_pair()->acknowledged_at;
	take_over();
	ck_assert_uint_eq(only_pair()->acknowledged_at, since);
	run_for(50);
	take_over();
	ck_assert_uint_eq(set.count, 1);
	assert_ends(client, LOOP_FIN, answer);
	assert_over("eof");
}
END_TEST

/* A sink that takes less than min_rate is found as soon as without. */
START_TEST(pace_of_a_sink_goes_on)
{
	int client, server;
	struct sink_pace before;

	begin(TEXTS("min_rate=1M", "stall_timeout=800ms"));
	client = join();
	server = meet_open(target);
	(void)server;
	fill(client, &only_pair()->client.from);
	LOOP_UNTIL(base, only_pair()->target.pace && only_pair()->target.pace->since);
	before = *only_pair()->target.pace;
	take_over();
	ck_assert_mem_eq(only_pair()->target.pace, &before, sizeof(before));
	LOOP_UNTIL(base, (take_over(), set.count == 0));
	ck_assert_uint_lt(clock_ms() - before.since, 2500);
	assert_over("stall_timeout");
}
END_TEST

/* ---- before there is a target ---- */

START_TEST(header_is_taken_in_parts)
{
	static const char header[] = "PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\r\n";
	int client, server;
	char got[128] = "";
	size_t size = 0;

	begin(TEXTS("accept_proxy=127.0.0.0/8", "send_proxy=v1"));
	client = join();
	take_over();
	for (size_t i = 0; i < sizeof(header) - 1; i++) {
		ck_assert_int_eq(only_pair()->phase, PHASE_HEADER);
		ck_assert_int_eq(send(client, header + i, 1, MSG_NOSIGNAL), 1);
		event_base_loop(base, EVLOOP_NONBLOCK);
		take_over();
	}
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	server = meet_open(target);
	LOOP_UNTIL(base,
	           (recv(server, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) >= (ssize_t)sizeof(header)));
	size = (size_t)recv(server, got, sizeof(header) - 1, 0);
	ck_assert_mem_eq(got, header, size);
	take_over();
	reset(client);
	assert_ends(server, LOOP_RST, 100);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("client=10.1.2.3:4711"), 1);
	ck_assert_uint_eq(captured(" via=127.0.0.1:"), 1);
}
END_TEST

/* What the header has told is still to be sent on. */
START_TEST(told_header_reaches_a_target_that_is_connected_later)
{
	static const char header[] = "PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\r\n";
	int client, server, down = refusing();
	char got[128] = "";

	open_relay(TEXTS(relays_address(down)),
	           TEXTS("accept_proxy=127.0.0.0/8", "send_proxy=v1", "retry_time=1m"));
	client = join();
	ck_assert_int_eq(send(client, header, sizeof(header) - 1, MSG_NOSIGNAL), (ssize_t)sizeof(header) - 1);
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	take_over();
	ck_assert_int_eq(listen(down, 16), 0);
	loop_nonblocking(down);
	server = meet_open(down);
	LOOP_UNTIL(base,
	           recv(server, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) == (ssize_t)sizeof(header) - 1);
	ck_assert_str_eq(got, header);
}
END_TEST

START_TEST(silent_client_gets_a_target_when_it_speaks)
{
	int client, file;
	uint64_t received = 0;

	begin(TEXTS("connect_on=data"));
	client = join();
	ck_assert_int_eq(only_pair()->phase, PHASE_SILENT);
	take_over();
	run_for(20);
	ck_assert_int_eq(only_pair()->phase, PHASE_SILENT);
	file = save_pairs(STATE_CARRY);
	lose_pairs(1);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	ck_assert_int_eq(restore_pairs(file, false), 0);
	assert_receives(meet_open(target), &received, 100);
}
END_TEST

/* A target whose backlog is full is tried again, for as long as without. */
START_TEST(postponed_attempt_is_made)
{
	int client, fillers[2], listener = listen_abstract(0);
	uint64_t began, due, anew;

	open_relay(TEXTS(relays_address(listener)), TEXTS("connect_timeout=10s"));
	fillers[0] = keep(relays_connect(listener));
	client = join();
	(void)client;
	ck_assert_int_eq(only_pair()->phase, PHASE_WAITING);
	began = only_pair()->attempt_began;
	due = timer_due(&only_pair()->timer);
	anew = clock_ms() + only_pair()->postpone.wait / 2;
	take_over();
	ck_assert_uint_eq(only_pair()->attempt_began, began);
	/* Another wait is drawn by chance, and may be shorter. */
	ck_assert_uint_le(timer_due(&only_pair()->timer), due);
	ck_assert_uint_ge(timer_due(&only_pair()->timer), due < anew ? due : anew);
	ck_assert_int_eq(only_pair()->wait_reason, -EAGAIN);
	LOOP_UNTIL(base, (take_over(), only_pair()->postpone.wait == 400));
	fillers[1] = meet(listener);
	(void)fillers[1];
	meet_open(listener);
	LOOP_UNTIL(base, pair_is_connected(only_pair()));
}
END_TEST

static unsigned line_of(uint64_t ids[], unsigned most)
{
	const struct pair *pair;
	unsigned count = 0;

	TAILQ_FOREACH(pair, &relay->standing->tallies[0].gate.line, held_entry)
	if (count < most)
		ids[count++] = pair->id;
	return count;
}

/* In the order in which they came, with the time at which the gate opens. */
START_TEST(held_clients_stay_in_line)
{
	int down = refusing(), clients[6], first;
	uint64_t before[6], after[6], opens;

	open_relay(TEXTS(relays_address(down)), TEXTS("retry_time=1m"));
	for (int i = 0; i < 6; i++)
		clients[i] = join();
	LOOP_UNTIL(base, relay->standing->tallies[0].gate.opens > 0 && line_of(before, 6) == 6);
	opens = relay->standing->tallies[0].gate.opens;
	relay->standing->tallies[0].gate.heard = 7;
	take_over();
	ck_assert_uint_eq(line_of(after, 6), 6);
	ck_assert_mem_eq(before, after, sizeof(before));
	ck_assert_uint_eq(relay->standing->tallies[0].gate.opens, opens);
	ck_assert_uint_eq(relay->standing->tallies[0].gate.heard, 7);
	shutdown(clients[0], SHUT_WR);
	reset(clients[1]);
	LOOP_UNTIL(base, set.count == 4);
	take_over();
	ck_assert_int_eq(listen(down, 16), 0);
	loop_nonblocking(down);
	for (int i = 2; i < 6; i++)
		first = meet(down);
	(void)first;
	LOOP_UNTIL(base, LIST_EMPTY(&set.gates));
}
END_TEST

START_TEST(retry_time_goes_on)
{
	int down = refusing();
	uint64_t began;

	open_relay(TEXTS(relays_address(down)), TEXTS("retry_time=500ms"));
	join();
	LOOP_UNTIL(base, pair_is_held(only_pair()));
	began = only_pair()->sought_since;
	LOOP_UNTIL(base, (take_over(), set.count == 0));
	ck_assert_uint_ge(clock_ms() - began, 500);
	ck_assert_uint_le(clock_ms() - began, 1500);
	assert_over("connect_failed");
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 1);
}
END_TEST

/* Its SYN is under way. The next address is tried in its time, and the first not again. */
START_TEST(attempt_under_way_goes_on)
{
	int lost = silent(), client;
	uint64_t began, received = 0;

	open_relay(TEXTS(relays_address(lost), relays_address(target)), TEXTS("connect_timeout=600ms"));
	client = join();
	ck_assert_int_eq(only_pair()->phase, PHASE_CONNECTING);
	began = only_pair()->attempt_began;
	take_over();
	ck_assert_uint_eq(only_pair()->attempt_began, began);
	ck_assert_int_eq(only_pair()->phase, PHASE_CONNECTING);
	LOOP_UNTIL(base, (take_over(), only_pair()->attempts > 0));
	ck_assert_uint_ge(clock_ms() - began, 600);
	ck_assert_uint_le(clock_ms() - began, 1600);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	assert_receives(meet_open(target), &received, 100);
	take_over();
	reset(client);
	assert_over("client_reset");
	ck_assert_uint_eq(captured("attempts=2"), 1);
}
END_TEST

START_TEST(tried_addresses_are_not_tried_again)
{
	int lost = silent(), down = refusing();

	open_relay(TEXTS(relays_address(down), relays_address(lost)), TEXTS("connect_timeout=300ms"));
	join();
	LOOP_UNTIL(base, only_pair()->phase == PHASE_CONNECTING);
	if (only_pair()->tried)
		ck_assert_uint_eq(only_pair()->tried->count, only_pair()->attempt);
	for (unsigned before = only_pair()->attempt; set.count > 0; event_base_loop(base, EVLOOP_ONCE)) {
		take_over();
		if (set.count > 0 && only_pair()->tried) {
			ck_assert_uint_ge(only_pair()->attempt, before);
			ck_assert_uint_eq(only_pair()->tried->count, only_pair()->attempt);
		}
	}
	ck_assert_uint_eq(captured("attempts=2"), 1);
	ck_assert_uint_eq(ended, 1);
}
END_TEST

/* It connects between one program and the other. */
START_TEST(connection_made_meanwhile_is_found)
{
	int client, file, server;
	uint64_t received = 0;

	begin(NULL);
	client = join();
	server = meet(target);
	if (only_pair()->phase != PHASE_CONNECTING) { /* as loopback does: as if it were not known yet */
		struct pair *pair = only_pair();

		flow_stop(&pair->client.from);
		flow_stop(&pair->target.from);
		pair->phase = PHASE_CONNECTING;
		pair->attempt_began = clock_ms();
		pair->attempt = pair->attempts = 0;
		pair->attempt_error = pair->wait_reason = 0;
		pair->sought_since = pair->born;
		event_assign(pair_event(&pair->target), base, pair->target.fd, EV_WRITE, NULL, NULL);
	}
	file = save_pairs(STATE_CARRY);
	lose_pairs(1);
	ck_assert_int_eq(restore_pairs(file, false), 0);
	ck_assert_int_eq(only_pair()->phase, PHASE_CONNECTING);
	ck_assert_uint_eq(loop_send(client, 0, 100), 100);
	assert_receives(server, &received, 100);
	ck_assert(pair_is_connected(only_pair()));
}
END_TEST

/* ---- all pairs together ---- */

START_TEST(no_limit_refuses_those_who_are_there)
{
	const union client_address here = {
	        .in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}}};
	struct origins *origins;
	int clients[3];

	begin(TEXTS("max_connections_per_source=3", "max_connections=3"));
	origins = relay->standing->origins;
	for (int i = 0; i < 3; i++) {
		clients[i] = join();
		meet(target);
	}
	slots_set_max(&slots, 1);
	slots_set_max(&relay->standing->slots, 1);
	origins_set_max(origins, 1);
	take_over();
	ck_assert_uint_eq(slots_used(&slots), 3);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 3);
	ck_assert_uint_eq(captured("closed pair"), 0);
	origins_set_max(origins, 3);
	ck_assert(!origins_enter(origins, &here, 64)); /* all three count */
	for (int i = 0; i < 3; i++)
		reset(clients[i]);
	LOOP_UNTIL(base, set.count == 0);
	slots_set_max(&slots, 0);
	ck_assert_uint_eq(slots_used(&slots), 0);
	origins_set_max(origins, 1);
	ck_assert(origins_enter(origins, &here, 64)); /* and none does now */
	origins_leave(origins, &here, 64);
}
END_TEST

/* Whatever the number of workers was before, and is now. */
START_TEST(new_pairs_have_new_numbers)
{
	static const unsigned workers[] = {1, 4, 3, 1};
	uint64_t last = 0;
	const struct pair *pair;
	int file;

	begin(NULL);
	for (size_t i = 0; i < 4; i++) {
		file = save_pairs(STATE_CARRY);
		lose_pairs(workers[i]);
		ck_assert_int_eq(restore_pairs(file, false), 0);
		for (int k = 0; k < 3; k++) {
			join();
			LIST_FOREACH (pair, &set.pairs, entry)
				if (pair != LIST_FIRST(&set.pairs))
					ck_assert_uint_ne(pair->id, LIST_FIRST(&set.pairs)->id);
			ck_assert_uint_gt(LIST_FIRST(&set.pairs)->id, last);
			last = LIST_FIRST(&set.pairs)->id;
		}
	}
	ck_assert_uint_eq(set.count, 12);
}
END_TEST

/* ---- what can go wrong ---- */

enum stage { STAGE_QUEUED, STAGE_CONNECTING, STAGE_HELD, STAGE_HEADER, STAGES };

/* A client of a pair with all that it can have there. *server: -1, or its target. */
static int come_to(enum stage stage, int *server)
{
	static const char header[] = "PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\r\n";
	const char *address = relays_address(stage == STAGE_QUEUED   ? target
	                                     : stage == STAGE_HELD   ? refusing()
	                                     : stage == STAGE_HEADER ? target
	                                                             : silent());
	size_t size = stage == STAGE_HEADER ? 10 : sizeof(header) - 1;
	int client;

	open_relay(TEXTS(address), TEXTS("accept_proxy=127.0.0.0/8", "send_proxy=v1", "retry_time=1m",
	                                 "splice=off", "high_watermark=16K", "low_watermark=8K", "min_rate=1",
	                                 "upload_rate=1G", "max_connections_per_source=9"));
	client = join();
	ck_assert_int_eq(send(client, header, size, MSG_NOSIGNAL), (ssize_t)size);
	*server = stage == STAGE_QUEUED ? meet_open(target) : -1;
	if (stage == STAGE_QUEUED) {
		fill(client, &only_pair()->client.from);
		fill(*server, &only_pair()->target.from);
	}
	LOOP_UNTIL(base, stage == STAGE_HELD         ? pair_is_held(only_pair())
	                 : stage == STAGE_CONNECTING ? only_pair()->phase == PHASE_CONNECTING
	                 : stage == STAGE_HEADER     ? only_pair()->arrival->size == 10
	                                             : only_pair()->client.pace != NULL);
	return client;
}

/* Whatever it gets before. */
static void assert_reset(int fd)
{
	char any[4096];
	ssize_t n = 0;

	LOOP_UNTIL(base, (n = recv(fd, any, sizeof(any), MSG_DONTWAIT)) == 0 || (n < 0 && errno != EAGAIN));
	ck_assert_int_lt(n, 0);
	ck_assert_int_eq(errno, ECONNRESET);
}

/* As when an event is removed that was never made. */
static void note_warning(int severity, const char *message)
{
	ck_abort_msg("libevent, %d: %s", severity, message);
}

/* True if that pair was lost for it. */
static bool is_lost(enum stage stage, size_t nth, bool of_libevent)
{
	int server, client = come_to(stage, &server), file = save_pairs(STATE_CARRY), error;
	const uint64_t *closed = relay->standing->tallies[0].counters.closed;

	ended = 0;
	restore_fails = of_libevent ? 0 : nth;
	restore_event_fails = of_libevent ? nth : 0;
	lose_pairs(1);
	event_set_log_callback(note_warning);
	error = restore_pairs(file, false);
	event_set_log_callback(NULL);
	restore_fails = restore_event_fails = 0;
	if (set.count == 1)
		return false;
	ck_assert_msg(error == -ENOMEM || (error == 0 && ended == 1), "%d, %s", error, restore_error);
	ck_assert_uint_eq(closed[REASON_OUT_OF_MEMORY], 1);
	ck_assert_uint_eq(slots_used(&slots), 0);
	ck_assert_uint_eq(budget_used(&budget), 0);
	ck_assert_uint_eq(set.paused, 0);
	ck_assert_uint_eq(set.rates.count + set.timers.count, 0);
	assert_reset(client);
	if (server >= 0)
		assert_reset(server);
	return true;
}

/* One pair is lost at most, and its peers see that. _i: stage, and who has no memory */
START_TEST(no_memory_costs_one_pair)
{
	/* Allocations without which there is no pair: ours, and libevent's. */
	static const unsigned least[STAGES][2] = {{14, 4}, {3, 0}, {3, 0}, {3, 0}};
	unsigned lost = 0, spared = 0;

	for (size_t nth = 1; spared < 5; nth++) {
		if (is_lost((enum stage)(_i / 2), nth, _i % 2))
			lost++;
		else
			spared++;
		teardown();
		setup();
		ck_assert_uint_lt(nth, 100);
	}
	ck_assert_uint_ge(lost, least[_i / 2][_i % 2]);
	begin(NULL);
}
END_TEST

static int restore_text(const char *text, bool rehearsal)
{
	int file = memfd_create("pairs", MFD_CLOEXEC);

	ck_assert_int_gt(
	        dprintf(file, "state format=1%s\npairs last_id=5\n%s", rehearsal ? " rehearsal=1" : "", text),
	        0);
	return restore_pairs(file, rehearsal);
}

/* Each is a pair that has no socket 900, and more that is wrong. */
START_TEST(what_cannot_be_a_pair_fails_a_rehearsal)
{
	static const char *const wrong[] = {
	        "pair id=1 phase=9 client_fd=900 relay=command-line\nseeking\n",
	        "pair id=1 phase=2 client_fd=900 relay=command-line\nseeking\n",
	        "pair id=1 phase=1 relay=command-line\nseeking\n",
	        "pair id=1 phase=1 client_fd=900 relay=other\nseeking\n",
	        "pair id=1 phase=1 client_fd=900 generation=7 relay=command-line\nseeking\n",
	        "pair id=1 phase=0 client_fd=900 relay=command-line\nseeking\n",
	        "pair id=1 phase=1 client_fd=900 target_fd=901 relay=command-line\nseeking\n",
	        "pair id=1 phase=5 client_fd=900 relay=command-line\nseeking\n",
	        "pair id=1 phase=6 client_fd=900 target_fd=901 relay=command-line\nwaits\nflow\nflow\n",
	        "pair id=1 phase=5 client_fd=900 target_fd=901 relay=command-line\nchoice target=nobody "
	        "endpoint=127.0.0.1:1\nseeking\n",
	        "pair id=1 phase=1 client_fd=900 relay=command-line\narrival +bytes=5\nhello\n",
	        "pair id=1 phase=1 client_fd=900 relay=command-line\n",
	        "pair id=1 phase=1 client_fd=900 relay=command-line\nseeking\npair id=2 phase=1 "
	        "client_fd=900 relay=command-line\nseeking\n",
	};

	begin(NULL);
	ck_assert_msg(restore_text("pair id=1 phase=1 client_fd=900 relay=command-line new=1\nseeking\n",
	                           true) == 0,
	              "%s", restore_error);
	ck_assert_str_eq(restore_error, "");
	end_rehearsal();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_msg(restore_text(wrong[i], true) == -EPROTO, "%s", wrong[i]);
		ck_assert_str_ne(restore_error, "");
		end_rehearsal();
	}
	ck_assert_uint_eq(captured("closed pair"), 0);
}
END_TEST

/* Then the rest of the pairs are what counts. */
START_TEST(pair_that_is_wrong_costs_itself)
{
	int ends[3][2];
	char text[600];

	begin(NULL);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends[i]), 0);
		keep(ends[i][1]);
		fcntl(ends[i][1], F_SETFD, FD_CLOEXEC);
	}
	snprintf(text, sizeof(text),
	         "pair id=1 phase=1 client_fd=%d relay=gone\nseeking\nnews x=1\n"
	         "pair id=2 phase=2 client_fd=%d relay=command-line\nseeking\n"
	         "pair id=3 phase=1 client_fd=%d relay=command-line\nseeking\n",
	         ends[0][0], ends[1][0], ends[2][0]);
	ck_assert_int_eq(restore_text(text, false), -EPROTO);
	ck_assert_uint_eq(set.count, 1);
	ck_assert_uint_eq(only_pair()->id, 3);
	ck_assert_uint_eq(captured("closed pair=2 "), 1);
	ck_assert_uint_eq(captured("reason=internal"), 1);
	ck_assert_uint_eq(ended, 1);
	ck_assert_int_eq(recv(ends[0][1], text, 1, 0), 0);
	ck_assert_int_eq(recv(ends[1][1], text, 1, 0), 0);
	ck_assert_int_eq(recv(ends[2][1], text, 1, 0), -1);
}
END_TEST

START_TEST(rehearsal_needs_no_descriptor)
{
	int client, server, file, inherited[2];
	uint64_t queued, used;

	begin(forms[_i]);
	client = join();
	server = meet_open(target);
	(void)server;
	fill(client, &only_pair()->client.from);
	queued = only_pair()->client.from.queued;
	used = budget_used(&budget);
	inherited[0] = only_pair()->client.fd;
	inherited[1] = only_pair()->target.fd;
	file = save_pairs(STATE_REHEARSE);
	ck_assert_int_lt(lseek(file, 0, SEEK_END), 2000);
	ck_assert_int_eq(set.count, 1); /* it goes on: only for the test it does not */
	lose_pairs(1);
	ck_assert_int_eq(restore_pairs(file, true), 0);
	ck_assert_uint_eq(only_pair()->client.from.queued, queued);
	ck_assert_uint_eq(budget_used(&budget), used);
	ck_assert_uint_eq(captured("closed pair"), 0);
	close(inherited[0]);
	close(inherited[1]);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *suite = suite_create("pair_state");
	TCase *tcase = make_case("state");

	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, each_field_of_a_connected_pair_comes_back);
	tcase_add_test(tcase, each_field_of_a_seeking_pair_comes_back);
	tcase_add_test(tcase, open_pair_goes_on_as_if_nothing_had_happened);
	tcase_add_loop_test(tcase, bytes_are_moved_while_programs_take_over, 0, FORMS);
	tcase_add_loop_test(tcase, paused_flows_stay_paused, 0, 3);
	tcase_add_test(tcase, failing_pair_delivers_what_it_has);
	tcase_add_test(tcase, ending_pair_waits_for_the_acknowledgement);
	tcase_add_test(tcase, pace_of_a_sink_goes_on);
	tcase_add_test(tcase, header_is_taken_in_parts);
	tcase_add_test(tcase, told_header_reaches_a_target_that_is_connected_later);
	tcase_add_test(tcase, silent_client_gets_a_target_when_it_speaks);
	tcase_add_test(tcase, postponed_attempt_is_made);
	tcase_add_test(tcase, held_clients_stay_in_line);
	tcase_add_test(tcase, retry_time_goes_on);
	tcase_add_test(tcase, attempt_under_way_goes_on);
	tcase_add_test(tcase, tried_addresses_are_not_tried_again);
	tcase_add_test(tcase, connection_made_meanwhile_is_found);
	tcase_add_test(tcase, no_limit_refuses_those_who_are_there);
	tcase_add_test(tcase, new_pairs_have_new_numbers);
	tcase_add_loop_test(tcase, no_memory_costs_one_pair, 0, 2 * STAGES);
	tcase_add_test(tcase, what_cannot_be_a_pair_fails_a_rehearsal);
	tcase_add_test(tcase, pair_that_is_wrong_costs_itself);
	tcase_add_loop_test(tcase, rehearsal_needs_no_descriptor, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}

int main(void)
{
	return unit_run(make_suite());
}
