#include "build_config.h"

#include "config/config.h"

#include "base/units.h"
#include "config/access.h"
#include "config/clashes.h"
#include "config/complaints.h"
#include "config/loader.h"
#include "config/misfits.h"
#include "config/options.h"
#include "config/paths.h"
#include "config/rings.h"
#include "config/sources.h"

#include <stdlib.h>
#include <string.h>

/* own_high and own_low are those of one direction. */
static struct flow_limits effective_limits(const struct config_relay *relay, uint64_t own_high,
                                           uint64_t own_low)
{
	uint64_t high = own_high == UNITS_AUTO ? relay->high_watermark : own_high;
	uint64_t low = own_low == UNITS_AUTO ? relay->low_watermark : own_low;

	return (struct flow_limits){.high = high, .low = low == UNITS_AUTO ? high / 2 : low};
}

static void set_limits(struct config_relay *relay)
{
	relay->limits[UPLOAD] =
	        effective_limits(relay, relay->upload_high_watermark, relay->upload_low_watermark);
	relay->limits[DOWNLOAD] =
	        effective_limits(relay, relay->download_high_watermark, relay->download_low_watermark);
}

static void check_marks(struct loader *loader, struct section *section, enum direction direction,
                        bool *reported)
{
	static const char *const names[DIRECTIONS] = {[UPLOAD] = "upload", [DOWNLOAD] = "download"};
	static const char *const keys[DIRECTIONS][4] = {
	        [UPLOAD] = {"high_watermark", "low_watermark", "upload_high_watermark",
	                    "upload_low_watermark"},
	        [DOWNLOAD] = {"high_watermark", "low_watermark", "download_high_watermark",
	                      "download_low_watermark"},
	};
	const struct flow_limits *limits = &section->relay.limits[direction];
	char high[UNITS_TEXT_MAX], low[UNITS_TEXT_MAX];
	unsigned line;

	if (limits->low < limits->high)
		return;
	line = section_place(section, &loader->defaults, keys[direction], 4, reported);
	if (line == NO_LINE)
		return;
	complaints_add(&loader->complaints, line,
	               "relay \"%s\": %s low watermark %s and high watermark %s; expected low < high",
	               section->relay.name, names[direction], units_format_size(limits->low, low),
	               units_format_size(limits->high, high));
}

/* No rate can be measured over an endless time. */
static void check_rate(struct loader *loader, struct section *section, bool *reported)
{
	static const char *const keys[] = {"min_rate", "stall_timeout"};
	char rate[UNITS_TEXT_MAX];
	unsigned line;

	if (section->relay.min_rate == 0 || section->relay.stall_timeout > 0)
		return;
	line = section_place(section, &loader->defaults, keys, 2, reported);
	if (line == NO_LINE)
		return;
	complaints_add(&loader->complaints, line,
	               "relay \"%s\": min_rate %s with stall_timeout 0; expected a stall_timeout to "
	               "measure it over",
	               section->relay.name, units_format_size(section->relay.min_rate, rate));
}

/* Nothing would ever find that no target is up. */
static void check_refusal(struct loader *loader, struct section *section, bool *reported)
{
	static const char *const keys[] = {"when_down", "fail_limit", "check_interval"};
	const struct config_relay *relay = &section->relay;
	unsigned line;

	if (relay->when_down != WHEN_DOWN_REFUSE || relay->fail_limit > 0 || relay->check_interval > 0)
		return;
	line = section_place(section, &loader->defaults, keys, 3, reported);
	if (line == NO_LINE)
		return;
	complaints_add(&loader->complaints, line,
	               "relay \"%s\": when_down refuse with fail_limit 0 and check_interval 0; "
	               "expected one that takes targets out",
	               relay->name);
}

