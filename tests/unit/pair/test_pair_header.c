/* Clients that must begin with a PROXY header. */
#include "build_config.h"

#include "base/log.h"
#include "pair/pair_stage.h"

#define BYTES(string) string, sizeof(string) - 1

#define PROXY "accept_proxy=127.0.0.0/8"
#define V1    "PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\r\n"
#define V2    "\r\n\r\n\0\r\nQUIT\n"
#define INET  V2 "!\x11\0\x0c\x0a\1\2\3\x0a\x09\x08\7\x12\x67\0\x50"
#define INET6                                                                                                \
	V2 "!\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"         \
	   "\x12\x67\0\x50"

#define NULS54                                                                                               \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0"
#define UNIX V2 "!\x31\0\xd8" NULS54 NULS54 NULS54 NULS54

static void say(int fd, const void *bytes, size_t size)
{
	ck_assert_int_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* The target's next connection, which gets this first, and then nothing for now. */
static int meet_with(const char *text)
{
	char got[64] = "";
	size_t size = 0;
	ssize_t n;
	int server = meet_open(target);

	LOOP_UNTIL(base, (n = recv(server, got + size, sizeof(got) - 1 - size, MSG_DONTWAIT)) > 0 &&
	                         (size += (size_t)n) >= strlen(text));
	ck_assert_str_eq(got, text);
	return server;
}

static void assert_no_target(void)
{
	ck_assert_int_lt(try_meet(target), 0);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.connect_failed, 0);
}

