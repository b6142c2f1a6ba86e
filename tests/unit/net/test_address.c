#include "build_config.h"

#include "net/address.h"
#include "net/host.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LABEL   "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghi" /* 63 bytes */
#define NAME253 LABEL "." LABEL "." LABEL ".b" TEN TEN TEN TEN TEN TEN

struct good {
	const char *text;
	enum address_kind kind;
	uint16_t port;
	const char *formatted; /* NULL: same as text */
};

static const struct good good[] = {
        {"127.0.0.1:80", ADDRESS_LITERAL, 80, NULL},
        {"0.0.0.0:0", ADDRESS_LITERAL, 0, NULL},
        {"255.255.255.255:65535", ADDRESS_LITERAL, 65535, NULL},
        {"[::1]:80", ADDRESS_LITERAL, 80, NULL},
        {"[::]:0", ADDRESS_LITERAL, 0, NULL},
        {"[2001:DB8:0:0::1]:443", ADDRESS_LITERAL, 443, "[2001:db8::1]:443"},
        {"[::ffff:10.0.0.5]:80", ADDRESS_LITERAL, 80, NULL},
        {"*:8080", ADDRESS_WILDCARD, 8080, NULL},
        {"localhost:80", ADDRESS_NAME, 80, NULL},
        {"db-1.example.org:5432", ADDRESS_NAME, 5432, NULL},
        {"db_1.example.org.:5432", ADDRESS_NAME, 5432, NULL},
        {"1a:80", ADDRESS_NAME, 80, NULL},
        {"1.2.3.4.example:80", ADDRESS_NAME, 80, NULL},
        {NAME253 ":80", ADDRESS_NAME, 80, NULL},
        {NAME253 ".:80", ADDRESS_NAME, 80, NULL},
        {"[fe80::1%eth0]:80", ADDRESS_NAME, 80, NULL},
        {"[FE80:0:0::1%Eth0]:80", ADDRESS_NAME, 80, "[fe80::1%Eth0]:80"},
        {"[febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff%enx001122334455]:65535", ADDRESS_NAME, 65535, NULL},
        {"[fe80::1%2]:0", ADDRESS_NAME, 0, NULL},
        {"[fe80::1%br-0.42]:80", ADDRESS_NAME, 80, NULL},
        {"[fe80::1%25eth0]:80", ADDRESS_NAME, 80, NULL}, /* no URI: the interface is 25eth0 */
        {"127.0.0.1:30000-33999", ADDRESS_LITERAL, 30000, NULL},
        {"[::1]:1-65535", ADDRESS_LITERAL, 1, NULL},
        {"*:8080-8081", ADDRESS_WILDCARD, 8080, NULL},
        {"db-1.example.org:00080-0089", ADDRESS_NAME, 80, "db-1.example.org:80-89"},
        {"[fe80::1%eth0]:80-89", ADDRESS_NAME, 80, NULL},
        {"localhost:80-80", ADDRESS_NAME, 80, "localhost:80"},
        {NAME253 ".:10000-65535", ADDRESS_NAME, 10000, NULL},
        {"unix:@a:80-89", ADDRESS_LITERAL, 0, NULL}, /* a name */
        {"unix:/run/db.sock", ADDRESS_LITERAL, 0, NULL},
        {"unix:/" HUNDRED "123456", ADDRESS_LITERAL, 0, NULL},
        {"unix:@name", ADDRESS_LITERAL, 0, NULL},
        {"unix:@" HUNDRED "1234567", ADDRESS_LITERAL, 0, NULL},
        {"unix:@a:80", ADDRESS_LITERAL, 0, NULL},
        {"unix:/caf\xc3\xa9", ADDRESS_LITERAL, 0, NULL},
        {"systemd:web", ADDRESS_SYSTEMD, 0, NULL},
        {"systemd:80", ADDRESS_SYSTEMD, 0, NULL},
        {"systemd:weir.socket", ADDRESS_SYSTEMD, 0, NULL},
        {"systemd:" HUNDRED HUNDRED TEN TEN TEN TEN TEN "12345", ADDRESS_SYSTEMD, 0, NULL},
};

