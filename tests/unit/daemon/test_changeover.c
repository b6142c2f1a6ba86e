/* From a configuration to clients that come in by it, with real workers. The test plays the daemon. */
#include "build_config.h"

#include "base/evloop.h"
#include "daemon/changeover.h"
#include "faults.h"
#include "relays.h"
#include "unit.h"
#include "worker/handover.h"

#include <errno.h>
#include <netdb.h>
#include <semaphore.h>
#include <signal.h>

#define WORKERS 2

static struct worker_context context;
static struct worker *workers[WORKERS];
static struct facade facade;
static struct budget budget;
static struct slots slots, pipes;
static struct event_base *base;
static struct mailbox answers, gone;
static struct changeover changeover;
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
	current = generation;
}

static void on_done(void *arg, int result)
{
	(void)arg;
	finished++;
	error = result;
}

static void init_parts(void)
{
	struct changeover_parts *parts = &changeover.parts;

	parts->base = base;
	parts->lookups = lookups_new(base, look_up, NULL);
	parts->resolver = resolver_new(base, parts->lookups);
	parts->standings = standings_new(WORKERS, NULL);
	parts->facade = &facade;
	parts->gone = &gone;
	parts->workers = workers;
	parts->worker_count = WORKERS;
	context.standings = parts->standings;
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i] = worker_new(&context, i);
		ck_assert_ptr_nonnull(workers[i]);
		ck_assert_int_eq(worker_start(workers[i]), 0);
	}
	parts->stand_ins = stand_ins_new(base, &context, workers);
	ck_assert_ptr_nonnull(parts->stand_ins);
	changeover.commit = on_commit;
	changeover.done = on_done;
}

static void setup(void)
{
	struct sockaddr_in address;

	signal(SIGPIPE, SIG_IGN);
	capture_begin();
	fds_before = relays_count_fds();
	sem_init(&lookup_gate, 0, 0);
	budget_init(&budget, 1024 * 1024);
	slots_init(&slots, 0);
	slots_init(&pipes, 4);
	target = loop_listen(&address);
	base = evloop_new();
	facade_init(&facade, WORKERS);
	ck_assert_int_eq(mailbox_open(&answers, base, take_answer, NULL), 0);
	ck_assert_int_eq(mailbox_open(&gone, base, generation_take_gone, NULL), 0);
	ck_assert_int_eq(facade_watch(&facade, base), 0);
	context = (struct worker_context){
	        .worker_count = WORKERS,
	        .budget = &budget,
	        .handover = handover_new(WORKERS),
	        .slots = &slots,
	        .pipes = &pipes,
	        .answers = &answers,
	};
	init_parts();
}

static void teardown(void)
{
	const struct changeover_parts *parts = &changeover.parts;

	(void)changeover_give_up(&changeover);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_stop(workers[i]);
	for (unsigned i = 0; i < WORKERS; i++)
		worker_free(workers[i]);
	stand_ins_free(parts->stand_ins);
	handover_free(context.handover);
	generation_put(current);
	mailbox_take(&gone);
	standings_free(parts->standings);
	facade_deinit(&facade);
	resolver_free(parts->resolver);
	lookups_free(parts->lookups);
	mailbox_close(&gone);
	mailbox_close(&answers);
	event_base_free(base);
	close(target);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

/* To a relay that listens there. */
static int begin(const char *const *listen)
{
	struct config *config = relays_config(listen, TEXTS(relays_address(target)), NULL);
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
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
