/* Clients that allow and deny keep out, where they are accepted. */
#include "build_config.h"

#include "unit.h"
#include "worker/accepting_stage.h"

static struct relay *relay;
static int gate;
static struct counters *counters;
static unsigned fds_before;

static void setup(void)
{
	capture_begin();
	fds_before = relays_count_fds();
	accepting_begin();
}

static void teardown(void)
{
	accepting_stop();
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	relays_free(relay);
	accepting_end();
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

static struct acceptor *accept_clients(void)
{
	const struct acceptor_post post = {.relay = relay, .entrance = relay->entrances.list[0]};

	return acceptor_new(&acceptors, &post, 0);
}

static void begin(const char *const *listen_at, const char *const *options)
{
	relay = relays_new(listen_at, TEXTS(relays_address(target)), options, NULL, 1);
	ck_assert_int_eq(relays_listen(relay), 0);
	gate = entrance_fd(relay->entrances.list[0], 0);
	counters = &relay->standing->tallies[0].counters;
	ck_assert_ptr_nonnull(accept_clients());
}

/* A client of 127.0.0.last. */
static int knock_from(uint8_t last)
{
	struct endpoint to = {.length = sizeof(to.in)};
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = {htonl(0x7f000000U + last)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_uint_lt(client_count, CLIENTS_MAX);
	ck_assert_int_eq(getsockname(gate, &to.any, &to.length), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(connect(fd, &to.any, to.length), 0);
	loop_nonblocking(fd);
	client[client_count++] = fd;
	return fd;
}

static bool is_reset(int fd)
{
	uint64_t received = 0;

	return loop_receive(fd, &received, 1) == LOOP_RST;
}

START_TEST(denied_client_is_reset_and_counted)
{
	int denied, allowed;

	begin(LISTEN, TEXTS("allow=127.0.0.0/8", "deny=127.0.0.7"));
	denied = knock_from(7);
	allowed = knock_from(8);
	LOOP_UNTIL(base, set.count == 1);
	LOOP_UNTIL(base, is_reset(denied));
	ck_assert(!is_reset(allowed));
	ck_assert_uint_eq(slots_used(&slots), 1);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
	ck_assert_uint_eq(counters->accepted, 2);
	ck_assert_uint_eq(counters->closed[REASON_DENIED], 1);
	ck_assert_uint_eq(counters->refused, 0);
	ck_assert_uint_eq(captured("relay command-line: clients are denied, the first is 127.0.0.7:"), 1);
	ck_assert_uint_eq(captured("denied"), 1);
}
END_TEST

/* Others on the same base get their turn after a batch, and a client among them his place. */
START_TEST(flood_of_denied_clients_holds_up_nobody)
{
	begin(LISTEN, TEXTS("deny=127.0.0.7", "defaults.max_connections=2"));
	for (int i = 0; i < 100; i++)
		knock_from(7);
	knock_from(8);
	event_base_loop(base, EVLOOP_ONCE);
	ck_assert_uint_gt(counters->closed[REASON_DENIED], 0);
	ck_assert_uint_lt(counters->closed[REASON_DENIED], 100);
	LOOP_UNTIL(base, set.count == 1);
	ck_assert_uint_eq(counters->closed[REASON_DENIED], 100);
	ck_assert_uint_eq(captured("denied"), 1);
	ck_assert_uint_eq(captured("max_connections"), 0);
}
END_TEST

/* Nobody is accepted at a limit, so who is denied waits there like all others, and costs nothing. */
START_TEST(denied_client_waits_at_a_limit)
{
	size_t first;
	int denied;

	begin(LISTEN, TEXTS("deny=127.0.0.7", "defaults.max_connections=1"));
	knock_from(8);
	first = client_count - 1;
	LOOP_UNTIL(base, set.count == 1);
	denied = knock_from(7);
	knock_from(8);
	ck_assert_uint_le(loop_passes_in(base, 100), 4);
	ck_assert_uint_eq(counters->closed[REASON_DENIED], 0);
	loop_reset(client[first]);
	client[first] = -1;
	LOOP_UNTIL(base, counters->accepted == 3);
	ck_assert_uint_eq(counters->closed[REASON_DENIED], 1);
	ck_assert_uint_eq(set.count, 1);
	LOOP_UNTIL(base, is_reset(denied));
}
END_TEST

/* The slot that it had for a moment is told to whoever waits for one. */
START_TEST(place_of_a_denied_client_is_passed_on)
{
	struct acceptor *other;

	begin(LISTEN, TEXTS("deny=127.0.0.7"));
	slots.max = 1;
	ck_assert(slots_take(&slots));
	other = accept_clients();
	ck_assert_ptr_nonnull(other);
	knock_from(7);
	LOOP_UNTIL(base, slots.waiting == 2);
	slots_give(&slots);
	LOOP_UNTIL(base, counters->closed[REASON_DENIED] == 1);
	knock_from(8);
	LOOP_UNTIL(base, set.count == 1);
}
END_TEST

/* All are told when it is over, and another generation is not held up by one that was told. */
START_TEST(denied_clients_are_counted_in_the_end)
{
	begin(LISTEN, TEXTS("deny=127.0.0.7"));
	for (int i = 0; i < 3; i++)
		knock_from(7);
	LOOP_UNTIL(base, counters->closed[REASON_DENIED] == 3);
	ck_assert_ptr_eq(relay->standing->tallies[0].owner, relay);
	relay->standing->denials.last -= 9500;
	ck_assert_uint_eq(captured("any more"), 0);
	LOOP_UNTIL(base, captured("relay command-line: no client is denied any more, after 3") == 1);
	ck_assert_ptr_null(relay->standing->tallies[0].owner);
	knock_from(7);
	LOOP_UNTIL(base, counters->closed[REASON_DENIED] == 4);
	ck_assert_ptr_eq(relay->standing->tallies[0].owner, relay); /* teardown lets go of it */
}
END_TEST

/* After a reload, a flood that goes on would hold the generation before it for ever. */
START_TEST(denied_client_lets_go_of_an_earlier_generation)
{
	const union client_address someone = {.any = {.sa_family = AF_UNIX}};
	struct generation *next;
	struct tally *tally;

	begin(LISTEN, TEXTS("deny=127.0.0.7"));
	tally = &relay->standing->tallies[0];
	next = generation_new(relay->generation->config, relay->standing->standings, NULL, NULL);
	ck_assert_ptr_nonnull(next);
	pair_note_denied(&set, relay, &someone);
	ck_assert_ptr_eq(tally->owner, relay);
	pair_note_denied(&set, next->relays[0], &someone);
	ck_assert_ptr_eq(tally->owner, next->relays[0]);
	ck_assert_uint_eq(tally->counters.closed[REASON_DENIED], 2);
	generation_put(next);
	pair_note_denied(&set, relay, &someone);
	ck_assert_ptr_eq(tally->owner, relay);
}
END_TEST

/* One that was accepted before it had a place. */
START_TEST(denied_client_of_a_closing_unix_entrance)
{
	char name[64];
	int denied;

	snprintf(name, sizeof(name), "unix:@weir-test-denied-%d", (int)getpid());
	begin(TEXTS(name), TEXTS("allow=10.0.0.0/8", "defaults.max_connections=1"));
	ck_assert(slots_take(&relay->standing->slots));
	denied = relays_connect(gate);
	client[client_count++] = denied;
	LOOP_UNTIL(base, relay->standing->slots.waiting == 1);
	entrance_shut_out(relay->entrances.list[0]);
	acceptor_drain(LIST_FIRST(&acceptors.list));
	loop_passes_in(base, 20);
	ck_assert_uint_eq(drained, 0);
	slots_give(&relay->standing->slots);
	LOOP_UNTIL(base, drained == 1);
	ck_assert_uint_eq(counters->closed[REASON_DENIED], 1);
	ck_assert_uint_eq(set.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("denied");
	TCase *tcase = tcase_create("denied");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, denied_client_is_reset_and_counted);
	tcase_add_test(tcase, flood_of_denied_clients_holds_up_nobody);
	tcase_add_test(tcase, denied_client_waits_at_a_limit);
	tcase_add_test(tcase, place_of_a_denied_client_is_passed_on);
	tcase_add_test(tcase, denied_clients_are_counted_in_the_end);
	tcase_add_test(tcase, denied_client_lets_go_of_an_earlier_generation);
	tcase_add_test(tcase, denied_client_of_a_closing_unix_entrance);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
