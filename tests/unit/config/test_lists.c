/* Keys that [defaults] may have several values of: networks of clients, and source addresses. */
#include "build_config.h"

#include "config/config_stage.h"

#include <string.h>

#define OTHER          "[relay s]\nlisten = 127.0.0.1:3\ntarget = 127.0.0.1:2\n"
#define EXPECT_NETWORK "a network like 10.0.0.0/8 or 2001:db8::/32, a single address, unix or any"
#define EXPECT_SOURCE  "an IPv4 or IPv6 address like 192.0.2.1 or 2001:db8::1, without a port"

/* What is printed of the key for one relay, line by line. */
static const char *lines_of(const struct config *config, const char *name, const char *key)
{
	static char lines[1024];
	char head[80], begin[80], *printed = print(config), *line, *next;

	lines[0] = '\0';
	snprintf(head, sizeof(head), "[relay %s]\n", name);
	snprintf(begin, sizeof(begin), "%s = ", key);
	line = strstr(printed, head);
	ck_assert_ptr_nonnull(line);
	for (line = strchr(line, '\n') + 1; *line && *line != '['; line = next) {
		next = strchr(line, '\n') + 1;
		if (strncmp(line, begin, strlen(begin)) == 0)
			strncat(lines, line + strlen(begin), (size_t)(next - line) - strlen(begin));
	}
	free(printed);
	return lines;
}

/* All keys with a list of networks are read alike. */
static const char *const network_keys[] = {"allow", "deny", "accept_proxy"};

START_TEST(own_lines_replace_those_of_defaults)
{
	const char *key = network_keys[_i];
	char text[512];
	struct config *config;

	sprintf(text, "[defaults]\n%s = 10.0.0.0/8\n%s = unix\n" RELAY "%s = 192.0.2.1\n" OTHER, key, key,
	        key);
	config = load_good(text);
	ck_assert_str_eq(lines_of(config, "r", key), "192.0.2.1\n");
	ck_assert_str_eq(lines_of(config, "s", key), "10.0.0.0/8\nunix\n");
	for (size_t i = 0; i < COUNT(network_keys); i++)
		ck_assert(network_keys[i] == key || *lines_of(config, "s", network_keys[i]) == '\0');
	config_put(config);
}
END_TEST

START_TEST(networks_are_kept_in_their_order)
{
	struct config *config = load_good(RELAY "deny = any\ndeny = ::ffff:10.0.0.0/104\ndeny = ::/0\n"
	                                        "deny = 2001:DB8::1\ndeny = any\n");
	const struct config_relay *relay = &config->relays[0];

	ck_assert_uint_eq(relay->deny_count, 5);
	ck_assert_uint_eq(relay->allow_count, 0);
	ck_assert(relay->deny[0].kind == NETWORK_ANY && relay->deny[1].kind == NETWORK_IP);
	ck_assert_uint_eq(relay->deny[1].length, 104);
	ck_assert_str_eq(lines_of(config, "r", "deny"), "any\n10.0.0.0/8\n::/0\n2001:db8::1\nany\n");
	config_put(config);
}
END_TEST

/* As a key with one value: what the command line says takes the place of what [defaults] says. */
START_TEST(command_line_replaces_those_of_defaults)
{
	static const char text[] = "[defaults]\nallow = 10.0.0.0/8\nallow = 10.0.0.1\ndeny = unix\n" RELAY
	                           "deny = 192.0.2.1\n" OTHER;
	struct config *config = load_with(text, "allow=192.0.2.2", "defaults.allow=192.0.2.3", "deny=any",
	                                  "source_address=::1", "source_address=127.0.0.1", NULL);

	ck_assert_msg(config, "%s", errors_text());
	ck_assert_str_eq(lines_of(config, "r", "allow"), "192.0.2.2\n192.0.2.3\n");
	ck_assert_str_eq(lines_of(config, "r", "deny"), "192.0.2.1\n");
	ck_assert_str_eq(lines_of(config, "s", "deny"), "any\n");
	ck_assert_str_eq(lines_of(config, "s", "source_address"), "::1\n127.0.0.1\n");
	config_put(config);
}
END_TEST

