#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "base/log.h"
#include "capture.h"
#include "loop.h"
#include "net/resolver.h"
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SHORT_MS 2
#define LONG_MS  3600000

static struct event_base *base;
static struct lookups *lookups;
static struct resolver *resolver;

/* How the fake lookup answers, with addresses 10.0.generation.1 to .count, and how often it was asked. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t go;
	bool stuck; /* the lookup waits while this is set */
	bool failing;
	bool turned; /* the last address first */
	bool steady; /* the generation stays */
	unsigned generation;
	unsigned count;
	unsigned lookups;
	uint64_t last, gaps[8]; /* time of the last lookup; times between lookups */
} fake = {.lock = PTHREAD_MUTEX_INITIALIZER, .go = PTHREAD_COND_INITIALIZER, .steady = true, .count = 2};

static struct address_list *fake_answer(void)
{
	struct address_list *list = address_list_new(fake.count);

	for (unsigned i = 0; i < fake.count; i++) {
		struct endpoint *endpoint = &list->endpoint[fake.turned ? fake.count - 1 - i : i];

		endpoint->length = sizeof(endpoint->in);
		endpoint->in.sin_family = AF_INET;
		endpoint->in.sin_addr.s_addr = htonl(0x0a000001 + (fake.generation % 256) * 256 + i);
	}
	list->count = fake.count;
	return list;
}

static struct address_list *fake_lookup(const char *host, void *arg, int *error)
{
	struct address_list *list = NULL;
	uint64_t now = clock_ms();

	ck_assert_ptr_eq(arg, &fake);
	ck_assert_str_eq(host, "db.example");
	pthread_mutex_lock(&fake.lock);
	if (fake.lookups < sizeof(fake.gaps) / sizeof(fake.gaps[0]))
		fake.gaps[fake.lookups] = now - fake.last;
	fake.last = now;
	fake.lookups++;
	fake.generation += !fake.steady;
	while (fake.stuck)
		pthread_cond_wait(&fake.go, &fake.lock);
	if (fake.failing)
		*error = EAI_AGAIN;
	else
		list = fake_answer();
	pthread_mutex_unlock(&fake.lock);
	return list;
}

static unsigned fake_lookups(void)
{
	unsigned count;

	pthread_mutex_lock(&fake.lock);
	count = fake.lookups;
	pthread_mutex_unlock(&fake.lock);
	return count;
}

/* Waits until count more lookups have begun. All but the last of them have then been processed. */
static void wait_lookups(unsigned count)
{
	unsigned end = fake_lookups() + count;

	LOOP_UNTIL(base, fake_lookups() >= end);
}

#define FAKE_SET(member, value)                                                                              \
	do {                                                                                                 \
		pthread_mutex_lock(&fake.lock);                                                              \
		fake.member = (value);                                                                       \
		pthread_cond_broadcast(&fake.go);                                                            \
		pthread_mutex_unlock(&fake.lock);                                                            \
	} while (0)

static struct resolver_name *add(const char *owner, uint16_t port, uint64_t interval_ms)
{
	struct resolver_name *name =
	        resolver_add(resolver, owner, "db.example", port, interval_ms, NULL, NULL);

	ck_assert_ptr_nonnull(name);
	return name;
}

static struct resolver_name *start(uint64_t interval_ms)
{
	struct resolver_name *name = add("relay db: target", 5432, interval_ms);

	LOOP_UNTIL(base, resolver_name_tried(name));
	return name;
}

static void setup(void)
{
	capture_begin();
	base = evloop_new();
	lookups = lookups_new(base, fake_lookup, &fake);
	ck_assert_ptr_nonnull(lookups);
	resolver = resolver_new(base, lookups);
	ck_assert_ptr_nonnull(resolver);
}

static void finish(void)
{
	resolver_free(resolver);
	lookups_free(lookups);
	resolver = NULL;
	lookups = NULL;
}

static void teardown(void)
{
	finish();
	event_base_free(base);
	capture_end();
}

