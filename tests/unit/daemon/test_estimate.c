#include "build_config.h"

#include "daemon/estimate.h"
#include "daemon/http.h"
#include "net/proxy_header.h"
#include "pair/pair.h"
#include "relays.h"
#include "unit.h"

#include <inttypes.h>

#define MIB (1024.0 * 1024.0)

static struct config *config;

static void load(const char *const *options)
{
	config_put(config);
	config = relays_config(LISTEN, TEXTS("127.0.0.1:1"), options);
}

static void teardown(void)
{
	config_put(config);
	config = NULL;
}

START_TEST(pipes_are_few)
{
	ck_assert_uint_eq(estimate_max_pipes(31), 1); /* 0 would mean no limit */
	ck_assert_uint_eq(estimate_max_pipes(1024), 32);
	ck_assert_uint_eq(estimate_max_pipes(8192), 256);
	ck_assert_uint_eq(estimate_max_pipes(1000000), 256);
}
END_TEST

/*
 * Each pair takes two descriptors. The process, 4 workers with one listening socket each, and the pipes, with
 * two each, come first.
 */
#define RESERVED (32 + 4 * (4 + 1))

START_TEST(pairs_follow_from_descriptors)
{
	load(TEXTS("workers=4"));
	ck_assert_uint_eq(estimate_max_connections(config, 1024), (1024 - RESERVED - 2 * 32) / 2);
	ck_assert_uint_eq(estimate_max_connections(config, 65536), (65536 - RESERVED - 2 * 256) / 2);
	ck_assert_uint_eq(estimate_max_connections(config, 72), 8);
}
END_TEST

START_TEST(there_is_always_one_pair)
{
	load(TEXTS("workers=4"));
	for (uint64_t nofile = 0; nofile < 56; nofile++)
		ck_assert_uint_eq(estimate_max_connections(config, nofile), 1);
}
END_TEST

START_TEST(setting_is_kept_as_far_as_descriptors_go)
{
	load(TEXTS("global.max_connections=100", "workers=4"));
	ck_assert_uint_eq(estimate_max_connections(config, 1024), 100);
	ck_assert_uint_eq(estimate_max_connections(config, 262), (262 - RESERVED - 2 * 8) / 2);
}
END_TEST

START_TEST(shortage_is_told)
{
	char text[128];

	load(TEXTS("global.max_connections=100", "workers=4"));
	ck_assert_ptr_null(estimate_shortage(config, 1024, text, sizeof(text)));
	ck_assert_ptr_null(estimate_shortage(config, RESERVED + 2 * 8 + 2 * 100, text, sizeof(text)));
	ck_assert_ptr_eq(estimate_shortage(config, 262, text, sizeof(text)), text);
	ck_assert_str_eq(text, "max_connections is 97 rather than 100: there may be 262 descriptors");
	load(TEXTS("workers=4"));
	ck_assert_ptr_null(estimate_shortage(config, 64, text, sizeof(text)));
}
END_TEST

START_TEST(lack_is_told)
{
	char text[256];

	load(TEXTS("workers=4"));
	ck_assert_ptr_null(estimate_lack(config, RESERVED + 2, text, sizeof(text)));
	ck_assert_ptr_eq(estimate_lack(config, RESERVED + 1, text, sizeof(text)), text);
	ck_assert_str_eq(
	        text, "4 workers with 4 listening sockets need 54 descriptors, and there may be 53; expected "
	              "fewer workers or addresses, or a higher limit (LimitNOFILE=, ulimit -n)");
}
END_TEST

/* The workers share those of unix addresses. */
START_TEST(sockets_that_listen_are_counted)
{
	char text[256];

	config_put(config);
	config = relays_config(
	        TEXTS("127.0.0.1:1", "[::1]:0", "*:2", "localhost:3", "unix:@a", "unix:/tmp/weir-test"),
	        TEXTS("127.0.0.9:9"), TEXTS("workers=8"));
	ck_assert_ptr_nonnull(estimate_lack(config, 1, text, sizeof(text)));
	ck_assert_ptr_nonnull(strstr(text, "8 workers with 34 listening sockets need 100 descriptors"));
}
END_TEST

/* Each port of a range has its own. */
START_TEST(ports_of_a_range_are_counted)
{
	uint64_t one, many;
	char text[256];

	load(TEXTS("workers=2"));
	one = estimate_memory(config, 10).fixed;
	config_put(config);
	config = relays_config(TEXTS("127.0.0.1:30000-33999"), TEXTS("127.0.0.9:40000-43999"),
	                       TEXTS("workers=2"));
	many = estimate_memory(config, 10).fixed;
	ck_assert_ptr_nonnull(estimate_lack(config, 8000, text, sizeof(text)));
	ck_assert_ptr_nonnull(strstr(text, "2 workers with 8000 listening sockets need 8042 descriptors"));
	ck_assert_ptr_null(estimate_lack(config, 8042, text, sizeof(text)));
	ck_assert_uint_gt(many - one, 3999 * 3000);
}
END_TEST

