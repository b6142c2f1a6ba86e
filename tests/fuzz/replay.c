/* A fuzz target as a regression test: every file of its corpus once, reported as TAP. */
#include "build_config.h"

#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static size_t read_input(const char *name, uint8_t *data)
{
	char path[4096];
	FILE *file;
	size_t size;

	snprintf(path, sizeof(path), "%s/%s", FUZZ_CORPUS, name);
	file = fopen(path, "re");
	fuzz_require(file != NULL);
	size = fread(data, 1, INPUT_MAX, file);
	fuzz_require(!ferror(file) && size < INPUT_MAX);
	fclose(file);
	return size;
}

/* Exactly as large as the input, so that a read beyond it is seen. */
static void replay(const char *name, uint8_t *buffer)
{
	size_t size = read_input(name, buffer);
	uint8_t *data = malloc(size > 0 ? size : 1);

	fuzz_require(data != NULL);
	memcpy(data, buffer, size);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
}

int main(void)
{
	struct dirent **inputs;
	int count = scandir(FUZZ_CORPUS, &inputs, is_input, alphasort);
	uint8_t *buffer = malloc(INPUT_MAX);

	fuzz_require(buffer != NULL);
	if (count <= 0) {
		printf("Bail out! No corpus in %s: %s\n", FUZZ_CORPUS, strerror(errno));
		free(buffer);
		return EXIT_FAILURE;
	}
	printf("1..%d\n", count);
	for (int i = 0; i < count; i++) {
		fflush(stdout);
		replay(inputs[i]->d_name, buffer);
		printf("ok %d - %s\n", i + 1, inputs[i]->d_name);
		free(inputs[i]);
	}
	free(inputs);
	free(buffer);
	return EXIT_SUCCESS;
}
