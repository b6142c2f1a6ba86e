/* Entrances that a program that takes over gets, whatever their state. */
#include "build_config.h"

#include "base/clock.h"
#include "faults.h"
#include "handing_over.h"
#include "net/unix_path.h"
#include "relay/entrance_state.h"
#include "relay/facade_state.h"
#include "relays.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define WORKERS 2

static struct activation activation;
static struct standings *standings;
static struct generations before, after;
static struct facade facade, restored;
static struct generation *current; /* of after */
static struct handing_over over;
static char path[UNIT_PATH_MAX + 16];
static unsigned fds_before;

static void setup(void)
{
	int fd;

	capture_begin();
	unix_path_init();
	fds_before = relays_count_fds();
	snprintf(path, sizeof(path), "%s/facade.sock", unit_folder);
	unlink(path);
	standings = standings_new(WORKERS, NULL);
	generations_init(&before);
	generations_init(&after);
	facade_init(&facade, WORKERS);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(activation_add(&activation, fd, "web"), 0);
	facade.activation = &activation;
	current = NULL;
	over.memory = -1;
}

static void teardown(void)
{
	handing_over_end(&over);
	facade_deinit(&facade);
	facade_deinit(&restored);
	activation_deinit(&activation);
	standings_free(standings);
	unlink(path);
	ck_assert_uint_eq(relays_count_fds(), fds_before);
	capture_end();
}

/* ---- the program before ---- */

static struct generation *make(struct generations *generations, const char *text)
{
	struct config_errors errors = {.count = 0};
	struct config *config = config_load_text("test", text, strlen(text), &errors);
	struct generation *made;

	ck_assert_msg(config, "%s", errors.count ? errors.text[0] : "?");
	made = generation_new(config, standings, NULL, NULL);
	config_put(config);
	ck_assert_ptr_nonnull(made);
	generations_add(generations, made);
	return made;
}

static struct facade_change take(struct facade *where, struct generation *generation)
{
	ck_assert_int_eq(facade_begin(where), 0);
	for (size_t i = 0; i < generation->relay_count; i++)
		ck_assert_int_eq(relay_bind(generation->relays[i], where, NULL), 0);
	ck_assert_int_eq(generation_listen(generation), 0);
	return facade_commit(where);
}

static void refuse(struct facade *where, struct generation *generation, bool refuses)
{
	ck_assert_int_eq(facade_begin(where), 0);
	for (size_t i = 0; i < generation->relay_count; i++) {
		struct relay *relay = generation->relays[i];

		ck_assert_int_eq(
		        entrances_take_again(&relay->entrances, relay->config->name, refuses && i == 1), 0);
	}
	ck_assert_int_eq(generation_listen(generation), 0);
	facade_commit(where);
}

static struct entrance *entrance_at(const struct generation *generation, size_t relay, size_t number)
{
	return generation->relays[relay]->entrances.list[number];
}

/* What the first generation has: of every kind. The second one keeps some. */
static const char *first_text(void)
{
	static char text[1024];
	static unsigned port;

	if (port == 0)
		port = relays_free_ports("127.0.3.4", 2);
	snprintf(text, sizeof(text),
	         "[relay a]\nlisten = 127.0.0.1:0\nlisten = *:0\nlisten = unix:%s mode=600\n"
	         "listen = unix:@weir-test-facade-state\nlisten = 127.0.3.4:%u-%u\ntarget = "
	         "127.0.0.1:1\nclient_rcvbuf = 64K\n"
	         "[relay b]\nlisten = 127.0.0.2:0\nlisten = unix:@weir-test-facade-state2\n"
	         "target = 127.0.0.1:1\ntcp_nodelay = off\nfree_bind = on\n"
	         "[relay c]\nlisten = 127.0.0.3:0\nlisten = [::1]:0\ntarget = 127.0.0.1:1\n",
	         path, port, port + 1);
	return text;
}

/* Without relay c, whose clients are still served. Relay b refuses clients for now. */
static void begin(struct generation *made[2])
{
	char *text = strdup(first_text());

	made[0] = make(&before, text);
	take(&facade, made[0]);
	for (size_t i = 0; i < 2; i++)
		facade_enter(entrance_at(made[0], 2, i));
	*strstr(text, "[relay c]") = '\0';
	made[1] = make(&before, text);
	ck_assert_uint_eq(take(&facade, made[1]).removed, 2);
	refuse(&facade, made[1], true);
	free(text);
}

/* ---- taking over ---- */

