#include "build_config.h"

#include "config/sources.h"

#include <arpa/inet.h>
#include <string.h>

static const void *ip_of(const struct endpoint *source)
{
	return source->any.sa_family == AF_INET ? (const void *)&source->in.sin_addr
	                                        : (const void *)&source->in6.sin6_addr;
}

static bool parse_ip(const char *text, struct endpoint *source)
{
	*source = (struct endpoint){.length = sizeof(source->in)};
	if (inet_pton(AF_INET, text, &source->in.sin_addr) == 1) {
		source->in.sin_family = AF_INET;
		return true;
	}
	*source = (struct endpoint){.length = sizeof(source->in6)};
	source->in6.sin6_family = AF_INET6;
	return inet_pton(AF_INET6, text, &source->in6.sin6_addr) == 1;
}

static bool is_every_address(const struct endpoint *source)
{
	if (source->any.sa_family == AF_INET)
		return source->in.sin_addr.s_addr == INADDR_ANY;
	return IN6_IS_ADDR_UNSPECIFIED(&source->in6.sin6_addr);
}

static bool is_group(const struct endpoint *source)
{
	if (source->any.sa_family == AF_INET)
		return IN_MULTICAST(ntohl(source->in.sin_addr.s_addr)) ||
		       source->in.sin_addr.s_addr == INADDR_BROADCAST;
	return IN6_IS_ADDR_MULTICAST(&source->in6.sin6_addr);
}

const char *sources_parse(const char *text, struct endpoint *source)
{
	if (!parse_ip(text, source))
		return strchr(text, '%') ? "has an interface, which source_interface names" : "is not valid";
	endpoint_unmap(source);
	if (is_every_address(source))
		return "is no single address";
	return is_group(source) ? "is the address of a group" : NULL;
}

char *sources_format(const struct endpoint *source, char *buf)
{
	inet_ntop(source->any.sa_family, ip_of(source), buf, INET6_ADDRSTRLEN);
	return buf;
}

/* The first one before the last that has the family of the last, or the last. */
static size_t first_of_family(const struct config_relay *relay, size_t last)
{
	size_t i = 0;

	while (i < last &&
	       relay->source_address[i].any.sa_family != relay->source_address[last].any.sa_family)
		i++;
	return i;
}

static void check_families(struct loader *loader, const struct section *section)
{
	const struct endpoint *sources = section->relay.source_address;
	char first[INET6_ADDRSTRLEN], text[INET6_ADDRSTRLEN], where[COMPLAINTS_WHERE_MAX];

	for (size_t i = 1; i < section->relay.source_address_count; i++) {
		size_t before = first_of_family(&section->relay, i);

		if (before == i)
			continue;
		complaints_where(section_value_line(section, "source_address", before), where);
		complaints_add(
		        &loader->complaints, section_value_line(section, "source_address", i),
		        "source_address: \"%s\" after \"%s\" %s; expected at most one IPv4 and one IPv6 "
		        "address",
		        sources_format(&sources[i], text), sources_format(&sources[before], first), where);
	}
}

void sources_check(struct loader *loader)
{
	const struct section *section;

	if (loader->complaints.out_of_memory)
		return;
	check_families(loader, &loader->defaults);
	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
		check_families(loader, section);
}
