#include "build_config.h"

#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void fuzz_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	fuzz_require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

const char *fuzz_file(const void *data, size_t size)
{
	static char path[sizeof("/proc/self/fd/") + 10];
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
		fuzz_require(fd >= 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	fuzz_require(ftruncate(fd, (off_t)size) == 0);
	fuzz_require(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

/* What config_print writes; to be freed. */
static char *print(const struct config *config, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	fuzz_require(out != NULL);
	config_print(config, out);
	fuzz_require(fclose(out) == 0);
	return text;
}

static void require_same_again(const struct config *config)
{
	struct config_errors errors = {.count = 0};
	size_t size, size_again;
	char *text = print(config, &size), *text_again;
	struct config_request request = {.file = fuzz_file(text, size)};
	struct config *again = config_load(&request, &errors);

	fuzz_require(again != NULL && errors.count == 0);
	text_again = print(again, &size_again);
	fuzz_require(size == size_again && memcmp(text, text_again, size) == 0);
	config_put(again);
	free(text);
	free(text_again);
}

static void require_sound(const struct config *config)
{
	fuzz_require(config->relay_count > 0);
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];

		fuzz_require(relay->listen_count > 0 && relay->target_count > 0);
		for (size_t direction = 0; direction < DIRECTIONS; direction++)
			fuzz_require(relay->limits[direction].low < relay->limits[direction].high);
	}
}

static void require_placed(const struct config_request *request, const char *complaint)
{
	static const char command_line[] = "command line: ";

	fuzz_require(strncmp(complaint, command_line, sizeof(command_line) - 1) == 0 ||
	             (request->file && strncmp(complaint, request->file, strlen(request->file)) == 0));
}

void fuzz_load(const struct config_request *request)
{
	struct config_errors errors = {.count = 0};
	struct config *config = config_load(request, &errors);

	fuzz_require((config != NULL) == (errors.count == 0));
	for (size_t i = 0; i < errors.count; i++)
		require_placed(request, errors.text[i]);
	config_errors_deinit(&errors);
	if (!config)
		return;
	require_sound(config);
	require_same_again(config);
	config_put(config);
}
