/* How values of one kind are read, written and kept. Private to config/. */
#ifndef WEIR_OPTION_TYPES_H
#define WEIR_OPTION_TYPES_H

#include "base/units.h"
#include "config/options.h"

struct option_type {
	const char *(*set)(const struct option *option, void *settings, const char *text);
	void (*print)(const struct option *option, const void *settings, FILE *out);
	size_t size; /* of a value that may be copied byte by byte; otherwise 0 */
	/* sizes, durations and numbers */
	int (*parse)(const char *text, uint64_t *value);
	char *(*format)(uint64_t value, char buf[UNITS_TEXT_MAX]);
	/* words */
	const char *const *words;
};

static inline void *option_field(const struct option *option, void *settings)
{
	return (char *)settings + option->offset;
}

static inline const void *option_const_field(const struct option *option, const void *settings)
{
	return (const char *)settings + option->offset;
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
extern const struct option_type option_listen_type;
extern const struct option_type option_target_type;

#endif