START_TEST(sources_are_inherited)
{
	struct config *config =
	        load_good("[defaults]\nsource_address = 192.0.2.1\nsource_interface = eth0\n"
	                  "source_address = 2001:db8::1\n" RELAY
	                  "source_address = ::ffff:192.0.2.2\nsource_interface = any\n" OTHER);
	const struct config_relay *relay = &config->relays[0];

	ck_assert_uint_eq(relay->source_address_count, 1);
	ck_assert(relay->source_address[0].any.sa_family == AF_INET);
	ck_assert_uint_eq(relay->source_address[0].length, sizeof(struct sockaddr_in));
	ck_assert_uint_eq(endpoint_port(&relay->source_address[0]), 0);
	ck_assert_str_eq(relay->source_interface, "");
	ck_assert_str_eq(lines_of(config, "r", "source_address"), "192.0.2.2\n");
	ck_assert_str_eq(lines_of(config, "s", "source_address"), "192.0.2.1\n2001:db8::1\n");
	ck_assert_str_eq(config->relays[1].source_interface, "eth0");
	config_put(config);
}
END_TEST

START_TEST(printed_lists_load_back)
{
	struct config *config =
	        load_good(RELAY "allow = 10.0.0.0/8\nallow = unix\ndeny = any\naccept_proxy = ::1\n"
	                        "source_address = fe80::1\nsource_address = 192.0.2.1\n"
	                        "source_interface = eth0.100\n");
	char *printed = print(config), *again;
	struct config *reloaded = load_good(printed);

	again = print(reloaded);
	ck_assert_str_eq(again, printed);
	ck_assert_ptr_nonnull(strstr(printed, "\nallow = 10.0.0.0/8\nallow = unix\ndeny = any\n"));
	ck_assert_ptr_nonnull(strstr(printed, "\nsource_address = fe80::1\nsource_address = 192.0.2.1\n"
	                                      "source_interface = eth0.100\n"));
	free(again);
	free(printed);
	config_put(reloaded);
	config_put(config);
}
END_TEST

/* A file and all the errors it causes. */
static const struct {
	const char *text, *errors;
} bad[] = {
        {RELAY "allow = 10.0.0.1/8\n",
         "FILE:4: allow: \"10.0.0.1/8\" has bits set after the prefix; expected " EXPECT_NETWORK "\n"},
        {RELAY "deny = 10.0.0.0/33\n", "FILE:4: deny: \"10.0.0.0/33\" has a prefix that is longer than the "
                                       "address; expected " EXPECT_NETWORK "\n"},
        {RELAY "deny = fe80::1%eth0\n", "FILE:4: deny: \"fe80::1%eth0\" has an interface, which networks do "
                                        "not have; expected " EXPECT_NETWORK "\n"},
        {RELAY "accept_proxy = lb.example\n",
         "FILE:4: accept_proxy: \"lb.example\" is not a network; expected " EXPECT_NETWORK "\n"},
        {RELAY "accept_proxy = 10.0.0.1 10.0.0.2\n", "FILE:4: accept_proxy: \"10.0.0.1 10.0.0.2\" is not a "
                                                     "network; expected " EXPECT_NETWORK "\n"},
        {RELAY "allow =\n", "FILE:4: allow: \"\" is empty; expected " EXPECT_NETWORK "\n"},
        {"[global]\nallow = any\n" RELAY,
         "FILE:2: key \"allow\" does not belong here; expected in [defaults] or [relay NAME]\n"},
        /* each wrong line is named, and those between them cause no more */
        {"[defaults]\ndeny = a\ndeny = any\ndeny = b\n" RELAY,
         "FILE:2: deny: \"a\" is not a network; expected " EXPECT_NETWORK
         "\nFILE:4: deny: \"b\" is not a network; expected " EXPECT_NETWORK "\n"},
        {RELAY "source_address = 192.0.2.1:80\n",
         "FILE:4: source_address: \"192.0.2.1:80\" is not valid; expected " EXPECT_SOURCE "\n"},
        {RELAY "source_address = localhost\n",
         "FILE:4: source_address: \"localhost\" is not valid; expected " EXPECT_SOURCE "\n"},
        {RELAY "source_address = fe80::1%eth0\n",
         "FILE:4: source_address: \"fe80::1%eth0\" has an "
         "interface, which source_interface names; expected " EXPECT_SOURCE "\n"},
        {RELAY "source_address = 0.0.0.0\n",
         "FILE:4: source_address: \"0.0.0.0\" is no single address; expected " EXPECT_SOURCE "\n"},
        {RELAY "source_address = ::\n",
         "FILE:4: source_address: \"::\" is no single address; expected " EXPECT_SOURCE "\n"},
        {RELAY "source_address = 255.255.255.255\n",
         "FILE:4: source_address: \"255.255.255.255\" is the address of a group; expected " EXPECT_SOURCE
         "\n"},
        {RELAY "source_address = ff02::1\n",
         "FILE:4: source_address: \"ff02::1\" is the address of a group; expected " EXPECT_SOURCE "\n"},
        {RELAY "source_address = 192.0.2.1\nsource_address = ::1\nsource_address = 192.0.2.2\n",
         "FILE:6: source_address: \"192.0.2.2\" after \"192.0.2.1\" in line 4; expected at most one IPv4 and "
         "one IPv6 address\n"},
        /* once for [defaults], not for each relay */
        {"[defaults]\nsource_address = ::2\nsource_address = ::1\n" RELAY OTHER,
         "FILE:3: source_address: \"::1\" after \"::2\" in line 2; expected at most one IPv4 and one IPv6 "
         "address\n"},
        {"[defaults]\nsource_interface = eth0\nsource_address = fe80::1\n" RELAY "source_interface = any\n",
         "FILE:7: relay \"r\": source_address fe80::1 without source_interface; expected the interface of "
         "that link-local address\n"},
        {"[defaults]\nsource_address = fe80::1\n" RELAY OTHER,
         "FILE:2: relay \"r\": source_address fe80::1 without source_interface; expected the interface of "
         "that link-local address\n"},
        {RELAY "source_interface = sixteen-letters-\n", "FILE:4: source_interface: \"sixteen-letters-\" is "
                                                        "too long; expected any or the name of an interface, "
                                                        "of at most 15 bytes\n"},
        {RELAY "source_interface = a/b\nsource_address = fe80::1\n",
         "FILE:4: source_interface: \"a/b\" is not valid; expected any or the name of an interface, of at "
         "most 15 bytes\n"},
};

