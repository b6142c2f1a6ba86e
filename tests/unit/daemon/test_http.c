/* The thread that serves HTTP: who is a client, and for how long. Its limits are short here. */
#include "build_config.h"

#include "base/mailbox.h"
#include "daemon/http.h"
#include "daemon/http_host.h"
#include "daemon/http_library.h"
#include "daemon/http_thread.h"

#include "handing_over.h"
#include "loop.h"
#include "unit.h"

#include <fcntl.h>

#define LONG_MS   60000 /* nobody takes so long, however busy the machine is */
#define CLIENT_MS 400
#define WAIT_MS   150
#define SOON_MS   100 /* a client that must stay for now does so for at least this long */

#define GET(path) "GET " path " HTTP/1.0\r\n\r\n"

static struct event_base *base;
static struct mailbox wants;
static struct message want[REPORT_DEPTHS];
static unsigned wanted, wanted_pairs;
static struct http_thread *thread;
static struct endpoint web;

static void take_want(void *arg, struct message *message)
{
	(void)arg;
	wanted++;
	wanted_pairs += message == &want[REPORT_PAIRS];
}

/* A report without pairs. */
static struct report *make_report(void)
{
	struct report *report = report_new(1, 1);

	ck_assert_ptr_nonnull(report);
	report->depth = REPORT_PAIRS;
	report->process.version = "test";
	return report;
}

/* As it is made for metrics. */
static struct report *make_sums(void)
{
	struct report *report = make_report();

	report->depth = REPORT_SUMS;
	return report;
}

static struct entrance *open_entrance(void)
{
	const struct socket_tuning tuning = {
	        .nodelay = true, .rcvbuf = UNITS_AUTO, .sndbuf = 65536, .notsent_lowat = UNITS_AUTO};
	struct entrance *entrance = calloc(1, sizeof(*entrance));
	struct entrance_key key = {.endpoint.length = sizeof(struct sockaddr_in)};

	key.endpoint.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	ck_assert_ptr_nonnull(entrance);
	ck_assert_int_eq(entrance_bind(entrance, &key, &tuning, 1), 0);
	ck_assert_int_eq(entrance_listen(entrance), 0);
	web = entrance->endpoint;
	return entrance;
}

static void start(uint64_t client_ms, uint64_t wait_ms)
{
	const struct http_limits limits = {.client_ms = client_ms, .wait_ms = wait_ms};

	thread = http_thread_new(&limits, &wants, want);
	ck_assert_ptr_nonnull(thread);
	http_thread_listen(thread, open_entrance());
}

static void restart(uint64_t client_ms, uint64_t wait_ms)
{
	http_thread_free(thread);
	start(client_ms, wait_ms);
}

static void setup(void)
{
	wanted = wanted_pairs = 0;
	base = event_base_new();
	ck_assert_int_eq(http_library_load(), 0);
	wants = (struct mailbox){.fd = -1};
	ck_assert_int_eq(mailbox_open(&wants, base, take_want, NULL), 0);
	start(LONG_MS, LONG_MS);
}

static void teardown(void)
{
	http_thread_free(thread);
	mailbox_close(&wants);
	event_base_free(base);
}

static int visit(const char *request)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(connect(fd, &web.any, web.length), 0);
	ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	return fd;
}

/* Until the end of the stream, which is closed then. False if it was reset. */
static bool read_answer(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, text + length, size - 1 - length, 0)) > 0)
		length += (size_t)n;
	text[length] = '\0';
	close(fd);
	return n == 0;
}

static void expect(int fd, const char *status)
{
	char text[4096], wish[64];

	snprintf(wish, sizeof(wish), "HTTP/1.1 %s ", status);
	ck_assert(read_answer(fd, text, sizeof(text)));
	ck_assert_msg(strncmp(text, wish, strlen(wish)) == 0, "no %s: %s", status, text);
	ck_assert_ptr_null(strstr(text + 1, "HTTP/1.1 "));
}

static bool is_served(void)
{
	char text[4096];

	(void)read_answer(visit(GET("/health")), text, sizeof(text));
	return *text;
}