static const struct {
	const char *text;
	int error;
} bad[] = {
        {"", -EINVAL},
        {"80", -EINVAL},
        {":80", -EINVAL},
        {"localhost", -EINVAL},
        {"localhost:", -EINVAL},
        {"1.2.3.4:80x", -EINVAL},
        {":+80", -EINVAL},
        {"1.2.3.4:+80", -EINVAL},
        {"1.2.3.4:-80", -EINVAL},
        {"1.2.3.4: 80", -EINVAL},
        {"1.2.3.4:80 ", -EINVAL},
        {" 1.2.3.4:80", -EINVAL},
        {"1.2.3.4:0x50", -EINVAL},
        {"1.2.3.4:http", -EINVAL},
        {"1.2.3.4:65536", -ERANGE},
        {"1.2.3.4:99999999999999999999999", -ERANGE},
        {"1.2.3.4:80-", -EINVAL},
        {"1.2.3.4:80-90-91", -EINVAL},
        {"1.2.3.4:80 -90", -EINVAL},
        {"1.2.3.4:80-+90", -EINVAL},
        {"1.2.3.4:80-90x", -EINVAL},
        {"1.2.3.4-1.2.3.5:80", -EINVAL},
        {"1.2.3.4:65535-65536", -ERANGE},
        {"1.2.3.4:65536-65537", -ERANGE},
        {"1.2.3.4:00000000000000000000000000000000080-90", -ERANGE},
        {"1.2.3.4:0-80", -EDOM},
        {"1.2.3.4:0-0", -EDOM},
        {"1.2.3.4:81-80", -EDOM},
        {"systemd:web:80-81", -EINVAL},
        {"1.2.3:80", -EINVAL},
        {"256.1.1.1:80", -EINVAL},
        {"1.2.3.4.5:80", -EINVAL},
        {"010.0.0.1:80", -EINVAL},
        {"2130706433:80", -EINVAL},
        {"0x7f000001:80", -EINVAL},
        {"127.0.0.0x1:80", -EINVAL},
        {"::1:80", -EINVAL},
        {"::1", -EINVAL},
        {"[::1]", -EINVAL},
        {"[::1:80", -EINVAL},
        {"[]:80", -EINVAL},
        {"[:80", -EINVAL},
        {"[1.2.3.4]:80", -EINVAL},
        {"[localhost]:80", -EINVAL},
        {"[::1]x:80", -EINVAL},
        {"[::1%lo]:80", -ENOTSUP},
        {"[ff02::1%lo]:80", -ENOTSUP},
        {"[2001:db8::1%eth0]:80", -ENOTSUP},
        {"[::ffff:169.254.0.1%eth0]:80", -ENOTSUP},
        {"[fe80::1%]:80", -EINVAL},
        {"[%eth0]:80", -EINVAL},
        {"[%]:80", -EINVAL},
        {"[fe80::1%0]:80", -EINVAL},
        {"[fe80::1%00]:80", -EINVAL},
        {"[fe80::1%a%b]:80", -EINVAL},
        {"[fe80::1%a/b]:80", -EINVAL},
        {"[fe80::1%a b]:80", -EINVAL},
        {"[fe80::1%a\x7f]:80", -EINVAL},
        {"[fe80::1%a:b]:80", -EINVAL},
        {"[fe80::1%a]]:80", -EINVAL},
        {"[fe80::1%0123456789abcdef]:80", -EINVAL},
        {"[fe80:0000:0000:0000:0000:0000:0000:000000000000000000001%eth0]:80", -EINVAL},
        {"[fe80::1%eth0:80", -EINVAL},
        {"[fe80::x%eth0]:80", -EINVAL},
        {"fe80::1%eth0:80", -EINVAL},
        {"db%eth0:80", -EINVAL},
        {"169.254.0.1%eth0:80", -EINVAL},
        {"[1:2:3:4:5:6:7:8:9]:80", -EINVAL},
        {"[" HUNDRED "]:80", -EINVAL},
        {"**:80", -EINVAL},
        {"*.example.org:80", -EINVAL},
        {"http://host:80", -EINVAL},
        {"a/b:80", -EINVAL},
        {"a b:80", -EINVAL},
        {"-a:80", -EINVAL},
        {"a-:80", -EINVAL},
        {".a:80", -EINVAL},
        {"a..b:80", -EINVAL},
        {".:80", -EINVAL},
        {"caf\xc3\xa9:80", -EINVAL},
        {LABEL "x:80", -EINVAL},
        {"a" NAME253 ":80", -ENAMETOOLONG},
        {"unix:", -EINVAL},
        {"unix:@", -EINVAL},
        {"unix:relative", -EINVAL},
        {"unix:/a b", -EINVAL},
        {"unix:/a\n", -EINVAL},
        {"unix:/a\x7f", -EINVAL},
        {"unix:/a\xc2\x9b", -EINVAL},
        {"unix:/a\x9b", -EINVAL},
        {"UNIX:/a", -EINVAL},
        {"unix:/" HUNDRED "1234567", -ENAMETOOLONG},
        {"unix:@" HUNDRED "12345678", -ENAMETOOLONG},
        {"systemd:", -EINVAL},
        {"systemd:a b", -EINVAL},
        {"systemd:a:b", -EINVAL},
        {"systemd:caf\xc3\xa9", -EINVAL},
        {"systemd:a\x7f", -EINVAL},
        {"systemd:" HUNDRED HUNDRED TEN TEN TEN TEN TEN "123456", -ENAMETOOLONG},
        {"Systemd:web", -EINVAL},
};

