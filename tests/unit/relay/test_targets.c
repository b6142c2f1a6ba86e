/* Which address a pair tries next. */
#include "build_config.h"

#include "base/clock.h"
#include "relay/loops.h"
#include "relay/relay_stage.h"

#include <arpa/inet.h>
#include <errno.h>

/* A client of one origin, 192.0.2.x or so. */
static union client_address from(uint32_t number, uint16_t port)
{
	union client_address client = {.in = {.sin_family = AF_INET, .sin_port = htons(port)}};

	client.in.sin_addr.s_addr = htonl(0xc0000200 + number);
	return client;
}

static const union client_address anyone = {.in = {.sin_family = AF_INET}};

static const char *text_of(const struct target_choice *choice)
{
	static char text[ADDRESS_TEXT_MAX];
	const struct endpoint *endpoint = health_endpoint(choice->health);

	return endpoint_format(&endpoint->any, endpoint->length, text);
}

/* Chooses for a client that has tried those. Its attempt goes on. */
static struct target_choice choose(const struct tried *tried)
{
	struct target_choice choice;

	ck_assert_int_eq(targets_choose(relay->targets, &anyone, 0, tried, &choice), 0);
	return choice;
}

static void assert_none(const struct tried *tried, int error)
{
	struct target_choice choice;

	ck_assert_int_eq(targets_choose(relay->targets, &anyone, 0, tried, &choice), error);
	ck_assert_ptr_null(choice.health);
	target_choice_deinit(&choice);
}

/* The next client's attempt ends like that. */
static void attempt(const char *expected, int error)
{
	struct target_choice choice = choose(NULL);

	if (expected)
		ck_assert_str_eq(text_of(&choice), expected);
	targets_note_attempt(relay->targets, &choice, error);
	target_choice_deinit(&choice);
}

static void find_health(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	(void)target;
	(void)backup;
	if (health && endpoint_port(health_endpoint(health)) == *(uint16_t *)arg)
		targets_note_attempt(relay->targets, &(struct target_choice){.health = health},
		                     -ECONNREFUSED);
}

/* All addresses with this port are refused until they are down. */
static void take_down(uint16_t port)
{
	for (int i = 0; i < 3; i++)
		targets_each_health(relay->targets, find_health, &port);
	poll(NULL, 0, 2); /* the next one is down for less long */
}

/* What clients would get, by port or, without one, by the last byte of the address. */
#define PLACES 256
static unsigned got[PLACES];

static unsigned place_of(const struct target_choice *choice)
{
	const struct endpoint *endpoint = health_endpoint(choice->health);
	uint16_t port = endpoint_port(endpoint);

	return port == 80 ? ntohl(endpoint->in.sin_addr.s_addr) & 0xff : port;
}

static void serve(unsigned clients)
{
	memset(got, 0, sizeof(got));
	for (unsigned i = 0; i < clients; i++) {
		struct target_choice choice = choose(NULL);

		got[place_of(&choice)]++;
		targets_note_attempt(relay->targets, &choice, 0);
		target_choice_deinit(&choice);
	}
}

START_TEST(targets_are_chosen_in_turn)
{
	begin(TEXTS("127.0.0.1:1", "[::1]:2", "unix:/run/three"), NULL);
	for (int i = 0; i < 3; i++) {
		attempt("127.0.0.1:1", 0);
		attempt("[::1]:2", 0);
		attempt("unix:/run/three", 0);
	}
}
END_TEST

static void begin_range(const char *const *list, const char *const *options)
{
	relay = relays_new(TEXTS("127.0.0.1:1-9"), list, options, resolver, 2);
	resolve(relay);
}

static struct target_choice choose_at(uint16_t place)
{
	struct target_choice choice;

	ck_assert_int_eq(targets_choose(relay->targets, &anyone, place, NULL, &choice), 0);
	return choice;
}

/* The place of a client is nothing to a target with one port. */
START_TEST(place_is_added_to_the_port_of_a_range)
{
	static const unsigned ports[] = {15, 20, 15, 20};

	begin_range(TEXTS("127.0.0.1:10-18", "127.0.0.1:20"), NULL);
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		struct target_choice choice = choose_at(5);
		struct endpoint endpoint = target_choice_endpoint(&choice);

		ck_assert_uint_eq(endpoint_port(&endpoint), ports[i]);
		ck_assert_uint_eq(choice.place, ports[i] == 15 ? 5 : 0);
		target_choice_deinit(&choice);
	}
}
END_TEST

