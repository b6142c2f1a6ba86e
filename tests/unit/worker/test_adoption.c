/* One worker's acceptors while one generation follows the other. */
#include "build_config.h"

#include "base/evloop.h"
#include "faults.h"
#include "relay/generation.h"
#include "unit.h"
#include "worker/accepting_stage.h"
#include "worker/acceptor_private.h"
#include "worker/adoption.h"

#include <sys/stat.h>

#define CROWD 64 /* so that more than a limit lets in wait in both sockets */
#define FEW   20 /* passes of the loop */

#define A     "[relay a]\nlisten = 127.0.0.1:0\n"
#define B     "[relay b]\nlisten = 127.0.0.1:0\n"
#define OTHER "[relay other]\nlisten = 127.0.0.2:0\n"

static struct mailbox gone;
static struct standings *standings;
static struct facade facade;
static struct generation *current;
static struct adoption *adopted;  /* of it */
static struct entrance *entrance; /* the first one of the first generation */
static struct endpoint gate;      /* its address */
static char file[UNIT_PATH_MAX];
static unsigned fds_before;

static void setup(void)
{
	capture_begin();
	fds_before = relays_count_fds();
	snprintf(file, sizeof(file), "%s/XXXXXX", unit_folder);
	close(mkstemp(file));
	accepting_begin();
	standings = standings_new(2, NULL);
	ck_assert_int_eq(mailbox_open(&gone, base, generation_take_gone, NULL), 0);
	facade_init(&facade, 2);
	ck_assert_int_eq(facade_watch(&facade, base), 0);
	current = NULL;
	adopted = NULL;
}

static void teardown(void)
{
	accepting_stop();
	adoption_free(adopted);
	generation_put(current);
	mailbox_take(&gone);
	mailbox_close(&gone);
	standings_free(standings);
	facade_deinit(&facade);
	accepting_end();
	remove(file);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

/* ---- generations ---- */

/* Every relay of text gets the target. */
static struct generation *load(const char *text)
{
	struct config_request request = {.file = file};
	struct config_errors errors = {.count = 0};
	struct generation *made;
	struct config *config;
	FILE *out = fopen(file, "w");

	ck_assert_ptr_nonnull(out);
	for (; *text; text = strchr(text, '\n') + 1) {
		fprintf(out, "%.*s\n", (int)strcspn(text, "\n"), text);
		if (*text == '[')
			fprintf(out, "target = %s\n", relays_address(target));
	}
	ck_assert_int_eq(fclose(out), 0);
	config = config_load(&request, &errors);
	ck_assert_msg(config != NULL, "%s", errors.count > 0 ? errors.text[0] : "?");
	made = generation_new(config, standings, NULL, &gone);
	ck_assert_ptr_nonnull(made);
	config_put(config);
	return made;
}

static struct generation *make(const char *text)
{
	struct generation *made = load(text);

	facade_begin(&facade);
	for (size_t i = 0; i < made->relay_count; i++)
		ck_assert_int_eq(relay_bind(made->relays[i], &facade, NULL), 0);
	return made;
}

/* Everything up to where nothing can fail any more. */
static struct adoption *prepare(struct generation *next)
{
	struct adoption *adoption = adoption_new(&acceptors, 0, next);

	ck_assert_ptr_nonnull(adoption);
	ck_assert_int_eq(generation_listen(next), 0);
	return adoption;
}

static struct facade_change adopt(struct generation *next, struct adoption *adoption)
{
	struct facade_change change = facade_commit(&facade);

	generation_put(current);
	current = next;
	adoption_carry_out(adoption, &acceptors);
	adoption_free(adopted);
	adopted = adoption;
	return change;
}

static struct facade_change reload(const char *text)
{
	struct generation *next = make(text);

	return adopt(next, prepare(next));
}

/* At the socket of a stuck worker. */
static void accept_for_other(struct relay *relay)
{
	const struct acceptor_post post = {.relay = relay, .entrance = entrance};

	ck_assert_ptr_nonnull(acceptor_new(&acceptors, &post, 1));
}

/* With an acceptor for the socket of a stuck worker too. */
static void begin(const char *text)
{
	struct facade_change change = reload(text);

	entrance = current->relays[0]->entrances.list[0];
	gate = entrance->endpoint;
	ck_assert_uint_eq(change.kept + change.removed, 0);
	accept_for_other(current->relays[0]);
}

static struct relay *relay_named(const char *name)
{
	for (size_t i = 0; i < current->relay_count; i++)
		if (strcmp(current->relays[i]->config->name, name) == 0)
			return current->relays[i];
	ck_abort_msg("no relay %s", name);
	return NULL;
}

/* ---- clients ---- */

static int reach(const struct endpoint *to)
{
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result = connect(fd, &to->any, to->length) == 0 || errno == EINPROGRESS ? 0 : -errno;

	ck_assert_uint_lt(client_count, CLIENTS_MAX);
	client[client_count++] = fd;
	return result;
}

/* So many whose handshake is done. */
static void knock(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		ck_assert_int_eq(reach(&gate), 0);
		ck_assert_int_eq(
		        poll(&(struct pollfd){.fd = client[client_count - 1], .events = POLLOUT}, 1, 10000),
		        1);
	}
}

