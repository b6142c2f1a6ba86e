#include "build_config.h"

#include "config/clashes.h"

#include "config/spots.h"

/* The later of the two has the clash: the first that takes clients of it. */
static void note(struct spot *one, struct spot *other)
{
	struct spot *earlier = one->order < other->order ? one : other;
	struct spot *later = one->order < other->order ? other : one;

	if (one != other && (!later->clash || earlier->order < later->clash->order))
		later->clash = earlier;
}

static void note_all(const struct spots *spots, struct spot *spot, const char *host)
{
	struct spot *found = NULL;

	while ((found = spots_find(spots, host, spot->address, found)))
		note(spot, found);
}

/* Hosts that stand for every address of a kind take clients of those as well. */
static void find_clashes(const struct spots *spots, struct spot *spot)
{
	const struct address *address = spot->address;

	note_all(spots, spot, spot->host);
	if (address_is_unix(address) || address->kind == ADDRESS_SYSTEMD)
		return; /* where those of the service manager are is seen at the start */
	note_all(spots, spot, "*");
	if (address_has_zone(address))
		note_all(spots, spot, "[::]");
	if (address->kind == ADDRESS_LITERAL)
		note_all(spots, spot, address->endpoint.any.sa_family == AF_INET ? "0.0.0.0" : "[::]");
}

static bool is_same(const struct spot *a, const struct spot *b)
{
	return spot_same_host(a, b) && a->address->port == b->address->port &&
	       a->address->ports == b->address->ports;
}

static void complain(struct complaints *complaints, const struct spot *spot)
{
	const struct spot *first = spot->clash;
	char text[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX], where[COMPLAINTS_WHERE_MAX];

	address_format(spot->address, text);
	complaints_where(first->line, where);
	if (is_same(spot, first))
		complaints_add(complaints, spot->line, "duplicate listening address \"%s\"; the first is %s",
		               text, where);
	else
		complaints_add(complaints, spot->line,
		               "%s: \"%s\" takes clients of \"%s\" %s; expected addresses that do not "
		               "overlap",
		               spot->key, text, address_format(first->address, other), where);
}

void clashes_check(struct loader *loader)
{
	struct spots spots;

	if (loader->complaints.out_of_memory)
		return;
	if (spots_init(&spots, loader) < 0)
		loader->complaints.out_of_memory = true;
	for (size_t i = 0; i < spots.count; i++)
		find_clashes(&spots, &spots.list[i]);
	for (size_t i = 0; i < spots.count; i++)
		if (spots.list[i].clash)
			complain(&loader->complaints, &spots.list[i]);
	spots_deinit(&spots);
}