/* Nobody listens on one port. Of any other failure it is known that it is the host's. */
START_TEST(refused_port_of_a_range_is_no_failure)
{
	const struct {
		int error;
		bool up;
	} failures[] = {
	        {-ECONNREFUSED, true}, {-ECONNREFUSED, true}, {-ETIMEDOUT, false}, {-ECONNREFUSED, false}};

	begin_range(TEXTS("127.0.0.1:10-18"), TEXTS("fail_limit=1", "fail_time=1ms"));
	for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++) {
		struct target_choice choice = choose_at(5);

		targets_note_attempt(relay->targets, &choice, failures[i].error);
		ck_assert_int_eq(health_is_up(choice.health), failures[i].up);
		target_choice_deinit(&choice);
		poll(NULL, 0, 2);
	}
	attempt("127.0.0.1:10", 0); /* whoever tried it has ended, so the next one tries */
	attempt("127.0.0.1:10", -ECONNRESET);
}
END_TEST

START_TEST(targets_are_chosen_by_weight)
{
	begin(TEXTS("127.0.0.1:1 weight=3", "127.0.0.1:2", "127.0.0.1:3 weight=6"), NULL);
	serve(1000);
	ck_assert(got[1] == 300 && got[2] == 100 && got[3] == 600);
}
END_TEST

/* It counts once, however many addresses it has. */
START_TEST(addresses_of_a_name_share_its_turns)
{
	begin(TEXTS("three.example:80", "127.0.0.1:7"), NULL);
	serve(600);
	ck_assert(got[7] == 300 && got[1] == 100 && got[2] == 100 && got[3] == 100);
}
END_TEST

/* One whose addresses are down in part keeps its weight. _i: 1 to 3, the one that is down. */
START_TEST(target_with_an_address_left_is_up)
{
	struct target_choice choice = {.health = NULL};
	unsigned down = (unsigned)_i;

	begin(TEXTS("three.example:80", "127.0.0.1:7"), TEXTS("fail_limit=1"));
	do {
		target_choice_deinit(&choice);
		choice = choose(NULL);
	} while (place_of(&choice) != down);
	targets_note_attempt(relay->targets, &choice, -ETIMEDOUT);
	target_choice_deinit(&choice);
	serve(600);
	ck_assert(got[down] == 0 && got[7] >= 299 && got[7] <= 301);
	ck_assert(got[1 + down % 3] >= 149 && got[1 + down % 3] <= 151);
}
END_TEST

/* The second of three targets used to get all that the first did not. */
START_TEST(what_a_client_did_not_get_goes_to_the_others_evenly)
{
	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), TEXTS("fail_limit=0"));
	memset(got, 0, sizeof(got));
	for (int i = 0; i < 600; i++) {
		struct tried *tried = NULL;
		struct target_choice choice = choose(NULL);

		while (place_of(&choice) == 1) {
			targets_note_attempt(relay->targets, &choice, -ECONNREFUSED);
			ck_assert_int_eq(tried_add(&tried, choice.health), 0);
			target_choice_deinit(&choice);
			choice = choose(tried);
		}
		got[place_of(&choice)]++;
		target_choice_deinit(&choice);
		tried_forget(&tried);
	}
	ck_assert_msg(got[2] >= 298 && got[2] <= 302, "%u and %u", got[2], got[3]);
}
END_TEST

/* _i: whether all are up */
START_TEST(no_address_is_tried_twice)
{
	struct tried *tried = NULL;

	begin_with("target = three.example:80\n"
	           "target = one.example:81\n"
	           "target = 127.0.0.1:2\n"
	           "backup_target = 127.0.0.1:4\n");
	if (!_i)
		for (uint16_t port = 2; port <= 81; port++)
			take_down(port);
	for (int i = 0; i < 6; i++) {
		struct target_choice choice = choose(tried);

		ck_assert(!tried_has(tried, choice.health));
		ck_assert(!_i || (place_of(&choice) == 4) == (i == 5)); /* the backup comes last */
		ck_assert_int_eq(targets_have_other(relay->targets, tried, &choice), _i && i < 5);
		ck_assert_int_eq(tried_add(&tried, choice.health), 0);
		target_choice_deinit(&choice);
	}
	assert_none(tried, -ENOENT);
	tried_forget(&tried);
	ck_assert_ptr_null(tried);
}
END_TEST

