#include "build_config.h"

#include "config/section.h"

#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

unsigned *section_option_line(struct section *section, const struct option *option)
{
	return &section->lines[option - option_table];
}

void section_init(struct section *section, unsigned kind, unsigned line, void *settings)
{
	*section = (struct section){
	        .kind = kind, .line = line, .settings = settings ? settings : &section->relay};
}

bool section_set_defaults(struct section *section)
{
	bool enough = true;

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if ((option->sections & section->kind) && option->default_text &&
		    option_set(option, section->settings, option->default_text))
			enough = false; /* a test checks that the texts are good */
	}
	return enough;
}

/* Remembers where the last value of an option that repeats was set. */
static void keep_last_line(struct section *section, struct complaints *complaints,
                           const struct option *option, unsigned line)
{
	unsigned **lines = &section->value_lines[option - option_table];
	size_t last = option_values(option, section->settings) - 1;
	unsigned *grown = array_grow(*lines, last, sizeof(*grown));

	if (!grown) {
		complaints->out_of_memory = true;
		return;
	}
	grown[last] = line;
	*lines = grown;
}

void section_set(struct section *section, struct complaints *complaints, const struct option *option,
                 unsigned line, const char *value)
{
	const char *problem = *value ? option_set(option, section->settings, value) : "is empty";

	*section_option_line(section, option) = line;
	if (problem) {
		section->refused[option - option_table] = true;
		complaints_add(complaints, line, "%s: \"%s\" %s; expected %s", option->key, value, problem,
		               option->expected);
	} else if (option_repeats(option)) {
		keep_last_line(section, complaints, option, line);
	}
}

bool section_inherit(struct section *section, const struct section *defaults)
{
	bool enough = true;

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		const struct option *followed =
		        option->follows ? option_find(option->follows, SECTION_RELAY) : NULL;

		if (!(option->sections & SECTION_DEFAULTS) || section->lines[i] != NO_LINE)
			continue;
		if (followed && *section_option_line(section, followed) != NO_LINE)
			option_set(option, section->settings, option->default_text);
		else if (!option_copy(option, section->settings, defaults->settings))
			enough = false;
	}
	return enough;
}

unsigned section_value_line(const struct section *section, const char *key, size_t n)
{
	return section->value_lines[option_find(key, section->kind) - option_table][n];
}

unsigned section_target_line(const struct section *section, size_t n)
{
	size_t count = section->relay.target_count;

	return section_value_line(section, section_target_key(section, n), n < count ? n : n - count);
}

const char *section_target_key(const struct section *section, size_t n)
{
	return n < section->relay.target_count ? "target" : "backup_target";
}

/* The last line of section that sets one of the keys, or NO_LINE. */
static unsigned last_line(const struct section *section, const char *const keys[], size_t count)
{
	unsigned last = NO_LINE;

	for (size_t i = 0; i < count; i++) {
		unsigned line = section->lines[option_find(keys[i], SECTION_RELAY) - option_table];

		if (line > last)
			last = line;
	}
	return last;
}

static bool any_was_refused(const struct section *section, const char *const keys[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (section->refused[option_find(keys[i], SECTION_RELAY) - option_table])
			return true;
	return false;
}

unsigned section_place(const struct section *section, const struct section *defaults,
                       const char *const keys[], size_t count, bool *reported)
{
	unsigned line = last_line(section, keys, count);

	if (any_was_refused(section, keys, count) || any_was_refused(defaults, keys, count))
		return NO_LINE;
	if (line != NO_LINE || *reported)
		return line;
	*reported = true;
	return last_line(defaults, keys, count);
}

void section_deinit(struct section *section)
{
	config_free_relay(&section->relay);
	for (size_t i = 0; i < option_count; i++)
		free(section->value_lines[i]);
}