static unsigned pairs_of(const char *name)
{
	const struct pair *pair;
	unsigned count = 0;

	LIST_FOREACH (pair, &set.pairs, entry)
		count += strcmp(pair->relay->config->name, name) == 0;
	return count;
}

static unsigned acceptors_left(void)
{
	const struct acceptor *acceptor;
	unsigned count = 0;

	LIST_FOREACH (acceptor, &acceptors.list, entry)
		count++;
	return count;
}

/* ---- tests ---- */

START_TEST(clients_come_in_to_the_new_relay)
{
	begin("[relay a]\nlisten = 127.0.0.1:0\nidle_timeout = 1h\n");
	knock(20);
	LOOP_UNTIL(base, set.count == 20);
	reload("[relay a]\nlisten = 127.0.0.1:0\nidle_timeout = 2h\n");
	ck_assert_uint_eq(LIST_FIRST(&set.pairs)->relay->config->idle_timeout, 3600000);
	knock(20);
	LOOP_UNTIL(base, set.count == 40);
	ck_assert_uint_eq(LIST_FIRST(&set.pairs)->relay->config->idle_timeout, 7200000);
	ck_assert_uint_eq(acceptors_left(), 2);
	ck_assert_uint_eq(relay_named("a")->standing->tallies[0].counters.accepted, 40);
}
END_TEST

/* Those that wait are the new relay's. Pairs keep the old one, and with it their generation. */
START_TEST(entrance_moves_to_another_relay)
{
	struct facade_change change;

	begin(A OTHER);
	knock(1);
	LOOP_UNTIL(base, pairs_of("a") == 1);
	knock(10);
	change = reload(B OTHER);
	ck_assert_uint_eq(change.kept, 2);
	ck_assert_uint_eq(change.added + change.removed, 0);
	LOOP_UNTIL(base, pairs_of("b") == 10);
	ck_assert_uint_eq(pairs_of("a"), 1);
	ck_assert_uint_eq(standings->count, 3);
	loop_reset(client[0]);
	client[0] = -1;
	LOOP_UNTIL(base, set.count == 10);
	LOOP_UNTIL(base, captured("relay a") > 0);
}
END_TEST

static const struct acceptor *acceptor_at(const struct entrance *where, unsigned whose)
{
	const struct acceptor *acceptor, *found = NULL;

	LIST_FOREACH (acceptor, &acceptors.list, entry)
		if (acceptor->entrance == where && acceptor->whose == whose) {
			ck_assert_ptr_null(found);
			found = acceptor;
		}
	return found;
}

static const char *range_of(unsigned first, unsigned last)
{
	static char text[128];

	snprintf(text, sizeof(text), "[relay a]\nlisten = 127.0.3.2:%u-%u\n", first, last);
	return text;
}

static const struct acceptor *acceptor_numbered(unsigned number)
{
	const struct acceptor *acceptor, *found = NULL;

	LIST_FOREACH (acceptor, &acceptors.list, entry)
		if (acceptor->entrance == entrance && acceptor->number == number) {
			ck_assert_ptr_null(found);
			found = acceptor;
		}
	ck_assert_ptr_nonnull(found);
	return found;
}

