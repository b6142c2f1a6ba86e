/* Acceptors that another program takes over: those that drain, and those that have something to say. */
#include "build_config.h"

#include "base/clock.h"
#include "handing_over.h"
#include "unit.h"
#include "worker/accepting_stage.h"
#include "worker/acceptor_private.h"
#include "worker/acceptor_state.h"

static struct relay *relay;
static struct entrance *entrance;
static struct generations generations;
static struct handing_over over;
static unsigned whose; /* of the socket that was restored last */
static unsigned fds_before;

static void setup(void)
{
	capture_begin();
	fds_before = relays_count_fds();
	accepting_begin();
	over.memory = -1;
}

static void teardown(void)
{
	accepting_stop();
	handing_over_end(&over);
	ck_assert_uint_eq(slots_used(&relay->standing->slots), 0);
	relays_free(relay);
	accepting_end();
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

static void accept_on(unsigned number)
{
	const struct acceptor_post post = {.relay = relay, .entrance = entrance, .place = 3};

	ck_assert_ptr_nonnull(acceptor_new(&acceptors, &post, number));
}

static void begin(const char *listen, const char *const *options, unsigned workers)
{
	relay = relays_new(TEXTS(listen), TEXTS(relays_address(target)), options, NULL, workers);
	ck_assert_int_eq(relays_listen(relay), 0);
	entrance = relay->entrances.list[0];
	generations_init(&generations);
	generations_add(&generations, relay->generation);
	ck_assert_int_eq(generation_index(relay->generation), 0);
	accept_on(0);
}

static void begin_unix(const char *const *options)
{
	char name[64];

	snprintf(name, sizeof(name), "unix:@weir-test-acceptor-state-%d", (int)getpid());
	begin(name, options, 1);
}

static size_t knock(void)
{
	client[client_count] = relays_connect(entrance->fds[0]);
	return client_count++;
}

static void hang_up(size_t which)
{
	loop_reset(client[which]);
	client[which] = -1;
}

static void close_entrance(void)
{
	struct acceptor *acceptor, *next;

	entrance_shut_out(entrance);
	for (acceptor = LIST_FIRST(&acceptors.list); acceptor; acceptor = next) {
		next = LIST_NEXT(acceptor, entry);
		acceptor_drain(acceptor);
	}
}

static struct acceptors *acceptors_of(void *arg, unsigned worker)
{
	whose = worker;
	return arg;
}

static int restore(void)
{
	const struct acceptor_restoring restoring = {.facade = entrance ? entrance->facade : relays_facade(1),
	                                             .generations = &generations,
	                                             .acceptors_of = acceptors_of,
	                                             .arg = &acceptors};

	return acceptors_restore(&restoring, &over.reader);
}

/* The program before ends here, without its clients, and with the facade. */
static void take_over(bool rehearsal)
{
	struct acceptor *acceptor;
	bool told = standing_logged_limit(relay->standing);

	handing_over_begin(&over, rehearsal);
	acceptors_save(&acceptors, &over.writer);
	handing_over_read(&over);
	facade_enter(entrance);
	LIST_FOREACH (acceptor, &acceptors.list, entry)
		if (!rehearsal)
			acceptor->early = -1;
	acceptors_stop(&acceptors);
	relay->standing->at_limit.told = told;
	ck_assert_msg(restore() == 0, "%s", state_error(&over.reader));
	facade_leave(entrance);
}

START_TEST(acceptor_that_only_accepts_is_made_anew)
{
	begin("127.0.0.1:0", NULL, 1);
	take_over(false);
	ck_assert(LIST_EMPTY(&acceptors.list));
}
END_TEST

/* The place of the client that was accepted early is free only later. */
START_TEST(client_that_was_accepted_early_is_served)
{
	const struct acceptor *acceptor;

	begin_unix(TEXTS("defaults.max_connections=1"));
	knock();
	LOOP_UNTIL(base, set.count == 1);
	knock();
	knock();
	close_entrance();
	acceptor = LIST_FIRST(&acceptors.list);
	ck_assert_ptr_nonnull(acceptor);
	ck_assert_int_ge(acceptor->early, 0);
	take_over(false);
	acceptor = LIST_FIRST(&acceptors.list);
	ck_assert_int_ge(acceptor->early, 0);
	ck_assert(acceptor->draining);
	ck_assert_uint_eq(acceptor->place, 3);
	ck_assert_uint_eq(whose, 0);
	for (unsigned served = 1; served < 3; served++) {
		ck_assert_uint_eq(drained, 0);
		pair_set_shutdown(&set);
		LOOP_UNTIL(base, set.made == served + 1);
	}
	pair_set_shutdown(&set);
	LOOP_UNTIL(base, drained == 1);
}
END_TEST

/* A rehearsal gets another socket, and changes nothing for who waits. */
START_TEST(rehearsal_leaves_early_client_alone)
{
	struct pollfd asked;

	begin_unix(TEXTS("defaults.max_connections=1"));
	knock();
	LOOP_UNTIL(base, set.count == 1);
	asked = (struct pollfd){.fd = client[knock()], .events = POLLIN};
	close_entrance();
	handing_over_begin(&over, true);
	acceptors_save(&acceptors, &over.writer);
	handing_over_read(&over);
	ck_assert_int_eq(restore(), 0);
	ck_assert_int_eq(poll(&asked, 1, 0), 0);
	ck_assert_ptr_null(state_peek(&over.reader));
}
END_TEST

/* Whoever has a handshake under way is waited for as long as before. */
START_TEST(entrance_lingers_as_long_as_before)
{
	uint64_t until = clock_ms() + 3600000;

	begin("127.0.0.1:0", NULL, 1);
	knock();
	entrance_shut_out(entrance);
	entrance->linger_until = until;
	acceptor_drain(LIST_FIRST(&acceptors.list));
	take_over(false);
	ck_assert_uint_eq(LIST_FIRST(&acceptors.list)->linger_until, until);
	LOOP_UNTIL(base, set.made == 1);
	LIST_FIRST(&acceptors.list)->linger_until = 0;
	acceptor_accept(LIST_FIRST(&acceptors.list));
	ck_assert_uint_eq(drained, 1);
}
END_TEST

/* One line has said that a limit was reached; when that is over, it can be said again. */
START_TEST(what_was_logged_comes_to_its_end)
{
	begin("127.0.0.1:0", TEXTS("defaults.max_connections=1"), 1);
	knock();
	knock();
	LOOP_UNTIL(base, captured("reached, accepting pauses") == 1);
	take_over(false);
	ck_assert(LIST_FIRST(&acceptors.list)->logged);
	ck_assert(!LIST_FIRST(&acceptors.list)->draining);
	ck_assert(standing_logged_limit(relay->standing));
	hang_up(0);
	LOOP_UNTIL(base, set.made == 2);
	hang_up(1);
	LOOP_UNTIL(base, !standing_logged_limit(relay->standing));
	ck_assert_uint_eq(captured("reached, accepting pauses"), 1);
}
END_TEST

/* With other workers a socket may be another one's. One acceptor is enough for it. */
START_TEST(socket_is_that_of_another_worker)
{
	begin("127.0.0.1:0", NULL, 2);
	accept_on(1);
	accept_on(1); /* of who stood in for it */
	entrance->workers = 5;
	entrance_shut_out(entrance);
	entrance->linger_until = clock_ms() + 3600000;
	acceptors_drain(&acceptors);
	take_over(false);
	ck_assert_uint_eq(LIST_FIRST(&acceptors.list)->number +
	                          LIST_NEXT(LIST_FIRST(&acceptors.list), entry)->number,
	                  1);
	ck_assert_ptr_null(LIST_NEXT(LIST_NEXT(LIST_FIRST(&acceptors.list), entry), entry));
}
END_TEST

#define HEAD "state format=1\nacceptor generation=1 relay=command-line draining=1 "

static const char *const wrong[] = {"entrance=99\n", "number=7\n", "relay=other\n", "generation=2\n"};

/* _i: a row, where the rest is right */
START_TEST(wrong_records_are_refused)
{
	char text[256];

	begin("127.0.0.1:0", NULL, 1);
	snprintf(text, sizeof(text), HEAD "entrance=%u %s", (unsigned)entrance->number, wrong[_i]);
	handing_over_read_text(&over, text);
	ck_assert_int_eq(restore(), -EPROTO);
	ck_assert_ptr_nonnull(strstr(state_error(&over.reader), "acceptor"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("acceptor_state");
	TCase *tcase = tcase_create("acceptor_state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, acceptor_that_only_accepts_is_made_anew);
	tcase_add_test(tcase, client_that_was_accepted_early_is_served);
	tcase_add_test(tcase, rehearsal_leaves_early_client_alone);
	tcase_add_test(tcase, entrance_lingers_as_long_as_before);
	tcase_add_test(tcase, what_was_logged_comes_to_its_end);
	tcase_add_test(tcase, socket_is_that_of_another_worker);
	tcase_add_loop_test(tcase, wrong_records_are_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
