#include "build_config.h"

#include "config/options.h"

#include "config/option_types.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KEY_MAX      64 /* bytes of a key with its NUL */

static const struct {
	unsigned section;
	const char *name;
} section_names[] = {{SECTION_GLOBAL, "global"}, {SECTION_DEFAULTS, "defaults"}, {SECTION_RELAY, "relay"}};

const struct option *option_find(const char *key, unsigned sections)
{
	for (size_t i = 0; i < option_count; i++)
		if ((option_table[i].sections & sections) && strcmp(option_table[i].key, key) == 0)
			return &option_table[i];
	return NULL;
}

/* The Levenshtein distance, computed row by row. b is at most KEY_MAX - 1 bytes. */
static size_t distance(const char *a, const char *b)
{
	size_t row[KEY_MAX], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t best = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (best > row[j] + 1)
				best = row[j] + 1;
			if (best > row[j - 1] + 1)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[length];
}

/* How many edits away a word is still near: one, and one more for every four bytes. */
static size_t near_enough(const char *word)
{
	return 1 + strlen(word) / 4;
}

const char *option_nearest(const char *key, unsigned sections)
{
	size_t best = near_enough(key) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		size_t d = (option->sections & sections) ? distance(key, option->key) : best;

		if (d < best) {
			best = d;
			nearest = option->key;
		}
	}
	return nearest;
}

unsigned option_section_find(const char *name)
{
	for (size_t i = 0; i < COUNT(section_names); i++)
		if (strcmp(section_names[i].name, name) == 0)
			return section_names[i].section;
	return 0;
}

const char *option_section_name(unsigned section)
{
	for (size_t i = 0; i < COUNT(section_names); i++)
		if (section_names[i].section == section)
			return section_names[i].name;
	return NULL;
}

unsigned option_section_nearest(const char *name)
{
	size_t best = near_enough(name) + 1;
	unsigned nearest = 0;

	for (size_t i = 0; i < COUNT(section_names); i++) {
		size_t d = distance(name, section_names[i].name);

		if (d < best) {
			best = d;
			nearest = section_names[i].section;
		}
	}
	return nearest;
}

bool option_repeats(const struct option *option)
{
	return option->count_offset != 0;
}

const char *option_effect_name(enum option_effect effect)
{
	static const char *const names[] = {
	        [APPLIES_AT_ONCE] = "at once",
	        [APPLIES_TO_NEW_PAIRS] = "to new pairs",
	        [APPLIES_TO_NEW_ENTRANCES] = "to new entrances",
	        [APPLIES_BY_TAKEOVER] = "by taking over",
	};

	return names[effect];
}

bool option_differs(const struct option *option, const void *one, const void *other)
{
	return memcmp(option_const_field(option, one), option_const_field(option, other),
	              option->type->size) != 0;
}

const char *option_set(const struct option *option, void *settings, const char *text)
{
	return option->type->set(option, settings, text);
}

bool option_copy(const struct option *option, void *to, const void *from)
{
	if (option->type->copy)
		return option->type->copy(option, to, from);
	memcpy(option_field(option, to), option_const_field(option, from), option->type->size);
	return true;
}

size_t option_values(const struct option *option, const void *settings)
{
	return *(const size_t *)(const void *)((const char *)settings + option->count_offset);
}

void option_clear(const struct option *option, void *settings)
{
	void *items;

	memcpy(&items, option_field(option, settings), sizeof(items));
	free(items);
	items = NULL;
	memcpy(option_field(option, settings), &items, sizeof(items));
	*option_count_field(option, settings) = 0;
}

void option_print(const struct option *option, const void *settings, FILE *out)
{
	option->type->print(option, settings, out);
}