/* A port that stays may get another place in its range. Its place is that of the relay that serves it. */
START_TEST(port_of_a_range_gets_another_place)
{
	const unsigned first = relays_free_ports("127.0.3.2", 3);

	begin(range_of(first + 1, first + 2));
	ck_assert_uint_eq(acceptor_at(entrance, 0)->place, 0);
	reload(range_of(first, first + 2));
	ck_assert_uint_eq(relay_named("a")->entrances.count, 3);
	for (uint16_t i = 0; i < 3; i++) {
		const struct entrance *each = relay_named("a")->entrances.list[i];

		ck_assert_uint_eq(endpoint_port(&each->endpoint), first + i);
		ck_assert_uint_eq(acceptor_at(each, 0)->place, i);
	}
	ck_assert_uint_eq(acceptor_at(entrance, 1)->place, 1);
	gate.in.sin_port = htons((in_port_t)(first + 2));
	for (int i = 0; i < 20; i++) /* some come to the other worker's socket, which nobody serves here */
		ck_assert_int_eq(reach(&gate), 0);
	LOOP_UNTIL(base, set.count > 0);
	ck_assert_uint_eq(LIST_FIRST(&set.pairs)->ticket.place, 2);
}
END_TEST

/* Where it accepts already, one is enough. */
START_TEST(worker_stands_in_at_every_entrance)
{
	const unsigned first = relays_free_ports("127.0.3.2", 3);

	begin(range_of(first, first + 2));
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(adoption_stand_in(adopted, &acceptors, 1), 0);
		ck_assert_uint_eq(acceptors_left(), 6);
	}
	for (uint16_t i = 0; i < 3; i++)
		ck_assert_uint_eq(acceptor_at(relay_named("a")->entrances.list[i], 1)->place, i);
}
END_TEST

/* Another program with four workers has made it; here are two. Each has two of the sockets. */
START_TEST(worker_accepts_on_all_sockets_that_are_its_own)
{
	struct generation *next;

	facade.workers = 4;
	next = make(A);
	entrance = next->relays[0]->entrances.list[0];
	entrance->workers = facade.workers = 2;
	adopt(next, prepare(next));
	ck_assert_uint_eq(entrance->count, 4);
	ck_assert_uint_eq(acceptors_left(), 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(adoption_stand_in(adopted, &acceptors, 1), 0);
		ck_assert_uint_eq(acceptors_left(), 4);
	}
	gate = entrance->endpoint;
	knock(CROWD * 2);
	LOOP_UNTIL(base, set.count == CROWD * 2);
	acceptors_leave(&acceptors, 1);
	ck_assert_uint_eq(acceptors_left(), 2);
	reload(B);
	ck_assert_uint_eq(acceptors_left(), 2);
	for (unsigned number = 0; number < 4; number += 2)
		ck_assert_int_eq(acceptor_numbered(number)->fd, entrance->fds[number]);
	reload(OTHER);
	LOOP_UNTIL(base, entrance->count == 0);
}
END_TEST

/* Another program with one worker has made it; here are four, and three of them get what is handed over. */
START_TEST(worker_without_a_socket_of_its_own)
{
	struct generation *next;

	facade.workers = 1;
	next = make(A);
	entrance = next->relays[0]->entrances.list[0];
	entrance->workers = facade.workers = 4;
	adopt(next, prepare(next));
	ck_assert_uint_eq(acceptors_left(), 1);
	ck_assert_int_eq(adoption_stand_in(adopted, &acceptors, 3), 0);
	ck_assert_uint_eq(acceptors_left(), 1);
}
END_TEST

START_TEST(new_entrance_begins)
{
	struct facade_change change;
	int fd;

	begin(A);
	change = reload(A OTHER);
	ck_assert_uint_eq(change.kept, 1);
	ck_assert_uint_eq(change.added, 1);
	fd = entrance_fd(relay_named("other")->entrances.list[0], 0);
	for (int i = 0; i < 20; i++) /* some come to the other worker's socket, which nobody serves here */
		client[client_count++] = relays_connect(fd);
	LOOP_UNTIL(base, pairs_of("other") > 0);
}
END_TEST

/* It is in force, so there is no way back. */
START_TEST(new_entrance_begins_although_its_event_fails)
{
	struct generation *next;
	struct adoption *adoption;

	begin(OTHER);
	next = make(OTHER A);
	adoption = prepare(next);
	entrance = next->relays[1]->entrances.list[0];
	gate = entrance->endpoint;
	knock(20);
	fault_set(FAULT_EVENT_ADD, 1, ENOMEM);
	adopt(next, adoption);
	accept_for_other(next->relays[1]);
	LOOP_UNTIL(base, pairs_of("a") == 20);
}
END_TEST