START_TEST(good_address_is_taken)
{
	const struct good *want = &good[_i];
	char buf[ADDRESS_TEXT_MAX];
	struct address address;

	ck_assert_msg(address_parse(want->text, &address) == 0, "\"%s\" was refused", want->text);
	ck_assert_int_eq(address.kind, want->kind);
	ck_assert_uint_eq(address.port, want->port);
	ck_assert_str_eq(address_format(&address, buf), want->formatted ? want->formatted : want->text);
	address_deinit(&address);
}
END_TEST

START_TEST(bad_address_is_refused)
{
	struct address address;
	int r = address_parse(bad[_i].text, &address);

	ck_assert_msg(r == bad[_i].error, "\"%s\" gave %d", bad[_i].text, r);
}
END_TEST

START_TEST(ports_of_a_range_are_counted)
{
	struct address address;
	struct endpoint last;

	ck_assert_int_eq(address_parse("[::1]:1-65535", &address), 0);
	ck_assert_uint_eq(address.ports, 65535);
	ck_assert_uint_eq(address_last_port(&address), 65535);
	ck_assert_uint_eq(endpoint_port(&address.endpoint), 1);
	last = endpoint_at_place(&address.endpoint, 65534);
	ck_assert_uint_eq(endpoint_port(&last), 65535);
	ck_assert_int_eq(address_parse("10.0.0.5:80", &address), 0);
	ck_assert_uint_eq(address.ports, 1);
	ck_assert_int_eq(address_parse("unix:/a", &address), 0);
	ck_assert_uint_eq(address.ports, 1);
	last = endpoint_at_place(&address.endpoint, 0);
	ck_assert(endpoint_equal(&last, &address.endpoint));
}
END_TEST

START_TEST(endpoints_are_what_the_kernel_takes)
{
	struct address address;
	const struct endpoint *endpoint = &address.endpoint;

	ck_assert_int_eq(address_parse("10.0.0.5:8080", &address), 0);
	ck_assert_uint_eq(endpoint->length, sizeof(struct sockaddr_in));
	ck_assert_int_eq(endpoint->in.sin_family, AF_INET);
	ck_assert_uint_eq(ntohs(endpoint->in.sin_port), 8080);
	ck_assert_uint_eq(ntohl(endpoint->in.sin_addr.s_addr), 0x0a000005);

	ck_assert_int_eq(address_parse("[::1]:8080", &address), 0);
	ck_assert_uint_eq(endpoint->length, sizeof(struct sockaddr_in6));
	ck_assert_int_eq(endpoint->in6.sin6_family, AF_INET6);
	ck_assert_uint_eq(ntohs(endpoint->in6.sin6_port), 8080);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&endpoint->in6.sin6_addr));

	ck_assert_int_eq(address_parse("unix:/a", &address), 0);
	ck_assert_uint_eq(endpoint->length, offsetof(struct sockaddr_un, sun_path) + sizeof("/a"));
	ck_assert_str_eq(endpoint->un.sun_path, "/a");

	ck_assert_int_eq(address_parse("unix:@a", &address), 0);
	ck_assert_uint_eq(endpoint->length, offsetof(struct sockaddr_un, sun_path) + 2);
	ck_assert_mem_eq(endpoint->un.sun_path, "\0a", 2);
}
END_TEST