static void assert_first(struct resolver_name *name, const char *expected)
{
	struct address_list *list = resolver_name_get(name);
	char text[INET_ADDRSTRLEN];

	ck_assert_ptr_nonnull(list);
	inet_ntop(AF_INET, &list->endpoint[0].in.sin_addr, text, sizeof(text));
	ck_assert_str_eq(text, expected);
	address_list_put(list);
}

START_TEST(test_answer)
{
	struct resolver_name *name = start(LONG_MS);
	struct address_list *list = resolver_name_get(name);

	ck_assert_ptr_nonnull(list);
	ck_assert_uint_eq(list->count, 2);
	ck_assert_uint_eq(ntohs(list->endpoint[1].in.sin_port), 5432);
	assert_first(name, "10.0.0.1");
	ck_assert_uint_eq(fake_lookups(), 1);
	ck_assert_int_eq(captured(""), 0);
	finish();
	ck_assert_uint_eq(list->count, 2); /* outlives the resolver */
	address_list_put(list);
}
END_TEST

START_TEST(test_nothing_to_look_up)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
	resolver_free(NULL);
	address_list_put(NULL);
	ck_assert_uint_eq(fake_lookups(), 0);
}
END_TEST

START_TEST(test_not_tried_yet)
{
	struct resolver_name *name = add("relay db: target", 5432, LONG_MS);

	fake.stuck = true;
	ck_assert(!resolver_name_tried(name));
	ck_assert_ptr_null(resolver_name_get(name));
	LOOP_UNTIL(base, fake_lookups() == 1);
	ck_assert(!resolver_name_tried(name));
	FAKE_SET(stuck, false);
	LOOP_UNTIL(base, resolver_name_tried(name));
	assert_first(name, "10.0.0.1");
}
END_TEST

/* Fifty relays asked fifty times. */
START_TEST(test_one_lookup_for_all_who_ask)
{
	struct resolver_name *names[50];
	struct address_list *list;

	for (unsigned i = 0; i < 50; i++)
		names[i] = add("relay many: target", (uint16_t)(1000 + i), LONG_MS);
	LOOP_UNTIL(base, resolver_name_tried(names[0]));
	ck_assert_uint_eq(fake_lookups(), 1);
	for (unsigned i = 0; i < 50; i++) {
		list = resolver_name_get(names[i]);
		ck_assert_uint_eq(ntohs(list->endpoint[1].in.sin_port), 1000 + i);
		address_list_put(list);
	}
	list = resolver_name_get(add("relay late: target", 7, LONG_MS)); /* knows at once what is known */
	ck_assert_uint_eq(ntohs(list->endpoint[0].in.sin_port), 7);
	address_list_put(list);
	ck_assert_uint_eq(fake_lookups(), 1);
}
END_TEST

START_TEST(test_shortest_interval_counts)
{
	add("relay slow: target", 1, LONG_MS);
	add("relay quick: target", 2, SHORT_MS);
	add("relay slow: target", 3, LONG_MS);
	wait_lookups(5);
}
END_TEST

