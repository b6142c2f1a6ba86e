/* A relay at run time, and how many pairs each source has. */
#include "build_config.h"

#include "relay/admission.h"
#include "relay/origins.h"
#include "relay/relay.h"
#include "relays.h"
#include "unit.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <pthread.h>

#define THREADS     4
#define ROUNDS      2000
#define PATIENCE_MS 5000

static struct relay *relay;
static struct resolver *resolver;

static struct endpoint moving; /* what "moving.example" has */

/*
 * "three.example" has 10.0.0.1 to .3, "one.example" has 10.1.0.1, "moving.example" one with a port of its
 * own, others do not resolve.
 */
static struct address_list *fake_lookup(const char *host, uint16_t port, void *arg, int *error)
{
	size_t count = strcmp(host, "three.example") == 0 ? 3 : strcmp(host, "one.example") == 0;
	struct address_list *list;

	(void)arg;
	if (strcmp(host, "moving.example") == 0)
		return address_list_single(&moving);
	list = address_list_new(3);
	if (count == 0) {
		address_list_put(list);
		*error = EAI_NONAME;
		return NULL;
	}
	for (; list->count < count; list->count++) {
		struct endpoint *endpoint = &list->endpoint[list->count];

		endpoint->length = sizeof(endpoint->in);
		endpoint->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
		endpoint->in.sin_addr.s_addr =
		        htonl((count == 3 ? 0x0a000001 : 0x0a010001) + (uint32_t)list->count);
	}
	return list;
}

static void begin(const char *const *targets, const char *const *options)
{
	resolver = resolver_new(3600000, fake_lookup, NULL);
	ck_assert_ptr_nonnull(resolver);
	relay = relays_new(LISTEN, targets, options, resolver, 2);
	ck_assert_int_eq(resolver_start(resolver), 0);
	resolver_wait(resolver, PATIENCE_MS);
}

static void setup(void)
{
	capture_begin();
}

static void teardown(void)
{
	relay_put(relay);
	resolver_free(resolver);
	capture_end();
}

static void assert_choice(uint64_t start, unsigned attempt, const char *expected)
{
	struct target_choice choice = {.list = NULL};
	char text[ADDRESS_TEXT_MAX];

	ck_assert_int_eq(targets_choose(relay->targets, start, attempt, &choice), 0);
	ck_assert_str_eq(endpoint_format(&choice.endpoint->any, choice.endpoint->length, text), expected);
	target_choice_deinit(&choice);
	ck_assert_ptr_null(choice.endpoint);
}

/* ---- targets ---- */

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

/* targets.h of targets_attempts: "no address twice". _i is where they start. */
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
	ck_assert_uint_eq(targets_attempts(relay->targets), 1); /* it is said once that there is none */
	ck_assert_int_eq(targets_choose(relay->targets, 0, 0, &choice), -EDESTADDRREQ);
	ck_assert_ptr_null(choice.endpoint);
	targets_note_attempt(relay->targets, &choice, -EDESTADDRREQ);
	target_choice_deinit(&choice);
	ck_assert_uint_eq(captured("gone.example:80 cannot be connected: no address yet"), 1);
}
END_TEST

START_TEST(choice_outlives_relay_and_resolver)
{
	struct target_choice choice = {.list = NULL};
	char text[ADDRESS_TEXT_MAX];

	begin(TEXTS("one.example:81"), NULL);
	ck_assert_int_eq(targets_choose(relay->targets, 0, 0, &choice), 0);
	relay_put(relay);
	resolver_free(resolver);
	relay = NULL;
	resolver = NULL;
	endpoint_format(&choice.endpoint->any, choice.endpoint->length, text);
	ck_assert_str_eq(text, "10.1.0.1:81");
	target_choice_deinit(&choice);
}
END_TEST

/*
 * Where "moving.example" leads from a relay that listens on listen: to address, at the port that the relay
 * really has.
 */