/* bind(2) must know which link is meant. */
static void check_source(struct loader *loader, struct section *section, bool *reported)
{
	static const char *const keys[] = {"source_address", "source_interface"};
	const struct config_relay *relay = &section->relay;
	char text[INET6_ADDRSTRLEN];

	if (!relay->source_interface || *relay->source_interface)
		return;
	for (size_t i = 0; i < relay->source_address_count; i++) {
		const struct endpoint *source = &relay->source_address[i];
		unsigned line = NO_LINE;

		if (endpoint_is_link_local(source))
			line = section_place(section, &loader->defaults, keys, 2, reported);
		if (line != NO_LINE)
			complaints_add(
			        &loader->complaints, line,
			        "relay \"%s\": source_address %s without source_interface; expected the "
			        "interface of that link-local address",
			        relay->name, sources_format(source, text));
	}
}

/* weir cannot close what the service manager keeps open. */
static void check_closing(struct loader *loader, struct section *section)
{
	const struct config_relay *relay = &section->relay;

	if (relay->when_down != WHEN_DOWN_REFUSE || loader->complaints.out_of_memory)
		return;
	for (size_t i = 0; i < relay->listen_count; i++)
		if (relay->listen[i].kind == ADDRESS_SYSTEMD)
			complaints_add(
			        &loader->complaints, section_value_line(section, "listen", i),
			        "listen: \"systemd:%s\" with when_down refuse; expected an address that "
			        "weir can close, or when_down try",
			        relay->listen[i].host);
}

/* Each port of listen goes to the one at the same place of a range. */
static void check_range(struct loader *loader, const struct section *section, size_t target)
{
	const struct address *to = &config_nth_target(&section->relay, target)->address;
	char text[ADDRESS_TEXT_MAX], other[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < section->relay.listen_count; i++) {
		const struct address *from = &section->relay.listen[i];

		if (from->ports == to->ports)
			continue;
		complaints_add(&loader->complaints, section_target_line(section, target),
		               "%s: \"%s\" has %u ports and listen \"%s\" has %u; expected one port, or "
		               "ranges of the same length",
		               section_target_key(section, target), address_format(to, text), to->ports,
		               address_format(from, other), from->ports);
		return;
	}
}

static void check_ranges(struct loader *loader, const struct section *section)
{
	const size_t count = loader->complaints.out_of_memory ? 0 : config_count_targets(&section->relay);

	for (size_t i = 0; i < count; i++)
		if (config_nth_target(&section->relay, i)->address.ports > 1)
			check_range(loader, section, i);
}

static void check_has(struct loader *loader, struct section *section, const char *key)
{
	const struct option *option = option_find(key, SECTION_RELAY);

	if (*section_option_line(section, option) != NO_LINE)
		return;
	if (section->line == COMMAND_LINE)
		complaints_add(&loader->complaints, COMMAND_LINE,
		               "no --%s; expected --listen ADDRESS and --target ADDRESS together", key);
	else
		complaints_add(&loader->complaints, section->line,
		               "relay \"%s\" without %s; expected at least one \"%s = ADDRESS\"",
		               section->relay.name, key, key);
}

/* Which errors of [defaults] have been. */
struct reported {
	bool marks[DIRECTIONS];
	bool rate, refusal, source;
};

static void finish_relay(struct loader *loader, struct section *section, struct reported *reported)
{
	if (!section_inherit(section, &loader->defaults))
		loader->complaints.out_of_memory = true;
	set_limits(&section->relay);
	check_has(loader, section, "listen");
	check_has(loader, section, "target");
	check_rate(loader, section, &reported->rate);
	check_refusal(loader, section, &reported->refusal);
	check_source(loader, section, &reported->source);
	check_closing(loader, section);
	check_ranges(loader, section);
	check_marks(loader, section, UPLOAD, &reported->marks[UPLOAD]);
	check_marks(loader, section, DOWNLOAD, &reported->marks[DOWNLOAD]);
}

