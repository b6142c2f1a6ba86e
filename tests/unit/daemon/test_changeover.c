/* From a configuration to clients that come in by it, with real workers. The test plays the daemon. */
#include "build_config.h"

#include "daemon/changeover.h"
#include "daemon/refusals.h"
#include "daemon/workers_stage.h"
#include "faults.h"
#include "relays.h"
#include "unit.h"

#include <errno.h>
#include <netdb.h>
#include <semaphore.h>

#define WORKERS 2

static struct facade facade;
static struct generations generations;
static struct mailbox gone;
static struct changeover changeover;
static struct refusals refusals;
static bool busy;             /* no changeover may begin */
static const char *fail_time; /* an option */
static struct generation *current;
static struct facade_change change;
static unsigned commits, finished;
static int error;
static int target;
static unsigned fds_before;

/* "hangs.example" is looked up until the test lets it go. */
static sem_t lookup_gate;

static struct address_list *look_up(const char *host, void *arg, int *lookup_error)
{
	struct endpoint here = {.length = sizeof(here.in)};

	(void)arg;
	here.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (strcmp(host, "nowhere.example") == 0) {
		*lookup_error = EAI_NONAME;
		return NULL;
	}
	while (strcmp(host, "hangs.example") == 0 && sem_wait(&lookup_gate) != 0)
		;
	return address_list_single(&here);
}

static void take_answer(void *arg, struct message *message)
{
	const struct worker_answer *answer = (struct worker_answer *)message;

	(void)arg;
	if (answer->what == WORKER_ADOPTED)
		changeover_take_adopted(&changeover);
}

static void on_commit(void *arg, struct generation *generation, const struct facade_change *changed)
{
	(void)arg;
	commits++;
	change = *changed;
	generation_put(current);
	if (generation == current)
		return;
	current = generation;
	refusals_set_generation(&refusals, current);
}

static void on_done(void *arg, int result)
{
	(void)arg;
	finished++;
	error = result;
	busy = false;
	refusals_look(&refusals);
}

static int change_entrances(void *arg)
{
	int result;

	(void)arg;
	if (busy)
		return -EBUSY;
	result = changeover_begin_again(&changeover, current);
	busy = result == 0;
	return result;
}

static void init_parts(void)
{
	struct changeover_parts *parts = &changeover.parts;

	parts->base = base;
	parts->lookups = lookups_new(base, look_up, NULL);
	parts->resolver = resolver_new(base, parts->lookups);
	parts->standings = standings_new(WORKERS, NULL);
	generations_init(&generations);
	parts->generations = &generations;
	parts->facade = &facade;
	parts->gone = &gone;
	parts->workers = worker;
	parts->worker_count = WORKERS;
	context.standings = parts->standings;
	workers_make();
	for (unsigned i = 0; i < WORKERS; i++)
		workers_start(i);
	parts->stand_ins = stand_ins_new(base, &context, worker);
	ck_assert_ptr_nonnull(parts->stand_ins);
	changeover.commit = on_commit;
	changeover.done = on_done;
}

static void setup(void)
{
	struct sockaddr_in address;

	capture_begin();
	fds_before = relays_count_fds();
	sem_init(&lookup_gate, 0, 0);
	target = loop_listen(&address);
	workers_begin(WORKERS, take_answer);
	facade_init(&facade, WORKERS);
	ck_assert_int_eq(mailbox_open(&gone, base, generation_take_gone, NULL), 0);
	ck_assert_int_eq(facade_watch(&facade, base), 0);
	init_parts();
	busy = false;
	fail_time = "fail_time=400ms";
	refusals = (struct refusals){.change = change_entrances};
	ck_assert_int_eq(refusals_init(&refusals, base), 0);
}

