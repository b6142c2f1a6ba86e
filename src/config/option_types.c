#include "build_config.h"

#include "config/option_types.h"

#include "base/grow.h"
#include "base/printable.h"
#include "config/sources.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define ANY     "any"
#define NOWHERE "none"

/* ---- sizes, durations and numbers ---- */

static const char *parse_limited(const struct option *option, const char *text, uint64_t *value)
{
	int r = option->type->parse(text, value);

	if (r == -EINVAL)
		return "is not valid";
	if (r < 0 || *value < option->minimum || *value > option->maximum)
		return "is out of range";
	return NULL;
}

static const char *set_number(const struct option *option, void *settings, const char *text)
{
	uint64_t value = UNITS_AUTO;
	const char *problem = NULL;

	if (!option->allows_auto || strcmp(text, "auto") != 0)
		problem = parse_limited(option, text, &value);
	if (!problem)
		memcpy(option_field(option, settings), &value, sizeof(value));
	return problem;
}

static void print_number(const struct option *option, const void *settings, FILE *out)
{
	char buf[UNITS_TEXT_MAX];
	uint64_t value;

	memcpy(&value, option_const_field(option, settings), sizeof(value));
	if (option->allows_auto && value == UNITS_AUTO)
		strcpy(buf, "auto");
	else
		option->type->format(value, buf);
	fprintf(out, "%s = %s\n", option->key, buf);
}

static char *format_number(uint64_t number, char buf[UNITS_TEXT_MAX])
{
	snprintf(buf, UNITS_TEXT_MAX, "%" PRIu64, number);
	return buf;
}

/* ---- words ---- */

static const char *set_bool(const struct option *option, void *settings, const char *text)
{
	return units_parse_bool(text, option_field(option, settings)) == 0 ? NULL : "is not valid";
}

static void print_bool(const struct option *option, const void *settings, FILE *out)
{
	const bool *value = option_const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, *value ? "on" : "off");
}

/* Words are the values of an enum, in its order. */
static const char *set_word(const struct option *option, void *settings, const char *text)
{
	for (unsigned value = 0; option->type->words[value]; value++) {
		if (strcmp(text, option->type->words[value]) == 0) {
			memcpy(option_field(option, settings), &value, sizeof(value));
			return NULL;
		}
	}
	return "is not valid";
}

static void print_word(const struct option *option, const void *settings, FILE *out)
{
	unsigned value;

	memcpy(&value, option_const_field(option, settings), sizeof(value));
	fprintf(out, "%s = %s\n", option->key, option->type->words[value]);
}

static const char *set_log_level(const struct option *option, void *settings, const char *text)
{
	return log_level_parse(text, option_field(option, settings)) == 0 ? NULL : "is not valid";
}

static void print_log_level(const struct option *option, const void *settings, FILE *out)
{
	const enum log_level *value = option_const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, log_level_name(*value));
}

/* ---- a path ---- */

/* A path that is accepted here must read back the same from a line of relay.ini. */
static bool path_is_plain(const char *path)
{
	return path[0] != ';' && path[0] != '#' && printable_is_word(path);
}

/* Takes a copy. */
static const char *keep_text(const struct option *option, void *settings, const char *text)
{
	char **value = option_field(option, settings);
	char *copy = strdup(text);

	if (!copy)
		return COULD_NOT_KEEP;
	free(*value);
	*value = copy;
	return NULL;
}

static bool copy_text(const struct option *option, void *to, const void *from)
{
	char *const *value = option_const_field(option, from);

	return *value && keep_text(option, to, *value) == NULL; /* NULL: memory ran out before */
}

static const char *set_path(const struct option *option, void *settings, const char *text)
{
	if (strlen(text) > option->maximum)
		return "is too long";
	return path_is_plain(text) ? keep_text(option, settings, text) : "is not valid";
}

static void print_path(const struct option *option, const void *settings, FILE *out)
{
	char *const *value = option_const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, *value);
}

/* ---- an interface: its name, or nothing for any ---- */