/* Those that wait are served by the relay that they came to. Then the last acceptor leaves it. */
START_TEST(removed_entrance_serves_who_waits)
{
	struct facade_change change;

	begin(A OTHER);
	knock(40);
	change = reload(OTHER);
	ck_assert_uint_eq(change.removed, 1);
	ck_assert_int_eq(reach(&gate), 0);
	LOOP_UNTIL(base, drained == 2);
	ck_assert_uint_eq(pairs_of("a"), 40);
	LOOP_UNTIL(base, entrance->count == 0); /* pairs keep the entrance itself */
	ck_assert_uint_eq(acceptors_left(), 1);
	ck_assert_uint_eq(captured("relay a: no longer listening on 127.0.0.1:"), 1);
	ck_assert_int_eq(poll(&(struct pollfd){.fd = client[40], .events = POLLOUT}, 1, 10000), 1);
	ck_assert_int_lt(send(client[40], "x", 1, MSG_NOSIGNAL), 0);
}
END_TEST

/* The standing is the same, so it waits on. */
START_TEST(limit_of_the_same_relay_is_waited_for)
{
	begin(A "max_connections = 1\n");
	knock(CROWD);
	LOOP_UNTIL(base, relay_named("a")->standing->slots.waiting == 2);
	reload("[relay a]\nlisten = 127.0.0.1:0\nmax_connections = 1\nidle_timeout = 2h\n");
	ck_assert_uint_eq(relay_named("a")->standing->slots.waiting, 2);
	ck_assert_uint_eq(set.count, 1);
	pair_set_shutdown(&set);
	LOOP_UNTIL(base, set.made == 2);
	ck_assert_uint_eq(LIST_FIRST(&set.pairs)->relay->config->idle_timeout, 7200000);
	ck_assert_uint_eq(captured("accepting pauses"), 1);
}
END_TEST

/* Nobody is left in the list of the old relay, whose episode is over. _i: the new one has a limit too. */
START_TEST(entrance_moves_while_its_relay_is_at_its_limit)
{
	struct standing *of_a;

	begin(A "max_connections = 1\n" OTHER);
	of_a = relay_named("a")->standing;
	knock(CROWD);
	LOOP_UNTIL(base, of_a->slots.waiting == 2);
	ck_assert(standing_logged_limit(of_a));
	reload(_i ? B "max_connections = 3\n" OTHER : B OTHER);
	ck_assert_uint_eq(of_a->slots.waiting, 0);
	ck_assert(!standing_logged_limit(of_a));
	LOOP_UNTIL(base, pairs_of("b") == (_i ? 3 : CROWD - 1));
	if (_i) {
		LOOP_UNTIL(base, relay_named("b")->standing->slots.waiting == 2);
		ck_assert_uint_eq(captured("relay b: its max_connections (3) reached, accepting pauses"), 1);
	}
	ck_assert_uint_eq(pairs_of("a"), 1);
}
END_TEST

START_TEST(entrance_moves_while_all_are_at_the_limit)
{
	begin(A OTHER);
	slots.max = 1;
	knock(CROWD);
	LOOP_UNTIL(base, slots.waiting == 2);
	reload(B OTHER);
	LOOP_UNTIL(base, captured("relay b: max_connections (1) reached, accepting pauses") == 1);
	ck_assert_uint_eq(slots.waiting, 2);
	for (unsigned i = 2; i <= CROWD; i++) {
		pair_set_shutdown(&set);
		LOOP_UNTIL(base, set.made == i);
		ck_assert_uint_eq(pairs_of("b"), 1);
	}
}
END_TEST

/* One acceptor was told of a slot of the old relay, which it does not need any more. */
START_TEST(entrance_moves_while_a_slot_is_offered)
{
	struct standing *of_a;

	begin(A "max_connections = 1\n" OTHER);
	of_a = relay_named("a")->standing;
	knock(CROWD);
	LOOP_UNTIL(base, of_a->slots.waiting == 2);
	pair_set_shutdown(&set); /* tells the first */
	ck_assert_uint_eq(of_a->slots.waiting, 1);
	reload(B OTHER);
	ck_assert_uint_eq(of_a->slots.waiting, 0);
	ck_assert_uint_eq(slots_used(&of_a->slots), 0);
	LOOP_UNTIL(base, pairs_of("b") == CROWD - 1);
}
END_TEST