START_TEST(backup_is_chosen_when_no_target_is_up)
{
	begin_with("target = 127.0.0.1:1\n"
	           "target = 127.0.0.1:2\n"
	           "backup_target = 127.0.0.1:3\n"
	           "backup_target = 127.0.0.1:4 weight=3\n");
	serve(100);
	ck_assert(got[1] == 50 && got[2] == 50);
	take_down(1);
	serve(100);
	ck_assert(got[2] == 100);
	take_down(2);
	serve(100);
	ck_assert(got[3] == 25 && got[4] == 75);
	take_down(4);
	serve(100);
	ck_assert(got[3] == 100);
}
END_TEST

START_TEST(when_all_are_down_the_one_that_is_for_longest_comes_first)
{
	static const uint16_t order[] = {2, 4, 1, 3};
	struct tried *tried = NULL;

	begin_with("target = 127.0.0.1:1\n"
	           "target = 127.0.0.1:2\n"
	           "backup_target = 127.0.0.1:3\n"
	           "backup_target = 127.0.0.1:4\n");
	for (int i = 0; i < 4; i++)
		take_down(order[i]);
	for (int i = 0; i < 4; i++) {
		struct target_choice choice = choose(tried);

		ck_assert_uint_eq(place_of(&choice), order[i]);
		ck_assert(!choice.tries);
		ck_assert_int_eq(tried_add(&tried, choice.health), 0);
		target_choice_deinit(&choice);
	}
	assert_none(tried, -ENOENT);
	tried_forget(&tried);
}
END_TEST

/* One that is back would not be found by clients that may not try all. */
START_TEST(those_that_are_down_take_turns)
{
	static const uint16_t order[] = {2, 1, 3};

	begin_with("target = 127.0.0.1:1\n"
	           "target = 127.0.0.1:2\n"
	           "backup_target = 127.0.0.1:3\n");
	for (int i = 0; i < 3; i++)
		take_down(order[i]);
	for (int i = 0; i < 9; i++) {
		struct target_choice choice = choose(NULL);

		ck_assert_uint_eq(place_of(&choice), order[i % 3]);
		target_choice_deinit(&choice);
	}
}
END_TEST

/* fail_time is over. _i: how the pair ends, 0 connected, 1 refused, 2 without knowing. */
START_TEST(one_pair_tries_a_target_that_was_down)
{
	struct target_choice choice;

	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2"), TEXTS("fail_time=1ms"));
	take_down(1);
	do
		choice = choose(NULL);
	while (place_of(&choice) != 1 && (target_choice_deinit(&choice), true));
	ck_assert(choice.tries);
	serve(20);
	ck_assert(got[1] == 0 && got[2] == 20);
	if (_i < 2)
		targets_note_attempt(relay->targets, &choice, _i ? -ECONNREFUSED : 0);
	else
		targets_note_attempt(relay->targets, &choice, -EMFILE); /* a shortage of ours */
	ck_assert_int_eq(choice.tries, _i == 2);
	target_choice_deinit(&choice);
	poll(NULL, 0, 2);
	choice = choose(NULL);
	if (place_of(&choice) != 1) {
		target_choice_deinit(&choice);
		choice = choose(NULL);
	}
	ck_assert_uint_eq(place_of(&choice), 1);
	ck_assert_int_eq(choice.tries, _i > 0);
	target_choice_deinit(&choice);
}
END_TEST

/* Nobody is refused untried. */
START_TEST(only_target_is_chosen_in_any_state)
{
	struct target_choice choice;
	struct tried *tried = NULL;

	begin(TEXTS("127.0.0.1:1"), TEXTS("fail_time=1s"));
	take_down(1);
	choice = choose(NULL);
	ck_assert(!choice.tries);
	ck_assert_int_eq(tried_add(&tried, choice.health), 0);
	ck_assert(!targets_have_other(relay->targets, NULL, &choice));
	target_choice_deinit(&choice);
	assert_none(tried, -ENOENT);
	tried_forget(&tried);
	poll(NULL, 0, 1001);
	choice = choose(NULL);
	ck_assert(choice.tries);
	attempt("127.0.0.1:1", 0); /* another client gets through first */
	ck_assert(health_is_up(choice.health));
	target_choice_deinit(&choice);
	choice = choose(NULL);
	ck_assert(!choice.tries);
	target_choice_deinit(&choice);
}
END_TEST

