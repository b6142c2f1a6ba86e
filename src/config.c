#include "build_config.h"

#include "config.h"

#include "ini_reader.h"
#include "options.h"
#include "units.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define NO_LINE            0        /* of the file as a whole; of an option: not set */
#define COMMAND_LINE       UINT_MAX /* sorts behind the file */
#define COMMAND_LINE_RELAY "command-line"
#define NAME_LENGTH_MAX    64

/* Something wrong, until all is known and sorted. */
struct complaint {
	unsigned line;
	size_t order;
	char *text;
};

/* A section and what it sets. The command line adds to [global] and [defaults], and may add a relay. */
struct section {
	STAILQ_ENTRY(section) link;
	unsigned kind;               /* one bit of enum option_section */
	unsigned line;               /* of its head */
	unsigned lines[OPTIONS_MAX]; /* where each option of the table was set, NO_LINE = it was not */
	bool broken;                 /* some value was refused: do not judge the others by it */
	void *settings;              /* struct config_global or relay, as options.h takes them */
	struct config_relay relay;   /* of [defaults] and [relay NAME] */
};

/* Where a section or a listening address was first; a node of a tsearch(3) tree. */
struct first {
	unsigned line;
	char text[];
};

struct loader {
	const struct config_request *request;
	struct config *config;
	struct section global, defaults;
	STAILQ_HEAD(, section) relays;
	size_t relay_count;
	struct section *current;         /* whose keys come now; NULL: nobody's that is known */
	bool any_head, lost_head;        /* a head was met; one was not understood */
	bool marks_reported[DIRECTIONS]; /* those of [defaults], which every relay would report again */
	void *firsts;
	struct complaint *complaints;
	size_t complaint_count;
	bool out_of_memory;
};

static char *place_complaint(const struct loader *loader, unsigned line, const char *what)
{
	char *text;
	int r;

	if (line == COMMAND_LINE)
		r = asprintf(&text, "command line: %s", what);
	else if (line == NO_LINE)
		r = asprintf(&text, "%s: %s", loader->request->file, what);
	else
		r = asprintf(&text, "%s:%u: %s", loader->request->file, line, what);
	return r < 0 ? NULL : text;
}

static void add_complaint(struct loader *loader, unsigned line, const char *what)
{
	size_t count = loader->complaint_count;
	struct complaint *grown = reallocarray(loader->complaints, count + 1, sizeof(*grown));
	char *text = grown ? place_complaint(loader, line, what) : NULL;

	if (grown)
		loader->complaints = grown;
	if (!text) {
		loader->out_of_memory = true;
		return;
	}
	grown[count] = (struct complaint){.line = line, .order = count, .text = text};
	loader->complaint_count++;
}

__attribute__((format(printf, 3, 4))) static void complain(struct loader *loader, unsigned line,
                                                           const char *format, ...)
{
	va_list arguments;
	char *what;
	int r;

	va_start(arguments, format);
	r = vasprintf(&what, format, arguments);
	va_end(arguments);
	if (r < 0) {
		loader->out_of_memory = true;
		return;
	}
	add_complaint(loader, line, what);
	free(what);
}

static int compare_complaints(const void *left, const void *right)
{
	const struct complaint *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* Moves the texts over, in the order of the file. */
static void hand_over_complaints(struct loader *loader, struct config_errors *errors)
{
	size_t count = loader->complaint_count;

	if (count == 0)
		return;
	qsort(loader->complaints, count, sizeof(*loader->complaints), compare_complaints);
	errors->text = calloc(count, sizeof(*errors->text));
	for (size_t i = 0; i < count; i++) {
		if (errors->text)
			errors->text[errors->count++] = loader->complaints[i].text; /* consumed */
		else
			free(loader->complaints[i].text);
	}
}

void config_errors_deinit(struct config_errors *errors)
{
	for (size_t i = 0; i < errors->count; i++)
		free(errors->text[i]);
	free(errors->text);
	*errors = (struct config_errors){0};
}

static int compare_firsts(const void *left, const void *right)
{
	const struct first *a = left, *b = right;

	return strcmp(a->text, b->text);
}

/* Where text was met before, or NO_LINE; then line is remembered. */
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
		loader->out_of_memory = true;
	if (found && *found == first)
		return NO_LINE; /* first consumed */
	free(first);
	return found ? (*found)->line : NO_LINE;
}

