/* Networks: their text, and which clients a set of them has. */
#include "build_config.h"

#include "faults.h"
#include "net/networks.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *text;
	enum network_kind kind;
	const char *formatted; /* NULL: same as text */
} good[] = {
        {"any", NETWORK_ANY, NULL},
        {"unix", NETWORK_UNIX, NULL},
        {"10.0.0.0/8", NETWORK_IP, NULL},
        {"0.0.0.0/0", NETWORK_IP, NULL},
        {"10.1.2.3", NETWORK_IP, NULL},
        {"10.1.2.3/32", NETWORK_IP, "10.1.2.3"},
        {"192.0.2.128/25", NETWORK_IP, NULL},
        {"255.255.255.255", NETWORK_IP, NULL},
        {"::/0", NETWORK_IP, NULL},
        {"8000::/1", NETWORK_IP, NULL},
        {"2001:db8::/32", NETWORK_IP, NULL},
        {"2001:DB8:0::/48", NETWORK_IP, "2001:db8::/48"},
        {"2001:db8:0:1::/64", NETWORK_IP, NULL},
        {"2001:db8:0:0:8000::/65", NETWORK_IP, "2001:db8:0:0:8000::/65"},
        {"::1", NETWORK_IP, NULL},
        {"::1/128", NETWORK_IP, "::1"},
        {"::2/127", NETWORK_IP, NULL},
        {"fe80::/10", NETWORK_IP, NULL},
        {"::ffff:10.0.0.0/104", NETWORK_IP, "10.0.0.0/8"},
        {"::ffff:10.1.2.3", NETWORK_IP, "10.1.2.3"},
        {"::ffff:0.0.0.0/96", NETWORK_IP, "0.0.0.0/0"},
        {"::ffff:a01:203/128", NETWORK_IP, "10.1.2.3"},
        {"::fffe:0:0/95", NETWORK_IP, NULL},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff8/125", NETWORK_IP, NULL},
        {"1111:2222:3333:4444:5555:6666:255.255.255.255", NETWORK_IP,
         "1111:2222:3333:4444:5555:6666:ffff:ffff"},
};

START_TEST(good_networks_are_parsed_and_written)
{
	char text[NETWORK_TEXT_MAX];
	struct network network, again;

	ck_assert_int_eq(network_parse(good[_i].text, &network), 0);
	ck_assert_int_eq(network.kind, good[_i].kind);
	network_format(&network, text);
	ck_assert_str_eq(text, good[_i].formatted ? good[_i].formatted : good[_i].text);
	ck_assert_int_eq(network_parse(text, &again), 0);
	ck_assert_int_eq(again.kind, network.kind);
	ck_assert_uint_eq(again.length, network.length);
	ck_assert_mem_eq(&again.first, &network.first, sizeof(network.first));
}
END_TEST

static const struct {
	const char *text;
	int error;
} bad[] = {
        {"", -EINVAL},
        {"/", -EINVAL},
        {"/8", -EINVAL},
        {"Any", -EINVAL},
        {"any/0", -EINVAL},
        {"unix/1", -EINVAL},
        {"unix:/run/a", -EINVAL},
        {"localhost", -EINVAL},
        {"10", -EINVAL},
        {"10/8", -EINVAL},
        {"10.0.0/24", -EINVAL},
        {"10.0.0.0/", -EINVAL},
        {"10.0.0.0/8/8", -EINVAL},
        {"10.0.0.0/-1", -EINVAL},
        {"10.0.0.0/ 8", -EINVAL},
        {" 10.0.0.0/8", -EINVAL},
        {"10.0.0.0/255.0.0.0", -EINVAL},
        {"10.0.0.0:80", -EINVAL},
        {"010.0.0.0/8", -EINVAL},
        {"[::1]", -EINVAL},
        {"10.0.0.0/33", -ERANGE},
        {"10.0.0.0/99999999999999999999999", -ERANGE},
        {"::/129", -ERANGE},
        {"10.0.0.1/8", -EDOM},
        {"10.0.0.1/31", -EDOM},
        {"128.0.0.0/0", -EDOM},
        {"2001:db8::1/32", -EDOM},
        {"2001:db8::1/127", -EDOM},
        {"2001:db8:0:1::/63", -EDOM},
        {"2001:db8:0:0:8000::/64", -EDOM},
        {"8000::/0", -EDOM},
        {"::ffff:10.0.0.1/104", -EDOM},
        {"::ffff:10.0.0.0/8", -EDOM}, /* of IPv6 */
        {"::ffff:0.0.0.0/95", -EDOM},
        {"fe80::1%eth0", -ENOTSUP},
        {"fe80::1%eth0/128", -ENOTSUP},
        {"fe80:1111:2222:3333:4444:5555:6666:7777%interface.012345/128", -ENOTSUP},
        {"11111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
         -EINVAL},
};

