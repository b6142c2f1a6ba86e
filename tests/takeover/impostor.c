/*
 * Stands in weir's place, as the program that is to take over, and does what the file says that the variable
 * IMPOSTOR names: hang, garbage, well (it ends as if all were well), flood, abort; keep, with a folder to
 * which it copies what is handed over.
 */
#include "build_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void print_garbage(size_t lines)
{
	for (size_t i = 0; i < lines; i++)
		fprintf(i % 2 ? stderr : stdout, "%zu \001\377%c garbage\n", i, (int)(i % 256));
}

static void copy(const char *number, const char *folder, size_t nth)
{
	char path[300], buffer[4096];
	size_t length;
	FILE *from, *to;

	snprintf(path, sizeof(path), "/proc/self/fd/%s", number);
	from = fopen(path, "r");
	snprintf(path, sizeof(path), "%s/%zu", folder, nth);
	to = fopen(path, "w");
	if (!from || !to)
		abort();
	while ((length = fread(buffer, 1, sizeof(buffer), from)) > 0)
		if (fwrite(buffer, 1, length, to) < length)
			abort();
	fclose(from);
	if (fclose(to) != 0)
		abort();
}

/* See handed_over.c: rehearse:5,6,7. */
static void keep(const char *folder)
{
	char *files = strdup(getenv("WEIR_TAKEOVER")), *save, *number;
	size_t nth = 0;

	strtok_r(files, ":", &save);
	while ((number = strtok_r(NULL, ",", &save)))
		copy(number, folder, nth++);
	free(files);
}

int main(void)
{
	const char *path = getenv("IMPOSTOR");
	FILE *file = path ? fopen(path, "r") : NULL;
	char word[32] = "", folder[200] = "";

	if (!file || fscanf(file, "%31s %199s", word, folder) < 1)
		return EXIT_FAILURE;
	if (strcmp(word, "keep") == 0)
		keep(folder);
	if (strcmp(word, "hang") == 0)
		for (;;)
			pause();
	if (strcmp(word, "garbage") == 0)
		print_garbage(100);
	if (strcmp(word, "flood") == 0)
		print_garbage(1000000);
	if (strcmp(word, "abort") == 0)
		abort();
	return EXIT_SUCCESS;
}