/* Copies stay with the program before, so that it can end. */
static void let_go(void)
{
	struct entrance *entrance;

	TAILQ_FOREACH(entrance, &facade.all, entry)
	{
		entrance->unlink_path = NULL;
		for (unsigned i = 0; !entrance_is_passed(entrance) && i < entrance->count; i++)
			entrance->fds[i] = fcntl(entrance->fds[i], F_DUPFD_CLOEXEC, 0);
	}
}

static int restore(unsigned workers)
{
	const struct generations_making making = {.standings = standings};

	facade_init(&restored, workers);
	restored.activation = &activation;
	ck_assert_int_eq(generations_restore(&after, &making, &over.reader, &current), 0);
	return facade_restore(&restored, &after, &over.reader);
}

static void take_over(const struct generation *in_force, unsigned workers, bool rehearsal)
{
	handing_over_begin(&over, rehearsal);
	generations_save(&before, in_force, &over.writer);
	facade_save(&facade, &before, &over.writer);
	handing_over_read(&over);
	if (!rehearsal)
		let_go();
	ck_assert_msg(restore(workers) == 0, "%s", state_error(&over.reader));
	ck_assert_ptr_null(state_peek(&over.reader));
}

static void check_access(const struct unix_access *one, const struct unix_access *other)
{
	ck_assert(unix_access_equal(one, other));
}

static void check_tuning(const struct socket_tuning *one, const struct socket_tuning *other)
{
	ck_assert(retuning_is_needless(one, other));
	ck_assert_int_eq(one->free_bind, other->free_bind);
}

static void check_facade_part(const struct entrance *one, const struct entrance *other)
{
	ck_assert_uint_eq(one->number, other->number);
	ck_assert_int_eq(one->state, other->state);
	ck_assert_uint_eq(one->references, other->references);
	ck_assert_int_eq(one->refuses, other->refuses);
	ck_assert_int_eq(one->refused, other->refused);
	ck_assert_str_eq(one->relay, other->relay);
	check_access(&one->committed, &other->committed);
}

static void check_same(const struct entrance *one, const struct entrance *other)
{
	ck_assert_int_eq(entrance_key_compare(&one->key, &other->key), 0);
	ck_assert(endpoint_equal(&one->endpoint, &other->endpoint));
	ck_assert_str_eq(one->text, other->text);
	check_access(&one->access, &other->access);
	ck_assert_int_eq(one->shared, other->shared);
	ck_assert_int_eq(one->listens, other->listens);
	ck_assert_int_eq(one->was_shut, other->was_shut);
	ck_assert_uint_eq(one->linger_until, other->linger_until);
	check_tuning(&one->tuning, &other->tuning);
	check_facade_part(one, other);
}

static size_t check_all(void)
{
	struct entrance *one = TAILQ_FIRST(&facade.all), *other = TAILQ_FIRST(&restored.all);
	size_t count = 0;

	for (; one && other; one = TAILQ_NEXT(one, entry), other = TAILQ_NEXT(other, entry), count++)
		check_same(one, other);
	ck_assert(!one && !other);
	ck_assert_uint_eq(restored.count, facade.count);
	return count;
}

static void check_relays(const struct generation *one)
{
	const struct generation *other = generations_find(&after, one->number);

	for (size_t i = 0; i < one->relay_count; i++) {
		const struct entrances *a = &one->relays[i]->entrances, *b = &other->relays[i]->entrances;

		ck_assert_uint_eq(a->count, b->count);
		ck_assert_int_eq(a->by_name, b->by_name);
		for (size_t j = 0; j < a->count; j++) {
			ck_assert_uint_eq(a->list[j]->number, b->list[j]->number);
			ck_assert_uint_eq(a->places[j], b->places[j]);
		}
	}
	ck_assert_ptr_nonnull(other->loops);
}

static void end(struct generation *made[2])
{
	for (size_t i = 0; i < 2; i++)
		generation_put(made[i]);
	generation_put(current);
}

/* _i: with as many workers, more, fewer; the last is a rehearsal */
START_TEST(every_entrance_comes_back)
{
	static const unsigned workers[] = {WORKERS, 4, 1, 4};
	struct generation *made[2];
	const struct entrance *entrance;
	const bool rehearsal = _i == 3;
	struct stat status;

	begin(made);
	take_over(made[1], workers[_i], rehearsal);
	ck_assert_uint_eq(check_all(), 10);
	check_relays(made[0]);
	check_relays(made[1]);
	TAILQ_FOREACH(entrance, &restored.all, entry)
	{
		const bool open = entrance->state == ENTRANCE_OPEN;

		ck_assert_uint_lt(entrance->worker, workers[_i]);
		ck_assert_uint_eq(entrance->workers, workers[_i]);
		if (entrance->count > 1)
			ck_assert_uint_eq(entrance->count, open && workers[_i] == 4 && !rehearsal ? 4 : 2);
	}
	ck_assert_int_eq(lstat(path, &status), 0);
	generations_let_go(&after);
	end(made);
}
END_TEST