static const struct told {
	const char *bytes;
	size_t size;
	const char *client; /* as the close line tells it; NULL: the real one */
} told[] = {
        {BYTES(V1), "10.1.2.3:4711"},
        {BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n"), "[2001:db8::1]:4711"},
        {BYTES("PROXY TCP6 ::ffff:10.1.2.3 ::1 4711 80\r\n"), "10.1.2.3:4711"},
        {BYTES("PROXY UNKNOWN 10.1.2.3 10.9.8.7 4711 80\r\n"), NULL},
        {BYTES(INET), "10.1.2.3:4711"},
        {BYTES(INET6), "[2001:db8::1]:4711"},
        {BYTES(UNIX), "unix:"},
        {BYTES(V2 "\x20\0\0\0"), NULL},
        {BYTES(V2 "\x20\x11\0\x10"
                  "ABCDEFGHIJKLMNOP"),
         NULL},
        {BYTES(V2 "!\0\0\3"
                  "ABC"),
         NULL},
};

static void assert_told(int client, const struct told *header)
{
	const char *real = relays_address(client);
	char text[128];

	snprintf(text, sizeof(text), " client=%s ", header->client ? header->client : real);
	ck_assert_msg(captured(text) == 1, "no%s", text);
	snprintf(text, sizeof(text), " via=%s", real);
	ck_assert_uint_eq(captured(text), header->client != NULL);
	ck_assert_uint_eq(captured("upload_bytes=5 download_bytes=0"), 1);
}

/* _i: which header; in one piece with what follows, or byte by byte */
START_TEST(header_is_taken_and_nothing_more)
{
	const struct told *header = &told[_i / 2];
	char text[512];
	int client, server;

	memcpy(text, header->bytes, header->size);
	memcpy(text + header->size, "hello", 5);
	begin(TEXTS(PROXY));
	client = join();
	if (_i % 2 == 0)
		say(client, text, header->size + 5);
	for (size_t i = 0; i < header->size + 5 && _i % 2; i++)
		say(client, &text[i], 1);
	server = meet_with("hello");
	shutdown(client, SHUT_WR);
	assert_ends(server, LOOP_FIN, 0);
	shutdown(server, SHUT_WR);
	assert_over("eof");
	assert_told(client, header);
}
END_TEST

START_TEST(clients_of_other_networks_are_served_as_they_are)
{
	int client;

	begin(TEXTS("accept_proxy=10.0.0.0/8", "accept_proxy=unix"));
	client = join();
	ck_assert_ptr_null(only_pair()->arrival);
	say(client, BYTES("hello"));
	meet_with("hello");
}
END_TEST

/* A client on a unix socket may have to send one too. Its socket stays what it is. */
START_TEST(unix_client_becomes_whom_its_header_tells)
{
	struct pair_record *records;
	size_t count;
	char name[64];
	int client;

	snprintf(name, sizeof(name), "weir-test-header-%d", (int)getpid());
	gate = listen_unix(name, 16);
	begin(TEXTS("accept_proxy=unix"));
	client = join();
	say(client, BYTES(V1 "hello"));
	shutdown(meet_with("hello"), SHUT_WR);
	records = begin_survey(&count);
	ck_assert(!pair_survey_measure(&set, count));
	ck_assert_uint_eq(records[0].flow[DOWNLOAD].sink_queue, RECORD_UNKNOWN);
	pair_records_free(records, count);
	assert_ends(client, LOOP_FIN, 0);
	shutdown(client, SHUT_WR);
	assert_over("eof");
	ck_assert_uint_eq(captured(" client=10.1.2.3:4711 "), 1);
	ck_assert_uint_eq(captured(" via=unix:"), 1);
}
END_TEST

static const struct wrong {
	const char *bytes;
	size_t size;
	const char *word;
} wrong[] = {
        {BYTES("GET / HTTP/1.0\r\n\r\n"), "no_PROXY_header"},
        {BYTES("\x16\x03\x01"), "no_PROXY_header"},
        {BYTES("PROXY TCP4 10.1.2.3 10.9.8.7 4711 65536\r\n"), "wrong_destination_port"},
        {BYTES("PROXY UDP4 10.1.2.3 10.9.8.7 4711 80\r\n"), "unknown_protocol"},
        {BYTES("PROXY TCP4 10.1.2.3 10.9.8.7 4711 80\n"), "a_line_feed_without_a_carriage_return"},
        {BYTES(V2 "\x31\x11\0\x0c"), "unknown_version"},
        {BYTES(V2 "!\x12\0\x0c"), "datagrams"},
        {BYTES(V2 "!\x11\0\x0b"), "too_short_for_its_addresses"},
        {BYTES(V2 "!\x11\x10\1"), "too_long"},
        {BYTES(V2 "!\x11\0\x13\x7f\0\0\1\x7f\0\0\1\xaf\x1c\x99\xb3\3\0\4\xbb\4.S"), "wrong_checksum"},
};

START_TEST(wrong_header_resets_the_client)
{
	char text[64];
	int client;

	begin(TEXTS(PROXY));
	client = join();
	say(client, wrong[_i].bytes, wrong[_i].size);
	assert_ends(client, LOOP_RST, 0);
	assert_over("bad_proxy_header");
	assert_no_target();
	snprintf(text, sizeof(text), " header=%s", wrong[_i].word);
	ck_assert_msg(captured(text) == 1, "no%s", text);
	ck_assert_uint_eq(captured(" target=- "), 1);
	ck_assert_uint_eq(captured(" via="), 0);
}
END_TEST

/* _i: 0 late, 1 cut off by an end, 2 by a reset; without a byte and with one: only that is worth a line */
START_TEST(header_that_never_is_complete)
{
	const bool heard = _i % 2;
	int client;

	begin(TEXTS(PROXY, "proxy_header_timeout=100ms"));
	client = join();
	if (heard)
		say(client, BYTES(V2));
	if (_i / 2 == 1)
		shutdown(client, SHUT_WR);
	if (_i / 2 == 2)
		reset(client);
	else
		assert_ends(client, LOOP_RST, 0);
	LOOP_UNTIL(base, set.count == 0);
	ck_assert_uint_eq(captured("reason=bad_proxy_header"), heard);
	ck_assert_uint_eq(captured(_i / 2 == 0 ? "header=late" : "header=cut_off"), heard);
	ck_assert_uint_eq(captured(_i / 2 == 0 ? "ended_first=relay" : "ended_first=client"), heard);
	assert_no_target();
}
END_TEST

START_TEST(quiet_client_is_told_of_at_debug)
{
	begin(TEXTS(PROXY));
	log_set_level(LOG_LEVEL_DEBUG);
	shutdown(join(), SHUT_WR);
	assert_over("bad_proxy_header");
	log_set_level(LOG_LEVEL_INFO);
	ck_assert_uint_eq(captured(" debug closed pair="), 1);
}
END_TEST

/* The last byte that makes it complete is there, but the daemon was stopped when it came. */
START_TEST(late_daemon_does_not_blame_the_client)
{
	int client;

	begin(TEXTS(PROXY));
	client = join();
	ck_assert_int_gt(send(client, V1 "hello", sizeof(V1 "hello") - 1, MSG_NOSIGNAL), 0);
	be_quiet_since(only_pair(), 60000);
	fire_timer(only_pair());
	meet_with("hello");
}
END_TEST

START_TEST(part_of_a_header_is_no_spin)
{
	int client;

	begin(TEXTS(PROXY));
	client = join();
	say(client, BYTES("PROXY TCP4 10.1.2.3 "));
	ck_assert_int_eq(only_pair()->phase, PHASE_HEADER);
	ck_assert_uint_eq(stream_unread(only_pair()->client.fd), 0);
	ck_assert_uint_le(loop_passes_in(base, 100), 2);
	say(client, BYTES("10.9.8.7 4711 80\r\nhello"));
	meet_with("hello");
	ck_assert_ptr_null(only_pair()->arrival->bytes);
}
END_TEST

/* _i: 0 the longest that there may be, 1 one byte longer */
START_TEST(longest_header)
{
	static char text[PROXY_HEADER_MAX + 1] = V2 "\x20\0\x10";
	int client;

	text[15] = (char)_i;
	begin(TEXTS(PROXY));
	client = join();
	for (size_t i = 0; i + 16 < sizeof(text) && (i == 0 || set.count > 0); i += 16)
		(void)!send(client, text + i, 16, MSG_NOSIGNAL), event_base_loop(base, EVLOOP_NONBLOCK);
	if (_i == 0) {
		say(client, BYTES("hello"));
		meet_with("hello");
	} else {
		assert_over("bad_proxy_header");
		ck_assert_uint_eq(captured("header=too_long"), 1);
	}
}
END_TEST

/* What follows the header belongs to the flow, however much of it there is. */
START_TEST(bytes_after_the_header_stay_in_the_socket)
{
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS(PROXY));
	client = join();
	say(client, BYTES(V1));
	ck_assert_int_eq(only_pair()->phase, PHASE_CONNECTING);
	pair_set_shutdown(&set);
	client = join();
	ck_assert_int_eq(send(client, V1, sizeof(V1) - 1, MSG_NOSIGNAL | MSG_MORE), sizeof(V1) - 1);
	ck_assert_uint_eq(loop_send(client, 0, 5000), 5000);
	LOOP_UNTIL(base, stream_unread(only_pair()->client.fd) == 5000);
	ck_assert_int_eq(only_pair()->phase, PHASE_CONNECTING);
}
END_TEST

