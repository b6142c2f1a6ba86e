/* Host names and sockets of the service manager, saved by one program and restored by another. */
#include "build_config.h"

#include "base/evloop.h"
#include "daemon/names_state.h"
#include "loop.h"
#include "net/resolver_private.h"
#include "unit.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/mman.h>

#define LONG_MS 3600000

static struct event_base *base;
static struct lookups *lookups;
static struct resolver *old, *new;
static struct inheritance *inheritance;
static struct state_reader reader;
static struct activation passed, taken;
static char text[65536];
static _Atomic unsigned asked;
static _Atomic bool stuck;

/* "good..." has 10.0.0.1 and fe80::1 on an interface, others do not resolve, stuck ones not yet. */
static struct address_list *fake_lookup(const char *host, void *arg, int *error)
{
	struct address_list *list = address_list_new(2);
	struct endpoint *at = list->endpoint;

	(void)arg;
	asked++;
	while (strncmp(host, "stuck", 5) == 0 && stuck)
		usleep(1000);
	*error = EAI_AGAIN;
	if (strncmp(host, "good", 4) != 0) {
		address_list_put(list);
		return NULL;
	}
	at[0] = (struct endpoint){.length = sizeof(at->in), .in = {.sin_family = AF_INET}};
	at[0].in.sin_addr.s_addr = htonl(0x0a000001);
	at[1] = (struct endpoint){.length = sizeof(at->in6), .in6 = {.sin6_family = AF_INET6}};
	at[1].in6.sin6_addr = (struct in6_addr){.s6_addr = {0xfe, 0x80, [15] = 1}};
	at[1].in6.sin6_scope_id = 7;
	list->count = 2;
	return list;
}

static void setup(void)
{
	base = evloop_new();
	lookups = lookups_new(base, fake_lookup, NULL);
	ck_assert_ptr_nonnull(lookups);
	old = resolver_new(base, lookups);
	new = resolver_new(base, lookups);
	ck_assert(old && new);
	asked = 0;
	stuck = true;
}

static void teardown(void)
{
	stuck = false;
	resolver_free(old);
	resolver_free(new);
	lookups_free(lookups);
	event_base_free(base);
	inheritance_free(inheritance);
}

static struct resolver_name *add(struct resolver *resolver, const char *host)
{
	struct resolver_name *name =
	        resolver_add(resolver, "relay db: target", host, 80, LONG_MS, NULL, NULL);

	ck_assert_ptr_nonnull(name);
	return name;
}

static struct resolver_name *add_and_wait(const char *host)
{
	struct resolver_name *name = add(old, host);

	LOOP_UNTIL(base, resolver_name_tried(name));
	return name;
}

static void read_text(const char *state, bool rehearsal)
{
	inheritance = inheritance_new(rehearsal);
	ck_assert_ptr_nonnull(inheritance);
	state_reader_init(&reader, inheritance, state, strlen(state));
}

static void save(enum state_purpose purpose)
{
	int memory = memfd_create("state", MFD_CLOEXEC);
	struct state_writer writer;
	ssize_t size;

	ck_assert_int_eq(state_writer_init(&writer, memory, purpose), 0);
	names_save(old, &writer);
	activation_save(&passed, &writer);
	ck_assert_int_eq(state_writer_finish(&writer), 0);
	size = pread(memory, text, sizeof(text), 0);
	ck_assert(size > 0 && size < (ssize_t)sizeof(text));
	close(memory);
	text[size] = '\0';
	read_text(text, purpose == STATE_REHEARSE);
}

static void restore(enum state_purpose purpose)
{
	save(purpose);
	ck_assert_msg(names_restore(new, &reader) == 0, "%s", state_error(&reader));
	ck_assert_msg(activation_restore(&taken, &reader) == 0, "%s", state_error(&reader));
	ck_assert_ptr_null(state_peek(&reader));
}

STATE_COVERS(struct host, 168); /* see net/known_hosts.c */

static const struct host *only_host(const struct resolver *resolver)
{
	const struct host *host = STAILQ_FIRST(&resolver->hosts);

	ck_assert_ptr_nonnull(host);
	ck_assert_ptr_null(STAILQ_NEXT(host, next));
	return host;
}

static void expect_same_host(void)
{
	const struct host *host = only_host(new), *before = only_host(old);

	ck_assert_uint_eq(host->interval_ms, before->interval_ms);
	ck_assert_uint_eq(host->began, before->began);
	ck_assert_uint_eq(host->ended, before->ended);
	ck_assert_uint_eq(host->due, before->due);
	ck_assert_uint_eq(host->retry.wait, before->retry.wait);
	ck_assert(host->tried == before->tried && host->slow == before->slow);
	ck_assert(host->failing.told == before->failing.told);
	ck_assert_uint_eq(host->failing.logged, before->failing.logged);
	ck_assert(host->shared == before->shared);
}