/* Sends a byte now and then, until the other end is gone. Returns after how many ms that was. */
static uint64_t dribble(int fd)
{
	uint64_t begin = clock_ms();
	struct pollfd asked = {.fd = fd, .events = POLLIN | POLLRDHUP};

	while (clock_ms() < begin + LOOP_DEADLINE_MS && poll(&asked, 1, 20) == 0)
		(void)send(fd, "x", 1, MSG_NOSIGNAL);
	close(fd);
	return clock_ms() - begin;
}

START_TEST(health_needs_no_report)
{
	expect(visit(GET("/health")), "200");
	http_thread_drain(thread);
	expect(visit(GET("/health")), "503");
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(wanted, 0);
}
END_TEST

START_TEST(one_report_for_all_that_wait)
{
	int fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = visit(i % 2 ? GET("/metrics") : GET("/report.json"));
	LOOP_UNTIL(base, wanted > 0);
	http_thread_put(thread, make_report());
	for (int i = 0; i < 40; i++)
		expect(fds[i], "200");
	expect(visit(GET("/report.json?top=7")), "200"); /* it is still young */
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(wanted_pairs, 1);
	ck_assert_uint_le(wanted, 2); /* metrics alone would do with less */
}
END_TEST

/* What metrics were made of has no pairs, so the page must not be made of it. */
START_TEST(report_of_sums_does_for_metrics_only)
{
	int metrics = visit(GET("/metrics")), json;
	char byte;

	LOOP_UNTIL(base, wanted == 1);
	ck_assert_uint_eq(wanted_pairs, 0);
	json = visit(GET("/report.json"));
	LOOP_UNTIL(base, wanted_pairs == 1);
	http_thread_put(thread, make_sums());
	expect(metrics, "200");
	expect(visit(GET("/metrics")), "200");
	ck_assert_int_eq(recv(json, &byte, 1, MSG_DONTWAIT), -1);
	http_thread_put(thread, make_report());
	expect(json, "200");
	expect(visit(GET("/metrics")), "200");
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(wanted, 2);
}
END_TEST

START_TEST(old_report_is_not_served)
{
	int fd = visit(GET("/metrics"));
	uint64_t end;

	LOOP_UNTIL(base, wanted == 1);
	http_thread_put(thread, make_report());
	expect(fd, "200");
	end = clock_ms() + 1100;
	LOOP_UNTIL(base, clock_ms() > end);
	fd = visit(GET("/metrics"));
	LOOP_UNTIL(base, wanted == 2);
	http_thread_put(thread, make_report());
	expect(fd, "200");
}
END_TEST

START_TEST(no_memory_for_a_report)
{
	int fd = visit(GET("/metrics"));

	LOOP_UNTIL(base, wanted == 1);
	http_thread_put(thread, NULL);
	expect(fd, "503");
	fd = visit(GET("/metrics"));
	LOOP_UNTIL(base, wanted == 2);
	http_thread_put(thread, make_report());
	expect(fd, "200");
}
END_TEST

START_TEST(report_that_never_comes)
{
	uint64_t begin;

	restart(LONG_MS, WAIT_MS);
	begin = clock_ms();
	expect(visit(GET("/metrics")), "503");
	ck_assert_uint_ge(clock_ms() - begin, WAIT_MS);
	expect(visit(GET("/health")), "200");
	expect(visit(GET("/metrics")), "503"); /* no second one is wanted meanwhile */
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_uint_eq(wanted, 1);
}
END_TEST

START_TEST(client_that_dribbles_is_cut)
{
	uint64_t lasted;

	restart(CLIENT_MS, LONG_MS);
	lasted = dribble(visit("GET /metrics HTTP/1.1\r\nX: "));
	ck_assert_uint_ge(lasted, SOON_MS);
	ck_assert_uint_lt(lasted, LOOP_DEADLINE_MS);
}
END_TEST

START_TEST(client_that_sends_nothing_is_cut)
{
	char text[64];

	restart(CLIENT_MS, LONG_MS);
	(void)read_answer(visit(""), text, sizeof(text));
	ck_assert_str_eq(text, "");
}
END_TEST

/* It gets a part, and then no end that looks like one. */
START_TEST(client_that_takes_nothing_is_cut)
{
	struct report *report = make_report();
	static char text[16 << 20];
	int fd, small = 4096;
	uint64_t end;

	restart(CLIENT_MS, LONG_MS);
	fd = visit(GET("/report.json?top=1000"));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	LOOP_UNTIL(base, wanted == 1);
	report->parts[0].pairs = calloc(1000, sizeof(struct pair_record));
	report->parts[0].pair_count = 1000;
	http_thread_put(thread, report);
	end = clock_ms() + CLIENT_MS + SOON_MS;
	LOOP_UNTIL(base, clock_ms() > end);
	(void)read_answer(fd, text, sizeof(text));
	ck_assert_ptr_null(strstr(text, "\"end\""));
	expect(visit(GET("/health")), "200");
}
END_TEST