static void teardown(void)
{
	const struct changeover_parts *parts = &changeover.parts;

	refusals_deinit(&refusals);
	(void)changeover_give_up(&changeover);
	workers_stop();
	stand_ins_free(parts->stand_ins);
	generation_put(current);
	mailbox_take(&gone);
	standings_free(parts->standings);
	facade_deinit(&facade);
	resolver_free(parts->resolver);
	lookups_free(parts->lookups);
	mailbox_close(&gone);
	workers_end();
	close(target);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

/* To a relay that listens there. */
static int begin(const char *const *listen)
{
	struct config *config = relays_config(listen, TEXTS(relays_address(target)),
	                                      TEXTS("when_down=refuse", "fail_limit=1", fail_time));
	int result = changeover_begin(&changeover, config);

	config_put(config);
	return result;
}

static int change_to(const char *const *listen)
{
	unsigned before = finished;
	int result = begin(listen);

	if (result)
		return result;
	LOOP_UNTIL(base, finished > before);
	return error;
}

static int change_to_try(const char *const *listen)
{
	unsigned before = finished;
	struct config *config = relays_config(listen, TEXTS(relays_address(target)), TEXTS("fail_limit=1"));
	int result = changeover_begin(&changeover, config);

	config_put(config);
	if (result)
		return result;
	LOOP_UNTIL(base, finished > before);
	return error;
}

static int entrance(size_t number)
{
	return entrance_fd(current->relays[0]->entrances.list[number], 0);
}

/* A client is served by the generation that is in force. There are no other pairs. */
static void assert_served(size_t number)
{
	int client = relays_connect(entrance(number)), server = accept(target, NULL, NULL);

	ck_assert_int_ge(server, 0);
	loop_reset(client); /* before it is connected to the target, that is noticed late */
	LOOP_UNTIL(base, slots_used(&slots) == 0);
	close(server);
}

START_TEST(start_is_the_first_changeover)
{
	ck_assert_int_eq(change_to(LISTEN), 0);
	ck_assert_uint_eq(commits, 1);
	ck_assert_uint_eq(change.added, 1);
	ck_assert_ptr_nonnull(current->loops);
	assert_served(0);
}
END_TEST

START_TEST(what_both_have_is_kept)
{
	int kept;

	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "127.0.0.2:0")), 0);
	kept = entrance(0);
	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "127.0.0.3:0", "name.example:0")), 0);
	ck_assert_uint_eq(change.kept, 1);
	ck_assert_uint_eq(change.added, 2);
	ck_assert_uint_eq(change.removed, 1);
	ck_assert_int_eq(entrance(0), kept);
	for (size_t i = 0; i < 3; i++)
		assert_served(i);
}
END_TEST

/* The generation before lives until the last pair of it has ended. */
START_TEST(pairs_keep_their_generation)
{
	struct generation *first;
	int client;

	ck_assert_int_eq(change_to(LISTEN), 0);
	client = relays_connect(entrance(0));
	LOOP_UNTIL(base, slots_used(&slots) == 1);
	first = current;
	ck_assert_int_eq(change_to(LISTEN), 0);
	ck_assert_ptr_ne(current, first);
	ck_assert_uint_eq(slots_used(&current->relays[0]->standing->slots), 1);
	ck_assert_str_eq(first->config->relays[0].name, "command-line"); /* a sanitizer would see more */
	loop_reset(client);
	LOOP_UNTIL(base, slots_used(&slots) == 0);
}
END_TEST

/* Each of these lists fails late: after others could be bound. */
START_TEST(failure_changes_nothing)
{
	static const struct {
		const char *last;
		int error;
	} cases[] = {{"nowhere.example:1", -EADDRNOTAVAIL},
	             {"203.0.113.1:1", -EADDRNOTAVAIL},
	             {NULL, -EADDRINUSE}};
	struct generation *before;
	struct sockaddr_in address;
	int taken = loop_listen(&address);
	unsigned fds;

	ck_assert_int_eq(change_to(LISTEN), 0);
	before = current;
	fds = relays_count_fds();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *last = cases[i].last ? cases[i].last : relays_address(taken);

		ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "127.0.0.2:0", last)), cases[i].error);
		ck_assert_uint_eq(captured("cannot listen on"), i + 1);
		ck_assert_ptr_eq(current, before);
		ck_assert_uint_eq(relays_count_fds(), fds);
	}
	close(taken);
	ck_assert_uint_eq(commits, 1);
	assert_served(0);
	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "127.0.0.2:0")), 0);
	assert_served(1);
}
END_TEST

/* With one more entrance. True if it came to that. */
static bool change_without(size_t allocation)
{
	struct config *config =
	        relays_config(TEXTS("127.0.0.1:0", "name.example:0"), TEXTS(relays_address(target)), NULL);
	unsigned before = finished;
	int result;

	fault_set(FAULT_MEMORY, allocation, ENOMEM);
	result = changeover_begin(&changeover, config);
	while (!result && finished == before) /* Check's macros allocate */
		event_base_loop(base, EVLOOP_ONCE);
	fault_set(FAULT_MEMORY, 0, 0);
	config_put(config);
	return result == 0 && error == 0;
}

