#include "build_config.h"

#include "config/config_stage.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

char folder[UNIT_PATH_MAX];
char file[64];
struct config_errors errors;

void setup(void)
{
	unit_make_folder(folder);
	snprintf(file, sizeof(file), "%s/relay.ini", folder);
}

void teardown(void)
{
	config_errors_deinit(&errors);
	remove(file);
	rmdir(folder);
}

void write_file(const char *text, size_t length)
{
	FILE *out = fopen(file, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(text, 1, length, out), length);
	ck_assert_int_eq(fclose(out), 0);
}

struct config *load(const char *text)
{
	struct config_request request = {.file = file};

	write_file(text, strlen(text));
	return config_load(&request, &errors);
}

struct config *load_good(const char *text)
{
	struct config *config = load(text);

	ck_assert_msg(config, "%s\nwas refused: %s", text, errors.count ? errors.text[0] : "without a word");
	ck_assert_uint_eq(errors.count, 0);
	return config;
}

void load_without_memory(const char *text)
{
	struct config *config = NULL;

	for (unsigned fail_at = 1; !config; fail_at++) {
		ck_assert_uint_lt(fail_at, 1000);
		fault_set(FAULT_MEMORY, fail_at, ENOMEM);
		config = load(text);
		fault_set(FAULT_MEMORY, 0, 0);
		ck_assert_uint_eq(errors.count, 0);
	}
	config_put(config);
}

const char *errors_text(void)
{
	static char text[TEXT_MAX];
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < errors.count; i++) {
		const char *what = errors.text[i];
		bool in_file = strncmp(what, file, strlen(file)) == 0;

		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s\n",
		                           in_file ? "FILE" : "", what + (in_file ? strlen(file) : 0));
	}
	return text;
}

char *print(const struct config *config)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	config_print(config, out);
	fclose(out);
	return text;
}

struct config *load_with(const char *text, ...)
{
	char *options[8];
	struct config_request request = {.file = text ? file : NULL, .option = options};
	va_list arguments;

	va_start(arguments, text);
	while ((options[request.option_count] = va_arg(arguments, char *)))
		request.option_count++;
	va_end(arguments);
	if (text)
		write_file(text, strlen(text));
	return config_load(&request, &errors);
}

void check_command_line(char *listen, char *second, char *target, const char *text, const char *expected)
{
	char *listens[] = {listen, second};
	struct config_request request = {.listen = listens,
	                                 .listen_count = (listen != NULL) + (second != NULL),
	                                 .target = &target,
	                                 .target_count = target != NULL,
	                                 .file = text ? file : NULL};

	if (text)
		write_file(text, strlen(text));
	ck_assert_ptr_null(config_load(&request, &errors));
	ck_assert_str_eq(errors_text(), expected);
	config_errors_deinit(&errors);
}
