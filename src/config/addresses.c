#include "build_config.h"

#include "config/addresses.h"

#include "base/units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

/* ---- an address and its words ---- */

static const char *parse_address(const char *text, struct address *address)
{
	switch (address_parse(text, address)) {
	case 0:
		return NULL;
	case -ENOMEM:
		return COULD_NOT_KEEP;
	case -ERANGE:
		return "has a port over 65535";
	case -EDOM:
		return "has a range of ports that begins with 0, or ends before it begins";
	case -ENAMETOOLONG:
		return "is too long";
	case -ENOTSUP:
		return "has an interface, which only a link-local address has";
	default:
		return "is not an address";
	}
}

/* Neither bind(2) nor connect(2) takes a link-local address by itself. */
static const char *check_zone(const struct address *address)
{
	if (address->kind == ADDRESS_LITERAL && endpoint_is_link_local(&address->endpoint))
		return "is a link-local address, which needs its interface, like [fe80::1%eth0]:80";
	return NULL;
}

/* One kind of value. */
struct line {
	const char *(*check)(const struct address *address);
	/* A word KEY=VALUE. Returns NULL, or what is wrong with it. */
	const char *(*take)(void *value, const char *key, const char *text);
};

static const char *take_words(const struct line *line, void *value, char *words)
{
	const char *problem = NULL;
	char *word;

	while (!problem && (word = strtok_r(NULL, BLANKS, &words))) {
		char *text = strchr(word, '=');

		if (!text)
			return "has a word after it that is not known";
		*text++ = '\0';
		problem = line->take(value, word, text);
	}
	return problem;
}

/* value starts with an address, which is address. Changes text. */
static const char *parse_words(const struct line *line, char *text, struct address *address, void *value)
{
	char *words = text + strcspn(text, BLANKS);
	const char *problem;

	if (*words)
		*words++ = '\0';
	problem = parse_address(text, address);
	if (problem)
		return problem;
	problem = check_zone(address);
	if (!problem)
		problem = line->check(address);
	if (!problem)
		problem = take_words(line, value, words);
	if (problem)
		address_deinit(address);
	return problem;
}

static const char *parse(const struct line *line, const char *text, struct address *address, void *value)
{
	char *copy = strdup(text);
	const char *problem = copy ? parse_words(line, copy, address, value) : COULD_NOT_KEEP;

	free(copy);
	return problem;
}

/* ---- listen ---- */

/* What cannot be listened on anywhere. */
static const char *check_listen(const struct address *address)
{
#ifndef HAVE_SYSTEMD
	if (address->kind == ADDRESS_SYSTEMD)
		return "needs a weir that was built with libsystemd";
#endif
	if (address->kind == ADDRESS_LITERAL && address->endpoint.any.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_MULTICAST(&address->endpoint.in6.sin6_addr))
		return "is a multicast address";
	return NULL;
}

/* What HTTP cannot be served on. */
static const char *check_http(const struct address *address)
{
#ifndef HAVE_MICROHTTPD
	(void)address;
	return "needs a weir that was built with libmicrohttpd";
#else
	if (address->kind == ADDRESS_NAME)
		return "is a name, which would have to be looked up";
	return address->ports > 1 ? "is a range of ports" : check_listen(address);
#endif
}

static const char *take_access(void *value, const char *key, const char *text)
{
	struct address *address = value;

	if (address->kind != ADDRESS_LITERAL || !endpoint_is_path(&address->endpoint))
		return "has words after it, which are for a unix path";
	return access_take(key, text, address);
}

static const char *parse_listen(const struct line *line, const char *text, struct address *address)
{
	const char *problem = parse(line, text, address, address);

	/* bind(2) refuses a mapped address on an IPv6 socket that is not for both families. */
	if (!problem && address->kind == ADDRESS_LITERAL)
		endpoint_unmap(&address->endpoint);
	return problem;
}

const char *addresses_parse_listen(const char *text, struct address *address)
{
	static const struct line line = {check_listen, take_access};

	return parse_listen(&line, text, address);
}

const char *addresses_parse_http(const char *text, struct address *address)
{
	static const struct line line = {check_http, take_access};

	return parse_listen(&line, text, address);
}

char *addresses_format_listen(const struct address *address, char buf[ADDRESSES_TEXT_MAX])
{
	char words[ACCESS_TEXT_MAX];
	size_t length = strlen(address_format(address, buf));

	if (*access_format(address, words))
		snprintf(buf + length, ADDRESSES_TEXT_MAX - length, " %s", words);
	return buf;
}

/* ---- target and backup_target ---- */

static const char *check_target(const struct address *address)
{
	if (address->kind == ADDRESS_WILDCARD)
		return "stands for every address, which is for listening only";
	if (address->kind == ADDRESS_SYSTEMD)
		return "stands for sockets of the service manager, which are for listening only";
	if (address->port == 0 &&
	    (address->kind == ADDRESS_NAME || address->endpoint.any.sa_family != AF_UNIX))
		return "has port 0, which is for listening only";
	return NULL;
}

static const char *take_weight(void *value, const char *key, const char *text)
{
	struct config_target *target = value;
	uint64_t weight;
	int r = units_parse_number(text, &weight);

	if (strcmp(key, "weight") != 0)
		return "has a word after it that is not known";
	if (target->weight)
		return "has two weights";
	if (r == -EINVAL)
		return "has a weight that is not a number";
	if (r < 0 || weight < 1 || weight > TARGET_WEIGHT_MAX)
		return "has a weight that is out of range";
	target->weight = (unsigned)weight;
	return NULL;
}

const char *addresses_parse_target(const char *text, struct config_target *target)
{
	static const struct line line = {check_target, take_weight};
	const char *problem;

	target->weight = 0; /* not given yet */
	problem = parse(&line, text, &target->address, target);
	if (target->weight == 0)
		target->weight = 1;
	return problem;
}

char *addresses_format_target(const struct config_target *target, char buf[ADDRESSES_TEXT_MAX])
{
	size_t length = strlen(address_format(&target->address, buf));

	if (target->weight != 1)
		snprintf(buf + length, ADDRESSES_TEXT_MAX - length, " weight=%u", target->weight);
	return buf;
}
