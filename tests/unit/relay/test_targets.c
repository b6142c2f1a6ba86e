/* Which address a pair tries next. */
#include "build_config.h"

#include "relay/loops.h"
#include "relay/relay_stage.h"

#include <arpa/inet.h>

static void assert_choice(uint64_t start, unsigned attempt, const char *expected)
{
	struct target_choice choice = {.list = NULL};
	char text[ADDRESS_TEXT_MAX];

	ck_assert_int_eq(targets_choose(relay->targets, start, attempt, &choice), 0);
	ck_assert_str_eq(endpoint_format(&choice.endpoint->any, choice.endpoint->length, text), expected);
	target_choice_deinit(&choice);
	ck_assert_ptr_null(choice.endpoint);
}

START_TEST(turns_count_up)
{
	begin(TEXTS("127.0.0.1:1"), NULL);
	for (uint64_t start = 0; start < 5; start++)
		ck_assert_uint_eq(targets_next_start(relay->targets), start);
}
END_TEST

START_TEST(targets_are_chosen_in_turn)
{
	begin(TEXTS("127.0.0.1:1", "[::1]:2", "unix:/run/three"), NULL);
	assert_choice(0, 0, "127.0.0.1:1");
	assert_choice(0, 1, "[::1]:2");
	assert_choice(0, 2, "unix:/run/three");
	assert_choice(1, 0, "[::1]:2");
	assert_choice(2, 0, "unix:/run/three");
	assert_choice(3, 0, "127.0.0.1:1");
	ck_assert_uint_eq(targets_attempts(relay->targets), 3);
}
END_TEST

START_TEST(addresses_of_a_name_are_chosen_in_turn)
{
	begin(TEXTS("three.example:80"), NULL);
	assert_choice(0, 0, "10.0.0.1:80");
	assert_choice(0, 1, "10.0.0.2:80");
	assert_choice(0, 2, "10.0.0.3:80");
	assert_choice(1, 0, "10.0.0.2:80");
	assert_choice(3, 0, "10.0.0.1:80");
	ck_assert_uint_eq(targets_attempts(relay->targets), 3);
}
END_TEST

START_TEST(targets_take_turns_before_their_addresses_do)
{
	begin(TEXTS("three.example:80", "one.example:81"), TEXTS("connect_attempts=10"));
	assert_choice(0, 0, "10.0.0.1:80");
	assert_choice(0, 1, "10.1.0.1:81");
	assert_choice(0, 2, "10.0.0.2:80");
	ck_assert_uint_eq(targets_attempts(relay->targets), 4);
}
END_TEST

/* What targets.h says of targets_attempts: "no address twice". _i is where the attempts start. */
START_TEST(no_address_is_tried_twice)
{
	struct in_addr seen[4];
	unsigned attempts;

	begin(TEXTS("three.example:80", "one.example:81"), TEXTS("connect_attempts=10"));
	attempts = targets_attempts(relay->targets);
	ck_assert_uint_eq(attempts, 4);
	for (unsigned i = 0; i < attempts; i++) {
		struct target_choice choice = {.list = NULL};

		ck_assert_int_eq(targets_choose(relay->targets, (uint64_t)_i, i, &choice), 0);
		seen[i] = choice.endpoint->in.sin_addr;
		target_choice_deinit(&choice);
		for (unsigned j = 0; j < i; j++)
			ck_assert_msg(seen[i].s_addr != seen[j].s_addr, "attempts %u and %u try %s", j, i,
			              inet_ntoa(seen[i]));
	}
}
END_TEST

START_TEST(attempts_are_limited)
{
	begin(TEXTS("three.example:80", "127.0.0.1:1"), TEXTS("connect_attempts=2"));
	ck_assert_uint_eq(targets_attempts(relay->targets), 2);
}
END_TEST

START_TEST(name_without_address)
{
	struct target_choice choice = {.list = NULL};

	begin(TEXTS("gone.example:80"), NULL);
	ck_assert_uint_eq(targets_attempts(relay->targets), 1); /* one, to report that there is no address */
	ck_assert_int_eq(targets_choose(relay->targets, 0, 0, &choice), -EDESTADDRREQ);
	ck_assert_ptr_null(choice.endpoint);
	targets_note_attempt(relay->targets, &choice, -EDESTADDRREQ);
	target_choice_deinit(&choice);
	ck_assert_uint_eq(captured("cannot connect to target gone.example:80: no address yet"), 1);
}
END_TEST