static bool somebody_waits(const struct entrance *entrance)
{
	bool waits = false;

	for (unsigned i = 0; i < entrance->count; i++)
		waits |= poll(&(struct pollfd){.fd = entrance->fds[i], .events = POLLIN}, 1, 0) == 1;
	return waits;
}

/* Clients that waited still do, and a reload finds each entrance where it is. */
START_TEST(next_generation_finds_them)
{
	struct generation *made[2], *next;
	struct facade_change change;
	char *text = strdup(first_text());
	int client;

	begin(made);
	client = relays_connect(entrance_at(made[1], 0, 0)->fds[0]);
	take_over(made[1], WORKERS, false);
	generations_let_go(&after);
	next = make(&after, text);
	ck_assert_uint_eq(next->number, 3);
	change = take(&restored, next);
	ck_assert_uint_eq(change.kept, 6);  /* of a */
	ck_assert_uint_eq(change.added, 4); /* b lets clients in again, and c is there again */
	ck_assert_uint_eq(change.removed, 0);
	ck_assert_ptr_eq(entrance_at(next, 0, 0), entrance_at(current, 0, 0));
	ck_assert_ptr_eq(entrance_at(next, 1, 0), entrance_at(current, 1, 0));
	ck_assert(somebody_waits(entrance_at(next, 0, 0)));
	close(client);
	for (size_t i = 0; i < 2; i++) {
		client = relays_connect(entrance_at(next, 1, i)->fds[0]);
		ck_assert(somebody_waits(entrance_at(next, 1, i)));
		close(client);
	}
	generation_put(next);
	end(made);
	free(text);
}
END_TEST

/* Who drains there may be told by nobody that it was the last. */
START_TEST(entrance_that_nobody_accepts_on_any_more_is_closed)
{
	struct generation *made[2];
	struct entrance *entrance;

	begin(made);
	entrance = entrance_at(made[0], 2, 0);
	take_over(made[1], WORKERS, false);
	generations_let_go(&after);
	entrance = facade_find_number(&restored, entrance->number);
	ck_assert_ptr_nonnull(entrance);
	ck_assert_int_eq(entrance->state, ENTRANCE_SHUT);
	ck_assert_uint_gt(entrance->linger_until, 0);
	refuse(&restored, current, true);
	ck_assert_ptr_null(facade_find_number(&restored, entrance_at(made[0], 2, 0)->number));
	end(made);
}
END_TEST

/* _i: whether somebody else has taken over the path meanwhile */
START_TEST(path_is_removed_if_it_is_ours)
{
	struct generation *made[2];
	struct stat status;

	begin(made);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & ACCESSPERMS, 0600);
	take_over(made[1], WORKERS, false);
	generations_let_go(&after);
	if (_i) {
		char other[sizeof(path) + 8];

		snprintf(other, sizeof(other), "%s.new", path);
		close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
		ck_assert_int_eq(rename(other, path), 0);
	}
	facade_shut(&restored);
	ck_assert_int_eq(lstat(path, &status), _i ? 0 : -1);
	end(made);
}
END_TEST

START_TEST(access_to_a_path_can_be_set)
{
	const struct unix_access access = {.has_mode = true, .mode = 0640};
	struct generation *made[2];
	struct entrance *entrance;
	struct stat status;

	begin(made);
	take_over(made[1], WORKERS, false);
	generations_let_go(&after);
	entrance = entrance_at(current, 0, 2);
	ck_assert_int_eq(entrance_set_access(entrance, &access), 0);
	ck_assert_int_eq(lstat(path, &status), 0);
	ck_assert_uint_eq(status.st_mode & ACCESSPERMS, 0640);
	end(made);
}
END_TEST