START_TEST(host_is_kept_apart_from_the_port)
{
	struct address address;

	ck_assert_int_eq(address_parse("db.example.org:5432", &address), 0);
	ck_assert_str_eq(address.host, "db.example.org");
	address_deinit(&address);
	ck_assert_ptr_null(address.host);
}
END_TEST

static void check_unix_text(const char *path, size_t size, const char *text)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	char buf[ADDRESS_TEXT_MAX];

	memcpy(un.sun_path, path, size);
	endpoint_format((const struct sockaddr *)&un,
	                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size), buf);
	ck_assert_str_eq(buf, text);
}

START_TEST(endpoint_text_is_one_word)
{
	char longest[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char expected[ADDRESS_TEXT_MAX] = "unix:";

	check_unix_text("", 0, "unix:");
	check_unix_text("/run/a.sock", sizeof("/run/a.sock"), "unix:/run/a.sock");
	check_unix_text("/a b\n\x7f\xff", 7, "unix:/a?b???");
	check_unix_text("\0a\0b", 4, "unix:@a?b");
	/* The kernel may fill sun_path to the last byte, without a NUL. */
	memset(longest, 'x', sizeof(longest));
	memset(expected + 5, 'x', sizeof(longest));
	check_unix_text(longest, sizeof(longest), expected);
}
END_TEST

START_TEST(mapped_ipv4_is_written_as_ipv4)
{
	struct address address;
	char buf[ADDRESS_TEXT_MAX];

	ck_assert_int_eq(address_parse("[::ffff:10.0.0.5]:80", &address), 0);
	ck_assert_str_eq(endpoint_format(&address.endpoint.any, address.endpoint.length, buf), "10.0.0.5:80");
	ck_assert_int_eq(address_parse("[2001:db8::5]:80", &address), 0);
	ck_assert_str_eq(endpoint_format(&address.endpoint.any, address.endpoint.length, buf),
	                 "[2001:db8::5]:80");
}
END_TEST

static void check_zone_text(uint32_t zone, const char *expected)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_scope_id = zone};
	char buf[ADDRESS_TEXT_MAX];

	ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
	ck_assert_str_eq(endpoint_format((const struct sockaddr *)&in6, sizeof(in6), buf), expected);
}

START_TEST(zone_is_written_as_its_interface)
{
	unsigned lo = if_nametoindex("lo");

	ck_assert_uint_gt(lo, 0);
	check_zone_text(lo, "[fe80::1%lo]:80");
	check_zone_text(0, "[fe80::1]:80");
	check_zone_text(UINT32_MAX, "[fe80::1%4294967295]:80"); /* gone */
}
END_TEST

START_TEST(hosts_are_compared)
{
	ck_assert(host_equal("db.example", "DB.example"));
	ck_assert(!host_equal("db.example", "db.example."));
	ck_assert(host_equal("fe80::1%eth0", "fe80::1%eth0"));
	ck_assert(!host_equal("fe80::1%eth0", "fe80::1%ETH0"));
	ck_assert(!host_equal("eth0", "fe80::1%eth0"));
}
END_TEST

START_TEST(unknown_family_has_a_text)
{
	struct sockaddr sa = {.sa_family = AF_APPLETALK};
	char buf[ADDRESS_TEXT_MAX];

	ck_assert_str_eq(endpoint_format(&sa, sizeof(sa), buf), "family-5:");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("address");
	TCase *tcase = tcase_create("address");

	tcase_add_loop_test(tcase, good_address_is_taken, 0, COUNT(good));
	tcase_add_loop_test(tcase, bad_address_is_refused, 0, COUNT(bad));
	tcase_add_test(tcase, ports_of_a_range_are_counted);
	tcase_add_test(tcase, endpoints_are_what_the_kernel_takes);
	tcase_add_test(tcase, host_is_kept_apart_from_the_port);
	tcase_add_test(tcase, endpoint_text_is_one_word);
	tcase_add_test(tcase, mapped_ipv4_is_written_as_ipv4);
	tcase_add_test(tcase, zone_is_written_as_its_interface);
	tcase_add_test(tcase, hosts_are_compared);
	tcase_add_test(tcase, unknown_family_has_a_text);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