/* The shortage is the worker's. It is tried again for the new relay. */
START_TEST(entrance_moves_while_something_is_short)
{
	struct standing *of_a;

	begin(A OTHER);
	of_a = relay_named("a")->standing;
	fault_set_lasting(FAULT_ACCEPT, EMFILE);
	knock(8);
	LOOP_UNTIL(base, captured("relay a: cannot accept: Too many open files; accepting pauses") == 1);
	reload(B OTHER);
	ck_assert(!standing_logged_limit(of_a));
	LOOP_UNTIL(base, captured("relay b: cannot accept: Too many open files; accepting pauses") == 1);
	fault_set(FAULT_ACCEPT, 0, 0);
	LOOP_UNTIL(base, pairs_of("b") == 8);
	LOOP_UNTIL(base, captured("relay b: accepting again") == 1);
	ck_assert_uint_eq(captured("relay a: accepting again"), 0);
}
END_TEST

static void assert_opened_again(const char *relay, unsigned pairs)
{
	ck_assert_int_gt(entrance->count, 0);
	ck_assert_uint_eq(drained, 0);
	ck_assert_uint_eq(acceptors_left(), 2);
	knock(8);
	LOOP_UNTIL(base, pairs_of(relay) == pairs + 8);
	/* It used to be watched for 10 ms only. */
	ck_assert_uint_le(loop_passes_in(base, 300), FEW);
	ck_assert_uint_eq(drained, 0);
	ck_assert_int_gt(entrance->count, 0);
}

/* _i: by the relay that had it, or by another. */
START_TEST(removed_entrance_is_opened_again)
{
	struct facade_change change;

	begin(A);
	entrance->linger_until = UINT64_MAX;
	reload(OTHER);
	ck_assert_uint_eq(acceptors_left(), 3);
	change = reload(_i ? B : A);
	ck_assert_uint_eq(change.added, 1);
	ck_assert_uint_eq(change.removed, 1);
	LOOP_UNTIL(base, acceptors_left() == 2);
	drained = 0;
	assert_opened_again(_i ? "b" : "a", 0);
}
END_TEST

/* It has not served all that wait yet. */
START_TEST(entrance_that_closes_at_a_limit_is_opened_again)
{
	begin(A "max_connections = 1\n");
	knock(4);
	LOOP_UNTIL(base, relay_named("a")->standing->slots.waiting > 0);
	reload("[relay other]\nlisten = 127.0.0.2:0\n");
	ck_assert_int_gt(entrance->count, 0);
	reload(_i ? B : A);
	if (_i == 0) { /* the relay's limit cannot be changed here */
		standings->list[0]->slots.max = 0;
		while (standings->list[0]->slots.waiting > 0)
			slots_pass(&standings->list[0]->slots);
	}
	LOOP_UNTIL(base, set.count == 4);
	LOOP_UNTIL(base, acceptors_left() == 2);
	drained = 0;
	assert_opened_again(_i ? "b" : "a", _i ? 3 : 4);
}
END_TEST

/* The timer of a closing acceptor fires, and its event fails. */
START_TEST(entrance_that_closes_in_a_shortage_is_opened_again)
{
	begin(A);
	fault_set_lasting(FAULT_ACCEPT, EMFILE);
	knock(4);
	LOOP_UNTIL(base, captured("accepting pauses") == 1);
	reload(OTHER);
	reload(A);
	fault_set(FAULT_ACCEPT, 0, 0);
	LOOP_UNTIL(base, set.count == 4);
	LOOP_UNTIL(base, acceptors_left() == 2);
	drained = 0;
	assert_opened_again("a", 4);
}
END_TEST

/* Another worker, which does nothing until it is told to. */
struct stuck {
	struct event_base *base;
	struct pair_set set;
	struct acceptors acceptors;
	struct adoption *prepared, *adopted;
};

static void stuck_prepare(struct stuck *stuck, struct generation *next)
{
	stuck->prepared = adoption_new(&stuck->acceptors, 1, next);
	ck_assert_ptr_nonnull(stuck->prepared);
}

static void stuck_adopt(struct stuck *stuck)
{
	adoption_carry_out(stuck->prepared, &stuck->acceptors);
	adoption_free(stuck->adopted);
	stuck->adopted = stuck->prepared;
}

