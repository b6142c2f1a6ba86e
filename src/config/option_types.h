/* How values of one kind are read, written and kept. Private to config/. */
#ifndef WEIR_OPTION_TYPES_H
#define WEIR_OPTION_TYPES_H

#include "base/units.h"
#include "config/addresses.h"
#include "config/options.h"
#include "config/settings.h"

/* One value of an option that repeats. */
union option_item {
	struct address listen;
	struct config_target target;
	struct network network;
	struct endpoint source;
};

struct option_type {
	const char *(*set)(const struct option *option, void *settings, const char *text);
	void (*print)(const struct option *option, const void *settings, FILE *out);
	/* Into settings that have no value yet. False when out of memory. NULL: byte by byte. */
	bool (*copy)(const struct option *option, void *to, const void *from);
	size_t size; /* of a value, or of each of a list */
	/* sizes, durations and numbers */
	int (*parse)(const char *text, uint64_t *value);
	char *(*format)(uint64_t value, char buf[UNITS_TEXT_MAX]);
	/* words */
	const char *const *words;
	/* lists */
	const char *(*parse_item)(const char *text, union option_item *item);
	char *(*format_item)(const void *item, char buf[ADDRESSES_TEXT_MAX]);
	void (*deinit_item)(union option_item *item); /* NULL: it holds nothing, so it may be copied */
};

static inline void *option_field(const struct option *option, void *settings)
{
	return (char *)settings + option->offset;
}

static inline const void *option_const_field(const struct option *option, const void *settings)
{
	return (const char *)settings + option->offset;
}

static inline size_t *option_count_field(const struct option *option, void *settings)
{
	return (size_t *)(void *)((char *)settings + option->count_offset);
}

extern const struct option_type option_size_type;
extern const struct option_type option_duration_type;
extern const struct option_type option_number_type;
extern const struct option_type option_bool_type;
extern const struct option_type option_dump_format_type;
extern const struct option_type option_splice_type;
extern const struct option_type option_on_reset_type;
extern const struct option_type option_balance_type;
extern const struct option_type option_when_down_type;
extern const struct option_type option_connect_on_type;
extern const struct option_type option_send_proxy_type;
extern const struct option_type option_log_level_type;
extern const struct option_type option_path_type;
extern const struct option_type option_interface_type;
extern const struct option_type option_http_type;
extern const struct option_type option_listen_type;
extern const struct option_type option_target_type;
extern const struct option_type option_network_type;
extern const struct option_type option_source_type;

#endif