static const char *set_interface(const struct option *option, void *settings, const char *text)
{
	if (strcmp(text, ANY) == 0)
		return keep_text(option, settings, "");
	if (strlen(text) >= IFNAMSIZ)
		return "is too long";
	if (!path_is_plain(text) || strpbrk(text, "/:") || strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return "is not valid"; /* the kernel names none like that */
	return keep_text(option, settings, text);
}

static void print_interface(const struct option *option, const void *settings, FILE *out)
{
	char *const *value = option_const_field(option, settings);

	fprintf(out, "%s = %s\n", option->key, **value ? *value : ANY);
}

/* ---- where HTTP is served: an address, or none ---- */

static const char *set_http(const struct option *option, void *settings, const char *text)
{
	struct address address = {.host = NULL}, *value = option_field(option, settings);
	const char *problem = strcmp(text, NOWHERE) == 0 ? NULL : addresses_parse_http(text, &address);

	if (problem)
		return problem;
	address_deinit(value);
	*value = address;
	return NULL;
}

static void print_http(const struct option *option, const void *settings, FILE *out)
{
	const struct config_global *global = settings;
	char buf[ADDRESSES_TEXT_MAX];

	fprintf(out, "%s = %s\n", option->key,
	        config_serves_http(global) ? addresses_format_listen(&global->http_listen, buf) : NOWHERE);
}

/* ---- lists ---- */

/* False when out of memory. */
static bool append(const struct option *option, void *settings, const union option_item *item)
{
	size_t *count = option_count_field(option, settings), size = option->type->size;
	char *items, *grown;

	memcpy(&items, option_field(option, settings), sizeof(items));
	grown = array_grow(items, *count, size);
	if (!grown)
		return false;
	memcpy(grown + (*count)++ * size, item, size);
	memcpy(option_field(option, settings), &grown, sizeof(grown));
	/* NOLINTNEXTLINE(-Wanalyzer-malloc-leak,memleak): the settings hold it, which no tool sees */
	return true;
}

static const char *set_item(const struct option *option, void *settings, const char *text)
{
	union option_item item;
	const char *problem = option->type->parse_item(text, &item);

	if (problem || append(option, settings, &item))
		return problem;
	if (option->type->deinit_item)
		option->type->deinit_item(&item);
	return COULD_NOT_KEEP;
}

static void print_list(const struct option *option, const void *settings, FILE *out)
{
	size_t count = option_values(option, settings);
	char buf[ADDRESSES_TEXT_MAX];
	const char *items;

	memcpy(&items, option_const_field(option, settings), sizeof(items));
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%s = %s\n", option->key,
		        option->type->format_item(items + i * option->type->size, buf));
}

/* The copy is never appended to. */
static bool copy_list(const struct option *option, void *to, const void *from)
{
	size_t count = option_values(option, from), size = option->type->size;
	const void *items;
	void *copy;

	memcpy(&items, option_const_field(option, from), sizeof(items));
	copy = count > 0 ? reallocarray(NULL, count, size) : NULL;
	if (count > 0 && !copy)
		return false;
	if (copy)
		memcpy(copy, items, count * size);
	memcpy(option_field(option, to), &copy, sizeof(copy));
	*option_count_field(option, to) = count;
	return true;
}

static const char *parse_listen(const char *text, union option_item *item)
{
	return addresses_parse_listen(text, &item->listen);
}

static char *format_listen(const void *item, char buf[ADDRESSES_TEXT_MAX])
{
	return addresses_format_listen(item, buf);
}

static void deinit_listen(union option_item *item)
{
	address_deinit(&item->listen);
}

static const char *parse_target(const char *text, union option_item *item)
{
	return addresses_parse_target(text, &item->target);
}

static char *format_target(const void *item, char buf[ADDRESSES_TEXT_MAX])
{
	return addresses_format_target(item, buf);
}

static void deinit_target(union option_item *item)
{
	address_deinit(&item->target.address);
}

static const char *parse_network(const char *text, union option_item *item)
{
	switch (network_parse(text, &item->network)) {
	case 0:
		return NULL;
	case -ERANGE:
		return "has a prefix that is longer than the address";
	case -EDOM:
		return "has bits set after the prefix";
	case -ENOTSUP:
		return "has an interface, which networks do not have";
	default:
		return "is not a network";
	}
}

