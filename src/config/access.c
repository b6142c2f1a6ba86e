#include "build_config.h"

#include "config/access.h"

#include "base/printable.h"
#include "base/units.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFER_MIN 1024
#define BUFFER_MAX (1 << 20) /* a group may have many members */

/* ---- the words ---- */

static const char *take_mode(const char *text, struct address *address)
{
	struct unix_access *access = &address->access;
	unsigned long mode = strtoul(text, NULL, 8);

	if (access->has_mode)
		return "has two modes";
	if (!*text || text[strspn(text, "01234567")])
		return "has a mode that is not octal";
	if (mode > ACCESSPERMS)
		return "has a mode over 777";
	access->has_mode = true;
	access->mode = (mode_t)mode;
	return NULL;
}

static const char *take_name(const char *text, char **name)
{
	if (strlen(text) > ACCESS_NAME_MAX)
		return "has a name that is too long";
	if (!*text || !printable_is_word(text))
		return "has a name that is not valid";
	*name = strdup(text);
	return *name ? NULL : COULD_NOT_KEEP;
}

const char *access_take(const char *key, const char *text, struct address *address)
{
	if (strcmp(key, "mode") == 0)
		return take_mode(text, address);
	if (strcmp(key, "owner") == 0)
		return address->owner ? "has two owners" : take_name(text, &address->owner);
	if (strcmp(key, "group") == 0)
		return address->group ? "has two groups" : take_name(text, &address->group);
	return "has a word after it that is not known";
}

static void add_word(char *text, const char *key, const char *value)
{
	size_t length = strlen(text);

	snprintf(text + length, ACCESS_TEXT_MAX - length, "%s%s=%s", length > 0 ? " " : "", key, value);
}

char *access_format(const struct address *address, char buf[ACCESS_TEXT_MAX])
{
	char mode[16];

	buf[0] = '\0';
	snprintf(mode, sizeof(mode), "%03o", address->access.mode);
	if (address->access.has_mode)
		add_word(buf, "mode", mode);
	if (address->owner)
		add_word(buf, "owner", address->owner);
	if (address->group)
		add_word(buf, "group", address->group);
	return buf;
}

/* ---- users and groups ---- */

/* 0, or an errno; ENOENT if there is no such user. */
static int find_user(const char *name, char *buffer, size_t size, unsigned *id)
{
	struct passwd entry, *found;
	int error = getpwnam_r(name, &entry, buffer, size, &found);

	if (!error && found)
		*id = entry.pw_uid;
	return error ? error : found ? 0 : ENOENT;
}

static int find_group(const char *name, char *buffer, size_t size, unsigned *id)
{
	struct group entry, *found;
	int error = getgrnam_r(name, &entry, buffer, size, &found);

	if (!error && found)
		*id = entry.gr_gid;
	return error ? error : found ? 0 : ENOENT;
}

typedef int find_id(const char *name, char *buffer, size_t size, unsigned *id);

static int find_name(find_id *how, const char *name, unsigned *id)
{
	int error = ERANGE;

	for (size_t size = BUFFER_MIN; error == ERANGE && size <= BUFFER_MAX; size *= 4) {
		char *buffer = malloc(size);

		error = buffer ? how(name, buffer, size, id) : ENOMEM;
		free(buffer);
	}
	return error;
}

/* What is made of digits is a number. The largest one stands for no user. */
static int find(find_id *how, const char *name, unsigned *id)
{
	uint64_t number;
	int r = units_parse_number(name, &number);

	if (r == -EINVAL)
		return find_name(how, name, id);
	if (r < 0 || number >= UINT32_MAX)
		return ENOENT;
	*id = (unsigned)number;
	return 0;
}

struct check {
	struct loader *loader;
	unsigned line;
	const char *key;
	const struct address *address;
};

/* A user who is missing may be there later, with a directory service that has not started yet. */
static void complain(const struct check *check, const char *what, const char *name, int error)
{
	char text[ADDRESS_TEXT_MAX];

	complaints_add(&check->loader->complaints, check->line,
	               "%s: \"%s\": %s \"%s\" %s; expected the name of one that exists, or a number",
	               check->key, address_format(check->address, text), what, name,
	               error == ENOENT || error == ESRCH ? "does not exist" : strerror(error));
	check->loader->complaints.passing++;
}

/* True if there is a name and it stands for *id. */
static bool take_id(const struct check *check, const char *what, const char *name, find_id *how, unsigned *id)
{
	int error = name ? find(how, name, id) : 0;

	if (error == ENOMEM)
		check->loader->complaints.out_of_memory = true;
	else if (error)
		complain(check, what, name, error);
	return name && !error;
}

static void check_address(const struct check *check, struct address *address)
{
	struct unix_access *access = &address->access;

	access->has_owner = take_id(check, "user", address->owner, find_user, &access->owner);
	access->has_group = take_id(check, "group", address->group, find_group, &access->group);
}

static void check_http(struct loader *loader)
{
	struct address *address = &((struct config_global *)loader->global.settings)->http_listen;
	const struct check check = {loader, loader_http_line(loader), "http_listen", address};

	check_address(&check, address);
}

void access_check(struct loader *loader)
{
	struct section *section;

	if (loader->complaints.out_of_memory)
		return;
	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
		for (size_t i = 0; i < section->relay.listen_count; i++) {
			struct address *address = &section->relay.listen[i];
			const struct check check = {loader, section_value_line(section, "listen", i),
			                            "listen", address};

			check_address(&check, address);
		}
	check_http(loader);
}
