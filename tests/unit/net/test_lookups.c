/* Looking host names up, and that silent name servers hold up only their own names. */
#include "build_config.h"

#include "base/clock.h"
#include "base/evloop.h"
#include "capture.h"
#include "loop.h"
#include "net/lookups.h"
#include "unit.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <net/if.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct event_base *base;
static struct lookups *lookups;

/* Names that begin with "dead" have a name server that does not answer until it is revived. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t revived;
	bool dead;
	unsigned asking, most_asking; /* of dead ones */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .revived = PTHREAD_COND_INITIALIZER, .dead = true};

static struct address_list *fake_call(const char *host, void *arg, int *error)
{
	const struct endpoint endpoint = {.length = sizeof(endpoint.in), .in = {.sin_family = AF_INET}};

	ck_assert_ptr_eq(arg, &server);
	if (strncmp(host, "dead", 4) != 0)
		return address_list_single(&endpoint);
	pthread_mutex_lock(&server.lock);
	server.asking++;
	if (server.asking > server.most_asking)
		server.most_asking = server.asking;
	while (server.dead)
		pthread_cond_wait(&server.revived, &server.lock);
	server.asking--;
	pthread_mutex_unlock(&server.lock);
	*error = EAI_AGAIN;
	return NULL;
}

static void revive(void)
{
	pthread_mutex_lock(&server.lock);
	server.dead = false;
	pthread_cond_broadcast(&server.revived);
	pthread_mutex_unlock(&server.lock);
}

static unsigned asking(void)
{
	unsigned count;

	pthread_mutex_lock(&server.lock);
	count = server.asking;
	pthread_mutex_unlock(&server.lock);
	return count;
}

/* What has been answered. */
static unsigned good, bad, slow;

static void take(void *arg, const struct lookup_answer *answer)
{
	ck_assert_ptr_eq(arg, &good);
	good += answer->list != NULL;
	bad += !answer->list;
	slow += answer->slow;
	if (!answer->list)
		ck_assert_int_eq(answer->error, EAI_AGAIN);
	address_list_put(answer->list);
}

static struct lookup *ask(const char *host, bool was_slow)
{
	struct lookup *lookup = lookups_begin(lookups, host, was_slow, take, &good);

	ck_assert_ptr_nonnull(lookup);
	return lookup;
}

static void setup(void)
{
	capture_begin();
	base = evloop_new();
	lookups = lookups_new(base, fake_call, &server);
	ck_assert_ptr_nonnull(lookups);
}

static void finish(void)
{
	lookups_free(lookups);
	lookups = NULL;
}

static void teardown(void)
{
	revive();
	finish();
	event_base_free(base);
	capture_end();
}

/* Nothing is slow that began at this time or later, but if the machine has not run its thread for so long. */
static void assert_quick_since(uint64_t began)
{
	if (clock_ms() < began + LOOKUPS_SLOW_MS)
		ck_assert_uint_eq(slow, 0);
}

START_TEST(answer_comes_later)
{
	uint64_t began = clock_ms();

	ask("quick", false);
	ck_assert_uint_eq(good, 0);
	LOOP_UNTIL(base, good == 1);
	assert_quick_since(began);
	ck_assert_uint_eq(bad, 0);
}
END_TEST

/* A relay whose name was in hosts(5) was first served after ten seconds. */
START_TEST(silent_name_server_delays_only_its_own_names)
{
	for (int i = 0; i < 10; i++)
		ask("dead", false);
	ask("quick", false);
	LOOP_UNTIL(base, good == 1);
	ck_assert_uint_eq(bad, 0);
	revive();
	LOOP_UNTIL(base, bad == 10);
	ck_assert_uint_ge(slow, 8); /* those that were asked for first */
	ck_assert_uint_eq(lookups_counts(lookups).made, 11);
	ck_assert_uint_eq(lookups_counts(lookups).failed, 10);
}
END_TEST

