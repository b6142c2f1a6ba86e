/* Settings as text for a program that takes over. */
#include "build_config.h"

#include "config/config_stage.h"

#include <errno.h>
#include <string.h>

/* Every key of the option table, and values that are not its default. */
#ifdef HAVE_MICROHTTPD
static const char without[] = "";
#else
static const char without[] = "http_listen";
#endif
static const char everything[] =
        "[global]\nworkers = 3\nmemory_max = 17M\nmax_connections = 77\ndrain_timeout = 9s\n"
        "dump_file = /nonexistent/dump\ndump_format = json\nlog_level = warning\nlog_connections = off\n"
        "resolve_interval = 33s\n"
#ifdef HAVE_MICROHTTPD
        "http_listen = unix:/nonexistent/http mode=640 owner=nobody-here group=12\n"
#endif
        "[relay every.key-1]\nlisten = *:1\nlisten = host.example:80-89\nlisten = [fe80::1%eth7]:9\n"
        "listen = unix:/nonexistent/socket mode=660 owner=nobody-here group=nobody-here\n"
        "listen = systemd:web\nlisten = unix:@name\n"
        "target = [::1]:5 weight=3\ntarget = db.example:5\nbackup_target = unix:/nonexistent/t weight=9\n"
        "high_watermark = 90K\nlow_watermark = 10K\nupload_high_watermark = 80K\n"
        "upload_low_watermark = 20K\ndownload_high_watermark = 70K\ndownload_low_watermark = 30K\n"
        "splice = off\nmax_connections = 5\nmax_connections_per_source = 2\nconnect_timeout = 4s\n"
        "connect_attempts = 7\nbalance = source\nfail_limit = 9\nfail_time = 8s\ncheck_interval = 7s\n"
        "check_timeout = 6s\ncheck_rise = 5\ncheck_fall = 4\nslow_start = 3s\nretry_time = 2s\n"
        "resolve_interval = 12s\nidle_timeout = 11s\nhalf_close_timeout = 10s\nstall_timeout = 9s\n"
        "min_rate = 8K\nvanish_timeout = 77s\ntcp_nodelay = off\ntcp_keepalive = off\n"
        "keepalive_idle = 6s\nkeepalive_interval = 5s\nkeepalive_count = 4\nclient_rcvbuf = 31K\n"
        "client_sndbuf = 32K\ntarget_rcvbuf = 33K\ntarget_sndbuf = 34K\nnotsent_lowat = 35K\n"
        "free_bind = on\non_reset = close\nallow = 10.0.0.0/8\nallow = fd00::/8\ndeny = 10.1.0.0/16\n"
        "accept_proxy = 10.2.0.0/16\nproxy_header_timeout = 3s\nsend_proxy = v2\n"
        "ipv6_source_prefix = 48\nupload_rate = 1M\ndownload_rate = 2M\nrelay_upload_rate = 3M\n"
        "relay_download_rate = 4M\nsource_address = 10.3.0.1\nsource_address = fd00::7\n"
        "source_interface = eth9\nconnect_on = data\nmax_duration = 99m\n"
        "[relay plain]\nlisten = 127.0.0.1:2\ntarget = 127.0.0.1:3\n"
        "[relay other]\nlisten = 127.0.0.1:4\ntarget = 127.0.0.1:3\nwhen_down = refuse\ndeny = any\n"
        "high_watermark = 2M\n";

static struct config *load_text(const char *text)
{
	return config_load_text("NAME", text, strlen(text), &errors);
}

/* The text of these settings loads back to the same ones. Returns the text. */
static char *check(const struct config *config)
{
	char *printed = print(config), *again, *other;
	size_t size, other_size;
	char *text = config_text(config, &size);
	struct config *loaded = config_load_text("NAME", text, size, &errors);

	ck_assert_msg(loaded, "%s\nwas refused: %s", text, errors.count ? errors.text[0] : "without a word");
	ck_assert_uint_eq(strlen(text), size);
	again = print(loaded);
	ck_assert_str_eq(again, printed);
	other = config_text(loaded, &other_size);
	ck_assert_str_eq(other, text);
	for (size_t i = 0; i < config->relay_count; i++)
		ck_assert_mem_eq(loaded->relays[i].limits, config->relays[i].limits,
		                 sizeof(config->relays[i].limits));
	config_put(loaded);
	free(printed);
	free(again);
	free(other);
	return text;
}

