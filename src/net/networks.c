/*
 * A set of networks is kept as the points where the answer changes, in order: before the first point an
 * address is not of the set, from the first on it is, from the second on it is not, and so on. Networks
 * contain each other or have nothing in common, so one pass over them, sorted, with those around the present
 * one on a stack, finds the points. A look-up is a binary search.
 */
#include "build_config.h"

#include "net/networks.h"

#include "base/units.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS      128
#define IPV4_BITS 96 /* of the prefix that all mapped addresses have */

/* ---- text ---- */

/* An IPv6 address as a number. */
struct point {
	uint64_t high, low;
};

static struct point point_of(const struct in6_addr *address)
{
	struct point point;

	memcpy(&point, address, sizeof(point));
	return (struct point){be64toh(point.high), be64toh(point.low)};
}

/* The bits after the prefix. */
static struct point host_bits(unsigned length)
{
	if (length == 0)
		return (struct point){UINT64_MAX, UINT64_MAX};
	if (length <= 64)
		return (struct point){length < 64 ? UINT64_MAX >> length : 0, UINT64_MAX};
	return (struct point){0, length < BITS ? UINT64_MAX >> (length - 64) : 0};
}

/* base: the bits that an address of this family has before its own. */
static int parse_ip(const char *text, struct in6_addr *address, unsigned *base)
{
	struct in_addr ipv4;

	*base = 0;
	if (inet_pton(AF_INET6, text, address) == 1)
		return 0;
	if (inet_pton(AF_INET, text, &ipv4) != 1)
		return strchr(text, '%') ? -ENOTSUP : -EINVAL;
	*base = IPV4_BITS;
	*address = ipv4_mapped(ipv4);
	return 0;
}

/* text: what follows the slash, or NULL */
static int parse_length(const char *text, unsigned base, unsigned *length)
{
	uint64_t number = BITS - base;
	int error = text ? units_parse_number(text, &number) : 0;

	if (!error && number > BITS - base)
		error = -ERANGE;
	if (!error)
		*length = base + (unsigned)number;
	return error;
}

/* Changes text. */
static int parse_prefix(char *text, struct network *network)
{
	char *slash = strchr(text, '/');
	struct point first, rest;
	unsigned base;
	int error;

	if (slash)
		*slash++ = '\0';
	error = parse_ip(text, &network->first, &base);
	if (!error)
		error = parse_length(slash, base, &network->length);
	if (error)
		return error;
	first = point_of(&network->first);
	rest = host_bits(network->length);
	return (first.high & rest.high) || (first.low & rest.low) ? -EDOM : 0;
}

int network_parse(const char *text, struct network *network)
{
	char copy[NETWORK_TEXT_MAX + 32]; /* an interface is complained about, not cut off */

	*network = (struct network){.kind = NETWORK_ANY};
	if (strcmp(text, "any") == 0)
		return 0;
	network->kind = NETWORK_UNIX;
	if (strcmp(text, "unix") == 0)
		return 0;
	network->kind = NETWORK_IP;
	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	return parse_prefix(strcpy(copy, text), network);
}

static bool is_ipv4(const struct network *network)
{
	return network->length >= IPV4_BITS && IN6_IS_ADDR_V4MAPPED(&network->first);
}

static char *format_ip(const struct network *network, char buf[NETWORK_TEXT_MAX])
{
	unsigned base = is_ipv4(network) ? IPV4_BITS : 0;
	size_t length;

	if (base)
		inet_ntop(AF_INET, &network->first.s6_addr[12], buf, NETWORK_TEXT_MAX);
	else
		inet_ntop(AF_INET6, &network->first, buf, NETWORK_TEXT_MAX);
	length = strlen(buf);
	if (network->length < BITS)
		snprintf(buf + length, NETWORK_TEXT_MAX - length, "/%u", network->length - base);
	return buf;
}

char *network_format(const struct network *network, char buf[NETWORK_TEXT_MAX])
{
	switch (network->kind) {
	case NETWORK_ANY:
		return strcpy(buf, "any");
	case NETWORK_UNIX:
		return strcpy(buf, "unix");
	case NETWORK_IP:
		break;
	}
	return format_ip(network, buf);
}

struct in6_addr network_of_client(const union client_address *client, unsigned ipv6_prefix)
{
	const struct in_addr nobody = {.s_addr = INADDR_ANY};
	struct point rest = host_bits(ipv6_prefix), first;
	struct in6_addr address;

	if (client->any.sa_family != AF_INET6)
		return ipv4_mapped(client->any.sa_family == AF_INET ? client->in.sin_addr : nobody);
	if (IN6_IS_ADDR_V4MAPPED(&client->in6.sin6_addr))
		return client->in6.sin6_addr;
	first = point_of(&client->in6.sin6_addr);
	first = (struct point){htobe64(first.high & ~rest.high), htobe64(first.low & ~rest.low)};
	memcpy(&address, &first, sizeof(address));
	return address;
}

/* ---- a set ---- */

struct networks {
	bool unix_clients;
	size_t count; /* of points */
	struct point points[];
};

/* One IP network of a list. Of two with the same prefix, that of higher rank holds. */
struct rule {
	struct point first, last;
	unsigned length;
	enum { RANK_OTHERS, RANK_IN, RANK_OUT } rank;
	bool in;
};

static int compare_points(const struct point *a, const struct point *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return (a->low > b->low) - (a->low < b->low);
}

