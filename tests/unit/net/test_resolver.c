#include "build_config.h"

#include "base/clock.h"
#include "base/log.h"
#include "capture.h"
#include "net/resolver.h"
#include "unit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SHORT_MS    2
#define LONG_MS     3600000
#define PATIENCE_MS 60000 /* more than Check's time limit */

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

static struct address_list *fake_answer(uint16_t port)
{
	struct address_list *list = address_list_new(fake.count);

	for (unsigned i = 0; i < fake.count; i++) {
		struct endpoint *endpoint = &list->endpoint[fake.turned ? fake.count - 1 - i : i];

		endpoint->length = sizeof(endpoint->in);
		endpoint->in.sin_family = AF_INET;
		endpoint->in.sin_port = htons(port);
		endpoint->in.sin_addr.s_addr = htonl(0x0a000001 + (fake.generation % 256) * 256 + i);
	}
	list->count = fake.count;
	return list;
}

static struct address_list *fake_lookup(const char *host, uint16_t port, void *arg, int *error)
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
		list = fake_answer(port);
	pthread_mutex_unlock(&fake.lock);
	return list;
}

static unsigned fake_lookups(void)
{
	unsigned lookups;

	pthread_mutex_lock(&fake.lock);
	lookups = fake.lookups;
	pthread_mutex_unlock(&fake.lock);
	return lookups;
}

/* Waits until count more lookups have begun. All but the last of them have then been processed. */
static void wait_lookups(unsigned count)
{
	unsigned end = fake_lookups() + count;

	while (fake_lookups() < end)
		poll(NULL, 0, 1);
}

#define FAKE_SET(member, value)                                                                              \
	do {                                                                                                 \
		pthread_mutex_lock(&fake.lock);                                                              \
		fake.member = (value);                                                                       \
		pthread_cond_broadcast(&fake.go);                                                            \
		pthread_mutex_unlock(&fake.lock);                                                            \
	} while (0)

static struct resolver *start(uint64_t interval_ms, struct resolver_name **name)
{
	struct resolver *resolver = resolver_new(interval_ms, fake_lookup, &fake);

	ck_assert_ptr_nonnull(resolver);
	*name = resolver_add(resolver, "relay db: target", "db.example", 5432);
	ck_assert_ptr_nonnull(*name);
	ck_assert_int_eq(resolver_start(resolver), 0);
	resolver_wait(resolver, PATIENCE_MS);
	return resolver;
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
	struct resolver_name *name;
	struct resolver *resolver = start(LONG_MS, &name);
	struct address_list *list = resolver_name_get(name);

	ck_assert_ptr_nonnull(list);
	ck_assert_uint_eq(list->count, 2);
	ck_assert_uint_eq(ntohs(list->endpoint[1].in.sin_port), 5432);
	assert_first(name, "10.0.0.1");
	ck_assert_uint_eq(fake_lookups(), 1);
	ck_assert_int_eq(captured(""), 0);
	resolver_free(resolver);
	ck_assert_uint_eq(list->count, 2); /* outlives the resolver */
	address_list_put(list);
}
END_TEST

START_TEST(test_nothing_to_look_up)
{
	struct resolver *resolver = resolver_new(LONG_MS, fake_lookup, &fake);

	ck_assert_int_eq(resolver_start(resolver), 0);
	resolver_wait(resolver, PATIENCE_MS);
	resolver_free(resolver);
	resolver_free(NULL);
	address_list_put(NULL);
	ck_assert_uint_eq(fake_lookups(), 0);
}
END_TEST

START_TEST(test_never_started)
{
	struct resolver *resolver = resolver_new(LONG_MS, NULL, NULL);
	struct resolver_name *name = resolver_add(resolver, "relay db: target", "db.example", 5432);

	resolver_wait(resolver, PATIENCE_MS);
	ck_assert_ptr_null(resolver_name_get(name));
	resolver_free(resolver);
}
END_TEST

START_TEST(test_failure_then_answer)
{
	struct resolver_name *name;
	struct resolver *resolver;

	fake.failing = true;
	resolver = start(SHORT_MS, &name);
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
	resolver_free(resolver);
}
END_TEST

START_TEST(test_failure_keeps_the_answer)
{
	struct resolver_name *name;
	struct resolver *resolver = start(SHORT_MS, &name);

	FAKE_SET(failing, true);
	wait_lookups(4);
	assert_first(name, "10.0.0.1");
	ck_assert_int_eq(captured(""), 1);
	ck_assert_int_eq(captured("does not resolve"), 1);
	ck_assert_int_eq(captured("; its last addresses stay in use"), 1);
	resolver_free(resolver);
}
END_TEST