static void assert_holds(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in \"%s\"", part, text);
}

START_TEST(line_adds_up)
{
	char text[512], part[128];
	struct estimate estimate;

	load(TEXTS("memory_max=64M", "client_rcvbuf=64K", "client_sndbuf=32K", "target_rcvbuf=16K",
	           "target_sndbuf=16K"));
	estimate = estimate_memory(config, 1000);
	ck_assert_uint_eq(estimate.user, estimate.queues + 1000 * estimate.pair + estimate.fixed);
	ck_assert_ptr_eq(estimate_describe(config, 1000, text, sizeof(text)), text);
	ck_assert_ptr_eq(strchr(text, '\n'), NULL);
	ck_assert_int_eq(strncmp(text, "worst case memory: user space ", 30), 0);
	snprintf(part, sizeof(part), "user space %.1f MiB (memory_max and a tenth 70.4 MiB, ",
	         (double)estimate.user / MIB);
	assert_holds(text, part);
	snprintf(part, sizeof(part), "%" PRIu64 " bytes for each of 1000 pairs, other %.1f MiB)",
	         estimate.pair, (double)estimate.fixed / MIB);
	assert_holds(text, part);
	assert_holds(text,
	             "kernel 250.0 MiB (socket buffers of 256 KiB a pair)"); /* the kernel doubles them */
}
END_TEST

START_TEST(clients_of_http_have_socket_buffers)
{
	const uint64_t least = (uint64_t)HTTP_CLIENTS_MAX * 2 * HTTP_PAIRS_MAX * 1024;
	struct estimate estimate;
	char text[512], part[64];
	uint64_t without;

	load(TEXTS("client_rcvbuf=64K", "client_sndbuf=32K", "target_rcvbuf=16K", "target_sndbuf=16K"));
	without = estimate_memory(config, 10).kernel;
	ck_assert_uint_eq(without, 10 * 2 * 128 * 1024);
	load(TEXTS("client_rcvbuf=64K", "client_sndbuf=32K", "target_rcvbuf=16K", "target_sndbuf=16K",
	           "http_listen=127.0.0.1:9"));
	estimate = estimate_memory(config, 10);
	ck_assert_uint_eq(estimate.kernel, without + estimate.http);
	ck_assert_uint_gt(estimate.http, least);
	ck_assert_uint_lt(estimate.http, 3 * least);
	estimate_describe(config, 10, text, sizeof(text));
	snprintf(part, sizeof(part), "256 KiB a pair, %.1f MiB for HTTP)", (double)estimate.http / MIB);
	assert_holds(text, part);
}
END_TEST

/* A flow has what it takes for a limit once, whoever else shares it. */
START_TEST(limits_on_rates_cost_a_pair_more)
{
	uint64_t none, one, both;

	load(TEXTS("workers=1"));
	none = estimate_memory(config, 1000).pair;
	load(TEXTS("upload_rate=1", "relay_upload_rate=1"));
	one = estimate_memory(config, 1000).pair;
	load(TEXTS("upload_rate=1", "relay_download_rate=1"));
	both = estimate_memory(config, 1000).pair;
	ck_assert_uint_ge(one - none, flow_rate_cost() + 16);
	ck_assert_uint_eq(both - none, 2 * (one - none));
}
END_TEST

/* What each worker has, and each worker's records of the descriptors that each pair has. */
START_TEST(fixed_part_grows_with_workers_and_pairs)
{
	uint64_t one, four, more;

	load(TEXTS("workers=1"));
	one = estimate_memory(config, 1000).fixed;
	load(TEXTS("workers=4"));
	four = estimate_memory(config, 1000).fixed;
	more = estimate_memory(config, 11000).fixed;
	ck_assert_uint_ge(four, one + UINT64_C(3) * 256 * 1024);
	ck_assert_uint_eq(more - four, UINT64_C(10000) * 2 * 4 * 48);
}
END_TEST

/* With 12,000 targets, weir had 12 MiB more than with one after a reload. */
START_TEST(fixed_part_grows_with_targets)
{
	uint64_t one, three;

	load(NULL);
	one = estimate_memory(config, 1000).fixed;
	config_put(config);
	config =
	        relays_config_of("target = 127.0.0.1:1\ntarget = 127.0.0.1:2\nbackup_target = 127.0.0.1:3\n");
	three = estimate_memory(config, 1000).fixed;
	ck_assert_uint_eq(three - one, 2 * 4096);
}
END_TEST