/* what is the text as the complaint has it. */
static void check_first(struct loader *loader, unsigned line, const char *text, const char *what)
{
	unsigned first = first_line(loader, text, line);

	if (first == COMMAND_LINE)
		complain(loader, line, "%s \"%s\" comes twice on the command line; expected it once", what,
		         text);
	else if (first != NO_LINE)
		complain(loader, line, "duplicate %s \"%s\"; the first is in line %u", what, text, first);
}

static size_t option_index(const struct option *option)
{
	return (size_t)(option - option_table);
}

static unsigned *option_line(struct section *section, const struct option *option)
{
	return &section->lines[option_index(option)];
}

static void section_init(struct section *section, unsigned kind, unsigned line, void *settings)
{
	*section = (struct section){
	        .kind = kind, .line = line, .settings = settings ? settings : &section->relay};
}

static void set_defaults(struct loader *loader, struct section *section)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];

		if ((option->sections & section->kind) &&
		    option_set(option, section->settings, option->default_text))
			loader->out_of_memory = true; /* the texts themselves are good, a test says so */
	}
}

static bool has_fixed_port(const struct address *address)
{
	return address->port != 0 ||
	       (address->kind == ADDRESS_LITERAL && address->endpoint.any.sa_family == AF_UNIX);
}

/* Two listeners on one address would take clients from each other. Port 0 is another port each time. */
static void check_last_listen(struct loader *loader, const struct config_relay *relay, unsigned line)
{
	const struct address *address = &relay->listen[relay->listen_count - 1];
	char text[ADDRESS_TEXT_MAX];

	if (has_fixed_port(address))
		check_first(loader, line, address_format(address, text), "listening address");
}

/* Sets an option of a section that is known to have it. */
static void assign(struct loader *loader, struct section *section, const struct option *option, unsigned line,
                   const char *value)
{
	const char *problem = *value ? option_set(option, section->settings, value) : "is empty";

	*option_line(section, option) = line;
	if (problem) {
		section->broken = true;
		complain(loader, line, "%s: \"%s\" %s; expected %s", option->key, value, problem,
		         option->expected);
	} else if (option->offset == offsetof(struct config_relay, listen) &&
	           section->kind == SECTION_RELAY) {
		check_last_listen(loader, &section->relay, line);
	}
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
		complain(loader, line, "key \"%s\" does not belong here; expected in %s", key,
		         sections_text(elsewhere->sections));
	else if (nearest)
		complain(loader, line, "unknown key \"%s\"; did you mean \"%s\"?", key, nearest);
	else
		complain(loader, line, "unknown key \"%s\"; expected one that relay.ini(5) lists", key);
}

static void take_setting(void *arg, unsigned line, const char *key, const char *value)
{
	struct loader *loader = arg;
	struct section *section = loader->current;
	const struct option *option = section ? option_find(key, section->kind) : NULL;

	if (!loader->any_head)
		complain(loader, line,
		         "key \"%s\" before any section; expected [global], [defaults] or [relay NAME] first",
		         key);
	if (!section)
		return;
	if (!option)
		complain_unknown_key(loader, line, key, section->kind);
	else if (!option_repeats(option) && *option_line(section, option) != NO_LINE)
		complain(loader, line, "duplicate key \"%s\"; the first is in line %u", key,
		         *option_line(section, option));
	else
		assign(loader, section, option, line, value);
}

static bool name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return length > 0 && length <= NAME_LENGTH_MAX && name[length] == '\0';
}

/* NULL when out of memory. */
static struct section *add_relay(struct loader *loader, unsigned line, const char *name)
{
	struct section *section = malloc(sizeof(*section));
	char *copy = strdup(name);

	if (!section || !copy) {
		free(section);
		free(copy);
		loader->out_of_memory = true;
		return NULL;
	}
	section_init(section, SECTION_RELAY, line, NULL);
	section->relay.name = copy;
	STAILQ_INSERT_TAIL(&loader->relays, section, link);
	loader->relay_count++;
	return section;
}