/* Paths cannot be made, and nobody is called so: that was a matter of when it was loaded first. */
START_TEST(every_key_comes_back)
{
	struct config *config = load_text(everything);

	ck_assert_msg(config, "%s", errors.count ? errors.text[0] : "?");
	for (size_t i = 0; i < option_count; i++) {
		char line[80];

		snprintf(line, sizeof(line), "\n%s = ", option_table[i].key);
		ck_assert_msg(strstr(everything, line) || strcmp(option_table[i].key, without) == 0,
		              "%s is not tried", option_table[i].key);
	}
	free(check(config));
	config_put(config);
}
END_TEST

/* A relay that sets nothing is three lines. */
START_TEST(what_is_as_by_default_is_said_once)
{
	struct config *config = load_text(everything);
	char *text = check(config);

	ck_assert_ptr_nonnull(strstr(text, "[relay plain]\nlisten = 127.0.0.1:2\ntarget = 127.0.0.1:3\n"));
	ck_assert_ptr_nonnull(strstr(text, "[defaults]\nhigh_watermark = "));
	free(text);
	config_put(config);
}
END_TEST

START_TEST(relay_of_the_command_line_comes_back)
{
	char listen[] = "127.0.0.1:7", target[] = "127.0.0.1:8", option[] = "idle_timeout=3s";
	char *listens[] = {listen}, *targets[] = {target}, *options[] = {option};
	const struct config_request request = {.listen = listens,
	                                       .listen_count = 1,
	                                       .target = targets,
	                                       .target_count = 1,
	                                       .option = options,
	                                       .option_count = 1,
	                                       .louder = 1};
	struct config *config = config_load(&request, &errors);
	char *text = check(config);

	ck_assert_ptr_nonnull(strstr(text, "[relay command-line]\n"));
	ck_assert_ptr_nonnull(strstr(text, "log_level = debug\n"));
	free(text);
	config_put(config);
}
END_TEST

/* What another program has by default does not matter. */
START_TEST(all_defaults_are_said)
{
	struct config *config = load_text(everything);
	char *text = check(config), *defaults = strstr(text, "[defaults]"), *end = strstr(text, "[relay ");

	*end = '\0';
	for (size_t i = 0; i < option_count; i++) {
		char line[80];

		snprintf(line, sizeof(line), "\n%s = ", option_table[i].key);
		if ((option_table[i].sections & SECTION_DEFAULTS) && !option_repeats(&option_table[i]))
			ck_assert_msg(strstr(defaults, line), "%s is not in [defaults]", line + 1);
	}
	free(text);
	config_put(config);
}
END_TEST

/* A file may have at most 1 MiB; what was made of it may be longer. */
START_TEST(text_may_be_long)
{
	enum { RELAYS = 12000 };
	char *text = calloc(RELAYS, 150);
	size_t length = 0;
	struct config *config;

	for (int i = 0; i < RELAYS; i++)
		length += (size_t)sprintf(text + length,
		                          "[relay r%d]\nlisten = unix:@%d\ntarget = 127.0.0.1:3\n"
		                          "upload_high_watermark = 1M\nidle_timeout = 3s\n",
		                          i, i);
	ck_assert_uint_gt(length, INI_FILE_MAX);
	config = config_load_text("NAME", text, length, &errors);
	ck_assert_ptr_nonnull(config);
	ck_assert_uint_eq(config->relay_count, RELAYS);
	config_put(config);
	free(text);
}
END_TEST

START_TEST(errors_name_the_text)
{
	ck_assert_ptr_null(load_text("[relay r]\nlisten = 127.0.0.1:1\ntarget = ?\n"));
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_ptr_nonnull(strstr(errors.text[0], "NAME:3: target: \"?\" "));
	config_errors_deinit(&errors);
	ck_assert_ptr_null(load_text(""));
	ck_assert_str_eq(errors.text[0], "NAME: no relay; expected at least one section [relay NAME]");
}
END_TEST

/* Rather none than half of it. */
START_TEST(without_memory_there_is_no_text)
{
	struct config *config = load_text(everything);
	char *text = NULL;
	size_t size;

	for (unsigned fail_at = 1; !text; fail_at++) {
		ck_assert_uint_lt(fail_at, 1000);
		fault_set(FAULT_MEMORY, fail_at, ENOMEM);
		text = config_text(config, &size);
		fault_set(FAULT_MEMORY, 0, 0);
	}
	free(text);
	free(check(config));
	config_put(config);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config_text");
	TCase *tcase = tcase_create("config_text");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, every_key_comes_back);
	tcase_add_test(tcase, what_is_as_by_default_is_said_once);
	tcase_add_test(tcase, relay_of_the_command_line_comes_back);
	tcase_add_test(tcase, all_defaults_are_said);
	tcase_add_test(tcase, text_may_be_long);
	tcase_add_test(tcase, errors_name_the_text);
	tcase_add_test(tcase, without_memory_there_is_no_text);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
