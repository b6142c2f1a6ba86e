#include "build_config.h"

#include "config/loader.h"

#include "config/ini_reader.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_LINE_RELAY "command-line"

/* Where a relay name first came up. A node of a tsearch(3) tree. */
struct first {
	unsigned line;
	char text[];
};

static int compare_firsts(const void *left, const void *right)
{
	const struct first *a = left, *b = right;

	return strcmp(a->text, b->text);
}

/* The line where text came up before. If there is none, remembers line and returns NO_LINE. */
static unsigned first_line(struct loader *loader, const char *text, unsigned line)
{
	struct first *first = malloc(sizeof(*first) + strlen(text) + 1);
	struct first **found = NULL;

	if (first) {
		first->line = line;
		strcpy(first->text, text);
		found = tsearch(first, &loader->firsts, compare_firsts);
	}
	if (!found)
		loader->complaints.out_of_memory = true;
	/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak): the tree holds it then, which the analyzer cannot see */
	if (found && *found == first)
		return NO_LINE; /* first consumed */
	free(first);
	return found ? (*found)->line : NO_LINE;
}

static const char *sections_text(unsigned sections)
{
	if (sections & SECTION_GLOBAL)
		return "[global]";
	return sections & SECTION_DEFAULTS ? "[defaults] or [relay NAME]" : "[relay NAME]";
}

static void complain_unknown_key(struct loader *loader, unsigned line, const char *key, unsigned sections)
{
	const struct option *elsewhere = option_find(key, SECTION_ANY);
	const char *nearest = option_nearest(key, sections);

	if (elsewhere)
		complaints_add(&loader->complaints, line, "key \"%s\" does not belong here; expected in %s",
		               key, sections_text(elsewhere->sections));
	else if (nearest)
		complaints_add(&loader->complaints, line, "unknown key \"%s\"; did you mean \"%s\"?", key,
		               nearest);
	else
		complaints_add(&loader->complaints, line,
		               "unknown key \"%s\"; expected one that relay.ini(5) lists", key);
}

static void take_setting(void *arg, unsigned line, const char *key, const char *value)
{
	struct loader *loader = arg;
	struct section *section = loader->current;
	const struct option *option = section ? option_find(key, section->kind) : NULL;

	if (!loader->any_head)
		complaints_add(
		        &loader->complaints, line,
		        "key \"%s\" before any section; expected [global], [defaults] or [relay NAME] first",
		        key);
	if (!section)
		return;
	if (!option)
		complain_unknown_key(loader, line, key, section->kind);
	else if (!option_repeats(option) && *section_option_line(section, option) != NO_LINE)
		complaints_add(&loader->complaints, line, "duplicate key \"%s\"; the first is in line %u",
		               key, *section_option_line(section, option));
	else
		section_set(section, &loader->complaints, option, line, value);
}

static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	/* NOLINTNEXTLINE(arrayIndexOutOfBoundsCond): length is within name, whatever RELAY_NAME_MAX is */
	return length > 0 && length <= RELAY_NAME_MAX && name[length] == '\0';
}

/* NULL when out of memory. */
static struct section *add_relay(struct loader *loader, unsigned line, const char *name)
{
	struct section *section = malloc(sizeof(*section));
	char *copy = strdup(name);

	if (!section || !copy) {
		free(section);
		free(copy);
		loader->complaints.out_of_memory = true;
		return NULL;
	}
	section_init(section, SECTION_RELAY, line, NULL);
	section->relay.name = copy;
	STAILQ_INSERT_TAIL(&loader->relays, section, link);
	loader->relay_count++;
	return section;
}

static void check_name_is_new(struct loader *loader, unsigned line, const char *name)
{
	unsigned first = first_line(loader, name, line);

	if (first != NO_LINE)
		complaints_add(&loader->complaints, line, "duplicate relay \"%s\"; the first is in line %u",
		               name, first);
}