static struct section *start_relay(struct loader *loader, unsigned line, const char *name)
{
	if (!name_is_valid(name))
		complain(loader, line,
		         "\"%s\" is not a relay's name; expected 1 to %d letters, digits, \"-\", \"_\" or "
		         "\".\"",
		         name, NAME_LENGTH_MAX);
	else
		check_first(loader, line, name, "relay");
	return add_relay(loader, line, name);
}

static struct section *start_only_section(struct loader *loader, unsigned line, unsigned kind,
                                          const char *name)
{
	struct section *section = kind == SECTION_GLOBAL ? &loader->global : &loader->defaults;
	const char *word = option_section_name(kind);

	if (*name)
		complain(loader, line, "section [%s %s] with a name; expected [%s]", word, name, word);
	else if (section->line != NO_LINE)
		complain(loader, line, "duplicate section [%s]; the first is in line %u", word,
		         section->line);
	if (section->line == NO_LINE)
		section->line = line;
	return section;
}

static void complain_unknown_section(struct loader *loader, unsigned line, const char *word)
{
	unsigned nearest = option_section_nearest(word);

	loader->lost_head = true;
	if (nearest)
		complain(loader, line, "unknown section \"%s\"; did you mean \"%s\"?", word,
		         option_section_name(nearest));
	else
		complain(loader, line,
		         "unknown section \"%s\"; expected [global], [defaults] or [relay NAME]", word);
}

/* word is the first word of a head, name what comes behind it. */
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
	stpncpy(text, head, sizeof(text) - 1)[0] = '\0'; /* a head is a part of a line */
	name = text + strcspn(text, " \t");
	if (*name) {
		*name++ = '\0';
		name += strspn(name, " \t");
	}
	loader->current = start_section(loader, line, text, name);
}

static void take_problem(void *arg, unsigned line, const char *what)
{
	complain(arg, line, "%s", what);
}

static void complain_unreadable(struct loader *loader, int error)
{
	switch (error) {
	case -EISDIR:
		complain(loader, NO_LINE, "is a directory; expected a regular file");
		break;
	case -EINVAL:
		complain(loader, NO_LINE, "is a device, a pipe or a socket; expected a regular file");
		break;
	case -EFBIG:
		complain(loader, NO_LINE, "is too large; expected at most 1 MiB");
		break;
	default:
		complain(loader, NO_LINE, "cannot be read: %s", strerror(-error));
	}
}

static void read_file(struct loader *loader)
{
	static const struct ini_events events = {take_head, take_setting, take_problem};
	int r = ini_read(loader->request->file, &events, loader);

	if (r < 0) {
		loader->lost_head = true; /* who knows what it says */
		complain_unreadable(loader, r);
	}
}

/* The section that an -o without one means: a key known in both is a global one. */
static struct section *guess_section(struct loader *loader, const char *key)
{
	return option_find(key, SECTION_GLOBAL) ? &loader->global : &loader->defaults;
}

/* KEY=VALUE or SECTION.KEY=VALUE, in pieces; section is NULL when there is none. */
static void apply_option(struct loader *loader, const char *section_name, const char *key, const char *value)
{
	unsigned kind = section_name ? option_section_find(section_name) : 0;
	struct section *section = kind == SECTION_GLOBAL ? &loader->global : &loader->defaults;
	const struct option *option;

	if (section_name && kind != SECTION_GLOBAL && kind != SECTION_DEFAULTS) {
		complain(loader, COMMAND_LINE, "section \"%s\" of an option; expected global or defaults",
		         section_name);
		return;
	}
	if (!section_name)
		section = guess_section(loader, key);
	option = option_find(key, section->kind);
	if (!option)
		complain_unknown_key(loader, COMMAND_LINE, key,
		                     kind ? kind : SECTION_GLOBAL | SECTION_DEFAULTS);
	else
		assign(loader, section, option, COMMAND_LINE, value);
}