START_TEST(bad_lists_are_named)
{
	ck_assert_ptr_null(load(bad[_i].text));
	ck_assert_str_eq(errors_text(), bad[_i].errors);
}
END_TEST

START_TEST(second_source_of_the_command_line_is_named)
{
	ck_assert_ptr_null(load_with(RELAY, "source_address=::1", "source_address=::2", NULL));
	ck_assert_str_eq(errors_text(), "command line: source_address: \"::2\" after \"::1\" on the command "
	                                "line; expected at most one IPv4 and one IPv6 address\n");
}
END_TEST

START_TEST(lists_without_memory_are_survived)
{
	load_without_memory("[defaults]\nallow = 10.0.0.0/8\nallow = unix\nsource_address = ::1\n"
	                    "source_interface = eth0\n" RELAY "deny = any\n" OTHER "allow = any\n");
}
END_TEST

/* About as many as fit in a file. Two relays take them from [defaults]. */
START_TEST(many_networks_are_read_quickly)
{
	char *text = malloc(INI_FILE_MAX);
	size_t length = (size_t)sprintf(text, RELAY OTHER "[defaults]\n");
	struct config *config;

	for (unsigned i = 0; i < 40000; i++)
		length += (size_t)sprintf(text + length, "deny = 10.%u.%u.%u\n", i / 65536, i / 256 % 256,
		                          i % 256);
	ck_assert_uint_lt(length, INI_FILE_MAX);
	config = load_good(text);
	ck_assert_uint_eq(config->relays[1].deny_count, 40000);
	ck_assert_mem_eq(config->relays[0].deny, config->relays[1].deny,
	                 40000 * sizeof(*config->relays[0].deny));
	config_put(config);
	free(text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lists");
	TCase *tcase = tcase_create("lists");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, own_lines_replace_those_of_defaults, 0, COUNT(network_keys));
	tcase_add_test(tcase, networks_are_kept_in_their_order);
	tcase_add_test(tcase, command_line_replaces_those_of_defaults);
	tcase_add_test(tcase, sources_are_inherited);
	tcase_add_test(tcase, printed_lists_load_back);
	tcase_add_loop_test(tcase, bad_lists_are_named, 0, COUNT(bad));
	tcase_add_test(tcase, second_source_of_the_command_line_is_named);
	tcase_add_test(tcase, lists_without_memory_are_survived);
	tcase_add_test(tcase, many_networks_are_read_quickly);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