START_TEST(least_connections_go_to_the_idle)
{
	struct target_choice choices[12];
	unsigned held[3] = {0};

	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2 weight=2"), TEXTS("balance=least_connections"));
	for (int i = 0; i < 12; i++) {
		choices[i] = choose(NULL);
		held[place_of(&choices[i])]++;
	}
	ck_assert(held[1] == 4 && held[2] == 8);
	for (int i = 0; i < 12; i++)
		if (place_of(&choices[i]) == 1)
			target_choice_deinit(&choices[i]);
	for (int i = 0; i < 3; i++) {
		struct target_choice *choice = &choices[i];

		ck_assert(!choice->health || place_of(choice) == 2);
	}
	attempt("127.0.0.1:1", 0);
	for (int i = 0; i < 12; i++)
		target_choice_deinit(&choices[i]);
}
END_TEST

static unsigned of_origin(uint32_t number, uint16_t port)
{
	const union client_address client = from(number, port);
	struct target_choice choice;
	unsigned place;

	ck_assert_int_eq(targets_choose(relay->targets, &client, 0, NULL, &choice), 0);
	place = place_of(&choice);
	target_choice_deinit(&choice);
	return place;
}

START_TEST(origin_stays_with_its_target)
{
	unsigned before[200], moved = 0;

	begin(TEXTS("127.0.0.1:1", "three.example:80", "127.0.0.1:9 weight=2"), TEXTS("balance=source"));
	memset(got, 0, sizeof(got));
	for (uint32_t i = 0; i < 200; i++) {
		before[i] = of_origin(i, 1);
		got[before[i]]++;
		ck_assert_uint_eq(of_origin(i, (uint16_t)(2 + i)), before[i]);
	}
	for (unsigned i = 1; i <= 3; i++)
		ck_assert_uint_gt(got[i], 0); /* also by the addresses of a name */
	ck_assert_uint_gt(got[9], 60);
	take_down(9);
	for (uint32_t i = 0; i < 200; i++)
		moved += of_origin(i, 1) != before[i];
	ck_assert_uint_eq(moved, got[9]);
}
END_TEST

static struct health *chosen_for(const union client_address *client)
{
	struct target_choice choice;
	struct health *health;

	ck_assert_int_eq(targets_choose(relay->targets, client, 0, NULL, &choice), 0);
	health = choice.health; /* the targets have it too */
	target_choice_deinit(&choice);
	return health;
}

/* It may come by "*:80", or by "0.0.0.0:80" after a reload. */
START_TEST(client_is_one_origin_at_entrances_of_either_family)
{
	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), TEXTS("balance=source"));
	for (uint32_t i = 0; i < 20; i++) {
		union client_address client = from(i, 1), mapped = {.in6 = {.sin6_family = AF_INET6}};

		mapped.in6.sin6_addr.s6_addr[10] = mapped.in6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(&mapped.in6.sin6_addr.s6_addr[12], &client.in.sin_addr, sizeof(client.in.sin_addr));
		ck_assert_ptr_eq(chosen_for(&mapped), chosen_for(&client));
	}
}
END_TEST

/* Hosts take another address of their network now and then (RFC 8981). */
START_TEST(ipv6_network_stays_with_its_target)
{
	union client_address client = {.in6 = {.sin6_family = AF_INET6}};
	struct health *first, *places[2] = {NULL, NULL};

	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), TEXTS("balance=source"));
	client.in6.sin6_addr.s6_addr[0] = 0xfd;
	for (unsigned char i = 0; i < 20; i++) {
		client.in6.sin6_addr.s6_addr[7] = i;
		client.in6.sin6_addr.s6_addr[8] = 0;
		first = chosen_for(&client);
		places[first != places[0] && places[0]] = first;
		client.in6.sin6_addr.s6_addr[8] = 0x80;
		ck_assert_ptr_eq(chosen_for(&client), first);
	}
	ck_assert_ptr_nonnull(places[1]); /* not all networks have the same one */
}
END_TEST

START_TEST(all_unix_clients_are_one_origin)
{
	union client_address client = {.any = {.sa_family = AF_UNIX}};
	struct health *first = NULL;

	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"), TEXTS("balance=source"));
	for (unsigned i = 0; i < 20; i++) {
		struct target_choice choice;

		client.in.sin_addr.s_addr = i; /* which is not set for them */
		ck_assert_int_eq(targets_choose(relay->targets, &client, 0, NULL, &choice), 0);
		first = first ? first : choice.health;
		ck_assert_ptr_eq(choice.health, first);
		target_choice_deinit(&choice);
	}
}
END_TEST