static void take_option(struct loader *loader, const char *text)
{
	char *copy = strdup(text), *value, *dot;

	if (!copy) {
		loader->out_of_memory = true;
		return;
	}
	value = strchr(copy, '=');
	if (!value) {
		complain(loader, COMMAND_LINE, "option \"%s\" without \"=\"; expected KEY=VALUE", text);
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
		assign(loader, section, option, COMMAND_LINE, values[i]);
}

/* The relay that --listen and --target make. */
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

/* What a relay does not say itself comes from [defaults], unless it says what the option follows: that is
 * nearer. */
static void inherit(struct loader *loader, struct section *section)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option *option = &option_table[i];
		const struct option *followed =
		        option->follows ? option_find(option->follows, SECTION_RELAY) : NULL;

		if (!(option->sections & SECTION_DEFAULTS) || section->lines[i] != NO_LINE)
			continue;
		if (followed && *option_line(section, followed) != NO_LINE)
			option_set(option, section->settings, option->default_text);
		else
			option_copy(option, section->settings, loader->defaults.settings);
	}
}

/* own_high and own_low are those of one direction. */
static struct flow_limits effective_limits(const struct config_relay *relay, uint64_t own_high,
                                           uint64_t own_low)
{
	uint64_t high = own_high == SETTING_AUTO ? relay->high_watermark : own_high;
	uint64_t low = own_low == SETTING_AUTO ? relay->low_watermark : own_low;

	return (struct flow_limits){.high = high, .low = low == SETTING_AUTO ? high / 2 : low};
}

static void set_limits(struct config_relay *relay)
{
	relay->limits[UPLOAD] =
	        effective_limits(relay, relay->upload_high_watermark, relay->upload_low_watermark);
	relay->limits[DOWNLOAD] =
	        effective_limits(relay, relay->download_high_watermark, relay->download_low_watermark);
}

/* The last line of section that has a say in the watermarks of a direction, or NO_LINE. */
static unsigned marks_line(struct section *section, enum direction direction)
{
	static const char *const keys[DIRECTIONS][4] = {
	        [UPLOAD] = {"high_watermark", "low_watermark", "upload_high_watermark",
	                    "upload_low_watermark"},
	        [DOWNLOAD] = {"high_watermark", "low_watermark", "download_high_watermark",
	                      "download_low_watermark"},
	};
	unsigned last = NO_LINE;

	for (size_t i = 0; i < 4; i++) {
		unsigned line = *option_line(section, option_find(keys[direction][i], SECTION_RELAY));

		if (line > last)
			last = line;
	}
	return last;
}

static void check_marks(struct loader *loader, struct section *section, enum direction direction)
{
	static const char *const names[DIRECTIONS] = {[UPLOAD] = "upload", [DOWNLOAD] = "download"};
	const struct flow_limits *limits = &section->relay.limits[direction];
	unsigned line = marks_line(section, direction);
	char high[UNITS_TEXT_MAX], low[UNITS_TEXT_MAX];

	if (limits->low < limits->high)
		return;
	if (line == NO_LINE) {
		if (loader->marks_reported[direction])
			return;
		loader->marks_reported[direction] = true;
		line = marks_line(&loader->defaults, direction);
	}
	complain(loader, line, "relay \"%s\": %s low watermark %s and high watermark %s; expected low < high",
	         section->relay.name, names[direction], units_format_size(limits->low, low),
	         units_format_size(limits->high, high));
}

static void check_has(struct loader *loader, struct section *section, const char *key)
{
	const struct option *option = option_find(key, SECTION_RELAY);

	if (*option_line(section, option) != NO_LINE)
		return;
	if (section->line == COMMAND_LINE)
		complain(loader, COMMAND_LINE,
		         "no --%s; expected --listen ADDRESS and --target ADDRESS together", key);
	else
		complain(loader, section->line,
		         "relay \"%s\" without %s; expected at least one \"%s = ADDRESS\"",
		         section->relay.name, key, key);
}

static void finish_relay(struct loader *loader, struct section *section)
{
	inherit(loader, section);
	set_limits(&section->relay);
	check_has(loader, section, "listen");
	check_has(loader, section, "target");
	if (section->broken || loader->defaults.broken)
		return;
	check_marks(loader, section, UPLOAD);
	check_marks(loader, section, DOWNLOAD);
}