/* Then a client waits, rather than being reset. */
START_TEST(name_that_is_not_known_yet)
{
	relay = relays_new(LISTEN, TEXTS("three.example:80"), NULL, resolver, 1);
	ck_assert_uint_eq(targets_attempts(relay->targets), 0);
	resolve(relay);
	ck_assert_uint_eq(targets_attempts(relay->targets), 3);
	relays_free(relay);
	relay = relays_new(LISTEN, TEXTS("gone.example:80", "127.0.0.1:1"), NULL, resolver, 1);
	ck_assert_uint_eq(targets_attempts(relay->targets), 1); /* there is something to try */
}
END_TEST

START_TEST(choice_outlives_relay_and_resolver)
{
	struct target_choice choice = {.list = NULL};
	char text[ADDRESS_TEXT_MAX];

	begin(TEXTS("one.example:81"), NULL);
	ck_assert_int_eq(targets_choose(relay->targets, 0, 0, &choice), 0);
	relays_free(relay);
	resolver_free(resolver);
	relay = NULL;
	resolver = NULL;
	endpoint_format(&choice.endpoint->any, choice.endpoint->length, text);
	ck_assert_str_eq(text, "10.1.0.1:81");
	target_choice_deinit(&choice);
}
END_TEST

static struct loops *loops;

/* Opens a relay that listens on listen. "moving.example" leads to address, at the port of that entrance. */
static void move_to(const char *listen, const char *address)
{
	struct address parsed;

	ck_assert_int_eq(address_parse(address, &parsed), 0);
	moving = parsed.endpoint;
	address_deinit(&parsed);
	relay = relays_new(TEXTS("unix:@weir-test-relay-back", listen), TEXTS("moving.example:1"), NULL,
	                   resolver, 2);
	ck_assert_int_eq(relays_listen(relay), 0);
	/* IPv4 and IPv6 have the port in the same place. */
	relay->entrances.list[1]->endpoint.in.sin_port = htons(1);
	loops = loops_new(&relay, 1);
	resolve(relay);
}

static void teardown_loops(void)
{
	loops_free(loops);
	teardown();
}

static int choose_only(void)
{
	struct target_choice choice = {.list = NULL};
	int error = targets_choose(relay->targets, 0, 0, &choice);

	targets_note_attempt(relay->targets, &choice, error);
	target_choice_deinit(&choice);
	return error;
}

static const struct {
	const char *listen, *address;
	bool back;
} ways[] = {
        {"127.0.0.1:0", "127.0.0.1:0", true},  {"127.0.0.1:0", "127.0.0.2:0", false},
        {"127.0.0.1:0", "0.0.0.0:0", true},    {"127.0.0.1:0", "[::ffff:127.0.0.1]:0", true},
        {"127.0.0.1:0", "[::1]:0", false},     {"127.0.0.1:0", "192.0.2.1:0", false},
        {"[::1]:0", "[::]:0", true},           {"[::1]:0", "127.0.0.1:0", false},
        {"0.0.0.0:0", "127.0.0.2:0", true},    {"0.0.0.0:0", "[::ffff:127.0.0.2]:0", true},
        {"0.0.0.0:0", "[::1]:0", false},       {"0.0.0.0:0", "192.0.2.1:0", false},
        {"[::]:0", "[::1]:0", true},           {"[::]:0", "127.0.0.1:0", false},
        {"*:0", "127.0.0.1:0", true},          {"*:0", "[::1]:0", true},
        {"*:0", "[::ffff:127.0.0.1]:0", true}, {"*:0", "[::ffff:192.0.2.1]:0", false},
        {"*:0", "192.0.2.1:0", false},         {"*:0", "[2001:db8::1]:0", false},
};
#define WAYS (int)(sizeof(ways) / sizeof(ways[0]))

/* The relay used to connect to itself again and again, until that took every slot. */
START_TEST(target_that_leads_back_is_not_connected)
{
	move_to(ways[_i].listen, ways[_i].address);
	ck_assert_int_eq(choose_only(), ways[_i].back ? -EDEADLK : 0);
	ck_assert_uint_eq(captured("cannot connect to target moving.example:1: it leads back to this relay"),
	                  ways[_i].back);
}
END_TEST

START_TEST(another_port_does_not_lead_back)
{
	move_to("*:0", "127.0.0.1:0");
	relay->entrances.list[1]->endpoint.in6.sin6_port ^= 1;
	loops_free(loops);
	loops = loops_new(&relay, 1);
	ck_assert_int_eq(choose_only(), 0);
}
END_TEST

/* For pairs that still connect while the daemon drains. */
START_TEST(closed_addresses_are_remembered)
{
	move_to("127.0.0.1:0", "127.0.0.1:0");
	entrance_close(relay->entrances.list[1]);
	ck_assert_int_eq(choose_only(), -EDEADLK);
}
END_TEST