static struct section *start_relay(struct loader *loader, unsigned line, const char *name)
{
	if (!name_is_valid(name))
		complaints_add(
		        &loader->complaints, line,
		        "\"%s\" is not a relay's name; expected 1 to %d letters, digits, \"-\", \"_\" or "
		        "\".\"",
		        name, RELAY_NAME_MAX);
	else
		check_name_is_new(loader, line, name);
	return add_relay(loader, line, name);
}

static struct section *start_only_section(struct loader *loader, unsigned line, unsigned kind,
                                          const char *name)
{
	struct section *section = kind == SECTION_GLOBAL ? &loader->global : &loader->defaults;
	const char *word = option_section_name(kind);

	if (*name)
		complaints_add(&loader->complaints, line, "section [%s %s] with a name; expected [%s]", word,
		               name, word);
	else if (section->line != NO_LINE)
		complaints_add(&loader->complaints, line, "duplicate section [%s]; the first is in line %u",
		               word, section->line);
	if (section->line == NO_LINE)
		section->line = line;
	return section;
}

static void complain_unknown_section(struct loader *loader, unsigned line, const char *word)
{
	unsigned nearest = option_section_nearest(word);

	loader->lost_head = true;
	if (nearest)
		complaints_add(&loader->complaints, line, "unknown section \"%s\"; did you mean \"%s\"?",
		               word, option_section_name(nearest));
	else
		complaints_add(&loader->complaints, line,
		               "unknown section \"%s\"; expected [global], [defaults] or [relay NAME]", word);
}

/* word is the first word of a head. name is the rest of it. */
static struct section *start_section(struct loader *loader, unsigned line, const char *word, const char *name)
{
	unsigned kind = option_section_find(word);

	if (!kind) {
		complain_unknown_section(loader, line, word);
		return NULL;
	}
	if (kind == SECTION_RELAY)
		return start_relay(loader, line, name);
	return start_only_section(loader, line, kind, name);
}

static void take_head(void *arg, unsigned line, const char *head)
{
	struct loader *loader = arg;
	char text[INI_LINE_MAX + 1], *name;

	loader->any_head = true;
	loader->current = NULL;
	if (!head) {
		loader->lost_head = true;
		return;
	}
	strcpy(text, head); /* fits: head is part of a line */
	name = text + strcspn(text, " \t");
	if (*name) {
		*name++ = '\0';
		name += strspn(name, " \t");
	}
	loader->current = start_section(loader, line, text, name);
}

static void take_problem(void *arg, unsigned line, const char *what)
{
	struct loader *loader = arg;

	complaints_add(&loader->complaints, line, "%s", what);
}

static void complain_unreadable(struct loader *loader, int error)
{
	switch (error) {
	case -EISDIR:
		complaints_add(&loader->complaints, NO_LINE, "is a directory; expected a regular file");
		break;
	case -EINVAL:
		complaints_add(&loader->complaints, NO_LINE,
		               "is a device, a pipe or a socket; expected a regular file");
		break;
	case -EFBIG:
		complaints_add(&loader->complaints, NO_LINE, "is too large; expected at most 1 MiB");
		break;
	default:
		complaints_add(&loader->complaints, NO_LINE, "cannot be read: %s", strerror(-error));
	}
}

static void read_file(struct loader *loader)
{
	static const struct ini_events events = {take_head, take_setting, take_problem};
	const struct config_request *request = loader->request;
	int r = request->text ? ini_read_text(request->text, request->text_size, &events, loader)
	                      : ini_read(request->file, &events, loader);

	if (r < 0) {
		loader->lost_head = true; /* the file may define relays */
		complain_unreadable(loader, r);
	}
}

/* What the command line says of a key takes the place of what the file says, also where the key repeats. */
static void assign_default(struct loader *loader, const struct option *option, const char *value)
{
	struct section *section = &loader->defaults;

	if (option_repeats(option) && *section_option_line(section, option) != COMMAND_LINE)
		option_clear(option, section->settings);
	section_set(section, &loader->complaints, option, COMMAND_LINE, value);
}

