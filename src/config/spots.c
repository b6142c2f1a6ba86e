#include "build_config.h"

#include "config/spots.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- hosts ---- */

/* Symbolic links, dots and doubled slashes do not make another folder. */
static void write_path(const char *path, char buf[SPOT_HOST_MAX])
{
	const char *name = strrchr(path, '/') + 1;
	char folder[ADDRESS_TEXT_MAX], real[PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
	if (realpath(folder, real))
		snprintf(buf, SPOT_HOST_MAX, "unix:%s/%s", real, name);
	else /* which has a complaint of its own */
		snprintf(buf, SPOT_HOST_MAX, "%s", path);
}

static bool has_ports(const struct address *address)
{
	return !address_is_unix(address) && address->kind != ADDRESS_SYSTEMD;
}

char *spot_host(const struct address *address, char buf[SPOT_HOST_MAX])
{
	if (address->kind == ADDRESS_LITERAL && endpoint_is_path(&address->endpoint)) {
		write_path(address->endpoint.un.sun_path, buf);
		return buf;
	}
	address_format(address, buf);
	if (has_ports(address))
		*strrchr(buf, ':') = '\0';
	if (address->kind == ADDRESS_NAME && !address_has_zone(address))
		for (char *c = buf; *c; c++)
			*c = (char)tolower((unsigned char)*c);
	return buf;
}

bool spot_same_host(const struct spot *a, const struct spot *b)
{
	return strcmp(a->host, b->host) == 0;
}

/* ---- finding ---- */

static unsigned first_port(const struct address *address)
{
	return has_ports(address) ? address->port : 0;
}

static unsigned last_port(const struct address *address)
{
	return has_ports(address) ? address_last_port(address) : 0;
}

/* How many begin before or at this host and port. */
static size_t count_up_to(const struct spots *spots, const char *host, unsigned port)
{
	size_t low = 0, high = spots->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct spot *spot = &spots->list[middle];
		int r = strcmp(spot->host, host);

		if (r < 0 || (r == 0 && spot->first <= port))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct spot *spots_find(const struct spots *spots, const char *host, const struct address *address,
                        const struct spot *after)
{
	size_t end = after ? (size_t)(after - spots->list) : count_up_to(spots, host, last_port(address));
	unsigned first = first_port(address);

	while (end > 0) {
		struct spot *spot = &spots->list[--end];

		if (spot->reach < first || strcmp(spot->host, host) != 0)
			return NULL;
		if (spot->last >= first)
			return spot;
	}
	return NULL;
}

/* ---- all ---- */

static int compare(const void *left, const void *right)
{
	const struct spot *a = left, *b = right;
	int r = strcmp(a->host, b->host);

	if (r != 0)
		return r;
	if (a->first != b->first)
		return a->first < b->first ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* Port 0 is a different port each time. */
static bool is_fixed(const struct address *address)
{
	return address->port != 0 || !has_ports(address);
}

static int add(struct spots *spots, const struct spot *spot)
{
	struct spot *added = &spots->list[spots->count];
	char host[SPOT_HOST_MAX];

	*added = *spot;
	added->order = spots->count;
	added->first = first_port(spot->address);
	added->last = last_port(spot->address);
	added->host = strdup(spot_host(spot->address, host));
	if (!added->host)
		return -ENOMEM;
	spots->count++;
	return 0;
}

static int add_relay(struct spots *spots, const struct section *section, size_t relay)
{
	int error = 0;

	for (size_t i = 0; !error && i < section->relay.listen_count; i++) {
		const struct spot spot = {.address = &section->relay.listen[i],
		                          .line = section_value_line(section, "listen", i),
		                          .key = "listen",
		                          .relay = relay};

		if (is_fixed(spot.address))
			error = add(spots, &spot);
	}
	return error;
}

static int add_http(struct spots *spots, const struct loader *loader)
{
	const struct config_global *global = loader->global.settings;
	const struct spot spot = {.address = &global->http_listen,
	                          .line = loader_http_line(loader),
	                          .key = "http_listen",
	                          .relay = SPOT_OF_NONE};

	return config_serves_http(global) && is_fixed(spot.address) ? add(spots, &spot) : 0;
}

static void note_reach(struct spots *spots)
{
	for (size_t i = 0; i < spots->count; i++) {
		struct spot *spot = &spots->list[i];

		spot->reach = spot->last;
		if (i > 0 && spot_same_host(spot, spot - 1) && spot[-1].reach > spot->reach)
			spot->reach = spot[-1].reach;
	}
}

int spots_init(struct spots *spots, const struct loader *loader)
{
	const struct section *section;
	size_t relay = 0;
	int error = 0;

	*spots = (struct spots){.count = 0};
	spots->list = calloc(loader_count_listens(loader) + 1, sizeof(*spots->list)); /* and that of HTTP */
	if (!spots->list)
		return -ENOMEM;
	STAILQ_FOREACH (section, &loader->relays, link)
		if (!error)
			error = add_relay(spots, section, relay++);
	if (!error)
		error = add_http(spots, loader);
	qsort(spots->list, spots->count, sizeof(*spots->list), compare);
	note_reach(spots);
	return error;
}

void spots_deinit(struct spots *spots)
{
	for (size_t i = 0; i < spots->count; i++)
		free(spots->list[i].host);
	free(spots->list);
}
