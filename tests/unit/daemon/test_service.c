/* Messages to a service manager that the test plays. */
#include "build_config.h"

#include "base/evloop.h"
#include "daemon/manager_stage.h"
#include "daemon/service.h"
#include "loop.h"
#include "unit.h"

/* Far more than the kernel keeps for a socket that nobody reads; see net.unix.max_dgram_qlen. */
#define MANY 2000

static struct event_base *base;
static struct service service;

static void setup(void)
{
	manager_begin();
	base = evloop_new();
	ck_assert_ptr_nonnull(base);
}

static void teardown(void)
{
	service_close(&service);
	event_base_free(base);
	manager_end();
}

static void open_service(void)
{
	ck_assert_int_eq(service_open(&service, base), 0);
	ck_assert(service_is_managed(&service));
}

START_TEST(nobody_is_told_without_a_manager)
{
	unsetenv("NOTIFY_SOCKET");
	setenv("WATCHDOG_USEC", "1000000", 1);
	ck_assert_int_eq(service_open(&service, base), 0);
	ck_assert(!service_is_managed(&service));
	ck_assert_uint_eq(service_watchdog_ms(&service), 0);
	service_ready(&service, "ready");
	service_pet(&service);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

START_TEST(each_message_has_its_form)
{
	open_service();
	service_ready(&service, "2 pairs");
	ck_assert_str_eq(manager_received(), "READY=1\nSTATUS=2 pairs\n");
	service_status(&service, "3 pairs");
	ck_assert_str_eq(manager_received(), "STATUS=3 pairs\n");
	service_extend(&service, 2500);
	ck_assert_str_eq(manager_received(), "EXTEND_TIMEOUT_USEC=2500000\n");
	service_pet(&service);
	ck_assert_str_eq(manager_received(), "WATCHDOG=1\n");
	service_stopping(&service, "stopping");
	ck_assert_str_eq(manager_received(), "STOPPING=1\nSTATUS=stopping\n");
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

START_TEST(reloading_has_the_time_at_which_it_began)
{
	uint64_t before = clock_ms(), after;
	unsigned long long since;
	const char *message;

	open_service();
	service_reloading(&service, "reloading");
	after = clock_ms();
	message = manager_received();
	ck_assert_int_eq(sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%llu\n", &since), 1);
	ck_assert_ptr_nonnull(strstr(message, "\nSTATUS=reloading\n"));
	/* clock_ms is one more than the milliseconds. */
	ck_assert_uint_ge(since / 1000 + 1, before);
	ck_assert_uint_le(since / 1000 + 1, after);
}
END_TEST

START_TEST(a_status_is_one_line_of_printable_text)
{
	open_service();
	service_status(&service, "relay.ini:3: \"a\nREADY=1\r\x1b[2J\x9b\xff\" is no name: \xc3\xa4");
	ck_assert_str_eq(manager_received(),
	                 "STATUS=relay.ini:3: \"a?READY=1??[2J??\" is no name: \xc3\xa4\n");
}
END_TEST

/* In front of the line's end, two bytes of a character of three have room. */
START_TEST(a_long_status_is_cut)
{
	static char text[5000];
	const char *message;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text + SERVICE_STATUS_MAX - 3, "\xe2\x82\xac", 3);
	open_service();
	service_ready(&service, text);
	message = manager_received();
	ck_assert_uint_eq(strlen(message), strlen("READY=1\nSTATUS=\n") + SERVICE_STATUS_MAX - 1);
	ck_assert_str_eq(message + strlen(message) - 4, "x??\n");
}
END_TEST

static void drain(void)
{
	while (manager_received()[0])
		;
}

/* sd_notify(3) would hang here; then Check kills this test. */
START_TEST(a_manager_that_does_not_read_is_not_waited_for)
{
	const char *message;
	char text[32];

	open_service();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "%u pairs", i);
		service_status(&service, text);
	}
	service_reloading(&service, "reloading");
	service_ready(&service, "reloaded");
	service_pet(&service);
	service_extend(&service, 1000);
	event_base_loop(base, EVLOOP_NONBLOCK);
	drain();
	LOOP_UNTIL(base, (message = manager_received())[0]);
	ck_assert_str_eq(message, "READY=1\nEXTEND_TIMEOUT_USEC=1000000\nWATCHDOG=1\nSTATUS=reloaded\n");
	event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert_str_eq(manager_received(), "");
}
END_TEST