START_TEST(name_without_address)
{
	struct target_choice choice = {.health = NULL};

	begin(TEXTS("gone.example:80"), NULL);
	ck_assert(!targets_are_unknown(relay->targets));
	assert_none(NULL, -EDESTADDRREQ);
	targets_note_attempt(relay->targets, &choice, -EDESTADDRREQ);
	targets_note_unserved(relay->targets, -EDESTADDRREQ);
	ck_assert_uint_eq(captured("relay command-line: no target could be connected: no address yet"), 1);
}
END_TEST

/* Then a client waits, rather than being reset, or served by a backup although a target may be up. */
START_TEST(name_that_is_not_known_yet)
{
	relay = relays_make(relays_config_of("target = three.example:80\nbackup_target = 127.0.0.1:1\n"),
	                    resolver, 1);
	ck_assert(targets_are_unknown(relay->targets));
	attempt("127.0.0.1:1", 0); /* it has waited for long enough */
	ck_assert(!healths_take_changed(&relay->standing->healths));
	resolve(relay);
	ck_assert(healths_take_changed(&relay->standing->healths));
	ck_assert(!targets_are_unknown(relay->targets));
	attempt("10.0.0.1:80", 0);
	relays_free(relay);
	relay = relays_new(LISTEN, TEXTS("gone.example:80", "127.0.0.1:1"), NULL, resolver, 1);
	ck_assert(!targets_are_unknown(relay->targets)); /* there is something to try */
	attempt("127.0.0.1:1", 0);
	relays_free(relay);
	begin(TEXTS("gone.example:80"), NULL); /* from now on that is known to have none */
	relays_free(relay);
	relay = relays_make(relays_config_of("target = gone.example:80\nbackup_target = one.example:1\n"),
	                    resolver, 1);
	ck_assert(targets_are_unknown(relay->targets));
	resolve(relay);
	ck_assert(!targets_are_unknown(relay->targets));
	attempt("10.1.0.1:1", 0);
	relays_free(relay);
	relay = relays_make(relays_config_of("target = 127.0.0.1:1\nbackup_target = late.example:1\n"),
	                    resolver, 1);
	ck_assert(!targets_are_unknown(relay->targets));
}
END_TEST

static void note_visit(void *arg, const struct config_target *target, bool backup, struct health *health)
{
	char text[ADDRESS_TEXT_MAX], *line = arg;

	sprintf(line + strlen(line), "%s%s*%u=%s ", backup ? "backup " : "",
	        address_format(&target->address, text), target->weight,
	        health ? text_of(&(struct target_choice){.health = health}) : "-");
}

START_TEST(every_address_is_shown)
{
	char line[1024] = "";

	begin_with("target = three.example:80 weight=5\n"
	           "target = gone.example:81\n"
	           "backup_target = 127.0.0.1:1\n");
	targets_each_health(relay->targets, note_visit, line);
	ck_assert_str_eq(line, "three.example:80*5=10.0.0.1:80 three.example:80*5=10.0.0.2:80 "
	                       "three.example:80*5=10.0.0.3:80 gone.example:81*1=- "
	                       "backup 127.0.0.1:1*1=127.0.0.1:1 ");
}
END_TEST

static bool is_moved(void *arg, const struct endpoint *endpoint)
{
	(void)arg;
	return endpoint->in.sin_addr.s_addr == moving.in.sin_addr.s_addr;
}

