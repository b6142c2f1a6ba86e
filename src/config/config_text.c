/* Settings as text for a program that takes over. */
#include "build_config.h"

#include "config/config.h"
#include "config/option_types.h"
#include "config/section.h"

#include <stdlib.h>

static void print_section(unsigned kind, const void *settings, FILE *out)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].sections & kind)
			option_print(&option_table[i], settings, out);
}

/* Lists have no values in [defaults]. Of what is not comparable, all is said. */
static bool must_be_said(const struct option *option, const void *settings, const void *defaults)
{
	if (option_repeats(option))
		return option_values(option, settings) > 0;
	return option->type->size == 0 || option_differs(option, settings, defaults);
}

static void print_relay(const struct config_relay *relay, const struct config_relay *defaults, FILE *out)
{
	fprintf(out, "[relay %s]\n", relay->name);
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if ((option->sections & SECTION_RELAY) && must_be_said(option, relay, defaults))
			option_print(option, relay, out);
	}
}

static void print_all(const struct config *config, const struct section *defaults, FILE *out)
{
	fputs("[global]\n", out);
	print_section(SECTION_GLOBAL, &config->global, out);
	fputs("[defaults]\n", out);
	print_section(SECTION_DEFAULTS, defaults->settings, out);
	for (size_t i = 0; i < config->relay_count; i++)
		print_relay(&config->relays[i], defaults->settings, out);
}

char *config_text(const struct config *config, size_t *size)
{
	struct section defaults;
	char *text = NULL;
	FILE *out = open_memstream(&text, size);
	bool enough;

	if (!out)
		return NULL;
	section_init(&defaults, SECTION_DEFAULTS, NO_LINE, NULL);
	enough = section_set_defaults(&defaults);
	if (enough)
		print_all(config, &defaults, out);
	section_deinit(&defaults);
	if (fclose(out) == 0 && enough)
		return text;
	free(text);
	return NULL;
}

struct config *config_load_text(const char *name, const char *text, size_t size, struct config_errors *errors)
{
	const struct config_request request = {
	        .file = name, .text = text, .text_size = size, .only_looks = true};

	return config_load(&request, errors);
}
