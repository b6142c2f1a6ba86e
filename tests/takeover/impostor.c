/*
 * Stands in weir's place, as the program that is to take over, and does what the file says that the variable
 * IMPOSTOR names: hang, garbage, well (it ends as if all were well), flood, abort.
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

int main(void)
{
	const char *path = getenv("IMPOSTOR");
	FILE *file = path ? fopen(path, "r") : NULL;
	char word[32] = "";

	if (!file || fscanf(file, "%31s", word) != 1)
		return EXIT_FAILURE;
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