static void move_to(const char *listen, const char *address)
{
	struct endpoint own = {.length = sizeof(own.un)};
	struct address parsed;

	resolver = resolver_new(3600000, fake_lookup, NULL);
	relay = relays_new(TEXTS("unix:@weir-test-relay-back", listen), TEXTS("moving.example:1"), NULL,
	                   resolver, 2);
	ck_assert_int_eq(relay_listen(relay), 0);
	ck_assert_int_eq(getsockname(entrance_fd(&relay->entrances.list[1], 0), &own.any, &own.length), 0);
	ck_assert_int_eq(address_parse(address, &parsed), 0);
	moving = parsed.endpoint;
	moving.in.sin_port = own.in.sin_port;
	address_deinit(&parsed);
	ck_assert_int_eq(resolver_start(resolver), 0);
	resolver_wait(resolver, PATIENCE_MS);
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

/* Its clients were relayed to it, and took every slot. */
START_TEST(target_that_leads_back_is_not_connected)
{
	move_to(ways[_i].listen, ways[_i].address);
	ck_assert_int_eq(choose_only(), ways[_i].back ? -EDEADLK : 0);
	ck_assert_uint_eq(
	        captured("target moving.example:1 cannot be connected: it leads back to this relay"),
	        ways[_i].back);
}
END_TEST

START_TEST(another_port_does_not_lead_back)
{
	move_to("*:0", "127.0.0.1:0");
	relay->entrances.list[1].endpoint.in6.sin6_port ^= 1;
	ck_assert_int_eq(choose_only(), 0);
}
END_TEST

/* Pairs that still connect while the daemon drains. */
START_TEST(closed_addresses_are_remembered)
{
	move_to("127.0.0.1:0", "127.0.0.1:0");
	relay_unlisten(relay);
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
	ck_assert_uint_eq(captured("target 127.0.0.1:2 cannot be connected: Connection refused"), 1);
	choice.target = 0;
	targets_note_attempt(relay->targets, &choice, -ETIMEDOUT);
	ck_assert_uint_eq(captured("target 127.0.0.1:1 cannot be connected"), 1);
	choice.target = 1;
	for (int i = 0; i < 5; i++)
		targets_note_attempt(relay->targets, &choice, 0);
	ck_assert_uint_eq(captured("target 127.0.0.1:2 can be connected again"), 1);
	/* it fails again at once: not within ten seconds of the last line */
	targets_note_attempt(relay->targets, &choice, -ECONNREFUSED);
	targets_note_attempt(relay->targets, &choice, 0);
	ck_assert_uint_eq(captured("127.0.0.1"), 3);
}
END_TEST

START_TEST(reached_limit_is_logged_at_most_once_in_ten_seconds)
{
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert(relay_may_log_limit(relay));
	relay_end_logged_limit(relay);
	ck_assert(!relay_may_log_limit(relay));
	relay->at_limit.logged = clock_ms() - 10000;
	ck_assert(relay_may_log_limit(relay));
}
END_TEST

START_TEST(limit_that_stands_is_not_logged_again)
{
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert(relay_may_log_limit(relay));
	relay->at_limit.logged = clock_ms() - 10000;
	ck_assert(!relay_may_log_limit(relay));
	relay_end_logged_limit(relay);
	ck_assert(relay_may_log_limit(relay));
}
END_TEST

/* ---- listening ---- */

START_TEST(listens_on_every_address)
{
	resolver = resolver_new(1000, fake_lookup, NULL);
	relay = relays_new(TEXTS("127.0.0.1:0", "*:0", "unix:@weir-test-relay"), TEXTS("127.0.0.1:1"), NULL,
	                   resolver, 2);
	ck_assert_int_eq(relay_listen(relay), 0);
	ck_assert_uint_eq(relay->entrances.count, 3);
	ck_assert_uint_eq(captured("listening on"), 3);
	ck_assert_uint_eq(relay->entrances.list[0].count, 2);
	close(relays_connect(entrance_fd(&relay->entrances.list[0], 1)));
	close(relays_connect(entrance_fd(&relay->entrances.list[1], 0)));
	ck_assert_uint_eq(relay->entrances.list[2].count, 1);
	relay_unlisten(relay);
	for (size_t i = 0; i < relay->entrances.count; i++)
		ck_assert_uint_eq(relay->entrances.list[i].count, 0);
	relay_unlisten(relay);
}
END_TEST

START_TEST(address_in_use_is_logged)
{
	struct sockaddr_in address;
	int taken = loop_listen(&address);

	resolver = resolver_new(1000, fake_lookup, NULL);
	relay = relays_new(TEXTS("127.0.0.1:0", relays_address(taken)), TEXTS("127.0.0.1:1"), NULL, resolver,
	                   2);
	ck_assert_int_eq(relay_listen(relay), -EADDRINUSE);
	ck_assert_uint_eq(captured("cannot listen on"), 1);
	close(taken);
}
END_TEST

/* ---- sources ---- */

static union client_address ipv4(const char *text, uint16_t port)
{
	union client_address client = {.in = {.sin_family = AF_INET, .sin_port = htons(port)}};

	ck_assert_int_eq(inet_pton(AF_INET, text, &client.in.sin_addr), 1);
	return client;
}

static union client_address ipv6(const char *text, uint16_t port)
{
	union client_address client = {.in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)}};

	ck_assert_int_eq(inet_pton(AF_INET6, text, &client.in6.sin6_addr), 1);
	return client;
}

