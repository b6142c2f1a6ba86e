/* Rings of relays, by the addresses that they have at run time. */
#include "build_config.h"

#include "relay/loops.h"
#include "relay/relay_stage.h"

#include <arpa/inet.h>

#define MOST 4

static struct relay *relays[MOST];
static size_t count;
static struct loops *loops;

/* A relay that is reached at this address. */
static void add(const char *entrance, const char *const *targets)
{
	struct relay *added = relays_new(LISTEN, targets, NULL, resolver, 1);
	struct address address;

	ck_assert_int_eq(relays_listen(added), 0);
	ck_assert_int_eq(address_parse(entrance, &address), 0);
	added->entrances.list[0]->endpoint = address.endpoint;
	relays[count++] = added;
}

/* Every relay is there now. */
static void join(void)
{
	for (size_t i = 0; i < count; i++)
		resolve(relays[i]);
	loops = loops_new(relays, count);
	ck_assert_ptr_nonnull(loops);
}

/* What the first client of a relay gets that comes in at this place of its range. */
static int choose_at(size_t from, uint16_t place)
{
	const union client_address anyone = {.any = {.sa_family = AF_UNIX}};
	struct target_choice choice;
	int error = targets_choose(relays[from]->targets, &anyone, place, NULL, &choice);

	target_choice_deinit(&choice);
	return error;
}

static int choose_first(size_t from)
{
	return choose_at(from, 0);
}

static void leave(void)
{
	loops_free(loops);
	loops_free(NULL);
	for (size_t i = 0; i < count; i++)
		relays_free(relays[i]);
	teardown();
}

/* Two relays of one file took more than a CPU for ever, after one client. */
START_TEST(two_relays_by_names)
{
	add("10.0.0.2:81", TEXTS("one.example:80"));
	add("10.1.0.1:80", TEXTS("three.example:81"));
	join();
	ck_assert_int_eq(choose_first(0), -EDEADLK);
	ck_assert_int_eq(choose_first(1), 0); /* its first address leads elsewhere */
	ck_assert(loops_lead_back(loops, 1, &relays[0]->entrances.list[0]->endpoint));
}
END_TEST

START_TEST(chain_that_ends_at_a_target)
{
	add("10.9.0.1:80", TEXTS("one.example:80"));
	add("10.1.0.1:80", TEXTS("unix:@weir-test-loops"));
	add("unix:@weir-test-loops", TEXTS("three.example:80"));
	join();
	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(choose_first(i), 0);
}
END_TEST

START_TEST(ring_of_three)
{
	add("10.0.0.3:80", TEXTS("one.example:80"));
	add("10.1.0.1:80", TEXTS("10.7.7.7:7", "unix:@weir-test-loops"));
	add("unix:@weir-test-loops", TEXTS("three.example:80"));
	join();
	ck_assert_int_eq(choose_first(0), -EDEADLK);
	ck_assert_int_eq(choose_first(1), 0);
	ck_assert(loops_lead_back(loops, 1, &relays[2]->entrances.list[0]->endpoint));
}
END_TEST

/* One relay leads into a ring without being part of it. */
START_TEST(ring_ahead)
{
	add("10.9.0.1:80", TEXTS("one.example:80"));
	add("10.1.0.1:80", TEXTS("unix:@weir-test-loops"));
	add("unix:@weir-test-loops", TEXTS("one.example:80"));
	join();
	ck_assert_int_eq(choose_first(0), 0);
	ck_assert_int_eq(choose_first(1), -EDEADLK);
	ck_assert_int_eq(choose_first(2), -EDEADLK);
}
END_TEST

static void add_range(const char *listen, const char *target, unsigned listen_at, unsigned target_at)
{
	char from[32], to[32];

	snprintf(from, sizeof(from), "%s:%u-%u", listen, listen_at, listen_at + 2);
	snprintf(to, sizeof(to), "%s:%u-%u", target, target_at, target_at + 2);
	relays[count] = relays_new(TEXTS(from), TEXTS(to), NULL, resolver, 1);
	ck_assert_int_eq(relays_listen(relays[count++]), 0);
}

/* The second relay leads on to the next port of the first. Its last port leads to none of them. */
START_TEST(ring_through_ranges)
{
	const unsigned port = relays_free_ports("127.0.3.3", 4), other = relays_free_ports("127.0.3.4", 4);

	add_range("127.0.3.3", "127.0.3.4", port, other);
	add_range("127.0.3.4", "127.0.3.3", other, port + 1);
	join();
	for (uint16_t place = 0; place < 3; place++) {
		ck_assert_int_eq(choose_at(0, place), place < 2 ? -EDEADLK : 0);
		ck_assert_int_eq(choose_at(1, place), place < 2 ? -EDEADLK : 0);
	}
}
END_TEST

START_TEST(same_port_elsewhere)
{
	add("10.0.0.9:80", TEXTS("one.example:80"));
	add("10.1.0.2:80", TEXTS("three.example:80"));
	join();
	ck_assert_int_eq(choose_first(0), 0);
	ck_assert_int_eq(choose_first(1), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loops");
	TCase *tcase = tcase_create("loops");

	tcase_add_checked_fixture(tcase, setup, leave);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, two_relays_by_names);
	tcase_add_test(tcase, chain_that_ends_at_a_target);
	tcase_add_test(tcase, ring_of_three);
	tcase_add_test(tcase, ring_ahead);
	tcase_add_test(tcase, ring_through_ranges);
	tcase_add_test(tcase, same_port_elsewhere);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