/* Two generations of one relay's target. */
START_TEST(test_replaced_name_has_the_answer_at_once)
{
	struct resolver_name *before = start(LONG_MS), *after = add("relay db: target", 5432, LONG_MS);

	ck_assert(resolver_name_tried(after));
	assert_first(after, "10.0.0.1");
	resolver_name_put(before);
	ck_assert(resolver_name_tried(after));
	assert_first(after, "10.0.0.1");
	for (int i = 0; i < 10; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(fake_lookups(), 1);
	FAKE_SET(generation, 7);
	resolver_name_hurry(after);
	LOOP_UNTIL(base, captured("now resolves to 10.0.7.1") > 0); /* it is still looked up */
	assert_first(after, "10.0.7.1");
}
END_TEST

/* Whoever hurried it may have been its last user. */
START_TEST(test_last_name_ends_the_lookups)
{
	struct resolver_name *name = start(SHORT_MS);
	unsigned count;

	FAKE_SET(stuck, true);
	wait_lookups(1); /* under way */
	if (_i)
		resolver_name_hurry(name);
	resolver_name_put(name);
	resolver_name_put(NULL);
	FAKE_SET(stuck, false);
	count = fake_lookups();
	ck_assert_uint_lt(loop_passes_in(base, 100), 10); /* nothing is due any more */
	ck_assert_uint_eq(fake_lookups(), count);
	FAKE_SET(generation, 7);
	name = start(LONG_MS); /* found anew */
	assert_first(name, "10.0.7.1");
	ck_assert_uint_eq(fake_lookups(), count + 1);
	ck_assert_int_eq(captured(""), 0);
}
END_TEST

static bool is_looked_up_within(unsigned ms)
{
	unsigned before = fake_lookups();

	loop_passes_in(base, ms);
	return fake_lookups() > before;
}

/* A look-up may be under way, or due, that was begun at the interval before. */
static void wait_quiet(void)
{
	LOOP_UNTIL(base, !is_looked_up_within(50));
}

START_TEST(test_interval_follows_who_is_there)
{
	struct resolver_name *slow = start(LONG_MS), *quick, *replaced = slow;

	ck_assert(!is_looked_up_within(50));
	quick = add("relay quick: target", 5432, SHORT_MS);
	wait_lookups(5); /* though the next was an hour away */
	resolver_name_put(quick);
	wait_quiet();
	slow = add("relay db: target", 5432, SHORT_MS);
	wait_lookups(5);
	resolver_name_put(slow); /* the settings were not accepted after all */
	wait_quiet();
	quick = add("relay db: target", 5432, SHORT_MS);
	wait_lookups(5);
	slow = add("relay db: target", 5432, LONG_MS); /* the older ones no longer count */
	wait_quiet();
	resolver_name_put(quick);
	resolver_name_put(replaced);
	wait_quiet();
	resolver_name_put(slow);
}
END_TEST

/* Of two generations that share a host: a and b were kept, c was removed, d was added. */
enum { OWNERS = 300, GENERATIONS = 30 };

static void add_all(struct resolver_name *names[OWNERS])
{
	for (int i = 0; i < OWNERS; i++) {
		char owner[32];

		snprintf(owner, sizeof(owner), "relay %d: target", i);
		names[i] = resolver_add(resolver, owner, "db.example", 1, LONG_MS, NULL, NULL);
		ck_assert_ptr_nonnull(names[i]);
	}
}

static void put_all(struct resolver_name *names[OWNERS])
{
	for (int i = 0; i < OWNERS; i++)
		resolver_name_put(names[i]);
}

/* CPU time, of the best of some, for as many names as a reload replaces. */
static clock_t replace_all(void)
{
	struct resolver_name *names[OWNERS];
	clock_t best = 0;

	for (int i = 0; i < 5; i++) {
		clock_t before = clock(), took;

		add_all(names);
		put_all(names);
		took = clock() - before;
		best = best == 0 || took < best ? took : best;
	}
	return best;
}

/* Long pairs may keep the names of many settings. A reload does not get slow by that. */
START_TEST(test_earlier_names_cost_nothing)
{
	static struct resolver_name *kept[GENERATIONS][OWNERS];
	clock_t alone, last;

	add_all(kept[0]);
	alone = replace_all();
	for (int i = 1; i < GENERATIONS; i++)
		add_all(kept[i]);
	last = replace_all();
	ck_assert_msg(last <= 5 * alone + 1000, "%ld and %ld us of CPU", (long)alone, (long)last);
	for (int i = 0; i < GENERATIONS; i++)
		put_all(kept[i]);
}
END_TEST

START_TEST(test_owners_in_the_log_follow)
{
	struct resolver_name *before[3] = {add("relay a: target", 1, LONG_MS),
	                                   add("relay b: target", 1, LONG_MS),
	                                   add("relay c: target", 1, LONG_MS)};

	LOOP_UNTIL(base, resolver_name_tried(before[0]));
	add("relay a: target", 1, LONG_MS);
	add("relay b: target", 1, LONG_MS);
	add("relay d: target", 1, LONG_MS);
	FAKE_SET(generation, 1);
	resolver_name_hurry(before[0]);
	LOOP_UNTIL(base,
	           captured("relay a: target db.example:1 (and 3 more) now resolves to 10.0.1.1:1") > 0);
	for (int i = 0; i < 3; i++)
		resolver_name_put(before[i]);
	FAKE_SET(generation, 2);
	resolver_name_hurry(add("relay a: target", 2, LONG_MS)); /* another port */
	LOOP_UNTIL(base,
	           captured("relay a: target db.example:1 (and 3 more) now resolves to 10.0.2.1:1") > 0);
}
END_TEST

START_TEST(test_many_targets_fail_in_one_line)
{
	fake.failing = true;
	add("relay a: target", 1, LONG_MS);
	add("relay b: target", 2, LONG_MS);
	add("relay c: target", 3, LONG_MS);
	LOOP_UNTIL(base, captured("") > 0);
	ck_assert_int_eq(captured(""), 1);
	ck_assert_int_eq(captured("relay a: target db.example:1 (and 2 more) does not resolve: "), 1);
}
END_TEST

/* As a failed connect does. However many ask, there is a second between two look-ups. */
START_TEST(test_hurry)
{
	uint64_t began = clock_ms();
	struct resolver_name *name = start(LONG_MS);

	FAKE_SET(generation, 3);
	for (int i = 0; i < 1000; i++)
		resolver_name_hurry(name);
	LOOP_UNTIL(base, captured("now resolves to 10.0.3.1") > 0);
	ck_assert_uint_ge(clock_ms() - began, 1000 - 20); /* the clock of the loop is behind */
	for (int i = 0; i < 1000; i++) {
		resolver_name_hurry(name);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	wait_lookups(3 - fake_lookups());
	ck_assert_uint_ge(clock_ms() - began, 2000 - 4);
}
END_TEST

START_TEST(test_failure_then_answer)
{
	struct resolver_name *name;

	fake.failing = true;
	name = start(SHORT_MS);
	wait_lookups(4);
	ck_assert_ptr_null(resolver_name_get(name));
	ck_assert_int_eq(captured(""), 1);
	ck_assert_int_eq(captured(" warning relay db: target db.example:5432 does not resolve: "), 1);
	ck_assert_int_eq(captured(gai_strerror(EAI_AGAIN)), 1);

	FAKE_SET(failing, false);
	wait_lookups(4);
	assert_first(name, "10.0.0.1");
	ck_assert_int_eq(captured(""), 2);
	ck_assert_int_eq(captured(" notice relay db: target db.example:5432 now resolves to 10.0.0.1:5432, "
	                          "10.0.0.2:5432"),
	                 1);
}
END_TEST

START_TEST(test_failure_keeps_the_answer)
{
	struct resolver_name *name = start(SHORT_MS);

	FAKE_SET(failing, true);
	wait_lookups(4);
	assert_first(name, "10.0.0.1");
	ck_assert_int_eq(captured(""), 1);
	ck_assert_int_eq(captured("does not resolve"), 1);
	ck_assert_int_eq(captured("; its last addresses stay in use"), 1);
}
END_TEST

START_TEST(test_changed_answer)
{
	struct resolver_name *name = start(SHORT_MS);

	FAKE_SET(generation, 7);
	wait_lookups(3);
	assert_first(name, "10.0.7.1");
	ck_assert_int_eq(captured(""), 1);
	ck_assert_int_eq(captured("now resolves to 10.0.7.1:5432, 10.0.7.2:5432"), 1);
	FAKE_SET(count, 1);
	wait_lookups(3);
	ck_assert_int_eq(captured(""), 2);
	FAKE_SET(count, 20);
	wait_lookups(3);
	ck_assert_int_eq(captured(""), 3);
	ck_assert_int_eq(captured("10.0.7.8:5432 and more"), 1);
}
END_TEST

/* Name servers rotate their addresses. A new order is not a change, and the list in use stays. */
START_TEST(test_turned_answer)
{
	struct resolver_name *name = start(SHORT_MS);
	struct address_list *before = resolver_name_get(name), *after;

	FAKE_SET(turned, true);
	wait_lookups(3);
	after = resolver_name_get(name);
	ck_assert_ptr_eq(before, after);
	ck_assert_int_eq(captured(""), 0);
	address_list_put(before);
	address_list_put(after);
}
END_TEST

/* Who is told of other addresses: how often, and which generation it has taken. */
static struct user {
	struct resolver_name *name;
	unsigned told, taken;
	bool full; /* it has no memory to take them */
} users[2];

static int take_addresses(void *arg)
{
	struct user *user = arg;
	struct address_list *list = resolver_name_get(user->name);

	user->told++;
	if (!user->full)
		user->taken = ntohl(list->endpoint[0].in.sin_addr.s_addr) >> 8 & 0xff;
	address_list_put(list);
	return user->full ? -ENOMEM : 0;
}

static void add_users(void)
{
	for (int i = 0; i < 2; i++) {
		users[i].name = resolver_add(resolver, "relay db: target", "db.example", (uint16_t)(1 + i),
		                             SHORT_MS, take_addresses, &users[i]);
		ck_assert_ptr_nonnull(users[i].name);
		ck_assert_uint_eq(users[i].told, 0);
	}
}

START_TEST(test_other_addresses_are_told)
{
	FAKE_SET(generation, 1);
	add_users();
	LOOP_UNTIL(base, resolver_name_tried(users[0].name));
	ck_assert(users[0].taken == 1 && users[1].taken == 1);
	FAKE_SET(turned, true); /* which is no change */
	wait_lookups(3);
	ck_assert(users[0].told == 1 && users[1].told == 1);
	FAKE_SET(generation, 2);
	LOOP_UNTIL(base, users[0].taken == 2 && users[1].taken == 2);
	FAKE_SET(failing, true);
	wait_lookups(3);
	ck_assert(users[0].told == 2 && users[1].told == 2);
}
END_TEST

START_TEST(test_addresses_that_were_not_taken_are_told_again)
{
	FAKE_SET(generation, 1);
	add_users();
	LOOP_UNTIL(base, users[1].taken == 1);
	users[1].full = true;
	FAKE_SET(generation, 2);
	LOOP_UNTIL(base, users[1].told >= 4);
	ck_assert(users[0].taken == 2 && users[1].taken == 1);
	if (_i)
		FAKE_SET(generation, 1); /* what they had before */
	users[1].full = false;
	LOOP_UNTIL(base, users[0].taken == 2U - (unsigned)_i && users[1].taken == 2U - (unsigned)_i);
	ck_assert_int_eq(captured("does not resolve: Memory allocation failure"), 1);
}
END_TEST

START_TEST(test_first_addresses_that_were_not_taken_are_still_awaited)
{
	users[0].full = true;
	add_users();
	LOOP_UNTIL(base, users[0].told >= 2);
	ck_assert(!resolver_name_tried(users[0].name));
	users[0].full = false;
	LOOP_UNTIL(base, resolver_name_tried(users[0].name));
}
END_TEST

START_TEST(test_retries_come_sooner)
{
	fake.failing = true;
	start(LONG_MS);
	wait_lookups(2);
	finish();
	ck_assert_uint_ge(fake.gaps[1], 1000 - 20); /* the clock of the loop is behind */
	ck_assert_uint_ge(fake.gaps[2], 2000 - 20);
}
END_TEST

#define READERS 4

static atomic_bool readers_stop;

static void *reader_main(void *arg)
{
	struct resolver_name *name = arg;
	uintptr_t torn = 0;

	while (!readers_stop) {
		struct address_list *list = resolver_name_get(name);
		uint32_t first = ntohl(list->endpoint[0].in.sin_addr.s_addr);

		for (size_t i = 0; i < list->count; i++)
			torn += ntohl(list->endpoint[i].in.sin_addr.s_addr) != first + i;
		address_list_put(list);
	}
	/* NOLINTNEXTLINE(performance-no-int-to-ptr): a number as a thread's result */
	return (void *)torn;
}

static void start_readers(pthread_t reader[READERS], struct resolver_name *name)
{
	for (int i = 0; i < READERS; i++)
		ck_assert_int_eq(pthread_create(&reader[i], NULL, reader_main, name), 0);
}

static void end_readers(const pthread_t reader[READERS])
{
	readers_stop = true;
	for (int i = 0; i < READERS; i++) {
		void *torn;

		pthread_join(reader[i], &torn);
		ck_assert_ptr_null(torn);
	}
}

START_TEST(test_changes_under_readers)
{
	struct resolver_name *name;
	pthread_t reader[READERS];

	fake.steady = false;
	fake.count = 5;
	name = start(1);
	start_readers(reader, name);
	wait_lookups(40); /* the readers leave a busy machine little time for them */
	end_readers(reader);
}
END_TEST

/* Pairs use the names of their generation, while others come and go. */
START_TEST(test_names_come_and_go_under_readers)
{
	struct resolver_name *name, *others[3] = {NULL};
	pthread_t reader[READERS];
	unsigned end;

	fake.steady = false;
	name = start(1);
	end = fake_lookups() + 40;
	start_readers(reader, name);
	for (unsigned i = 0; fake_lookups() < end; i++) {
		resolver_name_put(others[i % 3]);
		others[i % 3] = add(i % 2 ? "relay db: target" : "relay web: target", 5432, 1 + i % 3);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	end_readers(reader);
}
END_TEST

/* A lookup that was not waited for ends later by itself, and nobody is told. */
START_TEST(test_stuck_lookup)
{
	char host[] = "db.example", owner[] = "relay db: target";

	fake.stuck = true;
	fake.failing = _i;
	ck_assert_ptr_nonnull(resolver_add(resolver, owner, host, 5432, SHORT_MS, NULL, NULL));
	memset(host, 'x', sizeof(host) - 1); /* the resolver has copies */
	memset(owner, 'x', sizeof(owner) - 1);
	LOOP_UNTIL(base, fake_lookups() > 0);
	finish();
	FAKE_SET(stuck, false);
	LOOP_UNTIL(base, unit_threads("weir-jobs") == 0);
	ck_assert_uint_eq(fake_lookups(), 1);
	ck_assert_int_eq(captured(""), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resolver");
	TCase *tc = tcase_create("resolver");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_nothing_to_look_up);
	tcase_add_test(tc, test_not_tried_yet);
	tcase_add_test(tc, test_one_lookup_for_all_who_ask);
	tcase_add_test(tc, test_shortest_interval_counts);
	tcase_add_test(tc, test_replaced_name_has_the_answer_at_once);
	tcase_add_loop_test(tc, test_last_name_ends_the_lookups, 0, 2);
	tcase_add_test(tc, test_interval_follows_who_is_there);
	tcase_add_test(tc, test_owners_in_the_log_follow);
	tcase_add_test(tc, test_earlier_names_cost_nothing);
	tcase_add_test(tc, test_names_come_and_go_under_readers);
	tcase_add_test(tc, test_many_targets_fail_in_one_line);
	tcase_add_test(tc, test_hurry);
	tcase_add_test(tc, test_failure_then_answer);
	tcase_add_test(tc, test_failure_keeps_the_answer);
	tcase_add_test(tc, test_changed_answer);
	tcase_add_test(tc, test_turned_answer);
	tcase_add_test(tc, test_other_addresses_are_told);
	tcase_add_loop_test(tc, test_addresses_that_were_not_taken_are_told_again, 0, 2);
	tcase_add_test(tc, test_first_addresses_that_were_not_taken_are_still_awaited);
	tcase_add_test(tc, test_retries_come_sooner);
	tcase_add_test(tc, test_changes_under_readers);
	tcase_add_loop_test(tc, test_stuck_lookup, 0, 2);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