START_TEST(names_have_their_addresses_at_once)
{
	struct address_list *was, *is;
	struct resolver_name *name;

	was = resolver_name_get(add_and_wait("good.example"));
	restore(STATE_CARRY);
	name = add(new, "GOOD.example");
	resolver_let_go(new);
	expect_same_host();
	ck_assert_uint_gt(only_host(new)->due, clock_ms() + LONG_MS / 2);
	ck_assert(resolver_name_tried(name));
	is = resolver_name_get(name);
	ck_assert(is && is->count == 2);
	ck_assert(endpoint_equal(&is->endpoint[0], &was->endpoint[0]));
	ck_assert(endpoint_equal(&is->endpoint[1], &was->endpoint[1]));
	ck_assert_uint_eq(is->endpoint[1].in6.sin6_scope_id, 7);
	address_list_put(was);
	address_list_put(is);
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(trouble_with_a_name_goes_on)
{
	add_and_wait("bad.example");
	only_host(old); /* it has failed, and a line of the log said so */
	ck_assert(only_host(old)->failing.told);
	restore(STATE_CARRY);
	ck_assert_ptr_null(resolver_name_get(add(new, "bad.example")));
	expect_same_host();
	ck_assert_uint_eq(only_host(new)->retry.wait, 2000);
}
END_TEST

START_TEST(what_was_being_looked_up_is_looked_up_again)
{
	struct resolver_name *name;

	add(old, "stuck.example");
	LOOP_UNTIL(base, asked == 1);
	restore(STATE_CARRY);
	name = add(new, "stuck.example");
	ck_assert(!resolver_name_tried(name));
	LOOP_UNTIL(base, asked == 2);
	stuck = false;
	LOOP_UNTIL(base, resolver_name_tried(name));
}
END_TEST

START_TEST(names_in_a_hurry_still_are)
{
	struct resolver_name *name = add_and_wait("good.example");

	resolver_name_hurry(name);
	restore(STATE_CARRY);
	ck_assert_uint_le(only_host(new)->due, clock_ms() + 1000);
}
END_TEST

START_TEST(names_that_nobody_adds_are_forgotten)
{
	add_and_wait("good.example");
	add_and_wait("good.example.org");
	restore(STATE_CARRY);
	resolver_name_put(add(new, "good.example"));
	add(new, "good.example");
	resolver_let_go(new);
	ck_assert_str_eq(only_host(new)->name, "good.example");
	ck_assert_uint_eq(asked, 2);
}
END_TEST

/* ---- sockets ---- */

static void expect_sockets(size_t count)
{
	ck_assert_uint_eq(taken.count, count);
	for (size_t i = 0; i < count; i++) {
		ck_assert_str_eq(taken.sockets[i].name, passed.sockets[i].name);
		ck_assert_ptr_null(taken.sockets[i].flaw);
		ck_assert(endpoint_equal(&taken.sockets[i].endpoint, &passed.sockets[i].endpoint));
		ck_assert(taken.sockets[i].dual_stack == passed.sockets[i].dual_stack);
	}
}

static void pass_sockets(void)
{
	struct sockaddr_in address;

	ck_assert_int_eq(activation_add(&passed, loop_listen(&address), "web"), 0);
	ck_assert_int_eq(activation_add(&passed, loop_listen(&address), "a b=%"), 0);
	ck_assert_int_eq(activation_add(&passed, loop_listen(&address), "web"), 0);
	passed.sockets[2].dual_stack = true;
}

START_TEST(sockets_of_the_service_manager_keep_their_order)
{
	pass_sockets();
	restore(STATE_CARRY);
	expect_sockets(3);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_int_eq(taken.sockets[i].fd, passed.sockets[i].fd);
		free(passed.sockets[i].name);
	}
	free(passed.sockets);
	activation_deinit(&taken);
}
END_TEST

START_TEST(a_rehearsal_has_stand_ins_for_them)
{
	pass_sockets();
	restore(STATE_REHEARSE);
	expect_sockets(3);
	ck_assert_int_ne(taken.sockets[0].fd, passed.sockets[0].fd);
	activation_deinit(&taken);
	activation_deinit(&passed);
}
END_TEST

static const struct {
	const char *records, *error;
} wrong[] = {
        {"name host=a\nname host=A\n", "record 3: another host was expected"},
        {"name host=a known=1 addresses=1\n", "record 3: address was expected"},
        {"name host=a known=1 addresses=1\naddress\n", "record 3: an address of a host was expected"},
        {"name host=a known=1 addresses=1\naddress at=0100\n", "record 3: an address of a host was expected"},
        {"name host=a known=1 addresses=65536\n", "record 2, name: addresses: no value for it"},
        {"passed name=a\n", "record 2: a socket was expected"},
};

START_TEST(what_is_wrong_is_refused)
{
	snprintf(text, sizeof(text), "state format=1\n%s", wrong[_i].records);
	read_text(text, false);
	ck_assert(names_restore(new, &reader) == -EPROTO || activation_restore(&taken, &reader) == -EPROTO);
	ck_assert_str_eq(state_error(&reader), wrong[_i].error);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("names_state");
	TCase *tcase = tcase_create("names_state");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, names_have_their_addresses_at_once);
	tcase_add_test(tcase, trouble_with_a_name_goes_on);
	tcase_add_test(tcase, what_was_being_looked_up_is_looked_up_again);
	tcase_add_test(tcase, names_in_a_hurry_still_are);
	tcase_add_test(tcase, names_that_nobody_adds_are_forgotten);
	tcase_add_test(tcase, sockets_of_the_service_manager_keep_their_order);
	tcase_add_test(tcase, a_rehearsal_has_stand_ins_for_them);
	tcase_add_loop_test(tcase, what_is_wrong_is_refused, 0, sizeof(wrong) / sizeof(*wrong));
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