/* Those that wait for a report too. */
START_TEST(it_ends_with_clients)
{
	int fds[3] = {visit(""), visit("GET"), visit(GET("/metrics"))};
	char text[4096];

	LOOP_UNTIL(base, wanted == 1);
	http_thread_free(thread);
	thread = NULL;
	for (int i = 0; i < 3; i++)
		(void)read_answer(fds[i], text, sizeof(text));
}
END_TEST

static int count_closed(const int *fds, int count)
{
	int closed = 0;
	char byte;

	for (int i = 0; i < count; i++)
		closed += recv(fds[i], &byte, 1, MSG_DONTWAIT) == 0 || errno != EAGAIN;
	return closed;
}

/* Those over the number for one address are closed. When one is gone, there is room. */
START_TEST(more_clients_than_there_may_be)
{
	int fds[HTTP_CLIENTS_PER_ADDRESS + 5];

	for (int i = 0; i < HTTP_CLIENTS_PER_ADDRESS + 5; i++)
		fds[i] = visit("");
	LOOP_UNTIL(base, count_closed(fds, HTTP_CLIENTS_PER_ADDRESS + 5) == 5);
	ck_assert_int_eq(count_closed(fds, HTTP_CLIENTS_PER_ADDRESS), 0);
	for (int i = 0; i < HTTP_CLIENTS_PER_ADDRESS + 5; i++)
		close(fds[i]);
	LOOP_UNTIL(base, is_served());
}
END_TEST

START_TEST(address_may_change_under_clients)
{
	int fd = visit(GET("/metrics"));
	struct endpoint before = web;
	int refused;

	LOOP_UNTIL(base, wanted == 1);
	http_thread_listen(thread, open_entrance());
	expect(visit(GET("/health")), "200");
	refused = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(refused, &before.any, before.length), -1);
	close(refused);
	http_thread_listen(thread, open_entrance());
	http_thread_listen(thread, NULL);
	http_thread_listen(thread, open_entrance());
	expect(visit(GET("/health")), "200");
	http_thread_put(thread, make_report());
	expect(fd, "200");
}
END_TEST

static const struct {
	const char *host;
	bool ours;
} hosts[] = {
        {"127.0.0.1", true},
        {"127.0.0.1:9347", true},
        {"192.0.2.7:80", true},
        {"[::1]", true},
        {"[::1]:9347", true},
        {"localhost", true},
        {"LocalHost:9347", true},
        {"", false},
        {"localhost.", false},
        {"localhost.example", false},
        {"example.com", false},
        {"127.0.0.1.example.com", false},
        {"127.0.0.1:80.example.com", false},
        {"127.0.0.1:80:80", false},
        {"[::1", false},
        {"[::1].example.com", false},
        {"[::1]80", false},
        {"[localhost]", false},
        {"::1", false},
        {"1", false},
        {"0x7f.1", false},
};

START_TEST(host_is_an_address_or_localhost)
{
	ck_assert_int_eq(http_host_is_ours(hosts[_i].host), hosts[_i].ours);
}
END_TEST

/* ---- taking over ---- */

static bool is_readable(int fd, int ms)
{
	return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms) == 1;
}

/* Whoever is under way gets an answer; whoever comes meanwhile waits. */
START_TEST(nobody_is_accepted_during_a_pause)
{
	int asks = visit(GET("/metrics")), later;

	LOOP_UNTIL(base, wanted == 1);
	http_thread_pause(thread, true);
	later = visit(GET("/health"));
	ck_assert(!is_readable(later, SOON_MS));
	ck_assert(!http_thread_is_idle(thread));
	http_thread_put(thread, make_report());
	expect(asks, "200");
	LOOP_UNTIL(base, http_thread_is_idle(thread));
	ck_assert(!is_readable(later, 0));
	http_thread_pause(thread, false);
	expect(later, "200");
	ck_assert(!http_thread_is_idle(thread));
}
END_TEST