/* Those of [defaults] too, as each relay has a set of its own. */
START_TEST(fixed_part_grows_with_networks)
{
	uint64_t one, three;

	load(NULL);
	one = estimate_memory(config, 1).fixed;
	load(TEXTS("allow=10.0.0.0/8", "defaults.deny=10.1.0.0/16", "defaults.accept_proxy=10.0.0.5"));
	three = estimate_memory(config, 1).fixed;
	ck_assert_uint_eq(three - one, 3 * 168);
}
END_TEST

/* A pair's part of a dump is in it. */
START_TEST(pair_is_in_a_dump_too)
{
	load(NULL);
	ck_assert_uint_ge(estimate_memory(config, 1).pair, pair_cost(false) + sizeof(struct pair_record));
}
END_TEST

/* Only where clients send headers. */
START_TEST(header_that_is_not_complete_is_counted)
{
	const char *const headers[] = {"accept_proxy=10.0.0.0/8", NULL};
	uint64_t without;

	load(NULL);
	without = estimate_memory(config, 1).pair;
	load(headers);
	ck_assert_uint_ge(estimate_memory(config, 1).pair, without + PROXY_HEADER_MAX - 2 * 1100);
	ck_assert_uint_le(estimate_memory(config, 1).pair, without + PROXY_HEADER_MAX);
}
END_TEST

START_TEST(keys_that_bound_the_kernel_are_named)
{
	const char *const all[] = {"client_rcvbuf=8K", "client_sndbuf=8K", "target_rcvbuf=8K",
	                           "target_sndbuf=8K", NULL};
	const char *some[] = {all[0], all[1], all[2], all[3], NULL};
	char text[512];

	some[_i] = "idle_timeout=1h";
	load(some);
	assert_holds(estimate_describe(config, 1, text, sizeof(text)), "target_sndbuf bound them)");
	load(all);
	ck_assert_ptr_null(strstr(estimate_describe(config, 1, text, sizeof(text)), "bound them"));
}
END_TEST

static uint64_t third_number(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t number = 0;

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%*u %*u %" SCNu64, &number), 1);
	fclose(file);
	return number;
}

START_TEST(automatic_buffers_are_the_kernels_maxima)
{
	char text[512], part[128];

	load(NULL);
	estimate_describe(config, 1, text, sizeof(text));
	snprintf(part, sizeof(part), "socket buffers of %" PRIu64 " KiB a pair",
	         2 *
	                 (third_number("/proc/sys/net/ipv4/tcp_rmem") +
	                  third_number("/proc/sys/net/ipv4/tcp_wmem")) /
	                 1024);
	assert_holds(text, part);
}
END_TEST

/*
 * The tests of flow compare the cost of a queue with the allocations. This one keeps the constant part small.
 */
START_TEST(pair_is_not_dear)
{
	ck_assert_uint_ge(pair_cost(false), 1000);
	ck_assert_uint_le(pair_cost(false), 8192);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("estimate");
	TCase *tcase = tcase_create("estimate");

	tcase_add_checked_fixture(tcase, NULL, teardown);
	tcase_add_test(tcase, pipes_are_few);
	tcase_add_test(tcase, pairs_follow_from_descriptors);
	tcase_add_test(tcase, there_is_always_one_pair);
	tcase_add_test(tcase, setting_is_kept_as_far_as_descriptors_go);
	tcase_add_test(tcase, shortage_is_told);
	tcase_add_test(tcase, lack_is_told);
	tcase_add_test(tcase, sockets_that_listen_are_counted);
	tcase_add_test(tcase, ports_of_a_range_are_counted);
	tcase_add_test(tcase, line_adds_up);
	tcase_add_test(tcase, limits_on_rates_cost_a_pair_more);
	tcase_add_test(tcase, fixed_part_grows_with_workers_and_pairs);
	tcase_add_test(tcase, limits_on_rates_cost_a_pair_more);
	tcase_add_test(tcase, fixed_part_grows_with_targets);
	tcase_add_test(tcase, fixed_part_grows_with_networks);
	tcase_add_test(tcase, pair_is_in_a_dump_too);
	tcase_add_test(tcase, header_that_is_not_complete_is_counted);
#ifdef HAVE_MICROHTTPD
	tcase_add_test(tcase, clients_of_http_have_socket_buffers);
#endif
	tcase_add_loop_test(tcase, keys_that_bound_the_kernel_are_named, 0, 4);
	tcase_add_test(tcase, automatic_buffers_are_the_kernels_maxima);
	tcase_add_test(tcase, pair_is_not_dear);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
