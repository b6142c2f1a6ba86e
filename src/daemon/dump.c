#include "build_config.h"

#include "daemon/dump.h"

#include "base/log.h"
#include "report/file.h"
#include "report/json.h"
#include "report/text.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NULL when out of memory. */
static char *compose(enum dump_format format, const struct report *report, size_t *length)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, length);
	int error;

	if (!out)
		return NULL;
	error = format == DUMP_JSON ? report_write_json(report, out) : report_write_text(report, out);
	if (fclose(out) == 0 && !error)
		return text;
	free(text);
	return NULL;
}

void dump_write(const struct config_global *config, const struct report *report)
{
	bool to_log = strcmp(config->dump_file, "-") == 0;
	size_t length = 0;
	char *text = report ? compose(config->dump_format, report, &length) : NULL;
	int error = -ENOMEM;

	if (text && to_log) {
		log_block(text, length); /* consumed */
		return;
	}
	if (text)
		error = report_write_file(config->dump_file, text, length);
	free(text);
	if (error)
		log_error("cannot write the dump to %s: %s", to_log ? "the log" : config->dump_file,
		          strerror(-error));
}