static void on_want(void *arg, enum report_depth depth)
{
	(void)arg;
	(void)depth;
}

static struct http *make_http(struct config_global *global)
{
	static const struct activation activation;
	struct http *http = http_new(base, &activation, on_want, NULL);

	ck_assert_ptr_nonnull(http);
	*global = (struct config_global){.http_listen = {.kind = ADDRESS_LITERAL, .endpoint = web}};
	global->http_listen.endpoint.in.sin_port = 0;
	return http;
}

/* The socket that was saved stays, while the program before ends. */
static void end_before(struct http *http, const char *text)
{
	const char *listener = strstr(text, "\nlistener fd=");
	int number, copy;

	ck_assert_ptr_nonnull(listener);
	number = atoi(listener + strlen("\nlistener fd="));
	copy = fcntl(number, F_DUPFD_CLOEXEC, 0);
	http_free(http);
	ck_assert_int_eq(dup2(copy, number), number);
	close(copy);
}

/* _i: a rehearsal. A client that comes meanwhile waits for the next program. */
START_TEST(next_program_listens_at_the_same_socket)
{
	struct config_global global;
	struct http *http = make_http(&global);
	struct handing_over over;
	int fd;

	ck_assert_int_eq(http_prepare(http, &global), 0);
	http_adopt(http);
	handing_over_begin(&over, _i);
	http_save(http, &over.writer);
	http_save(NULL, &over.writer);
	handing_over_read(&over);
	ck_assert_ptr_nonnull(strstr(over.text, "entrance "));
	http_pause(http);
	LOOP_UNTIL(base, http_is_idle(http));
	if (_i == 0)
		end_before(http, over.text);
	else
		http_free(http);
	http = make_http(&global);
	ck_assert_int_eq(http_restore(http, &global, &over.reader), 0);
	ck_assert_ptr_null(state_peek(&over.reader));
	if (_i == 0) {
		fd = atoi(strstr(over.text, "\nlistener fd=") + strlen("\nlistener fd="));
		ck_assert_int_eq(getsockname(fd, &web.any, &web.length), 0);
		expect(visit(GET("/health")), "200");
		ck_assert_int_eq(http_prepare(http, &global), 0); /* it listens there already */
		http_adopt(http);
		expect(visit(GET("/health")), "200");
	}
	http_free(http);
	handing_over_end(&over);
}
END_TEST

/* It did not listen anywhere. */
START_TEST(next_program_does_not_listen_either)
{
	struct config_global global;
	struct http *http = make_http(&global);
	struct handing_over over;

	handing_over_begin(&over, false);
	http_save(http, &over.writer);
	handing_over_read(&over);
	ck_assert_int_eq(http_restore(http, &global, &over.reader), 0);
	ck_assert_int_eq(http_restore(NULL, &global, &over.reader), 0);
	http_pause(http);
	ck_assert(http_is_idle(http) && http_is_idle(NULL));
	http_free(http);
	handing_over_end(&over);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http");
	TCase *tcase = tcase_create("thread"), *names = tcase_create("host");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, health_needs_no_report);
	tcase_add_test(tcase, one_report_for_all_that_wait);
	tcase_add_test(tcase, report_of_sums_does_for_metrics_only);
	tcase_add_test(tcase, old_report_is_not_served);
	tcase_add_test(tcase, no_memory_for_a_report);
	tcase_add_test(tcase, report_that_never_comes);
	tcase_add_test(tcase, client_that_dribbles_is_cut);
	tcase_add_test(tcase, client_that_sends_nothing_is_cut);
	tcase_add_test(tcase, client_that_takes_nothing_is_cut);
	tcase_add_test(tcase, it_ends_with_clients);
	tcase_add_test(tcase, more_clients_than_there_may_be);
	tcase_add_test(tcase, address_may_change_under_clients);
	suite_add_tcase(suite, tcase);
	tcase_add_loop_test(names, host_is_an_address_or_localhost, 0,
	                    (int)(sizeof(hosts) / sizeof(hosts[0])));
	tcase_add_test(tcase, nobody_is_accepted_during_a_pause);
	tcase_add_loop_test(tcase, next_program_listens_at_the_same_socket, 0, 2);
	tcase_add_test(tcase, next_program_does_not_listen_either);
	suite_add_tcase(suite, names);
	return unit_run(suite);
}
