#include "build_config.h"

#include "net/host.h"

#include "base/decimal.h"
#include "base/printable.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LABEL_MAX 63

static const char letters_and_digits[] = "abcdefghijklmnopqrstuvwxyz"
                                         "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789";

/* True if inet_aton(3), and so getaddrinfo(3), would read the label as part of an IPv4 address. */
static bool label_is_number(const char *label, size_t length)
{
	if (length >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return strspn(label + 2, "0123456789abcdefABCDEF") >= length - 2;
	return strspn(label, "0123456789") >= length;
}

static bool label_is_valid(const char *label, size_t length)
{
	if (length == 0 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (label[i] != '-' && label[i] != '_' &&
		    !memchr(letters_and_digits, label[i], sizeof(letters_and_digits) - 1))
			return false;
	return true;
}

bool host_name_is_valid(const char *host, size_t length)
{
	const char *end = host + length - (host[length - 1] == '.');
	const char *label = host;

	for (;;) {
		const char *dot = memchr(label, '.', (size_t)(end - label));
		size_t size = (size_t)((dot ? dot : end) - label);

		if (!label_is_valid(label, size))
			return false;
		if (!dot)
			return !label_is_number(label, size);
		label = dot + 1;
	}
}

/* ---- zones ---- */

static bool zone_is_valid(const char *zone)
{
	/* 0 stands for no interface */
	return *zone && zone[strspn(zone, "0")] && !strpbrk(zone, ":/%[]") && printable_is_word(zone);
}

/* Copies length bytes of text into buf, with a NUL. False if they do not fit. */
static bool take_part(const char *text, size_t length, char *buf, size_t size)
{
	if (length >= size)
		return false;
	memcpy(buf, text, length);
	buf[length] = '\0';
	return true;
}

int host_parse_zoned(const char *text, size_t length, char host[HOST_ZONED_MAX])
{
	size_t before = (size_t)((const char *)memchr(text, '%', length) - text);
	char zone[IF_NAMESIZE], address[INET6_ADDRSTRLEN];
	struct in6_addr in6;

	if (!take_part(text, before, address, sizeof(address)) ||
	    !take_part(text + before + 1, length - before - 1, zone, sizeof(zone)))
		return -EINVAL;
	if (inet_pton(AF_INET6, address, &in6) != 1 || !zone_is_valid(zone))
		return -EINVAL;
	if (!IN6_IS_ADDR_LINKLOCAL(&in6))
		return -ENOTSUP;
	inet_ntop(AF_INET6, &in6, address, sizeof(address));
	snprintf(host, HOST_ZONED_MAX, "%s%%%s", address, zone);
	return 0;
}

const char *host_format_zone(uint32_t number, char buf[HOST_ZONE_MAX])
{
	if (number == 0)
		return "";
	buf[0] = '%';
	if (!if_indextoname(number, buf + 1))
		*decimal_write(buf + 1, number) = '\0';
	printable_word(buf, strlen(buf));
	return buf;
}

/* ---- hosts ---- */

bool host_has_zone(const char *host)
{
	return strchr(host, '%') != NULL;
}

bool host_equal(const char *a, const char *b)
{
	return host_has_zone(a) ? strcmp(a, b) == 0 : strcasecmp(a, b) == 0;
}

char *host_format(const char *host, uint16_t port, char buf[ADDRESS_TEXT_MAX])
{
	snprintf(buf, ADDRESS_TEXT_MAX, host_has_zone(host) ? "[%s]:%u" : "%s:%u", host, port);
	return buf;
}