START_TEST(test_changed_answer)
{
	struct resolver_name *name;
	struct resolver *resolver = start(SHORT_MS, &name);

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
	resolver_free(resolver);
}
END_TEST

/* Name servers rotate their addresses. A new order is not a change, and the list in use stays. */
START_TEST(test_turned_answer)
{
	struct resolver_name *name;
	struct resolver *resolver = start(SHORT_MS, &name);
	struct address_list *before = resolver_name_get(name), *after;

	FAKE_SET(turned, true);
	wait_lookups(3);
	after = resolver_name_get(name);
	ck_assert_ptr_eq(before, after);
	ck_assert_int_eq(captured(""), 0);
	address_list_put(before);
	address_list_put(after);
	resolver_free(resolver);
}
END_TEST

START_TEST(test_retries_come_sooner)
{
	struct resolver_name *name;
	struct resolver *resolver;

	fake.failing = true;
	resolver = start(LONG_MS, &name);
	wait_lookups(2);
	resolver_free(resolver);
	ck_assert_uint_ge(fake.gaps[1], 1000);
	ck_assert_uint_ge(fake.gaps[2], 2000);
}
END_TEST

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

START_TEST(test_changes_under_readers)
{
	struct resolver_name *name;
	struct resolver *resolver;
	pthread_t reader[4];

	fake.steady = false;
	fake.count = 5;
	resolver = start(1, &name);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&reader[i], NULL, reader_main, name), 0);
	wait_lookups(200);
	readers_stop = true;
	for (int i = 0; i < 4; i++) {
		void *torn;

		pthread_join(reader[i], &torn);
		ck_assert_ptr_null(torn);
	}
	resolver_free(resolver);
}
END_TEST

/* How many resolver threads are alive. Sanitizers have threads of their own. */
static int count_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	int count = 0;

	ck_assert_ptr_nonnull(tasks);
	while ((entry = readdir(tasks)) != NULL) {
		char path[300], name[32] = "";
		FILE *comm;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		comm = fopen(path, "r");
		if (!comm)
			continue;
		count += fgets(name, sizeof(name), comm) && strcmp(name, "weir-resolver\n") == 0;
		fclose(comm);
	}
	closedir(tasks);
	return count;
}

/* A lookup that resolver_free did not wait for ends later by itself, and frees what it held. */
START_TEST(test_stuck_lookup)
{
	struct resolver *resolver = resolver_new(SHORT_MS, fake_lookup, &fake);
	char host[] = "db.example", owner[] = "relay db: target";

	fake.stuck = true;
	fake.failing = _i;
	ck_assert_ptr_nonnull(resolver_add(resolver, owner, host, 5432));
	memset(host, 'x', sizeof(host) - 1); /* the resolver has copies */
	memset(owner, 'x', sizeof(owner) - 1);
	ck_assert_int_eq(resolver_start(resolver), 0);
	while (fake_lookups() == 0)
		poll(NULL, 0, 1);
	resolver_wait(resolver, 1);
	resolver_free(resolver);
	ck_assert_int_eq(count_threads(), 1);
	FAKE_SET(stuck, false);
	while (count_threads() > 0)
		poll(NULL, 0, 1);
	ck_assert_uint_eq(fake_lookups(), 1);
	ck_assert_int_eq(captured(""), 0);
}
END_TEST

static void *unstick(void *arg)
{
	poll(NULL, 0, 50);
	FAKE_SET(stuck, false);
	return arg;
}

/* resolver_free waits for a lookup that is only slow. */
START_TEST(test_slow_lookup)
{
	struct resolver *resolver = resolver_new(SHORT_MS, fake_lookup, &fake);
	pthread_t thread;

	fake.stuck = true;
	ck_assert_ptr_nonnull(resolver_add(resolver, "relay db: target", "db.example", 5432));
	ck_assert_int_eq(resolver_start(resolver), 0);
	while (fake_lookups() == 0)
		poll(NULL, 0, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, unstick, NULL), 0);
	resolver_free(resolver);
	pthread_join(thread, NULL);
	ck_assert_int_eq(count_threads(), 0);
}
END_TEST