static void stuck_begin(struct stuck *stuck)
{
	*stuck = (struct stuck){.base = evloop_new()};
	stuck->set = (struct pair_set){.io = {.base = stuck->base}};
	stuck->acceptors = (struct acceptors){
	        .set = &stuck->set, .slots = &slots, .told = accepting_told, .drained = accepting_drained};
	ck_assert_int_eq(acceptors_init(&stuck->acceptors), 0);
	stuck_prepare(stuck, current);
	stuck_adopt(stuck);
}

static void stuck_end(struct stuck *stuck)
{
	acceptors_deinit(&stuck->acceptors);
	adoption_free(stuck->adopted);
	event_base_free(stuck->base);
}

/* What a stuck worker accepts on, or will accept on, stays open until it has been there. */
START_TEST(stuck_worker_holds_entrances)
{
	struct generation *next;
	struct adoption *adoption;
	struct entrance *other;
	struct stuck stuck;

	reload(A);
	entrance = current->relays[0]->entrances.list[0];
	stuck_begin(&stuck);
	next = make(OTHER);
	other = next->relays[0]->entrances.list[0];
	adoption = prepare(next);
	stuck_prepare(&stuck, next);
	adopt(next, adoption);
	LOOP_UNTIL(base, acceptors_left() == 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_gt(entrance->count, 0);
	/* The daemon may be told to end before the worker goes on. */
	facade_shut(&facade);
	acceptors_drain(&acceptors);
	adoption_free(adopted);
	adopted = NULL;
	LOOP_UNTIL(base, acceptors_left() == 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_gt(other->count, 0);
	stuck_adopt(&stuck);
	acceptors_drain(&stuck.acceptors);
	LOOP_UNTIL(stuck.base, LIST_EMPTY(&stuck.acceptors.list));
	stuck_end(&stuck);
	LOOP_UNTIL(base, other->count == 0);
	ck_assert(TAILQ_FIRST(&facade.all) == other);
}
END_TEST

/* Its only socket is ours. The stuck worker may be on its way to stand in for us there. */
START_TEST(stuck_worker_holds_unix_entrances)
{
	struct generation *first;
	struct stuck stuck;
	char text[128];

	snprintf(text, sizeof(text), "[relay a]\nlisten = unix:@weir-adoption-%d\n", (int)getpid());
	reload(text);
	first = generation_get(current);
	entrance = current->relays[0]->entrances.list[0];
	stuck_begin(&stuck);
	ck_assert(LIST_EMPTY(&stuck.acceptors.list));
	reload(OTHER);
	stuck_prepare(&stuck, current);
	ck_assert_uint_eq(acceptors_left(), 1);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_ge(entrance_fd(entrance, 0), 0);
	stuck_adopt(&stuck);
	LOOP_UNTIL(base, entrance->state == ENTRANCE_CLOSED);
	generation_put(first);
	stuck_end(&stuck);
}
END_TEST

/* Nothing has changed, and nothing is left. */
START_TEST(generation_that_comes_to_nothing)
{
	unsigned fds;
	struct generation *next;

	begin(A);
	fds = relays_count_fds();
	next = make(B OTHER);
	adoption_free(prepare(next));
	generation_put(next);
	mailbox_take(&gone);
	ck_assert_uint_eq(relays_count_fds(), fds);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_int_gt(entrance->count, 0);
	knock(8);
	LOOP_UNTIL(base, pairs_of("a") == 8);
	ck_assert_uint_eq(standings->list[1] == NULL, true);
}
END_TEST

/* Each allocation fails once. */
START_TEST(adoption_without_memory)
{
	struct generation *next;
	struct adoption *adoption = NULL;
	size_t failures = 0;

	begin(A);
	next = make(A OTHER);
	while (!adoption) {
		fault_set(FAULT_MEMORY, ++failures, ENOMEM);
		adoption = adoption_new(&acceptors, 0, next);
		fault_set(FAULT_MEMORY, 0, 0);
	}
	ck_assert_uint_ge(failures, 5);
	adoption_free(adoption);
	fault_set(FAULT_EVENT_NEW, 2, ENOMEM);
	ck_assert_ptr_null(adoption_new(&acceptors, 0, next));
	generation_put(next);
	mailbox_take(&gone);
	knock(8);
	LOOP_UNTIL(base, pairs_of("a") == 8);
}
END_TEST

START_TEST(generation_goes_with_its_last_pair)
{
	begin(A);
	knock(1);
	LOOP_UNTIL(base, set.count == 1);
	for (int i = 0; i < 3; i++)
		reload(i % 2 ? A : B);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_ptr_nonnull(standings->list[0]); /* of relay a: its pair is there */
	pair_set_shutdown(&set);
	LOOP_UNTIL(base, standings->list[0] == NULL);
}
END_TEST

/* The path can be bound again at once, while the old socket serves those that wait. */
START_TEST(unix_path_moves_to_a_new_socket)
{
	char text[128], path[64];
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat status;

	snprintf(path, sizeof(path), "%s.socket", file);
	strcpy(address.sun_path, path);
	snprintf(text, sizeof(text), "[relay a]\nlisten = unix:%s\nmax_connections = 1\n", path);
	reload(text);
	entrance = current->relays[0]->entrances.list[0];
	for (int i = 0; i < 4; i++)
		client[client_count++] = relays_connect(entrance_fd(entrance, 0));
	LOOP_UNTIL(base, relay_named("a")->standing->slots.waiting == 1);
	reload(OTHER);
	ck_assert_int_lt(lstat(path, &status), 0);
	snprintf(text, sizeof(text), "[relay b]\nlisten = unix:%s\n", path);
	ck_assert_uint_eq(reload(text).added, 1);
	ck_assert_int_gt(entrance->count, 0);
	ck_assert_ptr_ne(current->relays[0]->entrances.list[0], entrance);
	pair_set_shutdown(&set);
	LOOP_UNTIL(base, set.made == 2);
	ck_assert_int_eq(lstat(path, &status), 0);
}
END_TEST

/* An abstract name is free only when the socket is closed. */
START_TEST(unix_name_that_closes_cannot_be_taken)
{
	char text[128];
	struct generation *next;

	snprintf(text, sizeof(text), "[relay a]\nlisten = unix:@weir-adoption-%d\n", (int)getpid());
	reload(text);
	fault_set_lasting(FAULT_ACCEPT, EMFILE);
	client[client_count++] = relays_connect(entrance_fd(current->relays[0]->entrances.list[0], 0));
	reload(OTHER);
	next = load(text);
	facade_begin(&facade);
	ck_assert_int_eq(relay_bind(next->relays[0], &facade, NULL), -EADDRINUSE);
	ck_assert_uint_eq(captured("where clients still wait"), 1);
	generation_put(next);
	fault_set(FAULT_ACCEPT, 0, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("adoption");
	TCase *tcase = tcase_create("adoption");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 20);
	tcase_add_test(tcase, clients_come_in_to_the_new_relay);
	tcase_add_test(tcase, entrance_moves_to_another_relay);
	tcase_add_test(tcase, port_of_a_range_gets_another_place);
	tcase_add_test(tcase, worker_stands_in_at_every_entrance);
	tcase_add_test(tcase, worker_accepts_on_all_sockets_that_are_its_own);
	tcase_add_test(tcase, worker_without_a_socket_of_its_own);
	tcase_add_test(tcase, new_entrance_begins);
	tcase_add_test(tcase, new_entrance_begins_although_its_event_fails);
	tcase_add_test(tcase, removed_entrance_serves_who_waits);
	tcase_add_test(tcase, limit_of_the_same_relay_is_waited_for);
	tcase_add_loop_test(tcase, entrance_moves_while_its_relay_is_at_its_limit, 0, 2);
	tcase_add_test(tcase, entrance_moves_while_all_are_at_the_limit);
	tcase_add_test(tcase, entrance_moves_while_a_slot_is_offered);
	tcase_add_test(tcase, entrance_moves_while_something_is_short);
	tcase_add_loop_test(tcase, removed_entrance_is_opened_again, 0, 2);
	tcase_add_loop_test(tcase, entrance_that_closes_at_a_limit_is_opened_again, 0, 2);
	tcase_add_test(tcase, entrance_that_closes_in_a_shortage_is_opened_again);
	tcase_add_test(tcase, stuck_worker_holds_entrances);
	tcase_add_test(tcase, stuck_worker_holds_unix_entrances);
	tcase_add_test(tcase, generation_that_comes_to_nothing);
	tcase_add_test(tcase, adoption_without_memory);
	tcase_add_test(tcase, generation_goes_with_its_last_pair);
	tcase_add_test(tcase, unix_path_moves_to_a_new_socket);
	tcase_add_test(tcase, unix_name_that_closes_cannot_be_taken);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