static void finish_relays(struct loader *loader)
{
	struct reported reported = {.rate = false};
	struct section *section;

	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link))
		finish_relay(loader, section, &reported);
	if (loader->relay_count > 0 || loader->lost_head)
		return;
	if (loader->request->file)
		complaints_add(&loader->complaints, NO_LINE,
		               "no relay; expected at least one section [relay NAME]");
	else
		complaints_add(&loader->complaints, COMMAND_LINE,
		               "no relay; expected --listen and --target, or a file");
}

static void move_relays(struct loader *loader, struct config *config)
{
	struct section *section;

	config->relays = calloc(loader->relay_count, sizeof(*config->relays));
	if (!config->relays) {
		loader->complaints.out_of_memory = true;
		return;
	}
	for (section = STAILQ_FIRST(&loader->relays); section; section = STAILQ_NEXT(section, link)) {
		config->relays[config->relay_count++] = section->relay;
		section->relay = (struct config_relay){0}; /* consumed */
	}
}

static enum log_level shift_level(enum log_level level, int louder)
{
	int shifted = (int)level + louder;

	if (shifted < LOG_LEVEL_ERROR)
		return LOG_LEVEL_ERROR;
	return shifted > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : (enum log_level)shifted;
}

/* Fills config. Errors are collected in the loader's complaints. */
static void load(struct loader *loader, struct config *config)
{
	loader_read(loader);
	sources_check(loader);
	finish_relays(loader);
	if (!loader->request->only_looks) {
		access_check(loader);
		paths_check(loader);
	}
	clashes_check(loader);
	rings_check(loader);
	misfits_check(loader);
	config->global.log_level = shift_level(config->global.log_level, loader->request->louder);
	if (loader->complaints.count == 0)
		move_relays(loader, config);
}

/* Whether there is an answer that can be relied on: without memory, some of it may be lost. */
static bool is_known(const struct loader *loader)
{
	return !loader->complaints.out_of_memory && !loader->warnings.out_of_memory;
}

static void hand_over_warnings(struct loader *loader, struct config *config)
{
	struct config_errors warnings = {.count = 0};

	complaints_hand_over(&loader->warnings, &warnings);
	config->warnings = warnings.text;
	config->warning_count = warnings.count;
}

struct config *config_load(const struct config_request *request, struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	struct loader loader;

	if (!config)
		return NULL;
	refcount_init(&config->references);
	loader_init(&loader, request, &config->global);
	load(&loader, config);
	hand_over_warnings(&loader, config);
	if (loader.complaints.count > 0 || !is_known(&loader)) {
		config_put(config);
		config = NULL;
	}
	complaints_hand_over(&loader.complaints, errors);
	if (!is_known(&loader))
		config_errors_deinit(errors);
	loader_deinit(&loader);
	return config;
}

void config_errors_deinit(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->text[i]);
	free(errors->text);
	*errors = (struct config_errors){0};
}

static void print_settings(unsigned section, const void *settings, bool explain, FILE *out)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (!(option->sections & section))
			continue;
		if (explain)
			fprintf(out, "# applies %s\n", option_effect_name(option->applies));
		option_print(option, settings, out);
	}
}

static void print_all(const struct config *config, bool explain, FILE *out)
{
	fputs("[global]\n", out);
	print_settings(SECTION_GLOBAL, &config->global, explain, out);
	for (size_t i = 0; i < config->relay_count; i++) {
		fprintf(out, "\n[relay %s]\n", config->relays[i].name);
		print_settings(SECTION_RELAY, &config->relays[i], explain, out);
	}
}

void config_print(const struct config *config, FILE *out)
{
	print_all(config, false, out);
}

void config_explain(const struct config *config, FILE *out)
{
	print_all(config, true, out);
}

char *config_needs_takeover(const struct config *before, const struct config *after, char *text, size_t size)
{
	size_t length = 0;

	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if (option->applies != APPLIES_BY_TAKEOVER ||
		    !option_differs(option, &before->global, &after->global))
			continue;
		snprintf(text + length, size - length, "%s%s", length > 0 ? ", " : "", option->key);
		length = strlen(text);
	}
	return length > 0 ? text : NULL;
}