START_TEST(test_single)
{
	struct endpoint endpoint = {.length = sizeof(endpoint.in),
	                            .in = {.sin_family = AF_INET, .sin_port = 1}};
	struct address_list *list = address_list_single(&endpoint);

	ck_assert_ptr_nonnull(list);
	ck_assert_uint_eq(list->count, 1);
	ck_assert_mem_eq(&list->endpoint[0].in, &endpoint.in, sizeof(endpoint.in));
	ck_assert_ptr_eq(address_list_get(list), list);
	address_list_put(list);
	ck_assert_uint_eq(list->count, 1);
	address_list_put(list);
}
END_TEST

/* Two addresses, one of them listed twice, as can happen in hosts(5). */
static struct addrinfo *twice(void)
{
	static struct sockaddr_in addresses[3];
	static struct addrinfo infos[3];

	for (int i = 0; i < 3; i++) {
		addresses[i].sin_family = AF_INET;
		addresses[i].sin_addr.s_addr = htonl(INADDR_LOOPBACK + (in_addr_t)(i % 2));
		infos[i].ai_family = AF_INET;
		infos[i].ai_addr = (struct sockaddr *)&addresses[i];
		infos[i].ai_addrlen = sizeof(addresses[i]);
		infos[i].ai_next = i < 2 ? &infos[i + 1] : NULL;
	}
	return infos;
}

/* Overrides the C library's function, and passes every other name on to it. */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	ck_assert_int_eq(hints->ai_flags & AI_ADDRCONFIG, 0); /* offline, it would hide loopback addresses */
	if (strcmp(host, "twice.example") == 0) {
		*found = twice();
		return 0;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(host, service, hints, found);
}

void freeaddrinfo(struct addrinfo *found)
{
	void (*real)(struct addrinfo *);

	if (found == twice())
		return;
	*(void **)&real = dlsym(RTLD_NEXT, "freeaddrinfo");
	real(found);
}

START_TEST(test_duplicates)
{
	int error = 0;
	struct address_list *list = resolver_lookup_now("twice.example", 8080, NULL, &error);

	ck_assert_ptr_nonnull(list);
	ck_assert_uint_eq(list->count, 2);
	ck_assert_uint_eq(ntohl(list->endpoint[0].in.sin_addr.s_addr), INADDR_LOOPBACK);
	ck_assert_uint_eq(ntohl(list->endpoint[1].in.sin_addr.s_addr), INADDR_LOOPBACK + 1);
	address_list_put(list);
}
END_TEST

/* The real getaddrinfo(3), with a name that needs no network. */
START_TEST(test_localhost)
{
	int error = 0;
	struct address_list *list = resolver_lookup_now("localhost", 8080, NULL, &error);

	ck_assert_msg(list != NULL, "%s", gai_strerror(error));
	ck_assert_uint_ge(list->count, 1);
	for (size_t i = 0; i < list->count; i++) {
		char text[ADDRESS_TEXT_MAX];

		endpoint_format(&list->endpoint[i].any, list->endpoint[i].length, text);
		ck_assert_msg(strcmp(text, "[::1]:8080") == 0 || strncmp(text, "127.", 4) == 0, "%s", text);
		for (size_t j = 0; j < i; j++)
			ck_assert_mem_ne(&list->endpoint[i].any, &list->endpoint[j].any,
			                 list->endpoint[i].length);
	}
	address_list_put(list);
}
END_TEST

START_TEST(test_no_such_name)
{
	int error = 0;

	ck_assert_ptr_null(resolver_lookup_now("not..a..name", 8080, NULL, &error));
	ck_assert_int_ne(error, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resolver");
	TCase *tc = tcase_create("resolver");

	tcase_add_checked_fixture(tc, capture_begin, capture_end);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, test_answer);
	tcase_add_test(tc, test_nothing_to_look_up);
	tcase_add_test(tc, test_never_started);
	tcase_add_test(tc, test_failure_then_answer);
	tcase_add_test(tc, test_failure_keeps_the_answer);
	tcase_add_test(tc, test_changed_answer);
	tcase_add_test(tc, test_turned_answer);
	tcase_add_test(tc, test_retries_come_sooner);
	tcase_add_test(tc, test_changes_under_readers);
	tcase_add_loop_test(tc, test_stuck_lookup, 0, 2);
	tcase_add_test(tc, test_slow_lookup);
	tcase_add_test(tc, test_single);
	tcase_add_test(tc, test_duplicates);
	tcase_add_test(tc, test_localhost);
	tcase_add_test(tc, test_no_such_name);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