static bool enter(union client_address client)
{
	return origins_enter(relay->origins, &client);
}

static void leave(union client_address client)
{
	origins_leave(relay->origins, &client);
}

START_TEST(origins_are_limited_each)
{
	union client_address unix_client = {.any = {.sa_family = AF_UNIX}};

	begin(TEXTS("127.0.0.1:1"), TEXTS("max_connections_per_source=2"));
	ck_assert(enter(ipv4("10.0.0.1", 1000)));
	ck_assert(enter(ipv4("10.0.0.1", 2000))); /* the port does not matter */
	ck_assert(!enter(ipv4("10.0.0.1", 3000)));
	ck_assert(enter(ipv4("10.0.0.2", 1000)));
	ck_assert(enter(ipv6("fd00::1", 1)));
	ck_assert(enter(ipv6("fd00::1", 2)));
	ck_assert(!enter(ipv6("fd00::1", 3)));
	ck_assert(enter(ipv6("fd00::2", 1)));
	ck_assert(enter(unix_client));
	ck_assert(enter(unix_client));
	ck_assert(!enter(unix_client));
	leave(ipv4("10.0.0.1", 2000));
	ck_assert(enter(ipv4("10.0.0.1", 4000)));
	ck_assert(!enter(ipv4("10.0.0.1", 5000)));
	leave(unix_client);
	leave(unix_client);
	ck_assert(enter(unix_client));
}
END_TEST

START_TEST(mapped_ipv4_is_the_same_origin)
{
	begin(TEXTS("127.0.0.1:1"), TEXTS("max_connections_per_source=1"));
	ck_assert(enter(ipv6("::ffff:10.0.0.1", 1)));
	ck_assert(!enter(ipv4("10.0.0.1", 1)));
	leave(ipv4("10.0.0.1", 2));
	ck_assert(enter(ipv4("10.0.0.1", 1)));
	ck_assert(!enter(ipv6("::ffff:10.0.0.1", 1)));
	ck_assert(enter(ipv6("::10.0.0.1", 1))); /* only looks alike */
}
END_TEST

/* Whatever stops a client, it holds nothing of the other limits. */
START_TEST(ticket_takes_all_limits_or_none)
{
	union client_address client = ipv4("10.0.0.1", 1), other = ipv4("10.0.0.2", 1);
	struct admission tickets[3];
	struct slots all;

	slots_init(&all, 3);
	begin(TEXTS("127.0.0.1:1"), TEXTS("max_connections_per_source=1", "defaults.max_connections=2"));
	ck_assert_ptr_null(admission_take(&tickets[0], &all, relay));
	ck_assert(admission_tell_client(&tickets[0], &client));
	ck_assert_ptr_null(admission_take(&tickets[1], &all, relay));
	ck_assert(!admission_tell_client(&tickets[1], &client)); /* it still has what it took before */
	ck_assert_uint_eq(slots_used(&all), 2);
	ck_assert_ptr_eq(admission_take(&tickets[2], &all, relay), &relay->slots);
	ck_assert_uint_eq(slots_used(&all), 2);
	admission_give(&tickets[2]); /* holds nothing */
	admission_give(&tickets[1]);
	ck_assert_uint_eq(slots_used(&all), 1);
	ck_assert_uint_eq(slots_used(&relay->slots), 1);
	ck_assert(!enter(client)); /* as the first does */
	admission_give(&tickets[0]);
	admission_give(&tickets[0]); /* once is enough */
	ck_assert_uint_eq(slots_used(&all), 0);
	ck_assert_uint_eq(slots_used(&relay->slots), 0);
	slots_init(&all, 1);
	ck_assert_ptr_null(admission_take(&tickets[0], &all, relay));
	ck_assert_ptr_eq(admission_take(&tickets[1], &all, relay), &all);
	ck_assert_uint_eq(slots_used(&relay->slots), 1);
	ck_assert(admission_tell_client(&tickets[0], &other));
	ck_assert(!enter(other));
	admission_give(&tickets[0]);
	ck_assert(enter(other));
}
END_TEST