/* What is around another one comes before it. */
static int compare_rules(const void *a, const void *b)
{
	const struct rule *one = a, *other = b;
	int order = compare_points(&one->first, &other->first);

	if (order == 0)
		order = (one->length > other->length) - (one->length < other->length);
	return order ? order : (one->rank > other->rank) - (one->rank < other->rank);
}

static bool same_prefix(const struct rule *a, const struct rule *b)
{
	return a->length == b->length && compare_points(&a->first, &b->first) == 0;
}

static struct rule rule_of(const struct network *network, int rank, bool in)
{
	struct rule rule = {
	        .first = point_of(&network->first), .length = network->length, .rank = rank, .in = in};
	struct point rest = host_bits(rule.length);

	rule.last = (struct point){rule.first.high | rest.high, rule.first.low | rest.low};
	return rule;
}

/* From here on the answer is in. It may change again at the same point. */
static void change(struct networks *networks, struct point at, bool in)
{
	if (in != (networks->count & 1))
		networks->points[networks->count++] = at;
}

/* After inner, what is around it holds again. */
static void leave(struct networks *networks, const struct rule *inner, const struct rule *around)
{
	struct point after = {inner->last.high + (inner->last.low == UINT64_MAX), inner->last.low + 1};

	if (after.high | after.low) /* else it was the last address of all */
		change(networks, after, around->in);
}

/* The first rule is around all others. */
static void find_points(struct networks *networks, const struct rule *rules, size_t count)
{
	const struct rule *around[BITS + 2] = {rules}; /* and then each has a longer prefix than the last */
	size_t depth = 1;

	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && same_prefix(&rules[i], &rules[i + 1]))
			continue;
		for (; depth > 1 && compare_points(&around[depth - 1]->last, &rules[i].first) < 0; depth--)
			leave(networks, around[depth - 1], around[depth - 2]);
		around[depth++] = &rules[i];
		change(networks, rules[i].first, rules[i].in);
	}
	for (; depth > 1; depth--)
		leave(networks, around[depth - 1], around[depth - 2]);
}

static bool list_has(const struct network *list, size_t count, enum network_kind kind)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].kind == kind)
			return true;
	return false;
}

/* What holds for all of a kind, which is no network of addresses. otherwise: if neither list has it */
static bool is_in(const struct network_lists *lists, enum network_kind kind, bool otherwise)
{
	if (list_has(lists->out, lists->out_count, kind))
		return false;
	return list_has(lists->in, lists->in_count, kind) || otherwise;
}

static size_t add_rules(struct rule *rules, size_t count, const struct network *list, size_t length, bool in)
{
	for (size_t i = 0; i < length; i++)
		if (list[i].kind == NETWORK_IP)
			rules[count++] = rule_of(&list[i], in ? RANK_IN : RANK_OUT, in);
	return count;
}

#define OWN_RULES 2 /* those that are around all others of a family */

/* rules: room for OWN_RULES more than there are networks */
static void fill(struct networks *networks, struct rule *rules, const struct network_lists *lists)
{
	static const struct network ipv6 = {.length = 0};
	static const struct network ipv4 = {.length = IPV4_BITS,
	                                    .first = {.s6_addr = {[10] = 0xff, [11] = 0xff}}};
	bool others = is_in(lists, NETWORK_ANY, lists->others);
	size_t count = OWN_RULES;

	rules[0] = rule_of(&ipv6, RANK_OTHERS, others);
	rules[1] = rule_of(&ipv4, RANK_OTHERS, others);
	count = add_rules(rules, count, lists->in, lists->in_count, true);
	count = add_rules(rules, count, lists->out, lists->out_count, false);
	qsort(rules, count, sizeof(*rules), compare_rules);
	find_points(networks, rules, count);
	networks->unix_clients = is_in(lists, NETWORK_UNIX, others);
}

struct networks *networks_new(const struct network_lists *lists)
{
	size_t most = lists->in_count + lists->out_count + OWN_RULES;
	struct networks *networks = malloc(sizeof(*networks) + 2 * most * sizeof(struct point));
	struct rule *rules = calloc(most, sizeof(*rules));

	if (networks && rules) {
		networks->count = 0;
		fill(networks, rules, lists);
	} else {
		free(networks);
		networks = NULL;
	}
	free(rules);
	return networks;
}

void networks_free(struct networks *networks)
{
	free(networks);
}

/* Without a branch, which would be guessed wrong half of the time. */
static bool is_reached(const struct point *point, const struct point *by)
{
	return (point->high < by->high) | ((point->high == by->high) & (point->low <= by->low));
}

/* How many points are at or before this one. */
static size_t points_up_to(const struct networks *networks, struct point at)
{
	const struct point *from = networks->points;
	size_t left = networks->count;

	if (left == 0)
		return 0;
	while (left > 1) {
		size_t half = left / 2;

		from += is_reached(&from[half], &at) ? half : 0;
		left -= half;
	}
	return (size_t)(from - networks->points) + is_reached(from, &at);
}

bool networks_have(const struct networks *networks, const union client_address *client)
{
	struct in6_addr address;

	if (client->any.sa_family == AF_INET)
		address = ipv4_mapped(client->in.sin_addr);
	else if (client->any.sa_family == AF_INET6)
		address = client->in6.sin6_addr;
	else
		return networks->unix_clients;
	return points_up_to(networks, point_of(&address)) & 1;
}