START_TEST(bad_networks_are_refused)
{
	struct network network;

	ck_assert_int_eq(network_parse(bad[_i].text, &network), bad[_i].error);
}
END_TEST

/* ---- sets ---- */

#define LIST_MAX 8

/* text: networks with a space between them */
static size_t parse_list(const char *text, struct network list[LIST_MAX])
{
	char copy[200], *rest = copy, *word;
	size_t count = 0;

	ck_assert_uint_lt(strlen(text), sizeof(copy));
	strcpy(copy, text);
	while ((word = strsep(&rest, " ")))
		if (*word)
			ck_assert_int_eq(network_parse(word, &list[count++]), 0);
	return count;
}

static union client_address client_of(const char *text)
{
	union client_address client = {.any.sa_family = AF_UNIX};

	if (inet_pton(AF_INET, text, &client.in.sin_addr) == 1)
		client.any.sa_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &client.in6.sin6_addr) == 1)
		client.any.sa_family = AF_INET6;
	else
		ck_assert_str_eq(text, "unix");
	return client;
}

/* others as for allow and deny, where any allow denies all others */
static bool allowed(const char *allow, const char *deny, const char *client)
{
	struct network in[LIST_MAX], out[LIST_MAX];
	struct network_lists lists = {.in = in, .out = out};
	union client_address address = client_of(client);
	struct networks *networks;
	bool have;

	lists.in_count = parse_list(allow, in);
	lists.out_count = parse_list(deny, out);
	lists.others = lists.in_count == 0;
	networks = networks_new(&lists);
	ck_assert_ptr_nonnull(networks);
	have = networks_have(networks, &address);
	networks_free(networks);
	return have;
}