START_TEST(limit_of_an_origin_goes_by_the_header)
{
	static const char *const clients[] = {"1.1.1.1", "1.1.1.2", "1.1.1.1"};
	char text[64];
	int fd;

	begin(TEXTS(PROXY, "max_connections_per_source=1"));
	for (size_t i = 0; i < 3; i++) {
		snprintf(text, sizeof(text), "PROXY TCP4 %s 10.9.8.7 4711 80\r\n", clients[i]);
		fd = join();
		say(fd, text, strlen(text));
	}
	assert_ends(fd, LOOP_RST, 0);
	ck_assert_uint_eq(set.count, 2);
	ck_assert_uint_eq(captured("client=1.1.1.1:4711 target=- "), 1);
	ck_assert_uint_eq(captured("reason=over_limit"), 1);
	ck_assert_uint_eq(relay->standing->tallies[0].counters.refused, 1);
	pair_set_shutdown(&set);
	fd = join();
	say(fd, BYTES("PROXY TCP4 1.1.1.1 10.9.8.7 4711 80\r\n"));
	ck_assert_uint_eq(set.count, 1);
}
END_TEST

/* _i: 0 it is not sent on, 1 it is */
START_TEST(header_is_kept_only_to_be_sent_on)
{
	const struct proxy_header *header;
	int client;

	open_relay(TEXTS(relays_address(silent())), TEXTS(PROXY, _i ? "send_proxy=v2" : "send_proxy=off"));
	client = join();
	say(client, BYTES(V1));
	header = pair_told(only_pair());
	ck_assert_int_eq(header != NULL, _i);
	if (_i) {
		ck_assert_uint_eq(endpoint_port(&header->source), 4711);
		ck_assert_uint_eq(endpoint_port(&header->destination), 80);
	}
	pair_header_sent(only_pair());
	ck_assert_ptr_null(pair_told(only_pair()));
	ck_assert_int_eq(pair_via(only_pair())->in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}
END_TEST

START_TEST(dump_tells_who_waits_and_where_it_came_from)
{
	struct pair_record *records;
	size_t count;
	int client;

	begin(TEXTS(PROXY));
	client = join();
	for (int complete = 0; complete < 2; complete++) {
		if (complete) {
			say(client, BYTES(V1));
			meet_open(target);
		}
		records = begin_survey(&count);
		ck_assert(!pair_survey_measure(&set, count));
		ck_assert_int_eq(records[0].state, complete ? STATE_OPEN : STATE_WAITING);
		ck_assert_int_eq(records[0].via.any.sa_family, complete ? AF_INET : AF_UNSPEC);
		ck_assert_int_eq(records[0].client.in.sin_addr.s_addr == htonl(0x0a010203), complete);
		pair_records_free(records, count);
	}
}
END_TEST

/* _i: 0 to keep a part of the header, 1 to keep all of it for the target */
START_TEST(lack_of_memory_costs_one_client)
{
	int client;

	begin(TEXTS(PROXY, "send_proxy=v2"));
	client = join();
	fault_set(FAULT_MEMORY, 1, ENOMEM);
	if (_i == 0)
		(void)!send(client, "PROXY TCP4", 10, MSG_NOSIGNAL);
	else
		(void)!send(client, V1, sizeof(V1) - 1, MSG_NOSIGNAL);
	event_base_loop(base, EVLOOP_NONBLOCK);
	fault_set(FAULT_MEMORY, 0, 0);
	assert_ends(client, LOOP_RST, 0);
	assert_over("out_of_memory");
	assert_no_target();
}
END_TEST

START_TEST(lack_of_an_event_costs_one_client)
{
	int client;

	begin(TEXTS(PROXY));
	client = join_with(FAULT_EVENT_ADD, 1, ENOMEM);
	assert_ends(client, LOOP_RST, 0);
	assert_over("out_of_memory");
}
END_TEST

/* _i: the peek, and the call that takes what was seen */
START_TEST(call_that_is_not_ready_is_made_again)
{
	int client;

	begin(TEXTS(PROXY));
	client = join();
	ck_assert_int_gt(send(client, V1 "hello", sizeof(V1 "hello") - 1, MSG_NOSIGNAL), 0);
	fault_set(FAULT_RECV, (size_t)_i, EINTR);
	meet_with("hello");
}
END_TEST

static TCase *header_case(void)
{
	TCase *tcase = make_case("header");

	tcase_add_loop_test(tcase, header_is_taken_and_nothing_more, 0, 2 * sizeof(told) / sizeof(told[0]));
	tcase_add_test(tcase, clients_of_other_networks_are_served_as_they_are);
	tcase_add_test(tcase, unix_client_becomes_whom_its_header_tells);
	tcase_add_loop_test(tcase, wrong_header_resets_the_client, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_loop_test(tcase, header_that_never_is_complete, 0, 6);
	tcase_add_test(tcase, quiet_client_is_told_of_at_debug);
	tcase_add_test(tcase, late_daemon_does_not_blame_the_client);
	tcase_add_test(tcase, part_of_a_header_is_no_spin);
	tcase_add_loop_test(tcase, longest_header, 0, 2);
	tcase_add_test(tcase, bytes_after_the_header_stay_in_the_socket);
	tcase_add_test(tcase, limit_of_an_origin_goes_by_the_header);
	tcase_add_loop_test(tcase, header_is_kept_only_to_be_sent_on, 0, 2);
	tcase_add_test(tcase, dump_tells_who_waits_and_where_it_came_from);
	tcase_add_loop_test(tcase, lack_of_memory_costs_one_client, 0, 2);
	tcase_add_test(tcase, lack_of_an_event_costs_one_client);
	tcase_add_loop_test(tcase, call_that_is_not_ready_is_made_again, 1, 3);
	return tcase;
}

int main(void)
{
	Suite *suite = suite_create("pair_header");

	suite_add_tcase(suite, header_case());
	return unit_run(suite);
}