START_TEST(origins_without_limit_are_not_counted)
{
	union client_address client = ipv4("10.0.0.1", 1);
	struct admission ticket;
	struct slots all;

	slots_init(&all, 0);
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert_ptr_null(relay->origins);
	for (int i = 0; i < 1000; i++) {
		ck_assert_ptr_null(admission_take(&ticket, &all, relay));
		ck_assert(admission_tell_client(&ticket, &client));
	}
	admission_give(&ticket);
	ck_assert_uint_eq(slots_used(&all), 999);
}
END_TEST

static struct {
	struct origins *origins;
	_Atomic unsigned inside[4], most, entered;
} crowd;

static void *come_and_go(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		union client_address client = {.in = {.sin_family = AF_INET}};
		unsigned who = i % 4, now;

		client.in.sin_addr.s_addr = htonl(0x0a000000 + who);
		if (!origins_enter(crowd.origins, &client))
			continue;
		now = ++crowd.inside[who];
		if (now > crowd.most)
			crowd.most = now;
		crowd.entered++;
		crowd.inside[who]--;
		origins_leave(crowd.origins, &client);
	}
	return NULL;
}

START_TEST(origins_of_many_threads)
{
	pthread_t thread[THREADS];
	union client_address client = {.in = {.sin_family = AF_INET, .sin_addr = {htonl(0x0a000000)}}};

	crowd.origins = origins_new(2);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, come_and_go, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_gt(crowd.entered, 0);
	ck_assert_uint_le(crowd.most, 2);
	/* nobody is left: both places are free */
	ck_assert(origins_enter(crowd.origins, &client));
	ck_assert(origins_enter(crowd.origins, &client));
	ck_assert(!origins_enter(crowd.origins, &client));
	origins_free(crowd.origins); /* with somebody inside */
	origins_free(NULL);
}
END_TEST

static void *get_and_put(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct target_choice choice = {.list = NULL};

		ck_assert_int_eq(
		        targets_choose(relay->targets, targets_next_start(relay->targets), 0, &choice), 0);
		targets_note_attempt(relay->targets, &choice, i % 2 ? -ECONNREFUSED : 0);
		target_choice_deinit(&choice);
		relay_put(relay_get(relay));
	}
	return NULL;
}

START_TEST(relay_of_many_threads)
{
	pthread_t thread[THREADS];

	begin(TEXTS("127.0.0.1:1", "three.example:80"), NULL);
	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, get_and_put, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_eq(targets_next_start(relay->targets), THREADS * ROUNDS);
	ck_assert_uint_le(captured("cannot be connected"), 2);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("relay");
	TCase *tcase = tcase_create("relay");
	TCase *alone = tcase_create("sources");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, turns_count_up);
	tcase_add_test(tcase, targets_are_chosen_in_turn);
	tcase_add_test(tcase, addresses_of_a_name_are_chosen_in_turn);
	tcase_add_test(tcase, targets_take_turns_before_their_addresses_do);
	tcase_add_loop_test(tcase, no_address_is_tried_twice, 0, 4);
	tcase_add_test(tcase, attempts_are_limited);
	tcase_add_test(tcase, name_without_address);
	tcase_add_test(tcase, choice_outlives_relay_and_resolver);
	tcase_add_loop_test(tcase, target_that_leads_back_is_not_connected, 0, WAYS);
	tcase_add_test(tcase, another_port_does_not_lead_back);
	tcase_add_test(tcase, closed_addresses_are_remembered);
	tcase_add_test(tcase, trouble_with_a_target_is_logged_once);
	tcase_add_test(tcase, reached_limit_is_logged_at_most_once_in_ten_seconds);
	tcase_add_test(tcase, limit_that_stands_is_not_logged_again);
	tcase_add_test(tcase, listens_on_every_address);
	tcase_add_test(tcase, address_in_use_is_logged);
	tcase_add_test(tcase, origins_are_limited_each);
	tcase_add_test(tcase, mapped_ipv4_is_the_same_origin);
	tcase_add_test(tcase, ticket_takes_all_limits_or_none);
	tcase_add_test(tcase, origins_without_limit_are_not_counted);
	tcase_add_test(tcase, relay_of_many_threads);
	tcase_set_timeout(alone, 20);
	tcase_add_test(alone, origins_of_many_threads);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, alone);
	return unit_run(suite);
}
