/* The limits on pairs: of all, of a relay, of an origin. */
#include "build_config.h"

#include "relay/relay_stage.h"

#include <arpa/inet.h>
#include <pthread.h>

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
	return origins_enter(relay->standing->origins, &client, 64);
}

static void leave(union client_address client)
{
	origins_leave(relay->standing->origins, &client, 64);
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
	ck_assert(enter(ipv6("fd00::2", 1))); /* nor does the rest of an IPv6 address */
	ck_assert(!enter(ipv6("fd00::3", 1)));
	ck_assert(enter(ipv6("fd00:0:0:1::1", 1)));
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

/* The same link-local address on two links is two machines. */
START_TEST(zone_is_part_of_an_origin)
{
	union client_address one = ipv6("fe80::1", 1), other = ipv6("fe80::1", 1);

	one.in6.sin6_scope_id = 1;
	other.in6.sin6_scope_id = 2;
	begin(TEXTS("127.0.0.1:1"), TEXTS("max_connections_per_source=1"));
	ck_assert(enter(one));
	ck_assert(enter(other));
	ck_assert(!enter(one));
	leave(one);
	ck_assert(!enter(other));
	ck_assert(enter(one));
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

/*
 * A client stopped by a limit on slots holds nothing. One stopped by its origin keeps its slots until
 * admission_give.
 */
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
	ck_assert_ptr_eq(admission_take(&tickets[2], &all, relay), &relay->standing->slots);
	ck_assert_uint_eq(slots_used(&all), 2);
	admission_give(&tickets[2]); /* holds nothing */
	admission_give(&tickets[1]);
	ck_assert_uint_eq(slots_used(&all), 1);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
	ck_assert(!enter(client)); /* the first still holds the origin's only place */
	admission_give(&tickets[0]);
	admission_give(&tickets[0]); /* a second time does nothing */
	ck_assert_uint_eq(slots_used(&all), 0);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	slots_init(&all, 1);
	ck_assert_ptr_null(admission_take(&tickets[0], &all, relay));
	ck_assert_ptr_eq(admission_take(&tickets[1], &all, relay), &all);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 1);
	ck_assert(admission_tell_client(&tickets[0], &other));
	ck_assert(!enter(other));
	admission_give(&tickets[0]);
	ck_assert(enter(other));
}
END_TEST

/* A client may still be on its way to its worker when nothing else holds the relay any more. */
START_TEST(ticket_holds_its_relay)
{
	struct admission ticket;
	struct standings *standings;
	struct slots all;

	slots_init(&all, 0);
	begin(TEXTS("127.0.0.1:1"), NULL);
	standings = relay->standing->standings;
	ck_assert_ptr_null(admission_take(&ticket, &all, relay));
	relay_put(relay);
	ck_assert_str_eq(ticket.relay->config->name, "command-line"); /* a sanitizer would see more */
	ck_assert_ptr_nonnull(standings->list[0]);
	admission_give(&ticket);
	ck_assert_ptr_null(standings->list[0]);
	standings_free(standings);
	relay = NULL;
}
END_TEST

START_TEST(origins_without_limit_are_not_counted)
{
	union client_address client = ipv4("10.0.0.1", 1);
	struct admission ticket;
	struct slots all;

	slots_init(&all, 0);
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert(!origins_limited(relay->standing->origins));
	for (int i = 0; i < 1000; i++) {
		ck_assert_ptr_null(admission_take(&ticket, &all, relay));
		ck_assert(admission_tell_client(&ticket, &client));
	}
	admission_give(&ticket);
	ck_assert_uint_eq(slots_used(&all), 999);
	for (int i = 0; i < 999; i++)
		relay_put(relay); /* which the lost tickets held */
}
END_TEST

/* The ticket of client, and whether its origin let it in. */
static bool admit(struct admission *ticket, struct slots *all, union client_address client)
{
	ck_assert_ptr_null(admission_take(ticket, all, relay));
	return admission_tell_client(ticket, &client);
}