static char *format_network(const void *item, char buf[ADDRESSES_TEXT_MAX])
{
	return network_format(item, buf);
}

static const char *parse_source(const char *text, union option_item *item)
{
	return sources_parse(text, &item->source);
}

static char *format_source(const void *item, char buf[ADDRESSES_TEXT_MAX])
{
	return sources_format(item, buf);
}

/* ---- the types ---- */

static_assert(sizeof(enum dump_format) == sizeof(unsigned), "set_word stores an unsigned");
static const char *const dump_format_words[] = {[DUMP_TEXT] = "text", [DUMP_JSON] = "json", NULL};
static const char *const splice_words[] = {[SPLICE_AUTO] = "auto", [SPLICE_OFF] = "off", NULL};
static const char *const on_reset_words[] = {[ON_RESET_RESET] = "reset", [ON_RESET_CLOSE] = "close", NULL};
static const char *const balance_words[] = {[BALANCE_ROUND_ROBIN] = "round_robin",
                                            [BALANCE_LEAST_CONNECTIONS] = "least_connections",
                                            [BALANCE_SOURCE] = "source",
                                            NULL};
static const char *const when_down_words[] = {[WHEN_DOWN_TRY] = "try", [WHEN_DOWN_REFUSE] = "refuse", NULL};
static const char *const connect_on_words[] = {
        [CONNECT_ON_ACCEPT] = "accept", [CONNECT_ON_DATA] = "data", NULL};
static const char *const send_proxy_words[] = {
        [SEND_PROXY_OFF] = "off", [SEND_PROXY_V1] = "v1", [SEND_PROXY_V2] = "v2", NULL};

#define NUMBER_TYPE(parser, formatter)                                                                       \
	{                                                                                                    \
		.set = set_number, .print = print_number, .size = sizeof(uint64_t), .parse = (parser),       \
		.format = (formatter)                                                                        \
	}
#define WORD_TYPE(list)                                                                                      \
	{                                                                                                    \
		.set = set_word, .print = print_word, .size = sizeof(unsigned), .words = (list)              \
	}

#define LIST_TYPE(type, name, deinit)                                                                        \
	{                                                                                                    \
		.set = set_item, .print = print_list, .copy = copy_list, .size = sizeof(type),               \
		.parse_item = parse_##name, .format_item = format_##name, .deinit_item = (deinit)            \
	}

const struct option_type option_size_type = NUMBER_TYPE(units_parse_size, units_format_size);
const struct option_type option_duration_type = NUMBER_TYPE(units_parse_duration, units_format_duration);
const struct option_type option_number_type = NUMBER_TYPE(units_parse_number, format_number);
const struct option_type option_bool_type = {.set = set_bool, .print = print_bool, .size = sizeof(bool)};
const struct option_type option_dump_format_type = WORD_TYPE(dump_format_words);
const struct option_type option_splice_type = WORD_TYPE(splice_words);
const struct option_type option_on_reset_type = WORD_TYPE(on_reset_words);
const struct option_type option_balance_type = WORD_TYPE(balance_words);
const struct option_type option_when_down_type = WORD_TYPE(when_down_words);
const struct option_type option_connect_on_type = WORD_TYPE(connect_on_words);
const struct option_type option_send_proxy_type = WORD_TYPE(send_proxy_words);
const struct option_type option_log_level_type = {
        .set = set_log_level, .print = print_log_level, .size = sizeof(enum log_level)};
const struct option_type option_path_type = {.set = set_path, .print = print_path};
const struct option_type option_interface_type = {
        .set = set_interface, .print = print_interface, .copy = copy_text};
const struct option_type option_http_type = {.set = set_http, .print = print_http};
const struct option_type option_listen_type = LIST_TYPE(struct address, listen, deinit_listen);
const struct option_type option_target_type = LIST_TYPE(struct config_target, target, deinit_target);
const struct option_type option_network_type = LIST_TYPE(struct network, network, NULL);
const struct option_type option_source_type = LIST_TYPE(struct endpoint, source, NULL);