static void finish_relays(struct loader *loader)
{
	struct section *section;

	STAILQ_FOREACH(section, &loader->relays, link)
	finish_relay(loader, section);
	if (loader->relay_count > 0 || loader->lost_head)
		return;
	if (loader->request->file)
		complain(loader, NO_LINE, "no relay; expected at least one section [relay NAME]");
	else
		complain(loader, COMMAND_LINE, "no relay; expected --listen and --target, or a file");
}

static void relay_deinit(struct config_relay *relay)
{
	for (size_t i = 0; i < relay->listen_count; i++)
		address_deinit(&relay->listen[i]);
	for (size_t i = 0; i < relay->target_count; i++)
		address_deinit(&relay->target[i]);
	free(relay->listen);
	free(relay->target);
	free(relay->name);
	*relay = (struct config_relay){0};
}

static void config_free(struct config *config)
{
	for (size_t i = 0; i < config->relay_count; i++)
		relay_deinit(&config->relays[i]);
	free(config->relays);
	free(config->global.dump_file);
	free(config);
}

static void move_relays(struct loader *loader)
{
	struct config *config = loader->config;
	struct section *section;

	config->relays = calloc(loader->relay_count, sizeof(*config->relays));
	if (!config->relays) {
		loader->out_of_memory = true;
		return;
	}
	STAILQ_FOREACH(section, &loader->relays, link)
	{
		config->relays[config->relay_count++] = section->relay;
		section->relay = (struct config_relay){0}; /* consumed */
	}
}

static void loader_init(struct loader *loader, const struct config_request *request, struct config *config)
{
	*loader = (struct loader){.request = request, .config = config};
	STAILQ_INIT(&loader->relays);
	section_init(&loader->global, SECTION_GLOBAL, NO_LINE, &config->global);
	section_init(&loader->defaults, SECTION_DEFAULTS, NO_LINE, NULL);
	set_defaults(loader, &loader->global);
	set_defaults(loader, &loader->defaults);
}

static void loader_deinit(struct loader *loader)
{
	struct section *section;

	while ((section = STAILQ_FIRST(&loader->relays))) {
		STAILQ_REMOVE_HEAD(&loader->relays, link);
		relay_deinit(&section->relay);
		free(section);
	}
	tdestroy(loader->firsts, free);
	free(loader->complaints);
}

static void load(struct loader *loader)
{
	if (loader->request->file)
		read_file(loader);
	take_command_line(loader);
	finish_relays(loader);
	if (loader->complaint_count == 0)
		move_relays(loader);
	if (loader->out_of_memory)
		add_complaint(loader, COMMAND_LINE, "out of memory");
}

struct config *config_load(const struct config_request *request, struct config_errors *errors)
{
	struct config *config = calloc(1, sizeof(*config));
	struct loader loader;

	if (!config)
		return NULL;
	config->references = 1;
	loader_init(&loader, request, config);
	load(&loader);
	if (loader.complaint_count > 0 || loader.out_of_memory) {
		config_free(config);
		config = NULL;
	}
	hand_over_complaints(&loader, errors);
	loader_deinit(&loader);
	return config;
}

struct config *config_get(struct config *config)
{
	__atomic_add_fetch(&config->references, 1, __ATOMIC_RELAXED);
	return config;
}

void config_put(struct config *config)
{
	if (config && __atomic_sub_fetch(&config->references, 1, __ATOMIC_ACQ_REL) == 0)
		config_free(config);
}

static void print_settings(unsigned section, const void *settings, FILE *out)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].sections & section)
			option_print(&option_table[i], settings, out);
}

void config_print(const struct config *config, FILE *out)
{
	fputs("[global]\n", out);
	print_settings(SECTION_GLOBAL, &config->global, out);
	for (size_t i = 0; i < config->relay_count; i++) {
		fprintf(out, "\n[relay %s]\n", config->relays[i].name);
		print_settings(SECTION_RELAY, &config->relays[i], out);
	}
}