/* It stays the service manager's, and is named by its place in what it has passed. */
START_TEST(passed_socket_comes_back)
{
	static const char text[] = "[relay a]\nlisten = systemd:web\ntarget = 127.0.0.1:1\n";
	struct generation *made[2] = {NULL, NULL};
	const struct entrance *entrance;

#ifdef HAVE_SYSTEMD
	made[0] = make(&before, text);
	take(&facade, made[0]);
	take_over(made[0], 1, false);
	generations_let_go(&after);
	ck_assert_uint_eq(check_all(), 1);
	entrance = entrance_at(current, 0, 0);
	ck_assert_ptr_eq(entrance->key.passed, &activation.sockets[0]);
	ck_assert_int_eq(entrance->fds[0], activation.sockets[0].fd);
	ck_assert(current->relays[0]->entrances.by_name);
	end(made);
#else
	(void)text;
	(void)made;
	(void)entrance;
#endif
}
END_TEST

#define HEAD      "state format=1\n"
#define DOOR      "door number=1 state=1 relay=a\n"
#define IN        "020000077f0000010000000000000000" /* as x86 has it */
#define NO_SOCKET "entrance endpoint=" IN "\n"

/* _i: a row */
static const struct {
	const char *text, *error;
} wrong[] = {
        {HEAD "door number=0 state=1\n", "by their numbers"},
        {HEAD "door number=1 state=3\n" NO_SOCKET "door number=1 state=3\n", "by their numbers"},
        {HEAD "door number=1 state=0\n", "open, shut or closed"},
        {HEAD "door number=1 state=4\n", "open, shut or closed"},
        {HEAD DOOR "generation number=1\n", "entrance"},
        {HEAD DOOR "entrance key=" IN "\n", "with an address"},
        {HEAD DOOR "entrance endpoint=" IN " ours=1\n", "with an address"},
        {HEAD DOOR NO_SOCKET, "a socket of an entrance"},
        {HEAD DOOR "entrance endpoint=" IN " sockets=1\nlistener\n", "with a socket"},
        {HEAD DOOR "entrance endpoint=" IN " sockets=1\nlistener fd=999\n", ""},
        {HEAD DOOR "entrance endpoint=" IN " sockets=2 shared=1\n", "fewer sockets"},
        {HEAD DOOR "entrance endpoint=" IN " sockets=1 passed=2\n", "of the service manager"},
        {HEAD "door number=1 state=3\n" NO_SOCKET "has generation=1 relay=a entrance=1\n", "that are there"},
        {HEAD "has generation=1 relay=a entrance=1\n", "that are there"},
};

START_TEST(wrong_records_are_refused)
{
	handing_over_read_text(&over, wrong[_i].text);
	facade_init(&restored, WORKERS);
	restored.activation = &activation;
	ck_assert_int_eq(facade_restore(&restored, &after, &over.reader), -EPROTO);
	ck_assert_msg(strstr(state_error(&over.reader), wrong[_i].error), "%s", state_error(&over.reader));
}
END_TEST

/* Each allocation fails once. What was claimed is closed, and the path is left alone. */
START_TEST(without_memory_it_fails)
{
	struct generation *made[2];
	struct stat status;
	int error;

	begin(made);
	handing_over_begin(&over, true);
	facade_save(&facade, &before, &over.writer);
	handing_over_read(&over);
	error = -ENOMEM;
	for (unsigned fail_at = 1; error; fail_at++) {
		unsigned fds = relays_count_fds();

		ck_assert_uint_lt(fail_at, 200);
		facade_init(&restored, WORKERS);
		restored.activation = &activation;
		handing_over_read_text(&over, over.text);
		fault_set(FAULT_MEMORY, fail_at, ENOMEM);
		error = facade_restore(&restored, &(struct generations){.last = 0}, &over.reader);
		fault_set(FAULT_MEMORY, 0, 0);
		if (error == -EPROTO) /* it got as far as the relays, which are not there */
			error = 0;
		facade_deinit(&restored);
		ck_assert_uint_eq(relays_count_fds(), fds);
	}
	ck_assert_int_eq(lstat(path, &status), 0);
	generation_put(made[0]);
	generation_put(made[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("facade_state");
	TCase *tcase = tcase_create("facade_state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, every_entrance_comes_back, 0, 4);
	tcase_add_test(tcase, next_generation_finds_them);
	tcase_add_test(tcase, entrance_that_nobody_accepts_on_any_more_is_closed);
	tcase_add_loop_test(tcase, path_is_removed_if_it_is_ours, 0, 2);
	tcase_add_test(tcase, access_to_a_path_can_be_set);
	tcase_add_test(tcase, passed_socket_comes_back);
	tcase_add_loop_test(tcase, wrong_records_are_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tcase, without_memory_it_fails);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