START_TEST(trouble_with_a_target_is_logged_once)
{
	struct target_choice choice = {.target = 1};

	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2"), NULL);
	targets_note_attempt(relay->targets, &choice, 0);
	ck_assert_uint_eq(captured("127.0.0.1"), 0);
	for (int i = 0; i < 5; i++)
		targets_note_attempt(relay->targets, &choice, -ECONNREFUSED);
	ck_assert_uint_eq(captured("cannot connect to target 127.0.0.1:2: Connection refused"), 1);
	choice.target = 0;
	targets_note_attempt(relay->targets, &choice, -ETIMEDOUT);
	ck_assert_uint_eq(captured("cannot connect to target 127.0.0.1:1"), 1);
	choice.target = 1;
	for (int i = 0; i < 5; i++)
		targets_note_attempt(relay->targets, &choice, 0);
	ck_assert_uint_eq(captured("connected to target 127.0.0.1:2 again"), 1);
	/* it fails again at once: not within ten seconds of the last line */
	targets_note_attempt(relay->targets, &choice, -ECONNREFUSED);
	targets_note_attempt(relay->targets, &choice, 0);
	ck_assert_uint_eq(captured("127.0.0.1"), 3);
}
END_TEST

/* Notes how attempt number attempt of a client that starts at start went. */
static void attempt(uint64_t start, unsigned number, int error)
{
	struct target_choice choice = {.list = NULL};

	ck_assert_int_eq(targets_choose(relay->targets, start, number, &choice), 0);
	targets_note_attempt(relay->targets, &choice, error);
	target_choice_deinit(&choice);
}

/*
 * A name with ::1 and 127.0.0.1, and a service on one of them. Every client was served, but the log said that
 * it could not be connected, and again that it could, every ten seconds.
 */
START_TEST(target_with_an_address_left_is_not_in_trouble)
{
	begin(TEXTS("three.example:80"), NULL);
	for (int i = 0; i < 5; i++) {
		attempt(0, 0, -ECONNREFUSED);
		attempt(0, 0, -ECONNREFUSED); /* another client, at the same time */
		attempt(0, 1, -ECONNREFUSED);
		attempt(0, 2, 0);
	}
	ck_assert_uint_eq(captured("three.example"), 0);
}
END_TEST

START_TEST(target_is_in_trouble_when_all_its_addresses_are)
{
	begin(TEXTS("three.example:80"), NULL);
	attempt(0, 0, -ECONNREFUSED);
	attempt(0, 2, -ECONNREFUSED);
	ck_assert_uint_eq(captured("three.example"), 0);
	attempt(0, 1, -ETIMEDOUT);
	ck_assert_uint_eq(captured("cannot connect to target three.example:80: Connection timed out"), 1);
	attempt(0, 1, 0);
	ck_assert_uint_eq(captured("connected to target three.example:80 again"), 1);
}
END_TEST

/* With connect_attempts = 1, say. */
START_TEST(client_that_is_not_served_is_trouble)
{
	struct target_choice choice = {.list = NULL};

	begin(TEXTS("three.example:80"), NULL);
	ck_assert_int_eq(targets_choose(relay->targets, 0, 0, &choice), 0);
	targets_note_attempt(relay->targets, &choice, -ECONNREFUSED);
	ck_assert_uint_eq(captured("three.example"), 0);
	targets_note_unserved(relay->targets, &choice, -EMFILE); /* which is not the target's */
	ck_assert_uint_eq(captured("three.example"), 0);
	targets_note_unserved(relay->targets, &choice, -ECONNREFUSED);
	ck_assert_uint_eq(captured("cannot connect to target three.example:80: Connection refused"), 1);
	target_choice_deinit(&choice);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("targets");
	TCase *tcase = tcase_create("targets");

	tcase_add_checked_fixture(tcase, setup, teardown_loops);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, turns_count_up);
	tcase_add_test(tcase, targets_are_chosen_in_turn);
	tcase_add_test(tcase, addresses_of_a_name_are_chosen_in_turn);
	tcase_add_test(tcase, targets_take_turns_before_their_addresses_do);
	tcase_add_loop_test(tcase, no_address_is_tried_twice, 0, 4);
	tcase_add_test(tcase, attempts_are_limited);
	tcase_add_test(tcase, name_without_address);
	tcase_add_test(tcase, name_that_is_not_known_yet);
	tcase_add_test(tcase, choice_outlives_relay_and_resolver);
	tcase_add_loop_test(tcase, target_that_leads_back_is_not_connected, 0, WAYS);
	tcase_add_test(tcase, another_port_does_not_lead_back);
	tcase_add_test(tcase, closed_addresses_are_remembered);
	tcase_add_test(tcase, trouble_with_a_target_is_logged_once);
	tcase_add_test(tcase, target_with_an_address_left_is_not_in_trouble);
	tcase_add_test(tcase, target_is_in_trouble_when_all_its_addresses_are);
	tcase_add_test(tcase, client_that_is_not_served_is_trouble);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