/* All that it takes is there before the commit. */
START_TEST(lack_of_memory_changes_nothing_or_all_is_there)
{
	size_t allocation = 0, failures = 0, successes = 0; /* in a row */
	unsigned fds;

	ck_assert_int_eq(change_to(LISTEN), 0);
	fds = relays_count_fds();
	while (successes < 3) {
		struct generation *before = current;

		if (change_without(++allocation)) {
			successes++;
			assert_served(1);
			ck_assert_int_eq(change_to(LISTEN), 0);
			LOOP_UNTIL(base, relays_count_fds() == fds);
		} else {
			failures++;
			successes = 0;
			ck_assert_ptr_eq(current, before);
			ck_assert_uint_eq(relays_count_fds(), fds);
		}
		assert_served(0);
	}
	ck_assert_uint_gt(failures, 20);
}
END_TEST

START_TEST(what_is_given_up_changes_nothing)
{
	struct generation *before;

	ck_assert(!changeover_give_up(&changeover));
	ck_assert_int_eq(change_to(LISTEN), 0);
	before = current;
	ck_assert_int_eq(begin(TEXTS("127.0.0.2:0", "hangs.example:0")), 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(changeover_give_up(&changeover));
	ck_assert(!changeover_give_up(&changeover));
	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "127.0.0.3:0")), 0);
	ck_assert_uint_eq(commits, 2);
	ck_assert_uint_eq(finished, 2);
	ck_assert_ptr_ne(current, before);
	sem_post(&lookup_gate);
	assert_served(1);
}
END_TEST

/* Once it is committed, it is too late. */
START_TEST(commit_cannot_be_given_up)
{
	ck_assert_int_eq(begin(LISTEN), 0);
	LOOP_UNTIL(base, commits == 1);
	ck_assert(!changeover_give_up(&changeover));
	LOOP_UNTIL(base, finished == 1);
	assert_served(0);
}
END_TEST

/* ---- when no target is up ---- */

static struct standing *standing(void)
{
	return current->relays[0]->standing;
}

static bool lets_in(void)
{
	return entrances_let_in(&current->relays[0]->entrances) && !busy;
}

static bool is_closed(size_t number)
{
	return current->relays[0]->entrances.list[number]->state == ENTRANCE_CLOSED && !busy;
}

static void remember(void *arg, const struct config_target *config, bool backup, struct health *health)
{
	struct health **found = arg;

	(void)config;
	(void)backup;
	*found = health;
}

static struct health *target_health(void)
{
	struct health *found = NULL;

	targets_each_health(current->relays[0]->targets, remember, &found);
	ck_assert_ptr_nonnull(found);
	return found;
}

/* A connect that succeeds or fails. */
static void connect_target(int result, bool tries)
{
	if (tries) {
		healths_lock(&standing()->healths);
		ck_assert(health_begin_try(target_health(), clock_ms()));
		healths_unlock(&standing()->healths);
		refusals_judge(&refusals, current->relays[0]); /* something else may have changed meanwhile */
		ck_assert(!relay_refuses(current->relays[0], clock_ms()));
	}
	health_note(target_health(), result, tries);
	if (healths_take_changed(&standing()->healths))
		refusals_judge(&refusals, current->relays[0]);
}

static int knock_at(size_t number)
{
	const struct endpoint *to = &current->relays[0]->entrances.list[number]->endpoint;
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result = connect(fd, &to->any, to->length) < 0 ? -errno : 0;

	close(fd);
	return result;
}

/* A pair goes on. The generation is the same, and so are the addresses. */
START_TEST(entrances_are_shut_and_opened_again)
{
	struct generation *first;
	uint64_t shut;
	unsigned fds;
	int client;

	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "name.example:0")), 0);
	first = current;
	fds = relays_count_fds();
	client = relays_connect(entrance(0));
	LOOP_UNTIL(base, slots_used(&slots) == 1);
	shut = clock_ms();
	refusals_note(&refusals, standing(), REFUSAL_NEVER);
	LOOP_UNTIL(base, is_closed(0) && is_closed(1));
	ck_assert_int_eq(knock_at(0), -ECONNREFUSED);
	ck_assert_int_eq(knock_at(1), -ECONNREFUSED);
	ck_assert_uint_eq(captured(": refusing clients, as no target is up"), 1);
	ck_assert_uint_eq(slots_used(&slots), 1);
	refusals_note(&refusals, standing(), 0);
	LOOP_UNTIL(base, lets_in());
	ck_assert_uint_ge(clock_ms(), shut + 100); /* between two of any relays */
	ck_assert_uint_eq(captured("letting clients in again"), 1);
	ck_assert_ptr_eq(current, first);
	ck_assert_uint_eq(slots_used(&slots), 1);
	loop_reset(client);
	LOOP_UNTIL(base, slots_used(&slots) == 0);
	close(accept(target, NULL, NULL));
	assert_served(0);
	assert_served(1);
	ck_assert_uint_eq(relays_count_fds(), fds);
}
END_TEST