/* Applies KEY=VALUE or SECTION.KEY=VALUE, already split. section is NULL if there is none. */
static void apply_option(struct loader *loader, const char *section, const char *key, const char *value)
{
	unsigned sections = section ? option_section_find(section) : SECTION_GLOBAL | SECTION_DEFAULTS;
	const struct option *option;

	if (sections == 0 || (sections & SECTION_RELAY)) {
		complaints_add(&loader->complaints, COMMAND_LINE,
		               "section \"%s\" of an option; expected global or defaults", section);
		return;
	}
	option = option_find(key, sections); /* [global] comes first in the table and wins */
	if (!option)
		complain_unknown_key(loader, COMMAND_LINE, key, sections);
	else if (option->sections & SECTION_GLOBAL)
		section_set(&loader->global, &loader->complaints, option, COMMAND_LINE, value);
	else
		assign_default(loader, option, value);
}

static void take_option(struct loader *loader, const char *text)
{
	char *copy = strdup(text), *value, *dot;

	if (!copy) {
		loader->complaints.out_of_memory = true;
		return;
	}
	value = strchr(copy, '=');
	if (!value) {
		complaints_add(&loader->complaints, COMMAND_LINE,
		               "option \"%s\" without \"=\"; expected KEY=VALUE", text);
	} else {
		*value++ = '\0';
		dot = strchr(copy, '.');
		if (dot)
			*dot++ = '\0';
		apply_option(loader, dot ? copy : NULL, dot ? dot : copy, value);
	}
	free(copy);
}

static void assign_all(struct loader *loader, struct section *section, const char *key, char **values,
                       size_t count)
{
	const struct option *option = option_find(key, SECTION_RELAY);

	for (size_t i = 0; i < count; i++)
		section_set(section, &loader->complaints, option, COMMAND_LINE, values[i]);
}

/* Adds the relay that --listen and --target make. */
static void take_relay(struct loader *loader)
{
	const struct config_request *request = loader->request;
	struct section *section;

	if (request->listen_count == 0 && request->target_count == 0)
		return;
	section = start_relay(loader, COMMAND_LINE, COMMAND_LINE_RELAY);
	if (!section)
		return;
	assign_all(loader, section, "listen", request->listen, request->listen_count);
	assign_all(loader, section, "target", request->target, request->target_count);
}

static void take_command_line(struct loader *loader)
{
	for (size_t i = 0; i < loader->request->option_count; i++)
		take_option(loader, loader->request->option[i]);
	take_relay(loader);
}

void loader_init(struct loader *loader, const struct config_request *request, struct config_global *global)
{
	*loader = (struct loader){.request = request,
	                          .complaints = {.file = request->file},
	                          .warnings = {.file = request->file}};
	STAILQ_INIT(&loader->relays);
	section_init(&loader->global, SECTION_GLOBAL, NO_LINE, global);
	section_init(&loader->defaults, SECTION_DEFAULTS, NO_LINE, NULL);
	if (!section_set_defaults(&loader->global) || !section_set_defaults(&loader->defaults))
		loader->complaints.out_of_memory = true;
}

void loader_read(struct loader *loader)
{
	if (loader->request->file)
		read_file(loader);
	take_command_line(loader);
}

size_t loader_count_listens(const struct loader *loader)
{
	const struct section *section;
	size_t count = 0;

	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
		count += section->relay.listen_count;
	return count;
}

unsigned loader_http_line(const struct loader *loader)
{
	return loader->global.lines[option_find("http_listen", SECTION_GLOBAL) - option_table];
}

void loader_deinit(struct loader *loader)
{
	struct section *section;

	while ((section = STAILQ_FIRST(&loader->relays))) {
		STAILQ_REMOVE_HEAD(&loader->relays, link);
		section_deinit(section);
		free(section);
	}
	section_deinit(&loader->defaults);
	tdestroy(loader->firsts, free);
}
