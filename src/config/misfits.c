#include "build_config.h"

#include "config/misfits.h"

#include "config/sources.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What [defaults] sets is reported for its first relay only. */
struct reported {
	bool endless, nobody;
};

/* ---- connect_on = data ---- */

/* The ports of protocols in which the target speaks first. */
static const struct {
	uint16_t port;
	const char *protocol;
} first_speakers[] = {{21, "FTP"},   {22, "SSH"},   {25, "SMTP"},    {110, "POP3"}, {119, "NNTP"},
                      {143, "IMAP"}, {587, "SMTP"}, {3306, "MySQL"}, {5900, "VNC"}};

/* NULL: none that is known. */
static const char *protocol_that_begins(const struct address *address)
{
	for (size_t i = 0; i < COUNT(first_speakers); i++)
		if ((uint16_t)(first_speakers[i].port - address->port) < address->ports)
			return first_speakers[i].protocol;
	return NULL;
}

/* The target waits for weir to connect, weir for the client, and the client for the target. */
static bool begins(struct loader *loader, unsigned line, const char *key, const struct address *address)
{
	const char *protocol = protocol_that_begins(address);
	char text[ADDRESS_TEXT_MAX];

	if (protocol)
		complaints_add(
		        &loader->warnings, line,
		        "%s: \"%s\" with connect_on data; with %s the target speaks first, and the client "
		        "waits for that",
		        key, address_format(address, text), protocol);
	return protocol != NULL;
}

/* Where no target is at such a port, one that clients connect to says as much. */
static void check_first_speakers(struct loader *loader, const struct section *section)
{
	const struct config_relay *relay = &section->relay;
	bool found = false;

	for (size_t i = 0; i < config_count_targets(relay); i++)
		found |= begins(loader, section_target_line(section, i), section_target_key(section, i),
		                &config_nth_target(relay, i)->address);
	for (size_t i = 0; !found && i < relay->listen_count; i++)
		(void)begins(loader, section_value_line(section, "listen", i), "listen", &relay->listen[i]);
}

static void check_silence(struct loader *loader, const struct section *section, bool *reported)
{
	static const char *const keys[] = {"connect_on", "idle_timeout"};
	unsigned line;

	if (section->relay.idle_timeout > 0)
		return;
	line = section_place(section, &loader->defaults, keys, COUNT(keys), reported);
	if (line != NO_LINE)
		complaints_add(
		        &loader->warnings, line,
		        "relay \"%s\": connect_on data with idle_timeout 0; clients that say nothing stay "
		        "for ever",
		        section->relay.name);
}

/* ---- allow and deny ---- */

static bool denies_any(const struct config_relay *relay)
{
	for (size_t i = 0; i < relay->deny_count; i++)
		if (relay->deny[i].kind == NETWORK_ANY)
			return true;
	return false;
}

static bool allows_some(const struct config_relay *relay)
{
	for (size_t i = 0; i < relay->allow_count; i++)
		if (relay->allow[i].kind != NETWORK_ANY)
			return true;
	return false;
}

static void check_clients(struct loader *loader, const struct section *section, bool *reported)
{
	static const char *const keys[] = {"allow", "deny"};
	unsigned line;

	if (!denies_any(&section->relay) || allows_some(&section->relay))
		return;
	line = section_place(section, &loader->defaults, keys, COUNT(keys), reported);
	if (line != NO_LINE)
		complaints_add(&loader->warnings, line,
		               "relay \"%s\": deny any without an allow that is narrower; no client may come",
		               section->relay.name);
}

/* ---- source_address ---- */

/* What a host name stands for is not known yet. */
static bool may_be_of_family(const struct address *address, sa_family_t family)
{
	if (address->kind == ADDRESS_NAME)
		return family == AF_INET6 || !address_has_zone(address);
	return endpoint_reached(&address->endpoint).any.sa_family == family;
}

static bool has_target_of(const struct config_relay *relay, sa_family_t family)
{
	for (size_t i = 0; i < config_count_targets(relay); i++)
		if (may_be_of_family(&config_nth_target(relay, i)->address, family))
			return true;
	return false;
}

/* Only what the relay itself says: [defaults] may have both for all kinds of relays. */
static void check_sources(struct loader *loader, const struct section *section)
{
	const struct config_relay *relay = &section->relay;
	bool own = section->value_lines[option_find("source_address", SECTION_RELAY) - option_table] != NULL;
	char text[INET6_ADDRSTRLEN];

	for (size_t i = 0; own && i < relay->source_address_count; i++) {
		const struct endpoint *source = &relay->source_address[i];

		if (!has_target_of(relay, source->any.sa_family))
			complaints_add(&loader->warnings, section_value_line(section, "source_address", i),
			               "source_address: \"%s\" is of no use: relay \"%s\" has no %s target",
			               sources_format(source, text), relay->name,
			               source->any.sa_family == AF_INET ? "IPv4" : "IPv6");
	}
}

static void check_relay(struct loader *loader, const struct section *section, struct reported *reported)
{
	if (section->relay.connect_on == CONNECT_ON_DATA) {
		check_first_speakers(loader, section);
		check_silence(loader, section, &reported->endless);
	}
	check_clients(loader, section, &reported->nobody);
	check_sources(loader, section);
}

void misfits_check(struct loader *loader)
{
	struct reported reported = {.endless = false};
	const struct section *section;

	if (loader->complaints.out_of_memory)
		return;
	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
		check_relay(loader, section, &reported);
}