/* Once it is known that they are slow, there may be any number of them. */
START_TEST(slow_names_never_take_all_threads)
{
	for (int i = 0; i < 100; i++)
		ask("dead", true);
	LOOP_UNTIL(base, asking() == LOOKUPS_SLOW);
	for (int i = 0; i < 100; i++)
		ask("quick", false);
	LOOP_UNTIL(base, good == 100);
	ck_assert_uint_eq(asking(), LOOKUPS_SLOW);
	revive();
	LOOP_UNTIL(base, bad == 100);
	ck_assert_uint_eq(server.most_asking, LOOKUPS_SLOW);
}
END_TEST

START_TEST(slow_name_that_is_quick_again)
{
	uint64_t began = clock_ms();

	ask("quick", true);
	LOOP_UNTIL(base, good == 1);
	assert_quick_since(began);
}
END_TEST

START_TEST(cancelled_lookups_answer_nobody)
{
	struct lookup *running = ask("dead", false), *waiting;

	LOOP_UNTIL(base, asking() == 1);
	waiting = ask("quick", false);
	lookup_cancel(running);
	lookup_cancel(waiting);
	lookup_cancel(NULL);
	revive();
	ask("quick", false);
	LOOP_UNTIL(base, good == 1 && asking() == 0);
	finish();
	ck_assert_uint_eq(good + bad, 1);
}
END_TEST

/* Some run, the others wait. They are not waited for: those that run go on until the server is revived. */
START_TEST(stuck_lookups_end_by_themselves)
{
	for (int i = 0; i < 20; i++)
		ask("dead", false);
	LOOP_UNTIL(base, asking() >= LOOKUPS_QUICK); /* more if they are slow by now */
	finish();
	ck_assert_uint_ge(asking(), LOOKUPS_QUICK);
	revive();
	LOOP_UNTIL(base, unit_threads("weir-jobs") == 0);
	ck_assert_uint_eq(good + bad, 0);
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
	struct address_list *list = lookup_now("twice.example", NULL, &error);

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
	struct address_list *list = lookup_now("localhost", NULL, &error);

	/* Packages are built on systems so small that the name is not known. */
	if (list == NULL && error == EAI_NONAME && access("/etc/hosts", R_OK) != 0) {
		return;
	}
	ck_assert_msg(list != NULL, "%s", gai_strerror(error));
	ck_assert_uint_ge(list->count, 1);
	for (size_t i = 0; i < list->count; i++) {
		char text[ADDRESS_TEXT_MAX];

		endpoint_format(&list->endpoint[i].any, list->endpoint[i].length, text);
		ck_assert_msg(strcmp(text, "[::1]:0") == 0 || strncmp(text, "127.", 4) == 0, "%s", text);
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

	ck_assert_ptr_null(lookup_now("not..a..name", NULL, &error));
	ck_assert_int_ne(error, 0);
}
END_TEST

/* The number of the interface is found without any name server. */
START_TEST(link_local_address_is_looked_up)
{
	int error = 0;
	struct address_list *list = lookup_now("fe80::1%lo", NULL, &error);

	ck_assert_ptr_nonnull(list);
	ck_assert_uint_eq(list->count, 1);
	ck_assert_uint_eq(list->endpoint[0].in6.sin6_scope_id, if_nametoindex("lo"));
	address_list_put(list);
	ck_assert_ptr_null(lookup_now("fe80::1%nosuch0", NULL, &error));
	ck_assert_str_eq(lookup_strerror(error), "No such device");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lookups");
	TCase *tc = tcase_create("lookups");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, answer_comes_later);
	tcase_add_test(tc, silent_name_server_delays_only_its_own_names);
	tcase_add_test(tc, slow_names_never_take_all_threads);
	tcase_add_test(tc, slow_name_that_is_quick_again);
	tcase_add_test(tc, cancelled_lookups_answer_nobody);
	tcase_add_test(tc, stuck_lookups_end_by_themselves);
	tcase_add_test(tc, test_single);
	tcase_add_test(tc, test_duplicates);
	tcase_add_test(tc, test_localhost);
	tcase_add_test(tc, test_no_such_name);
	tcase_add_test(tc, link_local_address_is_looked_up);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