/* Without checks, one may be tried after fail_time. If that is in vain, they are shut again. */
START_TEST(entrances_are_opened_after_fail_time)
{
	uint64_t until;

	fail_time = "fail_time=1500ms"; /* it must shut them before that is over */
	ck_assert_int_eq(change_to(LISTEN), 0);
	connect_target(-ECONNREFUSED, false);
	until = clock_ms() + 1500;
	LOOP_UNTIL(base, is_closed(0));
	LOOP_UNTIL(base, lets_in());
	ck_assert_uint_ge(clock_ms(), until);
	LOOP_UNTIL(base, clock_ms() >= until + 400); /* before, it would not follow */
	connect_target(-ECONNREFUSED, true);
	LOOP_UNTIL(base, is_closed(0));
	LOOP_UNTIL(base, lets_in());
	connect_target(0, true);
	assert_served(0);
	ck_assert(lets_in());
}
END_TEST

/* It is tried again, ever later. */
START_TEST(address_that_somebody_has_taken)
{
	const struct socket_tuning plain = {.rcvbuf = UNITS_AUTO};
	const struct endpoint *endpoint;
	uint64_t first;
	int other;

	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "unix:@weir-test-taken")), 0);
	refusals_note(&refusals, standing(), REFUSAL_NEVER);
	LOOP_UNTIL(base, is_closed(0) && is_closed(1));
	endpoint = &current->relays[0]->entrances.list[1]->endpoint;
	other = relays_listen_at(endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(other, 0);
	first = clock_ms();
	refusals_note(&refusals, standing(), 0);
	LOOP_UNTIL(base, captured("cannot listen on") == 1 && !busy);
	ck_assert(is_closed(0)); /* all or none */
	LOOP_UNTIL(base, captured("cannot listen on") == 2);
	ck_assert_uint_ge(clock_ms(), first + 900);
	close(other);
	LOOP_UNTIL(base, lets_in());
	ck_assert_uint_eq(captured("cannot listen on"), 2);
	assert_served(0);
}
END_TEST

/* The next configuration does not let clients in, unless it says so. */
START_TEST(reload_while_clients_are_refused)
{
	struct generation *first;

	fail_time = "fail_time=1h";
	ck_assert_int_eq(change_to(LISTEN), 0);
	first = current;
	connect_target(-ECONNREFUSED, false);
	refusals_look(&refusals);
	ck_assert(busy);
	if (_i)
		LOOP_UNTIL(base, is_closed(0));
	else
		LOOP_UNTIL(base, !busy); /* clients that wait are still served */
	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "127.0.0.2:0")), 0);
	ck_assert_ptr_ne(current, first);
	ck_assert_uint_eq(change.added + change.kept + change.removed, 0);
	LOOP_UNTIL(base, is_closed(0));
	ck_assert_int_eq(knock_at(0), -ECONNREFUSED);
	ck_assert_int_eq(knock_at(1), -ECONNREFUSED);
	ck_assert_int_eq(change_to_try(LISTEN), 0);
	ck_assert(lets_in());
	assert_served(0);
}
END_TEST

/* Where clients are to be let in whatever the targets do, they are, or nothing has changed. */
START_TEST(reload_to_an_address_that_somebody_has_taken)
{
	const struct socket_tuning plain = {.rcvbuf = UNITS_AUTO};
	const struct endpoint *endpoint;
	struct generation *first;
	int other;

	ck_assert_int_eq(change_to(TEXTS("127.0.0.1:0", "unix:@weir-test-taken")), 0);
	first = current;
	refusals_note(&refusals, standing(), REFUSAL_NEVER);
	LOOP_UNTIL(base, is_closed(0) && is_closed(1));
	endpoint = &current->relays[0]->entrances.list[1]->endpoint;
	other = relays_listen_at(endpoint, &plain, SOCKET_SOLE, false);
	ck_assert_int_ge(other, 0);
	ck_assert_int_eq(change_to_try(TEXTS("127.0.0.1:0", "unix:@weir-test-taken")), -EADDRINUSE);
	ck_assert_ptr_eq(current, first);
	ck_assert(is_closed(0));
	close(other);
	ck_assert_int_eq(change_to_try(TEXTS("127.0.0.1:0", "unix:@weir-test-taken")), 0);
	ck_assert(lets_in());
	assert_served(0);
}
END_TEST

