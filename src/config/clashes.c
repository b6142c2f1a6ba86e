#include "build_config.h"

#include "config/clashes.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A listening address as relay.ini has it, and what it means. */
struct spot {
	const struct address *address;
	unsigned line;
	size_t order;             /* in which they came */
	char *key;                /* owned; equal keys are the same address */
	const struct spot *clash; /* the first that takes clients of this one; NULL: none */
};

struct clashes {
	struct loader *loader;
	struct spot *spots; /* sorted by key, then by order */
	size_t count;
};

/* Symbolic links, dots and doubled slashes do not make another folder. NULL when out of memory. */
static char *unix_key(const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char folder[ADDRESS_TEXT_MAX], real[PATH_MAX];
	char *key;

	snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);
	if (!realpath(folder, real)) /* which has a complaint of its own */
		return strdup(path);
	return asprintf(&key, "unix:%s/%s", real, name) < 0 ? NULL : key;
}

/* NULL when out of memory. */
static char *make_key(const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	if (address->kind == ADDRESS_LITERAL && endpoint_is_path(&address->endpoint))
		return unix_key(address->endpoint.un.sun_path);
	address_format(address, text);
	if (address->kind == ADDRESS_NAME && !address_has_zone(address))
		for (char *c = text; *c; c++)
			*c = (char)tolower((unsigned char)*c);
	return strdup(text);
}

/* Of the same key, the earlier one comes first. */
static int compare(const void *left, const void *right)
{
	const struct spot *a = left, *b = right;
	int r = strcmp(a->key, b->key);

	if (r != 0)
		return r;
	return a->order < b->order ? -1 : a->order > b->order;
}

static struct spot *find_first(const struct clashes *clashes, const char *key)
{
	size_t low = 0, high = clashes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(clashes->spots[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < clashes->count && strcmp(clashes->spots[low].key, key) == 0 ? &clashes->spots[low]
	                                                                         : NULL;
}

/* The later of the two has the clash. */
static void note(struct spot *one, struct spot *other)
{
	struct spot *earlier = one->order < other->order ? one : other;
	struct spot *later = one->order < other->order ? other : one;

	if (one != other && (!later->clash || earlier->order < later->clash->order))
		later->clash = earlier;
}

/* wide stands for every address of its kind with this port. */
static void note_wide(const struct clashes *clashes, struct spot *spot, const char *wide)
{
	char key[32];
	struct spot *found;

	snprintf(key, sizeof(key), "%s:%u", wide, spot->address->port);
	found = find_first(clashes, key);
	if (found)
		note(spot, found);
}

static void find_clashes(const struct clashes *clashes, struct spot *spot)
{
	const struct address *address = spot->address;

	note(spot, find_first(clashes, spot->key));
	if (address_is_unix(address) || address->kind == ADDRESS_SYSTEMD)
		return; /* where those of the service manager are is seen at the start */
	note_wide(clashes, spot, "*");
	if (address_has_zone(address))
		note_wide(clashes, spot, "[::]");
	if (address->kind == ADDRESS_LITERAL)
		note_wide(clashes, spot, address->endpoint.any.sa_family == AF_INET ? "0.0.0.0" : "[::]");
}

static void complain(struct complaints *complaints, const struct spot *spot)
{
	const struct spot *first = spot->clash;
	char text[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX], where[COMPLAINTS_WHERE_MAX];

	address_format(spot->address, text);
	complaints_where(first->line, where);
	if (strcmp(spot->key, first->key) == 0)
		complaints_add(complaints, spot->line, "duplicate listening address \"%s\"; the first is %s",
		               text, where);
	else
		complaints_add(complaints, spot->line,
		               "listen: \"%s\" takes clients of \"%s\" %s; expected addresses that do not "
		               "overlap",
		               text, address_format(first->address, other), where);
}

/* Port 0 is a different port each time. */
static bool is_fixed(const struct address *address)
{
	return address->port != 0 || address_is_unix(address) || address->kind == ADDRESS_SYSTEMD;
}

static void add_spots(struct clashes *clashes, const struct section *section)
{
	for (size_t i = 0; i < section->relay.listen_count; i++) {
		const struct address *address = &section->relay.listen[i];
		struct spot *spot = &clashes->spots[clashes->count];

		if (!is_fixed(address))
			continue;
		*spot = (struct spot){.address = address,
		                      .line = loader_value_line(section, "listen", i),
		                      .order = clashes->count,
		                      .key = make_key(address)};
		if (!spot->key) {
			clashes->loader->complaints.out_of_memory = true;
			return;
		}
		clashes->count++;
	}
}

static void check(struct clashes *clashes)
{
	qsort(clashes->spots, clashes->count, sizeof(*clashes->spots), compare);
	for (size_t i = 0; i < clashes->count; i++)
		find_clashes(clashes, &clashes->spots[i]);
	for (size_t i = 0; i < clashes->count; i++)
		if (clashes->spots[i].clash)
			complain(&clashes->loader->complaints, &clashes->spots[i]);
}

void clashes_check(struct loader *loader)
{
	size_t count = loader_count_listens(loader);
	struct clashes clashes = {.loader = loader};
	const struct section *section;

	if (count == 0 || loader->complaints.out_of_memory)
		return;
	clashes.spots = calloc(count, sizeof(*clashes.spots));
	if (clashes.spots) {
		for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
			add_spots(&clashes, section);
		check(&clashes);
	} else {
		loader->complaints.out_of_memory = true;
	}
	for (size_t i = 0; i < clashes.count; i++)
		free(clashes.spots[i].key);
	free(clashes.spots);
}