/* Pairs that came before a limit was set are not counted, nor do they take a place back when they end. */
START_TEST(limit_on_origins_comes_and_goes)
{
	union client_address client = ipv4("10.0.0.1", 1);
	struct admission tickets[6];
	struct slots all;

	slots_init(&all, 0);
	begin(TEXTS("127.0.0.1:1"), NULL);
	ck_assert(admit(&tickets[0], &all, client));
	origins_set_max(relay->standing->origins, 2);
	ck_assert(origins_limited(relay->standing->origins));
	ck_assert(admit(&tickets[1], &all, client));
	admission_give(&tickets[0]);
	ck_assert(admit(&tickets[2], &all, client));
	ck_assert(!admit(&tickets[3], &all, client));
	origins_set_max(relay->standing->origins, 0);
	ck_assert(admit(&tickets[4], &all, client));
	origins_set_max(relay->standing->origins, 3);
	ck_assert(admit(&tickets[5], &all, client));
	ck_assert(!enter(client));
	origins_set_max(relay->standing->origins, 1); /* two more than that are there */
	admission_give(&tickets[1]);
	admission_give(&tickets[2]);
	admission_give(&tickets[3]);
	ck_assert(!enter(client));
	admission_give(&tickets[4]); /* never counted */
	ck_assert(!enter(client));
	origins_set_max(relay->standing->origins, 0);
	admission_give(&tickets[5]); /* was counted, so it is counted out */
	origins_set_max(relay->standing->origins, 1);
	ck_assert(enter(client));
	ck_assert(!enter(client));
	ck_assert_uint_eq(slots_used(&all), 0);
}
END_TEST

/* A reload changes the prefix. What was counted with the old one is given back with it. */
START_TEST(origin_is_left_as_it_was_entered)
{
	struct config_relay *config;
	struct admission tickets[4];
	struct slots all;

	slots_init(&all, 0);
	begin(TEXTS("127.0.0.1:1"), TEXTS("max_connections_per_source=1", "ipv6_source_prefix=48"));
	ck_assert(admit(&tickets[0], &all, ipv6("2001:db8:1:2::3", 1)));
	ck_assert(!admit(&tickets[1], &all, ipv6("2001:db8:1:9::3", 1)));
	admission_give(&tickets[0]);
	ck_assert(admit(&tickets[2], &all, ipv6("2001:db8:1:9::3", 1)));
	config = &relay->generation->config->relays[0];
	config->ipv6_source_prefix = 128; /* as of another generation */
	ck_assert(admit(&tickets[3], &all, ipv6("2001:db8:1:9::3", 1)));
	admission_give(&tickets[3]);
	config->ipv6_source_prefix = 48;
	admission_give(&tickets[1]);
	admission_give(&tickets[2]);
	ck_assert(admit(&tickets[0], &all, ipv6("2001:db8:1::", 1)));
	admission_give(&tickets[0]);
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
		if (!origins_enter(crowd.origins, &client, 64))
			continue;
		now = ++crowd.inside[who];
		if (now > crowd.most)
			crowd.most = now;
		crowd.entered++;
		crowd.inside[who]--;
		origins_leave(crowd.origins, &client, 64);
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
	for (int i = 0; i < 1000; i++)
		origins_set_max(crowd.origins, 1 + (uint64_t)i % 2);
	origins_set_max(crowd.origins, 2);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	ck_assert_uint_gt(crowd.entered, 0);
	ck_assert_uint_le(crowd.most, 2);
	/* nobody is left: both places are free */
	ck_assert(origins_enter(crowd.origins, &client, 64));
	ck_assert(origins_enter(crowd.origins, &client, 64));
	ck_assert(!origins_enter(crowd.origins, &client, 64));
	origins_free(crowd.origins); /* with somebody inside */
	origins_free(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("admission");
	TCase *tcase = tcase_create("admission");
	TCase *alone = tcase_create("alone");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, origins_are_limited_each);
	tcase_add_test(tcase, zone_is_part_of_an_origin);
	tcase_add_test(tcase, mapped_ipv4_is_the_same_origin);
	tcase_add_test(tcase, ticket_takes_all_limits_or_none);
	tcase_add_test(tcase, ticket_holds_its_relay);
	tcase_add_test(tcase, origins_without_limit_are_not_counted);
	tcase_add_test(tcase, limit_on_origins_comes_and_goes);
	tcase_add_test(tcase, origin_is_left_as_it_was_entered);
	suite_add_tcase(suite, tcase);
	tcase_set_timeout(alone, 20);
	tcase_add_test(alone, origins_of_many_threads);
	suite_add_tcase(suite, alone);
	return unit_run(suite);
}