/* What was known of targets then does not matter any more. */
START_TEST(reload_to_refuse_again)
{
	fail_time = "fail_time=1h";
	ck_assert_int_eq(change_to(LISTEN), 0);
	connect_target(-ECONNREFUSED, false);
	LOOP_UNTIL(base, is_closed(0));
	ck_assert_int_eq(change_to_try(LISTEN), 0);
	ck_assert(lets_in());
	connect_target(0, false);
	ck_assert_int_eq(change_to(LISTEN), 0);
	ck_assert_uint_eq(change.kept, 1);
	ck_assert(lets_in());
}
END_TEST

/* However often the targets come and go, it is the last word that counts. */
START_TEST(targets_that_flap)
{
	unsigned before;
	uint64_t begin_ms;

	ck_assert_int_eq(change_to(LISTEN), 0);
	before = commits;
	begin_ms = clock_ms();
	for (int i = 0; i < 2000; i++) {
		refusals_note(&refusals, standing(), i % 2 ? 0 : REFUSAL_NEVER);
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	ck_assert_uint_le(commits - before, 2 + 2 * (clock_ms() - begin_ms) / 200);
	LOOP_UNTIL(base, lets_in());
	ck_assert_uint_le(captured(": refusing clients"), 1);
	ck_assert_uint_le(captured(": letting clients in again"), 1);
	ck_assert_uint_eq(captured("listening on"), 1);
	assert_served(0);
	refusals_note(&refusals, standing(), REFUSAL_NEVER);
	LOOP_UNTIL(base, is_closed(0));
	ck_assert_uint_ge(clock_ms(), begin_ms + 200);
}
END_TEST

/* What was there is still there, and it is tried again. */
START_TEST(no_memory_to_shut_or_to_open)
{
	unsigned failures = 0;

	ck_assert_int_eq(change_to(LISTEN), 0);
	for (size_t allocation = 1; !busy; allocation++) {
		const unsigned fds = relays_count_fds();
		int result;

		refusal_note(&standing()->refusal, clock_ms(), _i ? 0 : REFUSAL_NEVER);
		if (_i && allocation == 1) {
			refusal_note(&standing()->refusal, clock_ms(), REFUSAL_NEVER);
			refusals_look(&refusals);
			LOOP_UNTIL(base, is_closed(0));
			refusal_note(&standing()->refusal, clock_ms(), 0);
			continue;
		}
		fault_set(FAULT_MEMORY, allocation, ENOMEM);
		result = change_entrances(NULL);
		fault_set(FAULT_MEMORY, 0, 0);
		if (result == 0 && _i && !entrances_let_in(&current->relays[0]->entrances))
			LOOP_UNTIL(base, !busy); /* put off */
		failures += result != 0;
		if (result)
			ck_assert_uint_eq(relays_count_fds(), fds);
	}
	ck_assert_uint_gt(failures, 3);
	LOOP_UNTIL(base, !busy);
	ck_assert(lets_in() == _i);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("changeover");
	TCase *tcase = tcase_create("changeover");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, start_is_the_first_changeover);
	tcase_add_test(tcase, what_both_have_is_kept);
	tcase_add_test(tcase, pairs_keep_their_generation);
	tcase_add_test(tcase, failure_changes_nothing);
	tcase_add_test(tcase, lack_of_memory_changes_nothing_or_all_is_there);
	tcase_add_test(tcase, what_is_given_up_changes_nothing);
	tcase_add_test(tcase, commit_cannot_be_given_up);
	tcase_add_test(tcase, entrances_are_shut_and_opened_again);
	tcase_add_test(tcase, entrances_are_opened_after_fail_time);
	tcase_add_test(tcase, address_that_somebody_has_taken);
	tcase_add_loop_test(tcase, reload_while_clients_are_refused, 0, 2);
	tcase_add_test(tcase, reload_to_an_address_that_somebody_has_taken);
	tcase_add_test(tcase, reload_to_refuse_again);
	tcase_add_test(tcase, targets_that_flap);
	tcase_add_loop_test(tcase, no_memory_to_shut_or_to_open, 0, 2);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