static const struct {
	const char *allow, *deny;
	const char *client;
	bool allowed;
} cases[] = {
        {"", "", "10.0.0.1", true},
        {"", "", "::1", true},
        {"", "", "unix", true},
        /* with any allow, others are denied */
        {"10.0.0.0/8", "", "10.0.0.0", true},
        {"10.0.0.0/8", "", "10.255.255.255", true},
        {"10.0.0.0/8", "", "9.255.255.255", false},
        {"10.0.0.0/8", "", "11.0.0.0", false},
        {"10.0.0.0/8", "", "::1", false},
        {"10.0.0.0/8", "", "unix", false},
        {"", "10.0.0.0/8", "10.1.1.1", false},
        {"", "10.0.0.0/8", "11.1.1.1", true},
        {"", "10.0.0.0/8", "::1", true},
        {"", "10.0.0.0/8", "unix", true},
        /* the longest prefix wins */
        {"10.0.0.0/8", "10.1.0.0/16", "10.0.255.255", true},
        {"10.0.0.0/8", "10.1.0.0/16", "10.1.0.0", false},
        {"10.0.0.0/8", "10.1.0.0/16", "10.1.255.255", false},
        {"10.0.0.0/8", "10.1.0.0/16", "10.2.0.0", true},
        {"10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", true},
        {"10.1.0.0/16", "10.0.0.0/8", "10.2.2.3", false},
        {"10.0.0.0/8 10.1.2.0/24", "10.1.0.0/16", "10.1.2.3", true},
        {"10.0.0.0/8 10.1.2.0/24", "10.1.0.0/16 10.1.2.3", "10.1.2.3", false},
        {"10.0.0.0/8 10.1.2.0/24", "10.1.0.0/16 10.1.2.3", "10.1.2.4", true},
        /* at the borders of what contains it */
        {"10.0.0.0/8", "10.0.0.0/16", "10.0.0.0", false},
        {"10.0.0.0/8", "10.0.0.0/16", "10.1.0.0", true},
        {"10.0.0.0/8", "10.255.0.0/16", "10.254.255.255", true},
        {"10.0.0.0/8", "10.255.0.0/16", "10.255.255.255", false},
        {"10.0.0.0/8", "10.255.0.0/16", "11.0.0.0", false},
        {"10.0.0.0/8 11.0.0.0/8", "", "10.255.255.255", true},
        {"10.0.0.0/8 11.0.0.0/8", "", "11.0.0.0", true},
        {"10.0.0.0/8 11.0.0.0/8", "", "12.0.0.0", false},
        /* deny at a tie */
        {"10.0.0.0/8", "10.0.0.0/8", "10.1.1.1", false},
        {"10.1.1.1", "10.1.1.1", "10.1.1.1", false},
        {"10.1.1.1 10.1.1.1", "", "10.1.1.1", true},
        {"any", "any", "10.1.1.1", false},
        {"unix", "unix", "unix", false},
        {"::/0", "::/0", "::1", false},
        {"0.0.0.0/0", "0.0.0.0/0", "10.1.1.1", false},
        /* any is shorter than all, and includes unix */
        {"any", "", "unix", true},
        {"any", "", "10.1.1.1", true},
        {"any", "", "2001:db8::1", true},
        {"any", "unix", "unix", false},
        {"any", "unix", "10.1.1.1", true},
        {"unix", "any", "unix", true},
        {"unix", "any", "10.1.1.1", false},
        {"unix", "any", "::1", false},
        {"", "any", "unix", false},
        {"0.0.0.0/0", "any", "10.1.1.1", true},
        {"0.0.0.0/0", "any", "::1", false},
        {"any", "0.0.0.0/0", "10.1.1.1", false},
        {"any", "0.0.0.0/0", "::1", true},
        {"any", "::/0", "::1", false},
        {"any", "::/0", "10.1.1.1", true},
        {"any", "::/0", "unix", true},
        {"any 10.0.0.0/8", "0.0.0.0/0", "10.1.1.1", true},
        {"unix", "", "unix", true},
        {"unix", "", "10.1.1.1", false},
        {"", "unix", "unix", false},
        {"", "unix", "::1", true},
        /* a mapped address is IPv4, and no IPv6 */
        {"10.0.0.0/8", "", "::ffff:10.1.1.1", true},
        {"::ffff:10.0.0.0/104", "", "10.1.1.1", true},
        {"::/0", "", "::ffff:10.1.1.1", false},
        {"::/0", "", "10.1.1.1", false},
        {"::fffe:0:0/95", "", "10.1.1.1", false},
        {"::fffe:0:0/95", "", "::fffe:10.1.1.1", true},
        {"0.0.0.0/0", "", "::fffe:ffff:ffff", false},
        {"0.0.0.0/0", "", "::ffff:255.255.255.255", true},
        {"0.0.0.0/0", "", "::1:0:0:0", false},
        /* the ends of what there is */
        {"::", "", "::", true},
        {"::", "", "::1", false},
        {"::", "", "0.0.0.0", false},
        {"ff00::/8", "", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
        {"ff00::/8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         false},
        {"ff00::/8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
         true},
        {"255.255.255.255", "", "255.255.255.255", true},
        {"255.255.255.255", "", "255.255.255.254", false},
        /* both halves of an address count */
        {"2001:db8:0:1::/64", "", "2001:db8:0:1:ffff:ffff:ffff:ffff", true},
        {"2001:db8:0:1::/64", "", "2001:db8:0:2::", false},
        {"2001:db8:0:1::/64", "", "2001:db8:0:0:ffff:ffff:ffff:ffff", false},
        {"2001:db8::/64", "2001:db8:0:0:8000::/65", "2001:db8::7fff:ffff:ffff:ffff", true},
        {"2001:db8::/64", "2001:db8:0:0:8000::/65", "2001:db8:0:0:8000::", false},
};

START_TEST(clients_are_allowed_as_the_lists_say)
{
	ck_assert_msg(allowed(cases[_i].allow, cases[_i].deny, cases[_i].client) == cases[_i].allowed,
	              "allow %s, deny %s: %s", cases[_i].allow, cases[_i].deny, cases[_i].client);
}
END_TEST

/* A set that is no list of allow and deny: accept_proxy. */
START_TEST(empty_lists_have_nobody_or_everybody)
{
	for (int others = 0; others < 2; others++) {
		struct networks *networks = networks_new(&(struct network_lists){.others = others});
		union client_address ipv4 = client_of("0.0.0.0"), ipv6 = client_of("::"),
		                     local = client_of("unix");

		ck_assert_int_eq(networks_have(networks, &ipv4), others);
		ck_assert_int_eq(networks_have(networks, &ipv6), others);
		ck_assert_int_eq(networks_have(networks, &local), others);
		networks_free(networks);
	}
}
END_TEST

/* ---- many ---- */

#define MANY 300

static struct network many_in[MANY], many_out[MANY];

/* Few different bits, so that many contain each other, are neighbours or the same. */
static struct network random_network(void)
{
	struct network network = {.kind = random() % 100 ? NETWORK_IP : NETWORK_ANY};
	unsigned base = random() % 2 ? 96 : 0;

	network.length = base + (unsigned)random() % (129 - base);
	if (base)
		network.first.s6_addr[10] = network.first.s6_addr[11] = 0xff;
	for (unsigned bit = base; bit < network.length; bit++)
		if (random() % (bit % 11 == 0 ? 2 : 30) == 0)
			network.first.s6_addr[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	return network;
}

static bool contains(const struct network *network, const struct in6_addr *address)
{
	bool mapped = network->length >= 96 && IN6_IS_ADDR_V4MAPPED(&network->first);

	if (network->kind == NETWORK_ANY)
		return true;
	if (IN6_IS_ADDR_V4MAPPED(address) && !mapped)
		return false;
	for (unsigned bit = 0; bit < network->length; bit++)
		if ((network->first.s6_addr[bit / 8] ^ address->s6_addr[bit / 8]) & (0x80 >> bit % 8))
			return false;
	return true;
}

/* 1 + the length of the longest prefix that has the address; 0: none has it */
static unsigned longest(const struct network *list, size_t count, const struct in6_addr *address)
{
	unsigned most = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned length = list[i].kind == NETWORK_ANY ? 1 : 2 + list[i].length;

		if (length > most && contains(&list[i], address))
			most = length;
	}
	return most;
}

static bool expected(const struct network_lists *lists, const struct in6_addr *address)
{
	unsigned in = longest(lists->in, lists->in_count, address);
	unsigned out = longest(lists->out, lists->out_count, address);

	return in == out ? in == 0 && lists->others : in > out;
}

/* The first or last address of a network, or the one before or after it. */
static struct in6_addr random_border(const struct network *network)
{
	struct in6_addr address = network->first;
	bool last = random() % 2;
	long step = random() % 3 - 1;

	for (unsigned bit = network->length; last && bit < 128; bit++)
		address.s6_addr[bit / 8] |= (unsigned char)(0x80 >> bit % 8);
	for (int i = 15; step != 0 && i >= 0; i--) {
		address.s6_addr[i] = (unsigned char)(address.s6_addr[i] + step);
		if (address.s6_addr[i] != (step > 0 ? 0 : 0xff))
			break;
	}
	return address;
}

START_TEST(many_networks_say_what_a_search_through_all_says)
{
	struct network_lists lists = {.in = many_in, .out = many_out, .others = _i % 2};
	struct networks *networks;
	unsigned had = 0;

	srandom((unsigned)_i);
	lists.in_count = 1 + (size_t)random() % (_i % 3 ? MANY : 5);
	lists.out_count = 1 + (size_t)random() % (_i % 3 ? MANY : 5);
	for (size_t i = 0; i < MANY; i++) {
		many_in[i] = random_network();
		many_out[i] = i % 7 ? random_network() : many_in[i];
	}
	networks = networks_new(&lists);
	ck_assert_ptr_nonnull(networks);
	for (size_t i = 0; i < 2000; i++) {
		const struct network *near = i % 2 ? &many_in[(size_t)random() % lists.in_count]
		                                   : &many_out[(size_t)random() % lists.out_count];
		union client_address client = {.in6 = {.sin6_family = AF_INET6}};
		bool have;

		client.in6.sin6_addr = random_border(near);
		have = networks_have(networks, &client);
		had += have;
		if (have != expected(&lists, &client.in6.sin6_addr))
			ck_abort_msg("seed %d, address %zu", _i, i);
	}
	if (_i % 3) { /* not only a few networks */
		ck_assert_uint_gt(had, 0);
		ck_assert_uint_lt(had, 2000);
	}
	networks_free(networks);
}
END_TEST

static const struct {
	const char *client;
	unsigned prefix;
	const char *network;
} counted_as[] = {
        {"10.1.2.3", 64, "::ffff:10.1.2.3"},
        {"10.1.2.3", 1, "::ffff:10.1.2.3"},
        {"::ffff:10.1.2.3", 64, "::ffff:10.1.2.3"},
        {"2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6"},
        {"2001:db8:1:2:3:4:5:ffff", 127, "2001:db8:1:2:3:4:5:fffe"},
        {"2001:db8:1:2:ffff:4:5:6", 65, "2001:db8:1:2:8000::"},
        {"2001:db8:1:2:ffff:4:5:6", 64, "2001:db8:1:2::"},
        {"2001:db8:1:3:ffff:4:5:6", 63, "2001:db8:1:2::"},
        {"2001:db8:1:2:3:4:5:6", 48, "2001:db8:1::"},
        {"fe80::1", 1, "8000::"},
        {"::10.1.2.3", 64, "::"},
        {"::1", 64, "::"},
        {"unix", 64, "::ffff:0.0.0.0"},
};

START_TEST(client_counts_as_its_network)
{
	union client_address client = client_of(counted_as[_i].client);
	struct in6_addr network = network_of_client(&client, counted_as[_i].prefix), expected_one;

	ck_assert_int_eq(inet_pton(AF_INET6, counted_as[_i].network, &expected_one), 1);
	ck_assert_mem_eq(&network, &expected_one, sizeof(network));
}
END_TEST

/* As deep as can be, and the same prefix over and over. */
START_TEST(networks_inside_each_other)
{
	static struct network nested[2 * 129];
	struct network_lists lists = {.in = nested, .out = nested + 129, .in_count = 129, .out_count = 129};
	union client_address client = {.in6 = {.sin6_family = AF_INET6}};
	struct networks *networks;

	for (unsigned i = 0; i < 2 * 129; i++)
		nested[i] = (struct network){.kind = NETWORK_IP, .length = i % 129 / 2 * 2 + i / 129};
	nested[2 * 129 - 1].length = 127;
	networks = networks_new(&lists);
	for (unsigned bit = 0; bit < 128; bit++) {
		client.in6.sin6_addr = (struct in6_addr){0};
		client.in6.sin6_addr.s6_addr[bit / 8] = (unsigned char)(0x80 >> bit % 8);
		ck_assert_int_eq(networks_have(networks, &client), bit % 2 == 0);
	}
	networks_free(networks);
}
END_TEST

/* _i: which allocation fails */
START_TEST(without_memory_there_is_no_set)
{
	const struct network_lists lists = {.others = true};
	struct networks *networks;

	fault_set(FAULT_MEMORY, (size_t)_i + 1, ENOMEM);
	networks = networks_new(&lists);
	fault_set(FAULT_MEMORY, 0, 0);
	ck_assert_ptr_null(networks);
	networks_free(networks);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("networks");
	TCase *tcase = tcase_create("networks");

	tcase_add_loop_test(tcase, good_networks_are_parsed_and_written, 0, (int)COUNT(good));
	tcase_add_loop_test(tcase, bad_networks_are_refused, 0, (int)COUNT(bad));
	tcase_add_loop_test(tcase, clients_are_allowed_as_the_lists_say, 0, (int)COUNT(cases));
	tcase_add_test(tcase, empty_lists_have_nobody_or_everybody);
	tcase_add_loop_test(tcase, many_networks_say_what_a_search_through_all_says, 0, 30);
	tcase_add_test(tcase, networks_inside_each_other);
	tcase_add_loop_test(tcase, client_counts_as_its_network, 0, (int)COUNT(counted_as));
	tcase_add_loop_test(tcase, without_memory_there_is_no_set, 0, 2);
	suite_add_tcase(suite, tcase);
	return unit_run(suite);
}