START_TEST(what_waits_does_not_spin)
{
	open_service();
	for (unsigned i = 0; i < MANY; i++)
		service_status(&service, "status");
	ck_assert_uint_le(loop_passes_in(base, 100), 2);
	drain();
	LOOP_UNTIL(base, manager_received()[0]);
	ck_assert_uint_le(loop_passes_in(base, 100), 2);
}
END_TEST

START_TEST(the_end_says_what_waits)
{
	open_service();
	for (unsigned i = 0; i < MANY; i++)
		service_status(&service, "status");
	service_stopping(&service, "stopping");
	drain();
	service_close(&service);
	ck_assert_str_eq(manager_received(), "STOPPING=1\nSTATUS=stopping\n");
}
END_TEST

/* It may be started later, or anew. Its path is its own matter. */
START_TEST(a_manager_is_found_again)
{
	char path[UNIT_PATH_MAX], place[64];

	unit_make_folder(path);
	snprintf(place, sizeof(place), "%s/not ify\t\xff", path);
	setenv("NOTIFY_SOCKET", place, 1);
	ck_assert_int_eq(service_open(&service, base), -ENOENT);
	service_ready(&service, "ready");
	for (unsigned i = 0; i < 2; i++) {
		manager_move(place);
		service_status(&service, "found");
		ck_assert_str_eq(manager_received(), i == 0 ? "READY=1\nSTATUS=found\n" : "STATUS=found\n");
		unlink(place);
	}
	rmdir(path);
}
END_TEST

START_TEST(a_name_of_another_form_is_an_error)
{
	static char text[300];

	memset(text, 'x', sizeof(text) - 1);
	text[0] = '/';
	setenv("NOTIFY_SOCKET", text, 1);
	ck_assert_int_eq(service_open(&service, base), -ENAMETOOLONG);
	text[108] = '\0'; /* no room for the NUL of a path */
	setenv("NOTIFY_SOCKET", text, 1);
	ck_assert_int_eq(service_open(&service, base), -ENAMETOOLONG);
	text[107] = '\0';
	setenv("NOTIFY_SOCKET", text, 1);
	ck_assert_int_eq(service_open(&service, base), -ENOENT);
	service_close(&service);
	setenv("NOTIFY_SOCKET", "@", 1);
	ck_assert_int_eq(service_open(&service, base), -EINVAL);
	setenv("NOTIFY_SOCKET", "vsock:2:1", 1);
	ck_assert_int_eq(service_open(&service, base), -EINVAL);
	ck_assert(!service_is_managed(&service));
	service_ready(&service, "ready");
}
END_TEST

static uint64_t watchdog_with(const char *interval, const char *process)
{
	uint64_t ms;

	setenv("WATCHDOG_USEC", interval, 1);
	unsetenv("WATCHDOG_PID");
	if (process)
		setenv("WATCHDOG_PID", process, 1);
	ck_assert_int_eq(service_open(&service, base), 0);
	ms = service_watchdog_ms(&service);
	service_close(&service);
	return ms;
}

START_TEST(the_watchdog_is_for_this_process)
{
	char ours[16];

	snprintf(ours, sizeof(ours), "%d", getpid());
	ck_assert_uint_eq(watchdog_with("60000000", ours), 60000);
	ck_assert_uint_eq(watchdog_with("60000000", NULL), 60000);
	ck_assert_uint_eq(watchdog_with("60000000", "1"), 0);
	ck_assert_uint_eq(watchdog_with("60000000", ""), 0);
	ck_assert_uint_eq(watchdog_with("1s", ours), 0);
	ck_assert_uint_eq(watchdog_with("0", ours), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("service");
	TCase *tcase = tcase_create("messages");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nobody_is_told_without_a_manager);
	tcase_add_test(tcase, each_message_has_its_form);
	tcase_add_test(tcase, reloading_has_the_time_at_which_it_began);
	tcase_add_test(tcase, a_status_is_one_line_of_printable_text);
	tcase_add_test(tcase, a_long_status_is_cut);
	tcase_add_test(tcase, a_manager_that_does_not_read_is_not_waited_for);
	tcase_add_test(tcase, what_waits_does_not_spin);
	tcase_add_test(tcase, the_end_says_what_waits);
	tcase_add_test(tcase, a_manager_is_found_again);
	tcase_add_test(tcase, a_name_of_another_form_is_an_error);
	tcase_add_test(tcase, the_watchdog_is_for_this_process);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