/* The name has perhaps moved, so nobody waits for resolve_interval. */
START_TEST(name_is_looked_up_again_after_a_failure)
{
	struct target_choice choice;

	moving = (struct endpoint){.length = sizeof(moving.in), .in.sin_family = AF_INET};
	moving.in.sin_addr.s_addr = htonl(0x7f000001);
	begin(TEXTS("moving.example:1"), TEXTS("resolve_interval=1h"));
	ck_assert(targets_any_address(relay->targets, 0, is_moved, NULL));
	moving.in.sin_addr.s_addr = htonl(0x7f000002);
	ck_assert_int_eq(targets_choose(relay->targets, &anyone, 0, NULL, &choice), 0);
	targets_note_attempt(relay->targets, &choice, -ECONNREFUSED);
	target_choice_deinit(&choice);
	LOOP_UNTIL(look_up_base(), targets_any_address(relay->targets, 0, is_moved, NULL));
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
	struct target_choice choice;
	int error = targets_choose(relay->targets, &anyone, 0, NULL, &choice);

	targets_note_attempt(relay->targets, &choice, error);
	if (error)
		targets_note_unserved(relay->targets, error);
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
	ck_assert_uint_eq(captured("no target could be connected: it leads back to this relay"),
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

START_TEST(pairs_are_counted_until_the_choice_ends)
{
	struct target_choice choice;
	struct health *health;

	begin(TEXTS("127.0.0.1:1"), NULL);
	choice = choose(NULL);
	health = choice.health;
	ck_assert_uint_eq(health_pairs(health), 1);
	targets_note_attempt(relay->targets, &choice, 0);
	ck_assert_uint_eq(health_pairs(health), 1);
	target_choice_deinit(&choice);
	ck_assert_uint_eq(health_pairs(health), 0);
	target_choice_deinit(&choice);
	ck_assert_uint_eq(health_pairs(health), 0);
}
END_TEST

/* However many clients get none. */
START_TEST(clients_without_a_target_are_logged_once)
{
	begin(TEXTS("127.0.0.1:1", "127.0.0.1:2"), NULL);
	targets_note_unserved(relay->targets, -EMFILE); /* which is not the targets' fault */
	attempt(NULL, -ECONNREFUSED);                   /* perhaps another one serves it */
	ck_assert_uint_eq(captured("no target"), 0);
	for (int i = 0; i < 5; i++)
		targets_note_unserved(relay->targets, -ECONNREFUSED);
	ck_assert_uint_eq(captured("relay command-line: no target could be connected: Connection refused"),
	                  1);
	for (int i = 0; i < 5; i++)
		attempt(NULL, 0);
	ck_assert_uint_eq(captured("relay command-line: a target is connected again"), 1);
	/* not within ten seconds of the last line */
	targets_note_unserved(relay->targets, -ECONNREFUSED);
	attempt(NULL, 0);
	ck_assert_uint_eq(captured("no target"), 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("targets");
	TCase *tcase = tcase_create("targets");

	tcase_add_checked_fixture(tcase, setup, teardown_loops);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, targets_are_chosen_in_turn);
	tcase_add_test(tcase, place_is_added_to_the_port_of_a_range);
	tcase_add_test(tcase, refused_port_of_a_range_is_no_failure);
	tcase_add_test(tcase, targets_are_chosen_by_weight);
	tcase_add_test(tcase, addresses_of_a_name_share_its_turns);
	tcase_add_loop_test(tcase, target_with_an_address_left_is_up, 1, 4);
	tcase_add_test(tcase, what_a_client_did_not_get_goes_to_the_others_evenly);
	tcase_add_loop_test(tcase, no_address_is_tried_twice, 0, 2);
	tcase_add_test(tcase, name_is_looked_up_again_after_a_failure);
	tcase_add_test(tcase, backup_is_chosen_when_no_target_is_up);
	tcase_add_test(tcase, when_all_are_down_the_one_that_is_for_longest_comes_first);
	tcase_add_test(tcase, those_that_are_down_take_turns);
	tcase_add_loop_test(tcase, one_pair_tries_a_target_that_was_down, 0, 3);
	tcase_add_test(tcase, only_target_is_chosen_in_any_state);
	tcase_add_test(tcase, least_connections_go_to_the_idle);
	tcase_add_test(tcase, origin_stays_with_its_target);
	tcase_add_test(tcase, client_is_one_origin_at_entrances_of_either_family);
	tcase_add_test(tcase, all_unix_clients_are_one_origin);
	tcase_add_test(tcase, ipv6_network_stays_with_its_target);
	tcase_add_test(tcase, name_without_address);
	tcase_add_test(tcase, name_that_is_not_known_yet);
	tcase_add_test(tcase, every_address_is_shown);
	tcase_add_loop_test(tcase, target_that_leads_back_is_not_connected, 0, WAYS);
	tcase_add_test(tcase, another_port_does_not_lead_back);
	tcase_add_test(tcase, closed_addresses_are_remembered);
	tcase_add_test(tcase, pairs_are_counted_until_the_choice_ends);
	tcase_add_test(tcase, clients_without_a_target_are_logged_once);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
